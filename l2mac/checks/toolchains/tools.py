"""Which toolchains this computer has, and where."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .recipe import FOLDER, Recipe

_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Tool:
    """A toolchain that is there."""

    recipe: Recipe
    home: Path
    """The folder in which it lies."""
    version: str
    """What it says of its version, in one line."""
    path: str
    """The search path on which its programs come first."""

    def variables(self, places: Mapping[str, str]) -> dict[str, str]:
        """The environment of its commands."""
        filled = filled_in(self.recipe.variables, places)
        return {"PATH": self.path, "LC_ALL": "C.UTF-8", **filled}

    def readable(self, cache: Path) -> tuple[Path, ...]:
        """What it must be able to read."""
        named = (os.path.expandvars(it) for it in self.recipe.readable)
        return (self.home, cache, FOLDER, *(Path(it) for it in named if it.startswith("/")))


def filled_in(variables: Mapping[str, str], places: Mapping[str, str]) -> dict[str, str]:
    """Variables with their places put in; one that names a variable of the user which is not set is left out."""
    found = {name: os.path.expandvars(fill(value, places)) for name, value in variables.items()}
    return {name: value for name, value in found.items() if not value.startswith("$")}


def fill(text: str, places: Mapping[str, str]) -> str:
    """Put places, `{cache}` and the like, into a word of a recipe."""
    for name, place in places.items():
        text = text.replace(f"{{{name}}}", place)
    return text


def find(recipe: Recipe) -> Tool | str:
    """The toolchain of a recipe, or a line that says what is missing and how to install it; looked for once."""
    path = os.environ.get("PATH", os.defpath)
    if (recipe.name, path) not in _found:
        _found[recipe.name, path] = _look(recipe, path)
    return _found[recipe.name, path]


_found: dict[tuple[str, str], Tool | str] = {}


def _look(recipe: Recipe, path: str) -> Tool | str:
    program = shutil.which(recipe.program, path=path)
    if program is None:
        return f"{recipe.program} is not installed: {recipe.install}"
    home = Path(os.path.realpath(program)).parent.parent
    if recipe.home:
        said = _said(recipe.home, path)
        if said is None or not Path(said).is_dir():
            return f"{recipe.program} does not say where it lies ({' '.join(recipe.home)}): {recipe.install}"
        home = Path(said)
    first = "" if str(home) in ("/", "/usr") else f"{home / 'bin'}{os.pathsep}"
    version = _said([fill(word, {"home": str(home)}) for word in recipe.version], f"{first}{path}")
    if version is None:
        return f"{recipe.program} does not work: {recipe.install}"
    return Tool(recipe, home, version, f"{first}{path}")


def _said(command: Sequence[str], path: str) -> str | None:
    """The first line that a program of the toolchain prints; None where it fails."""
    variables = {**os.environ, "PATH": path, "LC_ALL": "C.UTF-8"}
    try:
        found = shutil.which(command[0], path=path) or command[0]
        done = subprocess.run(  # from the root folder: no project's settings are its
            [found, *command[1:]], env=variables, cwd="/", stdin=subprocess.DEVNULL, capture_output=True,
            timeout=_SECONDS, check=True, encoding="utf-8", errors="replace",
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    lines = f"{done.stdout}\n{done.stderr}".strip().splitlines()
    return lines[0].strip() if lines else None
