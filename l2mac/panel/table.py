"""Status and ending as text for a terminal of 80 columns."""

from __future__ import annotations

from typing import Any

from ..domains.book.manuscript import is_chapter
from ..machine import Codebase
from .story import counted, measure, money, played, shown

_FEW = 12  # requirements that are all told of
_MARKS = {"retired": "done", "blocked": "BLOCKED", "begun": "now", "waiting": "-"}


def rendered(told: dict[str, Any]) -> str:
    """A run's status as a table.

    Args:
        told: what `panel.views.status` gives, and whether a process is `working` on it.
    """
    heads = f"{'words':>9}" if _measured(told) else f"{'loc':>5} {'tests':>7}"
    lines = [
        f"{told['name']}: {_outcome(told)}",
        f"processor {told['processor']}, sandbox {told['sandbox']}"
        + ("" if told["tests_on"] or _measured(told) else ", tests off"),
        "",
        f"{'':4} {'instruction':38} {'state':8} {'turns':>5} {heads} {'errors':>6}",
    ]
    lines += [_row(it) for it in told["instructions"]]
    lines += ["", f"{_made(told)}, {_spent(told)}"]
    if told["mutation"]:
        lines.append(f"mutation: {told['mutation']['told']}")
    if told["saved_seconds"]:
        lines.append(f"{told['saved_seconds']:g} s of builds and tests saved: the same had been judged before")
    asked = told["requirements"]
    if asked:
        met = sum(it["met"] for it in asked)
        lines.append(f"{met} of {counted(len(asked), 'requirement')} shown; `l2mac show {told['name']} requirements`")
    lines += [f"  {it['id']} {shown(it['met'], it['by'])}" for it in asked if not it["met"] or len(asked) <= _FEW]
    lines += [f"  {reason}" for reason in told["reasons"]]
    return "\n".join(lines)


def ending(codebase: Codebase, processor: str = "") -> str:
    """How a run ended, in one line, which says so where a tape played."""
    told = _ended(codebase)
    return f"{told} ({played(processor)})" if played(processor) else told


def _ended(codebase: Codebase) -> str:
    ended, program = codebase.ended, codebase.program
    if ended is None:
        return f"the program is compiled; `l2mac resume {codebase.path}` executes it"
    met = sum(it.met for it in ended.shown)
    steps = len(program.instructions) if program else 0
    what = counted(steps, "instruction")
    if ended.shown:
        what += f", {met} of {counted(len(ended.shown), 'requirement')} shown"
    usage = codebase.usage
    if codebase.words is not None:
        what += f", {measure(codebase.words, sum(map(is_chapter, codebase)))}"
    elif not any(report.check == "tests" for report in codebase.reports):
        what += ", tests off"
    return f"{ended.outcome}: {what}, {usage.tokens:,} tokens, {money(usage.cost)}"


def _outcome(told: dict[str, Any]) -> str:
    """How it ended; of a run that has not, whether it goes on by itself."""
    if told["outcome"] != "unfinished":
        return str(told["outcome"])
    if told["working"]:
        return "paused by order" if told["paused"] else "at work"
    why = f" ({told['stopped']})" if told["stopped"] else ""
    return f"unfinished{why}; `l2mac resume {told['name']}` goes on"


def _measured(told: dict[str, Any]) -> bool:
    return told["words"] is not None


def _made(told: dict[str, Any]) -> str:
    """How much there is of it: a text in words, code in lines and tests."""
    if _measured(told):
        return measure(told["words"], told["chapters"], told["words_asked"])
    return f"{counted(told['files'], 'file')}, {told['loc']} lines of code, {_tests(told['tests'])}"


def _row(it: dict[str, Any]) -> str:
    tests = f"{it['tests']['passed']}/{it['tests']['passed'] + it['tests']['failed']}"
    title = it["title"] if len(it["title"]) <= 38 else f"{it['title'][:37]}…"
    state = _MARKS[it["state"]]
    made = f"{it['loc']:5} {tests:>7}" if it["words"] is None else f"{it['words']:9,}"
    return f"{it['id']:4} {title:38} {state:8} {it['turns']:5} {made} {it['errors']:6}"


def _tests(tests: dict[str, Any]) -> str:
    if tests["outcome"] == "not run":
        return "no tests run"
    return f"{counted(tests['passed'], 'test')} passed" + (f", {tests['failed']} failed" if tests["failed"] else "")


def _spent(told: dict[str, Any]) -> str:
    usage = told["usage"]
    return f"{counted(told['calls'], 'call')}, {usage['prompt'] + usage['completion']:,} tokens, {money(usage['cost'])}"
