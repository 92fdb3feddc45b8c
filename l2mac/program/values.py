"""The program: immutable values. A change makes a new program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing the prompt asks for."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Instruction:
    """One step of the program."""

    id: str
    title: str
    text: str
    covers: tuple[str, ...] = ()
    """Ids of the requirements that this instruction works towards."""
    needs: tuple[str, ...] = ()
    """Ids of the instructions that must be retired first."""
    files: tuple[str, ...] = ()
    """Paths that it is expected to create or change."""
    acceptance: tuple[str, ...] = ()
    """Shell commands that must end with exit code 0 before it is done."""


@dataclass(frozen=True, slots=True)
class Program:
    """What program memory holds."""

    instructions: tuple[Instruction, ...] = ()
    requirements: tuple[Requirement, ...] = ()

    def __getitem__(self, id: str) -> Instruction:
        return next(instruction for instruction in self.instructions if instruction.id == id)

    def covering(self, requirement: str) -> tuple[Instruction, ...]:
        """The instructions that work towards a requirement, in program order."""
        return tuple(it for it in self.instructions if requirement in it.covers)

    def ready(self, states: Mapping[str, str]) -> Instruction | None:
        """The first instruction not begun whose needs are all retired; `states` maps ids to states."""
        for instruction in self.instructions:
            if instruction.id not in states and all(states.get(need) == "retired" for need in instruction.needs):
                return instruction
        return None
