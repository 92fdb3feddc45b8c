"""All tests may be run ahead of the completion that asks for them; what is said is what it would have been."""

from __future__ import annotations

from dataclasses import replace

import pytest

from l2mac.checks.python.ahead import Ahead
from l2mac.checks.python.project import ProjectIndex
from l2mac.checks.python.pytest_run import PytestCheck
from l2mac.checks.report import Scene
from l2mac.sandbox.rungs import open_sandbox

ONE, TWO = "tests/test_one.py", "tests/test_two.py"
FILES = {
    "one.py": "def one():\n    return 1\n",
    "two.py": "def two():\n    return 2\n",
    ONE: "from one import one\n\n\ndef test_one():\n    assert one()\n\n\ndef test_more():\n    assert one() == 1\n",
    TWO: "from two import two\n\n\ndef test_two():\n    assert two() == 2\n",
}
EVIDENCE = frozenset({f"{ONE}::test_one"})


class Counting:
    """A sandbox that counts what it is asked to run."""

    def __init__(self):
        self._sandbox = open_sandbox("auto")
        self.name, self.runs = self._sandbox.name, 0

    def run(self, *arguments, **options):
        self.runs += 1
        return self._sandbox.run(*arguments, **options)


@pytest.fixture
def judged(empty_environment, tmp_path):
    """Asks a check that finds that running ahead pays, and one that never does; returns what they agree on."""

    def write(files):
        for path, text in files.items():
            (tmp_path / path).parent.mkdir(exist_ok=True)
            (tmp_path / path).write_text(text, "utf-8")

    def ask(files, changed=None, traced=frozenset(), attempt="1/I1/0", tests=None):
        write(files)
        scene = Scene(files, tmp_path, None if changed is None else frozenset(changed), tests, attempt, traced)
        before = ask.sandbox.runs
        report, plain = (
            check.check(scene, ProjectIndex().of(files), empty_environment) for check in (ask.check, ask.plain)
        )
        assert report == plain
        return report, ask.sandbox.runs - before

    ask.sandbox = Counting()
    ask.check, ask.plain = PytestCheck(ask.sandbox), PytestCheck(open_sandbox("auto"))
    ask.check._ahead.pays = lambda: True
    ask.plain._ahead.pays = lambda: False
    return ask


def test_a_completion_of_what_was_just_written_runs_nothing_again(judged):
    report, runs = judged(FILES, {"one.py"})
    assert (report.passed, runs) == ((f"{ONE}::test_more", f"{ONE}::test_one"), 1)
    report, runs = judged(FILES, traced=EVIDENCE)
    assert (len(report.passed), report.traced.keys(), runs) == (3, EVIDENCE | {""}, 0)
    assert judged(FILES)[1] == 0, "nor when nothing is to be traced"


@pytest.mark.parametrize(
    ("files", "more"),
    [
        ({**FILES, "two.py": "def two():\n    return 3\n"}, {}),
        (FILES, {"attempt": "1/I2/0"}),
        (FILES, {"traced": frozenset({f"{TWO}::test_two"})}),
        (FILES, {"tests": (ONE,)}),
    ],
    ids=["other files", "another attempt", "another test is to be looked at", "tests asked for by name"],
)
def test_what_was_not_judged_ahead_is_judged_when_it_is_asked_for(judged, files, more):
    judged(FILES, {"one.py"})
    assert judged(files, **more)[1] == 1


@pytest.mark.parametrize(
    ("broken", "outcome", "runs"),
    [("two.py", "passed", 2), ("one.py", "failed", 2)],
    ids=["elsewhere", "by what was written"],
)
def test_where_something_fails_only_what_the_write_can_affect_is_told(judged, broken, outcome, runs):
    files = {**FILES, broken: "def one():\n    return 0\n\n\ndef two():\n    return 0\n"}
    assert (judged(files, {"one.py"})[0].outcome, judged(files, {"one.py"})[1]) == (outcome, runs)
    assert judged(files)[0].outcome == "failed"


def test_tests_that_are_all_skipped_are_absent_as_ever(judged):
    files = {**FILES, ONE: "import pytest\n\n\n@pytest.mark.skip\ndef test_one():\n    assert 1\n"}
    assert judged(files, {"one.py"})[0].outcome == "absent"
    assert judged(files)[0].outcome == "passed"


@pytest.mark.parametrize(
    ("writes", "completions", "some", "whole", "pays"),
    [(9, 10, 0.1, 0.9, True), (20, 10, 0.1, 0.15, True), (20, 10, 0.1, 0.3, False), (9, 10, 0.1, 3.5, False)],
)
def test_it_pays_where_few_writes_come_to_a_completion_or_the_rest_is_quick(writes, completions, some, whole, pays):
    ahead, scene = Ahead(), Scene({}, None)
    assert not ahead.pays(), "before anything is known"
    for number, changed in ((writes - 2, frozenset()), (completions - 1, None)):
        for _ in range(number):
            ahead.asked(replace(scene, changed=changed))
    ahead.took("some", some)
    ahead.took("all", whole)
    assert ahead.pays() == pays
