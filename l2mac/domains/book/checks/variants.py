"""Spellings between which a book chooses once: colour or color, dass or daß, simplified or traditional characters."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache

from ....checks.report import Finding
from ..manuscript import scalar
from .reading import Book, Chapter
from .vocabulary import vocabulary

Spellings = tuple[tuple[str, int], ...]
"""Words that have a twin, each with its line."""


@cache
def _sides(language: str) -> tuple[re.Pattern[str], dict[str, tuple[int, str]], tuple[str, str]] | None:
    """What to look for; for each spelling its side and its twin; the names of the two sides."""
    data = vocabulary("variants").get(language)
    if data is None:
        return None
    pairs = data.get("characters") or data["pairs"]
    pairs = {one.lower(): other.lower() for one, other in pairs.items()}
    sides = {one: (0, other) for one, other in pairs.items()} | {other: (1, one) for one, other in pairs.items()}
    pattern = f"[{''.join(sides)}]" if "characters" in data else r"[^\W\d_]+"
    return re.compile(pattern), sides, (data["names"][0], data["names"][1])


def spellings(language: str, chapter: Chapter) -> Spellings:
    """Every spelling of a chapter that has a twin, with its line; quoted speech aside."""
    rows = _sides(language)
    if rows is None:
        return ()
    pattern, sides, _ = rows
    return tuple(
        (match[0].lower(), block.line_at(match.start()))
        for block, text in chapter.told
        for match in pattern.finditer(text)
        if match[0].lower() in sides
    )


def mixed(book: Book, counted: Iterable[tuple[Chapter, Spellings]]) -> Iterator[Finding]:
    """Where the book leaves the spelling of its declared region, or of its majority: advice, for a name may be quoted.

    Args:
        book: its `language` says which side is right: `en-GB`; of a plain `en` the more frequent is.
        counted: each chapter with its `spellings`.
    """
    rows = _sides(book.language)
    if rows is None:
        return
    _, sides, names = rows
    places = [(chapter, word, line) for chapter, words in counted for word, line in words]
    declared = scalar(book.settings.get("language"))
    tally = Counter(sides[word][0] for _, word, _ in places)
    right = names.index(declared) if declared in names else int(tally[1] > tally[0])
    for chapter, word, line in places:
        side, twin = sides[word]
        if side != right:
            said = f'"{word}" is spelled as in {names[side]}; the book has {names[right]}: "{twin}"'
            yield Finding(chapter.path, line, "spelling-mixed", said, True)
