"""Run one command to its end, within limits, and leave nothing of it behind. Every rung of the ladder uses this.

The work is shared by two processes. The guard (see `guard`) is the parent of the command and of whatever that starts;
it counts them and kills them. The supervisor, here, reads the output and watches the clock.
"""

from __future__ import annotations

import marshal
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Final, cast, get_args

from .guard import PATIENCE, census
from .output import Output
from .seam import Excess, Limits, Outcome

# Imported, not run as a script: only then does Python keep the compiled form and start it in half the time. And as part
# of a package that holds nothing else, so that it is not the whole machine that is imported.
BOOT: Final = """import sys
package = sys.modules["sandbox"] = type(sys)("sandbox")
package.__path__ = [sys.argv[1]]
from sandbox import guard
guard.main()"""
CHUNK: Final = 1 << 16
PIPE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Confinement:
    """What the guard does beside limiting: nothing, unless told so.

    Args:
        landlock: paths to read, and paths to write as well; everything else is out of reach. None leaves it out.
        seccomp: the filter that goes with it (see `seccomp.program`).
        files: contents that bubblewrap reads from descriptors, the first from `guard.FILES` on; each less than 64 kB.
        status: whether bubblewrap says on the descriptor `guard.STATUS` how it went.
    """

    landlock: tuple[list[str], list[str]] | None = None
    seccomp: bytes = b""
    files: tuple[bytes, ...] = ()
    status: bool = False


def supervise(
    argv: Sequence[str],
    folder: Path,
    env: Mapping[str, str],
    limits: Limits,
    confinement: Confinement = Confinement(),
) -> Outcome:
    """Run a command under the guard and wait until it and all its descendants are gone.

    Args:
        argv: program and arguments. The program is looked up on the PATH of `env`.
        folder: the working folder.
        env: the whole environment. Its TMPDIR must be of this command alone: should the command kill the guard, its
            orphans are known by it.
        limits: what the command may use.
        confinement: what the guard does to it besides.

    Returns:
        How it ended. A command that cannot be started is `not_started`, with the reason in one line as its output.

    Raises:
        KeyboardInterrupt: after the command has been killed with everything it started.
    """
    began = time.monotonic()
    if not argv:
        return Outcome("not_started", None, "cannot run: the command is empty")
    try:
        guarded = Guarded(plan(argv, folder, env, limits, confinement), folder, env)
    except (OSError, ValueError) as error:
        return Outcome("not_started", None, _one_line(f"cannot run {argv[0]!r} in {folder}: {error}"))
    output = Output(limits.keep)
    with guarded:
        excess = guarded.pump(output, limits.output, began + limits.seconds)
        guarded.end()
        excess = guarded.drain(output, limits.output) or excess
    return outcome(excess, guarded, output, argv[0], time.monotonic() - began)


def plan(
    argv: Sequence[str], folder: Path, env: Mapping[str, str], limits: Limits, how: Confinement, *, waits: bool = False
) -> bytes:
    """What the guard is told; `waits`: the command is one that forks for each order."""
    watched = list(dict.fromkeys(os.path.realpath(place) for place in (folder, env.get("TMPDIR") or folder)))
    told = {"parent": os.getpid(), "command": list(argv), "limits": asdict(limits), "watched": watched, "waits": waits}
    return marshal.dumps(told | asdict(how))


def outcome(excess: Excess | None, guarded: Guarded, output: Output, program: str, seconds: float) -> Outcome:
    """How a command ended, by what the guard said of it; `excess` is the limit that was passed before it could."""
    said, _, used = guarded.said.partition("\n")
    word, _, rest = said.partition(" ")
    cpu, memory, disk, *_ = [*map(float, used.split()), 0.0, 0.0, 0.0]
    ended = Outcome("exited", None, output.text(), seconds, cpu, int(memory), int(disk))
    if excess is not None:
        return replace(ended, ended=excess)
    if word in get_args(Excess):
        return replace(ended, ended=cast(Excess, word))
    if word == "exited":
        return replace(ended, exit=int(rest))
    if word == "not_started":
        why = f"cannot run {program!r}: {rest}" if rest else ended.output
        return Outcome("not_started", None, _one_line(why), seconds)
    if guarded.status < 0:  # killed by the command, and the command with it
        return replace(ended, exit=guarded.status)
    return Outcome("not_started", None, _one_line(f"the guard failed: {ended.output}"), seconds)


def _one_line(text: str) -> str:
    return " ".join(text.split())


class Guarded:
    """A guard at work: its process, the pipe with the command's output, and the socket on which it reports.

    However this process loses hold of the socket (an exception at the worst moment, `kill -9`), its end of file reaches
    the guard, which then kills everything.
    """

    def __init__(self, plan: bytes, folder: Path, env: Mapping[str, str]) -> None:
        self.said = ""
        """What the guard reported."""
        self.status = 0
        """The guard's own exit code, negative for a signal."""
        self._env = env
        with ExitStack() as on_failure:
            self._line, theirs = socket.socketpair()
            on_failure.callback(self._line.close)
            with theirs:
                self._process = self._spawn(folder, theirs)
            on_failure.pop_all()
        with suppress(OSError):  # where the guard has failed, its output says why
            self.tell(plan)

    def _spawn(self, folder: Path, line: socket.socket) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", BOOT, str(Path(__file__).parent)],
            cwd=folder,
            env=dict(self._env),
            stdin=line.fileno(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            start_new_session=True,
        )

    def tell(self, order: bytes) -> None:
        """Send the plan, or an order after it.

        Raises:
            OSError: the guard is gone.
        """
        self.said = ""
        self._line.setblocking(True)
        self._line.sendall(len(order).to_bytes(4, "little") + order)

    def __enter__(self) -> Guarded:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.end()
        finally:
            self._line.close()
            self._pipe.close()

    @property
    def _pipe(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout

    def pump(self, output: Output, most: int, deadline: float) -> Excess | None:
        """Read output until the guard has ended or answered, or until a limit is passed: then return which one."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._pipe, selectors.EVENT_READ)
            selector.register(self._line, selectors.EVENT_READ)
            while True:
                left = deadline - time.monotonic()
                if left <= 0:
                    return "timed_out"
                ready = {key.fileobj for key, _ in selector.select(left)}
                if self._pipe in ready and not self._read(output):
                    selector.unregister(self._pipe)
                if output.total > most:
                    return "too_much_output"
                if self._line in ready and (not self._listen() or self.said.endswith("\n")):
                    return None

    def _read(self, output: Output) -> bool:
        chunk = os.read(self._pipe.fileno(), CHUNK)
        output.add(chunk)
        return bool(chunk)

    def _listen(self) -> bool:
        try:
            heard = self._line.recv(CHUNK)
        except ConnectionError:
            heard = b""
        self.said += heard.decode("utf-8", "replace")
        return bool(heard)

    def drain(self, output: Output, most: int) -> Excess | None:
        """Read what stands in the pipe and in the socket, without waiting for whoever may still hold them open."""
        self._line.setblocking(False)
        with suppress(BlockingIOError):
            while self._listen():
                pass
        os.set_blocking(self._pipe.fileno(), False)
        bound = output.total + PIPE
        with suppress(BlockingIOError):
            while output.total < bound and self._read(output):
                pass
        return "too_much_output" if output.total > most else None

    def end(self) -> None:
        """Have the guard kill everything and wait for its end; do its work here if it cannot."""
        if self._process.returncode is not None:
            return
        with suppress(OSError):
            self._line.shutdown(socket.SHUT_WR)
        self._process.send_signal(signal.SIGCONT)
        try:
            self.status = self._process.wait(PATIENCE + 5)
        except subprocess.TimeoutExpired:
            self.status = self._kill_all()
        if self.status < 0 or not self.said:
            _kill_marked(self._env.get("TMPDIR", ""))

    def _kill_all(self) -> int:
        for pid in [*census(self._process.pid), self._process.pid]:
            _kill(pid)
        return self._process.wait()


def _kill_marked(scratch: str) -> None:
    """Kill every process in whose first environment TMPDIR was this folder, until a look round finds none."""
    if not scratch or scratch == os.environ.get("TMPDIR"):
        return  # It would name processes that are not the command's, this one among them.
    mark = b"\0TMPDIR=" + os.fsencode(scratch) + b"\0"
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = [pid for pid in _process_ids() if mark in _environment_of(pid)]
        if not found:
            return
        for pid in found:
            _kill(pid)
        time.sleep(0.01)


def _process_ids() -> list[int]:
    proc = Path("/proc")
    return [int(path.name) for path in proc.iterdir() if path.name.isdigit()] if proc.is_dir() else []


def _environment_of(pid: int) -> bytes:
    try:
        return b"\0" + Path(f"/proc/{pid}/environ").read_bytes() + b"\0"
    except OSError:
        return b""


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)
