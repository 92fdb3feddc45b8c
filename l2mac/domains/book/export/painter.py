"""An image processor behind any program: the prompt on its standard input, the picture in the file that it is given.

It is the user's own program, named in the settings, and runs outside the sandbox: it may need the network, a graphics
card, credentials. What it is asked for was written by a model, so it is asked boundedly often, and what it leaves is
believed only when it is a picture.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from ....errors import UsageError
from .pdf import pictured
from .pictures import MOST_BYTES

_MOST = 100  # pictures that it is asked for in one export
_PATIENCE = 2  # times in a row that it may fail
_SAID = 300  # bytes of its complaint


class CommandPainter:
    """Makes pictures by a program; what it made once is kept and not asked for again.

    Args:
        command: the program and its arguments, split as in a shell, though none is started; the file to write, in PNG
            or JPEG, is added as the last argument.
        kept: the folder of what was made; it is made when there is something to keep.
        seconds: the most that one picture may take.

    Raises:
        UsageError: the command can't be split, or there is none.
    """

    def __init__(self, command: str, kept: Path, seconds: float = 300) -> None:
        try:
            self._argv = shlex.split(command)
        except ValueError as error:
            raise UsageError(f"book.painter can't be read ({error}); write it as in a shell") from None
        if not self._argv:
            raise UsageError("book.painter is empty; name a program, or leave the setting out")
        self._command, self._kept, self._seconds = command, kept, seconds
        self._asked = self._failed = 0

    def __call__(self, prompt: str) -> bytes:
        """The picture of a prompt, as PNG or JPEG.

        Raises:
            OSError: the program is missing, failed, took too long, or left no picture.
        """
        kept = self._kept / sha256(f"{self._command}\0{prompt}".encode()).hexdigest()[:32]
        with suppress(OSError):
            return kept.read_bytes()
        if self._failed >= _PATIENCE or self._asked >= _MOST:
            often = f"it was asked {_MOST} times" if self._asked >= _MOST else "it failed before"
            raise OSError(f"{self._argv[0]} is not asked again: {often}")
        self._asked, self._failed = self._asked + 1, self._failed + 1
        data = self._painted(prompt)
        self._failed = 0
        with suppress(OSError):  # a folder that can't be written costs a second asking, no picture
            self._kept.mkdir(parents=True, exist_ok=True)
            part = kept.with_suffix(f".{os.getpid()}")
            part.write_bytes(data)
            part.replace(kept)
        return data

    def _painted(self, prompt: str) -> bytes:
        with TemporaryDirectory() as folder:
            file = Path(folder, "picture.png")
            self._run(prompt, file, Path(folder, "said"))
            if not file.is_file() or file.stat().st_size > MOST_BYTES:
                raise OSError(
                    f"{self._argv[0]} left no picture of at most {MOST_BYTES // 10**6} MB in its last argument"
                )
            data = file.read_bytes()
        if not data.startswith((b"\x89PNG\r\n", b"\xff\xd8\xff")) or pictured(data) is None:
            raise OSError(f"what {self._argv[0]} left is no PNG or JPEG")
        return data

    def _run(self, prompt: str, file: Path, said: Path) -> None:
        with said.open("wb") as complaint:
            process = subprocess.Popen(
                [*self._argv, str(file)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=complaint,
                start_new_session=True,
            )
            try:
                process.communicate(prompt.encode(), self._seconds)
            except subprocess.TimeoutExpired:
                raise OSError(f"{self._argv[0]} took longer than {self._seconds:g} s") from None
            finally:
                with suppress(ProcessLookupError):  # it, and what it left behind
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if process.returncode:
            last = said.read_bytes()[-_SAID:].decode(errors="replace").strip().rpartition("\n")[2]
            raise OSError(f"{self._argv[0]} ended with {process.returncode}{': ' if last else ''}{last}")
