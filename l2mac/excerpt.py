"""Texts as a model sees them: fenced as data, held within a room, read on by page."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256

_LONGEST = 40


def fenced(text: str) -> str:
    """A text between fences longer than any that it holds, so that nothing in it passes for what stands around it."""
    longest = max([2, *map(len, re.findall(r"`{3,}", text))])
    fence = "`" * (longest + 1)
    if longest >= _LONGEST:  # a fence is not to outgrow what it fences; nobody can write a text that holds its own hash
        fence = f"--- data {sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:16]} ---"
    return f"{fence}\n{text}\n{fence}"


def bounded(text: str, room: int, page: str = "") -> str:
    """Head and tail of a text too long to show; what stands between them says what was left out, and how to read it.

    Args:
        text: what is to be shown.
        room: what the result may have, as `size` counts; a very small one is passed by the line in between.
        page: the path under which `read_files` shows the whole text; empty where nothing does.
    """
    if size(text) <= room:
        return text
    how = f"; read_files shows it whole as {page}" if page else ""
    mark = f"\n[… {len(text):,} characters in all, those in the middle are left out{how} …]\n"
    left = max(room - size(mark), room // 2)
    return f"{_begin(text, left * 2 // 3)}{mark}{_begin(text[::-1], left // 3)[::-1]}"


def listing(items: Iterable[str], room: int, between: str = "\n") -> str:
    """As many items as there is room for, and how many more there are."""
    every = list(items)
    for at, item in enumerate(every):
        room -= size(item) + len(between)
        if room < 0:
            return between.join([*every[:at], f"… and {len(every) - at} more"])
    return between.join(every)


def size(text: str) -> int:
    """Bytes of UTF-8, those of other scripts and signs twice: they make more tokens."""
    return 2 * len(text.encode("utf-8", "replace")) - len(text.encode("ascii", "ignore"))


def _begin(text: str, room: int) -> str:
    text = text[: max(room, 0)]
    while (large := size(text)) > room:
        text = text[: len(text) * room // large]
    return text
