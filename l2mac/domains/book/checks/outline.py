"""Does the text have the chapters and headings that the outline promises, in its order?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import pairwise

from ....checks.report import Finding
from ..manuscript import scalar
from .reading import Block, Book, Chapter, Planned, line_of
from .references import heading_text

_NAMED = 4  # missing headings


def check_chapter(book: Book, chapter: Chapter) -> Iterator[Finding]:
    """Gates: contents and index are made from headings. A chapter still being written may lack some."""
    yield from chapter.faults
    plan = book.plan(chapter.path)
    if plan is None:
        if book.planned:
            yield Finding(
                chapter.path, 0, "not-in-outline", "the outline names no such file: name it there or delete it"
            )
        return
    unread = any(it.code == "yaml" for it in chapter.faults)  # then it gives neither
    for key, wanted in () if unread else (("id", plan.id), ("title", plan.title)):
        given = scalar(chapter.meta.get(key))
        if wanted and given != wanted:
            line = line_of(chapter.text, f"{key}:") if given else 1
            yield Finding(chapter.path, line, f"{key}-differs", f"its {key} is {given!r}; the outline has {wanted!r}")
    yield from _headings(book, chapter, plan)


def check_book(book: Book) -> Iterator[Finding]:
    """Gates: what of book.yaml, outline and canon cannot be read, and what the outline names twice."""
    yield from book.faults
    for what, values in (("id", [it.id for it in book.planned]), ("file", [it.path for it in book.planned])):
        for value, count in Counter(values).items():
            if count > 1 and value:
                line = line_of(book.files["outline.yaml"], value.rpartition("/")[2])
                yield Finding("outline.yaml", line, f"{what}-twice", f"{count} chapters have the {what} {value!r}")


def _headings(book: Book, chapter: Chapter, plan: Planned) -> Iterator[Finding]:
    titles = [it for it in chapter.headings if it.level == 1]
    for number, block in enumerate(titles):
        if number:
            yield Finding(chapter.path, block.line, "second-title", "a chapter has one heading of the first level")
        elif plan.title and heading_text(block) != plan.title:
            said = f"the heading is {heading_text(block)!r}; the outline's title is {plan.title!r}"
            yield Finding(chapter.path, block.line, "title-differs", said)
    if plan.headings:
        sections = [it for it in chapter.headings if it.level == 2]
        yield from _compared(chapter, plan.headings, sections, chapter.path in book.pending)
    for above, block in pairwise(chapter.headings):
        if block.level > above.level + 1:
            yield Finding(chapter.path, block.line, "level-skipped", f"level {block.level} below {above.level}", True)


def _compared(chapter: Chapter, wanted: tuple[str, ...], blocks: list[Block], pending: bool) -> Iterator[Finding]:
    given = [heading_text(it) for it in blocks]
    for kind, first, last, start, end in SequenceMatcher(None, wanted, given, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        place = blocks[start].line if start < len(blocks) else chapter.last_line
        if lacking := wanted[first:last]:
            named = ", ".join(map(repr, lacking[:_NAMED])) + (
                f" and {len(lacking) - _NAMED} more" * (len(lacking) > _NAMED)
            )
            said = f"the outline has the heading{'s' * (len(lacking) > 1)} {named} here"
            yield Finding(chapter.path, place, "heading-missing", said, pending and start == len(blocks))
        for block in blocks[start:end]:
            said = f"the outline has no heading {heading_text(block)!r} here"
            yield Finding(chapter.path, block.line, "heading-extra", said)
