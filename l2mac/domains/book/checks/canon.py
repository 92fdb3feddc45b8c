"""What a chapter says against the canon, as far as a machine can tell: names nearly right, numbers that differ.

Where a near-miss is meant, the canon can have it as an alias or as an entry of its own, and the finding says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from ....checks.report import Finding
from .names import SHORTEST, TOKEN, Names
from .reading import Block, Book, Chapter, Entry
from .vocabulary import vocabulary
from .words import HAN

_NUMBER = re.compile(r"(?<![\dA-Za-z.,])\d{1,3}(?:[.,'\u00a0\u202f ]\d{3})+(?![\d])|(?<![\dA-Za-z.,])\d+(?:[.,]\d+)?")
_SENTENCE = re.compile(r"[^.!?。！？؟]+(?:\.(?=\d)[^.!?。！？؟]*)*[.!?。！？؟]*")
_NEAR = 40  # characters between a number and the word that says what it counts
_TARGET = re.compile(r"(?<=\])\([^()\s]*\)")
_AFTER = re.compile(r"[\s\u00a0\u202f]*([^\W\d_]+)")
_UNITS = re.compile(
    r"[mk]?g|[mcd]?l|oz|lbs?|cups?|t(?:b|ea)?sp(?:oons?)?|tablespoons?|gramm?s?|lit(?:re|er)s?|[mck]?m|min(?:ute[sn]?)?|"
    r"h(?:ours?)?|stunden?|days?|tage?|cloves|eggs"
)
_PARTICLES = "的了和在是与也都就不说"


def check_chapter(book: Book, chapter: Chapter) -> Iterator[Finding]:
    """Gates: a name that is nearly right within a full name, or within a sentence of a language that writes only names
    with a capital; a number that differs; a spelling that the canon avoids. Near-misses elsewhere are advice.
    """
    if not book.canon:
        return
    lower = {word for it in chapter.prose for word in re.findall(r"\b[a-zß-ÿ]\w+", it.text)}
    avoided = _any_of(tuple(word for it in book.canon for word in it.avoid))
    for block in chapter.prose:
        yield from _names(book, chapter, block, book.names, lower)
        for found in avoided.finditer(block.text) if avoided else ():
            said = f'the canon avoids the spelling "{found[0]}"'
            yield Finding(chapter.path, block.line_at(found.start()), "spelling-avoided", said)
    yield from _numbers(book, chapter)


def _names(book: Book, chapter: Chapter, block: Block, names: Names, lower: set[str]) -> Iterator[Finding]:
    words = list(TOKEN.finditer(block.text))
    for at, word in enumerate(words):
        name = names.near(word[0])
        if not name:
            continue
        beside = [words[it][0] for it in (at - 1, at + 1) if 0 <= it < len(words)]
        sure = names.keeps_company(name, beside)
        capital = word[0][0].isupper() and name[0] == word[0][0] and len(name) >= SHORTEST
        if sure or (capital and word[0][:-1] != name[:-1] and word[0].lower() not in lower):
            inside = at > 0 and re.fullmatch(r"[ ,;:]+", block.text[words[at - 1].end() : word.start()]) is not None
            advice = not sure and (not inside or book.language in ("de", "lb"))
            yield _misnamed(chapter, block.line_at(word.start()), word[0], name, advice)
    for found in names.han.finditer(block.text) if names.han else ():
        if not any(it in found[0] for it in _PARTICLES):
            yield _misnamed(chapter, block.line_at(found.start()), found[0], "a name of the canon", False)


def _misnamed(chapter: Chapter, line: int, word: str, name: str, advice: bool) -> Finding:
    said = f'"{word}" is nearly {name}: correct it, or give the canon "{word}" as an alias or an entry of its own'
    return Finding(chapter.path, line, "name-misspelled", said, advice)


def _numbers(book: Book, chapter: Chapter) -> Iterator[Finding]:
    named = {name.casefold(): it for it in book.canon for name in it.names if _is_measured(it)}
    pattern = _any_of(tuple(named))
    if pattern is None:
        return
    for block in chapter.prose:
        text = _TARGET.sub(lambda it: " " * len(it[0]), block.text)
        for sentence in _SENTENCE.finditer(text) if _NUMBER.search(text) else ():
            named_here = {" ".join(it[0].casefold().split()) for it in pattern.finditer(sentence[0])}
            about = {named[it].name: named[it] for it in named_here if it in named}
            if len(about) == 1:
                (entry,) = about.values()
                for at, said in _contradictions(entry, sentence[0]):
                    yield Finding(chapter.path, block.line_at(sentence.start() + at), "fact-differs", said)


def _is_measured(entry: Entry) -> bool:
    return any(map(_NUMBER.search, entry.facts.values()))


def _contradictions(entry: Entry, sentence: str) -> Iterator[tuple[int, str]]:
    """The numbers of a sentence about one entry that are not the canon's, each with its place."""
    numbers = list(_NUMBER.finditer(sentence))
    elsewhere = _elsewhere().search(sentence) is not None
    for key, value in entry.facts.items():
        right = _NUMBER.search(value)
        if right is None or elsewhere:
            continue
        for word in _fact(key).finditer(sentence):
            near = [it for it in numbers if max(it.start() - word.end(), word.start() - it.end()) <= _NEAR]
            if len(near) != 1 or not _alike(_unit(sentence, near[0]), _unit(value, right)):
                continue
            if _value(near[0][0]) != _value(right[0]):
                said = f"{entry.name}: {key} is {value} in {entry.path}, here {near[0][0]}"
                yield near[0].start(), f"{said}: correct it here, or there"
                break


def _unit(text: str, number: re.Match[str]) -> str:
    """The word after a number, which may say what it counts."""
    found = _AFTER.match(text, number.end())
    return found[1].lower() if found else ""


def _alike(here: str, there: str) -> bool:
    """Whether two numbers can be compared: not where each has a unit, and another."""
    return here == there or not (_UNITS.fullmatch(here) and _UNITS.fullmatch(there))


@cache
def _fact(key: str) -> re.Pattern[str]:
    """The words that say that a number is this fact."""
    stem = key.lower().partition("_")[0]
    known: Mapping[str, Any] = vocabulary("facts")
    data = known.get(stem) if stem != "elsewhere" else None
    own = _bounded(key.replace("_", " "))
    return re.compile(rf"{own}|(?<![^\W{HAN}\d])(?:{data['words']})(?![^\W{HAN}\d])" if data else own, re.IGNORECASE)


@cache
def _elsewhere() -> re.Pattern[str]:
    return re.compile(vocabulary("facts")["elsewhere"], re.IGNORECASE)


@cache
def _any_of(texts: tuple[str, ...]) -> re.Pattern[str] | None:
    longest_first = sorted(texts, key=len, reverse=True)
    return re.compile("|".join(map(_bounded, longest_first)), re.IGNORECASE) if texts else None


def _bounded(text: str) -> str:
    """A pattern for a text as words of its own; Chinese has no bounds."""
    escaped = re.escape(text).replace(r"\ ", r"\s+")
    return escaped if re.match(f"[{HAN}]", text) else rf"(?<!\w){escaped}(?!\w)"


def _value(text: str) -> float:
    grouped = re.sub(r"[.,'\u00a0\u202f ](?=\d{3}(?!\d))", "", text)
    return float(grouped.replace(",", "."))
