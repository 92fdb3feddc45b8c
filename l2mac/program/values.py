"""The program: immutable values. A change makes a new program."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

_STRICT = {"extra": "forbid"}  # for pydantic, where such values are read from what people write


def _freeze(value: object, *names: str) -> None:
    """Make tuples of the lists that a caller gave."""
    for name in names:
        object.__setattr__(value, name, tuple(getattr(value, name)))


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing the prompt asks for."""

    __pydantic_config__: ClassVar = _STRICT

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Instruction:
    """One step of the program."""

    __pydantic_config__: ClassVar = _STRICT

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
    cuts: int = 0
    """How often it was cut out of a larger one."""
    flow: Flow | None = None
    """What makes it a step that decides; None for an instruction that is executed."""

    def __post_init__(self) -> None:
        _freeze(self, "covers", "needs", "files", "acceptance")

    @property
    def decides(self) -> bool:
        """Whether others stand in its place when it is due, and nobody is asked which."""
        return self.flow is not None and self.flow.kind != "plan"

    @property
    def looks(self) -> bool:
        """Whether what becomes of it depends on all that is there when it is due."""
        flow = self.flow
        return flow is not None and (flow.kind in ("when", "repeat", "plan") or bool(flow.kind == "each" and flow.glob))

    def every(self) -> Iterator[Instruction]:
        """It and all that stands within it."""
        yield self
        for it in (*self.flow.body, *self.flow.other) if self.flow else ():
            yield from it.every()


@dataclass(frozen=True, slots=True)
class Flow:
    """What stands in the place of a step is decided when it is due (see `program.flow`)."""

    __pydantic_config__: ClassVar = _STRICT

    kind: Literal["when", "repeat", "each", "parallel", "call", "plan"]
    body: tuple[Instruction, ...] = ()
    """What it holds; ids and needs among it are its own."""
    other: tuple[Instruction, ...] = ()
    """Of `when`: what stands there where the condition does not hold."""
    condition: str = ""
    """Of `when`, and of `repeat` what ends it."""
    most: int = 0
    """The most rounds, items, or instructions that are planned."""
    round: int = 0
    """Of `repeat`: how many rounds are behind it."""
    name: str = ""
    """Of `each` the variable, of `call` the sub-program."""
    items: tuple[str, ...] = ()
    """Of `each`: what the variable stands for, one after the other."""
    glob: str = ""
    """Of `each`: the files that it stands for, where no items are given."""
    arguments: tuple[tuple[str, str], ...] = ()
    """Texts for variables: of `call` for its parameters, else for those that were bound around it."""


@dataclass(frozen=True, slots=True)
class Subprogram:
    """Steps with a name, that are called."""

    name: str
    parameters: tuple[str, ...]
    instructions: tuple[Instruction, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One change of what is not yet done."""

    __pydantic_config__: ClassVar = _STRICT

    change: Literal["add", "split", "drop", "move", "edit"]
    id: str = ""
    """The instruction that is split, dropped, moved or edited."""
    before: str = ""
    """What an added or moved one stands before; empty for the end."""
    instructions: tuple[Instruction, ...] = ()
    """What is added, the pieces of a split (ids and needs are their own), or the one as it is to be."""


@dataclass(frozen=True, slots=True)
class Patch:
    """A change of the program, whole or not at all."""

    changes: tuple[Change, ...] = ()
    reason: str = ""
    requirements: tuple[Requirement, ...] = ()
    """What is added to them."""
    reworded: tuple[Requirement, ...] = ()
    """Those that say something else from now on."""


@dataclass(frozen=True, slots=True)
class Program:
    """What program memory holds."""

    instructions: tuple[Instruction, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    subprograms: tuple[Subprogram, ...] = ()

    def __post_init__(self) -> None:
        _freeze(self, "instructions", "requirements", "subprograms")

    def __getitem__(self, id: str) -> Instruction:
        return next(instruction for instruction in self.instructions if instruction.id == id)

    def covering(self, requirement: str) -> tuple[Instruction, ...]:
        """The instructions that work towards a requirement, in program order."""
        return tuple(
            it
            for it in self.instructions
            if requirement in it.covers or (it.flow and any(requirement in part.covers for part in it.every()))
        )

    def ready(
        self, states: Mapping[str, str], beside: Collection[Instruction] = (), alone: Collection[str] = ()
    ) -> Instruction | None:
        """The first instruction not begun whose needs are all retired, and that may be begun now.

        What looks at the whole is begun when nothing else is in flight, and nothing overtakes it or is begun beside it.

        Args:
            states: of the instructions that have ended, by id.
            beside: the instructions in flight; none is begun with a file that one of them names.
            alone: ids of those that are begun as what looks at the whole is.
        """
        if any(it.looks or it.id in alone for it in beside):
            return None
        flying, taken = {it.id for it in beside}, {path for it in beside for path in it.files}
        for it in self.instructions:
            if it.id in states or it.id in flying:
                continue
            if beside and (it.looks or it.id in alone):
                return None
            if all(states.get(need) == "retired" for need in it.needs) and taken.isdisjoint(it.files):
                return it
        return None
