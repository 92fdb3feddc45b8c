"""Views of a run: what every surface shows, made from the journal's state and from nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..processor.protocol import Usage
from ..program.values import Instruction
from .records import Tally
from .state import Progress, State


def status(now: State) -> dict[str, Any]:
    """The state of a run as plain data: what `l2mac status --json` prints."""
    birth, setting = now.birth, now.setting
    instructions = now.program.instructions if now.program else ()
    return {
        "name": birth.name if birth else "",
        "prompt": birth.prompt if birth else "",
        "outcome": now.ended.outcome if now.ended else "unfinished",
        "exit_code": now.ended.exit_code if now.ended else None,
        "reasons": list(now.ended.reasons) if now.ended else [],
        "processor": setting.processor if setting else "",
        "model": setting.model if setting else "",
        "sandbox": setting.sandbox if setting else "",
        "tests": _tests(Tally.of(now.trunk_reports)),
        "tests_on": birth.tests if birth else True,
        "errors": Tally.of(now.trunk_reports).errors,
        "files": len(now.trunk),
        "loc": loc(now.trunk.values()),
        "usage": _usage(now.usage),
        "calls": now.calls,
        "seconds": round(now.seconds, 3),
        "instructions": [_instruction(it, now.instructions.get(it.id), now) for it in instructions],
        "requirements": [
            {"id": it.requirement, "met": it.met, "by": it.by} for it in (now.ended.shown if now.ended else ())
        ],
    }


def loc(texts: Iterable[str]) -> int:
    """Lines of code: the lines that are not blank."""
    return sum(1 for text in texts for line in text.splitlines() if line.strip())


def _instruction(instruction: Instruction, progress: Progress | None, now: State) -> dict[str, Any]:
    progress = progress or Progress(state="waiting")
    changed = progress.retired.change if progress.retired else {}
    return {
        "id": instruction.id,
        "title": instruction.title,
        "state": progress.state,
        "reason": progress.reason,
        "turns": progress.turns,
        "loc": loc(now.trunk[path] for path, address in changed.items() if address and path in now.trunk),
        "errors": progress.tally.errors,
        "tests": _tests(progress.tally),
        "usage": _usage(progress.usage),
        "commit": progress.commit,
        "summary": progress.retired.summary if progress.retired else "",
    }


def _tests(tally: Tally) -> dict[str, Any]:
    return {"outcome": tally.tests, "passed": tally.passed, "failed": tally.failed, "skipped": tally.skipped}


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt": usage.prompt,
        "cached": usage.cached,
        "completion": usage.completion,
        "reasoning": usage.reasoning,
        "cost": usage.cost,
    }
