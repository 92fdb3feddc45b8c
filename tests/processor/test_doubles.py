"""The public doubles: a script, and a provider as strict as the real one."""

import http.client
import json
import threading
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from l2mac.errors import ContextOverflow
from l2mac.processor.protocol import Message
from l2mac.testing import ScriptedProcessor, calls, says

GOOD = {
    "model": "loopback",
    "messages": [
        {"role": "user", "content": "Go."},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "a", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "ok"},
    ],
    "tools": [{"type": "function", "function": {"name": "a", "description": "A.", "parameters": {"type": "object"}}}],
    "max_tokens": 10,
}


def send(provider, body, key="sk-loopback", method="POST", path="/chat/completions"):
    address = urlsplit(provider.base_url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=10)
    try:
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection.request(method, address.path + path, text, {"authorization": f"Bearer {key}"})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def change(path, value):
    """Return GOOD with the item at the dotted path replaced."""
    body = json.loads(json.dumps(GOOD))
    *parents, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    item = body
    for key in parents:
        item = item[key]
    if value is None:
        del item[last]
    else:
        item[last] = value
    return body


def test_a_request_that_keeps_all_rules_is_answered(provide):
    provider = provide(says("ok"))
    status, body = send(provider, GOOD)
    assert (status, body["choices"][0]["message"]["content"]) == (200, "ok")
    assert body["usage"]["total_tokens"] == body["usage"]["prompt_tokens"] + body["usage"]["completion_tokens"] > 0
    assert (provider.calls, provider.refused) == (1, [])


TEXT_CALL = {"id": "c1", "type": "function", "function": {"name": "a", "arguments": {}}}


@pytest.mark.parametrize(
    ("path", "value", "status", "says_why"),
    [
        ("model", "gpt-99", 404, "does not exist"),
        ("model", None, 404, "does not exist"),
        ("messages", [], 400, "empty array"),
        ("messages", None, 400, "empty array"),
        ("messages.0.role", "robot", 400, "role"),
        ("messages.0.content", None, 400, "content"),
        ("messages.0.content", 3, 400, "content"),
        ("messages.2", None, 400, "did not have response messages: c1"),
        ("messages.2.role", "user", 400, "did not have response messages: c1"),
        ("messages.2.tool_call_id", "c2", 400, "must be a response to a preceding"),
        ("messages.1", None, 400, "must be a response to a preceding"),
        ("messages.1.tool_calls", [], 400, "tool_calls"),
        ("messages.1.tool_calls.0.id", None, 400, "needs 'id'"),
        ("messages.1.tool_calls.0.id", "x" * 41, 400, "at most 40"),
        ("messages.1.tool_calls.0.function.name", "no such/tool", 400, "pattern"),
        ("messages.1.tool_calls.0.function.arguments", {}, 400, "expected a string"),
        ("tools", [], 400, "empty array"),
        ("tools.0.type", "tool", 400, "pattern"),
        ("tools.0.function.name", "a b", 400, "pattern"),
        ("tools.0.function.name", "a" * 65, 400, "pattern"),
        ("tools.0.function.parameters.type", "array", 400, "JSON Schema"),
        ("tools.0.function.description", 1, 400, "description"),
        ("max_tokens", 0, 400, "minimum value"),
        ("max_tokens", 1.5, 400, "minimum value"),
        ("max_completion_tokens", 10, 400, "at the same time"),
        ("temperature", 3, 400, "temperature"),
        ("stream", "yes", 400, "stream"),
        ("stream_options", {"include_usage": True}, 400, "only allowed when 'stream'"),
        ("nonsense", 1, 400, "Unrecognized request argument supplied: nonsense"),
    ],
)
def test_a_broken_rule_is_refused_as_openai_refuses_it(provide, path, value, status, says_why):
    provider = provide(says("never"))
    got, body = send(provider, change(path, value))
    assert got == status
    assert says_why in body["error"]["message"]
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert [reason for _, reason in provider.refused] == [body["error"]["message"]]


def test_a_result_that_comes_twice_is_refused(provide):
    body = change("max_tokens", 5)
    body["messages"].append(body["messages"][2])
    assert send(provide(says("never")), body)[0] == 400


def test_two_tools_of_one_name_are_refused(provide):
    body = change("max_tokens", 5)
    body["tools"] *= 2
    assert send(provide(says("never")), body)[0] == 400


def test_a_wrong_key_a_broken_body_and_a_wrong_address_are_refused(provide):
    provider = provide(says("never"))
    assert send(provider, GOOD, key="sk-other")[0] == 401
    assert send(provider, b"{broken")[0] == 400
    assert send(provider, b"[]")[0] == 400
    assert send(provider, GOOD, path="/completions")[0] == 404
    assert send(provider, GOOD, method="GET", path="/elsewhere")[0] == 404
    assert len(provider.refused) == 3


def test_the_models_are_listed(provide):
    status, body = send(provide(says("x"), models=["one", "two"]), b"", method="GET", path="/models")
    assert (status, [model["id"] for model in body["data"]]) == (200, ["one", "two"])


def test_a_request_over_the_context_is_refused_with_the_code_that_openai_uses(provide, connect, request_):
    provider = provide(says("ok"), context=300)
    assert connect(provider).complete(request_).message.content == "ok"
    with pytest.raises(ContextOverflow):
        connect(provider).complete(replace(request_, messages=(Message("user", "word " * 400),)))
    with pytest.raises(ContextOverflow):
        connect(provider).complete(replace(request_, max_tokens=290))


def test_many_threads_are_served_at_once_and_counted(provide, connect, request_):
    provider = provide(says("ok"))
    processor = connect(provider)
    threads = [threading.Thread(target=processor.complete, args=(request_,)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (provider.calls, provider.refused) == (16, [])


def test_a_script_answers_in_order_and_keeps_the_requests(request_):
    heard: list[str] = []
    processor = ScriptedProcessor([says("one"), KeyError("two"), lambda request: says(request.place)])
    assert processor.complete(request_, heard.append).message.content == "one"
    with pytest.raises(KeyError):
        processor.complete(request_)
    assert processor.complete(request_).message.content == "1/I1/0/0"
    assert (len(processor.requests), heard) == (3, ["one"])


def test_a_script_that_has_run_out_shows_the_request_that_had_no_answer(request_):
    with pytest.raises(AssertionError, match=r"request 1, at 1/I1/0/0.*\n.*Go\."):
        ScriptedProcessor([]).complete(request_)


def test_calls_have_ids_that_depend_only_on_the_calls():
    first, second = (calls(("a", {"x": 1}), ("a", {"x": 1})) for _ in range(2))
    assert first == second
    assert len({call.id for call in first.message.tool_calls}) == 2
    assert calls(("a", "{broken")).message.tool_calls[0].arguments == "{broken"
    assert calls(content="x").ending == "said"
