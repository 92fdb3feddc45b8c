"""What went wrong at a provider, classified once: whatever adapter it came through, whatever the dialect.

| what the provider says | error |
|---|---|
| nothing, a broken connection, 408, 409, 425, 429 (rate), 5xx | TransientError, with the wait it asks for |
| the context is exceeded, in any provider's words; 413 | ContextOverflow |
| tools are not supported, in any provider's words | ToolsRefused |
| 402; 429 with a code that says quota or billing | ProcessorError: the quota is exhausted |
| 401 | KeyRefused, naming the setting, never the key |
| 403 | ProcessorError, naming the same |
| 404 | ProcessorError naming model and address |
| any other 4xx | ProcessorError with the provider's message |
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import ContextOverflow, KeyRefused, ProcessorError, ToolsRefused, TransientError, UsageError

_LONGEST = 300
_SECRET = re.compile(
    r"\b(?:sk|pk|key|gsk|xai)[-_][\w*.-]{6,}|\bAIza[\w*.-]{6,}|Bearer +\S+|(?<=[?&]key=)[^\s&\"']+", re.IGNORECASE
)
_TAG = re.compile(r"<(?:style|script)\b.*?</(?:style|script)>|<[^>]*>", re.IGNORECASE | re.DOTALL)
_RETRIED = frozenset({408, 409, 425, 429})
_ERRNO = re.compile(r"^\[Errno -?\d+\] ")
_QUOTA = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
_OVERFLOW_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error", "string_above_max_length"})
_OVERFLOW = re.compile(
    "|".join(
        (
            r"maximum (?:context|model|prompt) length",  # OpenAI, vLLM, SGLang, Mistral, xAI
            r"longer than the (?:maximum )?model'?s? (?:context )?length",  # vLLM, SGLang
            r"exceeds? (?:the |its )?(?:available |maximum )?context (?:size|length|window|limit)",  # llama.cpp, Ollama
            r"context (?:size|length|window) (?:has been |was |is )?exceeded",  # llama.cpp
            r"context the overflows|context length of only|greater than the context length",  # LM Studio
            r"(?:prompt|input) is too long",  # Anthropic, Bedrock
            r"exceed context limit",  # Anthropic
            r"input token count .{0,40}exceeds",  # Gemini
            r"inputs.{0,12}tokens.{0,24}must be <=",  # TGI, Together
            r"reduce the length of the (?:messages|prompt|input)",  # Groq, DeepSeek
            r"request too large for|tokens must be reduced",  # more than a minute's allowance in one request
        )
    ),
    re.IGNORECASE,
)
_NO_TOOLS = re.compile(
    "|".join(
        (
            r"(?:does not|doesn't|do not) support (?:the )?(?:tools?|functions?)\b",  # Ollama, Groq, Together
            r"support (?:for )?(?:tool use|tool calling|function calling)",  # OpenRouter: no endpoints found that …
            r"(?:tools?|tool use|(?:tool|function) calling|functions)['\"`]? (?:is|are) (?:not supported|unsupported)",
            r"(?:unsupported|unrecogni[sz]ed|unknown) (?:parameter|request argument supplied|argument|field)s?:?"
            r" ['\"`]?tools\b",
            r"requires --enable-auto-tool-choice",  # vLLM
            r"tools param requires --jinja",  # llama.cpp
        )
    ),
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Whom we talk to, for the texts of errors, and the key that must never stand in them."""

    model: str
    address: str
    key: str = ""

    def clean(self, text: str) -> str:
        """Return `text` in one line of at most 300 characters, without the key or anything that looks like one."""
        line = " ".join((_TAG.sub(" ", text) if text.lstrip().startswith("<") else text).split())
        if len(self.key) >= 4:
            line = line.replace(self.key, "[key]")
        line = _SECRET.sub("[key]", line)
        return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


@dataclass(frozen=True, slots=True)
class Complaint:
    """What a provider said when it did not answer; `status` is None when it said so in the middle of a reply."""

    status: int | None
    message: str
    codes: frozenset[str] = frozenset()
    """The error's `code` and `type`, as far as there are any."""
    parameter: str = ""
    """The parameter of the request that the provider objects to."""
    retry_after: float | None = None

    @property
    def overflow(self) -> bool:
        """Whether the request is longer than the model, or a minute's allowance, takes."""
        if self.status in (401, 402, 403, 404):
            return False
        return self.status == 413 or bool(self.codes & _OVERFLOW_CODES) or bool(_OVERFLOW.search(self.message))

    @property
    def no_tools(self) -> bool:
        """Whether it is the tools of the request that can't be taken."""
        return self.status not in (401, 402, 403, 429) and bool(_NO_TOOLS.search(self.message))


def holds_key(text: str) -> bool:
    """Whether something in a text looks like a key."""
    return bool(_SECRET.search(text))


def checked_key(api_key: str | None) -> str:
    """Return the key without the space around it, empty when there is none.

    Raises:
        UsageError: no header can carry it.
    """
    key = (api_key or "").strip()
    if not (key.isascii() and key.isprintable()):
        raise UsageError(
            "the key holds characters that no key has; paste it again (llm.api_key, or the variable it comes from)"
        )
    return key


def classify(complaint: Complaint, endpoint: Endpoint) -> ProcessorError:
    """Turn a complaint into the error to raise, by the table at the top of this module."""
    status, said = complaint.status, endpoint.clean(complaint.message)
    model, address = endpoint.model, endpoint.address
    if complaint.overflow:
        return ContextOverflow(f"{address}: the request is too long for {model}: {said}")
    if complaint.no_tools:
        return ToolsRefused(f"{address}: {model} does no function calling; set llm.protocol to text: {said}")
    if status == 402 or complaint.codes & _QUOTA:
        todo = "add credit, or set another llm.api_key"
        return ProcessorError(f"{address}: the quota of this account is exhausted; {todo}: {said}")
    if status == 401:
        return KeyRefused(f"{address} does not accept the key: check llm.api_key, or the variable it comes from")
    if status == 403:
        return ProcessorError(f"{address} does not let this key use {model}: check llm.api_key and llm.model: {said}")
    if status == 404:
        path = "" if "/v" in address else ", which usually ends in /v1"
        return ProcessorError(f"{address} knows no model {model}: check llm.model and llm.base_url{path}: {said}")
    if status is None or status in _RETRIED or status >= 500:
        what = "rate limited" if status == 429 else f"failed ({status or 'in the middle of a reply'})"
        return TransientError(f"{address}: {what}: {said}", complaint.retry_after)
    return ProcessorError(f"{address} refuses the request ({status}): {said}")


def unreachable(error: BaseException, endpoint: Endpoint) -> ProcessorError:
    """Classify a failure of the connection, by the exceptions that caused it."""
    chain = [error]
    while cause := chain[-1].__cause__ or chain[-1].__context__:
        chain.append(cause)
    names = {type(link).__name__ for link in chain}
    said = endpoint.clean(_ERRNO.sub("", str(chain[-1])) or type(chain[-1]).__name__)
    if "SSLCertVerificationError" in names:
        return ProcessorError(f"{endpoint.address}: its certificate is not trusted (see SSL_CERT_FILE): {said}")
    if names & {"UnsupportedProtocol", "InvalidURL", "LocalProtocolError"}:
        return ProcessorError(f"{endpoint.address} is no address that can be asked: check llm.base_url: {said}")
    if "ConnectError" in names:
        return TransientError(f"{endpoint.address}: the connection failed: {said}: check llm.base_url and the network")
    if any("Timeout" in name for name in names):
        return TransientError(f"{endpoint.address}: no answer in time: see llm.timeout")
    return TransientError(f"{endpoint.address}: the connection failed: {said}")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Read how many seconds a provider asks to wait, from `retry-after-ms` or `retry-after` (RFC 9110, 10.2.3)."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) / unit
        except ValueError:
            continue
        if math.isfinite(seconds):
            return max(0.0, seconds)
    # Rarely needed, and 10 ms to import.
    from datetime import UTC, datetime
    from email.utils import parsedate_to_datetime

    try:
        until = parsedate_to_datetime(headers.get("retry-after", ""))
    except (ValueError, TypeError):
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())
