"""The processors that settings name, each imported when it serves."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from .config import LLM, home
from .discovery import OPENAI, UNNAMED, WAYS_OUT, instead, key, provider_at, switched
from .errors import Halted, UsageError
from .processor import prices
from .processor.patience import Gate, Patient
from .processor.prices import Price
from .processor.protocol import USUAL_WINDOW, Processor, Usage, window_of
from .processor.text import AutoProtocol, TextProtocol

if TYPE_CHECKING:
    from .processor.litellm import LiteLLMProcessor
    from .processor.openai import OpenAIProcessor

UNKNOWN_WINDOW = 16_000
IMPATIENCE = 120  # seconds that one which is not the last of its fallbacks is waited for


@dataclass(slots=True)
class Supply:
    """Gets processors for a run, one model after another.

    Args:
        llm: the settings, which leave nothing open (see `discovery.choose`).
        manual: where a person answers requests, unless the settings name a folder.
        notice: is told of waits, and where requests lie.
        lanes: whether several ask at once, so that one wait is every lane's.
        halt: is set when the run ends, and with it every wait.
    """

    llm: LLM
    manual: Path
    notice: Callable[[str], None]
    lanes: bool = False
    halt: threading.Event = field(default_factory=threading.Event)
    gates: dict[str, Gate] = field(default_factory=dict)
    usual: LLM = field(init=False)
    others: tuple[LLM, ...] = field(init=False, default=())
    """The settings of the fallbacks, when they are served."""

    def __post_init__(self) -> None:
        self.usual = self.llm

    def serve(self) -> Processor:
        """Return the processor that the settings name, with the patience that it needs and its fallbacks.

        Raises:
            UsageError: a setting is missing or does not fit.
        """
        llm, first = self.llm, self._bare(self.llm)
        if llm.api_type in ("tape", "manual"):
            return first
        self.others = tuple(_instead(llm, number) for number in range(len(llm.fallbacks)))
        if not self.others:
            return self._speaking(llm, self._patient(llm, self._kept(llm, first), llm.patience))
        from .processor.fallback import Fallback, Rank

        served = [(llm, first), *((other, self._bare(other)) for other in self.others)]
        ranks = [
            Rank(
                self._speaking(it, self._kept(it, bare)),
                it.model,
                it.patience if bare is served[-1][1] else min(it.patience, IMPATIENCE),
                it.max_tokens,
            )
            for it, bare in served
        ]
        patient = partial(self._patient, llm)
        return Fallback(ranks, notify=self.notice, patient=patient)

    def _patient(self, llm: LLM, processor: Processor, seconds: float) -> Patient:
        """A processor with patience. Where lanes share a provider they share its waits."""
        gate = self.gates.setdefault(f"{llm.api_type} {llm.base_url} {processor.name}", Gate()) if self.lanes else None
        return Patient(processor, seconds, self._sleep, self.notice, gate=gate)

    def _sleep(self, seconds: float) -> None:
        if self.halt.wait(seconds):
            raise Halted

    def _speaking(self, llm: LLM, processor: Processor) -> Processor:
        """The processor, spoken to in the protocol that the settings name; `auto` knows some models' limits."""
        if llm.api_type in ("tape", "manual"):
            return processor
        address = None if llm.api_type == "litellm" else llm.base_url
        incapable = llm.protocol == "auto" and prices.calls_functions(llm.model, base_url=address) is False
        if llm.protocol == "text" or incapable or llm.api_type == "command":
            return TextProtocol(processor)
        return AutoProtocol(processor, self.notice) if llm.protocol == "auto" else processor

    def _kept(self, llm: LLM, processor: Processor) -> Processor:
        """A processor whose replies are kept across runs, where the settings say so."""
        if not self.llm.cache:
            return processor
        from .processor.cache import Cached

        decides = repr((llm.api_type, llm.model, llm.base_url, llm.command, llm.temperature))
        return Cached(processor, home() / "cache" / "replies", decides, self.notice)

    def _bare(self, llm: LLM) -> Processor:
        """One processor by itself."""
        match llm.api_type:
            case "tape":
                from .processor.tape import TapeProcessor

                if not llm.tape:
                    raise UsageError("llm.api_type is tape, but llm.tape names no file")
                return TapeProcessor(Path(llm.tape), notify=self.notice)
            case "manual":
                from .processor.manual import ManualProcessor

                return ManualProcessor(Path(llm.folder) if llm.folder else self.manual, notify=self.notice)
            case "command":
                from .processor.command import CommandProcessor

                return CommandProcessor(llm.command, llm.model, llm.timeout)
            case "litellm":
                return _litellm(llm)
            case _:
                return _openai(llm, hashlib.sha256(str(self.manual.absolute()).encode()).hexdigest()[:32])

    def switch(self, model: str, temperature: float | None = None) -> Processor:
        """Return a processor for another model, of another provider where the model is that one's."""
        self.llm = self.usual if model == self.usual.model else switched(self.usual, model)
        if temperature is not None:
            self.llm = self.llm.model_copy(update={"temperature": temperature})
        return self.serve()

    def cost(self, usage: Usage) -> float | None:
        """What a call costs in US dollars, with the dearest of those that may serve; None when unknown."""
        costs = (prices.cost(usage, price(it)) for it in (self.llm, *self.others))
        return max((cost for cost in costs if cost is not None), default=None)


def _instead(llm: LLM, number: int) -> LLM:
    try:
        return instead(llm, llm.fallbacks[number])
    except UsageError as error:
        raise UsageError(f"llm.fallbacks, entry {number + 1}: {error}") from None


def working_window(llm: LLM, processor: Processor | None = None) -> int:
    """The tokens that a request and its reply may have together: as the settings say, else as far as every model goes.

    A model that is in no table has a size that nobody here can know, and is never taken for one that looks like it.
    """
    if given := llm.window or (processor and window_of(processor)):
        return given
    served = [llm, *(_instead(llm, number) for number in range(len(llm.fallbacks)))]
    known = (prices.limits(it.model, base_url=None if it.api_type == "litellm" else it.base_url)[0] for it in served)
    return min(USUAL_WINDOW, *(most or UNKNOWN_WINDOW for most in known))


def price(llm: LLM) -> Price | None:
    """What the model costs that the settings name; None when unknown, and where no model is asked."""
    if llm.api_type in UNNAMED:
        return None
    return prices.price(llm.model, base_url=None if llm.api_type == "litellm" else llm.base_url)


def _litellm(llm: LLM) -> Processor:
    from .processor.litellm import LiteLLMProcessor

    if not llm.model:
        raise UsageError("llm.api_type is litellm, but no model is named; pass --model PROVIDER/NAME")
    address = llm.base_url if llm.base_url != OPENAI else None
    processor = LiteLLMProcessor(
        llm.model,
        address,
        key(llm) or None,
        api_version=llm.api_version or None,
        temperature=llm.temperature,
        stream=llm.stream,
        timeout=llm.timeout,
        prices=price(llm),
    )
    return _loaded(processor)


def _openai(llm: LLM, run: str) -> Processor:
    from .processor.openai import OpenAIProcessor

    owner = provider_at(llm)
    if owner and not key(llm):
        raise UsageError(f"{owner.variables[0]} is not set, and neither is llm.api_key; export it, or:\n{WAYS_OUT}")
    if not llm.model:
        raise UsageError("no model is named; pass --model NAME, or set llm.model")
    processor = OpenAIProcessor(
        llm.model,
        llm.base_url,
        key(llm) or None,
        api_version=llm.api_version or None,
        azure=llm.api_type == "azure",
        temperature=llm.temperature,
        stream=llm.stream,
        timeout=llm.timeout,
        prices=price(llm),
        cache_key=run if llm.base_url == OPENAI else "",
    )
    return _loaded(processor)


def _loaded(processor: OpenAIProcessor | LiteLLMProcessor) -> Processor:
    """A processor whose packages are loaded while everything else is set up; half a second and more."""

    def load() -> None:
        with suppress(Exception):  # the first call says it
            processor.load()

    Thread(target=load).start()
    return processor
