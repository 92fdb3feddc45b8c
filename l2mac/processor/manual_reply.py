"""Reading what a person, or a chat window, answered: as JSON, or as text with fenced blocks.

What blocks mean is read by `l2mac.processor.text_reply`. Both readers raise ValueError with one line that says what to
mend.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from .codec import call_id
from .protocol import Message, Reply, ToolCall, ToolSpec
from .text_reply import read

HOW_TO_ANSWER = """\
Save your answer beside this file as `{number}.reply.md` (or `.txt`): plain text, in which blocks like these are calls,
carried out in their order, and everything else is what you say.
{files}
A tool takes its arguments as JSON:

```tool {tool}
{arguments}
```

A block ends at the first line that holds nothing but as many backticks as it began with: begin with four or more where
the content itself has a line of three. Blocks of any other kind are part of what you say.

Or save it as `{number}.reply.json`: `{{"content": "…", "tool_calls": [{{"name": "…", "arguments": {{…}}}}]}}`.
OpenAI's own form of calls and a bare list of calls are read too.

If an answer cannot be read, `{number}.reply.error.txt` says why; save it again then.
"""

FILES = """
Files are best written so, each byte for byte with its last newline; all such blocks together are one call of
`write_files`, made where the first of them stands:

````file path/to/file.py
print("hello")
````
"""


def read_json(text: str, place: str) -> Reply:
    """Read a reply in JSON: an object with `content` and `tool_calls`, or only the list of calls."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise ValueError(f"this is not JSON: {error}") from error
    if isinstance(data, list):
        data = {"tool_calls": data}
    if not isinstance(data, dict):
        raise ValueError("the reply must be an object with `content` and `tool_calls`, or a list of calls")
    content, calls = ("" if data.get("content") is None else data["content"]), data.get("tool_calls")
    calls = [] if calls is None else calls
    if unknown := sorted(set(data) - {"content", "tool_calls", "role"}):
        raise ValueError(f"unknown key {unknown[0]!r}: the reply has `content` and `tool_calls`")
    if not isinstance(content, str):
        raise ValueError("`content` must be a string")
    if not isinstance(calls, list):
        raise ValueError("`tool_calls` must be a list")
    return _reply(content, [_json_call(call, index) for index, call in enumerate(calls)], place)


def read_text(text: str, place: str, tools: Sequence[ToolSpec] = ()) -> Reply:
    """Read a reply in text: `file`, `edit` and `tool` blocks are calls, everything else is what is said."""
    reading = read(text, tools)
    for call in reading.calls:
        if call.why:
            raise ValueError(f"line {call.line}: {call.why}")
    if reading.cut:
        raise ValueError("the last block, or the thinking, is never closed")
    return _reply(reading.said, [(call.name, call.arguments) for call in reading.calls], place)


def _json_call(call: object, index: int) -> tuple[str, Any]:
    where = f"tool_calls[{index}]"
    if isinstance(call, dict) and isinstance(call.get("function"), dict):
        call = call["function"]
    if not isinstance(call, dict) or not isinstance(call.get("name"), str) or not call["name"]:
        raise ValueError(f"{where} needs a `name`")
    arguments = call.get("arguments", {})
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError as error:
            raise ValueError(f"{where}.arguments is a string that is not JSON: {error}") from error
    if not isinstance(arguments, dict):
        raise ValueError(f"{where}.arguments must be an object, or a string that holds one as JSON")
    return call["name"], arguments


def _reply(content: str, calls: list[tuple[str, Any]], place: str) -> Reply:
    made = tuple(
        ToolCall(call_id(place, index), name, json.dumps(arguments, ensure_ascii=False))
        for index, (name, arguments) in enumerate(calls)
    )
    if not content and not made:
        raise ValueError("the reply is empty")
    return Reply(Message("assistant", content, made), "called" if made else "said", model="manual")
