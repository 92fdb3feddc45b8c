"""An executor: works on one instruction in its lane until that is done, or nothing is left to be tried."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, replace

from ..errors import BudgetSpent, Halted
from ..memory.journal import Event, Journal
from ..memory.snapshot import Transaction
from ..processor.protocol import Message
from ..processor.tokens import TokenCounter
from ..program.patch import splittable
from ..program.values import Instruction
from .attempt import PLANNING, Attempt
from .budget import SOFT, nearest
from .counsel import Counsel
from .dialogue import Dialogue
from .evaluator import Evaluator
from .intake import Intake
from .judgement import Judgement
from .ladder import FRUGAL, Ladder
from .records import Retired
from .state import State, fold, state, teach
from .windows import Windows

_CANDIDATE = (
    "Earlier work on this instruction did not pass the checks and was dropped: the files are as they were before. "
    "This is candidate {number}. Do it from the beginning, in a way of your own, with the smallest change that does it."
)
_REPLIES = 4  # that splitting an instruction, another plan or criticising one may take


@dataclass(slots=True)
class Executor:
    """Executes instructions, one at a time, each on the run as it was when that began and on what it did itself.

    What other lanes do meanwhile it does not see: so whatever their order, the same is asked, and found again.

    Args:
        whole: the state of the run, with what goes on in all lanes.
        now: its own.
        learned: counts as all providers' reports so far teach; `counter` does as those teach that it has seen.
        halt: is set when the run ends.
    """

    journal: Journal
    whole: State
    now: State
    learned: TokenCounter
    counter: TokenCounter
    dialogue: Dialogue
    windows: Windows
    judgement: Judgement
    counsel: Counsel
    evaluator: Evaluator
    intake: Intake
    halt: threading.Event
    turns: int = 24
    """Replies that an instruction may take."""
    candidates: int = 0
    """How many try an instruction anew that the first window did not get done."""
    at: str = ""
    """The id of the instruction in flight."""

    def __post_init__(self) -> None:
        self.journal.observers.append(self._observe)

    def begin(self, instruction: Instruction) -> Attempt:
        """Open the first window of an instruction, on the run as it is, or as it was when that was begun before."""
        if self.whole.status(instruction) == "begun":
            self._go_back(instruction)
        else:
            self.rest()
            self.counter.become(self.learned)
        self.at = instruction.id
        self.prepare(instruction)
        return self.windows.first(instruction)

    def rest(self) -> None:
        """See the run as it is."""
        self.at = ""
        self.now.become(self.whole)

    def execute(self, attempt: Attempt) -> Attempt:
        """Work on an instruction until it is done or cut into pieces, or until nothing is left to be tried."""
        ladder = self.ladder(attempt)
        while ladder.turn() and not attempt.given_up:
            self.step(attempt)
            if attempt.outcome is not None:
                return attempt
            rung = ladder.saw(attempt.failing, moved=attempt.moved)
            if rung == "over":
                break
            if rung in ("fresh", "stronger") and (chosen := self.choose(attempt)):
                return chosen
            attempt = self.climb(rung, attempt)
        return self.choose(attempt) or self.split(attempt)

    def step(self, attempt: Attempt) -> bool:
        """One turn: ask, execute the calls, check what they changed, answer; False where there was no call."""
        if self.halt.is_set():
            raise Halted
        attempt.turn += 1
        self.intake.obey(attempt.place, boundary=False)
        self.dialogue.follow()
        exchange = self.dialogue.ask(attempt)
        if exchange is None:
            return False
        reply = exchange.reply
        answers = self.counsel.reviewed(attempt, reply, self.judgement.answer(attempt, reply))
        attempt.window.append(reply.message, *answers)
        self.counsel.question(attempt)
        return bool(reply.message.tool_calls)

    def climb(self, rung: str | None, attempt: Attempt) -> Attempt:
        """Take a rung of the ladder; where the window is full, a fresh one without being told to."""
        said = ""
        if rung == "focus":
            attempt.window.append(Message("user", _focus(attempt)))
        elif rung:
            said = self.dialogue.summary(attempt)
        if rung == "stronger":
            self.dialogue.step_up()
        if rung:
            told = {"focus": "what fails is shown again, alone", "fresh": "goes on in a fresh window"}
            gist = told.get(rung, f"goes on with a stronger model, {self.dialogue.escalation}")
            self.journal.record(f"{attempt.place}/rung-{rung}", "rung", rung, gist)
        if rung in ("fresh", "stronger") or not self.dialogue.fits(attempt):
            return self.windows.next(attempt, said)
        return attempt

    def choose(self, last: Attempt) -> Attempt | None:
        """Once for each instruction that the first window did not get done: let candidates try it from the beginning.

        Returns:
            the one that passes every check and changes least; None where none does, or none is wanted.
        """
        if last.refusals["candidates"] or not self.candidates or last.frugal or last.plans or last.given_up:
            return None
        last.refusals["candidates"] = 1
        green: list[Attempt] = []
        try:
            for number in range(1, self.candidates + 1):
                last.beside = number
                made = self.candidate(replace(last, beside=number - 1), number)
                green += [made] if isinstance(made.outcome, Retired) else []
        except BudgetSpent:
            if not green:
                raise
        sizes = [changed_lines(it.transaction) for it in green]
        chosen = green[sizes.index(min(sizes))] if green else None
        taken = f"of {last.beside} candidates {len(green)} pass every check"
        told = f"{taken}; that with the smallest change ({min(sizes):,} lines) is taken" if green else taken
        self.journal.record(f"{last.place}/candidates", "candidates", sizes, told)
        return chosen

    def candidate(self, last: Attempt, number: int) -> Attempt:
        """Try an instruction another time, in one window and half the turns."""
        attempt = self.windows.another(last, _CANDIDATE.format(number=number))
        for _ in range(max(self.turns // 2, 1)):
            self.step(attempt)
            if attempt.outcome is not None or attempt.given_up or not self.dialogue.fits(attempt):
                break
        return attempt

    def split(self, last: Attempt) -> Attempt:
        """Have an instruction that was not done cut into pieces; what that came to, or the last attempt where not."""
        if last.frugal or last.plans or last.given_up or not splittable(last.instruction):
            return last
        attempt = self.windows.cutting(last)
        return attempt if self.planned(attempt) else last

    def planned(self, attempt: Attempt, *, stands: bool = False) -> bool:
        """Work for a few replies on what the program is to be; whether that came to anything.

        Args:
            attempt: has a window in which programs can be submitted.
            stands: whether there is a program already, so that a reply without a call means that it is good.
        """
        for _ in range(_REPLIES):
            if attempt.given_up or not self.dialogue.fits(attempt):
                break
            if not self.step(attempt) and stands:
                break
            if attempt.outcome is not None:
                return True
        return False

    def ladder(self, attempt: Attempt) -> Ladder:
        """What may be tried for an instruction; a long program comes in many parts."""
        steps = self.now.birth.steps if self.now.birth and attempt.instruction is PLANNING else 0
        turns = self.turns + steps // 10
        turns, rungs = (max(turns // 2, 1), FRUGAL) if attempt.frugal else (turns, self.dialogue.rungs())
        return Ladder(turns, rungs=rungs)

    def prepare(self, instruction: Instruction) -> None:
        """Ask whoever an instruction is for, and be frugal with it where little of the budget is left."""
        place = self.now.place(instruction)
        self.dialogue.act(self.windows.roles.of(instruction))
        if self.journal.recorded(f"{place}/began"):
            return  # what is decided by that, was decided by what was recorded then
        run = self.whole
        part, name = nearest(run.limits, run.usage, run.calls, run.seconds)
        if part >= SOFT:
            told = f"{part:.0%} of the budget ({name}) is used: half the turns, no stronger model, no splitting"
            self.journal.record(f"{place}/frugal", "frugal", name, told)

    def _go_back(self, instruction: Instruction) -> None:
        """See the run as it was when an instruction was begun, and what was done for that since."""
        began = self.journal.find(f"{self.whole.place(instruction)}/began").seq
        before = [event for event in self.journal.events() if event.seq < began]
        self.now.become(state(self.journal, began - 1))
        self.counter.forget()
        teach(self.counter, self.journal, before)
        for event in self.journal.events(began - 1):
            if event.instruction == instruction.id:
                fold(self.now, event, self.journal)

    def _observe(self, event: Event) -> None:
        if event.instruction == self.at:
            fold(self.now, event, self.journal)


def changed_lines(work: Transaction) -> int:
    """How many lines were added and removed, wherever they stand."""
    count = 0
    for path, text in work.change.items():
        before, after = Counter(work.base.get(path, "").splitlines()), Counter((text or "").splitlines())
        count += ((before - after) + (after - before)).total()
    return count


def _focus(attempt: Attempt) -> str:
    still = attempt.complaint or "nothing was checked or completed"
    return f"error: the last turns brought no progress. Deal with this, and nothing else, now:\n{still}"
