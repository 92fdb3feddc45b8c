"""What reports look like to the model: failures first, lines in place, what is new."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from ..excerpt import bounded, fenced
from .report import Finding, Report
from .verdict import label

_AROUND = 2  # lines shown before and after the one a finding points at
_MOST = 30  # findings shown one by one
_ADVICE = 5
_NAMED = 6  # checks that are named though they passed
_FENCES = 80  # characters of the longest fences
_INVISIBLE = re.compile(r"\x1b\[[\d;]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


def render(
    reports: Iterable[Report],
    files: Mapping[str, str],
    blocking: Collection[Finding],
    before: Collection[str] = (),
    room: int | None = None,
    page: str = "",
) -> str:
    """Reports as text for the model. The first line is `checks passed` or `checks failed`.

    What a check printed is fenced: it may come from the code that was judged. A failed test stands in it with its lines
    in place; any other finding is shown with those around it.

    Args:
        reports: what the checks said.
        files: the files they looked at.
        blocking: the findings that must be mended.
        before: labels of the findings already shown; others are marked as new.
        room: characters that the text may have; None shows everything.
        page: the path under which `read_files` shows everything.
    """
    reports = list(reports)
    most, few = (_MOST, _ADVICE) if room is not None else (len(blocking), 1_000)
    details = [it.detail for it in reports if it.outcome in ("failed", "timed_out") and it.detail and blocking]
    lines = ["checks failed" if blocking else "checks passed", _summary(reports)]
    lines += [f"{it.check}: {it.detail}" for it in reports if it.outcome == "passed" and it.detail]
    places: set[tuple[str, int]] = set()
    for finding in list(blocking)[:most]:
        mark = "" if label(finding) in before or not before else " [new]"
        told = any(f"FAILED {finding.code}\n" in detail for detail in details)
        # A line of prose is a paragraph: it is shown alone, and once.
        prose = finding.path.endswith(".md")
        told = told or (prose and (finding.path, finding.line) in places)
        places.add((finding.path, finding.line))
        lines += [f"{_place(finding)}{mark}", *([] if told else _in_place(finding, files, 0 if prose else _AROUND))]
    lines += _more(len(blocking) - most, "failures", page)
    advice = [finding for report in reports for finding in report.findings if finding.advice]
    lines += [f"advice: {_place(finding)}" for finding in advice[:few]]
    lines += _more(len(advice) - few, "pieces of advice", page)
    lines += [f"not run: {report.check}: {report.detail}" for report in reports if report.outcome == "unavailable"]
    text = _INVISIBLE.sub("", "\n".join(lines))
    printed = _INVISIBLE.sub("", "\n\n".join(details))
    if room is None:
        return f"{text}\n{fenced(printed)}" if printed else text
    text = bounded(text, max(room * 2 // 3, room - len(printed) - _FENCES) if printed else room, page)
    left = room - len(text) - _FENCES
    return f"{text}\n{fenced(bounded(printed, left, page))}" if printed and left > _FENCES else text


def _more(count: int, what: str, page: str) -> list[str]:
    where = f"read_files shows them in {page}" if page else "not shown"
    return [f"[{count:,} more {what}; {where}]"] if count > 0 else []


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
    if len(parts) > _NAMED:
        told = [part for part in parts if not part.endswith((" passed", " absent"))]
        passed = sum(part.endswith(" passed") for part in parts)
        parts = [*told, *([f"{passed} checks passed"] if passed else [])]
    return "; ".join(parts) or "nothing to check"


def _place(finding: Finding) -> str:
    where = f"{finding.path}:{finding.line}" if finding.line else finding.path
    return ": ".join(part for part in (where, finding.code, " ".join(finding.text.split())[:500]) if part)


def _in_place(finding: Finding, files: Mapping[str, str], around: int) -> list[str]:
    """The lines around a finding, numbered, the one it points at marked."""
    lines = re.split(r"\r\n?|\n", files.get(finding.path, ""))  # as Python counts them, not as str.splitlines does
    if not 0 < finding.line <= len(lines):
        return []
    first, last = max(finding.line - around, 1), min(finding.line + around, len(lines))
    return [
        f"{'>' if number == finding.line else ' '}{number:4} | {lines[number - 1][:200]}"
        for number in range(first, last + 1)
    ]
