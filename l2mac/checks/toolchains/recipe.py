"""A toolchain's recipe: what a language needs to be fetched, checked and tested, read from a file of `recipes`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "recipes"
"""Where the recipes lie, and what they bring along (`{data}` in their commands)."""

Command = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fetch:
    """How dependencies are brought: outside the sandbox, with network, so that nothing of the project is run."""

    copies: tuple[str, ...]
    """Names (as `fnmatch` takes them) of the files that say what is needed; only these are laid out, others empty."""
    commands: tuple[Command, ...]
    locks: tuple[str, ...] = ()
    locked: tuple[Command, ...] = ()
    """The commands where one of the locks is there."""
    outdated: str = ""
    """Matches what is printed where the lock is out of step."""
    unresolved: str = ""
    """Matches what is printed where the project asks for what does not exist; its group `text` says it."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """What must not stand in these files, because fetching would run it: pattern to reason."""
    missing: str = ""
    """Matches, in what an offline run prints, what has not been fetched: a `name`, a `version`."""
    one: Command = ()
    """Fetches one such `{name}`, `{version}`."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """The environment of these commands, beside what the user's says of proxies, certificates and registries."""
    link: str = ""
    """The folder among what is fetched that must stand beside the marker."""


@dataclass(frozen=True, slots=True)
class Build:
    """How sources are judged without running tests."""

    commands: tuple[Command, ...]
    when: str = ""
    """A file beside the marker without which this way can't be gone."""
    needs: str = ""
    """What to say where no way can be gone."""


@dataclass(frozen=True, slots=True)
class Test:
    """How tests are run, and how to read what they say."""

    commands: tuple[Command, ...]
    reader: str
    """`junit`, `lines`, `go`, `pattern` or `exit`; see `reading`."""
    when: str = ""
    results: tuple[str, ...] = ()
    """Where a run leaves its results, as patterns below the folder."""
    passed: str = ""
    failed: str = ""
    skipped: str = ""
    trace: str = ""
    """For the reader `pattern`: the name of a failed test and the text about it."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One toolchain."""

    name: str
    title: str
    sources: tuple[str, ...]
    """What its files' names end with, without the dot."""
    markers: tuple[str, ...]
    """The files that make a folder a project of its, the first that is there."""
    program: str
    """Without it nothing can be done."""
    install: str
    """What to do where it is missing."""
    artefacts: tuple[str, ...]
    """Patterns, as in a .gitignore, of what its tools leave behind."""
    finding: tuple[str, ...]
    """Match one error of a compiler: `path`, `line`, `text` and perhaps `code`."""
    tests: str
    """Matches the path or the text of a file with tests."""
    define: str
    """Matches where a test is defined, its `name` and perhaps its `group`."""
    asserts: str
    """Matches one assertion."""
    build: tuple[Build, ...]
    test: tuple[Test, ...]
    bare: bool = False
    """Sources without a marker are a project, too."""
    workspace: str = ""
    """Matches a marker's text that makes all markers below part of its project."""
    replaces: tuple[str, ...] = ()
    """Toolchains that do not judge a folder that this one judges."""
    home: Command = ()
    """Prints where the toolchain lies; without it, it lies where its program does."""
    version: Command = ()
    readable: tuple[str, ...] = ()
    """What else it must be able to read."""
    variables: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)
    """What differs from the usual limits of a sandbox."""
    fetch: Fetch | None = None
    once: bool = False
    """Running the tests judges the sources as well."""
    stale: tuple[str, ...] = ()
    """Folders of what was compiled, removed before each run because the tools keep in them what has no source left."""


@cache
def recipes() -> tuple[Recipe, ...]:
    """Every recipe, by name."""
    return tuple(read(path.stem, path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.toml")))


def read(name: str, text: str) -> Recipe:
    """A recipe from its text; what it does not say is said by the one it is `like`.

    Raises:
        ValueError: it is not one; the text says why.
    """
    table = tomllib.loads(text)
    if "like" in table:
        table = tomllib.loads((FOLDER / f"{table.pop('like')}.toml").read_text("utf-8")) | table
    table["name"] = name
    for key, kind in (("build", Build), ("test", Test)):
        table[key] = tuple(_made(kind, each) for each in table.get(key, ()))
    if "fetch" in table:
        table["fetch"] = _made(Fetch, table["fetch"])
    recipe: Recipe = _made(Recipe, table)
    for pattern in (*recipe.finding, recipe.tests, recipe.define, recipe.asserts, recipe.workspace):
        re.compile(pattern)
    return recipe


def _made(kind: Any, table: Mapping[str, Any]) -> Any:
    if unknown := table.keys() - {it.name for it in fields(kind)}:
        raise ValueError(f"{kind.__name__} has no {', '.join(sorted(unknown))}")
    try:
        return kind(**{key: _frozen(value) for key, value in table.items()})
    except TypeError as error:
        raise ValueError(str(error)) from None


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
