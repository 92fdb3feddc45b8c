"""The text protocol's form: how tools, calls and results are written where there is no function calling.

The form is made for a model of seven billion parameters and a window of 8,000 tokens: a file stands in a block as it
is, with nothing escaped; every other call is a few `key: value` lines. The manual comes tool by tool, each with its one
example, so that it says nothing of what is not on offer. Calls of the history are written as they are asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from .plain import write_arguments
from .protocol import Message, Role, ToolCall, ToolSpec, fault_of
from .text_reply import read

_RUNS = re.compile(r"`{3,}")

HEAD = """\
# How to act
You act by writing blocks, as many as you need in one reply; text outside of them is only talk. A block begins with
three backticks, a word and a name, and ends with a line of three backticks. Where a line of its content begins with
three backticks, begin and end it with four. A value is taken as it stands, without quotes or escapes, and may go on
over indented lines. Results come in the next message: never write them yourself.
"""
_FILE = """\
A block for each file:
```file path/to/file.py
print("hello")
```
"""
_EDIT = """\
Whole lines, as they stand in the file now; several parts may follow one another:
```edit path/to/file.py
<<<<<<< SEARCH
print("hello")
=======
print("good-bye")
>>>>>>> REPLACE
```
"""
_PART = "<<<<<<< SEARCH\n{find}=======\n{replace}>>>>>>> REPLACE\n"
_BLOCKS = {"write_files": _FILE, "edit_file": _EDIT}


def manual(tools: Sequence[ToolSpec]) -> str:
    """What is added to the system text: the same bytes for the same tools."""
    return "\n".join([HEAD, *map(describe, tools)]).rstrip("\n")


def describe(tool: ToolSpec) -> str:
    """The manual's part on one tool."""
    optional = _optional(tool.parameters)
    form = _BLOCKS.get(tool.name) or f"```tool {tool.name}\n{_example(tool.parameters)}```\n"
    left_out = f" May be left out: {', '.join(optional)}." if optional and tool.name not in _BLOCKS else ""
    return f"## {tool.name}\n{tool.description}{left_out}\n{form}"


def encode(messages: Iterable[Message], tools: Sequence[ToolSpec]) -> tuple[Message, ...]:
    """Write messages with calls and results as messages without.

    The manual ends the system text. Neighbours of the same role become one message: the templates of many small models
    accept nothing but turns that alternate.
    """
    parts: list[tuple[Role, str]] = []
    asked: dict[str, str] = {}
    for message in messages:
        if message.role == "tool":
            parts.append(("user", result(asked.get(message.tool_call_id, "a call"), message.content)))
        else:
            parts.append((message.role, _spoken(message, tuple(tools))))
            asked |= {call.id: label(call, number) for number, call in enumerate(message.tool_calls, 1)}
    if tools:
        at = 1 if parts and parts[0][0] == "system" else 0
        parts[:at] = [("system", "\n\n".join([*(text for _, text in parts[:at]), manual(tools)]))]
    joined: list[Message] = []
    for role, text in parts:
        if joined and joined[-1].role == role:
            joined[-1] = Message(joined[-1].role, f"{joined[-1].content}\n\n{text}")
        else:
            joined.append(Message(role, text))
    return tuple(joined)


def result(of: str, text: str) -> str:
    """A tool's result, fenced so that nothing in it can be taken for more than data."""
    return f"Result of {of}:\n{_fenced('result', text)}"


def label(call: ToolCall, number: int) -> str:
    """How a result names the call that it answers."""
    return f"call {number}, {call.name[:60]}"


def spoken(message: Message, tools: tuple[ToolSpec, ...] = ()) -> str:
    """A message's own text with its calls as blocks."""
    return _spoken(message, tools)


@lru_cache(maxsize=256)
def _spoken(message: Message, tools: tuple[ToolSpec, ...]) -> str:
    if not message.tool_calls:
        return message.content or ("(nothing was said)" if message.role == "assistant" else "")
    blocks = render(message.tool_calls, tools)
    return f"{message.content}\n\n{blocks}" if message.content else blocks


def render(calls: Sequence[ToolCall], tools: Sequence[ToolSpec] = ()) -> str:
    """Write calls as blocks that are read back as the same calls, in their order.

    A call for which that can't be done in its own form is written as JSON. Only the first call of `write_files` has
    blocks of its own: all of a reply are one call.
    """
    schemas = {tool.name: tool.parameters for tool in tools}
    written = False
    blocks = []
    for call in calls:
        arguments = None if fault_of(call)[0] else _arguments(call.arguments)
        files = call.name == "write_files"
        block = "" if arguments is None or (files and written) else _own_form(call.name, arguments, tools)
        written = written or (files and bool(block))
        blocks.append(block or _tool_block(call, arguments, schemas.get(call.name, {})))
    return "".join(blocks)


def _own_form(name: str, arguments: Mapping[str, Any], tools: Sequence[ToolSpec]) -> str:
    """A call in the blocks of its own form; nothing where it has none, or they would not be read back as the same."""
    try:
        if name == "write_files":
            blocks = [_fenced(f"file {it['path']}", it["content"]) for it in arguments["files"]]
        elif name == "edit_file":
            parts = (_PART.format(**it) for it in arguments["edits"])
            blocks = [_fenced(f"edit {arguments['path']}", "".join(parts))]
        else:
            return ""
    except (KeyError, TypeError, AttributeError, ValueError):
        return ""
    text = "".join(blocks)
    heard = read(text, tools)
    same = [(it.name, it.arguments, it.why) for it in heard.calls] == [(name, arguments, "")]
    return text if same and not heard.said and not heard.cut else ""


def _tool_block(call: ToolCall, arguments: Mapping[str, Any] | None, schema: Mapping[str, Any]) -> str:
    why, text = fault_of(call)
    if why:
        return text if text.endswith("\n") else f"{text}\n"
    body = call.arguments if arguments is None else write_arguments(arguments, schema) if arguments else ""
    return _fenced(f"tool {call.name}", body)


def _arguments(text: str) -> dict[str, Any] | None:
    try:
        arguments = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return None
    return arguments if isinstance(arguments, dict) else None


def _fenced(info: str, body: str) -> str:
    """A block whose fence is longer than any run of backticks in it."""
    marks = "`" * (max((len(run) for run in _RUNS.findall(body)), default=2) + 1)
    return f"{marks}{info}\n{body}{'' if not body or body.endswith(chr(10)) else chr(10)}{marks}\n"


def _optional(schema: Mapping[str, Any]) -> list[str]:
    """The arguments that may be left out, those of objects in lists included."""
    names = [name for name in schema.get("properties", {}) if name not in schema.get("required", ())]
    for field in schema.get("properties", {}).values():
        names += _optional(field.get("items", {}))
    return names


def _example(schema: Mapping[str, Any]) -> str:
    """Arguments as they are to be written, with dots where values belong."""
    lines = []
    for name, field in schema.get("properties", {}).items():
        items = field.get("items", {})
        if items.get("properties"):
            inner = _example(items).splitlines()
            lines += [f"{name}:", *(f"{'  ' if number else '- '}{line}" for number, line in enumerate(inner))]
        else:
            lines.append(f"{name}: {_SHOWN.get(field.get('type', ''), '…')}")
    return "".join(f"{line}\n" for line in lines)


_SHOWN = {"array": "…, …", "integer": "1", "number": "1", "boolean": "false"}
