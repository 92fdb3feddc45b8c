"""Is a chapter written in the book's language, and are its words in the dictionary?

Scripts are told by counting letters. Languages of one script are told by `py3langid`, words are looked up in
`pyspellchecker`; both come with the extra `book` and run offline.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from ....checks.report import Finding
from ..manuscript import scalar, scalars
from .reading import Block, Book, Chapter
from .vocabulary import vocabulary
from .words import HAN

if TYPE_CHECKING:
    from spellchecker import SpellChecker

_ENOUGH = 100  # characters from which a paragraph's language can be told
_SAMPLE = 120  # characters of either end of a paragraph by which its language is told
_SURE = 0.99  # probability from which a paragraph counts as foreign
_SCRIPTS = {
    "han": re.compile(f"[{HAN}]"),
    "arabic": re.compile(r"[\u0620-\u064a\u066e-\u06d3]"),
    "cyrillic": re.compile(r"[\u0400-\u04ff]"),
    "hangul": re.compile(r"[\uac00-\ud7a3]"),
    "devanagari": re.compile(r"[\u0900-\u097f]"),
    "greek": re.compile(r"[\u0370-\u03ff]"),
    "hebrew": re.compile(r"[\u0590-\u05ff]"),
    "thai": re.compile(r"[\u0e00-\u0e7f]"),
    "latin": re.compile(r"[A-Za-zÀ-ɏ]"),
}
_WRITTEN = {
    "zh": "han", "ja": "han", "ar": "arabic", "fa": "arabic", "ur": "arabic", "ru": "cyrillic", "uk": "cyrillic",
    "bg": "cyrillic", "ko": "hangul", "hi": "devanagari", "el": "greek", "he": "hebrew", "th": "thai",
}  # fmt: skip
_LATIN = ("en", "de", "it", "fr", "es", "pt", "nl", "sv", "da", "pl", "cs", "tr", "fi", "ro", "hu")
_DICTIONARIES = ("ar", "de", "en", "es", "fr", "it", "nl", "pt", "ru")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_ITALIC = re.compile(r"(?<![\w*])\*(?![\s*])[^*\n]{1,200}\*(?![\w*])|(?<!\w)_(?![\s_])[^_\n]{1,200}_(?!\w)")
_MOST = 15  # unknown words of one chapter that are named
_SUBJECT = 3  # times that a word stands in the book when it is one of its subject
_ENDINGS = {"en": ("s", "es", "ed", "er", "ers", "ing", "less", "ness", "like", "ish", "able", "wise", "ward", "ly")}
_STEM = 3  # letters before an ending at least
Unknown = tuple[tuple[str, tuple[int, ...]], ...]
"""Words with their lines."""


def check_chapter(book: Book, chapter: Chapter) -> Iterator[Finding]:
    """Gates where the script is another, or most of the chapter is in another language; a lone paragraph, which may be
    a letter or a poem, is advice.

    Raises:
        ImportError: the package that tells languages is not installed.
    """
    wanted = book.language
    script = _WRITTEN.get(wanted, "latin")
    if not wanted or (script == "latin" and wanted not in _LATIN):
        return
    told = [(it, _told(it, wanted, script)) for it in chapter.prose if len(it.text) >= _ENOUGH]
    foreign = [(block, found) for block, found in told if found]
    most = 2 * sum(len(it.text) for it, _ in foreign) > sum(len(it.text) for it, _ in told)
    for block, found in foreign:
        advice = not most and (found in _LATIN or block.kind == "quote")
        said = f"this is {found}, the book is {scalar(book.settings.get('language'))}"
        yield Finding(chapter.path, block.line, "language", said, advice)


def unknown(book: Book, chapter: Chapter) -> Unknown:
    """The words of a chapter that no dictionary knows, each with the lines on which it stands: not those with a capital
    or in italics, and not those of the book's frame: settings, outline and canon.

    Raises:
        ImportError: the package with the dictionaries is not installed.
    """
    if book.language not in _DICTIONARIES:
        return ()
    checker, own, places = _dictionary(book.language), _own(book), dict[str, list[int]]()
    for block, text in chapter.told:
        for found in _WORD.finditer(_ITALIC.sub(lambda it: re.sub(r"[^\n]", " ", it[0]), text)):
            if len(found[0]) > 3 and not found[0][0].isupper():
                places.setdefault(found[0], []).append(block.line_at(found.start()))
    return tuple((it, tuple(lines)) for it, lines in places.items() if not _knows(checker, own, book.language, it))


def misspelled(book: Book, found: Iterable[tuple[Chapter, Unknown]]) -> Iterator[Finding]:
    """Words that no dictionary knows: advice, for no dictionary is whole. A word that stands three times in the book,
    or in an index, belongs to its subject.

    Args:
        book: what they stand in.
        found: each chapter with its `unknown` words.
    """
    found = list(found)
    index = _own_words(" ".join(term for it, _ in found for term in scalars(it.meta.get("index"))))
    often = Counter(word for _, words in found for word, lines in words for _ in lines)
    for chapter, words in found:
        rare = [(word, lines) for word, lines in words if often[word] < _SUBJECT and word not in index]
        for word, lines in rare[:_MOST]:
            yield Finding(chapter.path, lines[0], "unknown-word", f'"{word}" is in no dictionary', True)


def _told(block: Block, wanted: str, script: str) -> str:
    """The script or language of a paragraph when it is not the wanted one; empty when it is, or cannot be told."""
    if block.text.isascii() and script == "latin":
        return _latin(block, wanted)
    counts = {name: len(form.findall(block.text)) for name, form in _SCRIPTS.items()}
    most = max(counts, key=lambda name: counts[name] * (3 if name == "han" else 1))
    if most != script:
        return most
    return _latin(block, wanted) if script == "latin" else ""


def _latin(block: Block, wanted: str) -> str:
    language, probability = _identifier().classify(f"{block.text[:_SAMPLE]} {block.text[-_SAMPLE:]}")
    return language if language != wanted and probability >= _SURE else ""


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_DIR, MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_modelpath(MODEL_DIR / MODEL_FILE, norm_probs=True)
    identifier.set_languages(list(_LATIN))
    return identifier


@cache
def _dictionary(language: str) -> SpellChecker:
    from spellchecker import SpellChecker

    return SpellChecker(language=language)


@cache
def _own_words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.lower()))


def _own(book: Book) -> frozenset[str]:
    """The words that are the book's own, and those that are spelled in two ways."""
    twins: dict[str, str] = vocabulary("variants").get(book.language, {}).get("pairs", {})
    return _own_words(book.frame) | book.names.words | twins.keys() | set(twins.values())


def _knows(checker: SpellChecker, own: frozenset[str], language: str, word: str) -> bool:
    """Is a word in the dictionary or the book's own: as it stands, without its ending, or as two words in one (German)?

    English borrows: what it writes with an accent it took from elsewhere, and no list has all of that.
    """
    word = word.replace("’", "'")
    if language == "en" and not word.isascii():
        return True
    stems = {word, word.partition("'")[0], word.rpartition("'")[2], *_stems(language, word)}
    if any(it in checker or it in own for it in stems):
        return True
    return any(word[:at] in checker and word[at:].removeprefix("s") in checker for at in range(4, len(word) - 3))


def _stems(language: str, word: str) -> Iterator[str]:
    """What a word may be derived from."""
    for ending in _ENDINGS.get(language, ()):
        stem = word.removesuffix(ending)
        if stem != word and len(stem) >= _STEM and stem[-1] != ending[0]:
            yield from (stem, f"{stem}e")
