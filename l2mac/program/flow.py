"""Control flow: what stands in the place of a step that decides, once it is due.

`when` becomes one of two lists; `each` its list once for every item; `parallel` and `call` their list; `repeat` its
list and, behind it, itself, until its condition holds. Its measure is rounds left, and it never rises; every other step
vanishes, and what it becomes stands less deep. So all of it ends, within `validation.MOST_EVER` instructions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from .conditions import Facts, fill, holds
from .patch import renamed
from .values import Change, Instruction, Patch, Program

_PLAIN = re.compile(r"(?!-)[\w./,+@%=:-]+")
"""The name of a file that a shell takes as it stands: whoever chose the name did not write the command."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What was found when a step was due."""

    holds: bool = False
    """Whether its condition does."""
    items: tuple[str, ...] = ()
    """What its variable stands for."""


def decide(step: Instruction, facts: Facts) -> Decision:
    """Look at files and reports for a step that is due.

    Raises:
        ValueError: its condition can't be read.
    """
    flow = step.flow
    assert flow is not None, "only steps that decide are unrolled"
    if flow.kind in ("when", "repeat"):
        return Decision(holds(flow.condition, replace(facts, variables=dict(flow.arguments))))
    return Decision(items=flow.items or tuple(facts.named(flow.glob)) if flow.kind == "each" else ())


def unrolled(program: Program, step: Instruction, decision: Decision) -> Patch | str:
    """The patch that puts instructions in the place of a step, or why it can't be done."""
    flow = step.flow
    assert flow is not None, "only steps that decide are unrolled"
    body = flow.other if flow.kind == "when" and not decision.holds else flow.body
    if flow.kind == "repeat" and (flow.round or decision.holds):
        if decision.holds:
            return _patch(
                step, (), f"{flow.condition} holds" if not flow.round else f"{flow.condition} holds after {flow.round}"
            )
        if flow.round >= flow.most:
            return f"after {flow.round} rounds this does not hold: {flow.condition}"
    bound = dict(flow.arguments)
    if flow.kind == "each":
        if len(decision.items) > flow.most:
            return f"there are {len(decision.items):,} items, and at most {flow.most:,} are allowed: {flow.glob}"
        if odd := next((it for it in decision.items if "${" in it), ""):
            return f"the name {odd!r} can't stand for a variable; give that file another"
        odd = next((it for it in decision.items if not (flow.items or _PLAIN.fullmatch(it))), "")
        if odd and _in_commands(program, body):
            return f"the name {odd!r} can't stand in a command of acceptance; give that file another"
        groups = [_bound(body, {**bound, flow.name: item}) for item in decision.items]
        return _patch(step, _together(groups), f"for {len(groups)} of {flow.name}: {', '.join(decision.items)}")
    if flow.kind == "call":
        body = next(it.instructions for it in program.subprograms if it.name == flow.name)
    pieces = _bound(body, bound)
    if flow.kind == "repeat":
        left = replace(step, flow=replace(flow, round=flow.round + 1))
        return _patch(step, (*pieces, left), f"round {flow.round + 1} of at most {flow.most}")
    holding = {
        "when": f"{flow.condition} {'holds' if decision.holds else 'does not hold'}",
        "call": f"calls {flow.name}",
    }
    return _patch(step, pieces, holding.get(flow.kind, "side by side"))


def _in_commands(program: Program, steps: Iterable[Instruction]) -> bool:
    """Whether a variable may stand in a command of these steps, or of a sub-program that they may call."""
    within = [part for it in steps for part in it.every()]
    if any(it.flow and it.flow.kind == "call" for it in within):
        within += [part for sub in program.subprograms for it in sub.instructions for part in it.every()]
    return any("${" in command for it in within for command in it.acceptance)


def _patch(step: Instruction, pieces: Iterable[Instruction], reason: str) -> Patch:
    return Patch((Change("split", step.id, instructions=tuple(pieces)),), reason)


def _together(groups: Iterable[Iterable[Instruction]]) -> list[Instruction]:
    """The pieces of all items, each item's with ids of their own."""
    found: list[Instruction] = []
    for number, group in enumerate(groups):
        steps = list(group)
        names = {it.id: f"{number}-{it.id}" for it in steps}
        found += [renamed(it, names) for it in steps]
    return found


def _bound(steps: Iterable[Instruction], variables: Mapping[str, str]) -> tuple[Instruction, ...]:
    return tuple(bound(it, variables) for it in steps) if variables else tuple(steps)


def bound(step: Instruction, variables: Mapping[str, str]) -> Instruction:
    """A step in which variables stand for their texts, and all within it."""
    flow = step.flow
    if flow:
        given = {name: fill(text, variables) for name, text in flow.arguments}
        within = {name: text for name, text in variables.items() if flow.kind != "call"}
        flow = replace(
            flow,
            body=_bound(flow.body, variables),
            other=_bound(flow.other, variables),
            items=tuple(fill(it, variables) for it in flow.items),
            glob=fill(flow.glob, variables),
            arguments=tuple({**within, **given}.items()),
        )
    title = " ".join(fill(step.title, variables).split())
    files, acceptance = (tuple(fill(it, variables) for it in texts) for texts in (step.files, step.acceptance))
    return replace(step, title=title, text=fill(step.text, variables), files=files, acceptance=acceptance, flow=flow)
