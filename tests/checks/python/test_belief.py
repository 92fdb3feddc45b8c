"""What a project may do to its test run without being doubted, and what is said of what it may not."""

import pytest

from l2mac.checks.python.bytecode import Bytecode
from l2mac.checks.python.canary import Canary, doubted, draw_canaries
from l2mac.checks.python.project import ProjectIndex
from l2mac.checks.python.pytest_run import PytestCheck
from l2mac.checks.python.seal import Seal, new_key
from l2mac.checks.python.written import passed_over, written_tests
from l2mac.sandbox.rungs import open_sandbox

OK = "def test_ok():\n    pass\n"
TWO = {"tests/test_a.py": OK, "tests/test_b.py": OK}
BOTH = ("tests/test_a.py::test_ok", "tests/test_b.py::test_ok")

HONEST = {
    # name: (files, passed, skipped, texts of the advice)
    "report hook that attaches": (
        {"conftest.py": "import pytest\n@pytest.hookimpl(hookwrapper=True, tryfirst=True)\n"
                        "def pytest_runtest_makereport(item, call):\n    report = (yield).get_result()\n"
                        "    report.shot = (item.cls, dict(item.funcargs), item.module.__name__)\n"
                        "    setattr(item, 'rep_' + report.when, report)\n", **TWO}, BOTH, (), [],
    ),
    "items reordered and marked": (
        {"conftest.py": "import pytest\ndef pytest_collection_modifyitems(items):\n    items.reverse()\n"
                        "    for item in items:\n        item.add_marker(pytest.mark.usefixtures('tmp_path'))\n"
                        "", **TWO},
        BOTH, (), [],
    ),
    "fixtures for all, of every scope": (
        {"conftest.py": "import pytest\n" + "".join(
            f"@pytest.fixture(autouse=True, scope='{scope}')\ndef {scope}_wide(request):\n"
            f"    assert request.node is not None and {needs}\n    yield\n" for scope, needs in
            {"session": "True", "module": "request.module.__file__",
             "function": "request.function.__name__ == 'test_ok'",
             "class": "True"}.items()), **TWO}, BOTH, (), [],
    ),
    "module fixtures set up once": (
        {"tests/test_a.py": "import pytest\ntimes = []\n@pytest.fixture(scope='module', autouse=True)\ndef once():\n"
                            "    times.append(1)\n    yield\n    assert times == [1]\n" + OK +
                            "class TestMore:\n    def test_m(self):\n        assert times == [1]\n"
                            "    def test_n(self):\n"
                            "        assert times == [1]\ndef test_last():\n    assert times == [1]\n",
         "tests/test_b.py": OK},
        ("tests/test_a.py::TestMore::test_m", "tests/test_a.py::TestMore::test_n", "tests/test_a.py::test_last",
         "tests/test_a.py::test_ok", "tests/test_b.py::test_ok"), (), [],
    ),
    "own way of calling coroutines": (
        {"conftest.py": "import asyncio, inspect, pytest\n@pytest.hookimpl(tryfirst=True)\n"
                        "def pytest_pyfunc_call(pyfuncitem):\n    if inspect.iscoroutinefunction(pyfuncitem.obj):\n"
                        "        asyncio.run(pyfuncitem.obj())\n        return True\n",
         "tests/test_a.py": "async def test_ok():\n    pass\n", "tests/test_b.py": OK}, BOTH, (), [],
    ),
    "tests called in a thread": (
        {"conftest.py": "from concurrent.futures import ThreadPoolExecutor\ndef pytest_pyfunc_call(pyfuncitem):\n"
                        "    with ThreadPoolExecutor(1) as pool:\n        pool.submit(pyfuncitem.obj).result(9)\n"
                        "    return True\n", **TWO}, BOTH, (), [],
    ),
    "own way of running that reports as pytest does": (
        {"conftest.py": "from _pytest.runner import runtestprotocol\ndef pytest_runtest_protocol(item, nextitem):\n"
                        "    for report in runtestprotocol(item, nextitem=nextitem, log=False):\n"
                        "        item.ihook.pytest_runtest_logreport(report=report)\n    return True\n"
                        "", **TWO}, BOTH, (), [],
    ),
    "unittest, subtests and parameters": (
        {"tests/test_a.py": "import unittest\nclass Sums(unittest.TestCase):\n    def test_s(self):\n"
                            "        with self.subTest('x'):\n            self.assertTrue(True)\n"
                            "    @unittest.expectedFailure\n    def test_f(self):\n        self.fail()\n",
         "tests/test_b.py": "import pytest\n@pytest.mark.parametrize('n', [1, 2])\ndef test_p(n):\n    pass\n"},
        ("tests/test_a.py::Sums::test_s", "tests/test_b.py::test_p[1]", "tests/test_b.py::test_p[2]"),
        ("tests/test_a.py::Sums::test_f",), [],
    ),
    "a marker that leaves slow tests out": (
        {"pytest.ini": "[pytest]\nmarkers = slow\naddopts = -m 'not slow'\n", "tests/test_a.py": OK,
         "tests/test_b.py": "import pytest\n@pytest.mark.slow\n" + OK},
        BOTH[:1], BOTH[1:], ["was not run: it is deselected"],
    ),
    "a hook that leaves tests out and says so": (
        {"conftest.py": "def pytest_collection_modifyitems(config, items):\n"
                        "    config.hook.pytest_deselected(items=items[1:])\n    del items[1:]\n", **TWO},
        BOTH[:1], BOTH[1:], ["was not run: it is deselected"],
    ),
    "a setting that names where tests are": (
        {"pytest.ini": "[pytest]\ntestpaths = tests\n", "tests/test_a.py": OK, "other/test_b.py": OK},
        BOTH[:1], ("other/test_b.py::test_ok",), ["was not run: the file was not looked at"],
    ),
    "other files ignored, and folders that pytest does not enter": (
        {"conftest.py": "collect_ignore = ['setup.py', 'tools']\n", "setup.py": "1 / 0\n"
                                "", "build/test_c.py": OK, **TWO},
        BOTH, (), [],
    ),
    "tests that are none": (
        {"tests/test_a.py": OK + "import pytest\nclass TestData:\n    def __init__(self):\n        pass\n"
                            "    def test_no(self):\n        pass\n"
                            "@pytest.fixture\ndef test_data():\n    pass\nif False:\n    def test_never():\n"
                            "        pass\n"
                            "def test_gone():\n    pass\ndel test_gone\n"
                            "class TestOff:\n    __test__ = False\n    def test_off(self):\n        pass\n"
                            "def outer():\n    def test_inner():\n        pass\n",
         "tests/test_b.py": OK + "def test_ok():\n    pass\n"}, BOTH, (), [],
    ),
}  # fmt: skip


def run(scene, environment, check=None):
    check = check or PytestCheck(open_sandbox("auto"), seconds=20.0)
    return check.check(scene, ProjectIndex().of(scene.files), environment)


@pytest.mark.parametrize("case", HONEST.values(), ids=HONEST.keys())
def test_an_honest_project_is_believed(case, lay_out, empty_environment):
    files, passed, skipped, advice = case
    report = run(lay_out(files), empty_environment)
    assert (report.outcome, report.passed, report.skipped) == ("passed", passed, skipped), report
    assert [finding.text for finding in report.findings] == advice
    assert not report.failures


BENT = {
    "swallowed": (
        {"conftest.py": "import pytest\n@pytest.hookimpl(hookwrapper=True)\ndef pytest_runtest_call(item):\n"
                        "    (yield).force_result(None)\n", **TWO},
        ("conftest.py", "tests", "the tests change how tests are judged: one that fails was reported as passed; "
                                 "leave pytest as it is"),
    ),
    "without end": (
        {"conftest.py": "def pytest_runtestloop(session):\n    for item in session.items:\n"
                        "        item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)\n"
                        "        if item.name == 'test_ok':\n            item.session.items[:] = [item]\n"
                        "    return True\n",
         "tests/test_a.py": OK},
        ("conftest.py", "tests", "the tests change how tests are judged: one of the machine's own was not reported; "
                                 "leave pytest as it is"),
    ),
    "failed and passed": (
        {"conftest.py": "import pytest\n@pytest.hookimpl(hookwrapper=True)\ndef pytest_runtest_makereport(item):\n"
                        "    report = (yield).get_result()\n    if item.name == 'test_bad':\n"
                        "        report.outcome = 'passed'\n",
         "tests/test_a.py": OK + "def test_bad():\n    assert 0\n"},
        ("tests/test_a.py", "tests/test_a.py::test_bad", "it failed, and was reported as passed"),
    ),
    "hidden": (
        {"conftest.py": "collect_ignore = ['tests/test_b.py']\n", **TWO},
        ("tests/test_b.py", "tests/test_b.py", "was not run: the file was not looked at"),
    ),
    "dropped": (
        {"conftest.py": "def pytest_collection_modifyitems(items):\n    del items[1:]\n", **TWO},
        ("tests/test_b.py", "tests/test_b.py::test_ok", "was not run: it was dropped after it was found"),
    ),
    "written between": (
        {"tests/test_a.py": "import glob\ndef test_ok():\n    with open(glob.glob('.l2mac-*/log')[0], 'a') as log:\n"
                            "        log.write('{\"event\": \"finish\"}\\n')\n"},
        ("", "tests", "something in the tests wrote into their results"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BENT.values(), ids=BENT.keys())
def test_what_bends_a_run_is_named(case, lay_out, empty_environment):
    files, expected = case
    report = run(lay_out(files), empty_environment)
    assert report.outcome == "failed"
    assert [(it.path, it.code, it.text) for it in report.findings] == [expected]
    if expected[0] == "conftest.py":
        assert not report.passed


def test_the_secret_of_the_log_is_not_to_be_found_by_the_tests(lay_out, empty_environment):
    look = """
import glob, os
def test_look():
    assert [os.path.basename(path) for path in glob.glob(".l2mac-results-*/*")] == ["log"]
    assert not [name for name in os.environ if "L2MAC" in name]
"""
    assert run(lay_out({"test_a.py": look}), empty_environment).outcome == "passed"


def test_compiled_files_are_kept_from_run_to_run_and_planted_ones_are_not(lay_out, empty_environment):
    check = PytestCheck(open_sandbox("auto"), seconds=20.0)
    files = {"app.py": "A = 1\n", "test_a.py": "from app import A\ndef test_a():\n    assert A == 1\n"}
    scene = lay_out(files)
    cache = scene.folder / "__pycache__"
    assert run(scene, empty_environment, check).outcome == "passed"
    first = {path.name: path.stat().st_mtime_ns for path in cache.iterdir()}
    assert len(first) == 2
    assert run(scene, empty_environment, check).outcome == "passed"
    assert {path.name: path.stat().st_mtime_ns for path in cache.iterdir()} == first
    for path in cache.iterdir():
        path.write_bytes(path.read_bytes())
    (cache / "app.planted.pyc").write_bytes(b"")
    assert run(scene, empty_environment, check).outcome == "passed"
    after = {path.name: path.stat().st_mtime_ns for path in cache.iterdir()}
    assert after.keys() == first.keys() and all(after[name] != first[name] for name in first)


def test_a_link_in_place_of_a_cache_leads_nothing_into_ruin(tmp_path):
    lane, outside = tmp_path / "lane", tmp_path / "outside"
    (lane / "sub").mkdir(parents=True)
    (outside / "__pycache__").mkdir(parents=True)
    (outside / "__pycache__" / "kept.pyc").touch()
    (lane / "sub" / "__pycache__").symlink_to(outside / "__pycache__")
    (lane / "other").symlink_to(outside)
    Bytecode().clean(lane, {"sub/a.py": "", "other/b.py": "", "gone/c.py": ""})
    assert (outside / "__pycache__" / "kept.pyc").exists()
    assert not (lane / "sub" / "__pycache__").exists()


def test_only_the_next_line_of_the_same_log_is_known_again():
    key = new_key()
    writer, reader = Seal(key), Seal(key)
    first, second = writer.seal(b"one"), writer.seal(b"two")
    assert reader.opened(second) is None
    assert reader.opened(Seal(new_key()).seal(b"one")) is None
    assert reader.opened(first.replace(b"one", b"won")) is None
    assert [reader.opened(line) for line in (first, first, second, b"", b"\xff \xff")] == [
        b"one",
        None,
        b"two",
        None,
        None,
    ]


FAILING, PASSING = Canary("test_f", True, 0.0), Canary("test_p", False, 1.0)
ALL = {"setup passed", "call passed", "teardown passed"}


@pytest.mark.parametrize(
    ("heard", "complete", "doubt"),
    [
        ({"test_f": {"setup passed", "call failed", "teardown passed"}, "test_p": ALL}, True, ""),
        ({"test_f": ALL, "test_p": ALL}, True, "one that fails was reported as passed"),
        ({"test_f": ALL}, False, "one that fails was reported as passed"),
        ({"test_f": {"call failed"}, "test_p": {"call failed"}}, True, "one that passes was reported as failed"),
        ({"test_f": {"setup failed"}, "test_p": {"setup failed"}}, True, ""),
        ({"test_f": {"setup skipped"}, "test_p": {"setup skipped"}}, True, ""),
        ({"test_f": {"call failed"}}, True, "one of the machine's own was not reported"),
        ({}, False, ""),
    ],
)
def test_a_run_is_doubted_for_what_became_of_the_canaries(heard, complete, doubt):
    assert doubted([FAILING, PASSING], heard, complete) == doubt


def test_canaries_stand_first_last_and_between_in_an_order_that_changes():
    drawn = [draw_canaries() for _ in range(60)]
    assert {tuple(it.fails for it in three) for three in drawn} == {
        (False, True, True), (True, False, True), (True, True, False)
    }  # fmt: skip
    assert all((three[0].place, three[2].place) == (0.0, 1.0) for three in drawn)
    assert len({it.name for three in drawn for it in three}) == 180


def test_the_tests_of_a_file_are_known_by_its_text():
    text = (
        "class TestA:\n    def test_b(self): ...\nasync def test_c(): ...\nclass TestD(B):\n    def test_e(self): ...\n"
    )
    assert written_tests(text) == ("TestA::test_b", "test_c")
    assert written_tests("def (") == ()
    assert passed_over("t/test_a.py", text, {"t/test_a.py::test_c"}) == ["t/test_a.py::TestA::test_b"]
    assert passed_over("venv/test_a.py", text, ()) == []
