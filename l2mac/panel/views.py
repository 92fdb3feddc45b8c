"""Views of a run: what every surface shows, made from the journal's state and from nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from ..checks.report import Report
from ..checks.spot import Mutants
from ..control import evidence
from ..control.records import Exchange, Piece, Tally
from ..control.state import Prefixes, Progress, State
from ..domains.book.manuscript import lengths
from ..memory.journal import Event, Journal
from ..processor.protocol import Usage
from ..program.values import Instruction, Program
from ..tools.instruction_set import Evidence


def status(now: State) -> dict[str, Any]:
    """The state of a run as plain data: what `l2mac status --json` prints."""
    birth, setting = now.birth, now.setting
    chapters = lengths(now.trunk) if birth and birth.measured else None
    instructions = now.program.instructions if now.program else ()
    return {
        "name": birth.name if birth else "",
        "prompt": birth.prompt if birth else "",
        "outcome": now.ended.outcome if now.ended else "unfinished",
        "exit_code": now.ended.exit_code if now.ended else None,
        "paused": now.paused,
        "stopped": now.stopped,
        "reasons": list(now.ended.reasons) if now.ended else [],
        "processor": setting.processor if setting else "",
        "model": setting.model if setting else "",
        "sandbox": setting.sandbox if setting else "",
        "tests": _tests(Tally.of(now.trunk_reports)),
        "tests_on": birth.tests if birth else True,
        "errors": Tally.of(now.trunk_reports).errors,
        "mutation": _mutation(now.mutants),
        "files": len(now.trunk),
        "loc": loc(now.trunk.values()),
        "words": sum(chapters.values()) if chapters is not None else None,
        "words_asked": birth.length.words if birth else 0,
        "chapters": len(chapters) if chapters is not None else None,
        "usage": _usage(now.usage),
        "prefix": _prefix(now.prefixes),
        "calls": now.calls,
        "seconds": round(now.seconds, 3),
        "saved_seconds": round(now.saved, 1),
        "instructions": [instruction(it, now) for it in instructions],
        "requirements": [
            {"id": it.requirement, "met": it.met, "by": it.by} for it in (now.ended.shown if now.ended else ())
        ],
    }


def requirements(now: State) -> list[dict[str, Any]]:
    """Each requirement, the instructions that cover it, and its evidence; `met` is None until the audit has judged."""
    program = now.program or Program()
    shown = {it.requirement: it for it in now.ended.shown} if now.ended else {}
    covering: dict[str, list[str]] = {}
    for step in program.instructions:
        for id in dict.fromkeys(id for part in step.every() for id in part.covers):
            covering.setdefault(id, []).append(step.id)
    named: dict[str, list[Evidence]] = {}
    for shows in now.evidence:
        named.setdefault(shows.requirement, []).append(shows)
    told = []
    for it in program.requirements:
        judged = shown.get(it.id)
        given = [
            Piece(evidence.place(piece, now.trunk), piece.test or "", "not judged yet", True)
            for piece in named.get(it.id, ())
        ]
        told.append(
            {
                "id": it.id,
                "text": it.text,
                "covered_by": covering.get(it.id, []),
                "met": judged.met if judged else None,
                "by": judged.by if judged else "; ".join(filter(None, (f"{it.place}, {it.test}" for it in given))),
                "evidence": [asdict(piece) for piece in (judged.pieces if judged else given)],
            }
        )
    return told


def caveats(now: State) -> dict[str, list[str]]:
    """What a reader of the outcome should know besides, by kind; empty lists where there is nothing to know."""
    retired = [(id, it.retired) for id, it in now.instructions.items() if it.retired]
    unverified = [f"{id}: {what}" for id, it in retired for what in it.unverified]
    reports = now.ended.reports if now.ended else ()
    missing = [it for it in reports if it.outcome == "unavailable"]
    packages = [it for report in reports if report.check == "environment" for it in report.findings if it.advice]
    return {
        "unverified": unverified + [f"audit: {it.check}: {it.detail or 'not available here'}" for it in missing],
        "packages": [f"{it.path}:{it.line}: {it.text}" for it in packages],
        "tolerated": list(now.ended.tolerated) if now.ended else [],
        "unnoticed": list(now.mutants.unnoticed) if now.mutants else [],
        "waived": [f"{id}: {finding}" for id, it in retired for finding in it.waived],
        "test_changes": [f"{id}: {change.test}: {change.reason}" for id, it in retired for change in it.test_changes],
    }


@dataclass(frozen=True, slots=True)
class Turn:
    """One reply, and what the machine recorded of its consequences."""

    place: str
    """`epoch/instruction/attempt/turn`."""
    reply: Event
    after: tuple[Event, ...]


def turns(journal: Journal) -> list[Turn]:
    """Every turn of every epoch, in order."""
    found: dict[str, list[Event]] = {}
    for event in journal.events():
        found.setdefault(event.key.rsplit("/", 1)[0], []).append(event)
    return [
        Turn(place, reply, tuple(event for event in events if event is not reply))
        for place, events in found.items()
        for reply in events
        if reply.kind == "reply"
    ]


def judgements(journal: Journal) -> Iterator[tuple[Event, list[Report]]]:
    """Every time that checks ran, with what they said."""
    for event in journal.events():
        if event.kind in ("baseline", "checks", "audit"):
            yield event, journal.load(event, list[Report])


def calls(journal: Journal) -> Iterator[tuple[Event, Usage]]:
    """Every call of the processor, with what it used."""
    for event in journal.events():
        if event.kind == "reply":
            yield event, journal.load(event, Exchange).reply.usage


def loc(texts: Iterable[str]) -> int:
    """Lines of code: the lines that are not blank."""
    return sum(1 for text in texts for line in text.splitlines() if line.strip())


def instruction(instruction: Instruction, now: State) -> dict[str, Any]:
    """How far one instruction is, and what it came to."""
    progress = now.instructions.get(instruction.id) or Progress(state="waiting")
    addresses = progress.retired.change if progress.retired else {}
    changed = {path: now.trunk[path] for path, address in addresses.items() if address and path in now.trunk}
    return {
        "id": instruction.id,
        "title": instruction.title,
        "state": progress.state,
        "reason": progress.reason,
        "turns": progress.turns,
        "loc": loc(changed.values()),
        "words": sum(lengths(changed).values()) if now.birth and now.birth.measured else None,
        "errors": progress.tally.errors,
        "tests": _tests(progress.tally),
        "usage": _usage(progress.usage),
        "prefix": _prefix(progress.prefixes),
        "commit": progress.commit,
        "summary": progress.retired.summary if progress.retired else "",
    }


def _mutation(mutants: Mutants | None) -> dict[str, Any] | None:
    if mutants is None:
        return None
    return {"told": mutants.gist, "noticed": mutants.noticed, "unnoticed": list(mutants.unnoticed)}


def _tests(tally: Tally) -> dict[str, Any]:
    return {"outcome": tally.tests, "passed": tally.passed, "failed": tally.failed, "skipped": tally.skipped}


def _prefix(prefixes: Prefixes) -> dict[str, Any]:
    return {"counted": prefixes.counted, "before": prefixes.before, "breaks": dict(prefixes.breaks)}


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt": usage.prompt,
        "cached": usage.cached,
        "completion": usage.completion,
        "reasoning": usage.reasoning,
        "cost": usage.cost,
    }
