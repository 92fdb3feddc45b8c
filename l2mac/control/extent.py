"""Texts held within a bound: what is too long keeps head and tail, and says what was left out."""

from __future__ import annotations

from collections.abc import Iterable


def bounded(text: str, room: int) -> str:
    """Head and tail of a text too long to show, with what was cut said in between."""
    if size(text) <= room:
        return text
    head, tail = _begin(text, room * 2 // 3), _begin(text[::-1], room // 3)[::-1]
    return f"{head}\n[… {len(text) - len(head) - len(tail):,} characters left out …]\n{tail}"


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
    while (large := size(text)) > room:
        text = text[: len(text) * room // large]
    return text
