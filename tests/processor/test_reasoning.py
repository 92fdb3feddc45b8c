"""What a model thought, passed back to the providers that want it; and the key under which a prompt is kept."""

import json

import pytest

from l2mac.config import LLM
from l2mac.control.window import Window
from l2mac.errors import ProcessorError
from l2mac.processor.codec import decode_reply, encode_reply
from l2mac.processor.litellm import LiteLLMProcessor
from l2mac.processor.protocol import Message, Reply, Request, ToolCall
from l2mac.processor.tokens import TokenCounter
from l2mac.processor.wire import Assembly, encode_messages, wants_reasoning
from l2mac.providers import Supply
from l2mac.testing import Failure, says

CALL = {"id": "c1", "type": "function", "function": {"name": "read_files", "arguments": "{}"}}
THOUGHT = {"role": "assistant", "content": None, "reasoning_content": "Let me look.", "tool_calls": [CALL]}
ANSWER = Message("assistant", "", (ToolCall("c1", "read_files", "{}"),), reasoning="Let me look.")
DEEPSEEK = "deepseek/deepseek-v4-pro"


def completion(message):
    body = {
        "object": "chat.completion",
        "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
    }
    return Failure(200, body=json.dumps(body), headers={"content-type": "application/json"})


def after(request, answer):
    """The next request of a window."""
    return Request("1/I1/0/2", (*request.messages, answer, Message("tool", "x = 1", (), "c1")), request.tools, 100)


def test_thoughts_are_kept_and_passed_back_to_a_provider_that_wants_them(provide, connect, request_):
    seen = []
    provider = provide(lambda body: seen.append(body) or completion(THOUGHT), models=(DEEPSEEK,))
    processor = connect(provider, model=DEEPSEEK)
    reply = processor.complete(request_)
    assert reply.message == ANSWER
    processor.complete(after(request_, reply.message))
    assert seen[1]["messages"][2]["reasoning_content"] == "Let me look."
    assert not any("reasoning_content" in it for body in seen for it in body["messages"] if it["role"] != "assistant")


def test_the_same_through_litellm(provide, request_):
    seen = []
    provider = provide(lambda body: seen.append(body) or completion(THOUGHT), models=("deepseek-v4-pro",))
    processor = LiteLLMProcessor(DEEPSEEK, provider.base_url, provider.api_key, stream=False)
    reply = processor.complete(request_)
    assert reply.message.reasoning == "Let me look."
    processor.complete(after(request_, reply.message))
    assert seen[1]["messages"][2]["reasoning_content"] == "Let me look."


def test_no_other_provider_gets_them_or_has_them_kept(provide, connect, request_):
    seen = []
    provider = provide(lambda body: seen.append(body) or completion(THOUGHT))
    processor = connect(provider)
    assert processor.complete(request_).message.reasoning == ""
    processor.complete(after(request_, ANSWER))
    assert "reasoning_content" not in seen[1]["messages"][2]


def test_an_answer_with_calls_carries_the_field_even_where_nothing_was_thought():
    bare = Message("assistant", "", ANSWER.tool_calls)
    told = encode_messages([bare, Message("assistant", "hello")], reasoning=True)
    assert told[0]["reasoning_content"] == "" and "reasoning_content" not in told[1]


def test_a_model_that_takes_no_thoughts_is_asked_without_them_from_then_on(provide, connect, request_):
    def policy(body):
        if any("reasoning_content" in it for it in body["messages"]):
            return Failure(
                400, "The reasoning_content field is not allowed in the input.", type="invalid_request_error"
            )
        return says("ok")

    provider = provide(policy, models=(DEEPSEEK,))
    processor = connect(provider, model=DEEPSEEK)
    assert [processor.complete(after(request_, ANSWER)).message.content for _ in range(2)] == ["ok", "ok"]
    assert provider.calls == 3


def test_a_provider_that_demands_thoughts_we_do_not_have_is_told_to_the_user(provide, connect, request_):
    said = "The reasoning_content in the thinking mode must be passed back to the API."
    provider = provide(Failure(400, said, type="invalid_request_error"), models=(DEEPSEEK,))
    with pytest.raises(ProcessorError, match="must be passed back"):
        connect(provider, model=DEEPSEEK).complete(after(request_, ANSWER))
    assert provider.calls == 1


@pytest.mark.parametrize(
    ("model", "host", "wanted"),
    [
        ("deepseek-v4-pro", "api.deepseek.com", True),
        ("deepseek/deepseek-chat", "", True),
        ("gpt-5", "api.openai.com", False),
        ("deepseek-r1:8b", "localhost", False),
    ],
)
def test_who_wants_thoughts_back(model, host, wanted):
    assert wants_reasoning(model, host) is wanted


def test_thoughts_of_a_stream_are_put_together_and_the_listener_hears_none():
    heard = []
    assembly = Assembly(heard.append, reasoning=True)
    for piece in ({"reasoning_content": "Let me "}, {"reasoning_content": "look."}, {"content": "ok"}):
        assembly.add({"choices": [{"delta": piece}]})
        assembly.tell()
    message = assembly.reply("1/I1/0/1").message
    assert (message.reasoning, message.content, heard) == ("Let me look.", "ok", ["ok"])


def test_tapes_and_digests_change_only_where_there_are_thoughts():
    bare = Message("assistant", "", ANSWER.tool_calls)
    assert "reasoning" not in encode_reply(Reply(bare))
    assert decode_reply(encode_reply(Reply(ANSWER))) == Reply(ANSWER)
    assert decode_reply(encode_reply(Reply(bare))) == Reply(bare)
    assert Request("p", (ANSWER,)).digest != Request("p", (bare,)).digest


def test_thoughts_count_in_the_window_and_are_elided_with_the_rest():
    counter = TokenCounter("gpt-4o", count=len)
    thoughtful = Message("assistant", "", ANSWER.tool_calls, reasoning="hm " * 1_000)
    assert counter.measure_message(thoughtful) > 3_000
    window = Window((), [Message("system", "s")], counter, 8_000, 1_000)
    for _ in range(3):
        window.append(thoughtful, Message("tool", "ok", (), "c1"))
    assert window.fit() == (True, 2)
    thoughts = [it.reasoning for it in window.request("p").messages if it.role == "assistant"]
    assert thoughts[0] == "[elided]" and thoughts[2] == thoughtful.reasoning


def test_a_cache_key_is_sent_and_left_out_once_the_endpoint_complains(provide, connect, request_):
    seen = []
    provider = provide(lambda body: seen.append(body) or says("ok"))
    connect(provider, cache_key="run-1").complete(request_)
    connect(provider).complete(request_)
    assert [body.get("prompt_cache_key") for body in seen] == ["run-1", None]
    strict = provide(says("ok"), unsupported=["prompt_cache_key"])
    processor = connect(strict, cache_key="run-1")
    processor.complete(request_)
    processor.complete(request_)
    assert strict.calls == 3


def test_only_openais_own_endpoint_gets_a_cache_key_the_same_for_the_whole_run(tmp_path):
    def sent(base_url, folder):
        llm = LLM(api_type="openai", model="gpt-5", base_url=base_url, api_key="sk-x")
        processor = Supply(llm, folder, print)._bare(llm)
        return processor._body(Request("1/I1/0/1", ())).get("prompt_cache_key")

    own = "https://api.openai.com/v1"
    assert sent(own, tmp_path) == sent(own, tmp_path) != sent(own, tmp_path / "other")
    assert sent("http://localhost:1/v1", tmp_path) is None
