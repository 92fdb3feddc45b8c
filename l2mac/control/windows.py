"""Opens windows: what an attempt at an instruction begins with, and what may be asked beside it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..checks.guard import TestGuard
from ..checks.rendering import render
from ..excerpt import bounded
from ..memory.journal import Journal
from ..memory.snapshot import Transaction
from ..processor.protocol import Message
from ..processor.tokens import TokenCounter
from ..program.values import Instruction, Program
from ..tools.execution import PlanningBench
from ..tools.files import Bench
from ..tools.instruction_set import InstructionSet
from .attempt import PLANNING, Attempt, compiles
from .evaluator import passed_tests
from .interfaces import bare
from .opening import CHECKS, INSTRUCTION, TASK, Opening, asked
from .records import Began
from .roles import Roles, prompted
from .sizing import Sizes
from .state import State
from .window import Window

_STRETCH = 1.1  # so much more may a provider count than was thought before openings are made smaller
_KEPT = ("guard", "waived", "refusals", "evidence", "patch")  # what one window hands to the next
_FRUGAL = (
    "The budget is nearly spent. Do this instruction, and no more than it asks for, in as few replies as you can: "
    "write everything at once, and complete in the same reply."
)


@dataclass(slots=True)
class Windows:
    """Opens windows, each as an attempt of its own; that it began stands in the journal."""

    journal: Journal
    now: State
    opening: Opening
    sizes: Sizes
    counter: TokenCounter
    planning_tools: InstructionSet
    tools: InstructionSet
    roles: Roles

    def first(self, instruction: Instruction) -> Attempt:
        """The window in which an instruction begins."""
        transaction = Transaction(self.now.trunk)
        number = int(self.now.place(instruction).split("/")[1])
        return self._attempt(instruction, number, self._opened(instruction, transaction), self._bench(transaction))

    def next(self, last: Attempt, said: str = "") -> Attempt:
        """A fresh window in which an attempt goes on, with what the processor said that it must know."""
        opening = self._opened(last.instruction, last.transaction)
        opening.append(Message("user", _so_far(last, bounded(said, self.sizes.window // 4))))
        attempt = self._attempt(last.instruction, last.following, opening, last.bench)
        return replace(attempt, **{name: getattr(last, name) for name in _KEPT})

    def another(self, last: Attempt, told: str) -> Attempt:
        """A window in which the same is done another time, from the beginning, with what is said about that."""
        transaction = Transaction(self.now.trunk)
        opening = [*self._opened(last.instruction, transaction), Message("user", told)]
        return self._attempt(last.instruction, last.following, opening, self._bench(transaction))

    def cutting(self, last: Attempt) -> Attempt:
        """A window in which an instruction that was not done is cut into pieces."""
        transaction, program = Transaction(self.now.trunk), self.now.program or Program()
        opening = self._fitting().splitting(last.instruction, program, transaction.files, last.complaint)
        opening = prompted(opening, self.roles["planner"])
        return self._attempt(last.instruction, last.following, opening, self._bench(transaction), splits=True)

    def aside(self, opening: list[Message]) -> Window:
        """A window without tools, for a question beside an attempt."""
        return Window((), opening, self.counter, self.sizes.window, self.sizes.reserve)

    def _attempt(
        self, instruction: Instruction, number: int, opening: list[Message], bench: Bench, *, splits: bool = False
    ) -> Attempt:
        """Open a window on a bench, whose transaction takes the changes."""
        place, title = f"{instruction.id}/{number}/0/began", instruction.title
        self.journal.record(place, "began", Began(self.now.commit), title, redoable=True)
        frugal = self.journal.recorded(f"{self.now.place(instruction)}/frugal")
        if frugal:
            opening.append(Message("user", _FRUGAL))
        prompt, task = (self.now.birth.prompt, self.now.birth.task) if self.now.birth else ("", "")
        bench.pages |= {TASK: task, INSTRUCTION: asked(instruction)}
        if self.now.trunk_reports:
            bench.pages.setdefault(CHECKS, render(self.now.trunk_reports, bench.transaction.files, ()))
        transaction = bench.transaction
        guard = TestGuard(transaction.base, passed_tests(self.now.trunk_reports), (prompt, instruction.text), bare)
        tools = self.planning_tools if splits or compiles(instruction) else self.tools
        window = Window(tools.specs, opening, self.counter, self.sizes.window, self.sizes.reserve)
        unchecked = set(transaction.change)
        return Attempt(
            instruction, number, tools, bench, window, guard, unchecked=unchecked, splits=splits, frugal=frugal
        )

    def _opened(self, instruction: Instruction, transaction: Transaction) -> list[Message]:
        """How a window opens in which an instruction is done, as whoever it is for is told."""
        made, program = self._fitting(), self.now.program or Program()
        if compiles(instruction):
            opening = made.planning(transaction.files, transaction.base.kept, self.now.baseline)
            opening += [] if instruction is PLANNING else made.frame(instruction, program)
        else:
            told = (self.now.summaries, self.now.notes.values(), {it.requirement for it in self.now.evidence})
            opening = made.instruction(instruction, program, transaction.files, *told)
        return prompted(opening, self.roles.of(instruction))

    def _fitting(self) -> Opening:
        """Makes openings, in sizes that hold with what the provider counts."""
        if self.counter.factor > _STRETCH * self.sizes.factor:
            self.sizes = self.sizes.at(self.counter.factor)
            self.opening.resize(self.sizes.room)
        return self.opening

    def _bench(self, transaction: Transaction) -> PlanningBench:
        return PlanningBench(transaction, room=self.sizes.window // 3, longest=self.opening.longest * 6 // 5)


def _so_far(last: Attempt, said: str) -> str:
    """What a fresh window must know of the one it replaces: what was done, what fails, what the processor noted."""
    still = last.complaint or "No check fails."
    if isinstance(last.bench, PlanningBench) and (planned := last.bench.instructions):
        done = f"{len(planned)} instructions are submitted, up to {planned[-1].id}; submit the next part"
    else:
        done = f"changed so far: {', '.join(sorted(last.transaction.change)) or 'nothing'}"
    noted = f"\n\nYour notes from the last window:\n{said}" if said else ""
    return f"# So far\nYou are going on in a new window; {done}.\n{still}{noted}"
