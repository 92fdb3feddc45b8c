"""Passages that stand in the book twice, or that repeat what the machine itself put there.

Every run of `GRAM` words is looked up where it stood first; a hit is followed as far as the texts go together, over
single words that differ, and what it covers is not looked at again: the time is linear in the text. Of Chinese a word
is a character. Headings, tables, code and short items of lists (what a recipe needs) may be the same everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile

from ....checks.report import Finding
from .reading import Block, Book, Chapter
from .words import HAN, WORD

GRAM = 8  # words that are looked up together
PASSAGE = 40  # words from which a passage told twice is a fault; half as many are advice
_SHORT_ITEM = 15  # words of a list item that may be said again
_SLIPS = 3  # words in a row that may differ within one passage
_HAN_FIRST, _HAN_LAST = HAN[0], "\u9fff"


@dataclass(frozen=True, slots=True)
class Stream:
    """The words of one text that are compared, each with its line."""

    path: str
    words: tuple[str, ...]
    lines: tuple[int, ...]


def stream(chapter: Chapter) -> Stream:
    """What of a chapter is compared."""
    words: list[str] = []
    lines: list[int] = []
    for block in chapter.prose:
        found = _words(block)
        if block.kind != "item" or len(found) > _SHORT_ITEM:
            words += [word for word, _ in found]
            lines += [line for _, line in found]
    return Stream(chapter.path, tuple(words), tuple(lines))


def own_words(book: Book, templates: Iterable[str]) -> Iterator[Stream]:
    """What is no chapter's own: the domain's templates and the outline's summaries."""
    yield from (_plain_stream("the instructions", text) for text in templates)
    yield from (_plain_stream(f"outline.yaml:{it.line}", it.summary) for it in book.planned if it.summary)


class Repeats:
    """Finds repeated passages; of texts that are given again in the same order only what follows the first that
    changed is looked at anew.
    """

    def __init__(self) -> None:
        self._seen: dict[int, tuple[Stream, int]] = {}
        self._sources: tuple[Stream, ...] = ()
        self._done: list[tuple[Stream, tuple[Finding, ...], list[int]]] = []

    def of(self, streams: Iterable[Stream], sources: Iterable[Stream] = ()) -> Iterator[Finding]:
        """A finding at the later place of each passage, naming the earlier.

        Args:
            streams: the chapters, in the order in which they count as earlier.
            sources: texts that no chapter may repeat; of them half a passage is a fault already.
        """
        if (given := tuple(sources)) != self._sources or not self._seen:
            self._sources, self._done, self._seen = given, [], {}
            for source in given:
                for at in range(len(source.words) - GRAM + 1):
                    self._seen.setdefault(hash(source.words[at : at + GRAM]), (source, at))
        streams = list(streams)
        self._forget(sum(1 for _ in takewhile(lambda it: it[0] is it[1][0], zip(streams, self._done, strict=False))))
        foreign = {source.path for source in given}
        for text in streams[len(self._done) :]:
            added: list[int] = []
            self._done.append((text, tuple(_passages(text, self._seen, foreign, added)), added))
        for _, findings, _ in self._done:
            yield from findings

    def _forget(self, first: int) -> None:
        """Forget the texts from one on."""
        for _, _, added in self._done[first:]:
            for key in added:
                del self._seen[key]
        del self._done[first:]


def _passages(
    text: Stream, seen: dict[int, tuple[Stream, int]], foreign: set[str], added: list[int]
) -> Iterator[Finding]:
    at = 0
    while at <= len(text.words) - GRAM:
        key = hash(text.words[at : at + GRAM])
        if key not in seen:
            seen[key] = (text, at)
            added.append(key)
            at += 1
            continue
        other, start = seen[key]
        length = _length(other, start, text, at)
        full = PASSAGE * (2 if _is_han(text.words[at]) else 1) // (2 if other.path in foreign else 1)
        if length >= full // 2:
            yield _finding(other, start, text, at, length, length < full)
        at += length or 1


def _length(other: Stream, start: int, text: Stream, at: int) -> int:
    """How many words two texts share from two places on, over words that differ; 0 when they do not begin so."""
    left, right = other.words, text.words
    room = min(len(left) - start, len(right) - at)
    length = same = 0
    while length < room:
        if left[start + length] == right[at + length]:
            length += 1
            same = length
            continue
        again = _again(left, start + length, right, at + length)
        if length < GRAM or not again:
            break
        length += again
    return same if same >= GRAM else 0


def _again(left: tuple[str, ...], start: int, right: tuple[str, ...], at: int) -> int:
    """After how many words that differ two texts go together again for half a gram; 0 when they do not soon."""
    half = GRAM // 2
    for skip in range(1, _SLIPS + 1):
        after = right[at + skip : at + skip + half]
        if len(after) == half and left[start + skip : start + skip + half] == after:
            return skip
    return 0


def _finding(other: Stream, start: int, text: Stream, at: int, length: int, advice: bool) -> Finding:
    place = other.path if not other.lines else f"{other.path}:{other.lines[start]}"
    gap = "" if _is_han(text.words[at]) else " "
    begins = gap.join(text.words[at : at + GRAM])
    said = f'{length} words stand at {place} already, from "{begins} …" on: tell them once'
    return Finding(text.path, text.lines[at], "repeated", said, advice)


def _words(block: Block) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    for offset, line in enumerate(block.text.split("\n")):
        found += [(word.casefold(), block.line + offset) for word in WORD.findall(line)]
    return found


def _plain_stream(name: str, text: str) -> Stream:
    return Stream(name, tuple(word.casefold() for word in WORD.findall(text)), ())


def _is_han(word: str) -> bool:
    return _HAN_FIRST <= word[0] <= _HAN_LAST
