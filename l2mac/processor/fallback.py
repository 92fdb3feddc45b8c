"""Further models in the place of one that does not answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..errors import BudgetSpent, ContextOverflow, KeyRefused, ProcessorError
from .patience import Patient
from .protocol import Listener, Processor, Reply, Request, forms, release
from .text import AutoProtocol


@dataclass(frozen=True, slots=True)
class Rank:
    """One of several processors, without any patience of its own."""

    processor: Processor
    model: str
    """Its name, for replies that do not say."""
    seconds: float
    """Patience with it in one call."""
    max_tokens: int
    """The most that its replies may have, in tokens."""


class Fallback:
    """A processor that asks the next of several where one fails for longer than patience lasts, or for good.

    Whoever answers goes on answering until the next instruction, or the next window of the same; then the first is
    asked again: once, without waiting, as long as it does not answer. A key that is refused is no outage but a fault of
    the settings, and a request that is too long would be so for the next one too: neither is passed on. Threads may
    share it.

    Args:
        ranks: the processors in the order in which they are asked; at least one.
        notify: is told of waits, and of every change of processor.
        patient: puts patience around a processor.
        clock: seconds, for the time that those before took.

    Attributes:
        forms: as `l2mac.processor.protocol.forms` says, of all of them together.
    """

    def __init__(
        self,
        ranks: Sequence[Rank],
        notify: Callable[[str], None],
        patient: Callable[[Processor, float], Processor] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ranks = ranks
        self.forms = frozenset[str]().union(*(forms(rank.processor) for rank in ranks))
        self._notify = notify
        self._clock = clock
        patient = patient or (lambda processor, seconds: Patient(processor, seconds, notify=notify))
        self._patient = [patient(rank.processor, rank.seconds) for rank in ranks]
        self._serving: dict[str, tuple[str, int]] = {}
        """For each instruction its window, and who answers there."""
        self._down: set[int] = set()

    @property
    def name(self) -> str:
        """The name of the first."""
        return self._ranks[0].processor.name

    def complete(self, request: Request, listener: Listener | None = None) -> Reply:
        """Return the reply of the first that gives one.

        Raises:
            ContextOverflow: as the processor asked raised it.
            BudgetSpent: the last one asked for a wait that the run's time does not allow.
            ProcessorError: a key is refused, or none of them answers; the text says why, for each.
        """
        window = request.place.rpartition("/")[0]
        instruction = window.rpartition("/")[0]
        known, at = self._serving.get(instruction, (window, 0))
        at = at if known == window else 0
        failed: list[str] = []
        began, seconds = self._clock(), request.seconds
        while True:
            if seconds is not None:
                request = replace(request, seconds=max(0.0, seconds - (self._clock() - began)))
            try:
                reply = self._ask(at, request, listener)
            except (ContextOverflow, KeyRefused):
                raise
            except (ProcessorError, BudgetSpent) as error:  # the run's time may be too short for the one's wait alone
                failed.append(str(error).rstrip("."))
                self._down.add(at)
                if at + 1 == len(self._ranks):
                    self._serving.pop(instruction, None)
                    if isinstance(error, BudgetSpent):
                        raise
                    raise ProcessorError("; and ".join(failed)) from error
                at += 1
                self._notify(f"{failed[-1]}; asking {self._ranks[at].processor.name} in its place")
                continue
            self._serving[instruction] = window, at
            return reply

    def learn(self, place: str, reply: Reply) -> None:
        """Tell a recorded reply to the one that gave it, as far as its model's name says which."""
        gave = [it for it in self._ranks if reply.model.startswith(it.model.rpartition("/")[2])]
        rank = max(gave, key=lambda it: len(it.model), default=self._ranks[0])
        if isinstance(rank.processor, AutoProtocol):
            rank.processor.learn(place, reply)

    def close(self) -> None:
        """Close them all."""
        for rank in self._ranks:
            release(rank.processor)

    def _ask(self, at: int, request: Request, listener: Listener | None) -> Reply:
        """Ask one of them."""
        rank = self._ranks[at]
        # One that is known to be down is tried, not waited for, where there is another.
        tried = at in self._down and at + 1 < len(self._ranks)
        processor = rank.processor if tried else self._patient[at]
        reply = processor.complete(replace(request, max_tokens=min(request.max_tokens, rank.max_tokens)), listener)
        if at in self._down:
            self._down.discard(at)
            self._notify(f"{rank.processor.name} answers again")
        return replace(reply, model=reply.model or rank.model)
