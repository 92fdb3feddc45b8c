"""The verdict: what reports mean for an instruction, judged against the baseline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .report import Finding, Report


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether work may be retired."""

    blocking: tuple[Finding, ...] = ()
    """What must be mended first."""
    unverified: tuple[str, ...] = ()
    """What could not be checked here, each with what would make it possible."""

    @property
    def accepted(self) -> bool:
        """Whether nothing stands in the way."""
        return not self.blocking


def judge(reports: Iterable[Report], baseline: Sequence[Report] = (), waived: Iterable[str] = ()) -> Verdict:
    """Judge reports: what failed before the run may go on failing, nothing may newly fail.

    Args:
        reports: what the checks say now.
        baseline: what they said when the run began.
        waived: findings, as `label` names them, that count as advice from now on.
    """
    known = Counter(name for report in baseline for name in _names(report))
    passed_over = set(waived)
    blocking: list[Finding] = []
    unverified: list[str] = []
    for report in reports:
        if report.outcome == "unavailable":
            unverified.append(f"{report.check}: {report.detail or 'not available here'}")
        elif report.outcome in ("failed", "timed_out"):
            for finding in _whole(report):
                name = _name(report, finding)
                # A test fails once however often it says so; of other findings there may be no more than there were.
                if known[name] > 0:
                    known[name] -= report.check != "tests"
                elif label(finding) not in passed_over:
                    blocking.append(finding)
    return Verdict(tuple(blocking), tuple(unverified))


def label(finding: Finding) -> str:
    """A finding in one line, the same wherever the lines of its file have moved."""
    return f"{finding.path} {finding.code} {finding.text}"


def _names(report: Report) -> list[tuple[str, str, str]]:
    return [_name(report, finding) for finding in _whole(report)] if report.outcome in ("failed", "timed_out") else []


def _name(report: Report, finding: Finding) -> tuple[str, str, str]:
    """What makes two findings the same. A test that fails is the same whatever it says."""
    return (report.check, finding.code, "") if report.check == "tests" else (finding.path, finding.code, finding.text)


def _whole(report: Report) -> tuple[Finding, ...]:
    """The failures; where a check failed without naming any, itself as one."""
    if report.failures:
        return report.failures
    reason = report.detail.strip().splitlines()
    return (Finding("", 0, report.check, reason[-1] if reason else report.outcome.replace("_", " ")),)
