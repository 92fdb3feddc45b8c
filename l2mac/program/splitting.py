"""Splitting an instruction that is too much at once into smaller ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .values import Instruction, Program

MOST_PIECES = 4
DEEPEST = 2
"""How often a piece of an instruction may be split in turn."""


def splittable(instruction: Instruction) -> bool:
    """Whether an instruction may be split; its id tells how often that was done."""
    return instruction.id.count(".") < DEEPEST


def split(program: Program, id: str, pieces: Sequence[Instruction]) -> Program:
    """Put pieces in the place of an instruction.

    The pieces are named after it, `I3.1`, `I3.2` …. The first ones need what it needed, what needed it needs them all,
    and the requirements that it covers and no piece does are covered by the last, which is accepted as it was.

    Args:
        program: the program.
        id: of the instruction to replace.
        pieces: what replaces it, in order; their ids and needs are their own, and are renamed.

    Raises:
        ValueError: there are too few or too many pieces, or they name what is not among them.
    """
    if not 2 <= len(pieces) <= MOST_PIECES:
        raise ValueError(f"{id} was cut into {len(pieces)} instructions; cut it into 2 to {MOST_PIECES}")
    names = {piece.id: f"{id}.{number}" for number, piece in enumerate(pieces, 1)}
    if len(names) < len(pieces):
        raise ValueError("two of the instructions have the same id; give every one its own")
    whole = program[id]
    cut = [_renamed(piece, names, whole) for piece in pieces]
    lost = [it for it in whole.covers if not any(it in piece.covers for piece in cut)]
    cut[-1] = replace(cut[-1], covers=(*cut[-1].covers, *lost), acceptance=(*cut[-1].acceptance, *whole.acceptance))
    instructions: list[Instruction] = []
    for it in program.instructions:
        needs = tuple(need for old in it.needs for need in (names.values() if old == id else (old,)))
        instructions += cut if it.id == id else [replace(it, needs=needs)]
    return replace(program, instructions=tuple(instructions))


def _renamed(piece: Instruction, names: dict[str, str], whole: Instruction) -> Instruction:
    unknown = [need for need in piece.needs if need not in names and need not in whole.needs]
    if unknown:
        raise ValueError(f"{piece.id} needs {unknown[0]}, which is neither among them nor needed by {whole.id}")
    inner = tuple(names[need] for need in piece.needs if need in names)
    covers = tuple(it for it in piece.covers if it in whole.covers)
    return replace(piece, id=names[piece.id], needs=(*whole.needs, *inner), covers=covers)
