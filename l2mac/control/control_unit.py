"""The control unit: fetch an instruction, let the processor execute it, check, retire."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import BudgetSpent, Interrupted
from ..memory.journal import Journal
from ..memory.orders import Stop, SwitchModel
from ..processor.protocol import Message
from ..program.flow import Decision, decide, unrolled
from ..program.patch import splittable
from ..program.values import Instruction, Patch, Program
from .attempt import PLANNING, Attempt
from .audit import audit
from .budget import SOFT, nearest
from .counsel import Counsel
from .dialogue import Dialogue
from .evaluator import Evaluator
from .evidence import wanted
from .intake import Intake
from .judgement import Judgement
from .ladder import FRUGAL, Ladder
from .records import Began, Ended, Retired
from .state import State
from .trunk import Trunk
from .windows import Windows

_REPLIES = 4  # that splitting an instruction, another plan or criticising one may take


@dataclass(slots=True)
class ControlUnit:
    """Executes a program: each instruction is a transaction, retired only when the checks run here pass."""

    journal: Journal
    now: State
    trunk: Trunk
    dialogue: Dialogue
    windows: Windows
    judgement: Judgement
    counsel: Counsel
    evaluator: Evaluator
    intake: Intake
    turns: int = 24
    """Replies that an instruction may take."""
    accept_unverified: bool = False

    # -- the cycle ------------------------------------------------------------------------------------------------

    def run(self, *, plan_only: bool = False) -> Ended | None:
        """Compile the program, execute what is ready until nothing is, audit the whole.

        Returns:
            how the run ended; None after `plan_only`.
        """
        spent = ""
        self.survey()
        try:
            if not self.now.program:
                self.compile()
            while self.now.program and not plan_only and (instruction := self.fetch()):
                if instruction.decides:
                    self.unroll(instruction, self.now.program)
                else:
                    self.execute(instruction)
        except BudgetSpent as error:
            spent = str(error)
        return None if plan_only and self.now.program else self.audit(spent)

    def execute(self, instruction: Instruction) -> None:
        """Work on one instruction until it is retired, split or blocked."""
        self.prepare(instruction)
        attempt = self.windows.first(instruction)
        ladder = self.ladder(attempt)
        while ladder.turn() and not attempt.given_up:
            self.step(attempt)
            if attempt.outcome is not None:
                return self.retire(attempt)
            rung = ladder.saw(attempt.failing, moved=attempt.moved)
            if rung == "over":
                break
            attempt = self.climb(rung, attempt)
        return None if self.split(attempt) else self.block(attempt)

    def step(self, attempt: Attempt) -> bool:
        """One turn: ask, execute the calls, check what they changed, answer; False where there was no call."""
        attempt.turn += 1
        self.obey(attempt.place, boundary=False)
        exchange = self.dialogue.ask(attempt)
        if exchange is None:
            return False
        reply = exchange.reply
        answers = self.counsel.reviewed(attempt, reply, self.judgement.answer(attempt, reply))
        attempt.window.append(reply.message, *answers)
        self.counsel.question(attempt)
        return bool(reply.message.tool_calls)

    def retire(self, attempt: Attempt) -> None:
        """Make the outcome part of the trunk, or of program memory."""
        match attempt.outcome:
            case Program() as program:
                place = attempt.place
                try:
                    self.keep(*self.counsel.plan(attempt, self.planned))
                except BudgetSpent:
                    self.keep(program, place)
                    raise
            case Patch() as patch:
                gist = f"{len(patch.changes[0].instructions)} instructions"
                self.journal.record(f"{attempt.place}/patched", "patched", patch, gist)
            case Retired() as retired:
                self.trunk.retire(attempt.place, retired, attempt.instruction.title)

    # -- its parts ------------------------------------------------------------------------------------------------

    def survey(self) -> None:
        """Catch up with what a crash cut off; take in a project that is there, and what the checks say of it.

        That is the baseline: what fails in it may go on failing, nothing may newly fail.
        """
        self.trunk.catch_up()
        if self.now.birth and self.now.birth.parent and not self.journal.knows("baseline"):
            self.trunk.take_over("-/0/0")
            self.evaluator.check("-/0/0/baseline", self.trunk.snapshot, None, kind="baseline")

    def compile(self) -> None:
        """Instruction zero: the same cycle, with tools of its own. A program that the user brought takes its place."""
        if self.now.birth and self.now.birth.given:
            self.keep(self.now.birth.given, "I0/0/0")
        else:
            self.at_boundary("I0/0/0")
            self.execute(PLANNING)

    def fetch(self) -> Instruction | None:
        """The next instruction; None when none is ready. Whatever waits between instructions is taken before.

        Its measure: every look but the last takes an order, and these end when a person stops giving them.
        """
        while True:
            instruction = self.next()
            self.at_boundary(self.now.place(instruction) if instruction else "-/0/0")
            if self.next() == instruction:
                return instruction

    def next(self) -> Instruction | None:
        """The first instruction that is ready."""
        return self.now.program.ready(self.now.states()) if self.now.program else None

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

    def split(self, last: Attempt) -> bool:
        """Have an instruction that was not done cut into pieces; True where the program holds these instead of it."""
        if last.frugal or last.plans or last.given_up or not splittable(last.instruction):
            return False
        attempt = self.windows.cutting(last)
        if planned := self.planned(attempt):
            self.retire(attempt)
        return planned

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

    def unroll(self, step: Instruction, program: Program) -> None:
        """Put instructions in the place of a step that decides, as the retired files and the last report have it."""
        place = self.now.place(step)
        told = "" if step.flow and step.flow.round else step.title
        self.journal.record(f"{place}/began", "began", Began(self.now.commit), told)
        decision = self.journal.step(f"{place}/decided", "decided", Decision, lambda: decide(step, self.now.facts()))
        made = unrolled(program, step, decision)
        if isinstance(made, str):
            self.journal.record(f"{place}/blocked", "blocked", made, made)
        else:
            self.journal.record(f"{place}/patched", "patched", made, made.reason)

    def block(self, attempt: Attempt) -> None:
        """Give an instruction up: its transaction is dropped, the trunk stays as it was."""
        tried = f"{attempt.number + 1} windows" if attempt.number else f"{attempt.turn} turns"
        last = attempt.complaint.splitlines()
        reason = (
            attempt.given_up
            or f"not done after {tried}; last: {last[1] if len(last) > 1 else 'no check failed, nothing was completed'}"
        )
        self.journal.record(f"{attempt.place}/blocked", "blocked", reason, reason)

    def keep(self, program: Program, place: str) -> None:
        """Put a program into program memory."""
        self.journal.record(f"{place}/program", "program", program, f"{len(program.instructions)} instructions")

    def audit(self, spent: str) -> Ended:
        """Judge the whole and record how the run ended."""
        if not self.journal.recorded("-/0/0/audit"):
            self.trunk.adopt("-/0/0")
        traced, acceptance = wanted(self.now.evidence), self.now.acceptance
        reports = self.evaluator.check(
            "-/0/0/audit", self.trunk.snapshot, None, kind="audit", traced=traced, acceptance=acceptance
        )
        if not spent:
            self.evaluator.broken("-/0/0/mutation", self.trunk.snapshot, self.now.origin)
        ended = audit(self.now, reports, spent=spent, accept_unverified=self.accept_unverified)
        self.journal.record("-/0/0/ended", "ended", ended, ended.outcome)
        return ended

    # -- what comes from outside ----------------------------------------------------------------------------------

    def at_boundary(self, place: str) -> None:
        """Between instructions, and before the audit: the user's edits are adopted and all orders taken."""
        if not self.journal.recorded(f"{place}/began") and not self.journal.recorded(f"{place}/audit"):
            self.trunk.adopt(place)
            self.obey(place, boundary=True)

    def prepare(self, instruction: Instruction) -> None:
        """Ask whoever an instruction is for, and be frugal with it where little of the budget is left."""
        place = self.now.place(instruction)
        self.dialogue.act(self.windows.roles.of(instruction))
        if self.journal.recorded(f"{place}/began"):
            return  # what is decided by that, was decided by what was recorded then
        part, name = nearest(self.now.limits, self.now.usage, self.now.calls, self.now.seconds)
        if part >= SOFT:
            told = f"{part:.0%} of the budget ({name}) is used: half the turns, no stronger model, no splitting"
            self.journal.record(f"{place}/frugal", "frugal", name, told)

    def obey(self, place: str, *, boundary: bool) -> None:
        """Take orders; notes and budgets are obeyed by standing in the journal, from which the state is folded."""
        for order in self.intake.take(place, boundary=boundary):
            match order:
                case Stop():
                    raise Interrupted("stopped by order")
                case SwitchModel(model=model):
                    self.dialogue.switch_to(model)


def _focus(attempt: Attempt) -> str:
    still = attempt.complaint or "nothing was checked or completed"
    return f"error: the last turns brought no progress. Deal with this, and nothing else, now:\n{still}"
