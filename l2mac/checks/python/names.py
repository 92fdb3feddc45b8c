"""What packages are called: which one holds a module, which names look like a popular one, which the user allows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from ..report import Finding
from .pins import Pin
from .requirements import Requirement, normalized

_DATA = Path(__file__).with_name("data")
_SHORTEST = 4
"""Letters that a name has of which another is called a misspelling: of shorter ones nearly all are."""


def package_of(module: str) -> str:
    """The package that holds a module, as one writes it into a list of requirements; empty when it is not known."""
    known = _packages()
    parts = module.split(".")
    for end in range(len(parts), 0, -1):
        if found := known.get(".".join(parts[:end])):
            return found
    return parts[0] if normalized(parts[0]) in _popular() else ""


def lookalike(name: str) -> str:
    """The popular package that a name may be a misspelling of: one letter more, less or other, or two exchanged
    (Damerau-Levenshtein distance 1, optimal string alignment). Empty when there is none, or the name is popular too.
    """
    name = normalized(name)
    if name in _popular() or len(name) < _SHORTEST:
        return ""
    return next((known for known in _popular() if len(known) >= _SHORTEST and _one_edit(name, known)), "")


def _one_edit(one: str, other: str) -> bool:
    if len(one) > len(other):
        one, other = other, one
    at = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
    if len(one) < len(other):
        return len(other) - len(one) == 1 and one[at:] == other[at + 1 :]
    exchanged = one[at : at + 2] == other[at : at + 2][::-1] and one[at + 2 :] == other[at + 2 :]
    return one[at + 1 :] == other[at + 1 :] or exchanged


def lookalikes(requirements: Iterable[Requirement]) -> Iterator[Finding]:
    """A warning for each requirement that may be a misspelling."""
    for item in requirements:
        if meant := lookalike(item.name):
            text = f"{item.name} is one letter away from {meant}, which far more people use: make sure that it is meant"
            yield Finding(item.path, item.line, "requirement", text, advice=True)


@dataclass(frozen=True, slots=True)
class Admission:
    """Which packages may be installed. Patterns are those of `fnmatch`, on normalized names.

    Args:
        allow: if there are any, a package must match one of them.
        deny: a package must match none of them.
    """

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()

    def refusals(self, pins: Iterable[Pin], requirements: Iterable[Requirement]) -> Iterator[Finding]:
        """A finding for each package of a resolution that may not be installed, at the requirement that brings it."""
        found = {pin.name: pin for pin in pins}
        asked = {item.name: item for item in reversed(list(requirements))}
        for name in found:
            if why := self._refused(name):
                origin = _origin(name, found, asked)
                needed = "" if origin.name == name else f", needed by {origin.name},"
                text = f"the package {name}{needed} {why}: do without it"
                yield Finding(origin.path, origin.line, "requirement", text)

    def _refused(self, name: str) -> str:
        if denied := next((pattern for pattern in self.deny if _matches(name, pattern)), ""):
            return f"is refused by the user's setting packages.deny ({denied})"
        if self.allow and not any(_matches(name, pattern) for pattern in self.allow):
            return "is not among those that the user's setting packages.allow admits"
        return ""


def _origin(name: str, pins: Mapping[str, Pin], asked: Mapping[str, Requirement]) -> Requirement:
    """The first requirement, by steps, that needs a package; any of them where the installer does not tell."""
    waiting, seen = [name], {name}
    for current in waiting:
        if current in asked:
            return asked[current]
        users = [user for user in (pins[current].via if current in pins else ()) if user not in seen]
        seen.update(users)
        waiting += users
    return next(iter(asked.values()))


def _matches(name: str, pattern: str) -> bool:
    return fnmatchcase(name, re.sub(r"[_.]+", "-", pattern.strip()).lower())


@cache
def _packages() -> dict[str, str]:
    return dict(line.split("\t") for line in _lines("imports.tsv"))


@cache
def _popular() -> dict[str, None]:
    """A set that keeps its order, the most downloaded first."""
    return dict.fromkeys(_lines("popular.txt"))


def _lines(name: str) -> list[str]:
    return [line for line in (_DATA / name).read_text("utf-8").splitlines() if not line.startswith("#")]
