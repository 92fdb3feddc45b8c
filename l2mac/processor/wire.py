"""The Chat Completions protocol: requests as JSON values, and replies put together from whatever a server sends.

The protocol is OpenAI's (https://platform.openai.com/docs/api-reference/chat). Servers that only resemble it send whole
calls instead of deltas, no ids, no index, arguments as objects: all of that is read, none of it is sent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from .codec import call_id
from .protocol import Ending, Listener, Message, Reply, Request, ToolCall, ToolSpec, Usage

_NOT_A_NAME = re.compile(r"[^a-zA-Z0-9_-]")


def encode_messages(messages: Iterable[Message], *, reasoning: bool = False) -> list[dict[str, Any]]:
    """Turn the messages of a request into the protocol's.

    Args:
        messages: of the request.
        reasoning: pass back what the model thought. DeepSeek refuses a history in which an answer with calls lacks it,
            even where it is empty (https://api-docs.deepseek.com/guides/thinking_mode).
    """
    return [_encode_message(message, reasoning) for message in messages]


def wants_reasoning(model: str, host: str = "") -> bool:
    """Whether a provider wants back what its model thought: DeepSeek does, whoever passes it on."""
    return host.endswith("deepseek.com") or model.lower().startswith("deepseek/")


def sampling(usual: float | None, request: Request, most: float = 2.0) -> dict[str, float]:
    """The temperature of a request as a parameter, none where it is left to the model.

    Args:
        usual: what the settings say.
        request: where it is `varied`, the temperature is raised by 0.4, from 0.8 where none is set.
        most: the provider's limit.
    """
    if request.varied:
        return {"temperature": min(round((0.8 if usual is None else usual) + 0.4, 2), most)}
    return {} if usual is None else {"temperature": usual}


def encode_tools(tools: Iterable[ToolSpec]) -> list[dict[str, Any]]:
    """Turn the tools of a request into function tools."""
    return [
        {
            "type": "function",
            "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
        }
        for tool in tools
    ]


def _encode_message(message: Message, reasoning: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {"role": message.role, "content": _sendable(message.content)}
    if message.role == "tool":
        entry["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        entry["content"] = entry["content"] or None
        entry["tool_calls"] = [_encode_call(call) for call in message.tool_calls]
    if reasoning and (message.reasoning or message.tool_calls):
        entry["reasoning_content"] = _sendable(message.reasoning)
    return entry


def _encode_call(call: ToolCall) -> dict[str, Any]:
    # A name that no tool can have is refused by providers, and would make the whole history unsendable.
    name = _NOT_A_NAME.sub("_", call.name)[:64] or "unnamed"
    return {"id": call.id, "type": "function", "function": {"name": name, "arguments": sent(call.arguments)}}


@lru_cache(maxsize=256)
def sent(text: str) -> str:
    """Return arguments that every server can load: some parse those in the history, and fail on what a model broke."""
    try:
        if isinstance(json.loads(text), dict):
            return _sendable(text)
    except (ValueError, RecursionError):
        pass
    return json.dumps({"unreadable": text}) if text.strip() else "{}"


def _sendable(text: str) -> str:
    """Replace lone surrogates, which have no UTF-8 form."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def events(chunks: Iterable[bytes]) -> Iterator[list[str]]:
    """Yield the data of the server-sent events in a body, those that came together in one list
    (https://html.spec.whatwg.org/multipage/server-sent-events.html).

    Lines end at a line feed only: JSON may hold any of the other characters that Unicode calls a line break.
    """
    rest, data = b"", list[str]()
    for chunk in chunks:
        found = []
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            text = line.rstrip(b"\r").decode("utf-8", "replace")
            if text.startswith("data:"):
                data.append(text[5:].removeprefix(" "))
            elif not text and data:
                found.append("\n".join(data))
                data = []
        yield found
    if rest.startswith(b"data:"):
        data.append(rest[5:].decode("utf-8", "replace").strip())
    yield ["\n".join(data)] if data else []


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    pieces: list[str] = field(default_factory=list)


class Assembly:
    """Puts one reply together, from the chunks of a stream or from a whole completion.

    Args:
        listener: is told what is said and asked for.
        reasoning: keep what the model thought, for providers that want it back.
    """

    def __init__(self, listener: Listener | None = None, *, reasoning: bool = False) -> None:
        self._listener = listener
        self._heard: list[str] = []
        self._keeps = reasoning
        self._reasoning: list[str] = []
        self._content: list[str] = []
        self._refusal: list[str] = []
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._usage: Mapping[str, Any] = {}
        self._model = ""
        self.finish_reason = ""
        """Why the server says that the reply ended; empty while it has not."""

    def add(self, chunk: Mapping[str, Any]) -> None:
        """Take in one chunk (`choices[0].delta`) or one whole completion (`choices[0].message`)."""
        self._model = _text(chunk.get("model")) or self._model
        if isinstance(chunk.get("usage"), Mapping):
            self._usage = chunk["usage"]
        choices = chunk.get("choices")
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
            return
        choice = choices[0]
        self.finish_reason = _text(choice.get("finish_reason")) or self.finish_reason
        for part in (choice.get("delta"), choice.get("message")):
            if isinstance(part, Mapping):
                self._take(part)

    def tell(self) -> None:
        """Tell the listener what was taken in since it was told last: once for all that arrived together."""
        if self._listener and self._heard:
            self._listener("".join(self._heard))
            self._heard.clear()

    def reply(self, place: str) -> Reply:
        """Return the reply as it stands; `place` makes the ids of calls that came without."""
        calls: list[ToolCall] = []
        for index, call in enumerate(self._calls):
            taken = call.id in {"", *(other.id for other in calls)}
            calls.append(ToolCall(call_id(place, index) if taken else call.id, call.name, "".join(call.pieces)))
        content = "".join(self._content) or "".join(self._refusal)
        message = Message("assistant", content, tuple(calls), reasoning="".join(self._reasoning))
        return Reply(message, self._ending(calls), _usage(self._usage), self._model)

    def _take(self, part: Mapping[str, Any]) -> None:
        self._hear(self._content, _content(part.get("content")))
        self._hear(self._refusal, _text(part.get("refusal")))
        if self._keeps:
            self._reasoning.append(_text(part.get("reasoning_content")))
        calls = part.get("tool_calls")
        for delta in calls if isinstance(calls, list) else ():
            if isinstance(delta, Mapping):
                self._take_call(delta)

    def _take_call(self, delta: Mapping[str, Any]) -> None:
        function = delta.get("function")
        function = function if isinstance(function, Mapping) else {}
        id, name, arguments = _text(delta.get("id")), _text(function.get("name")), function.get("arguments")
        call = self._slot(delta.get("index"), id, name)
        call.id = call.id or id
        call.name = call.name or name
        if arguments is not None:
            self._hear(call.pieces, arguments if isinstance(arguments, str) else json.dumps(arguments))

    def _slot(self, index: object, id: str, name: str) -> _Call:
        """Find the call that a delta continues, or begin one."""
        if isinstance(index, int):
            known = self._by_index.get(index)
            # Some servers give every whole call the index 0: a new id with a new name is a new call.
            fresh = known is None or bool(id and name and known.id and id != known.id)
        else:
            known = self._calls[-1] if self._calls else None
            fresh = known is None or bool(name and id != known.id) or bool(name and not id)
        if known is not None and not fresh:
            return known
        call = _Call()
        self._calls.append(call)
        if isinstance(index, int):
            self._by_index[index] = call
        return call

    def _hear(self, pieces: list[str], text: str) -> None:
        if text:
            pieces.append(text)
            self._heard.append(text)

    def _ending(self, calls: list[ToolCall]) -> Ending:
        if self.finish_reason == "content_filter" or (self._refusal and not calls):
            return "refused"
        if self.finish_reason == "length" or (calls and is_unclosed(calls[-1].arguments)):
            return "cut"
        return "called" if calls else "said"


def is_unclosed(text: str) -> bool:
    """Say whether JSON stops in the middle: inside a string, or with a bracket open."""
    try:
        json.loads(text)
    except ValueError:
        return _stops_inside(text)
    except RecursionError:
        pass
    return False


def _stops_inside(text: str) -> bool:
    depth, inside, escaped = 0, False, False
    for match in re.finditer(r'[\\"{}\[\]]|[^\\"{}\[\]]+', text):
        mark = match.group()
        if escaped:
            # The character after a backslash is part of the string, whatever it is.
            escaped = False
            if len(mark) == 1:
                continue
        if inside:
            escaped = mark == "\\"
            inside = mark != '"'
        elif mark == '"':
            inside = True
        else:
            depth += (mark in "{[") - (mark in "}]") if len(mark) == 1 else 0
    return inside or depth > 0


def _usage(data: Mapping[str, Any]) -> Usage:
    prompt, total = _number(data.get("prompt_tokens")), _number(data.get("total_tokens"))
    # Some providers leave reasoning out of the completion and have it in the total only.
    completion = max(_number(data.get("completion_tokens")), total - prompt if prompt else 0)
    cached = _number(_inner(data, "prompt_tokens_details").get("cached_tokens"))
    reasoning = _number(_inner(data, "completion_tokens_details").get("reasoning_tokens"))
    return Usage(prompt, cached, completion, reasoning)


def _inner(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = data.get(key)
    return value if isinstance(value, Mapping) else {}


def _number(value: object) -> int:
    return max(0, int(value)) if isinstance(value, int | float) else 0


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _content(value: object) -> str:
    """Read content that is text, or a list of parts of which some are text."""
    if isinstance(value, list):
        return "".join(_text(part.get("text")) for part in value if isinstance(part, Mapping))
    return _text(value)
