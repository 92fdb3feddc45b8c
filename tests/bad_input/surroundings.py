"""What the computer around a run does."""

import os
import pty
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

from .cases import Case
from .spoiling import repository, uncommitted, within
from .yard import SECONDS, Seen

TITLE = "The surroundings"
TAPE = ("--set", "llm.api_type=tape", "--set", "llm.tape=t.jsonl")
MANUAL = ("--set", "llm.api_type=manual")
POSIX_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def seen(process):
    """What a process leaves to see."""
    out, err = (it or b"" for it in process.communicate(timeout=SECONDS))
    return Seen(process.returncode, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))


def real(yard, case):
    """In an interpreter of its own, so that its locale counts."""
    return seen(yard.start(*case.arguments, variables=case.variables))


def limited(what, most):
    """With a limit that the system sets."""

    def how(yard, case):
        # Python would keep a compiled module that the limit cut short, and every later start would fail on it.
        return seen(
            yard.start(
                *case.arguments,
                variables={"PYTHONDONTWRITEBYTECODE": "1"},
                preexec_fn=lambda: resource.setrlimit(what, (most, most)),
            )
        )

    return how


def in_a_shell(script):
    """From a shell, in which `l2mac` is the command of the case."""

    def how(yard, case):
        machine = f'"{sys.executable}" -m l2mac "$@"'
        command = ["bash", "-c", f"l2mac() {{ {machine}; }}; {script}", "-", *case.arguments]
        environment = yard.variables(PYTHONPATH=os.fspath(_ROOT), **case.variables)
        return seen(subprocess.Popen(command, cwd=yard.here, env=environment, **_PIPES))

    return how


_PIPES = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
_ROOT = Path(__file__).parents[2]


def asked(yard):
    """Wait until the run has asked its first question."""
    until = time.monotonic() + SECONDS
    while not list(yard.here.glob("workspace/*/.l2mac/manual/0001.request.md")):
        assert time.monotonic() < until, "the run asks nothing"
        time.sleep(0.02)


def stopped(sent):
    """A signal in the middle of a run."""

    def how(yard, case):
        process = yard.start(*case.arguments)
        asked(yard)
        process.send_signal(sent)
        return seen(process)

    return how


def terminal_closed(yard, case):
    """Someone closes the window in which the run goes on; its standard error goes to a file, to be read here."""
    ours, theirs = pty.openpty()
    with (yard.temporary / "err").open("w+b") as err:
        process = yard.start(
            *case.arguments,
            stdin=theirs,
            stdout=theirs,
            stderr=err,
            preexec_fn=_own_terminal,
            variables={"TERM": "dumb"},
        )
        os.close(theirs)
        asked(yard)
        os.close(ours)
        process.wait(SECONDS)
        err.seek(0)
        told = Seen(process.returncode, "", err.read().decode())
    (yard.temporary / "err").unlink()
    return told


def _own_terminal():
    import fcntl
    import termios

    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def case(id, says, *arguments, **more):
    return Case(id=id, says=says, arguments=("Do it.", *arguments), **more)


def survives(id, how, *arguments, **more):
    """A run that ends as if nothing were wrong."""
    return case(id, "", *arguments, *TAPE, code=0, makes=("workspace",), resumes="run", how=how, **more)


STOPPED = "interrupted; `l2mac resume …/workspace/run` goes on"
CASES = [
    case(
        "no git",
        "git is not installed; install it (Debian: `apt install git`) and try again",
        *TAPE,
        variables={"PATH": "/nowhere"},
    ),
    case(
        "a home in which nothing can be written",
        "the lane /dev/null/x/lanes/run-HASH/0 can't be written (Not a directory); see L2MAC_HOME; then "
        "`l2mac resume …/workspace/run` goes on",
        "--name",
        "run",
        *TAPE,
        variables={"L2MAC_HOME": "/dev/null/x"},
        makes=("workspace",),
        resumes="run",
    ),
    case(
        "an output folder in which nothing can be written",
        "/proc/do-it can't be written (No such file or directory); choose another folder with --out",
        "--out",
        "/proc",
        *TAPE,
    ),
    case(
        "the folder one is in is gone",
        "the folder that you are in is gone; change to another",
        *TAPE,
        how=in_a_shell('mkdir s; cd s; rmdir ../s; l2mac "$@"'),
    ),
    case(
        "no room for a file",
        "the disk of …/workspace/do-it/.l2mac/run.db is full or failing (disk I/O error); free some space, then "
        "`l2mac resume`",
        *TAPE,
        how=limited(resource.RLIMIT_FSIZE, 20_000),
        makes=("workspace",),
    ),
    case(
        "too many open files",
        "the system has no room left (Too many open files); make some and try again, nothing is lost",
        *TAPE,
        how=limited(resource.RLIMIT_NOFILE, 12),
        makes=("workspace",),
    ),
    Case(
        id="a name that is there already",
        says="",
        code=0,
        arguments=("Do it.", "--name", "run", *TAPE),
        run="done",
        makes=("workspace/run-2",),
        prints="…/workspace/run-2",
    ),
    case(
        "--into a repository in which someone is at work",
        "…/app has uncommitted changes; put them away with git -C …/app stash -u",
        "--into",
        "app",
        *TAPE,
        spoil=uncommitted,
    ),
    case(
        "--into a part of a repository",
        "…/app/src lies in the repository …/app; name that with --into",
        "--into",
        "app/src",
        *TAPE,
        spoil=within,
    ),
    case(
        "--into a repository that has the branch already",
        "…/app has a branch l2mac/x already; take another with --name, or delete that one",
        "--into",
        "app",
        "--name",
        "x",
        *TAPE,
        spoil=repository(["branch", "l2mac/x"]),
        makes=(),
    ),
    Case(
        id="a locale without UTF-8",
        says="",
        code=0,
        arguments=("Mächtig ✓", "--name", "run", *TAPE),
        how=real,
        variables=POSIX_LOCALE,
        makes=("workspace",),
        resumes="run",
    ),
    survives(
        "standard output into a pipe that is closed",
        in_a_shell('l2mac "$@" | true; exit ${PIPESTATUS[0]}'),
        "--name",
        "run",
    ),
    survives(
        "standard error into a pipe that is closed",
        in_a_shell('l2mac "$@" 2>&1 >/dev/null | true; exit ${PIPESTATUS[0]}'),
        "--name",
        "run",
    ),
    survives("no standard output at all", in_a_shell('l2mac "$@" >&-'), "--name", "run"),
    survives("no standard error at all", in_a_shell('l2mac "$@" 2>&-'), "--name", "run"),
    survives("a full disk behind standard output", in_a_shell('l2mac "$@" >/dev/full'), "--name", "run"),
    Case(
        id="a full disk behind a listing",
        says="the system has no room left (No space left on device); make some and try again, nothing is lost",
        arguments=("status", "run"),
        run="done",
        how=in_a_shell('l2mac "$@" >/dev/full'),
    ),
    case(
        "Ctrl-C",
        STOPPED,
        "--name",
        "run",
        *MANUAL,
        code=130,
        makes=("workspace",),
        resumes="run",
        how=stopped(signal.SIGINT),
    ),
    case(
        "a shutdown (SIGTERM)",
        STOPPED,
        "--name",
        "run",
        *MANUAL,
        code=130,
        makes=("workspace",),
        resumes="run",
        how=stopped(signal.SIGTERM),
    ),
    case(
        "a terminal that is closed",
        STOPPED,
        "--name",
        "run",
        *MANUAL,
        code=130,
        makes=("workspace",),
        resumes="run",
        how=terminal_closed,
    ),
]
