"""What goes wrong at a provider. Each is well afterwards, and the run is resumed to its end."""

from l2mac.processor.protocol import Message, Reply
from l2mac.testing import Failure, says

from ..jobs import numbered
from .cases import Provided

TITLE = "The provider"
HTML = {"content-type": "text/html"}
SSE = {"content-type": "text/event-stream"}
PAGE = "<html><head><style>p {}</style></head><body><h1>502 Bad Gateway</h1></body></html>"
PLAN = numbered("I1")
RESUME = "; then `l2mac resume …/workspace/run` goes on"
ADDRESS = "http://127.0.0.1:PORT/v1"


def ends(id, says, *answers, code=3, **llm):
    """A run that stops, with what the user must know."""
    return Provided(id=id, says=f"l2mac: {says}{RESUME}", code=code, answers=answers, llm=llm)


def gives_up(id, says, *answers, **llm):
    """A run that stops when its patience is spent."""
    return ends(id, f"{ADDRESS}: {says}; given up after N s and 1 try", *answers, **llm)


def goes_on(id, *answers, **llm):
    """A run that is not stopped by it."""
    return Provided(id=id, says="", code=0, answers=answers, llm=llm)


CASES = [
    ends(
        "a key that it does not accept (401)",
        "http://127.0.0.1:PORT/v1 does not accept the key: check llm.api_key, or the variable it comes from",
        api_key="sk-sesame-0123456789",
    ),
    ends(
        "a key that it does not let in (403)",
        "http://127.0.0.1:PORT/v1 does not let this key use loopback: check llm.api_key and llm.model: [key] has "
        "no access",
        Failure(403, "sk-sesame-0123456789 has no access"),
    ),
    ends(
        "a model that it does not know (404)",
        "http://127.0.0.1:PORT/v1 knows no model gpt-99: check llm.model and llm.base_url: The model `gpt-99` "
        "does not exist or you do not have access to it",
        model="gpt-99",
    ),
    ends(
        "an address without /v1",
        "http://127.0.0.1:PORT knows no model loopback: check llm.model and llm.base_url, which usually ends in "
        "/v1: Invalid URL (POST /chat/completions)",
        base_url=lambda url: url.removesuffix("/v1"),
    ),
    ends(
        "a request that it refuses (400)",
        "http://127.0.0.1:PORT/v1 refuses the request (400): messages[0] is not as it should be",
        Failure(400, "messages[0] is not\nas it should be"),
    ),
    ends(
        "a quota that is spent (429)",
        "http://127.0.0.1:PORT/v1: the quota of this account is exhausted; add credit, or set another "
        "llm.api_key: You exceeded your quota",
        Failure(429, "You exceeded your quota", code="insufficient_quota"),
    ),
    ends(
        "a bill that is not paid (402)",
        "http://127.0.0.1:PORT/v1: the quota of this account is exhausted; add credit, or set another "
        "llm.api_key: Insufficient balance",
        Failure(402, "Insufficient balance"),
    ),
    goes_on("too many requests, with a time to wait", Failure(429, headers={"retry-after": "0.01"}), patience=5),
    goes_on(
        "a time to wait that is longer than the patience", Failure(429, headers={"retry-after": "9999"}), patience=1.5
    ),
    gives_up(
        "too many requests, for ever", "rate limited: Slow down", Failure(429, "Slow down.", code="rate_limit_exceeded")
    ),
    gives_up(
        "a failure of its own (500)", "failed (500): The server had an error", Failure(500, "The server had an error.")
    ),
    gives_up("a gateway's page (502)", "failed (502): 502 Bad Gateway", Failure(502, body=PAGE, headers=HTML)),
    ends(
        "a page instead of an answer",
        "http://127.0.0.1:PORT/v1 answered with text/html that is no chat completion: check llm.base_url: Welcome",
        Failure(200, body="<html><body>Welcome</body></html>", headers=HTML),
    ),
    ends(
        "nothing instead of an answer",
        "http://127.0.0.1:PORT/v1 answered with application/json that is no chat completion: check llm.base_url: "
        "an empty body",
        Failure(200, body=""),
    ),
    ends(
        "JSON that is no answer",
        "http://127.0.0.1:PORT/v1 answered with application/json that is no chat completion: check llm.base_url: "
        '{"status": "ok"}',
        Failure(200, body='{"status": "ok"}'),
    ),
    gives_up(
        "a stream that holds no JSON",
        "a broken piece in the stream of the reply",
        Failure(200, body="data: {oops\n\n", headers=SSE),
    ),
    gives_up(
        "a stream that ends before it began",
        "the reply broke off before its end",
        Failure(200, body="data: [DONE]\n\n", headers=SSE),
    ),
    ends(
        "nobody listening",
        "http://127.0.0.1:9/v1: the connection failed: Connection refused: check llm.base_url and the network; "
        "given up after N s and 1 try",
        base_url=lambda url: "http://127.0.0.1:9/v1",
    ),
    gives_up(
        "a connection reset before the reply", "the connection failed: Connection reset by peer", Failure(drop="before")
    ),
    gives_up(
        "a connection reset in the middle of the reply",
        "the connection failed: Connection reset by peer",
        Failure(drop="during", reply=PLAN),
    ),
    gives_up(
        "a connection closed without a word",
        "the connection failed: Server disconnected without sending a response",
        Failure(drop="silent"),
    ),
    gives_up(
        "a connection on which nothing comes",
        "no answer in time: see llm.timeout",
        Failure(delay=1.5, reply=PLAN),
        timeout=0.2,
    ),
    goes_on("a reset that passes", Failure(drop="during", reply=PLAN), patience=5),
    goes_on("an empty reply", says("")),
    goes_on("text instead of a call", says("Sure, I will build that for you!")),
    goes_on("a reply cut at its length", Reply(Message("assistant", "First I would"), "cut")),
    goes_on("a reply that its filter refused", Reply(Message("assistant", "I can't."), "refused")),
]
