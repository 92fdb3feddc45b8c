"""The window: the bounded context of one instruction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from ..errors import UsageError
from ..processor.protocol import Message, Request, ToolCall, ToolSpec

_BULKY = 400  # characters: shorter results are not worth eliding
_AIM = 0.6  # share of the bound to shrink to, so that one shrinking lasts for many turns and the prefix stays


class Counter(Protocol):
    """Measures in a vocabulary's own tokens, and scales to what the provider counts."""

    def measure_message(self, message: Message) -> int: ...

    def measure_tool(self, spec: ToolSpec) -> int: ...

    def scale(self, measured: int) -> int: ...


class Window:
    """An opening that stays, byte for byte, and a log of turns that is only appended to.

    Every request satisfies `tokens + reserve <= bound`. Nothing is counted twice.

    Args:
        tools: what the processor is told about its tools.
        opening: the messages in order of stability, system text first.
        counter: counts tokens.
        bound: the working window, in tokens.
        reserve: tokens kept free for the reply.
    """

    def __init__(
        self, tools: Sequence[ToolSpec], opening: Sequence[Message], counter: Counter, bound: int, reserve: int
    ) -> None:
        self._tools = tuple(tools)
        self._counter = counter
        self._room = bound - reserve
        self._reserve = reserve
        self._opening = len(opening)
        self._messages = list(opening)
        self._sizes = [counter.measure_message(message) for message in opening]
        self._measured = sum(self._sizes) + sum(map(counter.measure_tool, tools))
        if self.tokens > self._room:
            raise UsageError(
                f"what must be shown takes {self.tokens:,} tokens, and the window has room for {self._room:,}; "
                f"raise llm.window to at least {self.tokens + reserve:,}"
            )

    @property
    def tokens(self) -> int:
        """What the next request counts, tools included."""
        return self._counter.scale(self._measured)

    def append(self, *messages: Message) -> None:
        """Add what came back and what is answered to it."""
        for message in messages:
            self._messages.append(message)
            self._sizes.append(self._counter.measure_message(message))
            self._measured += self._sizes[-1]

    def request(self, place: str) -> Request:
        """The next request as the window stands. Call `fit` first."""
        return Request(place, tuple(self._messages), self._tools, self._reserve)

    def fit(self) -> tuple[bool, int]:
        """Make the window fit its bound by eliding the oldest bulky texts.

        Returns:
            whether it fits now, and how many texts were elided. Where it does not fit, only a fresh window can help.
        """
        if self.tokens <= self._room:
            return True, 0
        elided = 0
        for at in range(self._opening, len(self._messages) - 2):  # the newest exchange stays
            if self.tokens <= self._room * _AIM:
                break
            shorter = _elided(self._messages[at])
            if shorter != self._messages[at]:
                self._replace(at, shorter)
                elided += 1
        return self.tokens <= self._room, elided

    def _replace(self, at: int, message: Message) -> None:
        size = self._counter.measure_message(message)
        self._measured += size - self._sizes[at]
        self._messages[at], self._sizes[at] = message, size


def _elided(message: Message) -> Message:
    """The message with its bulk replaced by a line that says what was there."""
    if message.role == "tool" and len(message.content) > _BULKY:
        head, _, rest = message.content.partition("\n")
        return replace(
            message, content=f"{head[:_BULKY]}\n[{len(rest):,} characters elided; call the tool again to see them]"
        )
    if message.role == "assistant" and message.tool_calls:
        return replace(message, tool_calls=tuple(map(_elided_call, message.tool_calls)))
    return message


def _elided_call(call: ToolCall) -> ToolCall:
    """A call whose long texts are elided; still valid JSON, as providers demand."""
    if len(call.arguments) <= _BULKY:
        return call
    try:
        arguments = json.loads(call.arguments)
    except (ValueError, RecursionError):
        return replace(call, arguments="{}")
    return replace(call, arguments=json.dumps(_shortened(arguments), ensure_ascii=False))


def _shortened(value: object) -> object:
    if isinstance(value, str) and len(value) > _BULKY // 2:
        return f"[{len(value):,} characters elided; read_files shows the file]"
    if isinstance(value, list):
        return [_shortened(item) for item in value]
    if isinstance(value, dict):
        return {key: _shortened(item) for key, item in value.items()}
    return value
