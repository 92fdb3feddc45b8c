"""Is each chapter as long as the outline wants, and the book? What to say of one that is not.

Both must score `LEAST`: a book whose chapters all do does so too, and no book fails at its end for many small debts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ....checks.report import Finding
from .reading import Block, Book, Chapter, block_words
from .words import LEAST, length_score

_PLANNED = 98.5
"""The least `length_score` of what the outline promises to what was asked for: 0.97 to 1.045 times as many words."""
_TAIL = 240  # characters of the end that are shown: enough to be found by, and to go on from
_FOUND = 30  # characters by which a last line is found alone


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A chapter to be continued, not rewritten."""

    words: int
    missing: int
    line: int
    """The last line of what is there."""
    tail: str
    """Its last words: the text goes on from here."""

    @property
    def request(self) -> str:
        """What to ask of the model."""
        return (
            f"{self.words:,} words; {self.missing:,} more are wanted. Keep what stands: continue after this line, "
            f"with new matter in the same voice and no summary of what was said. It ends: {self.tail}"
        )


@dataclass(frozen=True, slots=True)
class Excess:
    """A chapter to be cut."""

    words: int
    over: int
    line: int
    """From this line on the rest goes, or becomes a chapter of its own."""
    kept: int
    """Words that stay."""
    heading: str
    """The section that begins there; empty where no section does and the cut is before a paragraph."""

    @property
    def request(self) -> str:
        """What to ask of the model."""
        at = f'the section "{self.heading}"' if self.heading else "the paragraph"
        return (
            f"{self.words:,} words, {self.over:,} more than wanted. Cut it before {at} at line {self.line}: "
            f"{self.kept:,} words stay. Do not rewrite what stays, but give it an end."
        )


def shortfall(chapter: Chapter, wanted: int) -> Shortfall | None:
    """What a chapter lacks to its wanted length in words; None when it is long enough."""
    if chapter.words >= wanted or length_score(wanted, chapter.words) >= LEAST:
        return None
    whole = chapter.prose[-1].text.rstrip() if chapter.prose else "(no text yet)"
    last = whole.rpartition("\n")[2]
    tail = last if len(last) >= _FOUND else " ".join(whole.split())
    tail = tail if len(tail) <= _TAIL else f"…{tail[-_TAIL:].partition(' ')[2]}"
    return Shortfall(chapter.words, wanted - chapter.words, chapter.last_line, tail)


def excess(chapter: Chapter, wanted: int) -> Excess | None:
    """Where to cut a chapter that is too long; None when it is not.

    The section boundary that leaves nearest the wanted length, if what it leaves is long enough; else a paragraph's.
    """
    if chapter.words <= wanted or length_score(wanted, chapter.words) >= LEAST:
        return None
    places: list[tuple[tuple[bool, int, int], int, Block]] = []
    kept = 0
    for block in chapter.blocks:
        if kept and block.kind in ("heading", "paragraph"):
            fits = length_score(wanted, kept) >= LEAST
            places.append(((not fits, (block.level or 7) if fits else 0, abs(kept - wanted)), kept, block))
        kept += block_words(block)
    if not places:
        return None
    _, kept, block = min(places, key=lambda it: it[0])
    heading = block.text if block.kind == "heading" else ""
    return Excess(chapter.words, chapter.words - wanted, block.line, kept, heading)


def check_chapter(book: Book, chapter: Chapter) -> Iterator[Finding]:
    """Gates, but for a chapter that is still being written: then it says how much is to come."""
    plan = book.plan(chapter.path)
    if plan is None or length_score(plan.words, chapter.words) >= LEAST:
        return
    if short := shortfall(chapter, plan.words):
        yield Finding(chapter.path, short.line, "too-short", short.request, chapter.path in book.pending)
    elif long := excess(chapter, plan.words):
        yield Finding(chapter.path, long.line, "too-long", long.request)
    else:
        yield Finding(chapter.path, 0, "too-long", f"{chapter.words:,} words in one block; {plan.words:,} are wanted")


def measured(book: Book, chapters: Sequence[Chapter]) -> str:
    """How long the chapter is that was written, and the book so far, in words; of several chapters only the book."""
    wanted = book.asked.words or sum(it.words for it in book.planned)
    told = [f"{sum(it.words for it in book.chapters.values()):,} of {wanted:,} in the book"] if wanted else []
    if len(chapters) == 1 and (plan := book.plan(chapters[0].path)) and plan.words:
        told.insert(0, f"{chapters[0].words:,} of {plan.words:,} words in {plan.path}")
    return ", ".join(told)


def check_book(book: Book) -> Iterator[Finding]:
    """What is not written and never will be; an outline of another length than was asked for, and such a book."""
    for plan in book.planned:
        if plan.path not in book.files and plan.path not in book.pending:
            yield Finding("outline.yaml", plan.line, "unwritten", f"{plan.path} is not written")
    planned = sum(it.words for it in book.planned)
    being = "outline.yaml" in book.pending
    asked = book.asked.words
    if asked and length_score(asked, planned) < _PLANNED:
        said = f"the chapters' words add up to {planned:,}, and {asked:,} are asked for: change them"
        yield Finding("outline.yaml", 0, "outline-length", said, being)
    if book.asked.chapters not in (0, len(book.planned)):
        said = f"the outline has {len(book.planned):,} chapters, and {book.asked.chapters:,} are asked for"
        yield Finding("outline.yaml", 0, "outline-chapters", said, being)
    words = sum(it.words for it in book.chapters.values())
    wanted = asked or planned
    if not book.pending and length_score(wanted, words) < LEAST:
        score = length_score(wanted, words)
        said = f"the book has {words:,} of {wanted:,} words: S_l is {score:.0f}, below {LEAST:.0f}"
        yield Finding("outline.yaml", 0, "book-length", said)
