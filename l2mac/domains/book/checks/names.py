"""The names of a canon, and what is nearly one of them.

A word is nearly a name when one letter is missing, added, changed or swapped with the next (Damerau, 1964). Names are
filed under every form that lacks one letter, so that looking a word up takes the same time however many there are.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property

from .words import HAN

SHORTEST = 5  # letters of a name whose near-misses are looked for
PROPER = ("canon/people.yaml", "canon/places.yaml")
TOKEN = re.compile(rf"[^\W\d_{HAN}]+")
_ENDINGS = ("s", "es", "n", "en", "in", "a", "e", "i", "er")


class Names:
    """The names of a canon, ready to be looked up.

    Args:
        entries: of each entry its file, and name and aliases. All their words are known; only the names of people and
            places have near-misses, for those of things have endings.
    """

    def __init__(self, entries: Iterable[tuple[str, tuple[str, ...]]]) -> None:
        entries = list(entries)
        self.words = {word.casefold() for _, names in entries for name in names for word in TOKEN.findall(name)}
        self._names = [names for path, names in entries if path in PROPER]
        self._company: dict[str, set[str]] = defaultdict(set)
        self._shapes: dict[str, set[str]] = defaultdict(set)
        self._known: dict[str, str] = {}
        for names in self._names:
            words = [it for name in names for it in TOKEN.findall(name) if len(it) >= SHORTEST - 1]
            for word in words:
                self._company[word] |= {it for name in names for it in TOKEN.findall(name)} - {word}
                for shape in _shapes(word):
                    self._shapes[shape].add(word)

    def near(self, word: str) -> str:
        """The name that a word nearly is; empty when it is a name, or near none."""
        if word not in self._known:
            found: set[str] = set()
            if len(word) >= SHORTEST - 2 and not self._is_name(word):
                found = {it for shape in _shapes(word) for it in self._shapes.get(shape, ()) if _one_apart(word, it)}
            self._known[word] = min(found, default="")
        return self._known[word]

    def keeps_company(self, name: str, words: Iterable[str]) -> bool:
        """Does one of the words belong to the same full name?"""
        return bool(self._company[name].intersection(words))

    @cached_property
    def han(self) -> re.Pattern[str] | None:
        """Finds what differs from a Chinese name of three or four characters in one that is not its first or last."""
        names = [name for it in self._names for name in it if re.fullmatch(f"[{HAN}]{{3,4}}", name)]
        forms = [f"(?!{name}){name[:at]}[{HAN}]{name[at + 1 :]}" for name in names for at in range(1, len(name) - 1)]
        return re.compile("|".join(forms)) if forms else None

    def _is_name(self, word: str) -> bool:
        """A name of the canon, or one with an ending: `Annas`, `Rossis`."""
        folded = word.casefold()
        return folded in self.words or any(folded.endswith(it) and folded[: -len(it)] in self.words for it in _ENDINGS)


def _shapes(word: str) -> set[str]:
    """The word, and it without each of its letters: two words share one when they are at most one change apart."""
    folded = word.casefold()[:40]
    return {folded, *(folded[:at] + folded[at + 1 :] for at in range(len(folded)))}


def _one_apart(one: str, other: str) -> bool:
    """Are two words one letter missing, added, changed or swapped apart?"""
    left, right = sorted((one.casefold(), other.casefold()), key=len)
    at = next((it for it, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), len(left))
    if len(left) != len(right):
        return len(right) == len(left) + 1 and left[at:] == right[at + 1 :]
    swapped = left[at : at + 2] == right[at : at + 2][::-1] and left[at + 2 :] == right[at + 2 :]
    return left != right and (left[at + 1 :] == right[at + 1 :] or swapped)
