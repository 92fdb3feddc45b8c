"""Which model serves when the settings leave it open (`llm.api_type: auto`), and why.

In this order: what the settings hint at (a tape, an address, a key), a key in the environment, a local server that
answers, the gallery's recording of the prompt.
"""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

from . import gallery
from .config import LLM, PLACEHOLDER, address
from .errors import UsageError

OPENAI = "https://api.openai.com/v1"
UNNAMED = ("tape", "manual", "command")
"""The kinds of processor that ask no model by its name."""


@dataclass(frozen=True, slots=True)
class Provider:
    """Someone who serves models for a key."""

    name: str
    """As litellm calls it."""
    variables: tuple[str, ...]
    """The environment variables that hold its key, the first of them preferred."""
    model: str
    """What serves when none is named."""
    base_url: str = ""
    """Where it speaks OpenAI's protocol; empty where it does not, and litellm translates."""
    shape: str = ""
    """How its keys begin."""


PROVIDERS = (
    Provider("openai", ("OPENAI_API_KEY",), "gpt-5.6", OPENAI, "sk-"),
    Provider("anthropic", ("ANTHROPIC_API_KEY",), "claude-sonnet-5-5", shape="sk-ant-"),
    Provider("gemini", ("GEMINI_API_KEY", "GOOGLE_API_KEY"), "gemini-pro-latest", shape="AIza"),
    Provider("openrouter", ("OPENROUTER_API_KEY",), "openrouter/auto", "https://openrouter.ai/api/v1", "sk-or-"),
    Provider("deepseek", ("DEEPSEEK_API_KEY",), "deepseek-v4-pro", "https://api.deepseek.com/v1"),
    Provider("mistral", ("MISTRAL_API_KEY",), "mistral-large-latest", "https://api.mistral.ai/v1"),
    Provider("xai", ("XAI_API_KEY",), "grok-4.20", "https://api.x.ai/v1", "xai-"),
    Provider("groq", ("GROQ_API_KEY",), "openai/gpt-oss-120b", "https://api.groq.com/openai/v1", "gsk_"),
)

_OWN_MODELS = frozenset({"openai", "anthropic", "gemini", "xai"})
"""The providers that serve no models but their own."""

LOCAL = (("Ollama", 11434), ("LM Studio", 1234), ("llama.cpp", 8080), ("vLLM", 8000))
"""Servers that people run at home, and the ports that they listen on by default."""

_WAY = frozenset({"api_type", "base_url", "api_key", "api_version", "command", "tape", "folder"})
"""The settings that lead to a processor."""

WAYS_OUT = """no language model is configured; choose one way:
  a provider: export OPENAI_API_KEY=… (or ANTHROPIC_API_KEY, GEMINI_API_KEY …; `l2mac doctor` lists them)
  on this computer: start Ollama, LM Studio, llama.cpp or vLLM; or --set llm.base_url=http://HOST:PORT/v1 --model NAME
  yourself, or any chat window: --set llm.api_type=manual"""


@dataclass(frozen=True, slots=True)
class Choice:
    """What serves, as settings that leave nothing open, and why; empty where the settings say so themselves."""

    llm: LLM
    why: str


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A server on this computer that answered, and the models that it offers."""

    name: str
    base_url: str
    models: tuple[str, ...]


def choose(llm: LLM, prompt: str = "", domain: str = "codebase") -> Choice:
    """Settle what the settings leave open.

    Args:
        llm: the settings.
        prompt: what the user typed, if a recording of it may serve.
        domain: what kind of thing it asks for.

    Raises:
        UsageError: nothing serves; the text names the ways out.
    """
    if llm.api_type != "auto":
        return Choice(_named(llm), "")
    return _hinted(llm) or _by_environment(llm) or _local(llm) or _recorded(llm, prompt, domain) or _nothing(llm)


def switched(llm: LLM, model: str) -> LLM:
    """The settings for another model: another provider's, where it is known to be that one's and a key is there."""
    if model == llm.model:
        return choose(llm).llm
    home, at = provider_of(model), provider_at(llm)
    elsewhere = llm.api_type in UNNAMED or (home and at and home != at and key_of(home))
    open_ = {"api_type": "auto", "base_url": OPENAI, "api_key": PLACEHOLDER, "tape": "", "command": ""}
    kept = open_ if elsewhere else {}
    return choose(llm.model_copy(update={**kept, "model": model})).llm


def instead(llm: LLM, other: LLM) -> LLM:
    """The settings of a fallback: what it does not say is as in `llm`, but for the way to another endpoint.

    Raises:
        UsageError: it can't serve.
    """
    named = {name: getattr(other, name) for name in other.model_fields_set}
    own = llm.model_copy(update={"fallbacks": ()})
    if not named.keys() & _WAY:
        named.pop("model", None)
        return switched(own, other.model or llm.model).model_copy(update=named)
    usual = {name: LLM.model_fields[name].default for name in (*_WAY, "model")}
    return choose(own.model_copy(update={**usual, **named})).llm


def key(llm: LLM) -> str:
    """The key to send: of the settings, else of the environment; empty where there is none."""
    if llm.api_key != PLACEHOLDER:
        return llm.api_key
    if llm.api_type == "azure":
        return os.environ.get("AZURE_OPENAI_API_KEY") or os.environ.get("AZURE_API_KEY", "")
    if provider := provider_at(llm):
        return key_of(provider)
    # An address that is nobody's we know gets no key that was made for someone else.
    return os.environ.get("OPENAI_API_KEY", "") if llm.base_url == os.environ.get("OPENAI_BASE_URL") else ""


def key_of(provider: Provider) -> str:
    """The provider's key in the environment; empty where there is none."""
    return next((os.environ[name] for name in provider.variables if os.environ.get(name, "").strip()), "")


def provider_at(llm: LLM) -> Provider | None:
    """The provider that the settings lead to."""
    if llm.api_type == "litellm":
        return _called(llm.model.partition("/")[0])
    host = urlsplit(llm.base_url).hostname
    return next((it for it in PROVIDERS if it.base_url and urlsplit(it.base_url).hostname == host), None)


def provider_of(model: str) -> Provider | None:
    """The provider whose model this is: by what stands before its slash, else by litellm's table."""
    from .processor.prices import provider

    if not model:
        return None
    return _called(model.partition("/")[0]) or _called(provider(model))


def local_servers() -> list[LocalServer]:
    """The servers that answer on this computer, in the order of `LOCAL`."""
    places = [(name, f"http://127.0.0.1:{port}/v1") for name, port in LOCAL]
    if host := os.environ.get("OLLAMA_HOST"):
        places[0] = ("Ollama", _ollama(host))
    with ThreadPoolExecutor(len(places)) as threads:
        answers = threads.map(lambda place: offered(place[1]), places)
    return [
        LocalServer(name, url, tuple(models))
        for (name, url), models in zip(places, answers, strict=True)
        if models is not None
    ]


def offered(base_url: str, seconds: float = 0.7) -> list[str] | None:
    """The models that a server on this computer offers; None where nothing answers that speaks OpenAI's protocol."""
    try:
        address = urlsplit(base_url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port or 80, timeout=seconds)
        try:
            connection.request("GET", f"{address.path.rstrip('/')}/models")
            data = json.loads(connection.getresponse().read(1_000_000))
        finally:
            connection.close()
        return [str(it["id"]) for it in data["data"] or ()]
    except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException, RecursionError):
        return None


def _named(llm: LLM) -> LLM:
    """Settings whose `api_type` is named, with what can be filled in, or the line that says why they can't serve."""
    if llm.api_type == "azure" and llm.base_url == OPENAI:
        raise UsageError("llm.api_type is azure: set llm.base_url to your resource, https://NAME.openai.azure.com")
    owner = _shaped(llm.api_key)
    if llm.api_type == "openai" and llm.base_url == OPENAI and owner and owner.name != "openai":
        raise UsageError(
            f"llm.api_key is a key of {owner.name}, but llm.api_type is openai; set llm.api_type to auto, "
            "or llm.base_url to where the key belongs"
        )
    return llm


def _hinted(llm: LLM) -> Choice | None:
    """What the settings hint at without naming it."""
    if llm.tape:
        return _as(llm, "llm.tape names a file", api_type="tape")
    if llm.command:
        return _as(llm, "llm.command names a program", api_type="command")
    if (urlsplit(llm.base_url).hostname or "").endswith(".openai.azure.com"):
        return _as(llm, "llm.base_url is Azure's", api_type="azure")
    if llm.base_url != OPENAI:
        return _as(llm, f"llm.base_url is {llm.base_url}", api_type="openai", model=_model_at(llm))
    if llm.api_key != PLACEHOLDER:
        return _at(_owner(llm), llm, "llm.api_key is set")
    return None


def _owner(llm: LLM) -> Provider:
    """The provider that a key of the settings belongs to.

    Raises:
        UsageError: the named model is another provider's, which takes no such key.
    """
    owner, home = _shaped(llm.api_key), provider_of(llm.model)
    if owner and home and owner is not home and owner.name in _OWN_MODELS:
        if owner.name != "openai" or home.shape:
            raise UsageError(
                f"llm.api_key is a key of {owner.name}, but {llm.model} is a model of {home.name}; "
                "set the key or the model of the other"
            )
        return home  # keys of other providers begin as OpenAI's do
    return owner or home or PROVIDERS[0]


def _by_environment(llm: LLM) -> Choice | None:
    """A provider whose key is in the environment; the one that the model belongs to, where that is known."""
    if place := os.environ.get("OPENAI_BASE_URL"):
        try:
            there = llm.model_copy(update={"base_url": address(place)})
        except ValueError as error:
            raise UsageError(f"OPENAI_BASE_URL is {place[:60]!r}: {error}") from None
        return _as(there, "OPENAI_BASE_URL is set", api_type="openai", model=_model_at(there) or PROVIDERS[0].model)
    home = provider_of(llm.model)
    for provider in (home,) if home else PROVIDERS:
        for name in provider.variables:
            if given := os.environ.get(name, "").strip():
                _demand_own(given, name, provider)
                return _at(provider, llm, f"{name} is set")
    return None


def _demand_own(key: str, name: str, provider: Provider) -> None:
    """Refuse a key that stands under the name of another provider's; one of no known shape may be a gateway's."""
    owner = _shaped(key)
    if owner and owner is not provider and (owner.name != "openai" or provider.shape):
        raise UsageError(f"{name} holds a key of {owner.name}; export it as {owner.variables[0]}")


def _local(llm: LLM) -> Choice | None:
    """A server on this computer that offers the model, or any where none is named."""
    for server in local_servers():
        model = _offered(server.models, llm.model)
        if model:
            why = f"{server.name} answers on this computer"
            return _as(llm, why, api_type="openai", base_url=server.base_url, model=model)
    return None


def _recorded(llm: LLM, prompt: str, domain: str) -> Choice | None:
    """The gallery's recording of the prompt, unless a model was asked for by its name."""
    tape = gallery.find(prompt, domain) if not llm.model else None
    why = "no model is configured, and the gallery has a recording of this prompt; no model is asked"
    return _as(llm, why, api_type="tape", tape=str(tape)) if tape else None


def _nothing(llm: LLM) -> Choice:
    if home := provider_of(llm.model):
        raise UsageError(f"{llm.model} is a model of {home.name}, and {home.variables[0]} is not set; export it")
    raise UsageError(WAYS_OUT)


def _at(provider: Provider, llm: LLM, why: str) -> Choice:
    """A provider's model: in OpenAI's protocol where it speaks it, else through litellm."""
    model = llm.model or provider.model
    if provider.base_url:
        model = model.removeprefix(f"{provider.name}/") if llm.model else model
        return _as(llm, why, api_type="openai", base_url=provider.base_url, model=model)
    full = model if model.startswith(f"{provider.name}/") else f"{provider.name}/{model}"
    return _as(llm, why, api_type="litellm", model=full)


def _as(llm: LLM, why: str, **changes: str) -> Choice:
    return Choice(llm.model_copy(update=changes), why)


def _model_at(llm: LLM) -> str:
    """The model to ask for at an address: the named one, else what a server on this computer offers first."""
    host = urlsplit(llm.base_url).hostname or ""
    if llm.model or host not in ("localhost", "127.0.0.1", "::1"):
        return llm.model
    return _offered(offered(llm.base_url) or (), "")


def _offered(models: Iterable[str], wanted: str) -> str:
    """The model to use of those offered: the wanted one, also without its tag; without a wish the first that chats."""
    chatting = [it for it in models if "embed" not in it.lower() and "rerank" not in it.lower()]
    if not wanted:
        return chatting[0] if chatting else ""
    return next((it for it in chatting if wanted in (it, it.partition(":")[0])), "")


def _shaped(key: str) -> Provider | None:
    """The provider whose keys look like this one; the longest beginning decides."""
    fits = [it for it in PROVIDERS if it.shape and key.startswith(it.shape)]
    return max(fits, key=lambda it: len(it.shape), default=None)


def _called(name: str | None) -> Provider | None:
    return next((it for it in PROVIDERS if it.name == name), None)


def _ollama(host: str) -> str:
    """The address in OLLAMA_HOST, which may lack scheme and port, and may be the wildcard that a server listens on."""
    address = urlsplit(host if "//" in host else f"//{host}")
    name = address.hostname or "127.0.0.1"
    return f"http://{'127.0.0.1' if name == '0.0.0.0' else name}:{address.port or 11434}/v1"
