"""One contract for every rung that works here: what a command can do, what its limits are, what it leaves behind."""

import json
import os
import shutil
import subprocess
import sys
import textwrap
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from escape.forked import Forked, processes

from l2mac.errors import UsageError
from l2mac.sandbox.rungs import open_sandbox
from l2mac.sandbox.seam import Limits, limit_met, limit_passed

QUICK = Limits(seconds=30.0)
MB = 1_000_000
PYTHON = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"


def answers(engine):
    """Is the container engine installed, and does its server answer?"""
    return shutil.which(engine) and subprocess.run([engine, "info"], capture_output=True, timeout=60).returncode == 0


RUNGS = ("none", "bubblewrap", "bubblewrap without /proc", "landlock", *filter(answers, ("docker", "podman")))
FORKED = tuple(f"{rung}, forked" for rung in ("none", "bubblewrap", "landlock"))


@pytest.fixture(params=RUNGS + FORKED)
def sandbox(request):
    """Every rung on which this computer can stand; and the same for forks of a parent that waits there."""
    try:
        rung = open_sandbox(request.param.removesuffix(", forked"))
        return Forked(rung) if request.param in FORKED else rung
    except UsageError as error:
        pytest.skip(str(error))


@pytest.fixture
def lane(tmp_path):
    (tmp_path / "lane").mkdir()
    return tmp_path / "lane"


def python(sandbox, lane, code, limits=QUICK, **options):
    return sandbox.run([str(PYTHON), "-I", "-c", textwrap.dedent(code)], lane, limits=limits, **options)


def shell(sandbox, lane, script, limits=QUICK, **options):
    return sandbox.run(["/bin/sh", "-c", script], lane, limits=limits, **options)


def test_the_exit_code_and_the_output_are_the_commands_own(sandbox, lane):
    outcome = shell(sandbox, lane, "echo out; echo err >&2; exit 3")
    assert (outcome.ended, outcome.exit, sorted(outcome.output.split())) == ("exited", 3, ["err", "out"])
    assert outcome.seconds > 0 and outcome.memory > 0


@pytest.mark.parametrize("sandbox", RUNGS, indirect=True)
def test_a_missing_program_is_not_a_verdict(sandbox, lane):
    outcome = sandbox.run(["no-such-program"], lane, limits=QUICK)
    assert (outcome.ended, outcome.exit) == ("not_started", None)
    assert outcome.output == "cannot run 'no-such-program': No such file or directory"


def test_a_program_cannot_pretend_that_it_was_not_started(sandbox, lane):
    outcome = shell(sandbox, lane, "echo 'bwrap: execvp sh: No such file or directory'; exit 1")
    assert (outcome.ended, outcome.exit) == ("exited", 1)


@pytest.mark.parametrize("sandbox", RUNGS, indirect=True)
def test_an_empty_command_and_a_missing_folder_are_refused(sandbox, lane):
    assert sandbox.run([], lane).ended == "not_started"
    assert sandbox.run(["true"], lane / "missing").ended == "not_started"


def test_ordinary_programs_find_what_they_need(sandbox, lane):
    code = """
        import json, os, pathlib, random, subprocess, sys, tempfile, threading, time
        pathlib.Path("made").write_text("x")
        pathlib.Path("made").chmod(0o644)
        os.utime("made")
        temporary = tempfile.NamedTemporaryFile()
        temporary.write(b"x")
        thread = threading.Thread(target=time.sleep, args=(0,))
        thread.start()
        thread.join()
        done = subprocess.run(["sh", "-c", "ls | wc -l; echo $HOME"], capture_output=True, text=True)
        hang = subprocess.Popen(["sleep", "60"])
        hang.kill()
        here = os.getcwd()
        print(json.dumps([done.stdout.split(), hang.wait(), sys.stdin.read(), here, len(os.urandom(4))]))
        open(os.devnull, "w").write("x")
    """
    outcome = python(sandbox, lane, code)
    assert outcome.exit == 0, outcome.output
    assert json.loads(outcome.output) == [["1", str(lane)], -9, "", str(lane), 4]


def test_multiprocessing_and_a_server_of_its_own_work_where_there_are_sockets(sandbox, lane):
    code = """
        import http.server, threading, urllib.request
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(urllib.request.urlopen("http://127.0.0.1:%d/page" % server.server_port).read().decode())
        import multiprocessing, getpass
        with multiprocessing.get_context("fork").Pool(2) as pool:
            print(sum(pool.map(abs, [-1, -2])), bool(getpass.getuser()))
    """
    (lane / "page").write_text("page")
    outcome = python(sandbox, lane, code)
    if outcome.sockets:
        assert outcome.output.splitlines()[-2:] == ["page", "3 True"]
    else:
        assert outcome.exit == 1
        assert (
            limit_met(outcome.output, outcome, QUICK) == "there are no sockets in this sandbox, not even on localhost"
        )


def test_an_event_loop_works_without_sockets_too(sandbox, lane):
    outcome = python(sandbox, lane, "import asyncio; asyncio.run(asyncio.sleep(0)); print('done')")
    assert outcome.output == "done\n"


def test_what_is_readable_can_be_read_and_not_written(sandbox, lane, tmp_path):
    if sandbox.name.startswith("none"):
        pytest.skip("this rung isolates nothing")
    (tmp_path / "tool").mkdir()
    (tmp_path / "tool" / "data").write_text("data")
    (tmp_path / "hidden").write_text("hidden")
    (tmp_path / "link").symlink_to("tool")
    script = (
        "cat ../link/data ../tool/data; cat ../hidden; echo x > ../tool/data; echo x > ../tool/new; echo x > ../new"
    )
    outcome = shell(sandbox, lane, script, readable=(tmp_path / "link",))
    assert outcome.output.startswith("datadata") and "hidden\n" not in outcome.output
    assert (tmp_path / "tool" / "data").read_text() == "data"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hidden", "lane", "link", "tool"]


def test_a_readable_folder_inside_the_lane_stays_unwritten(sandbox, lane):
    if not sandbox.name.startswith("bubblewrap"):
        pytest.skip("only mounts can do it")
    (lane / "venv").mkdir()
    shell(sandbox, lane, "echo x > venv/new; echo x > new", readable=(lane / "venv",))
    assert [path.name for path in lane.iterdir() if path.is_file()] == ["new"] and not list((lane / "venv").iterdir())


HOGS = {
    "memory of one process": (
        "held = []\nfor _ in range(64):\n    held.append(b'x' * 16_000_000)\n    time.sleep(0.01)",
        {"memory": 300 * MB}, "too_much_memory",
    ),
    "memory of many processes": (
        "for _ in range(12):\n    if os.fork() == 0:\n        held = bytearray(os.urandom(1024)) * 50_000\n"
        "        time.sleep(20)\n        os._exit(0)\ntime.sleep(20)",
        {"memory": 300 * MB}, "too_much_memory",
    ),
    "shared memory": (
        "import mmap\nheld = [mmap.mmap(-1, 100_000_000) for _ in range(6)]\nfor it in held:\n"
        "    it.write(bytes(100_000_000))\ntime.sleep(20)",
        {"memory": 300 * MB}, "too_much_memory",
    ),
    "files that are memory": (
        "held = [os.memfd_create(str(n)) for n in range(8)]\nfor n in range(80):\n"
        "    os.write(held[n % 8], bytes(10_000_000))\n    time.sleep(0.01)\ntime.sleep(20)",
        {"memory": 300 * MB, "disk": 10_000 * MB}, "too_much_memory",
    ),
    "a big file": (
        "for n in range(60):\n    open('big', 'ab').write(os.urandom(1_000_000))\n    time.sleep(0.02)\ntime.sleep(20)",
        {"disk": 20 * MB}, "too_much_disk",
    ),
    "many big files": (
        "for n in range(60):\n    open(f'big-{n}', 'wb').write(os.urandom(1_000_000))\n    time.sleep(0.02)\n"
        "time.sleep(20)",
        {"disk": 20 * MB}, "too_much_disk",
    ),
    "big files in the scratch folder": (
        "os.chdir(os.environ['TMPDIR'])\nfor n in range(60):\n    open(str(n), 'wb').write(os.urandom(1_000_000))\n"
        "    time.sleep(0.02)\ntime.sleep(20)",
        {"disk": 20 * MB}, "too_much_disk",
    ),
    "files without a name": (
        "held = []\nfor n in range(60):\n    held.append(open('big', 'wb'))\n    os.unlink('big')\n"
        "    held[-1].write(os.urandom(1_000_000))\n    time.sleep(0.02)\ntime.sleep(20)",
        {"disk": 20 * MB}, "too_much_disk",
    ),
    "written at the last moment": (
        "open('big', 'wb').write(os.urandom(30_000_000))", {"disk": 20 * MB}, "too_much_disk",
    ),
    "many small files": (
        "for n in range(4000):\n    open(f'{n}', 'wb').close()\ntime.sleep(20)", {"files": 1000}, "too_many_files",
    ),
    "processor time of many": (
        "for _ in range(4):\n    if os.fork() == 0:\n        while True:\n            pass\ntime.sleep(20)",
        {"cpu": 1.0}, "too_much_cpu",
    ),
    "processes": (
        "for _ in range(60):\n    if os.fork() == 0:\n        time.sleep(20)\n        os._exit(0)\ntime.sleep(20)",
        {"processes": 20}, "too_many_processes",
    ),
}  # fmt: skip


@pytest.mark.parametrize("hog", HOGS.values(), ids=HOGS)
def test_a_hog_is_stopped_and_named(sandbox, lane, hog):
    code, most, ended = hog
    limits = replace(Limits(seconds=25.0), **most)
    outcome = python(sandbox, lane, f"import os, time\n{code}", limits)
    if ended == "too_much_memory" and outcome.ended == "exited":  # one process alone is told by its own kernel limit
        assert limit_met(outcome.output, outcome, limits) == "there are 300,000,000 bytes of memory"
    else:
        assert outcome.ended == ended, outcome
        assert limit_passed(outcome, limits).startswith(("used more than", "wrote more than", "had more than"))
    assert processes(lane) == []


def test_what_a_command_used_is_told(sandbox, lane):
    code = """
        import os, time
        held = b"x" * 60_000_000
        open("file", "wb").write(os.urandom(3_000_000))
        while time.process_time() < 0.3:
            pass
    """
    outcome = python(sandbox, lane, code)
    assert outcome.exit == 0
    assert 0.3 <= outcome.cpu < 20 and 60 * MB <= outcome.memory < 300 * MB and 3 * MB <= outcome.disk < 4 * MB


def test_daemons_end_with_the_command(sandbox, lane):
    code = """
        import os, time
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                open("daemon", "w").close()
                time.sleep(60)
            os._exit(0)
        while not os.path.exists("daemon"):
            time.sleep(0.01)
    """
    assert python(sandbox, lane, code).exit == 0
    assert processes(lane) == []


def test_the_scratch_folder_is_gone_afterwards(sandbox, lane, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    script = 'mkdir -p "$TMPDIR/a/b"; chmod 000 "$TMPDIR/a"; echo x > "$TMPDIR/y"'
    assert shell(sandbox, lane, script).exit == 0
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("l2mac-") and "etc" not in path.name] == []


def test_lanes_at_once_do_not_see_each_other(sandbox, tmp_path):
    outcomes = {}

    def work(number):
        folder = tmp_path / str(number)
        folder.mkdir()
        outcomes[number] = shell(sandbox, folder, f"echo {number} > mine; sleep 0.2; cat mine; ls ..")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, outcome in outcomes.items():
        assert outcome.output.split()[0] == str(number)
        if sandbox.name.startswith("bubblewrap"):
            assert outcome.output.split() == [str(number), str(number)]


def test_the_environment_is_an_allow_list(sandbox, lane, monkeypatch):
    monkeypatch.setenv("SECRET_API_KEY", "sk-secret")
    outcome = shell(sandbox, lane, "env", variables={"MINE": "1"})
    assert "sk-secret" not in outcome.output and "MINE=1" in outcome.output


def test_the_priority_is_lower_than_ours(sandbox, lane):
    if sandbox.name in ("docker", "podman"):
        pytest.skip("the engine starts it")
    outcome = python(sandbox, lane, "import os; print(os.nice(0))")
    assert int(outcome.output) == min(os.nice(0) + 10, 19)


@pytest.mark.parametrize("sandbox", RUNGS, indirect=True)
def test_own_processes_cannot_be_looked_into(sandbox):
    """Once a sandbox is open, what belongs to this process in /proc is root's."""
    if sandbox.name == "none":
        pytest.skip("this rung isolates nothing")
    look = "import ctypes, sys; from l2mac.sandbox.rungs import open_sandbox\nopen_sandbox(sys.argv[1])\n"
    command = [sys.executable, "-c", look + "print(ctypes.CDLL(None).prctl(3))", sandbox.name]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "0\n"
