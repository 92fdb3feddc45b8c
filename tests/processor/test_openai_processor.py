"""The processor behind Chat Completions, over real HTTP."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from l2mac.errors import ProcessorError, TransientError, UsageError
from l2mac.processor.codec import call_id
from l2mac.processor.openai import OpenAIProcessor
from l2mac.processor.prices import Price
from l2mac.processor.protocol import Message, Reply, ToolCall, Usage
from l2mac.processor.wire import Assembly, encode_messages, events, is_unclosed
from l2mac.testing import Failure, calls, says

BOTH = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
TEXT = "A reply that is longer than one delta of the loopback provider: Grüße, 世界."
USED = Usage(1000, 400, 50, 20)


def sse(*chunks: dict) -> Failure:
    body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
    return Failure(200, body=body, headers={"content-type": "text/event-stream"})


def delta(finish: str | None = None, **fields: object) -> dict:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


@BOTH
def test_text_comes_back_as_it_was_said(provide, connect, request_, stream):
    provider = provide(says(TEXT, USED))
    reply = connect(provider, stream=stream).complete(request_)
    assert reply == Reply(Message("assistant", TEXT), "said", USED, "loopback")
    assert provider.refused == []


@BOTH
def test_calls_come_back_with_their_ids_and_arguments(provide, connect, request_, stream):
    asked = calls(("write_files", {"files": [{"path": "a.py", "content": "x = 'ü'\n" * 20}]}), ("run_tests", "{}"))
    reply = connect(provide(asked), stream=stream).complete(request_)
    assert reply.message == asked.message
    assert reply.ending == "called"


@BOTH
@pytest.mark.parametrize(
    ("sent", "ending"),
    [
        (says("half of a sen"), "cut"),
        (calls(("write_files", '{"files": [{"path": "a"')), "cut"),
        (says(""), "refused"),
    ],
)
def test_how_a_reply_ends_is_what_the_provider_says(provide, connect, request_, stream, sent, ending):
    reply = connect(provide(replace(sent, ending=ending)), stream=stream).complete(request_)
    assert reply.ending == ending


@BOTH
@pytest.mark.parametrize("arguments", ['{"files": [{"path": "a', '{"files": [1, 2', '{"a": "ends in \\'])
def test_arguments_that_stop_in_the_middle_are_a_cut_reply_whatever_the_provider_says(
    provide, connect, request_, stream, arguments
):
    sent = calls(("write_files", arguments))
    assert sent.ending == "called"
    assert connect(provide(sent), stream=stream).complete(request_).ending == "cut"


def test_broken_but_closed_arguments_are_a_call_for_the_tools_to_judge(provide, connect, request_):
    reply = connect(provide(calls(("write_files", "{'files': []}")))).complete(request_)
    assert (reply.ending, reply.message.tool_calls[0].arguments) == ("called", "{'files': []}")


@pytest.mark.parametrize(
    ("text", "unclosed"),
    [
        ("", False),
        ("{}", False),
        ('{"a": "}"', True),
        ('{"a": "\\""', True),
        ('{"a": "\\"}', True),
        ('{"a": "\\\\"}', False),
        ("[[]", True),
        ("nonsense", False),
        ('{"a": {"b": "c\\nd"} x}', False),
    ],
)
def test_unclosed_json_is_told_from_json_that_is_only_wrong(text, unclosed):
    assert is_unclosed(text) is unclosed


@BOTH
def test_an_empty_reply_is_said_with_nothing_in_it(provide, connect, request_, stream):
    reply = connect(provide(says("")), stream=stream).complete(request_)
    assert (reply.ending, reply.message) == ("said", Message("assistant"))


@BOTH
def test_a_refusal_field_is_a_refusal_with_its_text(provide, connect, request_, stream):
    whole = {"choices": [{"message": {"content": None, "refusal": "I will not."}, "finish_reason": "stop"}]}
    streamed = sse(delta(refusal="I will"), delta(refusal=" not."), delta("stop"))
    answer = streamed if stream else Failure(200, body=json.dumps(whole))
    reply = connect(provide(answer), stream=stream).complete(request_)
    assert (reply.ending, reply.message.content) == ("refused", "I will not.")


@BOTH
def test_usage_is_priced_with_cached_tokens_at_their_own_price(provide, connect, request_, stream):
    processor = connect(provide(says("ok", USED)), stream=stream, prices=Price(0.01, 0.1, 0.001))
    assert processor.complete(request_).usage == replace(USED, cost=pytest.approx(600 * 0.01 + 400 * 0.001 + 50 * 0.1))


def test_without_prices_or_without_usage_the_cost_is_unknown(provide, connect, request_):
    silent = sse(delta(content="ok"), delta("stop"))
    provider = provide([says("ok", USED), silent])
    assert connect(provider).complete(request_).usage.cost is None
    assert connect(provider, prices=Price(1, 1)).complete(request_).usage == Usage(cost=None)


def test_reasoning_that_is_only_in_the_total_counts_as_completion(provide, connect, request_):
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 40}
    used = connect(provide(sse(delta("stop", content="x"), {"choices": [], "usage": usage}))).complete(request_).usage
    assert (used.prompt, used.completion) == (10, 30)


def test_the_listener_hears_text_and_arguments_as_they_arrive(provide, connect, request_):
    heard: list[str] = []
    sent = calls(("write_files", {"files": "x" * 100}), content=TEXT)
    connect(provide(sent)).complete(request_, heard.append)
    assert "".join(heard) == TEXT + sent.message.tool_calls[0].arguments
    assert len(heard) > 5


def test_a_whole_conversation_is_sent_in_the_form_that_the_protocol_asks_for(provide, connect, request_):
    bodies: list[dict] = []

    def keep(body: dict) -> Reply:
        bodies.append(body)
        return says("ok")

    history = (
        Message("user", "one"),
        Message("user", "two"),
        Message("assistant", "", (ToolCall("c1", "read_files", '{"path": "a"}'), ToolCall("c2", "read_files", ""))),
        Message("tool", "ok", tool_call_id="c1"),
        Message("tool", "error: \udc80", tool_call_id="c2"),
        Message("assistant", "", (ToolCall("c3", "no such/tool", '{"broken'),)),
        Message("tool", "error: no such tool", tool_call_id="c3"),
    )
    provider = provide(keep)
    connect(provider).complete(replace(request_, messages=request_.messages + history))
    assert provider.refused == []
    sent = bodies[0]["messages"]
    assert [message["role"] for message in sent[1:4]] == ["user", "user", "user"]
    assert sent[4]["content"] is None
    # What no server can load again is wrapped, for some parse the arguments of the history and fail on them.
    assert [call["function"]["arguments"] for call in sent[4]["tool_calls"]] == ['{"path": "a"}', "{}"]
    assert json.loads(sent[7]["tool_calls"][0]["function"]["arguments"]) == {"unreadable": '{"broken'}
    assert sent[7]["tool_calls"][0]["function"]["name"] == "no_such_tool"
    assert sent[6]["content"] == "error: ?"


def test_a_request_without_tools_sends_none(provide, connect, request_):
    provider = provide(says("ok"))
    connect(provider).complete(replace(request_, tools=()))
    assert provider.refused == []


@pytest.mark.parametrize(
    "deltas",
    [
        # whole calls, no index, no ids
        [
            {
                "tool_calls": [
                    {"function": {"name": "a", "arguments": "{}"}},
                    {"function": {"name": "a", "arguments": "{}"}},
                ]
            }
        ],
        # every whole call has the index 0
        [
            {"tool_calls": [{"index": 0, "id": "x", "function": {"name": "a", "arguments": "{}"}}]},
            {"tool_calls": [{"index": 0, "id": "y", "function": {"name": "a", "arguments": "{}"}}]},
        ],
        # no index, ids, arguments in pieces
        [
            {"tool_calls": [{"id": "x", "function": {"name": "a", "arguments": "{"}}]},
            {"tool_calls": [{"function": {"arguments": "}"}}]},
            {"tool_calls": [{"id": "y", "function": {"name": "a", "arguments": "{"}}]},
            {"tool_calls": [{"id": "y", "function": {"arguments": "}"}}]},
        ],
        # arguments as an object; the same id twice
        [
            {
                "tool_calls": [
                    {"index": 0, "id": "x", "function": {"name": "a", "arguments": {}}},
                    {"index": 1, "id": "x", "function": {"name": "a", "arguments": {}}},
                ]
            }
        ],
    ],
)
def test_calls_of_servers_that_only_resemble_the_protocol_are_read(provide, connect, request_, deltas):
    answer = sse(*(delta(**fields) for fields in deltas), delta("stop"))
    reply = connect(provide(answer)).complete(request_)
    assert [(call.name, call.arguments) for call in reply.message.tool_calls] == [("a", "{}"), ("a", "{}")]
    assert len({call.id for call in reply.message.tool_calls}) == 2
    assert reply.ending == "called"


def test_a_missing_id_is_made_from_place_and_index(provide, connect, request_):
    answer = sse(delta("tool_calls", tool_calls=[{"function": {"name": "a", "arguments": "{}"}}]))
    reply = connect(provide(answer)).complete(request_)
    assert reply.message.tool_calls[0].id == call_id(request_.place, 0)


def test_a_server_that_ignores_streaming_is_read_all_the_same(provide, connect, request_):
    whole = {"choices": [{"message": {"role": "assistant", "content": "ok"}, "finish_reason": None}]}
    assert connect(provide(Failure(200, body=json.dumps(whole)))).complete(request_).message.content == "ok"


def test_events_are_cut_at_line_feeds_only_and_wherever_the_chunks_end():
    body = b'data: {"a": "x\xe2\x80\xa8y"}\r\n\r\n: comment\n\ndata:two\ndata: lines\n\ndata: last'
    for size in (1, 3, 1000):
        chunks = [body[at : at + size] for at in range(0, len(body), size)]
        together = list(events(chunks))
        assert [it for found in together for it in found] == ['{"a": "x\u2028y"}', "two\nlines", "last"]
    assert together == [['{"a": "x\u2028y"}', "two\nlines"], ["last"]]


def test_content_in_parts_is_joined():
    assembly = Assembly()
    assembly.add(
        {"choices": [{"message": {"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}}]}
    )
    assert assembly.reply("p").message.content == "ab"


@pytest.mark.parametrize("refused", [["stream_options"], ["max_tokens"], ["temperature"], ["stream"]])
def test_an_unsupported_parameter_is_left_out_or_renamed_once_and_remembered(provide, connect, request_, refused):
    provider = provide(says("ok"), unsupported=refused)
    processor = connect(provider, temperature=0.2)
    assert processor.complete(request_).message.content == "ok"
    assert processor.complete(request_).message.content == "ok"
    assert (provider.calls, len(provider.refused)) == (3, 1)


def test_several_unsupported_parameters_are_found_out_one_after_the_other(provide, connect, request_):
    provider = provide(says("ok"), unsupported=["stream_options", "max_tokens", "temperature"])
    assert connect(provider, temperature=0).complete(request_).message.content == "ok"
    assert provider.calls == 4


def test_a_token_limit_that_is_refused_under_both_names_ends_the_call(provide, connect, request_):
    provider = provide(says("ok"), unsupported=["max_tokens", "max_completion_tokens"])
    with pytest.raises(ProcessorError, match="Unsupported parameter"):
        connect(provider).complete(request_)
    assert provider.calls == 2


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gpt-5-mini", "max_completion_tokens"),
        ("o3", "max_completion_tokens"),
        ("openai/o4-mini", "max_completion_tokens"),
    ]
    + [("gpt-4o", "max_tokens"), ("llama3", "max_tokens"), ("gpt-oss-20b", "max_tokens"), ("olmo-7b", "max_tokens")],
)
def test_the_token_limit_has_the_name_that_the_model_wants(provide, connect, request_, model, name):
    bodies: list[dict] = []

    def keep(body: dict) -> Reply:
        bodies.append(body)
        return says("ok")

    connect(provide(keep, models=[model]), model=model).complete(request_)
    assert bodies[0][name] == 100
    assert len({"max_tokens", "max_completion_tokens"} & set(bodies[0])) == 1


@BOTH
def test_one_connection_serves_every_call_of_a_processor(provide, connect, request_, stream):
    provider = provide(says(TEXT))
    processor = connect(provider, stream=stream)
    for _ in range(5):
        processor.complete(request_)
    assert (provider.calls, provider.connections) == (5, 1)


def test_a_closed_processor_connects_again(provide, connect, request_):
    provider = provide(says("ok"))
    processor = connect(provider)
    processor.complete(request_)
    processor.close()
    processor.complete(request_)
    assert provider.connections == 2


def test_azure_is_asked_at_its_own_address_with_its_own_header(request_, tmp_path):
    processor = OpenAIProcessor("deployed", "http://127.0.0.1:9", "k" * 8, azure=True, api_version="2024-10-21")
    client = processor._connected()
    assert str(client.base_url) == "http://127.0.0.1:9/openai/"
    processor.close()
    with pytest.raises(UsageError, match="api_version"):
        OpenAIProcessor("deployed", "http://127.0.0.1:9", "k", azure=True)


def test_a_key_that_cannot_be_sent_is_refused_before_any_call():
    with pytest.raises(UsageError, match=r"llm\.api_key") as raised:
        OpenAIProcessor("m", api_key="sk-“quoted”")
    assert "quoted" not in str(raised.value)


def test_a_stream_without_a_finish_reason_is_a_broken_connection(provide, connect, request_):
    with pytest.raises(TransientError, match="broke off"):
        connect(provide(sse(delta(content="half")))).complete(request_)


def test_a_broken_piece_in_a_stream_is_a_broken_connection(provide, connect, request_):
    broken = Failure(200, body='data: {"choices": [\n\n', headers={"content-type": "text/event-stream"})
    with pytest.raises(TransientError, match="broken piece"):
        connect(provide(broken)).complete(request_)


def test_importing_the_processor_imports_neither_openai_nor_httpx():
    code = "import sys, l2mac.processor.openai; print(sorted({'openai', 'httpx', 'pydantic'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_consecutive_messages_of_one_role_are_kept_as_they_are():
    assert len(encode_messages([Message("user", "a"), Message("user", "b")])) == 2
