"""The window: the bounded context of one instruction."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Protocol

from ..errors import UsageError
from ..processor.protocol import Message, Request, ToolCall, ToolSpec
from .prefix import Prefix, next_mark, opening_mark, shared

_BULKY = 400  # characters: shorter results are not worth eliding
_ITEMS = 8  # of a list in elided arguments
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
        self._tools_size = sum(map(counter.measure_tool, tools))
        self._measured = sum(self._sizes) + self._tools_size
        self._marks = [opening_mark(self._tools)]
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

    def holds(self, text: str) -> bool:
        """Whether a message of the turn log still has exactly this text."""
        return any(message.content == text for message in self._messages[self._opening :])

    def request(self, place: str) -> Request:
        """The next request as the window stands. Call `fit` first."""
        return Request(place, tuple(self._messages), self._tools, self._reserve)

    def prefix(self, sent: Collection[str], opened: str) -> Prefix:
        """How much of the next request was sent before.

        Args:
            sent: the marks of every request so far.
            opened: why the window was opened, where this is its first request.
        """
        for message in self._messages[len(self._marks) - 1 :]:
            self._marks.append(next_mark(self._marks[-1], message))
        answers = (at for at in range(len(self._messages) - 1, -1, -1) if self._messages[at].role == "assistant")
        sizes = [self._tools_size, *self._sizes]
        return shared(self._marks, sizes, next(answers, 0), opened, sent)

    def fit(self) -> tuple[bool, int]:
        """Make the window fit its bound by eliding the oldest bulky texts.

        Returns:
            whether it fits now, and how many texts were elided. Where it does not fit, only a fresh window can help.
        """
        if self.tokens <= self._room:
            return True, 0
        elided = 0
        newest = max(at for at, message in enumerate(self._messages) if message.role == "assistant" or not at)
        for at in range(self._opening, len(self._messages) - 1):
            # What the model has just asked for goes only as far as it must, and the last of it never.
            if self.tokens <= (self._room if at >= newest else self._room * _AIM):
                break
            elided += self._replace(at, _elided(self._messages[at]))
        return self.tokens <= self._room, elided

    def _replace(self, at: int, message: Message) -> bool:
        """Put a message in the place of a longer one; False where it is not shorter."""
        size = self._counter.measure_message(message)
        if size >= self._sizes[at]:
            return False
        self._measured += size - self._sizes[at]
        self._messages[at], self._sizes[at] = message, size
        del self._marks[at + 1 :]
        return True


def _elided(message: Message) -> Message:
    """The message with its bulk replaced by a line that says what was there."""
    content = message.content
    if len(content) > _BULKY:
        head, again = content.partition("\n")[0][: _BULKY // 2], message.role == "tool"
        hint = "; call the tool again to see them" if again else ""
        content = f"{head}\n[{len(content) - len(head):,} characters elided{hint}]"
    # Providers that want thoughts back refuse a history without them, and take any.
    thought = message.reasoning if len(message.reasoning) <= _BULKY // 2 else "[elided]"
    return replace(message, content=content, reasoning=thought, tool_calls=tuple(map(_elided_call, message.tool_calls)))


def _elided_call(call: ToolCall) -> ToolCall:
    """A call whose long texts are elided; still a valid JSON object, as providers demand."""
    if len(call.arguments) <= _BULKY:
        return call
    try:
        arguments = json.loads(call.arguments)
        hint = "; read_files shows the file" if call.name in ("write_files", "edit_file") else ""
        text = json.dumps(_shortened(arguments, hint), ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError):
        return replace(call, arguments="{}")
    if not isinstance(arguments, dict):
        return replace(call, arguments="{}")
    return replace(call, arguments=text.encode("utf-8", "backslashreplace").decode())  # half a pair stays an escape


def _shortened(value: object, hint: str) -> object:
    if isinstance(value, str) and len(value) > _BULKY // 2:
        # With its last line end a text still stands in a block of its own in the text protocol.
        return f"[{len(value):,} characters elided{hint}]" + "\n" * value.endswith("\n")
    if isinstance(value, list):
        left = len(value) - _ITEMS
        shown = [_shortened(item, hint) for item in value[:_ITEMS]]
        return [*shown, *([f"[{left:,} more elided]"] if left > 0 else [])]
    if isinstance(value, dict):
        return {key: _shortened(item, hint) for key, item in value.items()}
    return value
