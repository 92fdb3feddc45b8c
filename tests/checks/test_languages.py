"""A project in several languages is judged by all of them, and one in Python alone as by Python's checks."""

import pytest

from l2mac.checks.languages import ProjectChecks, foreign, joined
from l2mac.checks.python.checks import PythonChecks
from l2mac.checks.report import Finding, Report
from l2mac.checks.toolchains.checks import ToolchainChecks
from l2mac.checks.toolchains.fetching import Fetcher
from l2mac.sandbox.rungs import open_sandbox

PYTHON = {"one.py": "ONE = 1\n", "tests/test_one.py": "import one\n\n\ndef test_one():\n    assert one.ONE == 1\n"}
C = {"c/Makefile": "all: main.o\ntest:\n\t@true\n", "c/main.c": "int main(void) { return 0; }\n"}
PYTEST, MAKE = "tests/test_one.py::test_one", "c/Makefile::make"


@pytest.fixture
def checks(environments, tmp_path):
    sandbox = open_sandbox("auto")
    python = PythonChecks(sandbox, environments)
    return python, ProjectChecks(python, ToolchainChecks(sandbox, Fetcher(tmp_path / "home")))


def test_a_project_of_python_alone_is_judged_as_before(checks, lay_out):
    python, both = checks
    scene = lay_out(PYTHON)
    assert both.check(scene) == python.check(scene) and not foreign(PYTHON)


@pytest.mark.parametrize(
    ("asked", "passed"),
    [(None, {PYTEST, MAKE}), ((PYTEST,), {PYTEST}), ((MAKE,), {MAKE}), ((PYTEST, MAKE), {PYTEST, MAKE})],
)
def test_each_language_runs_its_own_tests_in_one_report(checks, lay_out, asked, passed):
    reports = {it.check: it for it in checks[1].check(lay_out(PYTHON | C, tests=asked))}
    assert set(reports["tests"].passed) == passed and reports["tests"].outcome == "passed"


def test_one_report_is_as_bad_as_its_worst_and_what_is_unavailable_stands_alone():
    finding = Finding("a.rs", 1, "build", "no")
    reports = [
        Report("tests", "passed", passed=("a",)),
        Report("tests", "absent", detail="there are no tests"),
        Report("tests", "failed", (finding,), "it failed", passed=("b",)),
        Report("rust", "unavailable", detail="install it"),
        Report("environment", "unavailable", detail="down"),
    ]
    tests, *alone = joined(reports)
    assert (tests.outcome, tests.passed, tests.findings, tests.detail) == (
        "failed",
        ("a", "b"),
        (finding,),
        "it failed",
    )
    assert [it.check for it in alone] == ["rust", "environment"]
    assert joined(reports[:2]) == [Report("tests", "passed", passed=("a",))]
