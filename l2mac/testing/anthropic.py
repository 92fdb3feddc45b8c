"""A provider on 127.0.0.1 that speaks Anthropic's Messages protocol, as strict as the real one.

It serves `POST /v1/messages` (https://docs.anthropic.com/en/api/messages), streamed and whole, and is driven by the
same policies, failures and replies as `LoopbackProvider`. What it refuses is decided by
`l2mac.testing.anthropic_rules`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ..processor.protocol import Reply
from .anthropic_rules import check_request
from .loopback import Failure, LoopbackProvider, _Handler, _split
from .strictness import Refusal

_STOP = {"said": "end_turn", "called": "tool_use", "cut": "max_tokens", "refused": "refusal"}
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


class AnthropicLoopback(LoopbackProvider):
    """Anthropic's API on this computer; arguments and attributes are those of `LoopbackProvider`.

    The header `x-api-key` must hold the key, and `anthropic-version` must be there. A `Failure` without a body is
    answered as an error in Anthropic's form, whose type follows from the status unless the failure names its own.
    """

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self._server.RequestHandlerClass = type("Handler", (_MessagesHandler,), {"provider": self})

    @property
    def base_url(self) -> str:
        """The address to give to a client, which adds `/v1/messages`."""
        return super().base_url.removesuffix("/v1")

    def answer(self, authorization: str | None, text: bytes) -> tuple[dict[str, Any], Reply | Failure]:
        """Check one request, whose header `x-api-key` is `authorization`, and ask the policy.

        Raises:
            Refusal: the request breaks a rule.
        """
        body: Any = None
        with self._lock:
            self.calls += 1
        try:
            self.authorize(authorization)
            body = _parsed(text)
            check_request(body, self.models, self._unsupported, self._context, self.count)
        except Refusal as refusal:
            with self._lock:
                self.refused.append((body, refusal.message))
            raise
        with self._asking:
            return body, self._policy(body)

    def authorize(self, authorization: str | None) -> None:
        """Raise a Refusal unless the header holds the key."""
        if authorization != self.api_key:
            raise Refusal("invalid x-api-key" if authorization else "x-api-key header is required", status=401)


class _MessagesHandler(_Handler):
    provider: AnthropicLoopback

    def do_GET(self) -> None:
        self._refuse(Refusal("Not found", status=404))

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers.get("content-length") or 0))
        try:
            if self.path.partition("?")[0] != "/v1/messages":
                raise Refusal("Not found", status=404)
            if not self.headers.get("anthropic-version"):
                raise Refusal("anthropic-version: header is required")
            body, answer = self.provider.answer(self.headers.get("x-api-key"), text)
        except Refusal as refusal:
            return self._refuse(refusal)
        if isinstance(answer, Failure):
            return self._fail(body, answer)
        return self._reply(body, answer)

    def _fail(self, body: dict[str, Any], failure: Failure) -> None:
        if failure.drop or failure.delay or failure.reply is not None or failure.body is not None:
            return super()._fail(body, failure)
        return self._send(failure.status, _error(failure.status, failure.message, failure.type), failure.headers)

    def _refuse(self, refusal: Refusal) -> None:
        self._send(refusal.status, _error(refusal.status, refusal.message))

    def _reply(self, body: dict[str, Any], reply: Reply, broken: bool = False) -> None:
        if not body.get("stream"):
            return self._send(200, _message(body, reply, self.provider), broken=broken)
        pieces = [
            f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
            for event in _events(body, reply, self.provider)
        ]
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for piece in pieces[: len(pieces) // 2] if broken else pieces:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        if broken:
            self.wfile.flush()
            return self._drop(reset=True)
        self.wfile.write(b"0\r\n\r\n")
        return None


def _error(status: int, message: str, kind: str = "server_error") -> dict[str, Any]:
    """Make an error in Anthropic's form; `server_error` is OpenAI's word, which stands for the status's own type."""
    kind = _TYPES.get(status, "api_error") if kind == "server_error" else kind
    return {"type": "error", "error": {"type": kind, "message": message}}


def _blocks(reply: Reply) -> list[dict[str, Any]]:
    """The content of a whole message; arguments that are no JSON object cannot be said in it and become `{}`."""
    blocks: list[dict[str, Any]] = []
    if reply.message.content:
        blocks.append({"type": "text", "text": reply.message.content})
    for call in reply.message.tool_calls:
        try:
            given = json.loads(call.arguments)
        except ValueError:
            given = {}
        blocks.append({"type": "tool_use", "id": call.id, "name": call.name, "input": given})
    return blocks


def _usage(body: dict[str, Any], reply: Reply, provider: AnthropicLoopback) -> dict[str, Any]:
    used = reply.usage
    said = sum(len(json.dumps(block)) for block in _blocks(reply)) // 4 + 1
    prompt, completion = (used.prompt, used.completion) if used.tokens else (provider.count(body), said)
    return {
        "input_tokens": prompt - used.cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": used.cached,
        "output_tokens": completion,
        "output_tokens_details": {"thinking_tokens": used.reasoning},
    }


def _message(body: dict[str, Any], reply: Reply, provider: AnthropicLoopback) -> dict[str, Any]:
    return {
        "id": "msg_loopback",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": _blocks(reply),
        "stop_reason": _STOP[reply.ending],
        "stop_sequence": None,
        "usage": _usage(body, reply, provider),
    }


def _events(body: dict[str, Any], reply: Reply, provider: AnthropicLoopback) -> Iterator[dict[str, Any]]:
    """Yield the events of a stream, in the order and form in which Anthropic sends them."""
    message = _message(body, reply, provider)
    usage = message["usage"]
    begun = {**message, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    yield {"type": "message_start", "message": begun}
    yield {"type": "ping"}
    told = iter(reply.message.tool_calls)
    for index, block in enumerate(message["content"]):
        said = block["type"] == "text"
        empty = {"type": "text", "text": ""} if said else {**block, "input": {}}
        kind, key = ("text_delta", "text") if said else ("input_json_delta", "partial_json")
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        for piece in _split(block["text"] if said else next(told).arguments, provider.piece):
            yield {"type": "content_block_delta", "index": index, "delta": {"type": kind, key: piece}}
        yield {"type": "content_block_stop", "index": index}
    ended = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": ended, "usage": usage}
    yield {"type": "message_stop"}


def _parsed(text: bytes) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refusal("The request body is not valid JSON")
    return body
