"""A run told as a story: what was asked, done, checked and repaired, one event after the other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ..checks.python.environment import Making
from ..checks.report import Finding, Report
from ..checks.spot import Mutants
from ..control.records import Adopted, Birth, Command, Ended, Exchange, Retired, Undone
from ..memory.journal import Event, Journal
from ..processor.protocol import ToolCall
from ..program.values import Patch, Program


def tell(event: Event, journal: Journal, *, verbose: bool = False) -> Iterator[str]:
    """The lines that tell one event; none for those that are mere bookkeeping.

    Args:
        event: the event.
        journal: holds its payload.
        verbose: tell bookkeeping, whole texts and token counts too.
    """
    match event.kind:
        case "born":
            birth = journal.load(event, Birth)
            yield f"asked: {_line(birth.prompt, 2_000 if verbose else 100)}"
        case "opened":
            yield f"processor: {event.gist}"
        case "epoch" | "forked":
            yield f"— {event.gist} —"
        case "undone":
            undone = journal.load(event, Undone)
            yield f"— {event.gist}: {', '.join(undone.dropped)} —" if undone.dropped else f"— {event.gist} —"
            yield from (f"  kept as it is: {clean(path)}" for path in undone.kept)
        case "program":
            yield from _program(journal.load(event, Program))
        case "patched":
            yield from _patched(journal.load(event, Patch))
        case "rung" if event.gist != "goes on in a fresh window":  # its window tells that
            yield f"  {event.gist}"
        case "began" if event.key.endswith("/0/0/began"):
            yield f"{event.instruction} {event.gist}"
        case "began" if event.gist:
            yield "  goes on in a fresh window"
        case "reply":
            yield from _reply(journal.load(event, Exchange), event, verbose)
        case "checks" | "audit" | "baseline":
            yield from _checks(event, journal.load(event, list[Report]), verbose)
        case "environment":
            yield f"  environment: {_line(event.gist, 2_000 if verbose else 160)}"
            if verbose:
                making = journal.load(event, Making)
                yield from (f"    {clean(line)}" for line in (*making.packages, *making.log.splitlines()))
        case "command":
            yield f"  ran: {event.gist}" if not verbose else f"  ran: {journal.load(event, Command).whole}"
        case "refused":
            yield from (f"  refused: {_line(why, 160)}" for why in journal.load(event, list[str]))
        case "mutation":
            yield f"  mutation: {event.gist}"
            yield from (f"    {_line(it, 140)}" for it in journal.load(event, Mutants).unnoticed)
        case "unkept":
            yield from (f"  no requirement of its own: {_line(point, 140)}" for point in journal.load(event, list[str]))
        case "adopted" if event.instruction == "-" and event.key.endswith("/adopted"):
            yield f"taken over: {event.gist}"
        case "adopted":
            adopted = journal.load(event, Adopted)
            yield f"  adopted the user's edits: {', '.join(sorted(adopted.change)) or 'a commit'}"
        case "retired":
            retired = journal.load(event, Retired)
            yield f"  retired: {_line(retired.summary, 2_000 if verbose else 160)}"
            yield from (f"  taken as advice: {finding}" for finding in retired.waived)
            yield from _patched(retired.patch)
            yield from (f"  not verified: {what}" for what in retired.unverified)
        case "conflict":
            yield f"  {event.gist}; it is executed again"
        case "blocked":
            yield f"  blocked: {event.gist}"
        case "order_taken" if event.gist == "pause":
            yield "  paused by order, until `l2mac order RUN resume` or stop"
        case "frugal" | "plans" | "reflection" | "candidates":
            yield f"  {event.gist}"
        case "review":
            found = journal.load(event, list[str])
            yield from [f"  the reviewer objects: {_line(it, 160)}" for it in found] or ["  the reviewer finds nothing"]
        case "elided" | "overflow" | "varied" | "order_taken" | "order_refused":
            yield f"  {event.kind.replace('_', ' ')}: {event.gist}"
        case "committed" if verbose:
            yield f"  committed {event.gist}"
        case "stopped":
            yield f"stopped: {_line(journal.load(event, str), 2_000 if verbose else 160)}"
        case "ended":
            yield from _ended(journal.load(event, Ended))


def marked(line: str, event: Event, lanes: int) -> str:
    """A line of a story; where several instructions are in flight at once, with the id of the one it is about."""
    within = lanes > 1 and line.startswith("  ") and event.instruction not in ("-", "I0")
    return f"{event.instruction}{line}" if within else line


def _program(program: Program) -> Iterator[str]:
    asked = counted(len(program.requirements), "requirement")
    yield f"program: {counted(len(program.instructions), 'instruction')}, {asked}"
    for it in program.requirements:
        yield f"  {it.id} {_line(it.text, 100)}"
    for instruction in program.instructions:
        needs = f" (needs {', '.join(instruction.needs)})" if instruction.needs else ""
        yield f"  {instruction.id} {_line(instruction.title, 90)}{needs}"


def _patched(patch: Patch | None) -> Iterator[str]:
    """What was changed of the program, and why."""
    for change in patch.changes if patch else ():
        titles = "; ".join(it.title for it in change.instructions)
        if change.change == "split":
            pieces = counted(len(change.instructions), "instruction")
            yield f"  {change.id} split into {pieces} {_line(titles, 120)}".rstrip()
        else:
            yield f"  program: {' '.join(filter(None, (change.change, change.id, _line(titles, 90))))}"
    if patch and patch.reason:
        yield f"    because {_line(patch.reason, 160)}"


def _reply(exchange: Exchange, event: Event, verbose: bool) -> Iterator[str]:
    reply = exchange.reply
    turn = event.key.split("/")[3]
    done = "; ".join(filter(None, map(_call, reply.message.tool_calls))) or f"said: {_line(reply.message.content, 100)}"
    cut = " (cut at the length limit)" if reply.ending == "cut" else ""
    tokens = f" [{used(exchange)}, {event.took:.1f} s]" if verbose else ""
    yield f"  turn {turn}: {done}{cut}{tokens}"
    if verbose and reply.message.content:
        yield from (f"    {clean(line)}" for line in reply.message.content.splitlines())


def _call(call: ToolCall) -> str:
    """What a call did, in words."""
    try:
        given: dict[str, Any] = json.loads(call.arguments)
        match call.name:
            case "write_files":
                return f"wrote {', '.join(file['path'] for file in given['files'])}"
            case "edit_file":
                return f"edited {given['path']}"
            case "delete_files":
                return f"deleted {', '.join(given['paths'])}"
            case "read_files":
                return f"read {', '.join(request['path'] for request in given['requests'])}"
            case "search_files":
                return f"searched for {_line(given['pattern'], 60)}"
            case "list_files":
                return "listed the files"
            case "run_tests":
                return "ran the tests"
            case "run_command":
                return f"asked to run {_line(given['command'], 60)}"
            case "complete_instruction":
                return "asked to complete"
            case "submit_program":
                return "submitted a program"
            case "revise_program":
                return f"asked to revise the program: {_line(given['reason'], 60)}"
    except (ValueError, KeyError, TypeError, RecursionError):
        return f"called {_line(call.name, 40)} with arguments that can't be read"
    return f"called {_line(call.name, 40)}, which does not exist"


def _checks(event: Event, reports: list[Report], verbose: bool) -> Iterator[str]:
    name = "audit" if event.kind == "audit" else event.kind
    failures = [finding for report in reports for finding in report.failures]
    yield f"  {name}: {event.gist.partition(' (')[0] if failures else event.gist}"
    for finding in failures if verbose else failures[:3]:
        yield f"    {_line(_placed(finding), 140)}"
    if len(failures) > 3 and not verbose:
        yield f"    and {counted(len(failures) - 3, 'more failure')}"
    if verbose:
        yield from (f"    {clean(line)}" for report in reports for line in report.detail.splitlines())


def _placed(finding: Finding) -> str:
    """A finding and its place; the id of a test names its file already."""
    where = "" if finding.code.startswith(finding.path) else f"{finding.path}:{finding.line} "
    return f"{where}{finding.code} {finding.text}"


def _ended(ended: Ended) -> Iterator[str]:
    yield f"{ended.outcome}"
    yield from (f"  {clean(reason)}" for reason in ended.reasons)
    yield from (f"  failed before and still fails: {_line(name, 120)}" for name in ended.tolerated)
    yield from (f"  {it.requirement} {shown(it.met, it.by)}" for it in ended.shown)


def shown(met: bool, by: str) -> str:
    """What shows a requirement: the first piece of evidence, and how many more there are; or why there is none."""
    first, *more = by.split("; ")
    if not met:
        return f"not shown: {clean(by)}" if not by.startswith("not verifiable") else clean(by)
    return f"shown by {clean(first)}" + (f" and {len(more)} more" if more else "")


def counted(count: int, what: str) -> str:
    """`1 test`, `2 tests`."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def measure(words: int, chapters: int, asked: int = 0) -> str:
    """`2,950 of 3,000 words in 6 chapters`."""
    of = f" of {asked:,}" if asked else ""
    return f"{words:,}{of} {'word' if (asked or words) == 1 else 'words'} in {counted(chapters, 'chapter')}"


def money(cost: float | None) -> str:
    """`$1.80`, or that it is unknown."""
    return "cost unknown" if cost is None else f"${cost:.2f}"


def used(exchange: Exchange) -> str:
    """What a call used: `1,200 (900 cached, 1,000 sent before) + 80 tokens`."""
    usage, before = exchange.reply.usage, exchange.prefix
    why = f": {exchange.why}" if exchange.why else ""
    sent = "" if before is None else f"{before:,} sent before{why}"
    read = ", ".join(filter(None, [f"{usage.cached:,} cached" if usage.cached else "", sent]))
    thought = f" ({usage.reasoning:,} reasoning)" if usage.reasoning else ""
    cost = "" if not usage.cost else f", ${usage.cost:.4f}"
    return f"{usage.prompt:,}{f' ({read})' if read else ''} + {usage.completion:,}{thought} tokens{cost}"


def stamp(seconds: float) -> str:
    """A time that has passed: `02:14`, from a hundred minutes on `1h41m`."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes:02}:{rest:02}" if minutes < 100 else f"{minutes // 60}h{minutes % 60:02}m"


def played(processor: str) -> str:
    """What must be said of a run in which a tape stands for the model; empty where a model is asked."""
    return f"{processor}: recorded replies, no model is asked" if processor.startswith("tape ") else ""


def clean(line: str) -> str:
    """A line without characters that would move the cursor or turn the writing direction."""
    return (
        line if line.isprintable() else "".join(" " if it.isspace() else it if it.isprintable() else "�" for it in line)
    )


def _line(text: str, width: int) -> str:
    """A text on one line, cut where it is too long, without characters that would move the cursor."""
    line = " ".join(clean(text).split())
    return line if len(line) <= width else f"{line[: width - 1]}…"
