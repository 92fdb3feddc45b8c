"""Searching the files for a regular expression that a model wrote, within bounds of time and room."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import regex

from ..errors import Fault
from .listing import many

_SECONDS = 2.0  # for all files together: a pattern written by a model may backtrack for ever
_LONGEST_PATTERN = 1_000  # characters: compiling takes time too
_LONGEST_LINE = 400  # characters shown of one line
_NAMED = 5  # files with more
_SHARE = 4  # of several files, one takes at most this part of the room
_COUNTED = 1_000  # lines of one file that are counted though there is no room for them
_MOST = 10_000  # such lines of all files


def found(pattern: str, files: Sequence[tuple[str, str]], room: int) -> str:
    """The lines that hold a match, as `path:line: text`; then how many more there are, and where most of them.

    Args:
        pattern: a regular expression.
        files: path and text, in the order in which they are looked through.
        room: characters that the lines may have.

    Raises:
        Fault: the pattern is not valid, or takes too long.
    """
    expression = _expression(pattern)
    until = time.monotonic() + _SECONDS
    most = room // _SHARE if len(files) > 1 else room
    shown: list[str] = []
    more: dict[str, int] = {}
    try:
        for path, text in files:
            if sum(more.values()) >= _MOST:
                break
            lines, left = _within(_hits(expression, path, text, until), min(most, room))
            shown += lines
            room -= sum(map(len, lines)) + len(lines)
            more |= {path: left} if left else {}
    except (TimeoutError, MemoryError, RecursionError):
        raise Fault(f"searching for {pattern[:80]!r} took too long; use a simpler pattern") from None
    return "\n".join([*shown, *_left(more)]) or "(nothing found)"


def _within(hits: Iterator[str], room: int) -> tuple[list[str], int]:
    """The hits that there is room for, and how many more there are, as far as they are counted."""
    shown: list[str] = []
    for hit in hits:
        room -= len(hit) + 1
        if room < 0:
            return shown, 1 + sum(1 for _ in islice(hits, _COUNTED - 1))
        shown.append(hit)
    return shown, 0


def _left(more: Mapping[str, int]) -> list[str]:
    """What was left out, in words; nothing where nothing was."""
    if not more:
        return []
    count = sum(more.values())
    at_least = "at least " if count >= _MOST or _COUNTED in more.values() else ""
    ordered = sorted(more, key=lambda path: (-more[path], path))
    where = f"{len(more):,} files, most in {', '.join(ordered[:_NAMED])}" if len(more) > 1 else ordered[0]
    return [f"[{at_least}{many(count, 'more line')} in {where}; narrow the pattern or the glob]"]


def _expression(pattern: str) -> regex.Pattern[str]:
    if len(pattern) > _LONGEST_PATTERN:
        raise Fault(
            f"the pattern has {len(pattern):,} characters, and {_LONGEST_PATTERN:,} are allowed; use a part of it"
        )
    try:
        return regex.compile(pattern, regex.MULTILINE)
    except (regex.error, ValueError, OverflowError, RecursionError, MemoryError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise Fault(f"{pattern[:80]!r} is not a valid regular expression: {reason}") from None


def _hits(expression: regex.Pattern[str], path: str, text: str, until: float) -> Iterator[str]:
    """Every line of a file that holds a match, once, as it is shown."""
    number, at = 1, 0
    while at < len(text):
        left = max(until - time.monotonic(), 0.001)
        match = expression.search(text, at, timeout=left)
        if not match or (match.start() == len(text) and text.endswith("\n")):
            break
        number += text.count("\n", at, match.start())
        begin = text.rfind("\n", at, match.start()) + 1 or at
        end = text.find("\n", match.start())
        end = len(text) if end < 0 else end
        yield f"{path}:{number}: {_around(text, begin, match.start(), end)}"
        number, at = number + 1, end + 1


def _around(text: str, begin: int, at: int, end: int) -> str:
    """A line of a text; of a long one, the part around the match."""
    if end - begin <= _LONGEST_LINE:
        return text[begin:end].rstrip("\r")
    left = max(begin, min(at - _LONGEST_LINE // 4, end - _LONGEST_LINE))
    right = min(left + _LONGEST_LINE, end)
    return f"{'…' if left > begin else ''}{text[left:right]}{'…' if right < end else ''}"
