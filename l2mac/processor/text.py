"""The text protocol: the instruction set for models without function calling, and for small ones.

`TextProtocol` stands before another processor: requests with tools go out as `l2mac.processor.text_form` writes them,
replies come back as `l2mac.processor.text_reply` reads them. `AutoProtocol` begins with function calling and goes over
to text, for good, when the endpoint takes no tools or the model misses at calls three times in a row. That is a
function of the replies alone, and a call that was read out of text says so by its id: `learn` of the recorded replies,
in their order, brings a resumed run to where it was.

A window is opened on messages and tools, and what is sent is their text form: `TextCounter` measures that form, part by
part, so that the window's bound holds for what is really sent. Before `AutoProtocol` it takes the larger of both forms,
for a window may change its form at any turn.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import ClassVar

from ..errors import ToolsRefused
from .codec import call_id
from .protocol import Listener, Message, Processor, Reply, Request, ToolCall, ToolSpec, fault_of, release, unreadable
from .text_form import HEAD, describe, encode, label, result, spoken
from .text_reply import Heard, read
from .tokens import OVERHEAD, Counter, TokenCounter

_MISSES = 3  # replies in a row without a call that function calling can read, before text is spoken
_GO_ON = "the reply was cut here; what stands before it was carried out: go on from there"
_LOOSE = "a block of code names no file: begin it with ```file path/to/file.py"


class TextProtocol:
    """A processor that speaks with another one in text.

    Args:
        processor: the one that does the work; it never sees a tool.
    """

    forms: ClassVar = frozenset({"text"})

    def __init__(self, processor: Processor) -> None:
        self._processor = processor

    @property
    def name(self) -> str:
        """The name of the processor behind, and the protocol."""
        return f"{self._processor.name} (text protocol)"

    def complete(self, request: Request, listener: Listener | None = None) -> Reply:
        """Return the reply of the processor behind, with the calls that its text makes.

        Raises:
            ProcessorError: as the processor behind raised it.
        """
        if not request.tools:
            return self._processor.complete(request, listener)
        asked = replace(request, messages=encode(request.messages, request.tools), tools=())
        return understood(self._processor.complete(asked, listener), request.place, request.tools)

    def close(self) -> None:
        """Close the processor behind."""
        release(self._processor)


class AutoProtocol:
    """A processor that asks another one by function calling, as long as that works, and then in text.

    Args:
        processor: the one that does the work.
        notify: is told of the change, and why.
    """

    forms: ClassVar = frozenset({"text", "tools"})

    def __init__(self, processor: Processor, notify: Callable[[str], None] | None = None) -> None:
        self._processor = processor
        self._text = TextProtocol(processor)
        self._notify = notify
        self._misses = 0
        self._refused = False

    @property
    def name(self) -> str:
        """The name of the processor behind, and the protocol where it is text."""
        return self._text.name if self._speaks_text else self._processor.name

    def complete(self, request: Request, listener: Listener | None = None) -> Reply:
        """Return the reply; calls that a model writes as blocks, in place of calling, are read at once.

        Raises:
            ProcessorError: as the processor behind raised it; ToolsRefused never.
        """
        if self._speaks_text or not request.tools:
            return self._text.complete(request, listener)
        try:
            reply = self._processor.complete(request, listener)
        except ToolsRefused:
            self._refused = True
            self._tell("takes no tools")
            return self._text.complete(request, listener)
        if any(not call.why for call in read(reply.message.content, request.tools).calls):
            reply = understood(reply, request.place, request.tools)
        self.learn(request.place, reply)
        if self._speaks_text:
            self._tell(f"called no tool that could be read in {_MISSES} replies")
        return reply

    def learn(self, place: str, reply: Reply) -> None:
        """Take a reply into account, whether it has just come or stands in a record."""
        if not self._speaks_text and reply.ending in ("said", "called"):
            self._misses = self._misses + 1 if _missed(place, reply) else 0

    def close(self) -> None:
        """Close the processor behind."""
        release(self._processor)

    @property
    def _speaks_text(self) -> bool:
        return self._refused or self._misses >= _MISSES

    def _tell(self, why: str) -> None:
        if self._notify:
            self._notify(f"{self._processor.name} {why}; from now on it is spoken to in text")


class TextCounter(TokenCounter):
    """Counts messages and tools as the text protocol sends them.

    Args:
        model: whose tokens are counted.
        tools: all that calls may name.
        either: take the larger of this form and that of function calling.
        count: the vocabulary; by default the model's.
    """

    def __init__(
        self, model: str, tools: Iterable[ToolSpec], *, either: bool = False, count: Counter | None = None
    ) -> None:
        super().__init__(model, count)
        self._tools = tuple(tools)
        self._either = either

    def measure_message(self, message: Message) -> int:
        """Measure a message as text; the name by which its result goes counts with a call."""
        text = result("", message.content) if message.role == "tool" else spoken(message, self._tools)
        names = [label(call, number) for number, call in enumerate(message.tool_calls, 1)]
        size = OVERHEAD + self.measure(text) + sum(OVERHEAD + self.measure(name) for name in names)
        if message.role == "system":
            size += self.measure(HEAD)
        return max(size, super().measure_message(message)) if self._either else size

    def measure_tool(self, spec: ToolSpec) -> int:
        """Measure a tool's part of the manual."""
        size = OVERHEAD + self.measure(describe(spec))
        return max(size, super().measure_tool(spec)) if self._either else size


def understood(reply: Reply, place: str, tools: Sequence[ToolSpec]) -> Reply:
    """Read the calls out of a reply's text.

    Of a reply that was cut, the last call is what was cut: it is never executed, all before it are.
    """
    if reply.message.tool_calls or reply.ending == "refused":
        return reply
    reading = read(reply.message.content, tools, ended=reply.ending != "cut")
    calls = list(reading.calls)
    cut = reading.cut or reply.ending == "cut"
    if cut and calls and not calls[-1].cut:
        calls.append(Heard("reply", {}, _GO_ON))
    if not calls and not cut and reading.loose and any(tool.name == "write_files" for tool in tools):
        calls.append(Heard("reply", {}, _LOOSE, reading.loose))
    made = tuple(ToolCall(_id(place, number), call.name, _arguments(call)) for number, call in enumerate(calls))
    message = replace(reply.message, content=reading.said, tool_calls=made)
    return replace(reply, message=message, ending="cut" if cut else "called" if made else "said")


def _arguments(call: Heard) -> str:
    if not call.why:
        return json.dumps(call.arguments, ensure_ascii=False)
    return unreadable(call.text, f"line {call.line}: {call.why}" if call.line else call.why)


def _id(place: str, number: int) -> str:
    """The id of a call that was read out of text: no other call has it."""
    return call_id(f"{place}/text", number)


def _missed(place: str, reply: Reply) -> bool:
    """Whether function calling has failed in a reply: no call, none that can be read, or calls read out of its text."""
    calls = reply.message.tool_calls
    return all(call.id == _id(place, number) or not _is_readable(call) for number, call in enumerate(calls))


def _is_readable(call: ToolCall) -> bool:
    try:
        return not fault_of(call)[0] and isinstance(json.loads(call.arguments or "{}"), dict)
    except (ValueError, RecursionError):
        return False
