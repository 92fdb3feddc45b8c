"""What can go wrong at a provider, and which error it becomes."""

import json
import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from l2mac.errors import ContextOverflow, KeyRefused, ProcessorError, ToolsRefused, TransientError
from l2mac.processor.faults import Complaint, Endpoint, classify, retry_after
from l2mac.processor.openai import OpenAIProcessor
from l2mac.testing import Failure, says

KEY = "sk-loopback"
HTML = "<html>\n<body>Welcome to the\n proxy</body></html>"


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize(
    ("failure", "error", "text"),
    [
        (Failure(408), TransientError, "408"),
        (Failure(409), TransientError, "409"),
        (Failure(429, code="rate_limit_exceeded"), TransientError, "rate limited"),
        (Failure(500), TransientError, "500"),
        (Failure(503, body=HTML), TransientError, "503"),
        (Failure(529, type="overloaded_error"), TransientError, "529"),
        (Failure(drop="before"), TransientError, "connection failed"),
        (Failure(drop="silent"), TransientError, "connection failed"),
        (
            Failure(drop="during", reply=says("a reply that is never finished " * 20)),
            TransientError,
            "connection failed",
        ),
        (Failure(429, code="insufficient_quota"), ProcessorError, "quota"),
        (Failure(402, "Insufficient Balance"), ProcessorError, "quota"),
        (Failure(401, f"Incorrect API key provided: {KEY}"), KeyRefused, "llm.api_key"),
        (Failure(403, f"No access for {KEY}"), ProcessorError, "llm.api_key"),
        (Failure(404, "The model does not exist"), ProcessorError, "no model loopback"),
        (Failure(400, f"bad value\nfor {KEY} " + "x" * 1000), ProcessorError, "bad value for"),
        (Failure(400, "too long", code="context_length_exceeded"), ContextOverflow, "too long"),
        (Failure(413, body=HTML), ContextOverflow, "too long"),
        (Failure(200, body=HTML, headers={"content-type": "text/html"}), ProcessorError, "text/html"),
        (Failure(200, body=""), ProcessorError, "an empty body"),
        (Failure(200, body='{"hello": 1}'), ProcessorError, "no chat completion"),
        (Failure(200, body="[]"), ProcessorError, "no chat completion"),
        (Failure(200, body='{"error": {"message": "upstream", "code": 502}}'), TransientError, "upstream"),
        (Failure(200, body='{"error": {"message": "bad", "code": 400}}'), ProcessorError, "bad"),
    ],
)
def test_every_failure_becomes_its_error_in_one_line_without_the_key(
    provide, connect, request_, stream, failure, error, text
):
    provider = provide(failure)
    with pytest.raises(ProcessorError) as raised:
        connect(provider, stream=stream).complete(request_)
    said = str(raised.value)
    assert type(raised.value) is error
    assert text in said
    assert KEY not in said
    assert "\n" not in said
    assert len(said) < 500
    assert provider.calls == 1


def test_a_failure_in_the_middle_of_a_stream_is_classified_like_any_other(provide, connect, request_):
    def stream(error: dict) -> Failure:
        return Failure(
            200, body=f"data: {json.dumps({'error': error})}\n\n", headers={"content-type": "text/event-stream"}
        )

    over = {"message": "context size has been exceeded", "type": "server_error"}
    provider = provide([stream({"message": "overloaded"}), stream({"message": "no", "code": 400}), stream(over)])
    for error in (TransientError, ProcessorError, ContextOverflow):
        with pytest.raises(ProcessorError) as raised:
            connect(provider).complete(request_)
        assert type(raised.value) is error


def test_a_reply_that_does_not_come_in_time_is_transient(provide, connect, request_):
    provider = provide(Failure(delay=1, reply=says("late")))
    with pytest.raises(TransientError, match="no answer in time"):
        connect(provider, timeout=0.1).complete(request_)


def test_a_slow_reply_within_the_time_limit_is_a_reply(provide, connect, request_):
    provider = provide(Failure(delay=0.05, reply=says("late")))
    assert connect(provider, timeout=5).complete(request_).message.content == "late"


def test_nobody_listening_at_the_address_is_transient(request_):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    processor = OpenAIProcessor("m", address)
    with pytest.raises(TransientError, match="connection failed"):
        processor.complete(request_)
    processor.close()


def test_an_address_that_is_none_names_the_setting(request_):
    processor = OpenAIProcessor("m", "ftp://127.0.0.1/v1")
    with pytest.raises(ProcessorError, match=r"llm\.base_url") as raised:
        processor.complete(request_)
    assert not isinstance(raised.value, TransientError)
    processor.close()


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens"),
        (400, "The decoder prompt (length 5000) is longer than the maximum model length of 4096."),
        (400, "The input (9000 tokens) is longer than the model's context length (8192 tokens)."),
        (
            400,
            "'max_tokens' or 'max_completion_tokens' is too large: 5000. This model's maximum context length is 4096",
        ),
        (400, "the request exceeds the available context size, try increasing it"),
        (400, "request (9000 tokens) exceeds the available context size (4096 tokens)"),
        (500, "Context size has been exceeded."),
        (400, "the input length exceeds the context length"),
        (
            400,
            "Trying to keep the first 9000 tokens when context the overflows. However, the model is loaded with 4096",
        ),
        (400, "The number of tokens to keep from the initial prompt is greater than the context length."),
        (400, "prompt is too long: 210000 tokens > 200000 maximum"),
        (400, "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000"),
        (400, "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."),
        (422, "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000"),
        (400, "Please reduce the length of the messages or completion."),
        (400, "Prompt contains 40000 tokens, too large for model with 32768 maximum context length"),
        (400, "This model's maximum prompt length is 131072 but the request contains 140000 tokens."),
        (429, "Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 40000."),
    ],
)
def test_an_overflow_is_known_in_every_providers_words(status, message):
    error = classify(Complaint(status, message), Endpoint("m", "http://here"))
    assert type(error) is ContextOverflow


@pytest.mark.parametrize("message", ["Invalid schema for function 'a'", "max_tokens is too large: 100000", "bad role"])
def test_an_ordinary_400_is_no_overflow(message):
    assert type(classify(Complaint(400, message), Endpoint("m", "http://here"))) is ProcessorError


def test_the_wait_is_read_in_milliseconds_seconds_or_as_a_date():
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert retry_after({"retry-after-ms": "1500", "retry-after": "7"}) == 1.5
    assert retry_after({"retry-after": "7"}) == 7
    assert retry_after({"retry-after": soon}) == pytest.approx(90, abs=3)
    assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0
    assert retry_after({"retry-after": "-3"}) == 0
    assert [retry_after({"retry-after": text}) for text in ("soon", "nan", "inf", "")] == [None] * 4
    assert retry_after({}) is None


def test_the_wait_that_a_429_asks_for_reaches_the_error(provide, connect, request_):
    provider = provide(Failure(429, headers={"Retry-After": "7"}))
    with pytest.raises(TransientError) as raised:
        connect(provider).complete(request_)
    assert raised.value.retry_after == 7


def test_a_key_never_stands_in_a_text():
    here = Endpoint("m", "http://here", "my-own-secret")
    text = here.clean("my-own-secret sk-abcdef123456 Bearer abcdef sk-proj-***xyz")
    assert text == "[key] [key] [key] [key]"


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, "registry.ollama.ai/library/gemma2:2b does not support tools"),
        (400, "Unsupported parameter: 'tools' is not supported with this model."),
        (400, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'),
        (404, "No endpoints found that support tool use. To learn more about provider routing, visit: …"),
        (500, "tools param requires --jinja flag"),
        (400, "`tool calling` is not supported with this model"),
        (400, "Function calling is not supported for this model"),
    ],
)
def test_a_refusal_of_tools_is_told_from_all_others(status, said):
    error = classify(Complaint(status, said), Endpoint("m", "http://x/v1"))
    assert type(error) is ToolsRefused and "llm.protocol" in str(error)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, "Invalid schema for function 'run_tests'"),
        (401, "this key does not support tools"),
        (400, "messages with role 'tool' must be a response to a preceding message with 'tool_calls'"),
        (400, "Unsupported parameter: 'max_tokens' is not supported with this model."),
    ],
)
def test_other_complaints_about_tools_do_not_change_the_protocol(status, said):
    raised = type(classify(Complaint(status, said), Endpoint("m", "http://x/v1")))
    assert raised is (KeyRefused if status == 401 else ProcessorError)
