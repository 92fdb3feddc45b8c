"""A program that is told one text and heard to its end, within bounds. It runs as the user, outside every sandbox."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from ..terminal import standing
from .protocol import Listener

_CHUNK = 1 << 16
_LOOK = 0.1  # seconds between two looks whether the program has ended while something of it holds its output open
_SOON = 0.005  # the same where all of it is closed, as at the end of any program
_COMPLAINT = 1 << 16  # bytes of standard error that are kept


@dataclass(frozen=True, slots=True)
class Printed:
    """What a program printed, and how it ended."""

    out: bytes
    err: bytes
    """The last of it."""
    status: int
    """Its exit code, negative for a signal."""
    ended: Literal["exited", "silent", "too_much"] = "exited"
    """By itself, or killed because it was silent for too long or printed too much."""


def talk(
    argv: Sequence[str], text: str, folder: Path, silence: float, most: int, listener: Listener | None = None
) -> Printed:
    """Run a program, tell it a text, close its input and hear it to its end; kill it with all its group.

    Args:
        argv: program and arguments.
        text: goes to its standard input.
        folder: its working folder.
        silence: seconds without standard output after which it is killed.
        most: bytes of output after which it is killed.
        listener: hears whole lines as they come.

    Raises:
        OSError: it can't be started.
        KeyboardInterrupt: after it has been killed.
    """
    process = subprocess.Popen(
        argv,
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        bufsize=0,
    )
    try:
        return _Talk(process, text, silence, most, listener).held()
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe:
                pipe.close()


class _Talk:
    def __init__(
        self, process: subprocess.Popen[bytes], text: str, silence: float, most: int, listener: Listener | None
    ) -> None:
        assert process.stdin and process.stdout and process.stderr
        self._process = process
        self._in, self._out, self._err = process.stdin, process.stdout, process.stderr
        self._rest = memoryview(text.encode("utf-8", "replace"))
        self._silence = silence
        self._most = most
        self._listener = listener
        self._heard = bytearray()
        self._told = 0
        self._complaint = bytearray()

    def held(self) -> Printed:
        """Write and read until the program has ended, or has to be."""
        with selectors.DefaultSelector() as open_:
            os.set_blocking(self._in.fileno(), False)
            open_.register(self._in, selectors.EVENT_WRITE)
            open_.register(self._out, selectors.EVENT_READ)
            open_.register(self._err, selectors.EVENT_READ)
            last = time.monotonic()
            while True:
                ended = self._process.poll() is not None
                ready = {key.fileobj for key, _ in open_.select(0 if ended else _LOOK if open_.get_map() else _SOON)}
                if self._in in ready and not self._write():
                    open_.unregister(self._in)
                    self._in.close()
                if self._err in ready and not self._read(self._err, self._complaint):
                    open_.unregister(self._err)
                if self._out in ready:
                    last = time.monotonic()
                    if not self._read(self._out, self._heard):
                        open_.unregister(self._out)
                del self._complaint[:-_COMPLAINT]
                self._tell()
                if len(self._heard) > self._most:
                    return self._printed("too_much")
                if ended and not ready & {self._out, self._err}:
                    return self._printed("exited")
                if time.monotonic() - last > self._silence:
                    return self._printed("silent")

    def _printed(self, ended: Literal["exited", "silent", "too_much"]) -> Printed:
        return Printed(bytes(self._heard), bytes(self._complaint), self._process.returncode or 0, ended)

    def _write(self) -> bool:
        """Write what goes in; False when all is written, or nobody reads it any more."""
        try:
            self._rest = self._rest[os.write(self._in.fileno(), self._rest[:_CHUNK]) :]
        except BlockingIOError:
            return True
        except BrokenPipeError:
            return False
        return bool(self._rest)

    @staticmethod
    def _read(pipe: IO[bytes], into: bytearray) -> bool:
        chunk = os.read(pipe.fileno(), _CHUNK)
        into += chunk
        return bool(chunk)

    def _tell(self) -> None:
        """Let the listener hear the lines that are whole by now."""
        end = self._heard.rfind(b"\n") + 1
        if self._listener and end > self._told:
            self._listener(standing(bytes(self._heard[self._told : end])))
            self._told = end
