"""What models cost and how much they take, from the table that ships inside litellm's package folder.

The table is read as a file, once and on first use; litellm itself is never imported here. Names are matched exactly, a
dated snapshot (`gpt-4o-2024-08-06`) also through its undated name. A model that is not in the table has no price and no
limits: a look-alike's are never used.
"""

from __future__ import annotations

import importlib.util
import json
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .protocol import Usage

_TABLE = "model_prices_and_context_window_backup.json"
_MODES = frozenset({"chat", "completion", "responses"})
_DATE = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|20\d{6})$")
_HOSTS = {
    "api.openai.com": "openai",
    "openai.azure.com": "azure",
    "api.anthropic.com": "anthropic",
    "api.deepseek.com": "deepseek",
    "api.fireworks.ai": "fireworks_ai",
    "api.groq.com": "groq",
    "api.mistral.ai": "mistral",
    "api.perplexity.ai": "perplexity",
    "api.together.xyz": "together_ai",
    "api.x.ai": "xai",
    "generativelanguage.googleapis.com": "gemini",
    "openrouter.ai": "openrouter",
}
_FREE = frozenset({"ollama", "ollama_chat"})


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per token."""

    input: float
    output: float
    cached: float | None = None
    """A prompt token served from the provider's cache; None when the table does not say."""


@dataclass(frozen=True, slots=True)
class _Entry:
    provider: str
    input: float | None
    output: float | None
    cached: float | None
    max_input: int | None
    max_output: int | None
    calls: bool | None


def price(model: str, *, provider: str | None = None, base_url: str | None = None) -> Price | None:
    """Look up what a model costs.

    Args:
        model: its name as the provider spells it, with or without `provider/` before it.
        provider: litellm's name of the provider, if known; only that provider's prices are used then.
        base_url: the endpoint, from which the provider is told when `provider` is None. An endpoint that is not a known
            provider's (a local server, a company's gateway) sells at prices that nobody here knows.

    Returns:
        The price, or None when unknown.
    """
    entry = _find(model, provider, base_url)
    if entry is None or entry.input is None or entry.output is None:
        return None
    # The table fills in zeros where it does not know; only what runs at home, or says so, is really free.
    if entry.input == entry.output == 0 and entry.provider not in _FREE and not model.endswith(":free"):
        return None
    return Price(entry.input, entry.output, entry.cached)


def provider(model: str) -> str | None:
    """Look up whose model this is, in litellm's words; None when the table does not have it."""
    entry = _find(model, None, None)
    return entry.provider if entry else None


def limits(model: str, *, provider: str | None = None, base_url: str | None = None) -> tuple[int | None, int | None]:
    """Look up (most prompt tokens, most reply tokens) of a model; None where unknown. Arguments as for `price`."""
    entry = _find(model, provider, base_url)
    return (None, None) if entry is None else (entry.max_input, entry.max_output)


def calls_functions(model: str, *, provider: str | None = None, base_url: str | None = None) -> bool | None:
    """Look up whether a model does function calling; None where unknown. Arguments as for `price`."""
    entry = _find(model, provider, base_url)
    return entry.calls if entry else None


def cost(usage: Usage, price: Price | None) -> float | None:
    """Return what a call cost in US dollars; None when the price is unknown or the provider reported no usage."""
    if price is None or usage.tokens == 0:
        return None
    cached = min(usage.cached, usage.prompt)
    per_cached = price.input if price.cached is None else price.cached
    return (usage.prompt - cached) * price.input + cached * per_cached + usage.completion * price.output


def _find(model: str, provider: str | None, base_url: str | None) -> _Entry | None:
    if provider is None and base_url is not None:
        provider = _provider_at(base_url)
        if provider is None:
            return None
    undated = _DATE.sub("", model)
    for name in dict.fromkeys((model, undated)):
        entry = _match(name, provider)
        if entry is not None:
            return entry
    return None


def _match(name: str, provider: str | None) -> _Entry | None:
    table = _table()
    if provider is not None and (entry := table.get(f"{provider}/{name}")):
        return entry
    entry = table.get(name)
    if entry is not None and (provider is None or entry.provider == provider):
        return entry
    # `openai/gpt-5` is listed as `gpt-5` of the provider openai.
    prefix, _, rest = name.partition("/")
    entry = table.get(rest)
    return entry if entry is not None and entry.provider == prefix and provider in (None, prefix) else None


def _provider_at(base_url: str) -> str | None:
    host = urlsplit(base_url).hostname or ""
    return next((name for known, name in _HOSTS.items() if host == known or host.endswith("." + known)), None)


@lru_cache(maxsize=1)
def _table() -> dict[str, _Entry]:
    """Read the table and keep only what is asked for: the whole of it would hold some 20 MB."""
    spec = importlib.util.find_spec("litellm")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    try:
        rows = json.loads((Path(folders[0]) / _TABLE).read_text("utf-8")) if folders else {}
    except (OSError, ValueError):
        return {}
    return {name: _entry(row) for name, row in rows.items() if isinstance(row, dict) and row.get("mode") in _MODES}


def _entry(row: dict[str, Any]) -> _Entry:
    def number(key: str) -> float | None:
        value = row.get(key)
        return float(value) if isinstance(value, int | float) else None

    def count(key: str) -> int | None:
        value = row.get(key)
        return int(value) if isinstance(value, int | float) and value > 0 else None

    return _Entry(
        str(row.get("litellm_provider", "")),
        number("input_cost_per_token"),
        number("output_cost_per_token"),
        number("cache_read_input_token_cost"),
        count("max_input_tokens"),
        count("max_output_tokens"),
        calls if isinstance(calls := row.get("supports_function_calling"), bool) else None,
    )
