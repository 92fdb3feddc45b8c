"""Where in a tree of files the projects of the toolchains stand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from posixpath import basename, dirname

from ..report import Finding
from .recipe import Recipe, recipes

PLAIN = frozenset(
    "py pyi md txt rst toml cfg ini json yaml yml lock csv html css svg gitignore example in typed".split()  # noqa: SIM905
)
"""What the names of files end with that are no sources: a tree of nothing else has no projects of toolchains."""


@dataclass(frozen=True, slots=True)
class Project:
    """A folder that a toolchain judges."""

    recipe: Recipe
    root: str
    """The folder, empty or with a slash at its end."""
    marker: str
    """The path of the file that makes it one; empty where there is none."""

    def owns(self, path: str) -> bool:
        return path.startswith(self.root)

    def files(self, files: Mapping[str, str]) -> dict[str, str]:
        """Its files, by their paths below its folder."""
        return {path[len(self.root) :]: text for path, text in files.items() if self.owns(path)}

    def has_tests(self, files: Mapping[str, str]) -> bool:
        found = re.compile(self.recipe.tests)
        return any(found.search(path) or found.search(text) for path, text in files.items() if self._reads(path))

    def _reads(self, path: str) -> bool:
        return self.owns(path) and (suffix(path) in self.recipe.sources or self._marks(path))

    def _marks(self, path: str) -> bool:
        return any(fnmatchcase(basename(path), name) for name in self.recipe.markers)


def suffix(path: str) -> str:
    """What a file's name ends with, without the dot."""
    return basename(path).rpartition(".")[2].lower()


def find_projects(files: Mapping[str, str]) -> tuple[list[Project], list[Finding]]:
    """The projects among these files, and advice about sources that no toolchain judges."""
    there = {suffix(path) for path in files} - PLAIN
    wanted = [it for it in recipes() if there & set(it.sources)] if there else []
    found = [project for recipe in wanted for project in _of(recipe, files)]
    kept = [project for project in found if not any(_replaces(other, project) for other in found)]
    advice = [*_rivals(found), *_strays(wanted, found, files)]
    return kept, advice


def _of(recipe: Recipe, files: Mapping[str, str]) -> Iterator[Project]:
    sources = [path for path in files if suffix(path) in recipe.sources]
    markers: dict[str, str] = {}
    for name in recipe.markers:
        for path in files:
            if fnmatchcase(basename(path), name):
                markers.setdefault(_folder(path), path)
    wide = [root for root, path in markers.items() if recipe.workspace and re.search(recipe.workspace, files[path])]
    for root, path in sorted(markers.items()):
        inside = any(root != other and root.startswith(other) for other in wide)
        if not inside and any(source.startswith(root) for source in sources):
            yield Project(recipe, root, path)
    if recipe.bare and any(not any(source.startswith(root) for root in markers) for source in sources):
        yield Project(recipe, "", "")


def _folder(path: str) -> str:
    return f"{dirname(path)}/" if "/" in path else ""


def _replaces(other: Project, project: Project) -> bool:
    return other.root == project.root and project.recipe.name in other.recipe.replaces


def _rivals(found: Iterable[Project]) -> Iterator[Finding]:
    """Folders with two build systems: one is used, and it is said which."""
    found = list(found)
    for one in found:
        for other in found:
            if _replaces(one, other) and one.marker != other.marker and other.marker:
                text = f"{one.marker} stands beside it, and only that is used: keep one of the two"
                yield Finding(other.marker, 0, "build", text, advice=True)


def _strays(wanted: Iterable[Recipe], found: Iterable[Project], files: Mapping[str, str]) -> Iterator[Finding]:
    """Sources that stand in no project: one line for each language."""
    owned = list(found)
    told: set[str] = set()
    for recipe in wanted:
        alone = [
            path
            for path in files
            if suffix(path) in recipe.sources
            and not any(it.owns(path) and suffix(path) in it.recipe.sources for it in owned)
        ]
        if alone and alone[0] not in told:
            told.add(alone[0])
            yield Finding(min(alone), 0, "build", f"not checked: there is no {recipe.markers[0]} above it", advice=True)
