"""What litellm raises, read as what the provider said: the errors then are those of `l2mac.processor.faults`.

litellm wraps a provider's error in one of its own, chosen by words as much as by the status, and some of them again in
a `MidStreamFallbackError`. What the provider itself said stands in the chain of causes; litellm's own choice counts
where it knows better than the status, as for a wrong key that Gemini calls a bad request.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from ..errors import KeyRefused, ProcessorError
from .faults import Complaint, Endpoint, classify, retry_after, unreachable

_TOLD = {
    "AuthenticationError": 401,
    "PermissionDeniedError": 403,
    "NotFoundError": 404,
    "RateLimitError": 429,
}
_LABELS = re.compile(r"^(?:litellm\.)?(?:\w+(?:Error|Exception|Timeout)\b(?:: | - ))+|\. Handle with `litellm\.\w+`\.$")
_NO_KEY = re.compile(
    r"missing .{0,40}(?:api[ _]?key|credentials)|no key is set|api_key.{0,60}must be set|unable to locate credentials"
    r"|default credentials were not found",
    re.IGNORECASE,
)
_NO_REPLY = "invalid response from LLM endpoint"
_INSTALL = re.compile(r"pip install ['\"`]?([\w.-]+(?:\[[\w,-]+\])?)")


def refusal(error: BaseException, endpoint: Endpoint) -> str:
    """Return what a provider's filter said where an error is its refusal to answer; else nothing."""
    if any(type(link).__name__ == "ContentPolicyViolationError" for link in _chain(error)):
        return endpoint.clean(_complaint(error).message) or "The provider's filter refused the request."
    return ""


def explain(error: BaseException, endpoint: Endpoint) -> ProcessorError:
    """Turn whatever litellm raised into the error to raise."""
    chain = list(_chain(error))
    if setting := _setting(chain, endpoint):
        return KeyRefused(setting) if setting.startswith("no key") else ProcessorError(setting)
    # An answer has a status; without one, it is the connection that failed.
    if any(type(link).__module__.startswith(("httpx", "httpcore")) for link in chain) and not _answered(chain):
        return unreachable(chain[0], endpoint)
    complaint = _complaint(error)
    if complaint.status is None or complaint.status < 400 or _NO_REPLY in complaint.message:
        said = endpoint.clean(complaint.message or f"{type(chain[-1]).__name__}: {chain[-1]}")
        return ProcessorError(f"litellm cannot read what {endpoint.address} answers: check llm.base_url: {said}")
    return classify(complaint, endpoint)


def _setting(chain: list[BaseException], endpoint: Endpoint) -> str:
    """Say what the user must change before any provider can be asked; nothing when it is not that."""
    said = " ".join(str(link) for link in chain)
    if "LLM Provider NOT provided" in said:
        return f"litellm knows no provider of {endpoint.model}: write llm.model as PROVIDER/MODEL, like gemini/MODEL"
    missing = next((link for link in chain if isinstance(link, ImportError)), None)
    if missing is not None:
        found = _INSTALL.search(str(missing))
        package = found[1] if found else missing.name or "litellm[google]"
        return f"{endpoint.model} needs a package that is not installed: pip install '{package}'"
    if _NO_KEY.search(said) and not _answered(chain):
        own = f"{endpoint.model.partition('/')[0].upper()}_API_KEY"
        return f"no key for {endpoint.model}: set llm.api_key, or the provider's own variable, such as {own}"
    return ""


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what caused it, without the tracks of litellm's own handling around them."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        if not isinstance(link, StopIteration):
            yield link
        link = getattr(link, "original_exception", None) or link.__cause__ or link.__context__


def _answered(chain: list[BaseException]) -> bool:
    """Say whether the provider answered at all, with whatever error."""
    return any(_headers(link) for link in chain)


def _headers(link: BaseException) -> Any:
    return getattr(link, "litellm_response_headers", None) or getattr(link, "headers", None) or {}


def _complaint(error: BaseException) -> Complaint:
    """Read what the provider said, and with which status, out of the chain; status None when it said nothing."""
    chain = list(_chain(error))
    names = [type(link).__name__ for link in chain]
    statuses = [status for link in chain if isinstance(status := getattr(link, "status_code", None), int)]
    told = next((_TOLD[name] for name in names if name in _TOLD), None)
    status = told or (statuses[-1] if statuses else None)
    fields = _fields(chain)
    said = str(fields.get("message") or _LABELS.sub("", _message(chain[0])))
    codes = {value for key in ("code", "type", "status") if isinstance(value := fields.get(key), str)}
    if "ContextWindowExceededError" in names:
        codes.add("context_length_exceeded")
    waits = (retry_after(headers) for link in chain if (headers := _headers(link)))
    wait = next((seconds for seconds in waits if seconds is not None), None)
    return Complaint(status, said.split("Traceback (most recent call last)")[0], frozenset(codes), "", wait)


def _fields(chain: list[BaseException]) -> dict[str, Any]:
    """Find the error object of the provider's answer: in `body`, or as JSON inside a message."""
    for link in reversed(chain):
        body = getattr(link, "body", None) or _json(_message(link))
        body = body[0] if isinstance(body, list) and body else body
        if isinstance(body, dict):
            inner = body.get("error", body)
            return inner if isinstance(inner, dict) else {"message": inner}
    return {}


def _message(link: BaseException) -> str:
    said = getattr(link, "message", "") or str(link)
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)


def _json(text: str) -> Any:
    """Read the JSON object that a message holds somewhere, if it holds one."""
    begin = text.find("{")
    try:
        return json.JSONDecoder().raw_decode(text, begin)[0] if begin >= 0 else None
    except ValueError:
        return None
