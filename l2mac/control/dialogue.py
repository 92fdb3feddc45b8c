"""The dialogue with the processor: every request within the window and the budget, every reply recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from itertools import count

from ..errors import ContextOverflow, Halted, ProcessorError
from ..memory.journal import Journal
from ..processor.protocol import Listener, Message, Processor, Reply, Request, Usage, release, storable
from ..processor.tokens import TokenCounter
from .attempt import Attempt
from .budget import Purse, allow, left
from .ladder import RUNGS
from .records import Exchange
from .roles import Role
from .state import State

_OVERFLOWS = 3  # times that a request is rebuilt smaller before the provider's word is final
_SUMMARISE = (
    "This window ends here; you go on in a fresh one, which shows the instruction, the files' interfaces and what "
    "fails. Call no tool now. Write in at most 300 words what it must know besides: decisions and why, what you tried "
    "and how it failed, what is left to do."
)


@dataclass(slots=True)
class Dialogue:
    """Asks the processor in use.

    Args:
        now: the state of the run, with what goes on in all lanes.
        processor: serves until another model is to be asked.
        shared: whether other lanes ask that one too, so that it stays open.
    """

    journal: Journal
    now: State
    processor: Processor
    counter: TokenCounter
    purse: Purse
    shared: bool = False
    price: Callable[[Usage], float | None] = lambda usage: None
    switch: Callable[[str, float | None], Processor] | None = None
    """Gives the processor for another model, at a temperature; None for the usual one."""
    escalation: str = ""
    """The model for instructions that the usual one doesn't get done; empty where there is none."""
    listener: Listener | None = None
    asked: Callable[[], None] = lambda: None
    """Hears when the processor is asked, which no event tells."""
    waiting: bool = field(init=False, default=False)
    """Whether a call is in flight."""
    dropped: bool = False
    """Whether nobody waits for it any more."""
    _named: str = field(init=False)
    _asked_of: tuple[str, float | None] = field(init=False)
    _lasting: tuple[Processor, tuple[str, float | None]] | None = field(init=False)

    def __post_init__(self) -> None:
        self._named, self._asked_of = self.now.model, (self.now.model, None)
        self._lasting = (self.processor, self._asked_of) if self.shared else None

    def ask(self, attempt: Attempt) -> Exchange | None:
        """The processor's reply to the window, made shorter where the provider finds it too long.

        None where it can't be made short enough: then only a fresh window can help.
        """
        varied = attempt.repeats.count > 1
        if varied:
            self.journal.record(
                f"{attempt.place}/varied", "varied", True, "it repeats itself: the temperature is raised"
            )
        for overflow in count():
            place = f"{attempt.place}/overflow-{overflow}"
            if not self.journal.recorded(place):
                request = attempt.window.request(f"{self.journal.epoch}/{attempt.place}")
                request = replace(request, varied=varied)
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
            flight.enter_context(self.purse.call(replace(worst, cost=self.price(worst)), self._allow))
            self.asked()
            timed = replace(request, seconds=left(now.limits, now.seconds + now.reserve))
            self.waiting = True
            try:
                reply = storable(self.processor.complete(timed, self.listener))
            finally:
                self.waiting = False
            if self.dropped:
                raise Halted
            if self.counter.cut(counted, reply.usage.prompt):
                raise ProcessorError(
                    f"the server read {reply.usage.prompt:,} of about {counted:,} prompt tokens: it cuts what does "
                    "not fit its context; raise that (Ollama: OLLAMA_CONTEXT_LENGTH), or lower llm.window"
                )
            opened = "fresh window" if attempt.number else "first of its instruction"
            prefix = attempt.window.prefix(now.sent, opened)
            before = self.counter.scale(prefix.tokens)
            told = self.counted(reply, counted)
            return Exchange(request.digest, counted, reply.usage.prompt, told, before, prefix.why, prefix.marks)

        with ExitStack() as flight:  # it lands when what it used is recorded
            return self.journal.step(f"{attempt.place}/reply", "reply", Exchange, work, _said)

    def _allow(self, worst: Usage, flying: int) -> None:
        now = self.now
        allow(now.limits, now.usage, now.calls + flying, now.seconds, worst, now.reserve)

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

    def summary(self, attempt: Attempt) -> str:
        """What the processor wants to know in its next window; empty where there is no room to ask."""
        attempt.window.append(Message("user", _SUMMARISE))
        if not self.fits(attempt):
            return ""
        attempt.turn += 1
        exchange = self.ask(attempt)
        return exchange.reply.message.content.strip() if exchange else ""

    # -- which model ----------------------------------------------------------------------------------------------

    def rungs(self) -> tuple[str, ...]:
        """The rungs that this run has."""
        stronger = self.escalation and self.switch and self.escalation != self._asked_of[0]
        return tuple(rung for rung in RUNGS if rung != "stronger" or stronger)

    def step_up(self) -> None:
        """Ask the stronger model from now on."""
        self.switch_to(self.escalation)

    def follow(self) -> None:
        """Ask another model where an order switched to it, in whatever lane that was taken."""
        if self._named != self.now.model:
            self._named = self.now.model
            self.switch_to(self._named)

    def act(self, role: Role) -> None:
        """Ask a role's model from now on, the usual one where it has none."""
        self._named = self.now.model
        if (role.model or self.now.model, role.temperature) != self._asked_of:
            self.switch_to(role.model or self.now.model, role.temperature)

    @contextmanager
    def acting(self, role: Role) -> Iterator[None]:
        """Ask a role's model for a while."""
        before = self._asked_of
        self.act(role)
        yield
        if self._asked_of != before:
            self.switch_to(*before)

    def switch_to(self, model: str, temperature: float | None = None) -> None:
        """Ask another model, where the processor is one that can be changed."""
        if self.switch:
            wanted = model, temperature
            self.release()
            lasts = self._lasting and self._lasting[1] == wanted
            self.processor = self._lasting[0] if self._lasting and lasts else self.switch(model, temperature)
            self._asked_of = wanted

    def release(self) -> None:
        """Close the processor in use, unless other lanes ask it too."""
        if not self._lasting or self.processor is not self._lasting[0]:
            release(self.processor)


def _said(exchange: Exchange) -> str:
    """A reply in a few words, for the journal."""
    calls = [call.name for call in exchange.reply.message.tool_calls]
    return ", ".join(calls) or exchange.reply.message.content or "(empty)"
