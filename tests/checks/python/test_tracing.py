"""Which lines of the project a test is seen to execute."""

import pytest

from l2mac.checks.python.project import ProjectIndex
from l2mac.checks.python.pytest_run import PytestCheck
from l2mac.checks.report import Traced
from l2mac.sandbox.rungs import open_sandbox

APP = """\
LIMIT = 3

def add(a, b):
    if a < 0:
        return b - -a
    return a + b

class Shop:
    def sell(self):
        return add(1, LIMIT)

async def later():
    return 1

def count(n):
    return sum(1 for _ in range(n))

def loop(n):
    while n:
        n -= 1
    return n
"""
TESTS = """\
import asyncio, subprocess, sys, threading, unittest
from pathlib import Path
import pytest
import app

@pytest.fixture
def sold():
    return app.Shop().sell()

@pytest.fixture(scope="module")
def once():
    return asyncio.run(app.later())

def test_import():
    from app import add
@pytest.mark.parametrize("n", [1, -1])
def test_add(n):
    assert app.add(n, 2) == n + 2
def test_fixture(sold):
    assert sold == 4
def test_shared(once):
    assert once == 1
def test_thread():
    thread = threading.Thread(target=app.add, args=(1, 2))
    thread.start()
    thread.join()
def test_process():
    assert subprocess.run([sys.executable, "-c", "import app; app.count(3)"]).returncode == 0
def test_long():
    assert app.loop(300_000) == 0
def test_forged():
    text = "\\n" * 14 + "def count(n):\\n    return 7\\n"
    space = {}
    exec(compile(text, app.__file__, "exec"), space)
    assert space["count"](3) == 7
def test_borrowed():
    space = {}
    exec(compile(Path("app.py").read_text(), app.__file__, "exec"), space)
    assert space["count"](3) == 3
@pytest.fixture
def watched():
    before = sys.gettrace()
    sys.settrace(lambda *_: None)
    yield
    sys.settrace(before)
def test_watched(watched):
    assert app.add(1, 2) == 3
class TestGroup(unittest.TestCase):
    def setUp(self):
        self.sum = app.add(1, 1)
    def test_sum(self):
        assert self.sum == 2
def test_unasked():
    assert app.add(-1, 2) == 1
"""
HERE = "tests/test_app.py"
SEEN = {
    # id: (the lines of app.py, why that may not be all)
    "test_import": ([], ""),
    "test_add[1]": ([4, 6], ""),
    "test_add[-1]": ([4, 5], ""),
    "test_fixture": ([4, 6, 10], ""),
    "test_shared": ([], ""),
    "test_thread": ([4, 6], ""),
    "test_process": ([], "it starts a process, and nobody looks into that"),
    "test_long": ([19, 20], "it goes on for longer than it is looked at"),
    "test_forged": ([], ""),
    "test_borrowed": ([16], ""),
    "test_watched": ([], "something else looks at what it executes"),
    "TestGroup::test_sum": ([4, 6], ""),
}


@pytest.fixture(scope="module")
def traced(tmp_path_factory, empty_environment):
    """What one run says of all the tests above but one."""
    from l2mac.checks.report import Scene

    lane = tmp_path_factory.mktemp("lane")
    files = {"app.py": APP, HERE: TESTS}
    for path, text in files.items():
        (lane / path).parent.mkdir(exist_ok=True)
        (lane / path).write_text(text, "utf-8")
    asked = frozenset(f"{HERE}::{test.partition('[')[0]}" for test in SEEN)
    scene = Scene(files, lane, traced=asked)
    report = PytestCheck(open_sandbox("auto"), seconds=60.0).check(scene, ProjectIndex().of(files), empty_environment)
    assert report.outcome == "passed", report
    return report.traced


def lines(traced: Traced) -> list[int]:
    mask = int(traced.lines.get("app.py", "0"), 16)
    return [line for line in range(mask.bit_length()) if mask >> line & 1]


@pytest.mark.parametrize("test", SEEN)
def test_the_lines_that_a_test_executes_are_seen(test, traced):
    found = traced[f"{HERE}::{test}"]
    assert (lines(found), found.why) == SEEN[test]


def test_what_a_fixture_does_for_several_tests_counts_for_all_and_only_what_was_asked_is_looked_at(traced):
    assert lines(traced[""]) == [13]
    assert traced.keys() == {"", *(f"{HERE}::{test}" for test in SEEN)}


def test_nothing_is_looked_at_where_nobody_asks(lay_out, empty_environment):
    scene = lay_out({"test_a.py": "import sys\ndef test_a():\n    assert sys.gettrace() is None\n"})
    report = PytestCheck(open_sandbox("auto"), seconds=20.0).check(
        scene, ProjectIndex().of(scene.files), empty_environment
    )
    assert (report.outcome, report.traced) == ("passed", {})
