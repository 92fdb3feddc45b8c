"""What reports look like to the model: failures first, lines in place, what is new."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from .report import Finding, Report
from .verdict import label

_AROUND = 2  # lines shown before and after the one a finding points at
_MOST = 30  # findings shown one by one
_ADVICE = 5
_INVISIBLE = re.compile(r"\x1b\[[\d;]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


def render(
    reports: Iterable[Report],
    files: Mapping[str, str],
    blocking: Collection[Finding],
    before: Collection[str] = (),
    room: int = 6_000,
) -> str:
    """Reports as text for the model. The first line is `checks passed` or `checks failed`.

    Args:
        reports: what the checks said.
        files: the files they looked at.
        blocking: the findings that must be mended.
        before: labels of the findings already shown; others are marked as new.
        room: characters that the text may have.
    """
    reports = list(reports)
    lines = ["checks failed" if blocking else "checks passed", _summary(reports)]
    for finding in list(blocking)[:_MOST]:
        mark = "" if label(finding) in before or not before else " [new]"
        lines += [f"{_place(finding)}{mark}", *_in_place(finding, files)]
    lines += _more(len(blocking) - _MOST, "failures")
    if details := [
        report.detail for report in reports if report.outcome in ("failed", "timed_out") and report.detail and blocking
    ]:
        lines += ["", *details]
    advice = [finding for report in reports for finding in report.findings if finding.advice]
    lines += [f"advice: {_place(finding)}" for finding in advice[:_ADVICE]]
    lines += _more(len(advice) - _ADVICE, "pieces of advice")
    lines += [f"not run: {report.check}: {report.detail}" for report in reports if report.outcome == "unavailable"]
    return bounded(_INVISIBLE.sub("", "\n".join(lines)), room)


def bounded(text: str, room: int) -> str:
    """Head and tail of a text too long to show, with what was cut said in between."""
    if len(text) <= room:
        return text
    mark = f"\n[… {len(text):,} characters in all; those in the middle are not shown …]\n"
    left = max(room - len(mark), 0)
    return f"{text[: left * 2 // 3]}{mark}{text[len(text) - left // 3 :]}"


def _more(count: int, what: str) -> list[str]:
    return [f"[{count:,} more {what} not shown]"] if count > 0 else []


def _summary(reports: Iterable[Report]) -> str:
    """One line on what ran: `syntax passed, lint passed, tests failed (2 of 5)`."""
    parts = []
    for report in reports:
        outcome = report.outcome.replace("_", " ")
        if report.check == "tests" and report.outcome in ("passed", "failed"):
            failed = len({finding.code for finding in report.failures})
            counts = {"passed": len(report.passed), "failed": failed, "skipped": len(report.skipped)}
            outcome = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
            outcome = outcome or report.outcome
        parts.append(f"{report.check} {outcome}")
    return "; ".join(parts) or "nothing to check"


def _place(finding: Finding) -> str:
    where = f"{finding.path}:{finding.line}" if finding.line else finding.path
    return ": ".join(part for part in (where, finding.code, " ".join(finding.text.split())[:500]) if part)


def _in_place(finding: Finding, files: Mapping[str, str]) -> list[str]:
    """The lines around a finding, numbered, the one it points at marked."""
    lines = re.split(r"\r\n?|\n", files.get(finding.path, ""))  # as Python counts them, not as str.splitlines does
    if not 0 < finding.line <= len(lines):
        return []
    first, last = max(finding.line - _AROUND, 1), min(finding.line + _AROUND, len(lines))
    return [
        f"{'>' if number == finding.line else ' '}{number:4} | {lines[number - 1][:200]}"
        for number in range(first, last + 1)
    ]
