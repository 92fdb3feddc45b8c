"""The guard: a small program that starts one command and outlives everything the command starts.

`supervise` runs it as a process of its own, standard library only. File descriptor 0 is a socket to the supervisor.
From it comes the plan (see `supervise`), in marshal's form after its length in 4 bytes. Its end of file is the order to
stop; what the guard writes to it, after the last descendant is gone, says how the command ended, in one line: `exited
CODE`, `not_started WHY`, `stopped`, or the word for the limit that was passed. A second line says what it used: seconds
of processor time, the most bytes of memory, bytes and files written.

Processes that leave their session are found because the guard is a "child subreaper", the parent of all its orphaned
descendants: prctl(2), PR_SET_CHILD_SUBREAPER. On systems without it and without /proc (macOS) only the command's
process group is killed.

A command may be one that waits, and forks for each order (see `checks/python/waiting`). Then the guard says `ready`
once; orders come in the plan's form, and the answer to each ends in a newline, unless the command ends with it. What a
fork has started is gone before it is told.
"""

from __future__ import annotations

import marshal
import os
import select
import sys
import time

from .watchdog import Watchdog

# One guard is started for every command, and importing signal, ctypes, typing or contextlib takes nearly as long as
# starting the interpreter. So numbers stand here for names, `kernel` for `ctypes`, try-pass for suppress.
KILL = 9
CONTINUE = 18
RESET = (1, 2, 3, 13, 15, 25)  # HUP INT QUIT PIPE TERM XFSZ: ignored by Python, or perhaps by our parents
TICK = 0.05
BLIND_TICK = 0.005
PATIENCE = 10.0
STATUS = 100
"""The descriptor on which bubblewrap says whether it came to start the command."""
FILES = 101
"""The first of the descriptors from which bubblewrap reads what it is handed."""
ORDERS, ANSWERS = 98, 99
"""The descriptors of a command that waits."""
IDLE = 1.0


def main() -> None:
    """Start the command, wait for its end or the order to stop, kill what is left, report and exit."""
    plan = receive()
    if plan is None:
        os._exit(127)
    watchdog = Watchdog(plan["limits"], plan["watched"])
    line = (os.pipe(), os.pipe()) if plan["waits"] else None
    try:
        come_first()
        adopt_orphans()
        child, status = start(plan, line)
    except (OSError, ImportError, ValueError) as error:
        report(f"not_started {_reason(error)}")
        os._exit(127)
    if line:
        verdict, watchdog = serve(plan, child, line[0][1], line[1][0])
    else:
        verdict = watch(child, plan["parent"], watchdog)
    kill_descendants(child)
    if verdict.startswith("exited") and not line:
        began = status < 0 or b"exit-code" in read_all(status)
        verdict = watchdog.last_look() or verdict if began else "not_started"
    report(f"{verdict}\n{watchdog.used()}")
    os._exit(exit_status(verdict))


def _reason(error: BaseException) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def receive() -> dict | None:  # type: ignore[type-arg]  # marshal knows no types
    """Read the plan, or an order; None where the supervisor is gone."""
    wanted, data = 4, b""
    while len(data) < wanted:
        chunk = os.read(0, wanted - len(data))
        if not chunk:
            return None
        data += chunk
        if len(data) == 4:
            wanted += int.from_bytes(data, "little")
    return marshal.loads(data[4:])  # type: ignore[no-any-return]  # as above


def come_first() -> None:
    """Run before everything that is not in real time, children excepted, or a fork bomb leaves no time to look.

    Only root may, and only root needs it: others have a limit on processes (RLIMIT_NPROC).
    """
    try:  # noqa: SIM105
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    except (AttributeError, OSError):
        pass


def adopt_orphans() -> None:
    """Become the parent of every orphaned descendant.

    Raises:
        OSError: the system refuses.
        ImportError: this Python cannot call the C library.
    """
    if sys.platform != "linux":
        return
    from .kernel import SUBREAPER, prctl

    if prctl(SUBREAPER, 1) != 0:
        raise OSError(0, "the system has no child subreaper")


def start(plan: dict, line: tuple | None) -> tuple[int, int]:  # type: ignore[type-arg]  # importing typing is slow
    """Start the command; return its process id, and the descriptor of bubblewrap's status or -1.

    Args:
        plan: see `supervise`.
        line: the pipes for orders and answers, for a command that waits.

    Raises:
        OSError: the program is missing or cannot be executed, or a restriction cannot be set.
    """
    told, tell = os.pipe()
    status = os.pipe() if plan["status"] else (-1, -1)
    niceness = os.getpriority(os.PRIO_PROCESS, 0)  # which a fork does not inherit from real time
    child = os.fork()
    if child == 0:
        try:
            hand_over(plan["files"], status[1])
            if line:
                os.dup2(line[0][0], ORDERS)
                os.dup2(line[1][1], ANSWERS)
            become(plan, niceness)
        except BaseException as error:
            os.write(tell, _reason(error).encode("utf-8", "surrogateescape"))
        os._exit(127)
    for end in (tell, status[1], *((line[0][0], line[1][1]) if line else ())):
        if end >= 0:
            os.close(end)
    why = read_all(told)
    if why:
        os.waitpid(child, 0)
        raise ValueError(why.decode("utf-8", "replace"))
    return child, status[0]


def hand_over(files: list[bytes], status: int) -> None:
    """Put into place the descriptors that bubblewrap reads, and the one it writes."""
    if status >= 0:
        os.dup2(status, STATUS)
    for at, data in enumerate(files):
        reader, writer = os.pipe()
        os.write(writer, data)  # less than a pipe holds
        os.close(writer)
        os.dup2(reader, FILES + at)


def become(plan: dict, niceness: int) -> None:  # type: ignore[type-arg]  # likewise
    """Turn this process into the command, in a session of its own, with an empty standard input and restricted."""
    import _signal  # type: ignore[import-not-found]  # what `signal` wraps

    os.setsid()
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    for number in RESET:
        _signal.signal(number, _signal.SIG_DFL)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
    restrict(plan["limits"])
    yield_to_others(niceness)
    if plan["landlock"]:
        from .kernel import drop_capabilities, filter_calls
        from .landlock import confine

        confine(*plan["landlock"])
        drop_capabilities()
        filter_calls(plan["seccomp"])
    os.execvp(plan["command"][0], plan["command"])


def restrict(limits: dict[str, float]) -> None:
    """Set the limits that one process alone can pass: the watchdog sees to the rest."""
    import resource

    cpu = int(limits["cpu"]) + 1
    for what, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, int(limits["file_size"])),
        (resource.RLIMIT_DATA, int(limits["memory"])),
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_NPROC, threads_of_all() + 4 * int(limits["processes"])),
    ):
        _, hard = resource.getrlimit(what)
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (bound, bound))


def threads_of_all() -> int:
    """How many threads there are on this computer; many where it can't be told. Source: proc(5), /proc/loadavg."""
    try:
        with open("/proc/loadavg", "rb") as file:  # noqa: PTH123
            return int(file.read().split()[3].partition(b"/")[2])
    except (OSError, ValueError, IndexError):
        return 10_000


def yield_to_others(niceness: int) -> None:
    """Be the first to wait for a processor, and the first to go when memory is short."""
    os.setpriority(os.PRIO_PROCESS, 0, min(niceness + 10, 19))
    try:
        with open("/proc/self/oom_score_adj", "wb") as file:  # noqa: PTH123
            file.write(b"800")
    except OSError:
        pass


def serve(plan: dict, child: int, orders: int, answers: int) -> tuple[str, Watchdog]:  # type: ignore[type-arg]
    """Hand orders on until the command ends, passes a limit, or is to be stopped.

    Returns:
        The line to report, and what was measured of the last order.
    """
    parent = plan["parent"]
    watchdog = Watchdog(plan["limits"], plan["watched"])
    said = watch(child, parent, watchdog, answers)
    if said != "ready":
        return _lost(said), watchdog
    own = census(os.getpid())
    report("ready\n")
    while (order := next_order(child, parent)) is not None:
        watchdog = Watchdog(order["limits"], plan["watched"], own)
        try:
            os.write(orders, len(order["words"]).to_bytes(4, "little") + order["words"])
        except OSError:
            break
        said = watch(child, parent, watchdog, answers, own)
        left = clear(child, answers, said, own) if said.startswith("ended ") else ""
        if not left:
            return _lost(said), watchdog
        verdict = watchdog.last_look(own) or f"exited {said.split()[1]}"
        if left.endswith("spoilt"):
            return verdict, watchdog
        report(f"{verdict}\n{watchdog.used()}\n")
    return "stopped", watchdog


def _lost(said: str) -> str:
    """A command that waits says nothing by its own end; limits keep their word."""
    return "lost" if said.startswith(("exited", "ended", "ready")) or not said else said


def next_order(child: int, parent: int) -> dict | None:  # type: ignore[type-arg]
    """Wait for an order; None where none can come any more."""
    poller = select.poll()
    poller.register(0, select.POLLIN)
    _register_end(poller, child)
    while not any(fd == 0 for fd, _ in poller.poll(IDLE * 1000)):
        if os.getppid() != parent or child in reap()[0]:
            return None
    return receive()


def clear(child: int, answers: int, said: str, own: dict[int, int]) -> str:
    """Kill what a fork has left, until its parent says that it is `alone`, or `spoilt`; empty where it never does."""
    deadline = time.monotonic() + IDLE
    poller = select.poll()
    poller.register(answers, select.POLLIN)
    while not said.endswith(("alone", "spoilt")):
        for pid in census(os.getpid()).keys() - own:
            _kill(pid)
        if child in reap()[0] or time.monotonic() > deadline:
            return ""
        if poller.poll(1):
            said += os.read(answers, 64).decode().strip()
    return said


def watch(child: int, parent: int, watchdog: Watchdog, answers: int = -1, own: dict[int, int] = {}) -> str:  # noqa: B006
    """Wait until the command ends, answers, passes a limit, or is to be stopped; return the line to report."""
    poller = select.poll()
    poller.register(0, select.POLLIN)
    if answers >= 0:
        poller.register(answers, select.POLLIN)
    tick, before = TICK if _register_end(poller, child) else BLIND_TICK, 0
    while True:
        ended, _ = reap()
        if child in ended:
            return f"exited {os.waitstatus_to_exitcode(ended[child])}"
        alive = census(os.getpid(), watchdog.most)
        excess = watchdog.look(alive)
        if excess:
            return excess
        growing = len(alive) - before > watchdog.most / 8
        before = len(alive)
        # A forked copy of the supervisor may hold our socket open, so its end of file is not the only sign.
        heard = [fd for fd, _ in poller.poll((BLIND_TICK if growing else tick) * 1000)]
        if os.getppid() != parent or 0 in heard:
            return "stopped"
        if answers in heard:
            return os.read(answers, 64).decode().strip()
        for pid in own:  # a fork may have stopped its parent
            _kill(pid, CONTINUE)


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
    while True:
        # One call for the whole group catches processes that fork and exit faster than they can be listed.
        _kill(-child)
        for pid in census(os.getpid()):
            _kill(pid)
        _, left = reap()
        if not left or time.monotonic() > deadline:
            return
        time.sleep(0.001)


def _kill(pid: int, signal: int = KILL) -> None:
    try:  # noqa: SIM105
        os.kill(pid, signal)
    except (ProcessLookupError, PermissionError):
        pass


def read_all(descriptor: int) -> bytes:
    """Read to the end of file, and close."""
    data = b""
    while chunk := os.read(descriptor, 4096):
        data += chunk
    os.close(descriptor)
    return data


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


def census(root: int, most: float = float("inf")) -> dict[int, int]:
    """Count the threads of every descendant of a process, by process id; empty where there is no /proc.

    Counting ends when there are more than `most` processes.

    Source: proc(5), /proc/pid/task/tid/children. That list may miss a process while others end, so whoever needs the
    last one asks again.
    """
    found: dict[int, int] = {}
    everyone = None if os.path.exists("/proc/thread-self/children") else _scan()  # noqa: PTH110
    waiting = [root]
    while waiting and len(found) <= most:
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
