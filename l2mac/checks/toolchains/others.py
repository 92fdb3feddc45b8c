"""Languages for which there is no toolchain: what is written in them is kept, and nobody can say whether it works."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..report import Report
from .projects import suffix
from .recipe import recipes

_DATA = Path(__file__).with_name("data") / "languages.tsv"


@dataclass(frozen=True, slots=True)
class Other:
    """A language that nothing here can judge."""

    title: str
    sources: tuple[str, ...]
    """What its files' names end with, without the dot."""
    script: bool
    """Whether its files usually only help a project in another language."""


@cache
def others() -> tuple[Other, ...]:
    """Every such language that is known by its name."""
    rows = (line.split("\t") for line in _DATA.read_text("utf-8").splitlines() if not line.startswith("#"))
    return tuple(Other(title, tuple(ends.split()), bool(script)) for title, ends, *script in rows)


def unjudged(files: Mapping[str, str]) -> list[Report]:
    """A report, `unavailable`, for each such language among files; scripts count where they stand alone."""
    ends: dict[str, str] = {}
    for path in sorted(files, reverse=True):
        ends[suffix(path)] = path
    found = [it for it in others() if ends.keys() & set(it.sources)]
    judged = {"py", *(end for recipe in recipes() for end in recipe.sources)}
    if ends.keys() & judged or any(not it.script for it in found):
        found = [it for it in found if not it.script]
    return [Report(it.title.lower(), "unavailable", detail=_told(it, ends)) for it in found]


def _told(language: Other, ends: Mapping[str, str]) -> str:
    path = min(ends[end] for end in language.sources if end in ends)
    return f"there is no toolchain for {language.title}: {path} and what else is in it is written, not checked"
