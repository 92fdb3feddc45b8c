"""What makes a program executable; every fault names what to change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from .values import Instruction, Program

MOST_INSTRUCTIONS = 50
"""How long a plan may be when the user does not say."""


def faults(program: Program, most: int = MOST_INSTRUCTIONS) -> list[str]:
    """Return what is wrong with a program, each as one sentence; nothing when it can be executed.

    Args:
        program: the program to judge.
        most: how many instructions it may have.
    """
    instructions, requirements = program.instructions, program.requirements
    if not instructions:
        return ["the program has no instructions; submit at least one"]
    found = []
    if len(instructions) > most:
        found.append(f"the program has {len(instructions)} instructions, and {most} are allowed; merge some")
    found += [f"the id {id!r} is used twice; give every one its own" for id in _twice(it.id for it in instructions)]
    found += [f"the id {id!r} is used twice; give every one its own" for id in _twice(it.id for it in requirements)]
    found += [f"{it.id or 'an instruction'} has no {what}" for it in instructions for what in _missing(it)]
    found += _dangling(program)
    covered = {id for it in instructions for id in it.covers}
    found += [f"requirement {it.id} is covered by no instruction" for it in requirements if it.id not in covered]
    if cycle := _cycle(instructions):
        found.append(f"the needs form a cycle: {' → '.join(cycle)}; remove one of them")
    return found


def _twice(ids: Iterable[str]) -> list[str]:
    return [id for id, times in Counter(ids).items() if times > 1]


def _missing(instruction: Instruction) -> list[str]:
    return [name for name in ("id", "title", "text") if not getattr(instruction, name).strip()]


def _dangling(program: Program) -> list[str]:
    instructions = {it.id for it in program.instructions}
    requirements = {it.id for it in program.requirements}
    return [
        f"{it.id} {verb} {id}, which does not exist"
        for it in program.instructions
        for verb, ids, known in (("needs", it.needs, instructions), ("covers", it.covers, requirements))
        for id in ids
        if id not in known
    ]


def _cycle(instructions: tuple[Instruction, ...]) -> list[str]:
    """Return the ids that no order can satisfy, by taking away whatever is ready until nothing more is."""
    waiting = {it.id: set(it.needs) & {other.id for other in instructions} for it in instructions}
    while ready := [id for id, needs in waiting.items() if not needs & waiting.keys()]:
        for id in ready:
            del waiting[id]
    if not waiting:
        return []
    path = [next(iter(waiting))]
    while path[-1] not in path[:-1]:
        path.append(next(iter(sorted(waiting[path[-1]] & waiting.keys()))))
    return path[path.index(path[-1]) :]
