"""Replies as JSON and back: one form, shared by tapes, the journal and the manual processor."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, get_args

from .protocol import Ending, Message, Reply, ToolCall, Usage

_ENDINGS = get_args(Ending)


def call_id(place: str, index: int) -> str:
    """Make the id of a tool call whose provider gave none: the same for the same place and index.

    Nine letters and digits, the one form that every provider accepts in a history (Mistral takes nothing else).
    """
    return "c" + hashlib.sha256(f"{place}#{index}".encode()).hexdigest()[:8]


def encode_reply(reply: Reply) -> dict[str, Any]:
    """Turn a reply into plain JSON values; `decode_reply` is the inverse."""
    calls = [asdict(call) for call in reply.message.tool_calls]
    reasoning = {"reasoning": reply.message.reasoning} if reply.message.reasoning else {}
    return {
        **reasoning,
        "content": reply.message.content,
        "tool_calls": calls,
        "ending": reply.ending,
        "usage": asdict(reply.usage),
        "model": reply.model,
    }


def decode_reply(data: object) -> Reply:
    """Turn what `encode_reply` made back into the reply.

    Raises:
        ValueError: a key is missing, unknown or of the wrong type; the text names it.
    """
    kinds = {"content": str, "tool_calls": list, "ending": str, "usage": dict, "model": str}
    kinds |= {"reasoning": str} if isinstance(data, dict) and "reasoning" in data else {}
    fields = _fields(data, "reply", kinds)
    if fields["ending"] not in _ENDINGS:
        raise ValueError(f"reply.ending is {fields['ending']!r}; it is one of {', '.join(_ENDINGS)}")
    calls = tuple(
        ToolCall(**_fields(call, f"reply.tool_calls[{index}]", {"id": str, "name": str, "arguments": str}))
        for index, call in enumerate(fields["tool_calls"])
    )
    message = Message("assistant", fields["content"], calls, reasoning=fields.get("reasoning", ""))
    return Reply(message, fields["ending"], _decode_usage(fields["usage"]), fields["model"])


def _decode_usage(data: object) -> Usage:
    counts = dict.fromkeys(("prompt", "cached", "completion", "reasoning"), int)
    cost: dict[str, Any] = {"cost": (int, float, type(None))}
    return Usage(**_fields(data, "reply.usage", {**counts, **cost}))


def _fields(data: object, where: str, kinds: Mapping[str, Any]) -> dict[str, Any]:
    """Check that `data` is an object with exactly these keys and types."""
    if not isinstance(data, dict):
        raise ValueError(f"{where} is not a JSON object")
    if wrong := sorted(set(data) ^ set(kinds)):
        problem = "lacks" if wrong[0] in kinds else "has the unknown key"
        raise ValueError(f"{where} {problem} {wrong[0]!r}")
    for key, kind in kinds.items():
        if not isinstance(data[key], kind) or isinstance(data[key], bool):
            raise ValueError(f"{where}.{key} has the wrong type: {type(data[key]).__name__}")
    return data
