"""Text that is no part of the book: placeholders, and a model that speaks of its task.

The phrases are data (`data/phrases.yaml`), in five languages; all are searched whatever the book's language, for a
model falls back into another. Code and quoted speech are blotted out first: people in a book may say anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from ....checks.report import Finding
from .reading import Block, Book, Chapter
from .speech import unspoken
from .vocabulary import vocabulary

_EDGE = 2  # blocks at either end in which a model greets and takes its leave


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    data = vocabulary("phrases")
    wrapped = {"anywhere": "{}", "stock": "{}", "line": r"^[>*_#\s]*(?:{})[*_\s]*$", "edge": r"\A[*_\s]*(?:{})"}
    flags = re.IGNORECASE | re.MULTILINE
    return {
        name: re.compile(form.format("|".join(f"(?:{it})" for it in data[name])), flags)
        for name, form in wrapped.items()
    }


def check_chapter(book: Book, chapter: Chapter) -> Iterator[Finding]:
    """Gates, but for stock phrases, which are advice."""
    del book
    patterns = _patterns()
    shown = [it for it in chapter.blocks if it.kind != "code"]
    edges = {id(it) for it in [*chapter.prose[:_EDGE], *chapter.prose[-_EDGE:]]}
    for block in shown:
        text = block.text if block.kind == "html" else unspoken(block.text)
        names = ["anywhere", "line", *(["edge"] if id(block) in edges else [])]
        found = [match for name in names for match in patterns[name].finditer(text)]
        yield from (_finding(chapter, block, it, "placeholder", False) for it in found)
        if not found:
            yield from (_finding(chapter, block, it, "stock-phrase", True) for it in patterns["stock"].finditer(text))


def _finding(chapter: Chapter, block: Block, found: re.Match[str], code: str, advice: bool) -> Finding:
    said = " ".join(found[0].split())[:80]
    what = "a stock phrase; say the thing itself" if advice else "is no part of the book: write what belongs there"
    line = block.line_at(found.start() + len(found[0]) - len(found[0].lstrip()))
    return Finding(chapter.path, line, code, f'"{said}" {what}', advice)
