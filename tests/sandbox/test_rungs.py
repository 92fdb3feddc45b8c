"""Which rung is taken where: each in a process of its own, on a computer that lacks this or that for real."""

import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from l2mac.errors import UsageError
from l2mac.sandbox.bare import BareSandbox
from l2mac.sandbox.canary import fault
from l2mac.sandbox.container import options
from l2mac.sandbox.rung import Job
from l2mac.sandbox.rungs import open_sandbox
from l2mac.sandbox.seam import Limits, Outcome
from l2mac.sandbox.seatbelt import profile

ROOT = Path(__file__).parents[2]
BWRAP = shutil.which("bwrap")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has these rungs")
with_bubblewrap = pytest.mark.skipif(BWRAP is None, reason="bubblewrap is not installed")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can arrange it")

ASK = """
import sys
from l2mac.errors import UsageError
from l2mac.sandbox.rungs import open_sandbox
from pathlib import Path
try:
    sandbox = open_sandbox(sys.argv[1])
    outcome = sandbox.run(["/bin/sh", "-c", "echo works > file; /bin/cat file"], Path.cwd())
    print(sandbox.name, outcome.output.strip(), sep=": ")
except UsageError as error:
    print(error)
"""
# Refuses landlock_create_ruleset, as a kernel without landlock does.
WITHOUT_LANDLOCK = """
import errno, os
from l2mac.sandbox import kernel, seccomp
seccomp.NUMBERS["landlock"] = (444, 444)
kernel.prctl(kernel.NO_NEW_PRIVILEGES, 1)
kernel.filter_calls(seccomp.program((seccomp.Rule("landlock", errno.ENOSYS),), os.uname().machine))
"""
# The same for new user namespaces; root's own way around them, mount, is closed as well.
WITHOUT_NAMESPACES = """
import os
from l2mac.sandbox import kernel, seccomp
kernel.prctl(kernel.NO_NEW_PRIVILEGES, 1)
rules = tuple(rule for rule in seccomp.ALWAYS if rule.call in ("clone", "unshare", "clone3", "mount"))
kernel.filter_calls(seccomp.program(rules, os.uname().machine))
"""


@pytest.fixture
def ask(tmp_path):
    """Ask for a rung in a new process: with a `bwrap` of one's own, after some preparation, or through a launcher."""

    def answer(wanted, bwrap=None, before="", launcher=()):
        programs = tmp_path / "bin"
        programs.mkdir()
        for name in ("sh", "cat", "true"):
            (programs / name).symlink_to(shutil.which(name))
        if bwrap:
            (programs / "bwrap").write_text(f"#!/bin/sh\n{bwrap}\n")
            (programs / "bwrap").chmod(0o755)
        here = tmp_path / "here"
        here.mkdir(mode=0o777)
        variables = {"PATH": str(programs), "PYTHONPATH": str(ROOT), "HOME": str(here)}
        command = [*launcher, sys.executable, "-c", before + ASK, wanted]
        done = subprocess.run(command, cwd=here, env=variables, capture_output=True, text=True, timeout=100)
        assert done.stderr == ""
        return done.stdout.strip()

    return answer


@with_bubblewrap
@pytest.mark.parametrize("wanted", ["auto", "bubblewrap"])
def test_bubblewrap_is_taken_where_it_works(ask, wanted):
    assert ask(wanted, f'exec {BWRAP} "$@"') == "bubblewrap: works"


@with_bubblewrap
def test_it_is_taken_without_proc_where_that_cannot_be_mounted(ask):
    script = f'case "$*" in *"--proc /proc"*) echo "bwrap: Can\'t mount proc" >&2; exit 1;; esac; exec {BWRAP} "$@"'
    assert ask("auto", script) == "bubblewrap without /proc: works"


@with_bubblewrap
def test_it_is_taken_without_proc_in_a_container(ask):
    # Part of /proc is hidden, as container engines do, so the kernel lets nobody mount a whole one.
    container = ["--unshare-user", "--unshare-pid", "--dev-bind", "/", "/", "--proc", "/proc", "--tmpfs", "/proc/fs"]
    assert ask("auto", f'exec {BWRAP} "$@"', launcher=[BWRAP, *container]) == "bubblewrap without /proc: works"


@on_linux
@pytest.mark.parametrize(
    "bwrap",
    [
        None,
        "echo 'bwrap: No permissions to create a new namespace' >&2; exit 1",
        "exit 0",
        # A liar: runs the command, isolates nothing.
        'while [ "$1" != -- ]; do if [ "$1" = --json-status-fd ]; then echo "{exit-code}" >&100; fi; shift; done; '
        'shift; exec "$@"',
    ],
    ids=["missing", "forbidden", "silent", "liar"],
)
def test_landlock_is_taken_where_bubblewrap_does_not_isolate(ask, bwrap):
    assert ask("auto", bwrap) == "landlock: works"


@with_bubblewrap
def test_landlock_is_taken_where_user_namespaces_are_forbidden(ask):
    assert ask("auto", f'exec {BWRAP} "$@"', before=WITHOUT_NAMESPACES) == "landlock: works"


@on_linux
def test_nothing_runs_where_nothing_isolates(ask):
    said = ask("auto", before=WITHOUT_LANDLOCK)
    assert said == (
        "generated code can't be isolated here (bwrap is not installed; landlock: the kernel has no landlock): install "
        "bubblewrap (Debian, Ubuntu, Fedora, Arch: the package `bubblewrap`), or take `--sandbox none`, which lets "
        "generated code see and change whatever you can"
    )


@on_linux
@pytest.mark.parametrize(
    ("wanted", "bwrap", "before", "why"),
    [
        ("bubblewrap", None, "", "bwrap is not installed"),
        ("bubblewrap", "echo 'bwrap: No permissions' >&2; exit 1", "", "bubblewrap: No permissions"),
        ("landlock", None, WITHOUT_LANDLOCK, "the kernel has no landlock"),
        ("podman", None, "", "podman is not installed"),
    ],
)
def test_a_rung_that_was_asked_for_is_not_replaced_by_a_lower_one(ask, wanted, bwrap, before, why):
    said = ask(wanted, bwrap, before)
    assert said.startswith("generated code can't be isolated here") and why in said and "--sandbox none" in said
    assert "\n" not in said


def test_no_isolation_is_had_only_by_its_name(ask):
    assert ask("none", before=WITHOUT_LANDLOCK if sys.platform == "linux" else "") == "none: works"


# A plain user's view of a computer on which root has put the interpreter into its own home.
PLAIN = """
for home in /root; do
    case "$1" in $home/*) mount --bind "$1" /mnt && mount -t tmpfs -o mode=755 none $home && mkdir -p "$1" &&
        mount --bind /mnt "$1";; esac
done
shift; chmod 777 .; exec setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
"""


@as_root
@on_linux
@pytest.mark.parametrize(("wanted", "found"), [("auto", "bubblewrap"), ("landlock", "landlock")])
def test_a_plain_user_has_the_same_rungs(tmp_path_factory, wanted, found):
    if found == "bubblewrap" and BWRAP is None:
        pytest.skip("bubblewrap is not installed")
    here = tmp_path_factory.getbasetemp() / f"plain-{wanted}"
    here.mkdir()
    places = [here, Path(sys.prefix), ROOT]
    if any(place.is_relative_to("/root") for place in places):
        pytest.skip("the tests or their interpreter lie in root's home, where a plain user can't see them")
    opened = sorted({folder for place in places for folder in (place, *place.parents) if len(folder.parts) > 2})
    modes = [folder.stat().st_mode for folder in opened]
    for folder, mode in zip(opened, modes, strict=True):
        folder.chmod(mode | 0o055)
    launcher = ["unshare", "-m", "sh", "-c", PLAIN, "sh", sys.base_prefix]
    variables = {"PATH": "/usr/sbin:/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(here)}
    command = [*launcher, sys.executable, "-c", "import os; assert os.getuid() == 65534\n" + ASK, wanted]
    done = subprocess.run(command, cwd=here, env=variables, capture_output=True, text=True, timeout=100)
    for folder, mode in zip(opened, modes, strict=True):
        folder.chmod(mode)
    assert (done.stdout.strip(), done.stderr) == (f"{found}: works", "")


def test_the_canary_dies_where_nothing_is_isolated():
    assert fault(BareSandbox(), loopback=True) == "it reaches sockets of the host"


def test_the_canary_dies_where_too_much_is_forbidden():
    class Deaf:
        name = "deaf"

        def run(self, command, folder, **options):
            return Outcome("exited", 0, '{"lane": 5, "pytest": "pytest", "input": true, "child": true}')

    assert fault(Deaf(), loopback=True) == "its scratch folder can't be written; it has no loopback network"


def test_the_canary_lives_without_sockets_where_none_are_promised():
    if sys.platform == "linux":
        assert fault(open_sandbox("landlock"), loopback=False) == ""
        assert fault(open_sandbox("landlock"), loopback=True) == "it has no loopback network"


# What cannot be run here is at least what it should be as text


def test_the_command_line_of_a_container_engine():
    limits = Limits(processes=20, memory=300, file_size=5)
    told = options(Job(["true"], Path("/lane"), Path("/s"), [Path("/opt/tool")], limits, {"A": "1"}, ExitStack()))
    line = " ".join(told)
    assert line.startswith("run --rm --name s --network none --read-only --cap-drop ALL ")
    assert "--security-opt no-new-privileges" in line and f"--user {os.getuid()}:{os.getgid()}" in line
    assert "--pids-limit 20 --memory 300 --memory-swap 300 --ulimit core=0 --ulimit fsize=5 --workdir /lane" in line
    assert "type=bind,source=/opt/tool,target=/opt/tool,readonly" in line
    assert line.endswith("--env A=1 --env TMPDIR=/tmp")
    writable = [word for word in told if word.startswith("type=bind") and not word.endswith("readonly")]
    assert writable == ["type=bind,source=/s,target=/tmp", "type=bind,source=/lane,target=/lane"]


def test_an_engine_that_does_not_answer_is_named():
    with pytest.raises(UsageError, match="docker"):
        docker = open_sandbox("docker")
        pytest.skip(f"{docker.name} answers here")


def test_the_profile_for_macos():
    text = profile([Path("/opt/python"), Path('/odd"name')], [Path("/lane")])
    assert text.startswith("(version 1)\n(deny default)\n") and "network" not in text
    read, write = text.split("(allow file-write*")
    assert '(subpath "/opt/python")' in read and '(subpath "/odd\\"name")' in read and '(subpath "/lane")' in read
    assert '(subpath "/lane")' in write and "/opt" not in write and "/Users" not in text
    assert text.count("(") == text.count(")")


def test_windows_is_refused_with_advice(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(UsageError, match="run l2mac inside WSL2"):
        open_sandbox("auto")
    assert open_sandbox("none").name == "none"


def test_the_command_line_refuses_before_anything_is_made(tmp_path):
    (tmp_path / "here").mkdir()
    command = [sys.executable, "-m", "l2mac", "Make an adder.", "--sandbox", "podman", "--set", "llm.api_type=manual"]
    programs = os.pathsep.join(str(Path(shutil.which(name)).parent) for name in ("git",))
    variables = {**os.environ, "PATH": programs, "PYTHONPATH": str(ROOT)}
    if shutil.which("podman", path=programs):
        pytest.skip("podman is installed")
    done = subprocess.run(command, cwd=tmp_path / "here", env=variables, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "generated code can't be isolated here (podman is not installed)" in done.stderr
    assert list((tmp_path / "here").rglob("*")) == []
