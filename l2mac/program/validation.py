"""What makes a program executable; every fault names what to change."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter

from .values import Instruction, Program, Requirement

MOST_INSTRUCTIONS = 50
"""How long a plan may be when the user does not say."""

_ID = re.compile(r"(?!I0$)\w[\w.-]{0,31}")  # it stands in keys, commands and file names; I0 is the planning itself


def faults(program: Program, most: int = MOST_INSTRUCTIONS) -> list[str]:
    """Return what is wrong with a program, each as one sentence; nothing when it can be executed.

    Args:
        program: the program to judge.
        most: how many instructions it may have.
    """
    instructions, requirements = program.instructions, program.requirements
    if not instructions:
        return ["the program has no instructions; it needs at least one"]
    if len(instructions) > most:
        return [f"the program has {len(instructions):,} instructions, and {most:,} are allowed; merge some"]
    found = _unusable([it.id for it in instructions]) + _unusable([it.id for it in requirements])
    found += [f"{it.id} has no {what}" for it in instructions for what in ("title", "text") if not _says(it, what)]
    found += [f"{it.id} has no text" for it in requirements if not _says(it, "text")]
    found += [
        f"{it.id} has an empty command in acceptance" for it in instructions if not all(map(_command, it.acceptance))
    ]
    found += _dangling(program)
    covered = {id for it in instructions for id in it.covers}
    found += [f"requirement {it.id} is covered by no instruction" for it in requirements if it.id not in covered]
    if cycle := _cycle(instructions):
        found.append(f"the needs form a cycle: {' → '.join(cycle)}; remove one of them")
    return found


def _unusable(ids: list[str]) -> list[str]:
    bad = [f"the id {id[:40]!r} can't be used; take a short one such as 'I1' or 'R1'" for id in ids if not _usable(id)]
    twice = [id for id, times in Counter(ids).items() if times > 1]
    return bad + [f"the id {id[:40]!r} is used twice; give every one its own" for id in twice]


def _usable(id: str) -> bool:
    return _ID.fullmatch(id) is not None


def _says(it: Instruction | Requirement, what: str) -> bool:
    return bool(getattr(it, what).strip())


def _command(text: str) -> bool:
    return bool(text.strip()) and "\0" not in text


def _dangling(program: Program) -> list[str]:
    instructions = {it.id for it in program.instructions}
    requirements = {it.id for it in program.requirements}
    return [
        f"{it.id} {verb} {id[:40]}, which does not exist"
        for it in program.instructions
        for verb, ids, known in (("needs", it.needs, instructions), ("covers", it.covers, requirements))
        for id in ids
        if id not in known
    ]


def _cycle(instructions: Iterable[Instruction]) -> list[str]:
    """The ids of instructions each of which needs the next, and the last is the first again; empty where none do."""
    try:
        TopologicalSorter({it.id: it.needs for it in instructions}).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []
