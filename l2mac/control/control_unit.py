"""The control unit: fetch an instruction, let the processor execute it, check, retire."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..checks.verdict import judge
from ..errors import BudgetSpent
from ..memory.journal import Journal
from ..memory.merging import merged
from ..program.flow import Decision, decide, unrolled
from ..program.patch import apply, patched
from ..program.validation import MOST_EVER
from ..program.values import Instruction, Patch, Program
from .attempt import PLANNING, Attempt
from .audit import audit
from .evidence import wanted
from .executor import Executor
from .intake import Intake
from .lanes import Lanes
from .records import Began, Ended, Retired
from .state import State
from .trunk import Trunk


@dataclass(slots=True)
class ControlUnit:
    """Executes a program: each instruction is a transaction, retired only when the checks run here pass."""

    journal: Journal
    now: State
    trunk: Trunk
    lanes: Lanes
    intake: Intake
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
            while self.now.program and not plan_only and self.begin():
                self.retire(*self.lanes.finished())
        except BudgetSpent as error:
            spent = str(error)
            for done in self.lanes.rest():
                self.retire(*done)
        return None if plan_only and self.now.program else self.audit(spent)

    def begin(self) -> bool:
        """Begin what is ready, as long as a lane is free; False where nothing is in flight then."""
        while self.lanes.free and self.now.program and (instruction := self.fetch()):
            if instruction.decides:
                self.unroll(instruction, self.now.program)
            else:
                self.lanes.begin(instruction)
        return bool(self.lanes.flying)

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
        """What was in flight when the machine stopped; else the first instruction that is ready."""
        program, flying = self.now.program or Program(), self.lanes.flying
        begun = {id for id, it in self.now.instructions.items() if it.state == "begun"} - {it.id for it in flying}
        left = (it for it in program.instructions if it.id in begun)
        return next(left, None) or program.ready(self.now.states(), flying, self.now.clashing)

    def retire(self, executor: Executor, attempt: Attempt) -> None:
        """Make what an attempt came to a part of the trunk, or of program memory."""
        match attempt.outcome:
            case Program() as program:
                place = attempt.place
                try:
                    self.keep(*executor.counsel.plan(attempt, executor.planned))
                except BudgetSpent:
                    self.keep(program, place)
                    raise
            case Patch() as patch if not self.overtaken(executor, attempt, patch):
                gist = f"{len(patch.changes[0].instructions)} instructions"
                self.journal.record(f"{attempt.place}/patched", "patched", patch, gist)
            case Retired() as retired if not self.overtaken(executor, attempt, retired.patch):
                if made := self.merge(executor, attempt, retired):
                    self.trunk.retire(attempt.place, made, attempt.instruction.title)
            case None:
                self.block(attempt)

    def merge(self, executor: Executor, attempt: Attempt, retired: Retired) -> Retired | None:
        """Bring the work of a lane onto what others have retired since it began, and judge the whole again.

        Returns:
            what is to be retired; None where the two do not go together, so that the instruction is executed again.
        """
        began, newest = attempt.transaction, self.trunk.snapshot
        if newest is began.base or (newest == began.base and newest.kept == began.base.kept):
            return retired
        made = merged(began.base, began.change, began.reads, newest)
        if isinstance(made, list):
            self.conflict(attempt, made)
            return None
        place, acceptance = f"{attempt.place}/onto-{self.now.commit[:12]}", attempt.instruction.acceptance
        reports = executor.evaluator.check(place, made.snapshot, None, acceptance=acceptance)
        verdict = judge(reports, self.now.baseline, attempt.waived)
        if not verdict.accepted:
            self.conflict(attempt, [f"{it.path}:{it.line}: {it.text}" for it in verdict.blocking])
            return None
        made.adopt(executor.evaluator.locks(made, reports))
        return replace(retired, change=self.trunk.addresses(made.change), unverified=verdict.unverified)

    # -- its parts ------------------------------------------------------------------------------------------------

    def survey(self) -> None:
        """Catch up with what a crash cut off; take in a project that is there, and what the checks say of it.

        That is the baseline: what fails in it may go on failing, nothing may newly fail.
        """
        self.trunk.catch_up()
        if self.now.birth and self.now.birth.parent and not self.journal.knows("baseline"):
            self.trunk.take_over("-/0/0")
            self.lanes.first.rest()
            self.lanes.first.evaluator.check("-/0/0/baseline", self.trunk.snapshot, None, kind="baseline")

    def compile(self) -> None:
        """Instruction zero: the same cycle, with tools of its own. A program that the user brought takes its place."""
        if self.now.birth and self.now.birth.given:
            self.keep(self.now.birth.given, "I0/0/0")
        else:
            self.at_boundary("I0/0/0")
            self.lanes.begin(PLANNING)
            self.retire(*self.lanes.finished())

    def unroll(self, step: Instruction, program: Program) -> None:
        """Put instructions in the place of a step that decides, as the retired files and the last report have it."""
        place = self.now.place(step)
        told = "" if step.flow and step.flow.round else step.title
        self.journal.record(f"{place}/began", "began", Began(self.now.commit), told)
        decision = self.journal.step(f"{place}/decided", "decided", Decision, lambda: decide(step, self.now.facts()))
        made = unrolled(program, step, decision)
        try:  # what can't be made must not be recorded: nothing could be read any more
            whole = patched(program, made) if isinstance(made, Patch) else None
        except ValueError as error:
            whole, made = None, str(error)
        if whole and isinstance(made, Patch):
            self.journal.record(f"{place}/patched", "patched", made, made.reason)
        else:
            self.journal.record(f"{place}/blocked", "blocked", made, str(made))

    def overtaken(self, executor: Executor, attempt: Attempt, patch: Patch | None) -> bool:
        """Whether a change of the program can't be made any more, because of what others made of it meanwhile."""
        program = self.now.program
        if patch is None or program is None or program == executor.now.program:
            return False
        settled = {id: why for id, why in self.now.settled().items() if id != attempt.instruction.id}
        made = apply(program, settled, patch, MOST_EVER)
        if isinstance(made, list):
            self.conflict(attempt, made)
        return isinstance(made, list)

    def conflict(self, attempt: Attempt, found: list[str]) -> None:
        """Drop the work of an instruction that does not go together with others'; it is executed again."""
        told = f"does not go together with what was done meanwhile: {found[0]}"
        self.journal.record(f"{attempt.place}/conflict", "conflict", found, told)

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
        self.lanes.first.rest()
        evaluator, files = self.lanes.first.evaluator, self.trunk.snapshot
        traced, acceptance = wanted(self.now.evidence), self.now.acceptance
        reports = evaluator.check("-/0/0/audit", files, None, kind="audit", traced=traced, acceptance=acceptance)
        if not spent:
            evaluator.broken("-/0/0/mutation", files, self.now.origin)
        ended = audit(self.now, reports, spent=spent, accept_unverified=self.accept_unverified)
        self.journal.record("-/0/0/ended", "ended", ended, ended.outcome)
        return ended

    def at_boundary(self, place: str) -> None:
        """Between instructions, and before the audit: the user's edits are adopted and all orders taken."""
        if not self.journal.recorded(f"{place}/began") and not self.journal.recorded(f"{place}/audit"):
            self.trunk.adopt(place)
            self.intake.obey(place, boundary=True)
