"""One attempt at an instruction: its transaction, its window, and what has been seen so far."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from ..checks.guard import TestGuard
from ..memory.snapshot import Transaction
from ..processor.protocol import Message
from ..program.values import Instruction, Patch, Program
from ..tools.files import Bench
from ..tools.instruction_set import Evidence, InstructionSet
from .records import Retired
from .window import Window


class Repeats:
    """Notices replies that were given before while nothing changed in between.

    The first is said to the processor; from the second on, until it does something else, its temperature is raised.
    """

    def __init__(self) -> None:
        self._given: set[tuple[int, str]] = set()
        self.count = 0
        """How often in a row."""

    def saw(self, edition: int, reply: Message) -> bool:
        """Take note of a reply; True where it is a repetition.

        Args:
            edition: of the files when it came.
            reply: what came.
        """
        said = (edition, repr([(it.name, it.arguments) for it in reply.tool_calls] or reply.content))
        self.count = self.count + 1 if said in self._given else 0
        self._given.add(said)
        return self.count > 0


PLANNING = Instruction("I0", "Compile the program", "")
"""Instruction zero, in which the prompt becomes the program."""


def compiles(instruction: Instruction) -> bool:
    """Whether an instruction makes a part of the program: it is instruction zero, or leaves something to be planned."""
    return instruction is PLANNING or instruction.flow is not None


@dataclass(slots=True)
class Attempt:
    """What the control unit holds while an instruction is in flight."""

    instruction: Instruction
    number: int
    tools: InstructionSet
    bench: Bench
    window: Window
    guard: TestGuard
    turn: int = 0
    unchecked: set[str] = field(default_factory=set)
    """Paths changed since the last check."""
    seen: set[str] = field(default_factory=set)
    """Labels of the findings shown so far."""
    refusals: Counter[str] = field(default_factory=Counter)
    """How often each lint finding stood in the way while all tests passed."""
    waived: set[str] = field(default_factory=set)
    """Labels of the lint findings that count as advice from now on."""
    failing: int | None = None
    """How many findings stood in the way in this turn; None when it ran no check."""
    moved: bool = False
    """Whether this turn got on in a way that no check measures: a part of the program was accepted."""
    red: tuple[str, ...] = ()
    """The ids of the tests that fail in this turn, where nothing else does."""
    complaint: str = ""
    """The text of the last checks that failed."""
    splits: bool = False
    """Whether it is about cutting the instruction into pieces, not about doing it."""
    frugal: bool = False
    """Whether it is done with little of the budget left."""
    edition: int = 0
    """Rises with each change of a file."""
    views: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    """What was shown for a call that only looks: the edition it was true of, and the text."""
    evidence: tuple[Evidence, ...] = ()
    """What was given with completions that were refused."""
    repeats: Repeats = field(default_factory=Repeats)
    """Whether the processor goes round in circles."""
    patch: Patch | None = None
    """What it changes of the program when it is retired."""
    outcome: Retired | Program | Patch | None = None
    """What the attempt came to; None while it goes on."""
    given_up: str = ""
    """Why it makes no sense to go on, where it does not."""
    beside: int = 0
    """How many windows were opened beside it, for candidates."""

    @property
    def plans(self) -> bool:
        """Whether it is about a program, not about files."""
        return self.splits or compiles(self.instruction)

    @property
    def transaction(self) -> Transaction:
        return self.bench.transaction

    @property
    def following(self) -> int:
        """The number of the next window."""
        return self.number + self.beside + 1

    @property
    def place(self) -> str:
        """`instruction/attempt/turn`."""
        return f"{self.instruction.id}/{self.number}/{self.turn}"
