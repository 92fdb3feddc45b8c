"""What reports mean for an instruction, against the baseline."""

import pytest

from l2mac.checks.report import Finding, Report
from l2mac.checks.verdict import judge, label


def lint(*names, line=1):
    return Report("lint", "failed", tuple(Finding("a.py", line, "E0602", f"undefined {name}") for name in names))


def ran(*ids, text="it failed", outcome="failed"):
    return Report("tests", outcome, tuple(Finding("test_a.py", 1, id, text) for id in ids))


ADVICE = Report("lint", "passed", (Finding("a.py", 1, "E1101", "no member", advice=True),))
OUTCOMES = {
    "nothing": ([], [], True),
    "all passed": ([Report("syntax", "passed"), Report("tests", "passed")], [], True),
    "absent": ([Report("tests", "absent")], [], True),
    "unavailable": ([Report("tests", "unavailable", detail="install pytest")], [], True),
    "advice": ([ADVICE], [], True),
    "failed": ([ran("t1")], [], False),
    "timed out": ([Report("tests", "timed_out")], [], False),
    "failed without findings": ([Report("environment", "failed", detail="pip\nno such package")], [], False),
    "failed before": ([ran("t1")], [ran("t1")], True),
    "failed before with another message": ([ran("t1", text="1 != 2")], [ran("t1", text="1 != 3")], True),
    "failed before elsewhere": ([ran("t1")], [ran("t2")], False),
    "failed before and one more": ([ran("t1", "t2")], [ran("t1")], False),
    "failed before, now fewer": ([ran("t1")], [ran("t1", "t2")], True),
    "passed before": ([ran("t1")], [Report("tests", "passed", passed=("t1",))], False),
    "lint as before on another line": ([lint("x", line=9)], [lint("x")], True),
    "lint of another name": ([lint("y")], [lint("x")], False),
    "lint as before, once more": ([lint("x", "x")], [lint("x")], False),
    "lint as before, as often": ([lint("x", "x")], [lint("x", "x")], True),
    "timed out before": ([ran("t1", outcome="timed_out")], [ran("t1", outcome="timed_out")], True),
    "timed out before, failed now": ([ran("t1")], [ran("t1", outcome="timed_out")], True),
    "timed out as a whole, as before": ([Report("tests", "timed_out")], [Report("tests", "timed_out")], True),
    "timed out as a whole, failed before": ([Report("tests", "timed_out")], [ran("t1")], False),
    "advice before, failed now": ([lint("x")], [ADVICE], False),
    "unavailable before": ([ran("t1")], [Report("tests", "unavailable")], False),
    "the same words of another check": (
        [Report("syntax", "failed", detail="boom")],
        [Report("environment", "failed", detail="boom")],
        False,
    ),
}


@pytest.mark.parametrize(("now", "before", "accepted"), OUTCOMES.values(), ids=OUTCOMES)
def test_nothing_may_newly_fail_and_what_failed_may_go_on(now, before, accepted):
    verdict = judge(now, before)
    assert verdict.accepted == accepted
    assert bool(verdict.blocking) != accepted


def test_only_what_is_new_blocks():
    assert [finding.code for finding in judge([ran("t1", "t2")], [ran("t1")]).blocking] == ["t2"]


def test_a_check_that_fails_without_findings_blocks_by_its_last_words():
    (finding,) = judge([Report("environment", "failed", detail="pip\nno such package\n")]).blocking
    assert (finding.path, finding.code, finding.text) == ("", "environment", "no such package")
    assert judge([Report("tests", "timed_out")]).blocking[0].text == "timed out"


def test_what_is_unavailable_is_said_with_the_line_that_helps():
    reports = [Report("tests", "unavailable", detail="uv pip install pytest"), Report("lint", "unavailable")]
    assert judge(reports).unverified == ("tests: uv pip install pytest", "lint: not available here")


def test_what_was_waived_is_passed_over_wherever_it_has_moved():
    assert judge([lint("x", line=7)], waived=[label(lint("x").findings[0])]).accepted
    assert not judge([lint("x", "y")], waived=[label(lint("x").findings[0])]).accepted
