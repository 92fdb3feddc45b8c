"""The control unit: fetch an instruction, let the processor execute it, check, retire."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ..checks.guard import TestGuard
from ..domains import question
from ..errors import BudgetSpent, Interrupted
from ..excerpt import bounded
from ..memory.journal import Journal
from ..memory.orders import Stop, SwitchModel
from ..memory.snapshot import Transaction
from ..processor.protocol import Message, Reply
from ..processor.tokens import TokenCounter
from ..program.flow import Decision, decide, unrolled
from ..program.patch import splittable
from ..program.values import Instruction, Patch, Program
from ..tools.execution import PlanningBench
from ..tools.instruction_set import InstructionSet
from .attempt import PLANNING, Attempt
from .audit import audit
from .budget import SOFT, nearest
from .dialogue import Dialogue
from .evaluator import Evaluator, passed_tests
from .evidence import wanted
from .intake import Intake
from .interfaces import bare
from .judgement import Judgement
from .ladder import FRUGAL, Ladder
from .opening import INSTRUCTION, TASK, Opening, asked
from .records import Began, Ended, Retired
from .reflection import another, criticise, merit
from .roles import Roles, findings, prompted, review
from .sizing import Sizes
from .state import State
from .trunk import Trunk
from .window import Window

_STRETCH = 1.1  # so much more may a provider count than was thought before openings are made smaller
_FRUGAL = (
    "The budget is nearly spent. Do this instruction, and no more than it asks for, in as few replies as you can: "
    "write everything at once, and complete in the same reply."
)
_REPLIES = 4  # that splitting an instruction, another plan or criticising one may take
_REVIEWED = (
    "error: completion refused: a reviewer objects. Mend what is right of it; where it is not, say why in the summary. "
    "Then complete again; there is no other review"
)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one instruction may use."""

    turns: int = 24
    """Replies per instruction."""
    window: int = 48_000
    """Tokens of a request and its reply together."""
    reserve: int = 8_000
    """Tokens of the window kept for the reply."""


@dataclass(slots=True)
class ControlUnit:
    """Executes a program: each instruction is a transaction, retired only when the checks run here pass."""

    journal: Journal
    now: State
    trunk: Trunk
    dialogue: Dialogue
    counter: TokenCounter
    opening: Opening
    sizes: Sizes
    planning_tools: InstructionSet
    tools: InstructionSet
    evaluator: Evaluator
    judgement: Judgement
    intake: Intake
    bounds: Bounds = field(default_factory=Bounds)
    roles: Roles = field(default_factory=Roles)
    accept_unverified: bool = False
    frugal: bool = False
    """Whether the instruction at hand was begun with little of the budget left."""

    # -- the cycle ------------------------------------------------------------------------------------------------

    def run(self, *, plan_only: bool = False) -> Ended | None:
        """Compile the program, execute what is ready until nothing is, audit the whole.

        Returns:
            how the run ended; None after `plan_only`.
        """
        spent = ""
        self.survey()
        try:
            program = self.now.program or self.compile()
            while program and not plan_only and (instruction := self.fetch()):
                program = self.now.program or program  # what is taken between instructions may change it
                if instruction.flow and instruction.flow.kind != "plan":
                    self.unroll(instruction, program)
                else:
                    self.execute(instruction, program)
        except BudgetSpent as error:
            spent = str(error)
        return None if plan_only and self.now.program else self.audit(spent)

    def survey(self) -> None:
        """Catch up with what a crash cut off; take in a project that is there, and what the checks say of it.

        That is the baseline: what fails in it may go on failing, nothing may newly fail.
        """
        self.trunk.catch_up()
        if self.now.birth and self.now.birth.parent and not self.journal.knows("baseline"):
            self.trunk.take_over("-/0/0")
            self.evaluator.check("-/0/0/baseline", self.trunk.snapshot, None, kind="baseline")

    def compile(self) -> Program | None:
        """Instruction zero: the same cycle, with tools of its own. A program that the user brought takes its place."""
        if self.now.birth and self.now.birth.given:
            self.keep(self.now.birth.given, "I0/0/0")
        else:
            self.at_boundary("I0/0/0")
            self.execute(PLANNING, Program())
        return self.now.program

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

    def execute(self, instruction: Instruction, program: Program) -> None:
        """Work on one instruction until it is retired, split or blocked."""
        self.prepare(instruction)
        turns = self.turns(instruction)
        ladder = Ladder(max(turns // 2, 1), rungs=FRUGAL) if self.frugal else Ladder(turns, rungs=self.dialogue.rungs())
        attempt = self.begin(instruction, program, Transaction(self.trunk.snapshot))
        while ladder.turn() and not attempt.given_up:
            self.step(attempt)
            if attempt.outcome is not None:
                return self.retire(attempt)
            rung = ladder.saw(attempt.failing, moved=attempt.moved)
            if rung == "over":
                break
            attempt = self.climb(rung, attempt, program)
        return None if self.split(attempt, program) else self.block(attempt)

    def step(self, attempt: Attempt) -> bool:
        """One turn: ask, execute the calls, check what they changed, answer; False where there was no call."""
        attempt.turn += 1
        self.at_turn(attempt)
        if exchange := self.dialogue.ask(attempt):
            reply = exchange.reply
            answers = self.judgement.answer(attempt, reply)
            if self.roles.review and isinstance(attempt.outcome, Retired):
                answers = self.review(attempt, attempt.outcome, reply, answers)
            attempt.window.append(reply.message, *answers)
            self.question(attempt)
            return bool(reply.message.tool_calls)
        return False

    def climb(self, rung: str | None, attempt: Attempt, program: Program) -> Attempt:
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
            return self.begin(attempt.instruction, program, attempt.transaction, attempt, said=said)
        return attempt

    def split(self, last: Attempt, program: Program) -> bool:
        """Have an instruction that was not done cut into pieces; True where the program holds these instead of it."""
        if self.frugal or last.plans or last.given_up or not splittable(last.instruction):
            return False
        attempt = self.begin(last.instruction, program, Transaction(self.trunk.snapshot), last, splits=True)
        if outcome := self.planned(attempt):
            self.retire(attempt)
        return outcome is not None

    def planned(self, attempt: Attempt, *, stands: bool = False) -> Program | Patch | None:
        """What comes of a window in which programs can be submitted, within a few replies; None where nothing does.

        Args:
            attempt: holds the window.
            stands: whether there is a program already, so that a reply without a call means that it is good.
        """
        for _ in range(_REPLIES):
            if attempt.given_up or not self.dialogue.fits(attempt):
                break
            if not self.step(attempt) and stands:
                break
            if isinstance(attempt.outcome, Program | Patch):
                return attempt.outcome
        return None

    def better(self, attempt: Attempt, program: Program) -> tuple[Program, str]:
        """The best of as many plans as were asked for, criticised as often as was asked for, and where that ended.

        Each plan and each round of criticism takes a few replies at most.
        """
        birth, found = self.now.birth, [(program, attempt)]
        if birth is None or self.frugal:
            return program, attempt.place
        for _ in range(1, birth.plans):
            fresh = Transaction(self.trunk.snapshot)
            attempt = self.begin(PLANNING, Program(), fresh, attempt, anew=another(it for it, _ in found))
            if isinstance(made := self.planned(attempt), Program):
                found.append((made, attempt))
        best = max(range(len(found)), key=lambda at: merit(found[at][0]))
        if birth.plans > 1:
            told = f"plan {best + 1} of {len(found)} is taken"
            self.journal.record(f"{attempt.place}/plans", "plans", [list(merit(it)) for it, _ in found], told)
        program, attempt = found[best]
        for _ in range(birth.reflect):
            attempt.outcome = None
            attempt.window.append(Message("user", criticise(program)))
            made = self.planned(attempt, stands=True)
            changes = (
                isinstance(made, Program) and made != program and len(made.requirements) >= len(program.requirements)
            )
            told = "the plan changes" if changes else "the plan stands"
            self.journal.record(f"{attempt.place}/reflection", "reflection", changes, told)
            if not isinstance(made, Program) or not changes:
                break
            program = made
        return program, attempt.place

    def review(self, attempt: Attempt, done: Retired, reply: Reply, answers: list[Message]) -> list[Message]:
        """Let the reviewer look at an instruction once; what it finds is answered in the place of ok."""
        if attempt.refusals["review"] or self.frugal:
            return answers
        attempt.refusals["review"] += 1
        role, change = self.roles["reviewer"], attempt.transaction.change
        task = self.now.birth.task if self.now.birth else ""
        opening = prompted(review(attempt.instruction, task, done.summary, change, self.sizes.room), role)
        window = Window((), opening, self.counter, self.bounds.window, self.bounds.reserve)
        looking = replace(attempt, window=window, turn=attempt.turn + 1)
        try:
            with self.dialogue.acting(role):
                exchange = self.dialogue.ask(looking)
        except BudgetSpent:
            return answers  # the work is good; only the review can't be paid
        attempt.turn = looking.turn
        found = findings(exchange.reply.message.content) if exchange else []
        self.journal.record(f"{attempt.place}/review", "review", found, f"{len(found)} findings")
        if not found:
            return answers
        attempt.outcome, attempt.moved = None, True
        told = "\n".join([_REVIEWED, *(f"- {it}" for it in found)])
        asked = {call.id for call in reply.message.tool_calls if call.name == attempt.tools.specs[-1].name}
        return [replace(it, content=told) if it.tool_call_id in asked else it for it in answers]

    def question(self, attempt: Attempt) -> None:
        """Where tests fail and nothing else, ask whether they or the code are wrong, and pass the answer on."""
        written = [path for path, text in attempt.transaction.change.items() if text is not None]
        opening = self.opening.question(attempt.transaction.files, written, attempt.complaint) if attempt.red else []
        if not opening or attempt.refusals["question"] == question.MOST:
            return
        attempt.refusals["question"] += 1
        attempt.turn += 1
        window = Window((), opening, self.counter, self.bounds.window, self.bounds.reserve)
        exchange = self.dialogue.ask(replace(attempt, window=window))
        answer = question.blamed(exchange.reply.message.content if exchange else "")
        self.journal.record(f"{attempt.place}/rung-{answer}", "rung", answer, f"asked what is wrong: the {answer}")
        attempt.window.append(Message("user", question.told(answer, attempt.red, written)))

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

    def turns(self, instruction: Instruction) -> int:
        """How many replies an instruction may take; a long program comes in many parts."""
        steps = self.now.birth.steps if self.now.birth and instruction is PLANNING else 0
        return self.bounds.turns + steps // 10

    # -- its parts ------------------------------------------------------------------------------------------------

    def begin(
        self,
        instruction: Instruction,
        program: Program,
        transaction: Transaction,
        last: Attempt | None = None,
        *,
        said: str = "",
        splits: bool = False,
        anew: str = "",
    ) -> Attempt:
        """Open a window on a transaction.

        Args:
            instruction: what to work on.
            program: what it is part of.
            transaction: takes the changes.
            last: the attempt that it goes on from.
            said: what the processor said that it must know.
            splits: whether the instruction is to be cut into pieces.
            anew: what is said to have it done another time, from the beginning.
        """
        number = last.number + 1 if last else int(self.now.place(instruction).split("/")[1])
        last = None if anew else last
        if self.counter.factor > _STRETCH * self.sizes.factor:
            self.sizes = self.sizes.at(self.counter.factor)
            self.opening.resize(self.sizes.room)
        base = Began(self.now.commit)
        self.journal.record(f"{instruction.id}/{number}/0/began", "began", base, instruction.title)
        tools = self.planning_tools if splits or instruction is PLANNING or instruction.flow else self.tools
        if splits and last:
            opening = self.opening.splitting(instruction, program, transaction.files, last.complaint)
        elif instruction is PLANNING or instruction.flow:
            opening = self.opening.planning(transaction.files, transaction.base.kept, self.now.baseline)
            opening += self.opening.frame(instruction, program) if instruction.flow else []
        else:
            told = (self.now.summaries, self.now.notes.values(), {it.requirement for it in self.now.evidence})
            opening = self.opening.instruction(instruction, program, transaction.files, *told)
        if last and not splits:
            opening.append(Message("user", _so_far(last, bounded(said, self.bounds.window // 4))))
        opening = prompted(opening, self.roles["planner"] if splits else self.roles.of(instruction))
        if anew:
            opening.append(Message("user", anew))
        if self.frugal:
            opening.append(Message("user", _FRUGAL))
        window = Window(tools.specs, opening, self.counter, self.bounds.window, self.bounds.reserve)
        bench = (
            last.bench
            if last and not splits
            else PlanningBench(transaction, room=self.bounds.window // 3, longest=self.opening.longest * 6 // 5)
        )
        bench.pages |= {TASK: self.now.birth.task if self.now.birth else "", INSTRUCTION: asked(instruction)}
        texts = (self.now.birth.prompt if self.now.birth else "", instruction.text)
        guard = TestGuard(transaction.base, passed_tests(self.now.trunk_reports), texts, bare)
        unchecked = set(transaction.change)
        attempt = Attempt(instruction, number, tools, bench, window, guard, unchecked=unchecked, splits=splits)
        if splits or not last:
            return attempt
        kept = {name: getattr(last, name) for name in ("guard", "waived", "refusals", "evidence", "patch")}
        return replace(attempt, **kept)

    def retire(self, attempt: Attempt) -> None:
        """Make the outcome part of the trunk, or of program memory."""
        match attempt.outcome:
            case Program() as program:
                try:
                    self.keep(*self.better(attempt, program))
                except BudgetSpent:
                    self.keep(program, attempt.place)
                    raise
            case Patch() as patch:
                gist = f"{len(patch.changes[0].instructions)} instructions"
                self.journal.record(f"{attempt.place}/patched", "patched", patch, gist)
            case Retired() as retired:
                self.trunk.retire(attempt.place, retired, attempt.instruction.title)

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
        self.dialogue.act(self.roles.of(instruction))
        if not self.journal.recorded(f"{place}/began"):
            self.look_at_budget(place)
        self.frugal = self.journal.recorded(f"{place}/frugal")

    def look_at_budget(self, place: str) -> None:
        """Record that an instruction begins with little left; what is decided by that is decided by the record."""
        part, name = nearest(self.now.limits, self.now.usage, self.now.calls, self.now.seconds)
        if part >= SOFT:
            told = f"{part:.0%} of the budget ({name}) is used: half the turns, no stronger model, no splitting"
            self.journal.record(f"{place}/frugal", "frugal", name, told)

    def at_turn(self, attempt: Attempt) -> None:
        """Between turns: the orders that can't wait."""
        self.obey(attempt.place, boundary=False)

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


def _so_far(last: Attempt, said: str) -> str:
    """What a fresh window must know of the one it replaces: what was done, what fails, what the processor noted."""
    still = last.complaint or "No check fails."
    if isinstance(last.bench, PlanningBench) and (planned := last.bench.instructions):
        done = f"{len(planned)} instructions are submitted, up to {planned[-1].id}; submit the next part"
    else:
        done = f"changed so far: {', '.join(sorted(last.transaction.change)) or 'nothing'}"
    noted = f"\n\nYour notes from the last window:\n{said}" if said else ""
    return f"# So far\nYou are going on in a new window; {done}.\n{still}{noted}"
