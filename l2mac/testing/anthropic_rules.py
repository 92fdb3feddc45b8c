"""The rules by which Anthropic refuses a Messages request, as far as a client can break them.

https://docs.anthropic.com/en/api/messages. The real API also takes several messages of one role in a row, which it
merges; here roles alternate, for Bedrock and other sellers of the same models insist on it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from .strictness import Refusal

# fmt: off
_KNOWN = frozenset((
    "model", "messages", "max_tokens", "system", "tools", "tool_choice", "temperature", "top_p", "top_k",
    "stop_sequences", "stream", "metadata", "thinking", "service_tier", "container", "context_management",
    "output_config",
))
# fmt: on
_BLOCKS = {
    "text": frozenset({"type", "text", "cache_control", "citations"}),
    "tool_use": frozenset({"type", "id", "name", "input", "cache_control"}),
    "tool_result": frozenset({"type", "tool_use_id", "content", "is_error", "cache_control"}),
}
_PLACES = {"text": ("user", "assistant"), "tool_use": ("assistant",), "tool_result": ("user",)}
_TOOL = frozenset({"type", "name", "description", "input_schema", "cache_control", "strict"})
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_ID = re.compile(r"[a-zA-Z0-9_-]+")
_MARKS = 4


def check_request(
    body: Mapping[str, Any],
    models: Collection[str],
    unsupported: Collection[str] = (),
    context: int | None = None,
    count: Callable[[Any], int] | None = None,
) -> None:
    """Raise the Refusal that the real API would answer with, if there is one; arguments as for OpenAI's rules."""
    for name in body:
        if name not in _KNOWN or name in unsupported:
            raise Refusal(f"{name}: Extra inputs are not permitted", name)
    if body.get("model") not in models:
        raise Refusal(f"model: {body.get('model')}", status=404)
    _check_numbers(body)
    _check_tools(body)
    system = body.get("system", [])
    for where, block in _each(system if isinstance(system, list) else [{"type": "text", "text": system}], "system"):
        _check_block(block, where, ("text",))
    _check_messages(body)
    marks = sum("cache_control" in part for part in _parts(body))
    if marks > _MARKS:
        raise Refusal(f"A maximum of {_MARKS} blocks with cache_control may be provided. Found {marks}.")
    if context is not None and count is not None:
        _check_context(body, context, count(body))


def _check_numbers(body: Mapping[str, Any]) -> None:
    if "max_tokens" not in body:
        raise Refusal("max_tokens: Field required", "max_tokens")
    limit, heat = body["max_tokens"], body.get("temperature", 1)
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise Refusal("max_tokens: Input should be greater than or equal to 1", "max_tokens")
    if not isinstance(heat, int | float) or not 0 <= heat <= 1:
        raise Refusal("temperature: range: 0..1", "temperature")
    if not isinstance(body.get("stream", False), bool):
        raise Refusal("stream: Input should be a valid boolean", "stream")


def _check_tools(body: Mapping[str, Any]) -> None:
    tools = body.get("tools", [])
    names: list[str] = []
    for where, tool in _each(tools, "tools"):
        if extra := sorted(set(tool) - _TOOL):
            raise Refusal(f"{where}.custom.{extra[0]}: Extra inputs are not permitted")
        if not isinstance(tool.get("name"), str) or not _NAME.fullmatch(tool["name"]):
            raise Refusal(f"{where}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
        schema = tool.get("input_schema")
        if not isinstance(schema, dict) or schema.get("type") != "object":
            raise Refusal(f"{where}.custom.input_schema.type: Field required")
        names.append(tool["name"])
    if len(set(names)) < len(names):
        raise Refusal("tools: Tool names must be unique.")
    if "tool_choice" in body:
        choice = body["tool_choice"]
        if not isinstance(choice, dict) or choice.get("type") not in ("auto", "any", "tool", "none"):
            raise Refusal("tool_choice: Input should be an object with the type auto, any, tool or none")
        if not names:
            raise Refusal("tool_choice: may only be specified while providing tools.")


def _check_messages(body: Mapping[str, Any]) -> None:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Refusal("messages: at least one message is required", "messages")
    asked: list[str] = []
    seen: set[str] = set()
    role, blocks = "", list[dict[str, Any]]()
    for index, (where, message) in enumerate(_each(messages, "messages")):
        role = ("user", "assistant")[index % 2]
        _check_role(message, where, role)
        content = message.get("content")
        blocks = content if isinstance(content, list) else [{"type": "text", "text": content}]
        if not blocks:
            raise Refusal(f"{where}: all messages must have non-empty content")
        for at, block in _each(blocks, f"{where}.content"):
            _check_block(block, at, [kind for kind, roles in _PLACES.items() if role in roles])
        _check_results(blocks, asked, where)
        asked = [str(block["id"]) for block in blocks if block["type"] == "tool_use"]
        if seen & set(asked) or len(set(asked)) < len(asked):
            raise Refusal(f"{where}: `tool_use` ids must be unique")
        seen |= set(asked)
    _check_results([], asked, "messages")
    if seen and not body.get("tools"):
        raise Refusal("Requests which include `tool_use` or `tool_result` blocks must define tools")
    if blocks[-1]["type"] == "text" and role == "assistant" and blocks[-1]["text"] != blocks[-1]["text"].rstrip():
        raise Refusal("messages: final assistant content cannot end with trailing whitespace")


def _check_role(message: Mapping[str, Any], where: str, expected: str) -> None:
    role = message.get("role")
    if role == "system":
        raise Refusal('messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter')
    if role not in ("user", "assistant") or set(message) - {"role", "content"}:
        raise Refusal(f"{where}: Input should be a message of the role 'user' or 'assistant', and nothing else")
    if role != expected:
        if where == "messages.0":
            raise Refusal('messages: first message must use the "user" role')
        text = f'roles must alternate between "user" and "assistant", but found multiple "{role}" roles in a row'
        raise Refusal(f"messages: {text}")


def _check_block(block: Mapping[str, Any], where: str, kinds: Collection[str]) -> None:
    kind = str(block.get("type"))
    if kind not in kinds:
        raise Refusal(f"{where}.type: Input tag '{kind}' does not match any of the expected tags: {', '.join(kinds)}")
    if extra := sorted(set(block) - _BLOCKS[kind]):
        raise Refusal(f"{where}.{kind}.{extra[0]}: Extra inputs are not permitted")
    if block.get("cache_control", {"type": "ephemeral"}).get("type") != "ephemeral":
        raise Refusal(f"{where}.cache_control.type: Input should be 'ephemeral'")
    if kind == "text":
        if not isinstance(block.get("text"), str):
            raise Refusal(f"{where}.text.text: Input should be a valid string")
        if not block["text"].strip():
            raise Refusal("messages: text content blocks must contain non-whitespace text")
    elif kind == "tool_use":
        if not _NAME.fullmatch(str(block.get("name"))) or not _ID.fullmatch(str(block.get("id"))):
            raise Refusal(f"{where}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'")
        if not isinstance(block.get("input"), dict):
            raise Refusal(f"{where}.tool_use.input: Input should be a valid dictionary")
    else:
        content = block.get("content", "")
        for at, inner in _each(content if isinstance(content, list) else [], f"{where}.content"):
            _check_block(inner, at, ("text",))


def _check_results(blocks: list[dict[str, Any]], asked: list[str], where: str) -> None:
    """Raise unless the calls of the message before are answered, each once and before anything else."""
    answered = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
    if extra := set(answered) - set(asked):
        raise Refusal(f"{where}: unexpected `tool_use_id` found in `tool_result` blocks: {', '.join(sorted(extra))}")
    begin = [block.get("tool_use_id") for block in blocks[: len(asked)]]
    if missing := [id for id in asked if id not in begin]:
        text = "`tool_use` ids were found without `tool_result` blocks immediately after"
        raise Refusal(f"{where}: {text}: {', '.join(missing)}")
    if len(set(answered)) < len(answered):
        raise Refusal(f"{where}: each tool_use must have a single result")


def _each(entries: Any, where: str) -> Iterable[tuple[str, dict[str, Any]]]:
    """Yield the place and value of every object in a list."""
    if not isinstance(entries, list):
        raise Refusal(f"{where}: Input should be a valid list")
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise Refusal(f"{where}.{index}: Input should be an object")
        yield f"{where}.{index}", entry


def _parts(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object inside a request but the arguments of calls and the schemas of tools."""
    if isinstance(value, dict):
        yield value
        value = [inner for key, inner in value.items() if key not in ("input", "input_schema")]
    for inner in value if isinstance(value, list) else ():
        yield from _parts(inner)


def _check_context(body: Mapping[str, Any], context: int, prompt: int) -> None:
    if prompt > context:
        raise Refusal(f"prompt is too long: {prompt} tokens > {context} maximum")
    if prompt + body["max_tokens"] > context:
        raise Refusal(
            f"input length and `max_tokens` exceed context limit: {prompt} + {body['max_tokens']} > {context},"
            " decrease input length or `max_tokens` and try again"
        )
