"""Better plans: the rubric by which one of several is chosen, and what is said to have one criticised."""

from __future__ import annotations

from collections.abc import Iterable
from graphlib import TopologicalSorter

from ..excerpt import listing
from ..program.values import Program

_ROOM = 4_000  # that what is said of plans may have

_CRITICISE = (
    "Before it is executed, criticise this program against the task: which requirement is missing, merged with "
    "another or covered by the wrong instruction? Which instruction is too large for one go, does what another "
    "does, or needs what nothing before it makes? If it gets better by that, submit the whole program again; it "
    "must number no fewer requirements. If it is good as it stands, call no tool and write: good."
)
_ANOTHER = (
    "There are plans for this task already. Make another that cuts the work differently, as good as you can; the "
    "best is taken."
)


def criticise(program: Program) -> str:
    """What is said to have a program criticised."""
    told = (f"{it.id} {it.title} (covers {', '.join(it.covers) or 'nothing'})" for it in program.instructions)
    return f"{_CRITICISE}\n\n{listing(told, _ROOM)}"


def another(plans: Iterable[Program]) -> str:
    """What is said to have a plan made beside those that are there."""
    told = ("; ".join(it.title for it in plan.instructions) for plan in plans)
    return f"{_ANOTHER}\n\n{listing((f'- {it[: _ROOM // 4]}' for it in told), _ROOM)}"


def merit(program: Program) -> tuple[int, int, int, int]:
    """How good a plan is; a greater one is better, by the first number that differs.

    It numbers more requirements; no instruction covers many of them; the longest chain of needs is short; it has few
    instructions.
    """
    depth: dict[str, int] = {}
    needs = {it.id: it.needs for it in program.instructions}
    for id in TopologicalSorter(needs).static_order():
        depth[id] = 1 + max((depth[need] for need in needs[id]), default=0)
    widest = max((len(it.covers) for it in program.instructions), default=0)
    return len(program.requirements), -widest, -max(depth.values(), default=0), -len(program.instructions)
