"""Texts as a model sees them: fenced as data, held within a room, read on by page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from hashlib import sha256

_LONGEST = 40  # backticks of a fence
_WORD = 80  # characters in which a word's end is looked for


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
    how = f"; read_files shows it whole as {page}" if page else ""

    def mark(count: int) -> str:
        return f"\n[… {count:,} of {len(text):,} characters are left out here{how} …]\n"

    frame = size(mark(len(text)))
    if size(text) <= room + frame // 2:  # to say what is left out would take as much
        return text
    left = max(room - frame, room // 2)
    head, tail = _begin(text, left * 2 // 3), _begin(text[::-1], left // 3)[::-1]
    return f"{head}{mark(len(text) - len(head) - len(tail))}{tail}"


def listing(items: Iterable[str], room: int, between: str = "\n") -> str:
    """As many items as there is room for, and how many more there are."""
    every = list(items)
    for at, item in enumerate(every):
        room -= size(item) + len(between)
        if room < 0:
            return between.join([*every[:at], f"… and {len(every) - at} more"])
    return between.join(every)


def shares(sizes: Sequence[int], room: int) -> list[int]:
    """What each of some texts gets of a room: what one does not need the others have."""
    got = [0] * len(sizes)
    for left, at in enumerate(sorted(range(len(sizes)), key=lambda at: sizes[at])):
        got[at] = min(sizes[at], max(room, 0) // (len(sizes) - left))
        room -= got[at]
    return got


def size(text: str) -> int:
    """Bytes of UTF-8, those of other scripts and signs twice: they make more tokens."""
    return 2 * len(text.encode("utf-8", "replace")) - len(text.encode("ascii", "ignore"))


def _begin(text: str, room: int) -> str:
    """As much of the beginning as there is room for, up to the end of a word where that is near."""
    whole, text = text, text[: max(room, 0)]
    while text and (large := size(text)) > room:
        text = text[: len(text) * room // large]
    end = max(text.rfind(" "), text.rfind("\n"))
    broken = len(text) < len(whole) and not whole[len(text)].isspace()
    return text[:end] if broken and end > len(text) - _WORD else text
