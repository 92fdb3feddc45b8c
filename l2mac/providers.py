"""Which processor serves: chosen from the settings, imported when it is."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from .config import LLM, PLACEHOLDER
from .errors import UsageError
from .processor.patience import Patient
from .processor.protocol import Processor

_WAYS_OUT = """no language model is configured; choose one way:
  OpenAI: export OPENAI_API_KEY=… and pass --model NAME
  Ollama or another local server: --set llm.base_url=http://localhost:11434/v1 --model NAME
  yourself, or any chat window: --set llm.api_type=manual"""


def serve(llm: LLM, model: str, manual: Path, notice: Callable[[str], None]) -> Processor:
    """Return the processor that the settings name.

    Args:
        llm: the settings.
        model: the model to use, which orders may have switched.
        manual: where a person answers requests, unless the settings name a folder.
        notice: is told of waits, and where requests lie.

    Raises:
        UsageError: a setting is missing or does not fit.
    """
    match llm.api_type:
        case "tape":
            from .processor.tape import TapeProcessor

            if not llm.tape:
                raise UsageError("llm.api_type is tape, but llm.tape names no file")
            return TapeProcessor(Path(llm.tape), notify=notice)
        case "manual":
            from .processor.manual import ManualProcessor

            return ManualProcessor(Path(llm.folder) if llm.folder else manual, notify=notice)
        case _:
            return Patient(_openai(llm, model), llm.patience, notify=notice)


def _openai(llm: LLM, model: str) -> Processor:
    from .processor import prices
    from .processor.openai import OpenAIProcessor

    key = llm.api_key if llm.api_key != PLACEHOLDER else os.environ.get("OPENAI_API_KEY", "")
    remote = llm.base_url == LLM.model_fields["base_url"].default
    if remote and not key:
        raise UsageError(_WAYS_OUT)
    if not model:
        raise UsageError("no model is named; pass --model NAME, or set llm.model")
    return OpenAIProcessor(
        model,
        llm.base_url,
        key or None,
        api_version=llm.api_version or None,
        azure=llm.api_type == "azure",
        temperature=llm.temperature,
        stream=llm.stream,
        timeout=llm.timeout,
        prices=prices.price(model, base_url=llm.base_url),
    )
