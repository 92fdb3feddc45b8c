"""Everything that judges a book, in one check."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any, TypeVar

from ....checks.report import Finding, Outcome, Report, Scene
from ...length import ANY, Length
from . import canon, endings, language, length, outline, placeholders, recipes, references, repeats, variants
from .reading import FRAME, Book, Chapter, read_book

Kept = TypeVar("Kept")
Judge = Callable[[Book, Chapter], Iterator[Finding]]
EACH: dict[str, Judge] = {
    "outline": outline.check_chapter,
    "length": length.check_chapter,
    "references": references.check_chapter,
    "index": references.check_index,
    "placeholders": placeholders.check_chapter,
    "endings": endings.check_chapter,
    "recipes": recipes.check_chapter,
    "canon": canon.check_chapter,
    "language": language.check_chapter,
}
WHOLE: dict[str, Callable[[Book], Iterator[Finding]]] = {
    "outline": outline.check_book,
    "length": length.check_book,
    "recipes": recipes.check_book,
}
MEASURED: dict[str, Callable[[Book, list[Chapter]], str]] = {"length": length.measured, "recipes": recipes.counted}
"""What a check tells though nothing is wrong."""
NAMES = (*EACH, "repeats", "variants", "spelling")
"""The checks, in the order of their reports: what is said last is shown where there is room."""

_MOST = 20  # findings of one kind in one file
_ENOUGH = 200  # findings of one check in one chapter, after which it is not looked at further
_REMEMBERED = 5_000
_INSTALL = "the packages of the extra are missing: pip install 'l2mac[book]'"


class BookChecks:
    """Judges a book; a `Check`. What it has seen of a chapter it does not judge again.

    Args:
        pending: of the planned chapters that have no file, and of all others, those that are still to be written, and
            so may be missing, short or open-ended; by default those that have no file. With it, a chapter that was
            just written counts as being written, until the whole is judged.
        templates: texts of the domain itself, which no chapter may repeat.
        only: the checks to make, by name; empty: all.
        length: what was asked for, of which the outline is held to promise neither more nor less.
    """

    artefacts: tuple[str, ...] = ()
    """What its tools leave behind: nothing."""

    def __init__(
        self,
        *,
        pending: Callable[[frozenset[str]], Collection[str]] | None = None,
        templates: Iterable[str] = (),
        only: Collection[str] = (),
        length: Length = ANY,
    ) -> None:
        self._pending = pending
        self._templates = tuple(templates)
        self._names = tuple(name for name in NAMES if name in only or not only)
        self._length = length
        self._read: dict[tuple[str, str], Chapter] = {}
        self._kept: dict[tuple[str, ...], Any] = {}
        self._repeats = repeats.Repeats()

    def check(self, scene: Scene) -> list[Report]:
        """Judge the scene: the chapters that changed, or the whole book when `changed` is None.

        A change of the outline, the settings or the canon concerns every chapter. A report is `absent` where there is
        nothing to judge; the language of a chapter is `unavailable` where the package that tells it is missing.
        """
        book = read_book(scene.files, None, self._read, lambda path: _on_disk(scene, path))
        book = replace(book, asked=self._length)
        if self._pending is not None:
            being = scene.changed or frozenset()
            book = replace(book, pending=frozenset(self._pending(book.pending)) | being)
        whole = scene.changed is None or not scene.changed.isdisjoint(FRAME)
        chosen = [it for it in book.chapters.values() if whole or it.path in (scene.changed or ())]
        reports = [self._report(name, book, chosen, whole) for name in self._names]
        if len(self._kept) > _REMEMBERED or len(self._read) > _REMEMBERED:
            self._kept, self._read = {}, {}
        return reports

    def _report(self, name: str, book: Book, chosen: list[Chapter], whole: bool) -> Report:
        try:
            findings = _bounded(self._findings(name, book, chosen, whole))
        except ImportError:
            # Advice that can't be given leaves nothing unverified.
            return Report(name, "unavailable" if name == "language" else "absent", (), _INSTALL)
        outcome: Outcome = "passed" if chosen else "absent"
        if any(not it.advice for it in findings):
            outcome = "failed"
        told = MEASURED[name](book, chosen) if outcome == "passed" and name in MEASURED else ""
        return Report(name, outcome, tuple(findings), told)

    def _findings(self, name: str, book: Book, chosen: list[Chapter], whole: bool) -> Iterator[Finding]:
        paths = {it.path for it in chosen}
        if name == "variants":
            counted = [(it, self._spellings(book, it)) for it in book.chapters.values()]
            yield from (it for it in variants.mixed(book, counted) if it.path in paths)
        elif name == "spelling":
            unknown = [(it, self._unknown(book, it)) for it in book.chapters.values()]
            yield from (it for it in language.misspelled(book, unknown) if it.path in paths)
        elif name == "repeats":
            # What did not change counts as earlier, so that the finding is where the work is.
            last = set() if whole else paths
            streams = [self._stream(it) for it in sorted(book.chapters.values(), key=lambda it: it.path in last)]
            yield from self._repeats.of(streams, repeats.own_words(book, self._templates))
        else:
            for chapter in chosen:
                yield from self._each(name, book, chapter)
            if whole and name in WHOLE:
                yield from WHOLE[name](book)

    def _each(self, name: str, book: Book, chapter: Chapter) -> tuple[Finding, ...]:
        """The findings of one chapter; kept, but those of references, which depend on other chapters too."""
        judge = EACH[name]
        if name == "references":
            return tuple(islice(judge(book, chapter), _ENOUGH))
        key = (name, book.frame, str(chapter.path in book.pending), chapter.path, chapter.text)
        return self._once(key, lambda: tuple(islice(judge(book, chapter), _ENOUGH)))

    def _spellings(self, book: Book, chapter: Chapter) -> variants.Spellings:
        key = ("spellings", book.language, chapter.path, chapter.text)
        return self._once(key, lambda: variants.spellings(book.language, chapter))

    def _unknown(self, book: Book, chapter: Chapter) -> language.Unknown:
        key = ("unknown", book.frame, chapter.path, chapter.text)
        return self._once(key, lambda: language.unknown(book, chapter))

    def _stream(self, chapter: Chapter) -> repeats.Stream:
        return self._once(("stream", chapter.path, chapter.text), lambda: repeats.stream(chapter))

    def _once(self, key: tuple[str, ...], work: Callable[[], Kept]) -> Kept:
        if key not in self._kept:
            self._kept[key] = work()
        kept: Kept = self._kept[key]
        return kept


def _on_disk(scene: Scene, path: str) -> bool:
    """Is a file that is no text, such as a picture, there?"""
    inside = not path.startswith(("/", "..")) and "\0" not in path
    return inside and len(path) < 1_000 and (scene.folder / path).is_file()


def _bounded(findings: Iterator[Finding]) -> list[Finding]:
    """Each finding once, and of one kind in one file no more than `_MOST`; the last says how many there are."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in dict.fromkeys(findings):
        groups.setdefault((finding.path, finding.code), []).append(finding)
    kept: list[Finding] = []
    for group in groups.values():
        kept += group[:_MOST]
        if len(group) > _MOST:
            kept[-1] = replace(kept[-1], text=f"{kept[-1].text} (and {len(group) - _MOST:,} more such)")
    return kept
