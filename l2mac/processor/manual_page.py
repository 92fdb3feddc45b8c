"""A request as a page for a person: what is new first, what was shown before last."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from .manual_reply import FILES, HOW_TO_ANSWER
from .protocol import Message, Request, ToolSpec

_EXAMPLES = {
    "complete_instruction": '{"summary": "…", "evidence": [{"requirement": "R1", "file": "a.py", '
    '"symbol": "f", "test": "tests/test_a.py::test_f"}]}',
    "submit_program": '{"requirements": [{"id": "R1", "text": "…"}], '
    '"instructions": [{"id": "I1", "title": "…", "text": "…", "covers": ["R1"]}]}',
}
_BACKTICKS = re.compile(r"`{3,}")


def render(number: str, request: Request, shown: Sequence[Message] = (), shown_in: str = "") -> str:
    """Write the page of a request.

    Args:
        number: of the request, as in its file's name.
        request: what the processor is asked.
        shown: the messages of the request before; those that this one begins with are not new.
        shown_in: the number of that request.

    Returns:
        Markdown.
    """
    known = _common(shown, request.messages)
    fresh, earlier = request.messages[known:], request.messages[:known]
    title = f"New since request {shown_in}" if earlier else "The messages (a fresh window: begin a new conversation)"
    begin = "Read what is new, then answer" if earlier else "Answer"
    sections = [
        f"# Request {number}: {_place(request.place)}\n",
        f"{begin} in `{number}.reply.md` or `{number}.reply.json` ([how](#how-to-answer)), "
        f"in at most {request.max_tokens:,} tokens (some {request.max_tokens * 3:,} characters).\n",
        f"## {title}\n",
        *(_fresh(message, known + index, shown_in if earlier else "") for index, message in enumerate(fresh, 1)),
        "## How to answer\n",
        _how(number, request.tools),
        "## Tools\n",
        *(_tool(tool) for tool in request.tools),
    ]
    sections.append("" if request.tools else "None: answer in plain words.\n")
    if earlier:
        sections.append(f"## Before that: {len(earlier)} messages, all of them already in request {shown_in}\n")
        sections.extend(_message(message, index) for index, message in enumerate(earlier, 1))
    return "\n".join(sections)


def _how(number: str, tools: Sequence[ToolSpec]) -> str:
    """How to answer with the tools that are offered."""
    names = [tool.name for tool in tools]
    files = FILES if "write_files" in names else ""
    tool = names[-1] if names else "name"
    return HOW_TO_ANSWER.format(
        number=number, files=files, tool=tool, arguments=_EXAMPLES.get(tool, '{"argument": "value"}')
    )


def _common(before: Sequence[Message], now: Sequence[Message]) -> int:
    """Count the messages that both begin with."""
    same = 0
    for old, new in zip(before, now, strict=False):
        if old != new:
            break
        same += 1
    return same


def _place(place: str) -> str:
    parts = place.split("/")
    if len(parts) != 4:
        return place
    epoch, instruction, attempt, turn = parts
    what = "compile the task" if instruction == "I0" else f"instruction {instruction}"
    again = f", window {int(attempt) + 1}" if attempt.isdigit() and attempt != "0" else ""
    return f"{what}{again}, turn {turn}" + (f", epoch {epoch}" if epoch != "1" else "")


def _message(message: Message, index: int) -> str:
    answers = f" to call {message.tool_call_id}" if message.role == "tool" else ""
    parts = [f"### {index}. {message.role}{answers}\n"]
    if message.content:
        parts.append(_fenced(message.content))
    for call in message.tool_calls:
        parts.append(f"calls **{call.name}** ({call.id})\n\n" + _fenced(_pretty(call.arguments), "json"))
    return "\n".join(parts)


def _fresh(message: Message, index: int, shown_in: str) -> str:
    """A new message; what was answered itself need not be read again."""
    if message.role == "assistant" and shown_in:
        calls = ", ".join(f"{call.name} ({call.id})" for call in message.tool_calls)
        return f"### {index}. assistant: your answer to {shown_in}" + (f", with the calls {calls}\n" if calls else "\n")
    return _message(message, index)


def _fenced(text: str, language: str = "") -> str:
    longest = max((len(run) for run in _BACKTICKS.findall(text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text.rstrip(chr(10))}\n{fence}\n"


def _pretty(arguments: str) -> str:
    try:
        return json.dumps(json.loads(arguments), indent=2, ensure_ascii=False)
    except ValueError:
        return arguments


def _tool(tool: ToolSpec) -> str:
    return f"- **{tool.name}**{_signature(tool.parameters)}: {' '.join(tool.description.split())}"


def _signature(schema: dict[str, Any]) -> str:
    """Write an object's schema as `(path: string, start?: integer)`."""
    required = schema.get("required", ())
    fields = schema.get("properties", {}).items()
    return "(" + ", ".join(f"{name}{'' if name in required else '?'}: {_type(kind)}" for name, kind in fields) + ")"


def _type(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " | ".join(_type(option) for option in schema[key])
    kind = schema.get("type", "any")
    if kind == "array":
        return f"[{_type(schema.get('items', {}))}]"
    if kind == "object" and schema.get("properties"):
        return "{" + _signature(schema)[1:-1] + "}"
    return " | ".join(kind) if isinstance(kind, list) else str(kind)
