"""Text that was cut, told by its structure: nobody asks a model whether it has finished.

The last block of a chapter must be an end, and what was opened must be closed: in the middle too, where a chapter that
was written in parts has its seams.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING

from ....checks.report import Finding
from .reading import Block, Book, Chapter
from .speech import unquoted_code
from .words import HAN, count_words

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_STOP = re.compile(r"[.!?…。！？؟۔](?:\[\^[^\]]*\])?\Z|[^\w\s,;:،、，；：*_\"'-]\Z")
_CLOSERS = "\"'”’»“«‘」』)]）】*_ \t\n"
_HANGS = re.compile(
    r"[,;،、，；-]\Z|\b(?:and|or|the|an?|of|to|with|und|oder|der|die|das|ein|e|o|il|lo|la|di|con|و|في|من)\Z",
    re.IGNORECASE,
)
_COLON = re.compile(r"[:：]\Z")
_LONG = 8  # words from which a last line is no signature, date or verse
_SURE = 15  # words from which a paragraph inside a chapter must end with a stop
_FENCE = re.compile(r"[>\s\d.*+-]*(`{3,}|~{3,})")
_LOOSE = re.compile(r"(?<![\s*])\*\*|\*\*(?![\s*])")
_SINGLE = re.compile(r"(?:(?<=\s)|^)[*_](?=\w)")
_PAIRS = (("„", "“”"), ("“", "”"), ("«", "»"), ("「", "」"))


def check_chapter(book: Book, chapter: Chapter) -> Iterator[Finding]:
    """Gates, but for a single `*`, a quotation and a paragraph left open inside a chapter, which a writer may want.

    The end of a chapter that is still being written may be open.
    """
    pending = chapter.path in book.pending
    blocks = [it for it in chapter.blocks if it.kind != "html"]
    lines = chapter.text.split("\n")
    for block, after in zip(blocks, [*blocks[1:], None], strict=False):
        open_end = pending and after is None
        if block.kind == "code":
            yield from _fence(chapter, block, lines)
        elif block.kind == "heading":
            if after is None or (after.kind == "heading" and after.level <= block.level):
                yield Finding(chapter.path, block.line, "empty-section", "this heading has no text below", open_end)
        elif block.kind == "table":
            if after is None and lines[block.last - 1].count("|") < lines[block.last - 2].count("|"):
                yield Finding(chapter.path, block.last, "cut", "the table ends within a row", open_end)
        else:
            yield from _emphasis(chapter, block)
            yield from _quotation(chapter, block, after, open_end)
            yield from _stop(chapter, block, after, blocks, open_end)
    if not blocks:
        yield Finding(chapter.path, chapter.last_line, "empty", "the chapter has no text", pending)


def _stop(
    chapter: Chapter, block: Block, after: Block | None, blocks: Sequence[Block], open_end: bool
) -> Iterator[Finding]:
    """Does a paragraph end, or is it broken off?"""
    text = block.text.rstrip(_CLOSERS)
    words = count_words(text) // (2 if re.match(f"[{HAN}]", text[-1:]) else 1)
    ends_part = after is None or after.kind == "heading"
    if not text or _STOP.search(text):
        return
    if _COLON.search(text):
        if ends_part and (block.kind != "item" or words >= _LONG):
            yield Finding(chapter.path, block.last, "cut", "what the colon announces is missing", open_end)
    elif block.kind == "item":
        if not ends_part:
            return
        before = next((it for it in reversed(blocks) if it.kind == "item" and it.last < block.line), None)
        stops = before is not None and before.text.rstrip(_CLOSERS)[-1:] in tuple(".!?。！？؟")
        if _HANGS.search(text) or (stops and words >= _LONG):
            yield Finding(chapter.path, block.last, "cut", "the list ends within an item", open_end)
    elif _HANGS.search(text) if ends_part else False:
        yield Finding(chapter.path, block.last, "cut", "the text breaks off within a sentence", open_end)
    elif words >= (_LONG if after is None else _SURE):
        said = "the text breaks off: its last sentence has no end"
        yield Finding(chapter.path, block.last, "cut", said, open_end or not ends_part)


def _fence(chapter: Chapter, block: Block, lines: list[str]) -> Iterator[Finding]:
    mark = _FENCE.match(lines[block.line - 1])
    closing = _FENCE.match(lines[block.last - 1]) if block.last > block.line else None
    if mark and not (closing and closing[1].startswith(mark[1])):
        yield Finding(chapter.path, block.line, "fence-open", f"the code that begins here is not closed by {mark[1]}")


def _emphasis(chapter: Chapter, block: Block) -> Iterator[Finding]:
    if "*" not in block.text and "_" not in block.text:
        return
    line = block.line
    for token in _inline().parseInline(re.sub(r"\\[*_]", "xx", block.text))[0].children or ():
        if token.type in ("softbreak", "hardbreak"):
            line += 1
        elif token.type == "text" and (found := _LOOSE.search(token.content) or _SINGLE.search(token.content)):
            advice = found[0] != "**"
            yield Finding(chapter.path, line, "emphasis-open", f"{found[0]} is opened or closed once only", advice)


def _quotation(chapter: Chapter, block: Block, after: Block | None, open_end: bool) -> Iterator[Finding]:
    """Speech that goes on over paragraphs opens each with a quotation mark and closes the last."""
    text = unquoted_code(block.text)
    left = 0
    for opening, closing in _PAIRS:
        if opening in text:
            left += max(text.count(opening) - sum(map(text.count, closing)), 0)
            if opening == "„":
                break
    left = abs(left - len(re.findall(r'(?<!\d)"', text)) % 2)
    goes_on = after is not None and after.text[:1] in '„“«»「"'
    if left and not goes_on:
        said = "a quotation is opened and not closed"
        yield Finding(chapter.path, block.last, "quote-open", said, open_end or after is not None)


@cache
def _inline() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark")
