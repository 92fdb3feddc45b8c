"""The control unit: fetch an instruction, let the processor execute it, check, retire."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count

from ..checks.guard import TestGuard
from ..errors import BudgetSpent, ContextOverflow, Interrupted, ProcessorError
from ..memory.journal import Journal
from ..memory.orders import Stop, SwitchModel
from ..memory.snapshot import Transaction
from ..processor.protocol import Listener, Message, Processor, Reply, Request, Usage, release, storable
from ..processor.tokens import TokenCounter
from ..program.values import Instruction, Program
from ..tools.execution import PlanningBench
from ..tools.instruction_set import InstructionSet
from .attempt import PLANNING, Attempt
from .audit import audit
from .budget import allow
from .evaluator import Evaluator, passed_tests
from .intake import Intake
from .judgement import Judgement
from .ladder import Ladder
from .opening import Opening
from .records import Began, Ended, Exchange
from .state import State
from .trunk import Trunk
from .window import Window

_OVERFLOWS = 3  # times that a request is rebuilt smaller before the provider's word is final


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
    processor: Processor
    counter: TokenCounter
    opening: Opening
    planning_tools: InstructionSet
    tools: InstructionSet
    evaluator: Evaluator
    judgement: Judgement
    intake: Intake
    price: Callable[[Usage], float | None] = lambda usage: None
    switch: Callable[[str], Processor] | None = None
    """Gives the processor for another model."""
    bounds: Bounds = field(default_factory=Bounds)
    listener: Listener | None = None
    asked: Callable[[], None] = lambda: None
    """Hears when the processor is asked, which no event tells."""
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
            program = self.now.program or self.compile()
            while program and not plan_only and (instruction := program.ready(self.now.states())):
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
            self.execute(PLANNING, Program())
        return self.now.program

    def execute(self, instruction: Instruction, program: Program) -> None:
        """Work on one instruction until it is retired or blocked."""
        self.at_boundary(instruction)
        ladder = Ladder(self.bounds.turns)
        attempt = self.begin(instruction, program, Transaction(self.trunk.snapshot))
        while ladder.turn() and not attempt.given_up:
            self.step(attempt)
            if attempt.outcome is not None:
                return self.retire(attempt)
            rung = ladder.saw(attempt.failing, moved=attempt.moved)
            if rung == "blocked":
                break
            if rung == "focus":
                attempt.window.append(Message("user", _focus(attempt)))
            if rung == "fresh" or not self.fits(attempt):
                attempt = self.begin(instruction, program, attempt.transaction, attempt)
        return self.block(attempt)

    def step(self, attempt: Attempt) -> None:
        """One turn: ask, execute the calls, check what they changed, answer."""
        attempt.turn += 1
        self.at_turn(attempt)
        if exchange := self.ask(attempt):
            reply = exchange.reply
            attempt.window.append(reply.message, *self.judgement.answer(attempt, reply))

    # -- its parts ------------------------------------------------------------------------------------------------

    def begin(
        self, instruction: Instruction, program: Program, transaction: Transaction, last: Attempt | None = None
    ) -> Attempt:
        """Open a window on a transaction; `last` is the attempt that it goes on from."""
        number = last.number + 1 if last else 0
        base = Began(self.now.commit)
        self.journal.record(f"{instruction.id}/{number}/0/began", "began", base, instruction.title)
        planning = instruction is PLANNING
        tools = self.planning_tools if planning else self.tools
        if planning:
            opening = self.opening.planning(transaction.files, transaction.base.kept, self.now.baseline)
        else:
            notes = self.now.notes.values()
            opening = self.opening.instruction(instruction, program, transaction.files, self.now.summaries, notes)
        if last:
            opening.append(Message("user", _so_far(last)))
        window = Window(tools.specs, opening, self.counter, self.bounds.window, self.bounds.reserve)
        bench = last.bench if last else PlanningBench(transaction, room=self.bounds.window // 3)
        texts = (self.now.birth.prompt if self.now.birth else "", instruction.text)
        guard = TestGuard(transaction.base, passed_tests(self.now.trunk_reports), texts)
        attempt = Attempt(instruction, number, tools, bench, window, guard, unchecked=set(transaction.change))
        return replace(attempt, guard=last.guard, waived=last.waived, refusals=last.refusals) if last else attempt

    def ask(self, attempt: Attempt) -> Exchange | None:
        """The processor's reply to the window, made shorter where the provider finds it too long.

        None where it can't be made short enough: then only a fresh window can help.
        """
        for overflow in count():
            place = f"{attempt.place}/overflow-{overflow}"
            if not self.journal.recorded(place):
                request = attempt.window.request(f"{self.journal.epoch}/{attempt.place}")
                try:
                    exchange = self.exchange(attempt, request)
                    break
                except ContextOverflow as error:
                    if overflow == _OVERFLOWS:
                        raise
                    self.journal.record(place, "overflow", str(error), "the provider counts more tokens than we do")
            else:
                self.journal.record(place, "overflow", "")
            self.counter.overflowed()
            if not attempt.window.fit()[0]:
                return None
        self.counter.calibrate(exchange.counted, exchange.reported)
        return exchange

    def exchange(self, attempt: Attempt, request: Request) -> Exchange:
        """One call of the processor, as a recorded step."""
        counted = attempt.window.tokens

        def work() -> Exchange:
            worst = Usage(prompt=counted, completion=request.max_tokens)
            now = self.now
            allow(now.limits, now.usage, now.calls, now.seconds, replace(worst, cost=self.price(worst)))
            self.asked()
            reply = storable(self.processor.complete(request, self.listener))
            if self.counter.cut(counted, reply.usage.prompt):
                raise ProcessorError(
                    f"the server read {reply.usage.prompt:,} of about {counted:,} prompt tokens: it cuts what does "
                    "not fit its context; raise that (Ollama: OLLAMA_CONTEXT_LENGTH), or lower llm.window"
                )
            return Exchange(request.digest, counted, reply.usage.prompt, self.counted(reply, counted))

        return self.journal.step(f"{attempt.place}/reply", "reply", Exchange, work, _said)

    def counted(self, reply: Reply, prompt: int) -> Reply:
        """The reply; where its provider reports no usage, with our own count, so that budgets bind all the same."""
        if reply.usage.tokens:
            return reply
        usage = replace(reply.usage, prompt=prompt, completion=self.counter.count_message(reply.message))
        return replace(reply, usage=usage)

    def fits(self, attempt: Attempt) -> bool:
        """Make room in the window for the next turn; False where only a fresh window can."""
        fits, elided = attempt.window.fit()
        if elided:
            self.journal.record(
                f"{attempt.place}/elided", "elided", elided, f"{elided} old texts left out of the window"
            )
        return fits

    def retire(self, attempt: Attempt) -> None:
        """Make the outcome part of the trunk, or of program memory."""
        if isinstance(attempt.outcome, Program):
            self.keep(attempt.outcome, attempt.place)
        elif attempt.outcome:
            self.trunk.retire(attempt.place, attempt.outcome, attempt.instruction.title)

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
        reports = self.evaluator.check("-/0/0/audit", self.trunk.snapshot, None, kind="audit")
        ended = audit(self.now, reports, spent=spent, accept_unverified=self.accept_unverified)
        self.journal.record("-/0/0/ended", "ended", ended, ended.outcome)
        return ended

    # -- what comes from outside ----------------------------------------------------------------------------------

    def at_boundary(self, instruction: Instruction) -> None:
        """Between instructions: the user's edits are adopted and all orders taken."""
        place = f"{instruction.id}/0/0"
        if not self.journal.recorded(f"{place}/began"):
            self.trunk.adopt(place)
        self.obey(place, boundary=True)

    def at_turn(self, attempt: Attempt) -> None:
        """Between turns: the orders that can't wait."""
        self.obey(attempt.place, boundary=False)

    def obey(self, place: str, *, boundary: bool) -> None:
        """Take orders; notes and budgets are obeyed by standing in the journal, from which the state is folded."""
        for order in self.intake.take(place, boundary=boundary):
            match order:
                case Stop():
                    raise Interrupted("stopped by order")
                case SwitchModel(model=model) if self.switch:
                    release(self.processor)
                    self.processor = self.switch(model)


def _focus(attempt: Attempt) -> str:
    still = attempt.complaint or "nothing was checked or completed"
    return f"error: the last turns brought no progress. Deal with this, and nothing else, now:\n{still}"


def _so_far(last: Attempt) -> str:
    """What a fresh window must know of the one it replaces."""
    still = last.complaint or "No check fails."
    if isinstance(last.bench, PlanningBench) and (planned := last.bench.instructions):
        done = f"{len(planned)} instructions are submitted, up to {planned[-1].id}; submit the next part"
    else:
        done = f"changed so far: {', '.join(sorted(last.transaction.change)) or 'nothing'}"
    return f"# So far\nYou are going on in a new window; {done}.\n{still}"


def _said(exchange: Exchange) -> str:
    """A reply in a few words, for the journal."""
    calls = [call.name for call in exchange.reply.message.tool_calls]
    return ", ".join(calls) or exchange.reply.message.content or "(empty)"
