"""The processors that settings name, each imported when it serves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .config import LLM
from .discovery import OPENAI, WAYS_OUT, key, provider_at, switched
from .errors import UsageError
from .processor import prices
from .processor.patience import Patient
from .processor.prices import Price
from .processor.protocol import Processor, Usage
from .processor.text import AutoProtocol, TextProtocol

USUAL_WINDOW = 48_000  # tokens: more costs more and is attended to less
UNKNOWN_WINDOW = 16_000


@dataclass(slots=True)
class Supply:
    """Gets processors for a run, one model after another.

    Args:
        llm: the settings, which leave nothing open (see `discovery.choose`).
        manual: where a person answers requests, unless the settings name a folder.
        notice: is told of waits, and where requests lie.
    """

    llm: LLM
    manual: Path
    notice: Callable[[str], None]
    usual: LLM = field(init=False)

    def __post_init__(self) -> None:
        self.usual = self.llm

    def serve(self) -> Processor:
        """Return the processor that the settings name.

        Raises:
            UsageError: a setting is missing or does not fit.
        """
        llm = self.llm
        match llm.api_type:
            case "tape":
                from .processor.tape import TapeProcessor

                if not llm.tape:
                    raise UsageError("llm.api_type is tape, but llm.tape names no file")
                return TapeProcessor(Path(llm.tape), notify=self.notice)
            case "manual":
                from .processor.manual import ManualProcessor

                return ManualProcessor(Path(llm.folder) if llm.folder else self.manual, notify=self.notice)
            case "litellm":
                return self._speaking(Patient(_litellm(llm), llm.patience, notify=self.notice))
            case _:
                return self._speaking(Patient(_openai(llm), llm.patience, notify=self.notice))

    def _speaking(self, processor: Processor) -> Processor:
        """The processor, spoken to in the protocol that the settings name; `auto` knows some models' limits."""
        llm = self.llm
        address = None if llm.api_type == "litellm" else llm.base_url
        incapable = llm.protocol == "auto" and prices.calls_functions(llm.model, base_url=address) is False
        if llm.protocol == "text" or incapable:
            return TextProtocol(processor)
        return AutoProtocol(processor, self.notice) if llm.protocol == "auto" else processor

    def switch(self, model: str) -> Processor:
        """Return a processor for another model, of another provider where the model is that one's."""
        self.llm = self.usual if model == self.usual.model else switched(self.usual, model)
        return self.serve()

    def cost(self, usage: Usage) -> float | None:
        """What a call costs in US dollars; None when unknown."""
        return prices.cost(usage, price(self.llm))


def working_window(llm: LLM) -> int:
    """The tokens that a request and its reply may have together: as the settings say, else as far as the model goes.

    A model that is in no table has a size that nobody here can know, and is never taken for one that looks like it.
    """
    if llm.window or llm.api_type in ("tape", "manual"):
        return llm.window or USUAL_WINDOW
    most, _ = prices.limits(llm.model, base_url=None if llm.api_type == "litellm" else llm.base_url)
    return min(most or UNKNOWN_WINDOW, USUAL_WINDOW)


def price(llm: LLM) -> Price | None:
    """What the model costs that the settings name; None when unknown, and where no model is asked."""
    if llm.api_type in ("tape", "manual"):
        return None
    return prices.price(llm.model, base_url=None if llm.api_type == "litellm" else llm.base_url)


def _litellm(llm: LLM) -> Processor:
    from .processor.litellm import LiteLLMProcessor

    if not llm.model:
        raise UsageError("llm.api_type is litellm, but no model is named; pass --model PROVIDER/NAME")
    address = llm.base_url if llm.base_url != OPENAI else None
    return LiteLLMProcessor(
        llm.model,
        address,
        key(llm) or None,
        api_version=llm.api_version or None,
        temperature=llm.temperature,
        stream=llm.stream,
        timeout=llm.timeout,
        prices=price(llm),
    )


def _openai(llm: LLM) -> Processor:
    from .processor.openai import OpenAIProcessor

    owner = provider_at(llm)
    if owner and not key(llm):
        raise UsageError(f"{owner.variables[0]} is not set, and neither is llm.api_key; export it, or:\n{WAYS_OUT}")
    if not llm.model:
        raise UsageError("no model is named; pass --model NAME, or set llm.model")
    return OpenAIProcessor(
        llm.model,
        llm.base_url,
        key(llm) or None,
        api_version=llm.api_version or None,
        azure=llm.api_type == "azure",
        temperature=llm.temperature,
        stream=llm.stream,
        timeout=llm.timeout,
        prices=price(llm),
    )
