"""What makes a program executable; every fault names what to change."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from .conditions import fault, nameable, near, unknown
from .values import Flow, Instruction, Program, Requirement

MOST_INSTRUCTIONS = 50
"""How long a plan may be when the user does not say."""
MOST_EVER = 10_000
"""How many instructions all steps that decide may come to."""
MOST_ROUNDS = 1_000
DEEPEST = 5
"""How often such steps may stand within one another."""

_ID = re.compile(r"(?!I0$)\w[\w.-]{0,63}")  # it stands in keys, commands and file names; I0 is the planning itself
_LONGEST_ID = 31  # characters of one that others are derived from


def faults(program: Program, most: int = MOST_INSTRUCTIONS, variables: Collection[str] = ()) -> list[str]:
    """Return what is wrong with a program, each as one sentence; nothing when it can be executed.

    Args:
        program: the program to judge.
        most: how many instructions it may have.
        variables: the parameters that are not bound yet.
    """
    instructions, requirements = program.instructions, program.requirements
    if not instructions:
        return ["the program has no instructions; it needs at least one"]
    if len(instructions) > most:
        return [f"the program has {len(instructions):,} instructions, and {most:,} are allowed; merge some"]
    found = _unusable([it.id for it in requirements])
    found += [f"{it.id} has no text" for it in requirements if not _says(it, "text")]
    scope = _Scope(program, frozenset(it.id for it in requirements))
    found += scope.faults(instructions, frozenset(), frozenset(variables))
    for sub in program.subprograms:
        bad = [it for it in sub.parameters if not nameable(it)]
        found += [f"sub-program {sub.name}: {it[:40]!r} can't name a parameter; take a word" for it in bad]
        found += scope.faults(sub.instructions, frozenset(), frozenset(sub.parameters))
    covered = {id for it in instructions for part in it.every() for id in part.covers}
    found += [f"requirement {it.id} is covered by no instruction" for it in requirements if it.id not in covered]
    return found or _endless(program)


def idle(program: Program) -> list[str]:
    """Return what keeps a plan from being measured: nothing is numbered, or instructions serve nothing that is.

    An instruction serves a requirement that it covers, and whatever those that need it serve.
    """
    if not program.requirements:
        return ["the program has no requirements; number what is asked for R1, R2 …, each covered by instructions"]
    steps = {it.id: it for it in program.instructions}
    serving = [id for id, it in steps.items() if it.covers]
    for id in serving:  # which grows while it is gone through
        serving += [need for need in steps[id].needs if need not in serving]
    told = "covers no requirement, and none that does needs it; name what it works towards in covers, or leave it out"
    return [f"{id} {told}" for id in steps if id not in serving]


def _unusable(ids: list[str]) -> list[str]:
    bad = [f"the id {id[:40]!r} can't be used; take a short one such as 'I1' or 'R1'" for id in ids if not _usable(id)]
    twice = [id for id, times in Counter(ids).items() if times > 1]
    return bad + [f"the id {id[:40]!r} is used twice; give every one its own" for id in twice]


def _usable(id: str) -> bool:
    return _ID.fullmatch(id) is not None


@dataclass(frozen=True, slots=True)
class _Scope:
    """Looks at steps that stand side by side, and at what stands within them."""

    program: Program
    required: frozenset[str]
    """The ids of its requirements."""

    def faults(self, steps: tuple[Instruction, ...], outer: frozenset[str], variables: frozenset[str]) -> list[str]:
        """What is wrong with steps.

        Args:
            steps: that stand side by side.
            outer: the ids around them that they may need.
            variables: the variables that their texts and conditions may name.
        """
        ids = frozenset(it.id for it in steps)
        found = _unusable([*(it.id for it in steps), *(ids & outer)])
        found += [f"{it.id} has no {what}" for it in steps for what in ("title", "text") if not _says(it, what)]
        found += [f"{it.id} can't have been cut {it.cuts:,} times" for it in steps if it.cuts < 0]
        found += [
            f"{it.id} has an empty command in acceptance" for it in steps if not all(map(_command, it.acceptance))
        ]
        known = {"needs": (ids, outer), "covers": (self.required,)}
        found += [
            f"{it.id} {verb} {id[:40]}, which does not exist"
            for it in steps
            for verb, there in known.items()
            for id in getattr(it, verb)
            if not any(id in some for some in there)
        ]
        around = outer | ids if any(it.flow for it in steps) else outer
        for it in steps:
            # Commands are left alone: the shell has variables of its own.
            texts = (it.title, it.text, *it.files)
            found += [f"{it.id}: {wrong}" for wrong in {unknown(text, variables) for text in texts} - {""}]
            if it.flow:
                found += [f"{it.id}: {wrong}" for wrong in self.flow(it, it.flow, variables)]
                inner = variables | {name for name, _ in it.flow.arguments if it.flow.kind != "call"}
                inner |= {it.flow.name} if it.flow.kind == "each" else set()
                for body in (it.flow.body, it.flow.other):
                    found += self.faults(body, around, inner)
        if cycle := _cycle(steps, ids):
            found.append(f"the needs form a cycle: {' → '.join(cycle)}; remove one of them")
        return found

    def flow(self, step: Instruction, flow: Flow, variables: frozenset[str]) -> Iterable[str]:
        """What is wrong with what a step decides."""
        if len(step.id) > _LONGEST_ID:
            yield f"its id is longer than {_LONGEST_ID} characters, and others are derived from it"
        if flow.round < 0:
            yield f"{flow.round:,} rounds can't be behind it"
        bound = {name for name, _ in flow.arguments}
        if flow.kind in ("when", "repeat") and (wrong := fault(flow.condition, variables | bound)):
            yield f"the condition {flow.condition[:60]!r} can't be read: {wrong}"
        if flow.kind in ("repeat", "each", "plan") and not 1 <= flow.most <= MOST_ROUNDS:
            yield f"`at most` must be a number from 1 to {MOST_ROUNDS:,}"
        if flow.kind not in ("call", "plan") and not flow.body:
            yield "it holds no instructions"
        if flow.kind == "each" and not (nameable(flow.name) and flow.name not in variables):
            yield f"{flow.name[:40]!r} can't name a variable here; take another word"
        if flow.kind == "each":
            yield from filter(None, {unknown(text, variables) for text in (*flow.items, flow.glob)})
        among = {it.id for it in flow.body}
        if flow.kind == "parallel" and (needy := next((it.id for it in flow.body if among & {*it.needs}), "")):
            yield f"{needy} needs another of those that are parallel to it"
        if flow.kind == "call":
            yield from self.call(flow, variables)

    def call(self, flow: Flow, variables: frozenset[str]) -> Iterable[str]:
        """What is wrong with a call."""
        known = {sub.name: sub.parameters for sub in self.program.subprograms}
        if flow.name not in known:
            yield f"there is no sub-program {flow.name[:40]}{near(flow.name, known) if known else ''}"
            return
        given = dict(flow.arguments)
        yield from (f"{flow.name} has no parameter {it[:40]}" for it in given if it not in known[flow.name])
        yield from (
            f"{flow.name} needs a text for {it}: with: {{{it}: …}}" for it in known[flow.name] if it not in given
        )
        yield from filter(None, {unknown(text, variables) for text in given.values()})


def _says(it: Instruction | Requirement, what: str) -> bool:
    return bool(getattr(it, what).strip())


def _command(text: str) -> bool:
    return bool(text.strip()) and "\0" not in text


def _cycle(steps: Iterable[Instruction], ids: frozenset[str]) -> list[str]:
    """The ids of steps each of which needs the next, and the last is the first again; empty where none do.

    A step needs what anything within it needs.
    """
    needs = {it.id: [id for part in it.every() for id in part.needs if id in ids] for it in steps}
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def _endless(program: Program) -> list[str]:
    """What makes a program too large, once all that it decides is decided for the most."""
    try:
        count, depth = size(program)
    except CycleError as error:
        return [f"sub-programs call one another without end: {' → '.join(reversed(error.args[1]))}"]
    if depth > DEEPEST:
        return [f"steps stand within one another {depth} deep, and {DEEPEST} are allowed"]
    if count > MOST_EVER:
        return [f"the program may come to {count:,} instructions, and {MOST_EVER:,} are allowed: lower `at most`"]
    return []


def size(program: Program) -> tuple[int, int]:
    """How many instructions a program may come to, and how deep its steps stand within one another."""
    bodies = {sub.name: sub.instructions for sub in program.subprograms}
    flows = {name: [part.flow for it in body for part in it.every() if part.flow] for name, body in bodies.items()}
    calls = {name: {flow.name for flow in held if flow.kind == "call"} for name, held in flows.items()}
    known: dict[str, tuple[int, int]] = {}
    for name in TopologicalSorter(calls).static_order():
        known[name] = _extent(bodies[name], known)
    return _extent(program.instructions, known)


def _extent(steps: Iterable[Instruction], known: dict[str, tuple[int, int]]) -> tuple[int, int]:
    """How many instructions steps may come to, and how deep they stand within one another."""
    size, depth = 0, 0
    for it in steps:
        count, deep = (1, 0) if it.flow is None else _reach(it.flow, known)
        size, depth = size + count, max(depth, deep)
    return size, depth


def _reach(flow: Flow, known: dict[str, tuple[int, int]]) -> tuple[int, int]:
    (count, deep), (other, deeper) = _extent(flow.body, known), _extent(flow.other, known)
    if flow.kind == "call":
        count, deep = known[flow.name]
    times = {"repeat": flow.most, "each": len(flow.items) or flow.most}.get(flow.kind, 1)
    return (flow.most if flow.kind == "plan" else max(count * times, other)), max(deep, deeper) + 1
