"""The double of Anthropic's API refuses what the real one refuses: each rule is broken once, over real HTTP."""

import json
import urllib.error
import urllib.request

import pytest

from l2mac.testing import AnthropicLoopback, Failure, calls, says

TOOL = {"name": "read_files", "description": "Read.", "input_schema": {"type": "object", "properties": {}}}
USER = {"role": "user", "content": "Go."}
CALL = {"type": "tool_use", "id": "t1", "name": "read_files", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "ok"}
MARK = {"cache_control": {"type": "ephemeral"}}
GOOD = {"model": "claude-loopback", "max_tokens": 100, "messages": [USER], "tools": [TOOL], "system": "You are."}


def assistant(*blocks):
    return {"role": "assistant", "content": list(blocks)}


def user(*blocks):
    return {"role": "user", "content": list(blocks)}


def text(said, **more):
    return {"type": "text", "text": said, **more}


def post(provider, body, path="/v1/messages", **headers):
    """Send a request and return status and body; a header that is None is left out."""
    given = {"x-api-key": provider.api_key, "anthropic-version": "2023-06-01", "content-type": "application/json"}
    sent = {name: value for name, value in {**given, **headers}.items() if value is not None}
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(provider.base_url + path, data, sent)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


@pytest.fixture
def provider():
    with AnthropicLoopback(lambda body: says("ok"), models=["claude-loopback"], context=5000) as made:
        yield made


def test_a_good_request_is_answered(provider):
    history = [USER, assistant(text("Well."), CALL), user(RESULT, text("Go on."))]
    for messages in ([USER], history, [user(text("a"), text("b"))]):
        status, answer = post(provider, {**GOOD, "messages": messages})
        assert (status, json.loads(answer)["content"]) == (200, [{"type": "text", "text": "ok"}])
    assert provider.refused == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"temperature": 1.5}, "temperature"),
        ({"stream": "yes"}, "stream"),
        ({"num_retries": 0}, "num_retries: Extra inputs"),
        ({"messages": []}, "at least one message"),
        ({"messages": [{"role": "system", "content": "You are."}, USER]}, 'Unexpected role "system"'),
        ({"messages": [{"role": "tool", "content": "ok"}]}, "role"),
        ({"messages": [{**USER, "name": "me"}]}, "nothing else"),
        ({"messages": [assistant(text("Hello."))]}, "first message must use"),
        ({"messages": [USER, USER]}, "roles must alternate"),
        ({"messages": [user()]}, "non-empty content"),
        ({"messages": [{"role": "user", "content": ""}]}, "non-whitespace"),
        ({"messages": [{"role": "user", "content": None}]}, "valid string"),
        ({"messages": [user(text(" "))]}, "non-whitespace"),
        ({"messages": [user({"type": "image_url"})]}, "Input tag"),
        ({"messages": [user({**text("a"), "extra": 1})]}, "Extra inputs"),
        ({"messages": [user(CALL)]}, "Input tag"),
        ({"messages": [USER, assistant(CALL)]}, "immediately after: t1"),
        ({"messages": [USER, assistant(CALL), USER]}, "immediately after: t1"),
        ({"messages": [USER, assistant(CALL), user(text("First."), RESULT)]}, "immediately after: t1"),
        ({"messages": [USER, assistant(CALL), user(RESULT, RESULT)]}, "single result"),
        ({"messages": [user(RESULT)]}, "unexpected `tool_use_id`"),
        ({"messages": [USER, assistant(CALL, CALL), user(RESULT)]}, "must be unique"),
        ({"messages": [USER, assistant(CALL), user(RESULT), assistant(CALL), user(RESULT)]}, "must be unique"),
        ({"messages": [USER, assistant({**CALL, "id": "a b"}), user(RESULT)]}, "should match pattern"),
        ({"messages": [USER, assistant({**CALL, "input": "{}"}), user(RESULT)]}, "valid dictionary"),
        ({"messages": [USER, assistant(CALL), user({**RESULT, "content": [text("")]})]}, "non-whitespace"),
        ({"messages": [USER, assistant(CALL), user(RESULT)], "tools": None}, "must define tools"),
        ({"messages": [USER, assistant(text("And "))]}, "trailing whitespace"),
        ({"tools": {}}, "valid list"),
        ({"tools": [{**TOOL, "name": "a b"}]}, "match pattern"),
        ({"tools": [{"type": "function", "function": TOOL}]}, "Extra inputs"),
        ({"tools": [{**TOOL, "input_schema": {"type": "array"}}]}, "input_schema"),
        ({"tools": [TOOL, TOOL]}, "unique"),
        ({"tool_choice": "none"}, "tool_choice"),
        ({"tool_choice": {"type": "none"}, "tools": None}, "while providing tools"),
        ({"system": ""}, "non-whitespace"),
        ({"system": [text("a", **MARK)], "messages": [user(*[text("b", **MARK)] * 4)]}, "Found 5"),
        ({"messages": [user(text("a", cache_control={"type": "forever"}))]}, "ephemeral"),
        ({"messages": [user(text("a" * 40_000))]}, "prompt is too long"),
        ({"max_tokens": 4990}, "exceed context limit"),
    ],
)
def test_a_request_that_breaks_a_rule_is_refused_in_anthropics_form(provider, change, said):
    body = {name: value for name, value in {**GOOD, **change}.items() if value is not None}
    status, answer = post(provider, body)
    assert (status, answer["type"], answer["error"]["type"]) == (400, "error", "invalid_request_error")
    assert said in answer["error"]["message"]
    assert len(provider.refused) == 1


@pytest.mark.parametrize(
    ("body", "options", "status", "kind"),
    [
        (GOOD, {"x-api-key": "wrong"}, 401, "authentication_error"),
        (GOOD, {"x-api-key": None}, 401, "authentication_error"),
        (GOOD, {"anthropic-version": None}, 400, "invalid_request_error"),
        (GOOD, {"path": "/v1/chat/completions"}, 404, "not_found_error"),
        ({**GOOD, "model": "another"}, {}, 404, "not_found_error"),
        (b"{", {}, 400, "invalid_request_error"),
        (b"[]", {}, 400, "invalid_request_error"),
    ],
)
def test_what_is_no_request_at_all_is_refused_with_its_status(provider, body, options, status, kind):
    answered, answer = post(provider, body, **options)
    assert (answered, answer["error"]["type"]) == (status, kind)


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (Failure(429), "rate_limit_error"),
        (Failure(500), "api_error"),
        (Failure(529), "overloaded_error"),
        (Failure(402, type="billing_error"), "billing_error"),
    ],
)
def test_a_failure_is_an_error_in_anthropics_form(failure, kind):
    with AnthropicLoopback(lambda body: failure, models=["claude-loopback"]) as provider:
        status, answer = post(provider, GOOD)
    assert (status, answer["error"]["type"]) == (failure.status, kind)


def test_a_stream_has_the_events_of_the_protocol_in_their_order():
    sent = calls(("read_files", {"path": "a" * 30}), content="Reading.")
    with AnthropicLoopback(lambda body: sent, models=["claude-loopback"]) as provider:
        _, answer = post(provider, {**GOOD, "stream": True})
    events = [json.loads(line[5:]) for line in answer.splitlines() if line.startswith("data:")]
    kinds = [event["type"] for event in events if event["type"] != "content_block_delta"]
    block = ["content_block_start", "content_block_stop"]
    assert kinds == ["message_start", "ping", *block, *block, "message_delta", "message_stop"]
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    assert "".join(delta.get("partial_json", "") for delta in deltas) == sent.message.tool_calls[0].arguments
    assert events[-2]["delta"]["stop_reason"] == "tool_use"
