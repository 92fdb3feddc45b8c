"""Parts of files as a model sees them: fenced as data, within a room that several share fairly, read on by page."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import Fault
from ..excerpt import fenced, shares
from .listing import length, many

_LEAST = 600  # characters that a file gets, or none of it is shown
_FRAME = 120  # characters of what stands around a part
_NAMED = 10  # files of which nothing is shown


@dataclass(frozen=True, slots=True)
class Part:
    """Lines of a file that were asked for, and what was asked."""

    path: str
    lines: Sequence[str]
    first: int
    last: int
    """1-based, inclusive; before `first` where the file is empty."""
    end: int | None

    @property
    def size(self) -> int:
        """Characters that showing all of it takes."""
        return sum(map(len, self.lines[self.first - 1 : self.last])) + len(self.path) + _FRAME


def part(path: str, text: str, start: int | None, end: int | None) -> Part:
    """The lines of a file from start to end.

    Raises:
        Fault: there are no such lines.
    """
    lines = list(io.StringIO(text))  # ends lines at \n alone, as editors and compilers count them
    first = max(start or 1, 1)
    last = len(lines) if end is None else min(end, len(lines))
    if first > last and (lines or start or end):
        raise Fault(f"{path} has {many(length(text), 'line')}; there is no line {first} to {end or first}")
    return Part(path, lines, first, last, end)


def shown(parts: Sequence[Part], room: int) -> str:
    """Parts of files one below the other; what there is no room for is named, with the request that shows it."""
    rooms = _shares([part.size for part in parts], room)
    told = [_excerpt(part, share) for part, share in zip(parts, rooms, strict=False)]
    left = [part.path for part in parts[len(rooms) :]]
    if left:
        others = f" and {len(left) - _NAMED} more" if len(left) > _NAMED else ""
        told.append(f"[no room for {', '.join(left[:_NAMED])}{others}; ask for them in another call]")
    return "\n".join(told)


def _shares(sizes: Sequence[int], room: int) -> list[int]:
    """The room of each of the first texts, as many as get something: what one does not need the others have."""
    least, count = 0, 0
    for size in sizes:
        least += min(size, _LEAST)
        if count and least > room:
            break
        count += 1
    return shares(sizes[:count], room)


def _excerpt(asked: Part, room: int) -> str:
    """As many of the lines asked for as there is room for, under a line that says which they are."""
    room -= len(asked.path) + _FRAME
    end, size = asked.first - 1, 0
    while end < asked.last and (size + len(asked.lines[end]) <= room or end < asked.first):
        size += len(asked.lines[end])
        end += 1
    text = "".join(asked.lines[asked.first - 1 : end]).removesuffix("\n")
    whole = asked.first == 1 and end == len(asked.lines)
    where = _count(end) if whole else f"lines {asked.first}-{end} of {len(asked.lines)}"
    told = [f"--- {asked.path} ({where})"]
    if size > max(room, _LEAST):
        text, note = _cut(text, end, max(room, _LEAST))
        told += [fenced(text), note]
    elif end:
        told.append(fenced(text))
    if end < asked.last:
        following = {"path": asked.path, "start": end + 1} | ({"end": asked.end} if asked.end else {})
        told.append(f"[cut for length; next: {json.dumps(following, ensure_ascii=False)}]")
    return "\n".join(told)


def _cut(line: str, number: int, room: int) -> tuple[str, str]:
    """Head and tail of a line too long to show, and what is to be said of it."""
    head, tail = room * 2 // 3, room // 3
    note = (
        f"[line {number} has {len(line):,} characters; its first {head:,} and last {tail:,} are shown with … between; "
        "search_files shows what stands around a match]"
    )
    return f"{line[:head]}…{line[-tail:]}", note


def _count(lines: int) -> str:
    return f"{lines} line{'' if lines == 1 else 's'}"
