"""The guard: a small program that starts one command and outlives everything the command starts.

`supervise` runs it as a process of its own, standard library only, with these arguments: process id of the
supervisor, most processes and threads, most bytes in a file, most bytes of address space (-1: no such limit), then
the command. File descriptor 0 is a socket to the supervisor. Its end of file is the order to stop; the one line
that the guard writes to it, after the last descendant is gone, says how the command ended: `exited CODE`,
`too_many_processes COUNT` or `not_started WHY`. A guard that was stopped says nothing.

Processes that leave their session are found because the guard is a "child subreaper", the parent of all its orphaned
descendants: prctl(2), PR_SET_CHILD_SUBREAPER. On systems without it and without /proc (macOS) only the command's
process group is killed.
"""

from __future__ import annotations

import os
import select
import sys
import time

# One guard is started for every command, and importing signal, ctypes, typing or contextlib takes nearly as long as
# starting the interpreter. So numbers stand here for names, `_ctypes` below for `ctypes`, try-pass for suppress.
KILL = 9
RESET = (1, 2, 3, 13, 15, 25)  # HUP INT QUIT PIPE TERM XFSZ: ignored by Python, or perhaps by our parents
SUBREAPER = 36
TICK = 0.05
BLIND_TICK = 0.005
PATIENCE = 10.0


def main() -> None:
    """Start the command, wait for its end or the order to stop, kill what is left, report and exit."""
    parent, processes, file_size, address_space = (int(number) for number in sys.argv[1:5])
    command = sys.argv[5:]
    try:
        adopt_orphans()
        restrict(file_size, address_space)
        child = start(command)
    except (OSError, ImportError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        report(f"not_started cannot run {command[0]!r}: {reason}")
        os._exit(127)
    verdict = watch(child, parent, processes)
    kill_descendants(child)
    report(verdict)
    os._exit(exit_status(verdict))


def adopt_orphans() -> None:
    """Become the parent of every orphaned descendant.

    Raises:
        OSError: the system refuses.
        ImportError: this Python cannot call the C library.
    """
    if sys.platform != "linux":
        return
    import _ctypes

    program = _ctypes.dlopen(None, os.RTLD_NOW)  # type: ignore[arg-type]  # the stubs forbid None: this very program
    prctl = _ctypes.dlsym(program, "prctl")
    if _ctypes.call_function(prctl, (SUBREAPER, 1, 0, 0, 0)) != 0:
        raise OSError(0, "the system has no child subreaper")


def restrict(file_size: int, address_space: int) -> None:
    """Set the limits that children inherit: no core files, and the two sizes in bytes where they are not negative."""
    import resource

    for what, size in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, file_size),
        (resource.RLIMIT_AS, address_space),
    ):
        if size < 0:
            continue
        _, hard = resource.getrlimit(what)
        most = size if hard == resource.RLIM_INFINITY else min(size, hard)
        resource.setrlimit(what, (most, most))


def start(command: list[str]) -> int:
    """Start the command in a session of its own with an empty standard input; return its process id.

    Raises:
        OSError: the program is missing or cannot be executed.
        ValueError: its name is empty.
    """
    return os.posix_spawnp(
        command[0],
        command,
        os.environ,
        file_actions=[(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0)],
        setsid=True,
        setsigmask=(),
        setsigdef=RESET,
    )


def watch(child: int, parent: int, processes: int) -> str:
    """Wait until the command ends, grows too many processes, or is to be stopped; return the line to report."""
    poller = select.poll()
    poller.register(0, select.POLLIN)
    tick = TICK if _register_end(poller, child) else BLIND_TICK
    while True:
        ended, _ = reap()
        if child in ended:
            return f"exited {os.waitstatus_to_exitcode(ended[child])}"
        alive = sum(census(os.getpid()).values())
        if alive > processes:
            return f"too_many_processes {alive}"
        # A forked copy of the supervisor may hold our socket open, so its end of file is not the only sign.
        if os.getppid() != parent or any(fd == 0 for fd, _ in poller.poll(tick * 1000)):
            return ""


def _register_end(poller: select.poll, child: int) -> bool:
    """Have the poller wake up when the child ends; False where the system cannot (before Linux 5.3, macOS)."""
    try:
        poller.register(os.pidfd_open(child), select.POLLIN)
    except (AttributeError, OSError):
        return False
    return True


def kill_descendants(child: int) -> None:
    """Kill the command's group and every descendant, again and again until none is left.

    Gives up after 10 seconds: a process may belong to another user, or hang in the kernel.
    """
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        # One call for the whole group catches processes that fork and exit faster than they can be listed.
        _kill(-child)
        for pid in census(os.getpid()):
            _kill(pid)
        _, left = reap()
        if not left:
            return
        time.sleep(0.001)


def _kill(pid: int) -> None:
    try:  # noqa: SIM105
        os.kill(pid, KILL)
    except (ProcessLookupError, PermissionError):
        pass


def reap() -> tuple[dict[int, int], bool]:
    """Collect the children that have ended: their wait statuses by process id, and whether any child is left."""
    ended: dict[int, int] = {}
    try:
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return ended, True
            ended[pid] = status
    except ChildProcessError:
        return ended, False


def census(root: int) -> dict[int, int]:
    """Count the threads of every descendant of a process, by process id; empty where there is no /proc.

    Source: proc(5), /proc/pid/task/tid/children. That list may miss a process while others end, so whoever needs the
    last one asks again.
    """
    found: dict[int, int] = {}
    everyone = None if os.path.exists("/proc/thread-self/children") else _scan()  # noqa: PTH110
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        try:
            threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208
        except OSError:
            continue
        if pid != root:
            found[pid] = len(threads)
        children = _children(pid, threads) if everyone is None else everyone.get(pid, [])
        waiting += [child for child in children if child not in found]
    return found


def _children(pid: int, threads: list[str]) -> list[int]:
    found: list[int] = []
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:  # noqa: PTH123
                found += [int(child) for child in file.read().split()]
        except OSError:
            continue
    return found


def _scan() -> dict[int, list[int]]:
    """List the children of every process from /proc/pid/stat, for kernels built without lists of children."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():  # noqa: PTH112, PTH208
        try:
            with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123
                parent = file.read().rpartition(b")")[2].split()[1]
            children.setdefault(int(parent), []).append(int(name))
        except (OSError, ValueError, IndexError):
            continue
    return children


def report(line: str) -> None:
    """Write the one line to the supervisor, unless it is gone."""
    try:  # noqa: SIM105
        os.write(0, line.encode("utf-8", "surrogateescape"))
    except OSError:
        pass


def exit_status(verdict: str) -> int:
    """Repeat the command's exit code as the guard's own, a signal as 128 + its number as shells do."""
    word, _, number = verdict.partition(" ")
    if word != "exited":
        return 128 + KILL
    return int(number) if int(number) >= 0 else 128 - int(number)
