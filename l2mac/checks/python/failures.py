"""Failures of tests as text: the same for the same failure, wherever and whenever it is run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from ..report import Finding
from .runlog import Failure

_SHOWN = 20
_EACH = 2_500
_ALL = 12_000
_PLACE = re.compile(
    r'^(?:E\s+)?(?:File "(?P<quoted>[^"\n]+)", line (?P<at>\d+)|(?P<path>[^\s:][^:\n]*\.py):(?P<line>\d+): )', re.M
)
_SAID = re.compile(r"^E\s+(.*\S)", re.M)
_RAISED = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt|Warning|Iteration|Group)\b")
_UNSTABLE = (
    (re.compile(r"\bat 0x[0-9A-Fa-f]{6,}"), "at ..."),
    (re.compile(r"""[^\s"'()=]*/pytest-of-[^/\s"']+/pytest-\d+/"""), "<tmp>/"),
    (re.compile(r"""[^\s"'()=]*/l2mac-\w{8}(?=[/\s"']|$)"""), "<tmp>"),
    (re.compile(r"""/tmp/tmp\w{8}\b"""), "<tmp>"),
    (re.compile(r"""[^\s"'()]*/(?:site-packages|shipped-[\w.]+-[0-9a-f]{8})/"""), "site-packages/"),
    (re.compile(r"""[^\s"'()]*/lib/python3\.\d+/"""), "python/"),
    (re.compile(r"(?<=') \(\d+\)(?= panicked at )"), ""),
    (re.compile(r" in \d+\.\d+s(?: \([\d:]+\))?"), ""),
    (re.compile(r"\.l2mac-results-\w+"), ".l2mac-results"),
    (re.compile(r"^E\s+Use -vv? to get more diff\n?", re.M), ""),  # nobody here can
)


def clean(text: str, lane: str) -> str:
    """The text without what differs from run to run: the lane's path, temporary names, addresses, durations."""
    text = text.replace(f"{lane}/", "").replace(lane, ".")
    for pattern, stable in _UNSTABLE:
        text = pattern.sub(stable, text)
    return text


def failure_finding(failure: Failure, files: Mapping[str, str], lane: str) -> Finding:
    """The finding that a failure amounts to, at the innermost place of its traceback that lies in the project."""
    test_file = failure.id.partition("::")[0]
    places = [place for place in _places(clean(failure.trace, lane)) if place[0] in files]
    path, line = places[-1] if places else (test_file, 0)
    return Finding(path, line, failure.id, _headline(failure, lane))


def describe(failures: Sequence[Failure], lane: str) -> str:
    """The tracebacks of the first failures, each bounded, all together bounded; the rest is counted."""
    shown: list[str] = []
    for failure in failures[:_SHOWN]:
        text = f"FAILED {failure.id}\n{_bounded(clean(failure.trace, lane).strip())}"
        if sum(map(len, shown)) + len(text) > _ALL:
            break
        shown.append(text)
    rest = len(failures) - len(shown)
    return "\n\n".join([*shown, *([f"... and {rest} more that failed"] if rest else [])])


def _places(trace: str) -> Iterator[tuple[str, int]]:
    for match in _PLACE.finditer(trace):
        yield match["quoted"] or match["path"], int(match["at"] or match["line"])


def _headline(failure: Failure, lane: str) -> str:
    text = clean(failure.message, lane).strip()
    if not text:
        said = _SAID.findall(clean(failure.trace, lane))
        raised = [line for line in said if _RAISED.match(line)]
        lines = [line for line in failure.trace.splitlines() if line.strip()]
        text = (raised[-1:] or said[:1] or [clean(line, lane) for line in lines[-1:]] or ["it failed"])[0]
    return " ".join(text.splitlines()[0].split())[:300]


def _bounded(text: str) -> str:
    if len(text) <= _EACH:
        return text
    half = _EACH // 2
    return f"{text[:half]}\n... {len(text) - 2 * half} characters cut ...\n{text[-half:]}"
