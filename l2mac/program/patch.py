"""Changes of what is not yet done: what a patch makes of a program, and whether it may."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from itertools import count

from .validation import faults
from .values import Change, Instruction, Patch, Program

MOST_PIECES = 4
DEEPEST = 2
"""How often a piece of an instruction may be split in turn."""
MOST_CHANGES = 1_000


def splittable(instruction: Instruction) -> bool:
    """Whether an instruction may be split once more."""
    return instruction.cuts < DEEPEST and instruction.flow is None


def apply(program: Program, settled: Mapping[str, str], patch: Patch, most: int) -> Program | list[str]:
    """Make the program that a patch asks for, or say what is wrong with it.

    Args:
        program: the program as it is.
        settled: what must stay as it is, by id, and why: `retired`, `begun` …
        patch: what is to change.
        most: how many instructions the program may have, if it is not longer already.
    """
    if not 1 <= (count := len(patch.changes) + len(patch.reworded)) <= MOST_CHANGES:
        return [f"there are {count:,} changes; give 1 to {MOST_CHANGES:,}"]
    fixed = [it.id for it in patch.changes if it.id in settled]
    if fixed:
        return [f"{id} is {settled[id]}, and stays as it is" for id in dict.fromkeys(fixed)]
    if found := [why for it in patch.reworded if (why := _worded(program, settled, it.id))]:
        return found
    try:
        changed = patched(program, patch)
    except ValueError as error:
        return [str(error)]
    done = {id for id, why in settled.items() if why == "retired"}
    lost = sorted(_open(program, done) - _open(changed, done))
    found = [f"{id} would be covered by nothing that is still to be done; let an instruction cover it" for id in lost]
    return found + faults(changed, max(most, len(program.instructions))) or changed


def _worded(program: Program, settled: Mapping[str, str], id: str) -> str:
    """Why a requirement's text must stay; empty where nothing that was done or begun rests on it."""
    if id not in {it.id for it in program.requirements}:
        return f"there is no requirement {id[:40]}"
    resting = next((it.id for it in program.covering(id) if it.id in settled), "")
    return resting and f"{id} is what {resting} was for, which is {settled[resting]}: it stays; add another requirement"


def patched(program: Program, patch: Patch) -> Program:
    """Make the program that a patch asks for, whether it can be executed or not.

    Raises:
        ValueError: a change names what is not there.
    """
    anew = {it.id: it for it in patch.reworded}
    kept = (anew.get(it.id, it) for it in program.requirements)
    program = replace(program, requirements=(*kept, *patch.requirements))
    for change in patch.changes:
        program = replace(program, instructions=tuple(_changed(program, change)))
    return program


def _changed(program: Program, change: Change) -> list[Instruction]:
    steps, ids = list(program.instructions), [it.id for it in program.instructions]
    for id in filter(None, (change.id, change.before)):
        if id not in ids:
            raise ValueError(f"there is no instruction {id[:40]}; there is {', '.join(ids[-12:])}")
    if bool(change.id) == (change.change == "add"):
        raise ValueError(f"{change.change} takes {'no id' if change.id else 'the id of an instruction'}")
    taken = [] if change.change == "add" else [steps[ids.index(change.id)]]
    if not change.instructions and (
        change.change in ("add", "edit") or (change.change == "split" and not taken[0].flow)
    ):
        raise ValueError(f"{change.change} takes instructions, as they are to be")
    match change.change:
        case "split":
            return _split(program, taken[0], change.instructions)
        case "edit":
            edited = replace(change.instructions[0], id=change.id, cuts=taken[0].cuts)
            return [edited if it.id == change.id else it for it in steps]
        case "add":
            taken = list(_identified(change.instructions, ids))
    left = [it for it in steps if it.id != change.id]
    if change.change == "drop":
        return left
    if change.before == change.id and change.id:
        raise ValueError(f"{change.id} can't be moved before itself")
    at = next((at for at, it in enumerate(left) if it.id == change.before), len(left))
    return [*left[:at], *taken, *left[at:]]


def _identified(added: Sequence[Instruction], ids: Collection[str]) -> Iterator[Instruction]:
    """Instructions each with an id: those without get the next that is free."""
    used = {*ids, *(it.id for it in added)}
    for it in added:
        id = it.id or next(id for number in count(1) if (id := f"I{number}") not in used)
        used.add(id)
        yield replace(it, id=id)


def _split(program: Program, whole: Instruction, pieces: Sequence[Instruction]) -> list[Instruction]:
    """Put pieces in the place of a step.

    They are named after it, `I3.1`, `I3.2` …; what is left of a `repeat` keeps its id, and stands behind them.
    Each needs what it needed; what needed it needs them all, or, where there are none, what it needed. What it covers
    and they do not, and what shows it to be done, is the last one's.
    """
    used = {it.id for it in program.instructions}
    fresh = (id for number in count(1) if (id := f"{whole.id}.{number}") not in used)
    if len({it.id for it in pieces}) < len(pieces):
        raise ValueError("two of the instructions have the same id; give every one its own")
    rest = [it for it in pieces if it.id == whole.id and it.flow and it.flow.kind == "repeat"]
    names = {it.id: next(fresh) for it in pieces if it not in rest}
    cut = [_piece(it, whole, names) for it in pieces if it not in rest]
    if cut:
        lost = [it for it in whole.covers if not any(it in piece.covers for piece in cut)]
        accepted = (*cut[-1].acceptance, *whole.acceptance)
        cut[-1] = replace(cut[-1], covers=(*cut[-1].covers, *lost), acceptance=accepted)
    instead = tuple(it.id for it in cut) or whole.needs
    if rest:
        cut, instead = [*cut, replace(rest[0], needs=instead, covers=())], (whole.id,)
    found: list[Instruction] = []
    for it in program.instructions:
        found += cut if it.id == whole.id else [_needing(it, whole.id, instead)]
    return found


def _piece(piece: Instruction, whole: Instruction, names: Mapping[str, str]) -> Instruction:
    named = renamed(piece, names)
    needs = tuple(dict.fromkeys((*whole.needs, *named.needs)))
    if whole.flow:
        return replace(named, needs=needs)
    if unknown := [id for id in piece.needs if id not in names and id not in whole.needs]:
        raise ValueError(f"{piece.id} needs {unknown[0]}, which is neither among them nor needed by {whole.id}")
    covers = tuple(it for it in piece.covers if it in whole.covers)
    return replace(named, needs=needs, covers=covers, cuts=whole.cuts + 1)


def renamed(it: Instruction, names: Mapping[str, str]) -> Instruction:
    """A step under other ids, and all within it; what is named after it is named after it again."""
    id, flow = names.get(it.id, it.id), it.flow
    if flow:
        within = (*flow.body, *flow.other)
        names = {
            **names,
            **{part.id: id + part.id.removeprefix(it.id) for part in within if part.id.startswith(f"{it.id}-")},
        }
        body, other = (tuple(renamed(part, names) for part in parts) for parts in (flow.body, flow.other))
        flow = replace(flow, body=body, other=other)
    return replace(it, id=id, needs=tuple(names.get(need, need) for need in it.needs), flow=flow)


def _needing(it: Instruction, id: str, instead: Sequence[str]) -> Instruction:
    """A step, and all within it, that needs others instead of one."""
    if not any(id in part.needs for part in it.every()):
        return it
    needs = tuple(dict.fromkeys(need for old in it.needs for need in (instead if old == id else (old,))))
    flow = it.flow
    if flow:
        body, other = (tuple(_needing(part, id, instead) for part in parts) for parts in (flow.body, flow.other))
        flow = replace(flow, body=body, other=other)
    return replace(it, needs=needs, flow=flow)


def difference(program: Program, wanted: Program, settled: Mapping[str, str]) -> Patch | list[str]:
    """The patch that makes the program into an edited form of it, or what of it can't be had.

    Where done and begun instructions stand among the others means nothing.
    """
    known = {it.id: it for it in program.instructions}
    after = {it.id: _alike(it, known.get(it.id)) for it in wanted.instructions}
    known_as, wanted_as = ({it.id: it for it in one.requirements} for one in (program, wanted))
    found = [f"{id} is {why}, and stays as it is" for id, why in settled.items() if known.get(id) != after.get(id)]
    found += [f"{id} is what was asked for, and can't be left out" for id in known_as if id not in wanted_as]
    if program.subprograms != wanted.subprograms:
        found.append("the sub-programs of a run stay as they are; write the steps out")
    if found:
        return found
    old = [id for id in known if id not in settled]
    new = [id for id in after if id not in settled]
    both = [id for id in old if id in after]
    blocks = SequenceMatcher(None, both, [id for id in new if id in known], autojunk=False).get_matching_blocks()
    staying = {id for at, _, size in blocks for id in both[at : at + size]}
    changes = [Change("drop", id) for id in old if id not in after]
    changes += [Change("edit", id, instructions=(after[id],)) for id in old if id in after and after[id] != known[id]]
    for id, before in zip(reversed(new), ["", *reversed(new)], strict=False):
        if id not in known:
            changes.append(Change("add", before=before, instructions=(after[id],)))
        elif id not in staying:
            changes.append(Change("move", id, before))
    added = tuple(it for it in wanted.requirements if it.id not in known_as)
    reworded = tuple(it for id, it in wanted_as.items() if known_as.get(id, it) != it)
    return Patch(tuple(changes), requirements=added, reworded=reworded)


def _alike(it: Instruction, old: Instruction | None) -> Instruction:
    """A step with what is not written of its older self: how often it was cut, and how many rounds are behind it."""
    if old and it.flow and old.flow:
        it = replace(it, flow=replace(it.flow, round=old.flow.round))
    return replace(it, cuts=old.cuts) if old else it


def _open(program: Program, done: Collection[str]) -> set[str]:
    """The requirements that something still to be done covers."""
    return {id for it in program.instructions if it.id not in done for part in it.every() for id in part.covers}
