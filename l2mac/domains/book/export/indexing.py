"""Where the terms of an index occur."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

_WORD = re.compile(r"\w+")
# Scripts without spaces between words: Thai, Lao, Burmese, Khmer, Japanese, Chinese.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
_ARABIC_PREFIX = re.compile("^[وفبكل]?(?:ال|لل)?(?=\\w{2})")  # and, so, with, as, to; the article


class Finder:
    """Finds many terms in one pass over a text.

    A term occurs where it stands as whole words, in any case, also with a plural s; in Arabic also behind the article
    and the prefixes of a word; in scripts without spaces, wherever its characters stand. `Rossi, Anna` occurs as
    `Anna Rossi` too.

    Args:
        terms: what to find.
        loose: those of them that occur with any ending.
    """

    def __init__(self, terms: Iterable[str], loose: Collection[str] = ()) -> None:
        self._words: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
        self._loose: list[tuple[str, re.Pattern[str]]] = []
        unspaced = []
        for term in terms:
            if _UNSPACED.search(term):
                unspaced.append(term)
                continue
            for words, rest in _spellings(term):
                pattern = re.compile(rf"{rest}(?:e?s)?(?!\w)", re.IGNORECASE)
                self._words.setdefault(words.lower(), []).append((term, pattern))
                if term in loose:
                    self._loose.append((term, re.compile(rf"(?<!\w){rest}", re.IGNORECASE)))
        longest = sorted(unspaced, key=len, reverse=True)
        self._unspaced = re.compile("|".join(map(re.escape, longest))) if longest else None

    def find(self, text: str) -> Iterator[tuple[int, str]]:
        """Yield each place of a term as its offset in the text and the term, in order of the offsets."""
        found = [*self._spaced(text)]
        if self._unspaced:
            found += [(it.start(), it[0]) for it in self._unspaced.finditer(text)]
        for term, pattern in self._loose:
            found += [(it.start(), term) for it in pattern.finditer(text)]
        yield from sorted(found)

    def _spaced(self, text: str) -> Iterator[tuple[int, str]]:
        if not self._words:
            return
        for word in _WORD.finditer(text):
            key = word[0].lower()
            for skipped, form in _forms(key):
                for term, pattern in self._words.get(form, ()):
                    if pattern.match(text, word.start() + skipped):
                        yield word.start(), term


def _forms(word: str) -> Iterator[tuple[int, str]]:
    """What a word may be listed as, each with the length of the prefix that is left out."""
    yield 0, word
    if word.endswith("s"):
        yield from ((0, word[:-1]), (0, word[:-2] if word.endswith("es") else ""))
    elif "\u0600" <= word[0] <= "\u06ff" and (prefix := _ARABIC_PREFIX.match(word)) and prefix[0]:
        bare = len(prefix[0].removesuffix("ال"))
        yield from ((at, word[at:]) for at in {len(prefix[0]), bare} if at)


def _spellings(term: str) -> Iterator[tuple[str, str]]:
    """The first word of each way to write a term, and the pattern of the whole from there on."""
    last, comma, first = term.partition(", ")
    for written in (term, f"{first} {last}") if comma else (term,):
        if word := _WORD.search(written):
            rest = r"\s+".join(map(re.escape, written[word.start() :].split()))
            yield word[0], re.sub("['’]", "['’]", rest)
