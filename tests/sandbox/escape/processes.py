"""Other processes: harming those of the host, outliving the command, typing on the user's terminal."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path

from .attack import Attack, Scene
from .host import Host
from .reading import no_ptrace

TITLE = "Processes"

# Leave the session and the parent, then wait until the command has ended for certain.
DAEMON = """
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            {first}
            time.sleep(600)
        os._exit(0)
    os.wait()
    time.sleep(0.1)
"""
KILL_PARENTS = """
    import signal

    pid = os.getppid()
    parents = []
    while pid not in (0, 1, place["supervisor"]):
        parents.append(pid)
        pid = parent(pid)
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        os.execve("/bin/sleep", ["sleep", "600"], {"A": "another environment"})
    os.close(write)
    os.read(read, 1)  # ends when the daemon is another program
    for parent in reversed(parents):
        os.kill(parent, signal.SIGKILL)
"""


def _ended(scene: Scene) -> bool:
    """Is the victim dead?"""
    victim = scene.yard.victim
    assert victim
    with suppress(subprocess.TimeoutExpired):
        return victim.wait(0.02) is not None
    return False


def _left(scene: Scene) -> bool:
    """Is anything of it alive?"""
    return bool(scene.processes)


def _limit(scene: Scene) -> str:
    assert scene.yard.victim
    return Path(f"/proc/{scene.yard.victim.pid}/limits").read_text()


def _victim(scene: Scene) -> int:
    assert scene.yard.victim
    return scene.yard.victim.pid


def _no_typing(host: Host) -> str:
    file = Path("/proc/sys/dev/tty/legacy_tiocsti")
    return "this kernel has given it up" if host.yard.uid and file.exists() and file.read_text().strip() == "0" else ""


ATTACKS = (
    Attack(
        id="signal",
        does="kill a process of the user's",
        effect="it is dead",
        script="os.kill(place['victim'], 9)",
        through=_ended,
    ),
    Attack(
        id="ptrace",
        does="take over a process of the user's by `ptrace` (it dies with its tracer)",
        effect="it is dead",
        script="checked(libc().ptrace(0x4206, place['victim'], None, __import__('ctypes').c_void_p(0x100000)))",
        through=_ended,
        impossible=no_ptrace,
    ),
    Attack(
        id="prlimit",
        does="set the limits of a process of the user's",
        effect="its limits are other",
        script="import resource; resource.prlimit(place['victim'], resource.RLIMIT_NOFILE, (77, 77))",
        through=lambda scene: " 77 " in _limit(scene),
    ),
    Attack(
        id="priority",
        does="slow a process of the user's down",
        effect="its priority is other",
        script="os.setpriority(os.PRIO_PROCESS, place['victim'], 19)",
        through=lambda scene: os.getpriority(os.PRIO_PROCESS, _victim(scene)) == 19,
    ),
    Attack(
        id="priority-all",
        does="slow all processes of the user's down at once",
        effect="a process's priority is other",
        script="os.setpriority(os.PRIO_USER, 0, 19)",
        through=lambda scene: os.getpriority(os.PRIO_PROCESS, _victim(scene)) == 19,
        users=("plain",),
        impossible=lambda host: "it would slow the user's own programs" if host.yard.uid == os.getuid() else "",
    ),
    Attack(
        id="affinity",
        does="bind a process of the user's to one core",
        effect="its cores are other",
        script="os.sched_setaffinity(place['victim'], {min(os.sched_getaffinity(0))})",
        through=lambda scene: len(os.sched_getaffinity(_victim(scene))) == 1,
        impossible=lambda host: "" if len(os.sched_getaffinity(0)) > 1 else "there is one core",
    ),
    Attack(
        id="oom-score",
        does="have the kernel kill a process of the user's first",
        effect="its score is other",
        script="open(f\"/proc/{place['victim']}/oom_score_adj\", 'w').write('1000')",
        through=lambda scene: Path(f"/proc/{_victim(scene)}/oom_score_adj").read_text() == "1000\n",
    ),
    Attack(
        id="daemon",
        does="leave a daemon: two forks and a session of its own",
        effect="it lives on",
        script=DAEMON.format(first="pass"),
        through=_left,
        none_holds=True,
    ),
    Attack(
        id="daemon-hidden",
        does="leave a daemon with another name and environment",
        effect="it lives on",
        script=DAEMON.format(first="os.execve('/bin/sleep', ['sleep', '600'], {})"),
        through=_left,
        none_holds=True,
    ),
    Attack(
        id="daemon-guardless",
        does="kill whatever watches over it, and leave a daemon with another environment",
        effect="it lives on",
        script=KILL_PARENTS,
        through=_left,
    ),
    Attack(
        id="stopped",
        does="stop whatever watches over it, and leave a daemon",
        effect="it lives on",
        script=KILL_PARENTS.replace("SIGKILL", "SIGSTOP"),
        through=_left,
        none_holds=True,
        limits={"seconds": 2.0},
    ),
    Attack(
        id="terminal-type",
        does="type a command on the user's terminal (`TIOCSTI`)",
        effect="it is typed",
        script="""
            import fcntl, termios

            if os.fork() == 0:
                os.setsid()
                terminal = os.open(place["terminal"], os.O_RDWR)
                for letter in place["name"]:
                    fcntl.ioctl(terminal, termios.TIOCSTI, letter.encode())
                hold()
                os._exit(0)
            os.wait()
        """,
        through=lambda scene: scene.yard.name.encode() in scene.yard.shown(scene.yard.keyboard),
        live=True,
        impossible=_no_typing,
    ),
    Attack(
        id="terminal-write",
        does="write on the user's terminal",
        effect="it is shown",
        script="""
            os.write(os.open(place["terminal"], os.O_WRONLY | os.O_NOCTTY), place["name"].encode())
        """,
        through=lambda scene: scene.yard.name.encode() in scene.yard.shown(scene.yard.terminal),
    ),
)
