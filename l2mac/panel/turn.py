"""One turn at full length: what the model said and asked for, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ..checks.report import Finding, Report
from ..control.records import Adopted, Command, Exchange
from ..memory.journal import Event, Journal
from ..processor.protocol import ToolCall
from .plain import yaml_lines
from .story import tell, used
from .views import Turn


def told(turn: Turn, journal: Journal) -> Iterator[str]:
    """The reply, its calls written out, and what followed."""
    exchange = journal.load(turn.reply, Exchange)
    reply = exchange.reply
    cut = ", cut at the length limit" if reply.ending == "cut" else ""
    yield f"turn {turn.place}{cut}: {reply.model or 'a model that was not named'}, {used(exchange)}"
    if reply.message.content:
        yield f"\n{reply.message.content}"
    for call in reply.message.tool_calls:
        yield from _call(call)
    for event in turn.after:
        yield from _consequence(event, journal)


def in_full(reports: list[Report]) -> Iterator[str]:
    """Reports with all that they hold."""
    for it in reports:
        yield f"{it.check}: {it.outcome.replace('_', ' ')}"
        yield from (f"  {_finding(finding)}" for finding in it.findings)
        yield from (f"  {line}" for line in it.detail.splitlines())
        yield from (f"  passed {test}" for test in it.passed)
        yield from (f"  skipped {test}" for test in it.skipped)


def _consequence(event: Event, journal: Journal) -> Iterator[str]:
    yield f"\n── {event.key.rsplit('/', 1)[1]} ──"
    match event.kind:
        case "checks":
            yield from in_full(journal.load(event, list[Report]))
        case "command":
            yield journal.load(event, Command).whole
        case "refused":
            yield from journal.load(event, list[str])
        case "adopted":
            yield from sorted(journal.load(event, Adopted).change)
        case _:
            yield from tell(event, journal, verbose=True)


def _call(call: ToolCall) -> Iterator[str]:
    """A call with its arguments as a person reads them: texts of files as they are."""
    yield f"\n── {call.name} ──"
    try:
        arguments = json.loads(call.arguments)
        match call.name:
            case "write_files":
                lines = [text for it in arguments["files"] for text in (f"── {it['path']}", *it["content"].split("\n"))]
            case "edit_file":
                lines = [str(arguments["path"])]
                for edit in arguments["edits"]:
                    lines += ["@@", *(f"-{line}" for line in edit["find"].split("\n"))]
                    lines += [f"+{line}" for line in edit["replace"].split("\n")]
            case _:
                lines = yaml_lines(arguments)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        lines = ["(arguments that can't be read)", call.arguments]
    yield from lines


def _finding(finding: Finding) -> str:
    where = f"{finding.path}:{finding.line}" if finding.line else finding.path
    told = "\n    ".join(finding.text.splitlines())
    return " ".join(filter(None, ["advice:" if finding.advice else "", where, finding.code, told]))
