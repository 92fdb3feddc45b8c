"""The seam to a model: the values that cross it, and the one verb behind it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal, Protocol


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A request by the processor to run one tool."""

    id: str
    name: str
    arguments: str
    """JSON, exactly as the model wrote it; it may not even parse."""


_UNREADABLE = '{"unreadable": '


def unreadable(text: str, why: str) -> str:
    """Arguments that stand for what was meant as a call and can't be read: the text, and why."""
    return f'{_UNREADABLE}{json.dumps(text)}, "why": {json.dumps(why)}}}'


def fault_of(call: ToolCall) -> tuple[str, str]:
    """Why a call can't be read, and its text, where its arguments are `unreadable`; else two empty texts."""
    if not call.arguments.startswith(_UNREADABLE):
        return "", ""
    try:
        data = json.loads(call.arguments)
    except ValueError:
        return "", ""
    return str(data.get("why", "")), str(data["unreadable"])


Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of a window."""

    role: Role
    content: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""
    """On a tool's result: the call that it answers."""
    reasoning: str = ""
    """What the model thought before it answered, where its provider wants that back; else empty."""

    @property
    def told(self) -> list[Any]:
        """All of it as plain values, for hashes."""
        calls = [[call.id, call.name, call.arguments] for call in self.tool_calls]
        return [self.role, self.content, calls, self.tool_call_id, *([self.reasoning] if self.reasoning else [])]


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """What the processor is told about a tool."""

    name: str
    description: str
    parameters: dict[str, Any] = field(hash=False)
    """A JSON schema of type object."""


@lru_cache(maxsize=16)
def described(tools: tuple[ToolSpec, ...]) -> str:
    """Tools as text: the same few sets of them stand in every request."""
    return json.dumps([[it.name, it.description, it.parameters] for it in tools], sort_keys=True)


@dataclass(frozen=True, slots=True)
class Request:
    """Everything the processor sees, and where in the run it stands."""

    place: str
    """`epoch/instruction/attempt/turn`: a tape answers by this, never by the bytes of the request."""
    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    max_tokens: int = 4096
    """The most the reply may use, in tokens."""
    varied: bool = False
    """Asks for another reply than the usual one, which did not help: the temperature is raised, where allowed."""
    seconds: float | None = None
    """How long waiting for the provider may take, before the run's time is spent; None for no limit."""

    @property
    def digest(self) -> str:
        """A hash of the messages and tools, equal exactly when these are equal."""
        told = [it.told for it in self.messages]
        return hashlib.sha256(f"{json.dumps(told)}{described(self.tools)}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Usage:
    """What a call, or a run, used: tokens, and money in US dollars where the price is known."""

    prompt: int = 0
    cached: int = 0
    completion: int = 0
    reasoning: int = 0
    cost: float | None = None
    """None when unknown: never zero, which would be a claim."""

    @property
    def tokens(self) -> int:
        """Prompt and completion together, as budgets count them."""
        return self.prompt + self.completion

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt + other.prompt,
            self.cached + other.cached,
            self.completion + other.completion,
            self.reasoning + other.reasoning,
            None if self.cost is None or other.cost is None else self.cost + other.cost,
        )


Ending = Literal["said", "called", "cut", "refused"]


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: a message, how it ended, and what it cost."""

    message: Message
    ending: Ending = "said"
    """`said` text only, `called` tools, was `cut` at the output limit, or was `refused` by the provider's filter."""
    usage: Usage = field(default_factory=Usage)
    model: str = ""
    """The model that really answered, as the provider names it."""


Listener = Callable[[str], None]
"""Is handed each piece of a streamed reply as it arrives."""


class Processor(Protocol):
    """A language model behind one verb."""

    @property
    def name(self) -> str:
        """What every surface shows: `openai gpt-5 at https://…`, `tape snake`, `manual`."""

    def complete(self, request: Request, listener: Listener | None = None) -> Reply:
        """Return the model's reply.

        Raises:
            TransientError: a rate limit, an overload or a broken connection; worth another try.
            ContextOverflow: the request is longer than the model takes.
            ProcessorError: anything else that stops the model from answering.
        """


def storable(reply: Reply) -> Reply:
    """The reply as text that has a UTF-8 form: halves of surrogate pairs are joined where both came, else escaped."""
    message = reply.message
    made = tuple(ToolCall(*(_encodable(text) for text in (it.id, it.name, it.arguments))) for it in message.tool_calls)
    return replace(
        reply,
        message=replace(
            message, content=_encodable(message.content), tool_calls=made, reasoning=_encodable(message.reasoning)
        ),
        model=_encodable(reply.model),
    )


def _encodable(text: str) -> str:
    try:
        text.encode()
        return text
    except UnicodeEncodeError:
        joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
        return joined.encode("utf-8", "backslashreplace").decode()


def forms(processor: Processor) -> frozenset[str]:
    """The forms in which a processor may put a request: `tools`, function calling, and `text`."""
    found: frozenset[str] = getattr(processor, "forms", frozenset({"tools"}))
    return found


USUAL_WINDOW = 48_000
"""Tokens of a request and its reply where a model takes more: that would cost more and be attended to less."""


def window_of(processor: Processor) -> int | None:
    """The tokens that a request and its reply may have as far as the processor itself can tell; None where it can't."""
    window: int | None = getattr(processor, "window", None)
    return window


def release(processor: Processor) -> None:
    """Close a processor's connections, where it has any."""
    close: Callable[[], None] = getattr(processor, "close", lambda: None)
    close()
