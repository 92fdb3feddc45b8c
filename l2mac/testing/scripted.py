"""A processor that answers from a script."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..processor.codec import call_id
from ..processor.protocol import USUAL_WINDOW, Listener, Message, Reply, Request, ToolCall, Usage

Line = Reply | BaseException | Callable[[Request], Reply]
"""One line of a script: a reply, an exception to raise, or a function of the request."""


def says(text: str, usage: Usage | None = None) -> Reply:
    """Make a reply that is only text."""
    return Reply(Message("assistant", text), "said", usage or Usage())


def calls(*asked: tuple[str, Mapping[str, Any] | str], content: str = "", usage: Usage | None = None) -> Reply:
    """Make a reply that calls tools: `calls(("write_files", {"files": […]}), ("complete_instruction", {…}))`.

    Arguments that are a mapping become JSON; a string is passed as it is, broken or not. The ids of the calls depend
    only on the calls themselves.
    """
    texts = [
        (name, given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)) for name, given in asked
    ]
    seed = json.dumps([content, texts])
    made = tuple(ToolCall(call_id(seed, index), name, text) for index, (name, text) in enumerate(texts))
    return Reply(Message("assistant", content, made), "called" if made else "said", usage or Usage())


class ScriptedProcessor:
    """A processor that answers request after request with the next line of a script; safe to share between threads.

    Attributes:
        requests: every request, in the order in which they came.
    """

    name = "scripted"
    window = USUAL_WINDOW

    def __init__(self, script: Iterable[Line]) -> None:
        self._script = iter(script)
        self._turn = threading.Lock()
        self.requests: list[Request] = []

    def complete(self, request: Request, listener: Listener | None = None) -> Reply:
        """Return the next reply, or raise the next exception.

        Raises:
            AssertionError: the script has run out; the text shows the request that had no answer.
        """
        with self._turn:
            self.requests.append(request)
            line = next(self._script, None)
        if line is None:
            raise AssertionError(_unanswered(request, len(self.requests)))
        if isinstance(line, BaseException):
            raise line
        reply = line if isinstance(line, Reply) else line(request)
        if listener and reply.message.content:
            listener(reply.message.content)
        return reply


def _unanswered(request: Request, count: int) -> str:
    last = request.messages[-1] if request.messages else Message("user")
    return f"the script has no answer to request {count}, at {request.place}; its last message ({last.role}):\n" + (
        last.content or repr(last.tool_calls)
    )
