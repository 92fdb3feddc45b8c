"""The processor behind every provider that does not speak OpenAI's protocol, through the `litellm` package.

Anthropic, Gemini, Mistral, Bedrock, Vertex and many more. litellm translates; requests are encoded and replies put
together by `l2mac.processor.wire`, as for OpenAI; what goes wrong is read by `l2mac.processor.litellm_faults`. Nothing
is tried again here: that is `l2mac.processor.patience`.

litellm is imported at the first call, and not before in a thread of its own: two threads that import each other's
modules can be handed half a module, and the 2 s are computing, which the machine's set-up would only share a core with.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ..errors import L2MACError, TransientError
from .faults import Endpoint, checked_key
from .litellm_faults import explain, refusal
from .prices import Price, cost
from .protocol import Listener, Message, Reply, Request, ToolSpec
from .wire import Assembly, encode_messages, encode_tools, sampling, wants_reasoning

_CONNECT_SECONDS = 15.0
# Read while it is imported, or at the first call; without them it downloads tables and loads a .env found on its way.
_ENVIRONMENT = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    "LITELLM_MODE": "PRODUCTION",
}
_SWITCHES = {
    "telemetry": False,
    "suppress_debug_info": True,
    "disable_hf_tokenizer_download": True,
    # Usage that no provider reported must stay unknown, not be counted with somebody else's vocabulary.
    "disable_token_counter": True,
    "disable_streaming_logging": True,
    # It takes a hundred equal pieces, such as rows of a table of zeros, for a loop, and drops the reply.
    "REPEATED_STREAMING_CHUNK_LIMIT": sys.maxsize,
}
_NOISE = (
    ".*`ReadOnly` qualifier.*",
    ".*conflict with protected namespace.*",
    ".*attribute on the instance is deprecated.*",
    "Pydantic serializer warnings",
)
# These sign requests with credentials of their own; a key would be taken for a token instead.
_SIGNED = frozenset({"bedrock", "sagemaker", "sagemaker_chat", "vertex_ai", "vertex_ai_beta"})
_CLAUDE = re.compile(r"(?:(?:anthropic|azure_ai|vertex_ai)/)?claude|(?:bedrock|openrouter)/.*\b(?:anthropic|claude)\b")
_MARK = {"type": "ephemeral"}
_HOTTEST = 1.0  # Anthropic's limit of the temperature
_OPTIONAL = ("stream_options", "temperature", "tool_choice")
_importing = threading.Lock()


class LiteLLMProcessor:
    """A language model behind litellm.

    Args:
        model: its name as litellm spells it, with the provider: `anthropic/claude-…`, `gemini/…`, `mistral/…`.
        base_url: the address of the endpoint; None is the provider's own.
        api_key: None leaves it to litellm, which reads the provider's own variable, such as ANTHROPIC_API_KEY. With a
            `base_url` it does not: the provider's key is nobody else's business.
        api_version: for providers that date their protocol, such as Azure.
        temperature: None leaves it to the model.
        stream: ask for the reply in pieces.
        timeout: seconds without a byte after which a call has failed.
        prices: of the model; None leaves the cost of every call unknown.

    Raises:
        UsageError: the key cannot be sent at all.
    """

    def __init__(
        self,
        model: str,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        api_version: str | None = None,
        temperature: float | None = None,
        stream: bool = True,
        timeout: float = 600,
        prices: Price | None = None,
    ) -> None:
        provider = model.partition("/")[0]
        key = checked_key(api_key)
        # For the texts of errors only: litellm finds it by itself.
        own = os.environ.get(f"{provider.upper()}_API_KEY", "")
        self._endpoint = Endpoint(model, base_url or provider, key or own)
        self.name = f"litellm {model} at {base_url}" if base_url else f"litellm {model}"
        self._timeout = timeout
        self._prices = prices
        self._claude = bool(_CLAUDE.match(model))
        self._reasoning = wants_reasoning(model)
        placeholder = "none" if base_url and provider not in _SIGNED else None
        given = {
            "api_base": base_url,
            "api_key": key or placeholder,
            "api_version": api_version,
            "stream_options": {"include_usage": True} if stream else None,
        }
        self._settings: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        # Not `drop_params`: it would drop the tools too, in silence, from models that litellm does not know.
        self._settings |= {"model": model, "stream": stream, "num_retries": 0, "max_retries": 0}
        # Looking for tools of its gateway, it would import that gateway, and fail without packages that we do not need.
        self._settings["_skip_mcp_handler"] = True
        self._temperature = temperature
        self._dropped: frozenset[str] = frozenset()

    def load(self) -> None:
        """Load what the first call needs."""
        _litellm()

    def complete(self, request: Request, listener: Listener | None = None) -> Reply:
        """Return the model's reply; `listener` hears its text and the arguments of its calls as they arrive.

        A parameter that the model does not take (`stream_options`, `temperature`, `tool_choice`) is left out for the
        rest of the processor's life.

        Raises:
            TransientError: the connection failed, the provider is overloaded, or the stream broke off.
            ContextOverflow: the request is longer than the model takes.
            ProcessorError: the provider refuses, or a key, a package or the provider's name is missing.
        """
        litellm = _litellm()
        while True:
            body = self._body(request)
            assembly = Assembly(listener, reasoning=self._reasoning)
            try:
                self._read(litellm.completion(**body), assembly)
                break
            except L2MACError:
                # Ours already, or the listener's wish to stop.
                raise
            except Exception as error:
                # litellm raises anything: its own errors, its providers', and those of its bugs.
                if said := refusal(error, self._endpoint):
                    return Reply(Message("assistant", said), "refused")
                if not self._adapted(error, body):
                    raise explain(error, self._endpoint) from error
        reply = assembly.reply(request.place)
        return replace(reply, usage=replace(reply.usage, cost=cost(reply.usage, self._prices)))

    def close(self) -> None:
        """Do nothing: connections belong to litellm, which shares them in the whole process and closes them idle."""

    def _body(self, request: Request) -> dict[str, Any]:
        import httpx

        messages = encode_messages(_begun(request.messages), reasoning=self._reasoning)
        if self._claude:
            _mark(messages)
        body = {
            **self._settings,
            **sampling(self._temperature, request, _HOTTEST if self._claude else 2.0),
            "messages": messages,
            "max_tokens": request.max_tokens,
            "timeout": httpx.Timeout(self._timeout, connect=min(self._timeout, _CONNECT_SECONDS)),
        }
        if request.tools:
            body["tools"] = encode_tools(request.tools)
        elif called := _called(messages):
            # Anthropic and Bedrock want the tools of a history declared, also where none is to be called.
            body |= {"tools": encode_tools(called), "tool_choice": "none"}
        return {name: value for name, value in body.items() if name not in self._dropped}

    def _read(self, answer: Any, assembly: Assembly) -> None:
        """Take in a whole completion, or a stream to its very end."""
        if hasattr(answer, "choices"):
            assembly.add(_values(answer))
            assembly.tell()
            return
        try:
            for chunk in answer:
                assembly.add(_values(chunk))
                assembly.tell()
            if not _ended(answer):
                raise TransientError(f"{self._endpoint.address}: the reply broke off before its end")
            # litellm stops at the last piece that means something; a connection left before its end is not used again.
            with suppress(Exception):
                for _ in answer.completion_stream:
                    pass
        finally:
            _shut(answer)

    def _adapted(self, error: Exception, body: Mapping[str, Any]) -> bool:
        """Leave out the parameter that the model does not take; False when the error names none."""
        if type(error).__name__ != "UnsupportedParamsError" and not re.search(r"unsupported|not support", str(error)):
            return False
        named = {name for name in _OPTIONAL if name in body and re.search(rf"\b{name}\b", str(error))}
        self._dropped |= named
        return bool(named)


def _values(answer: Any) -> Mapping[str, Any]:
    """Read a completion, or one piece of it, as plain values."""
    values: dict[str, Any] = answer.model_dump(include={"model", "choices", "usage"}, warnings=False)
    return values


def _ended(stream: Any) -> bool:
    """Say whether the provider itself ended a stream: litellm puts a "stop" behind one that broke off."""
    reasons = [getattr(stream, name, "unknown") for name in ("received_finish_reason", "intermittent_finish_reason")]
    return any(reason is not None for reason in reasons)


def _shut(stream: Any) -> None:
    """Close a stream for good: one that the garbage collector closes can lock up the pool of connections."""
    inner = getattr(stream, "completion_stream", None)
    for part in (
        inner,
        *(getattr(inner, name, None) for name in ("streaming_response", "response_iterator", "response")),
    ):
        close = getattr(part, "close", None)
        if close is not None:
            with suppress(Exception):
                close()


def _begun(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Put a user's message first where none is: some providers take no other beginning."""
    lead = next((index for index, message in enumerate(messages) if message.role != "system"), len(messages))
    if lead < len(messages) and messages[lead].role == "user":
        return messages
    return (*messages[:lead], Message("user", "Go on."), *messages[lead:])


def _called(messages: list[dict[str, Any]]) -> list[ToolSpec]:
    """Describe the tools that an encoded history has called, by their names only."""
    names = dict.fromkeys(call["function"]["name"] for entry in messages for call in entry.get("tool_calls", ()))
    return [ToolSpec(name, "Not to be called now.", {"type": "object", "properties": {}}) for name in names]


def _mark(messages: list[dict[str, Any]]) -> None:
    """Mark what Anthropic shall keep: all up to the system text, up to the opening's end, and up to the newest message.

    The tools stand before the system text, so that its mark covers them
    (https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching).
    """
    roles = [message["role"] for message in messages]
    opening = roles.index("assistant") if "assistant" in roles else len(roles)
    systems = [index for index, role in enumerate(roles) if role == "system"]
    for index in {*systems[-1:], opening - 1, len(roles) - 1}:
        if index >= 0 and messages[index]["content"]:
            messages[index]["cache_control"] = _MARK


def _litellm() -> Any:
    """Import litellm, with everything off that downloads, prints, logs or counts."""
    with _importing:
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        _hush()
        import litellm

        for name, switch in _SWITCHES.items():
            setattr(litellm, name, switch)
        for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    return litellm


def _hush() -> None:
    """Keep quiet about how litellm's own types are declared: it builds them throughout its first calls."""
    known = {getattr(entry[1], "pattern", None) for entry in warnings.filters}
    for text in _NOISE:
        if text not in known:
            warnings.filterwarnings("ignore", text)
