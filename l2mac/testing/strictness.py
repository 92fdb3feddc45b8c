"""The rules by which OpenAI refuses a Chat Completions request, as far as a client can break them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})
# fmt: off
_KNOWN = frozenset((
    "model", "messages", "tools", "tool_choice", "parallel_tool_calls", "max_tokens", "max_completion_tokens",
    "temperature", "top_p", "n", "seed", "stop", "stream", "stream_options", "response_format",
    "frequency_penalty", "presence_penalty", "logprobs", "top_logprobs", "logit_bias", "user", "metadata",
    "store", "reasoning_effort", "verbosity", "service_tier", "prompt_cache_key", "safety_identifier",
))
# fmt: on


@dataclass(eq=False)
class Refusal(Exception):
    """Why a request is refused, as the body of an OpenAI error says it."""

    message: str
    param: str | None = None
    code: str | None = None
    status: int = 400
    type: str = "invalid_request_error"


def check_request(
    body: Any,
    models: Collection[str],
    unsupported: Collection[str] = (),
    context: int | None = None,
    count: Callable[[Any], int] | None = None,
) -> None:
    """Raise the Refusal that the real API would answer with, if there is one.

    Args:
        body: the request, parsed.
        models: the names that exist.
        unsupported: parameters that this model does not take.
        context: the most tokens of prompt and reply together.
        count: counts the tokens of the body's prompt.
    """
    if not isinstance(body, dict):
        raise Refusal("We could not parse the JSON body of your request.")
    _check_parameters(body, models, unsupported)
    _check_messages(body.get("messages"))
    _check_tools(body.get("tools"))
    if context is not None and count is not None:
        _check_context(body, context, count(body))


def _check_parameters(body: Mapping[str, Any], models: Collection[str], unsupported: Collection[str]) -> None:
    for name in body:
        if name not in _KNOWN:
            raise Refusal(f"Unrecognized request argument supplied: {name}", name)
        if name in unsupported:
            other = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}.get(name)
            hint = f" Use '{other}' instead." if other else ""
            text = f"Unsupported parameter: '{name}' is not supported with this model.{hint}"
            raise Refusal(text, name, "unsupported_parameter")
    if body.get("model") not in models:
        text = f"The model `{body.get('model')}` does not exist or you do not have access to it."
        raise Refusal(text, None, "model_not_found", 404)
    for name in ("max_tokens", "max_completion_tokens"):
        value = body.get(name, 1)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise Refusal(f"Invalid '{name}': integer below minimum value.", name, "integer_below_min_value")
    if "max_tokens" in body and "max_completion_tokens" in body:
        raise Refusal("Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.")
    if not isinstance(body.get("stream", False), bool):
        raise Refusal("Invalid type for 'stream': expected a boolean.", "stream", "invalid_type")
    if "stream_options" in body and not body.get("stream"):
        raise Refusal("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options")
    heat = body.get("temperature", 1)
    if not isinstance(heat, int | float) or not 0 <= heat <= 2:
        raise Refusal("Invalid 'temperature': expected a number between 0 and 2.", "temperature")


def _check_messages(messages: Any) -> None:
    if not isinstance(messages, list) or not messages:
        raise Refusal("Invalid 'messages': empty array.", "messages", "empty_array")
    waiting: list[str] = []
    for index, message in enumerate(messages):
        where = f"messages.[{index}]"
        if not isinstance(message, dict) or message.get("role") not in _ROLES:
            raise Refusal(f"Invalid value for '{where}.role'.", f"{where}.role", "invalid_value")
        _check_content(message, where)
        if message["role"] == "tool":
            _check_result(message, waiting, where)
            continue
        if waiting:
            raise Refusal(_unanswered(waiting), f"{where}.role")
        if "tool_calls" in message:
            waiting = _call_ids(message, where)
    if waiting:
        raise Refusal(_unanswered(waiting), "messages")


def _unanswered(waiting: list[str]) -> str:
    return (
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'."
        f" The following tool_call_ids did not have response messages: {', '.join(waiting)}"
    )


def _check_content(message: Mapping[str, Any], where: str) -> None:
    content = message.get("content")
    if content is None and message["role"] == "assistant" and "tool_calls" in message:
        return
    parts = isinstance(content, list) and all(isinstance(part, dict) and "type" in part for part in content)
    if not isinstance(content, str) and not parts:
        text = f"Invalid value for 'content': expected a string, got {type(content).__name__}."
        raise Refusal(text, f"{where}.content", "invalid_type")


def _check_result(message: Mapping[str, Any], waiting: list[str], where: str) -> None:
    if message.get("tool_call_id") not in waiting:
        text = "messages with role 'tool' must be a response to a preceding message with 'tool_calls'."
        raise Refusal(f"Invalid parameter: {text}", f"{where}.role")
    waiting.remove(message["tool_call_id"])


def _call_ids(message: Mapping[str, Any], where: str) -> list[str]:
    calls = message["tool_calls"]
    if message["role"] != "assistant" or not isinstance(calls, list) or not calls:
        raise Refusal(f"Invalid '{where}.tool_calls'.", f"{where}.tool_calls")
    for number, call in enumerate(calls):
        at = f"{where}.tool_calls[{number}]"
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or call.get("type") != "function" or not call.get("id"):
            raise Refusal(f"Invalid '{at}': needs 'id', 'type' and 'function'.", at)
        if not isinstance(function.get("name"), str) or not _NAME.fullmatch(function["name"]):
            raise Refusal(f"Invalid '{at}.function.name': string does not match pattern.", at, "invalid_value")
        if not isinstance(function.get("arguments"), str):
            raise Refusal(f"Invalid type for '{at}.function.arguments': expected a string.", at, "invalid_type")
    ids = [call["id"] for call in calls]
    if len(set(ids)) < len(ids) or not all(isinstance(id, str) and len(id) <= 40 for id in ids):
        raise Refusal(f"Invalid '{where}.tool_calls': ids must be unique strings of at most 40 characters.", where)
    return ids


def _check_tools(tools: Any) -> None:
    if tools is None:
        return
    if not isinstance(tools, list) or not tools:
        raise Refusal("Invalid 'tools': empty array. Expected an array with minimum length 1.", "tools", "empty_array")
    names = set()
    for index, tool in enumerate(tools):
        where = f"tools[{index}]"
        function = tool.get("function") if isinstance(tool, dict) and tool.get("type") == "function" else None
        name = function.get("name") if isinstance(function, dict) else None
        if not isinstance(function, dict) or not isinstance(name, str) or not _NAME.fullmatch(name):
            raise Refusal(f"Invalid '{where}.function.name': string does not match pattern.", where, "invalid_value")
        schema = function.get("parameters", {"type": "object"})
        if not isinstance(schema, dict) or schema.get("type") != "object":
            text = f"Invalid schema for function '{name}': schema must be a JSON Schema of 'type: \"object\"'."
            raise Refusal(text, f"{where}.function.parameters", "invalid_function_parameters")
        if not isinstance(function.get("description", ""), str):
            raise Refusal(f"Invalid type for '{where}.function.description'.", where, "invalid_type")
        if name in names:
            raise Refusal(f"Tool names must be unique: {name}", where)
        names.add(name)


def _check_context(body: Mapping[str, Any], context: int, prompt: int) -> None:
    reply = body.get("max_tokens") or body.get("max_completion_tokens") or 0
    if prompt + reply > context:
        raise Refusal(
            f"This model's maximum context length is {context} tokens. However, you requested {prompt + reply} tokens"
            f" ({prompt} in the messages, {reply} in the completion). Please reduce the length of the messages or"
            " completion.",
            "messages",
            "context_length_exceeded",
        )
