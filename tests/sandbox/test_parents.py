"""A parent that waits in the sandbox: what its forks can't do to it, and so not to each other."""

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from escape.forked import processes, start

from l2mac.errors import UsageError
from l2mac.sandbox.rungs import open_sandbox
from l2mac.sandbox.seam import Limits

LIMITS = Limits(seconds=30.0)


@pytest.fixture(params=["bubblewrap", "bubblewrap without /proc", "landlock", "none"])
def sandbox(request):
    """Every rung in which a parent can wait."""
    try:
        return open_sandbox(request.param)
    except UsageError as error:
        pytest.skip(str(error))


@pytest.fixture
def lane(tmp_path):
    (tmp_path / "lane").mkdir()
    return tmp_path / "lane"


@pytest.fixture
def parent(sandbox, lane):
    parent = start(sandbox, lane, limits=LIMITS)
    yield parent
    parent.close()


def do(parent, code, limits=LIMITS):
    return parent.ask(["python", textwrap.dedent(code)], limits)


def test_every_order_has_a_fork_of_its_own(parent, lane):
    change = "import json, os; json.changed = 1; os.environ['CHANGED'] = '1'; os.chdir('/'); os.umask(0); print('done')"
    assert do(parent, change).output == "done\n"
    look = (
        "import json, os, sys; print(hasattr(json, 'changed'), os.environ.get('CHANGED'), os.getcwd(), os.umask(0) > 0)"
    )
    again = do(parent, f"{look}; print(sys.stdin.read() == '', os.getsid(0) == os.getpid()); sys.exit(3)")
    assert (again.exit, again.output) == (3, f"False None {lane} True\nTrue True\n")
    assert not parent.ended


LEFT = {
    "a daemon": "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        time.sleep(60)\n    os._exit(0)",
    "a child that was not waited for": "if os.fork() == 0:\n    time.sleep(60)",
    "a thread that goes on": "import threading; threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
    "files in the scratch folder": "os.chdir(os.environ['TMPDIR']); os.makedirs('a/b'); open('a/b/c', 'w'); "
                                   "os.symlink('/', 'l'); os.chmod('a', 0); os.mkfifo('p')",
    "its end by a signal": "os.kill(os.getpid(), 9)",
    "a stopped parent": "os.kill(os.getppid(), 19); time.sleep(0.2)",
}  # fmt: skip


@pytest.mark.parametrize("left", LEFT.values(), ids=LEFT)
def test_what_a_fork_leaves_is_gone_before_the_next(sandbox, parent, lane, left):
    before = len(processes(lane))
    assert do(parent, f"import os, time\n{left}") is not None
    assert len(processes(lane)) == before
    look = do(parent, "import os; print(os.listdir(os.environ['TMPDIR']) if os.environ['TMPDIR'] != '/tmp' else '[]')")
    assert look is not None and look.output == "[]\n"


STEALS = {
    "memory": "open(f'/proc/{os.getppid()}/mem', 'rb')",
    "environment": "open(f'/proc/{os.getppid()}/environ', 'rb').read()",
    "descriptors": "os.readlink(f'/proc/{os.getppid()}/fd/98')",
    "the line, after its end is closed": "os.write(99, b'ended 0')",
    "orders": "os.read(98, 1)",
}


@pytest.mark.parametrize("steal", STEALS.values(), ids=STEALS)
def test_a_fork_cannot_look_into_its_parent(sandbox, parent, steal):
    if sandbox.name == "none" and os.getuid() == 0 and "/proc" in steal:
        pytest.skip("root may look into everything, and this rung takes nothing away")
    outcome = do(parent, f"import os\ntry:\n    {steal}\nexcept OSError:\n    print('refused')")
    assert outcome.output == "refused\n"


SPOILS = {
    # name: (what it does, whether only namespaces of its own keep it)
    "limits": ("import resource; resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (20, 20))", False),
    "priority": ("os.setpriority(os.PRIO_PROCESS, os.getppid(), 19)", False),
    "affinity": ("os.sched_setaffinity(os.getppid(), [min(os.sched_getaffinity(0))])", False),
    "shared descriptions": ("os.set_blocking(1, False)", False),
    "shared memory": ("open('/dev/shm/left', 'w').write('x')", True),
    "a segment": ("import ctypes; assert ctypes.CDLL(None).shmget(1, 4096, 0o1600) >= 0", True),
    "semaphores": ("import ctypes; assert ctypes.CDLL(None).semget(1, 1, 0o1600) >= 0", True),
    "a queue": ("import ctypes; assert ctypes.CDLL(None).msgget(1, 0o1600) >= 0", True),
    "a connection": ("import socket; server = socket.create_server(('127.0.0.1', 0)); "
                     "socket.create_connection(server.getsockname()).close()", True),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "alone"), SPOILS.values(), ids=SPOILS)
def test_a_parent_that_a_fork_has_changed_is_the_last_of_its_place(sandbox, parent, lane, spoil, alone):
    if alone and not sandbox.name.startswith("bubblewrap"):
        pytest.skip("a command of its own would share it too")
    outcome = do(parent, f"import os\n{spoil}\nprint('done')")
    if sandbox.name == "landlock" and ("done" not in outcome.output or "setpriority" in spoil):
        assert not parent.ended  # it was refused, or did nothing
    else:
        assert (outcome.exit, outcome.output) == (0, "done\n")
        assert parent.ended and processes(lane) == []


def test_a_fork_that_kills_its_parent_has_no_outcome(sandbox, parent, lane):
    assert do(parent, "import os, time; os.kill(os.getppid(), 9); time.sleep(20)") is None
    assert parent.ended and processes(lane) == []


def test_a_limit_ends_the_parent_too(parent, lane):
    outcome = do(parent, "import time; print('begun', flush=True); time.sleep(60)", Limits(seconds=1.0))
    assert (outcome.ended, outcome.output) == ("timed_out", "begun\n")
    assert parent.ended and processes(lane) == []


def test_what_earlier_forks_used_does_not_count(parent):
    busy = "import time\nwhile time.process_time() < 0.4:\n    pass"
    for _ in range(4):
        outcome = do(parent, busy, Limits(seconds=30.0, cpu=1.0))
        assert outcome.ended == "exited" and 0.3 < outcome.cpu < 0.9


def test_a_parent_that_dies_before_it_waits_is_never_ready(sandbox, lane):
    parent = sandbox.start([sys.executable, "-c", "raise SystemExit(1)"], lane, readable=(Path(sys.prefix),))
    assert not parent.ready(60) and parent.ended and processes(lane) == []


def test_nothing_survives_a_machine_that_is_killed(sandbox, lane):
    code = f"""
        import sys, time
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from pathlib import Path
        from escape.forked import start
        from l2mac.sandbox.rungs import open_sandbox
        parent = start(open_sandbox({sandbox.name!r}), Path({str(lane)!r}))
        print("ready", flush=True)
        time.sleep(60)
    """
    machine = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE)
    assert machine.stdout.readline() == b"ready\n" and processes(lane)
    machine.kill()
    machine.wait()
    machine.stdout.close()
    deadline = time.monotonic() + 30
    while processes(lane) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes(lane) == []
