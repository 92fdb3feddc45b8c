"""Warm judges say what cold ones say, of whatever a project does to the process that judges it."""

import random
import time
from dataclasses import replace

import pytest

from l2mac.checks.python.checks import PythonChecks
from l2mac.checks.python.environment import Environment
from l2mac.checks.python.project import ProjectIndex
from l2mac.checks.python.pytest_run import PytestCheck
from l2mac.checks.python.warmth import Warmth
from l2mac.checks.report import Scene
from l2mac.sandbox.rungs import open_sandbox

pytestmark = pytest.mark.slow
OK = "def test_ok():\n    assert True\n"


@pytest.fixture(scope="module")
def judges(environments):
    """The checks twice: cold, and warm; and what keeps the second warm."""
    sandbox = open_sandbox("auto")
    told = []
    with_parents = Warmth(sandbox, notice=told.append, patience=120.0)
    asked = Asked(with_parents)
    yield (
        PythonChecks(sandbox, environments, seconds=20.0, warmth=Warmth(None)),
        PythonChecks(sandbox, environments, seconds=20.0, warmth=asked),
        asked,
    )
    with_parents.close()


class Asked:
    """Passes on, and remembers which judges answered warm."""

    def __init__(self, warmth):
        self.warmth, self.answered = warmth, []

    def ask(self, name, *arguments, **options):
        outcome = self.warmth.ask(name, *arguments, **options)
        self.answered.append((name, outcome is not None))
        return outcome


@pytest.fixture
def lane(tmp_path):
    return Lane(tmp_path / "lane")


class Lane:
    """A folder kept equal to some files."""

    def __init__(self, folder):
        self.folder, self.files = folder, {}
        folder.mkdir()

    def scene(self, files, changed=None, tests=None):
        for path in self.files.keys() - files.keys():
            (self.folder / path).unlink()
        for path, text in files.items():
            if self.files.get(path) != text:
                (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
                (self.folder / path).write_text(text)
        self.files = dict(files)
        return Scene(files, self.folder, changed, tests)


BAD = {
    "forks": "import os\ndef test_a():\n    if os.fork() == 0:\n        os._exit(3)\n    assert os.wait()[1] == 768\n",
    "forks and lets the fork go on": "import os\ndef test_a():\n    os.fork()\n    assert not 'here'\n",
    "threads": "import threading, time\ndef test_a():\n"
               "    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
               "def test_b():\n    assert threading.active_count() == 1\n",
    "changes folder": "import os\ndef test_a():\n    os.chdir('/')\ndef test_b():\n    assert os.getcwd() != '/'\n",
    "monkeypatches builtins": "import builtins\ndef test_a():\n    builtins.len = lambda it: 7\n"
                              "    builtins.open = None\ndef test_b():\n    assert len([]) == 0\n",
    "patches modules that pytest uses": "import os, json, re\nos.write = json.dumps = re.compile = None\n" + OK,
    "leaks files": "import tempfile, os\nheld = []\ndef test_a():\n    for path in ('leaked.txt',"
                   " os.environ['TMPDIR'] + '/leaked'):\n        assert not os.path.exists(path) or path[0] != '/'\n"
                   "        held.append(open(path, 'w'))\n",
    "os._exit": OK + "import os\ndef test_b():\n    os._exit(0)\n",
    "os._exit at import": "import os\nos._exit(5)\n",
    "a signal": OK + "import os, signal\ndef test_b():\n    os.kill(os.getpid(), signal.SIGKILL)\n",
    "kills what started it": OK + "import os, time\ndef test_b():\n    if os.getppid() > 1:\n"
                             "        os.kill(os.getppid(), 9)\n        time.sleep(9)\n    assert os.getppid() == 1\n",
    "recursion": "def test_a():\n    test_a()\n",
    "changes its limits": "import resource\ndef test_a():\n"
                          "    resource.setrlimit(resource.RLIMIT_NOFILE, (9, 9))\n" + OK,
    "state of modules": "import json, random\ndef test_a():\n    assert not hasattr(json, 'left')\n    json.left = 1\n",
    "hash of strings": "def test_a():\n    assert hash('a') == 0\n",
    "exit code": "import pytest\ndef test_a():\n    pytest.exit('enough', returncode=0)\n",
    "a server on a port of its own": "import http.server, threading, urllib.request\ndef test_a():\n"
        "    class Server(http.server.HTTPServer):\n        allow_reuse_address = False\n"
        "    server = Server(('127.0.0.1', 8123), http.server.SimpleHTTPRequestHandler)\n"
        "    threading.Thread(target=server.serve_forever, daemon=True).start()\n"
        "    assert urllib.request.urlopen('http://127.0.0.1:8123/').status == 200\n",
    "shared memory that is left": "from multiprocessing import shared_memory, resource_tracker\ndef test_a():\n"
        "    resource_tracker.register = lambda *_: None\n"
        "    shared_memory.SharedMemory('left', create=True, size=9)\n",
}  # fmt: skip


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_bad_tests_are_judged_as_by_a_process_of_its_own(text, judges, lane):
    cold, warm, _ = judges
    files = {"test_a.py": text, "test_z.py": "import os\ndef test_z():\n    assert os.path.exists('test_a.py')\n"}
    expected = cold.check(lane.scene(files))
    assert [warm.check(lane.scene(files)) for _ in range(2)] == [expected, expected]


def test_a_hang_on_import_ends_one_parent_and_the_next_is_there(environments, lane, empty_environment):
    sandbox = open_sandbox("auto")
    warmth = Warmth(sandbox, patience=120.0)
    try:
        files = {"test_a.py": "while True:\n    pass\n"}
        for judge in (PytestCheck(sandbox, seconds=3.0), PytestCheck(sandbox, seconds=3.0, warmth=warmth)):
            report = judge.check(lane.scene(files), ProjectIndex().of(files), empty_environment)
            assert (report.outcome, report.findings[0].text) == ("timed_out", "did not finish within 3 s")
        after = Asked(warmth)
        judge = PytestCheck(sandbox, seconds=60.0, warmth=after)
        files = {"test_a.py": OK}
        assert judge.check(lane.scene(files), ProjectIndex().of(files), empty_environment).outcome == "passed"
        assert after.answered == [("pytest", True)]
    finally:
        warmth.close()


STATES = [
    {"conftest.py": "import pytest\n@pytest.fixture\ndef it():\n    return 1\n"},
    {"conftest.py": "import pytest\n@pytest.fixture\ndef it():\n    return 2\n"},
    {"conftest.py": "1 / 0\n"},
    {"conftest.py": "import pytest\ndef pytest_collection_modifyitems(items):\n    items.reverse()\n"
                    "@pytest.fixture\ndef it():\n    return 1\n"},
    {"pytest.ini": "[pytest]\naddopts = -k ok\n", "conftest.py": ""},
    {"conftest.py": "import pytest\n@pytest.fixture\ndef it():\n    return 1\n", "app.py": "import other\nONE = 1\n",
     "other.py": "import app\nTWO = app.ONE\n"},
    {"conftest.py": "", "renamed.py": "ONE = 1\n"},
    {"conftest.py": "", "code.py": "ONE = 1\n"},
    {"conftest.py": "", "types.py": "ONE = 1\n", "test_b.py": "import types\n\n\ndef test_b():\n    types.ONE\n"},
]  # fmt: skip


def test_a_project_that_changes_between_runs_is_judged_as_it_is(judges, lane):
    cold, warm, asked = judges
    test = "def test_ok():\n    pass\ndef test_it(it):\n    import app\n    assert (it, app.ONE) == (1, 1)\n"
    asked.answered.clear()
    for state in [*STATES, *reversed(STATES)]:
        files = {"app.py": "ONE = 1\n", "test_a.py": test, **state}
        if "renamed.py" in files:
            del files["app.py"]
        assert warm.check(lane.scene(files)) == cold.check(lane.scene(files))
    assert asked.answered.count(("pytest", True)) >= len(STATES) and ("pylint", True) in asked.answered


def test_a_package_upgraded_between_runs_is_seen(lane, empty_environment, tmp_path):
    sandbox = open_sandbox("auto")
    warmth = Warmth(sandbox, patience=120.0)
    files = {"test_a.py": "import theirs\ndef test_a():\n    assert theirs.VERSION == 2\n"}
    outcomes = []
    for version in (1, 2):
        environment = with_package(empty_environment, tmp_path / str(version), f"VERSION = {version}\n")
        judge = PytestCheck(sandbox, seconds=60.0, warmth=warmth)
        outcomes.append(judge.check(lane.scene(files), ProjectIndex().of(files), environment).outcome)
    warmth.close()
    assert outcomes == ["failed", "passed"]


def with_package(environment, folder, text):
    """A copy of an environment that has the package `theirs`."""
    import shutil

    shutil.copytree(environment.folder, folder, symlinks=True)
    made = replace(environment, python=folder / "bin" / "python", folder=folder)
    made = replace(made, readable=(folder, *environment.readable[1:]))
    (made.site / "theirs.py").write_text(text)
    assert isinstance(made, Environment)
    return made


def test_a_lane_that_is_made_anew_has_a_parent_anew(judges, tmp_path):
    _, warm, asked = judges
    for number in range(2):
        lane = Lane(tmp_path / "lane")
        files = {"test_a.py": f"def test_{number}():\n    pass\n"}
        assert warm.check(lane.scene(files))[-1].passed == (f"test_a.py::test_{number}",)
        assert asked.answered[-1][1]
        lane.folder.rename(tmp_path / f"gone-{number}")


def test_nobody_waits_for_a_judge_to_become_warm(lane, empty_environment):
    sandbox = open_sandbox("auto")
    warmth = Warmth(sandbox)
    asked = Asked(warmth)
    judge, files = PytestCheck(sandbox, seconds=60.0, warmth=asked), {"test_a.py": OK}
    deadline = time.monotonic() + 120
    while not any(warm for _, warm in asked.answered) and time.monotonic() < deadline:
        assert judge.check(lane.scene(files), ProjectIndex().of(files), empty_environment).outcome == "passed"
    warmth.close()
    assert asked.answered[0] == ("pytest", False) and asked.answered[-1] == ("pytest", True)


THIEF = """
import os, subprocess, sys
STEAL = '''
import glob, time
end = time.monotonic() + 20
while time.monotonic() < end:
    for path in glob.glob(".l2mac-results-*/order"):
        with open(path) as order, open("stolen", "a") as stolen:
            stolen.write(order.read())
'''
def test_a():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execv(sys.executable, [sys.executable, "-c", STEAL])
        os._exit(0)
    os.wait()
    assert not os.path.exists("stolen")
"""


def test_what_one_fork_leaves_never_sees_the_order_of_the_next(judges, lane):
    _, warm, asked = judges
    asked.answered.clear()
    for number in range(4):
        scene = lane.scene({"test_a.py": f"{THIEF}# {number}\n"})
        assert warm.check(scene)[-1].outcome == "passed"
        assert not (scene.folder / "stolen").exists()
    assert asked.answered.count(("pytest", True)) == 4


FAULTS = {
    "undefined": lambda name: f"\n\ndef broken_{name}():\n    return no_such_{name}\n",
    "wrong call": lambda name: f"\n\ndef broken_{name}():\n    return value(1, 2, 3)\n",
    "import": lambda name: "\nfrom pkg.missing import thing\n",
    "member": lambda name: f"\nimport pkg.m0\n\n\ndef broken_{name}():\n    return pkg.m0.no_member\n",
    "value": lambda name: "\n\ndef value():\n    return -1\n",
    "raises": lambda name: "\nraise RuntimeError('at import')\n",
    "syntax": lambda name: "\ndef (:\n",
    "type": lambda name: "\n\nclass Thing:\n    def __init__(self, a):\n        self.a = a\n\n\nTHING = Thing()\n",
}


def grown(chance):
    """A package of modules that use each other, and their tests."""
    files = {"pkg/__init__.py": "", "requirements.txt": ""}
    for number in range(chance.randint(3, 6)):
        used = chance.sample(range(number), min(number, chance.randint(0, 2)))
        imports = "".join(f"from .m{it} import value as value_{it}\n" for it in used)
        total = " + ".join(["1", *(f"value_{it}()" for it in used)])
        files[f"pkg/m{number}.py"] = (
            f"import re\n{imports}\n\ndef value():\n    return len(re.escape('a')) * ({total})\n"
        )
        files[f"tests/test_m{number}.py"] = (
            f"from pkg.m{number} import value\n\n\ndef test_value():\n    assert value() > 0\n\n\n"
            f"def test_type():\n    assert isinstance(value(), int)\n"
        )
    return files


@pytest.mark.parametrize("seed", range(4))
def test_faults_in_grown_projects_are_found_alike(seed, judges, lane):
    chance = random.Random(seed)
    cold, warm, _ = judges
    files = grown(chance)
    paths = sorted(path for path in files if path.endswith(".py"))
    assert warm.check(lane.scene(files)) == cold.check(lane.scene(files))
    for _ in range(4):
        path = chance.choice(paths)
        name, fault = chance.choice(sorted(FAULTS.items()))
        broken = {**files, path: files[path] + fault("x")}
        changed = chance.choice([frozenset({path}), None])
        # In an order that changes: what one leaves in the lane must not help the other.
        first, second = chance.sample([cold, warm], 2)
        reports = [judge.check(lane.scene(broken, changed)) for judge in (first, second)]
        assert reports[0] == reports[1], (name, path, changed)


class Fragile:
    """A sandbox in which whatever waits is lost when it is asked."""

    name = "fragile"

    def __init__(self):
        self.started = 0

    def run(self, command, folder, **options):
        return open_sandbox("auto").run(command, folder, **options)

    def start(self, command, folder, **options):
        self.started += 1
        return Lost()


class Lost:
    """A parent that is lost."""

    ended = False

    def ready(self, seconds):
        return not self.ended

    def ask(self, words, limits):
        self.ended = True

    def close(self):
        self.ended = True


def test_a_judge_that_can_not_be_kept_warm_stays_cold_and_this_is_said_once(lane, empty_environment):
    sandbox, told = Fragile(), []
    judge = PytestCheck(sandbox, seconds=60.0, warmth=Warmth(sandbox, notice=told.append))
    files = {"test_a.py": OK}
    for _ in range(9):
        assert judge.check(lane.scene(files), ProjectIndex().of(files), empty_environment).outcome == "passed"
    assert told == ["pytest could not be kept warm: it starts anew for every check"]
    assert sandbox.started == 6
