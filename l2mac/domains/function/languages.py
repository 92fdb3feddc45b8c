"""The languages in which functions are written, from `languages.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Language:
    """A language."""

    name: str
    """As `--lang` takes it."""
    title: str
    layout: str
    """The files of a small project, one a line; in their names NAME stands for what the function is called."""
    aliases: tuple[str, ...] = ()
    toolchain: str = ""
    """The recipe that judges it; empty for Python, and where there is none."""


@cache
def languages() -> tuple[Language, ...]:
    """Every language of which the usual project is known, Python first."""
    table = tomllib.loads((files(__package__) / "languages.toml").read_text(encoding="utf-8"))
    return tuple(
        Language(name, it["title"], it["layout"].strip(), tuple(it.get("aliases", ())), it.get("toolchain", ""))
        for name, it in table.items()
    )
