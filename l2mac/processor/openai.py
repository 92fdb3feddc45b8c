"""The processor behind any endpoint that speaks OpenAI's Chat Completions protocol.

OpenAI, Azure, Ollama, vLLM, llama.cpp, LM Studio, OpenRouter and many more. The `openai` package carries the requests
and is imported on first use only; what a server sends is read by `l2mac.processor.wire`, what goes wrong is classified
by `l2mac.processor.faults`. Nothing is tried again here: that is `l2mac.processor.patience`.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from ..errors import ProcessorError, TransientError, UsageError
from .faults import Complaint, Endpoint, checked_key, classify, retry_after, unreachable
from .prices import Price, cost
from .protocol import Listener, Reply, Request
from .wire import Assembly, encode_messages, encode_tools, events, sampling, wants_reasoning

if TYPE_CHECKING:
    import httpx
    import openai

OPENAI_URL = "https://api.openai.com/v1"
_CONNECT_SECONDS = 15.0
_IDLE = 120.0  # seconds that a connection is kept while checks run; httpx gives up after 5
_COMPLETION_LIMIT = re.compile(r"(?:gpt-(?:[5-9]|\d\d)|o\d+(?:-|$))")
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})
_UNSUPPORTED = re.compile(
    r"unsupported|not supported|n[o']t support|unknown|unrecogni[sz]ed|unexpected|not permitted|extra (?:inputs|fields)"
    r"|not allowed|must be verified",
    re.IGNORECASE,
)
_DEMANDED = re.compile(r"must be|missing|required", re.IGNORECASE)


class OpenAIProcessor:
    """A language model behind Chat Completions; threads may share it.

    Args:
        model: its name as the endpoint knows it; for Azure, the name of the deployment.
        base_url: the address of the endpoint, with its `/v1`; None is OpenAI's own. For Azure, the resource's address.
        api_key: None for servers that want none.
        api_version: Azure's dated version of the protocol.
        azure: speak Azure's dialect of addresses and headers.
        temperature: None leaves it to the model.
        stream: ask for the reply in pieces. Without it a long reply may look like a dead connection to a proxy.
        timeout: seconds without a byte after which a call has failed.
        prices: of the model; None leaves the cost of every call unknown.
        cache_key: sent as `prompt_cache_key` where it is not empty: requests with the same one go where the beginning
            of the prompt is kept (https://platform.openai.com/docs/guides/prompt-caching).

    Raises:
        UsageError: the key cannot be sent at all, or Azure's settings are incomplete.
    """

    def __init__(
        self,
        model: str,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        api_version: str | None = None,
        azure: bool = False,
        temperature: float | None = None,
        stream: bool = True,
        timeout: float = 600,
        prices: Price | None = None,
        cache_key: str = "",
    ) -> None:
        key = checked_key(api_key)
        if azure and not (base_url and api_version and key):
            raise UsageError("Azure needs llm.base_url, llm.api_version and llm.api_key")
        self._endpoint = Endpoint(model, base_url or OPENAI_URL, key)
        self.name = f"{'azure' if azure else 'openai'} {model} at {self._endpoint.address}"
        self._api_version = api_version
        self._azure = azure
        self._timeout = timeout
        self._prices = prices
        self._temperature = temperature
        self._settings: dict[str, Any] = {}
        if stream:
            self._settings = {"stream": True, "stream_options": {"include_usage": True}}
        if cache_key:
            self._settings["prompt_cache_key"] = cache_key
        self._reasoning = wants_reasoning(model, urlsplit(self._endpoint.address).hostname or "")
        self._dropped: frozenset[str] = frozenset()
        late = _COMPLETION_LIMIT.match(model.rpartition("/")[2])
        self._limit = "max_completion_tokens" if late else "max_tokens"
        self._limit_switched = False
        self._opening = threading.Lock()
        self._adapting = threading.Lock()
        self._client: openai.OpenAI | None = None

    def complete(self, request: Request, listener: Listener | None = None) -> Reply:
        """Return the model's reply; `listener` hears its text and the arguments of its calls as they arrive.

        What the endpoint says it does not know (`stream_options`, `temperature`, `stream`, `prompt_cache_key`, thoughts
        passed back, the name of the token limit) is left out or renamed, once, for the rest of the processor's life.

        Raises:
            TransientError: the connection failed, the provider is overloaded, or the stream broke off.
            ContextOverflow: the request is longer than the model takes.
            ProcessorError: the endpoint refuses, or what answers is no such endpoint.
        """
        while True:
            body = self._body(request)
            answer = self._post(body)
            if isinstance(answer, Complaint):
                with self._adapting:  # another thread may have heard the same
                    if self._body(request) == body and not self._adapted(answer, body):
                        raise classify(answer, self._endpoint)
                continue
            reply = self._read(answer, request, listener)
            return replace(reply, usage=replace(reply.usage, cost=cost(reply.usage, self._prices)))

    def load(self) -> None:
        """Load what the first call needs."""
        self._connected()

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        with self._opening:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _body(self, request: Request) -> dict[str, Any]:
        messages = encode_messages(request.messages, reasoning=self._reasoning)
        body: dict[str, Any] = {"model": self._endpoint.model, "messages": messages}
        if request.tools:
            body["tools"] = encode_tools(request.tools)
        body |= {self._limit: request.max_tokens, **self._settings, **sampling(self._temperature, request)}
        return {name: value for name, value in body.items() if name not in self._dropped}

    def _post(self, body: dict[str, Any]) -> httpx.Response | Complaint:
        """Send a request; return the response with its body unread, or what the provider complains of."""
        client = self._connected()
        import httpx
        import openai

        path, stream = "/chat/completions", openai.Stream[object]
        try:
            # The plain post: `chat.completions.create` would check and copy the whole history at each call.
            answer: Any = client.post(path, cast_to=httpx.Response, body=body, stream=True, stream_cls=stream)
        except openai.APIStatusError as error:
            return _complaint(error.status_code, error.body, error.message, retry_after(error.response.headers))
        except (openai.APIConnectionError, httpx.HTTPError, httpx.InvalidURL) as error:
            raise unreachable(error, self._endpoint) from error
        return cast("httpx.Response", answer)

    def _read(self, response: httpx.Response, request: Request, listener: Listener | None) -> Reply:
        """Read a response, streamed or whole: a server may send either, whatever it was asked for."""
        import httpx

        assembly = Assembly(listener, reasoning=self._reasoning)
        try:
            with closing(response):
                if "text/event-stream" in response.headers.get("content-type", ""):
                    self._follow(response, assembly)
                else:
                    assembly.add(self._completion(response))
                    assembly.tell()
        except (httpx.HTTPError, httpx.StreamError) as error:
            # What breaks behind the end of the reply has not broken the reply.
            if not assembly.finish_reason:
                raise unreachable(error, self._endpoint) from error
        if not assembly.finish_reason:
            raise TransientError(f"{self._endpoint.address}: the reply broke off before its end")
        return assembly.reply(request.place)

    def _follow(self, response: httpx.Response, assembly: Assembly) -> None:
        """Read a stream to its very end: a connection left before that could not be used again."""
        for together in events(response.iter_bytes()):
            for event in together:
                if event.startswith("[DONE]"):
                    continue
                try:
                    chunk = json.loads(event)
                except ValueError as error:
                    told = f"{self._endpoint.address}: a broken piece in the stream of the reply"
                    raise TransientError(told) from error
                if isinstance(chunk, dict):
                    self._refuse_errors(chunk)
                    assembly.add(chunk)
            assembly.tell()

    def _completion(self, response: httpx.Response) -> Mapping[str, Any]:
        """Read a whole completion."""
        text = response.read().decode("utf-8", "replace")
        try:
            data = json.loads(text)
            self._refuse_errors(data)
            choice = data["choices"][0]
            # A whole completion has not broken off, even where its server leaves out why it ended.
            return {**data, "choices": [{**choice, "finish_reason": choice.get("finish_reason") or "stop"}]}
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            kind = response.headers.get("content-type", "something of no type")
            said = self._endpoint.clean(text[:1000]) or "an empty body"
            path = "" if "/v" in self._endpoint.address else ", which usually ends in /v1"
            raise ProcessorError(
                f"{self._endpoint.address} answered with {kind} that is no chat completion: "
                f"check llm.base_url{path}: {said}"
            ) from error

    def _refuse_errors(self, data: Mapping[str, Any]) -> None:
        """Raise the error that some servers send with the status 200."""
        error = data.get("error")
        if error:
            code = error.get("code") if isinstance(error, dict) else None
            raise classify(_complaint(_status(code), error, str(error)), self._endpoint)

    def _adapted(self, complaint: Complaint, body: Mapping[str, Any]) -> bool:
        """Leave out or rename the parameter that the complaint names; False when there is none to change."""
        said = " ".join((complaint.message, complaint.parameter, *complaint.codes))
        if complaint.status not in (400, 422) or complaint.overflow:
            return False
        if self._reasoning and "reasoning_content" in said and not _DEMANDED.search(said):
            self._reasoning = False
            return True
        named = {name for name in body if re.search(rf"\b{name}\b", said)}
        if not _UNSUPPORTED.search(said) and "temperature" not in named:  # which may be raised beyond a model's limit
            return False
        if self._limit in named and not self._limit_switched:
            self._limit_switched = True
            self._limit = "max_tokens" if self._limit == "max_completion_tokens" else "max_completion_tokens"
            return True
        for name in ("prompt_cache_key", "stream_options", "temperature", "stream"):
            if name in named:
                self._dropped |= {name, "stream_options"} if name == "stream" else {name}
                return True
        return False

    def _connected(self) -> openai.OpenAI:
        """Return the client, opened on first use and kept: a new one for each call would cost 20 ms."""
        with self._opening:
            if self._client is None:
                self._client = self._open()
            return self._client

    def _open(self) -> openai.OpenAI:
        import httpx
        import openai

        address, key = self._endpoint.address, self._endpoint.key
        local = urlsplit(address).hostname in _LOCAL
        common: dict[str, Any] = {
            "api_key": key or "none",
            "max_retries": 0,
            "timeout": httpx.Timeout(self._timeout, connect=min(self._timeout, _CONNECT_SECONDS)),
            # A proxy for the world outside does not know this machine.
            "http_client": openai.DefaultHttpxClient(trust_env=not local, limits=httpx.Limits(keepalive_expiry=_IDLE)),
        }
        if self._azure:
            return openai.AzureOpenAI(azure_endpoint=address, api_version=self._api_version, **common)
        return openai.OpenAI(base_url=address, **common)


def _complaint(status: int | None, body: object, message: str, wait: float | None = None) -> Complaint:
    """Read an error object, in OpenAI's form or one that resembles it."""
    fields = body if isinstance(body, dict) else {}
    said = fields.get("message") or fields.get("detail") or message
    codes = frozenset(value for value in (fields.get("code"), fields.get("type")) if isinstance(value, str))
    return Complaint(status, str(said), codes, str(fields.get("param") or ""), wait)


def _status(code: object) -> int | None:
    """Read the HTTP status that some providers put into an error's `code` when 200 is already said."""
    try:
        status = int(str(code))
    except ValueError:
        return None
    return status if 400 <= status < 600 else None
