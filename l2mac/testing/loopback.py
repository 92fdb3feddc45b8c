"""An OpenAI-compatible provider on 127.0.0.1, as strict as the real one.

It speaks Chat Completions (https://platform.openai.com/docs/api-reference/chat), streamed and not, and `/v1/models`.
What it answers is decided by a policy; what it refuses, by `l2mac.testing.strictness`.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self

from ..processor.protocol import Reply
from .strictness import Refusal, check_request

_FINISH = {"said": "stop", "called": "tool_calls", "cut": "length", "refused": "content_filter"}
_SSE = "text/event-stream; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Failure:
    """A policy's wish that something goes wrong.

    `Failure(429, code="rate_limit_exceeded", headers={"retry-after": "2"})` is an error in OpenAI's form;
    `Failure(200, body="<html>…")` answers with exactly that body; `Failure(drop="during", reply=says("…"))` resets the
    connection in the middle of that reply; `Failure(delay=2, reply=…)` answers late.
    """

    status: int = 500
    message: str = "The loopback provider was told to fail."
    code: str | None = None
    type: str = "server_error"
    param: str | None = None
    body: str | bytes | None = None
    """Sent as it is, instead of an error in OpenAI's form."""
    headers: Mapping[str, str] = field(default_factory=dict)
    drop: Literal["", "before", "during", "silent"] = ""
    """Reset the connection before the answer, reset it in the middle of `reply`, or hang up without a byte."""
    delay: float = 0
    """Seconds to wait first."""
    reply: Reply | None = None


Policy = Callable[[dict[str, Any]], Reply | Failure]
"""Is given the parsed body of a request that has passed all rules; called by one thread at a time."""


def count_roughly(body: Mapping[str, Any]) -> int:
    """Count the prompt's tokens: one for every four characters of its messages' and tools' JSON."""
    return len(json.dumps([body.get("messages"), body.get("tools")], ensure_ascii=False)) // 4 + 1


class LoopbackProvider:
    """The provider, serving from entering the `with` block (or `start()`) until leaving it (or `close()`).

    Args:
        policy: answers.
        models: the names of the models that exist.
        api_key: the only key that is accepted.
        context: the most tokens that prompt and reply may take together; None for no limit.
        unsupported: parameters that are refused, as some models refuse `temperature` or `max_tokens`.
        count: counts the tokens of a request's prompt, for the limit and for the usage reported when the policy's reply
            holds none.
        piece: characters of one streamed delta.
        pace: seconds before each piece of a stream.

    Attributes:
        calls: number of chat requests, refused ones included.
        connections: number of connections accepted.
        refused: (parsed body or None, reason) of every request that broke a rule.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        models: Collection[str] = ("loopback",),
        api_key: str = "sk-loopback",
        context: int | None = None,
        unsupported: Collection[str] = (),
        count: Callable[[Mapping[str, Any]], int] = count_roughly,
        piece: int = 24,
        pace: float = 0.0,
    ) -> None:
        self.api_key = api_key
        self.models = tuple(models)
        self.calls = 0
        self.connections = 0
        self.refused: list[tuple[Any, str]] = []
        self.count = count
        self.piece = piece
        self.pace = pace
        self._policy = policy
        self._context = context
        self._unsupported = frozenset(unsupported)
        self._lock = threading.Lock()
        self._asking = threading.Lock()
        self._open: set[socket.socket] = set()
        handler = type("Handler", (_Handler,), {"provider": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def base_url(self) -> str:
        """The address to give to a client."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def start(self) -> Self:
        """Begin to serve."""
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop serving and close every connection."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        with self._lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def answer(self, authorization: str | None, text: bytes) -> tuple[dict[str, Any], Reply | Failure]:
        """Check one chat request and ask the policy.

        Raises:
            Refusal: the request breaks a rule.
        """
        body: Any = None
        with self._lock:
            self.calls += 1
        try:
            self.authorize(authorization)
            try:
                body = json.loads(text)
            except ValueError:
                raise Refusal("We could not parse the JSON body of your request.") from None
            check_request(body, self.models, self._unsupported, self._context, self.count)
        except Refusal as refusal:
            with self._lock:
                self.refused.append((body, refusal.message))
            raise
        with self._asking:
            return body, self._policy(body)

    def authorize(self, authorization: str | None) -> None:
        """Raise a Refusal unless the header holds the key."""
        if authorization != f"Bearer {self.api_key}":
            raise Refusal("Incorrect API key provided.", None, "invalid_api_key", 401)

    def opened(self, connection: socket.socket) -> None:
        """Note a new connection."""
        with self._lock:
            self.connections += 1
            self._open.add(connection)

    def closed(self, connection: socket.socket) -> None:
        """Forget a connection."""
        with self._lock:
            self._open.discard(connection)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing when a client goes away: that is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    provider: LoopbackProvider
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def setup(self) -> None:
        super().setup()
        self.provider.opened(self.connection)

    def finish(self) -> None:
        self.provider.closed(self.connection)
        super().finish()

    def log_message(self, format: str, *args: object) -> None:
        """Keep standard error clean."""

    def do_GET(self) -> None:
        """Serve the list of models."""
        try:
            self.provider.authorize(self.headers.get("authorization"))
            if self.path.rstrip("/") != "/v1/models":
                raise Refusal(f"Invalid URL (GET {self.path})", status=404)
        except Refusal as refusal:
            return self._refuse(refusal)
        models = [
            {"id": name, "object": "model", "created": 0, "owned_by": "loopback"} for name in self.provider.models
        ]
        return self._send(200, {"object": "list", "data": models})

    def do_POST(self) -> None:
        """Serve one chat completion."""
        text = self.rfile.read(int(self.headers.get("content-length") or 0))
        try:
            if self.path.partition("?")[0] != "/v1/chat/completions":
                raise Refusal(f"Invalid URL (POST {self.path})", status=404)
            body, answer = self.provider.answer(self.headers.get("authorization"), text)
        except Refusal as refusal:
            return self._refuse(refusal)
        if isinstance(answer, Failure):
            return self._fail(body, answer)
        return self._reply(body, answer)

    def _fail(self, body: dict[str, Any], failure: Failure) -> None:
        if failure.delay:
            time.sleep(failure.delay)
        if failure.drop in ("before", "silent"):
            return self._drop(reset=failure.drop == "before")
        if failure.reply is not None:
            return self._reply(body, failure.reply, broken=failure.drop == "during")
        if failure.body is not None:
            return self._send(failure.status, failure.body, failure.headers)
        error = {"message": failure.message, "type": failure.type, "param": failure.param, "code": failure.code}
        return self._send(failure.status, {"error": error}, failure.headers)

    def _refuse(self, refusal: Refusal) -> None:
        error = {"message": refusal.message, "type": refusal.type, "param": refusal.param, "code": refusal.code}
        self._send(refusal.status, {"error": error})

    def _reply(self, body: dict[str, Any], reply: Reply, broken: bool = False) -> None:
        if not body.get("stream"):
            return self._send(200, _completion(body, reply, self.provider), broken=broken)
        pieces = [f"data: {json.dumps(chunk)}\n\n".encode() for chunk in _chunks(body, reply, self.provider)]
        pieces.append(b"data: [DONE]\n\n")
        self.send_response(200)
        self.send_header("content-type", _SSE)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for piece in pieces[: len(pieces) // 2] if broken else pieces:
            if self.provider.pace:
                self.wfile.flush()
                time.sleep(self.provider.pace)
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        if broken:
            self.wfile.flush()
            return self._drop(reset=True)
        self.wfile.write(b"0\r\n\r\n")
        return None

    def _send(
        self,
        status: int,
        body: dict[str, Any] | str | bytes,
        headers: Mapping[str, str] | None = None,
        broken: bool = False,
    ) -> None:
        given = {name.lower(): value for name, value in (headers or {}).items()}
        data = json.dumps(body) if isinstance(body, dict) else body
        data = data.encode() if isinstance(data, str) else data
        self.send_response(status)
        for name, value in {"content-type": "application/json", **given, "content-length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if broken else data)
        if broken:
            self.wfile.flush()
            self._drop(reset=True)

    def _drop(self, reset: bool) -> None:
        """Close the connection: with a reset, or as if all had been said."""
        self.close_connection = True
        if reset:
            # Lingering for zero seconds makes the kernel send a reset instead of an orderly end.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()


def _usage(body: dict[str, Any], reply: Reply, provider: LoopbackProvider) -> dict[str, Any]:
    used = reply.usage
    message = reply.message
    said = len(message.content) + sum(len(call.name) + len(call.arguments) for call in message.tool_calls)
    prompt, completion = (used.prompt, used.completion) if used.tokens else (provider.count(body), said // 4 + 1)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": used.cached},
        "completion_tokens_details": {"reasoning_tokens": used.reasoning},
    }


def _frame(body: dict[str, Any], kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-loopback", "object": kind, "created": 0, "model": body["model"]}


def _completion(body: dict[str, Any], reply: Reply, provider: LoopbackProvider) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.message.content or None, "refusal": None}
    if reply.message.tool_calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in reply.message.tool_calls
        ]
    choice = {"index": 0, "message": message, "finish_reason": _FINISH[reply.ending]}
    return {**_frame(body, "chat.completion"), "choices": [choice], "usage": _usage(body, reply, provider)}


def _chunks(body: dict[str, Any], reply: Reply, provider: LoopbackProvider) -> Iterator[dict[str, Any]]:
    """Yield the chunks of a stream, in the order and form in which OpenAI sends them."""
    frame = _frame(body, "chat.completion.chunk")

    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        return {**frame, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    yield chunk({"role": "assistant", "content": ""})
    for text in _split(reply.message.content, provider.piece):
        yield chunk({"content": text})
    for index, call in enumerate(reply.message.tool_calls):
        begin = {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""}}
        yield chunk({"tool_calls": [{"index": index, **begin}]})
        for text in _split(call.arguments, provider.piece):
            yield chunk({"tool_calls": [{"index": index, "function": {"arguments": text}}]})
    yield chunk({}, _FINISH[reply.ending])
    if (body.get("stream_options") or {}).get("include_usage"):
        yield {**frame, "choices": [], "usage": _usage(body, reply, provider)}


def _split(text: str, size: int) -> Iterator[str]:
    return (text[at : at + size] for at in range(0, len(text), size))
