"""The Python project as a whole: its modules, who imports whom, and which tests a change can affect.

The index errs on the side of more: an import by a computed name depends on everything, a string that spells a module
counts as an import of it, and a module answers to every name that some `sys.path` could give it.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from pathlib import PurePosixPath

from .facts import ClassFacts, Facts, FunctionFacts, read_facts

_PROSE = frozenset({".md", ".rst"})
_ABOVE_TESTS = ("conftest.py", "__init__.py")


def is_test(path: str) -> bool:
    """Is this the path of a test file, by pytest's own naming rule?"""
    name = path.rpartition("/")[2]
    return name.endswith("_test.py") or (name.startswith("test_") and name.endswith(".py"))


class ProjectIndex:
    """Makes a Project of files; what has not changed since the last is not worked out again."""

    def __init__(self) -> None:
        self._last = Project({}, {})

    def of(self, files: Mapping[str, str]) -> Project:
        """The project that these files (path to text) make up."""
        last = self._last
        facts = {
            path: last.facts[path] if last.files.get(path) == text else read_facts(text)
            for path, text in files.items()
            if path.endswith(".py")
        }
        self._last = made = Project(files, facts, last)
        return made


class Project:
    """One state of the project.

    Args:
        files: path to text.
        facts: of each Python file.
        before: an earlier state, of which is taken over what holds for this one.
    """

    def __init__(self, files: Mapping[str, str], facts: Mapping[str, Facts], before: Project | None = None) -> None:
        self.facts = facts
        """The facts of each Python file, by path."""
        self.files = files
        self._known: dict[str, set[str]] = {}
        """What files import, as far as that is known from before."""
        self._strict: dict[str, set[str]] = {}
        self._loose: dict[str, set[str]] = {}
        self._tops: set[str]
        if before and before.facts.keys() == facts.keys():
            self._strict, self._loose, self._tops = before._strict, before._loose, before._tops
            self._known = {path: used for path, used in before._imports.items() if facts[path] is before.facts[path]}
        else:
            for path in facts:
                self._register(path)
            self._tops = {name.partition(".")[0] for name in self._strict} - {"src"}
        self.tests = tuple(sorted(filter(is_test, facts)))
        """The paths of the test files, sorted."""

    def module_names(self, path: str) -> set[str]:
        """The dotted names under which a file is imported from the root, from `src`, or from above its package."""
        parts = _module_parts(path)
        folder = path.rpartition("/")[0]
        while folder and f"{folder}/__init__.py" in self.files:
            folder = folder.rpartition("/")[0]
        depth = len(folder.split("/")) if folder else 0
        starts = {0, depth} | ({1} if len(parts) > 1 and parts[0] == "src" else set())
        return {".".join(parts[start:]) for start in starts if parts[start:]}

    def owns(self, module: str) -> bool:
        """Does a dotted module name lie in the project: is it a module, or inside a package of it?"""
        top = module.partition(".")[0]
        return bool(top) and top in self._tops

    def shadows(self, modules: Collection[str]) -> bool:
        """Does a module or package of the project have one of these names?"""
        return not self._tops.isdisjoint(modules)

    def answers_to(self, module: str) -> bool:
        """Could a module of this name be the project's, whatever its `sys.path`?"""
        return self.owns(module) or module in self._loose or any(name.startswith(f"{module}.") for name in self._loose)

    def is_module(self, module: str) -> bool:
        """Is this the name of a module of the project?"""
        return module in self._strict

    def lookup(self, module: str) -> set[str]:
        """The paths of the files that answer to a module's dotted name."""
        return self._strict.get(module, set())

    @cached_property
    def classes(self) -> dict[str, list[tuple[str, ClassFacts]]]:
        """Every class by its name, each with the path that defines it."""
        found: dict[str, list[tuple[str, ClassFacts]]] = {}
        for path, facts in self.facts.items():
            for item in facts.classes:
                found.setdefault(item.name, []).append((path, item))
        return found

    @cached_property
    def functions(self) -> dict[str, list[tuple[str, FunctionFacts]]]:
        """Every function and method by its name, each with the path that defines it."""
        found: dict[str, list[tuple[str, FunctionFacts]]] = {}
        for path, facts in self.facts.items():
            for item in facts.functions:
                found.setdefault(item.name, []).append((path, item))
        return found

    def direct_dependants(self, paths: Iterable[str]) -> set[str]:
        """The files that import one of these files themselves."""
        return {user for path in paths for user in self._users(path)}

    def dependants(self, paths: Iterable[str]) -> set[str]:
        """The files that import one of these files, directly or through others; without the files themselves."""
        given = set(paths)
        found: set[str] = set()
        waiting = list(given)
        while waiting:
            for user in self._users(waiting.pop()) - found:
                found.add(user)
                waiting.append(user)
        return found - given

    def dependencies(self, path: str) -> set[str]:
        """The files that a file imports, directly or through others, and the file itself."""
        found = {path}
        waiting = [path]
        while waiting:
            for used in self._imports.get(waiting.pop(), set()) - found:
                found.add(used)
                waiting.append(used)
        return found

    def tests_affected(self, changed: Iterable[str]) -> tuple[str, ...] | None:
        """The test files whose result a change of these paths can alter, sorted; None when it may be any of them."""
        paths = set(changed)
        if any(self._alters_all(path) for path in paths):
            return None
        python = {path for path in paths if path.endswith(".py")}
        if python:
            python |= {path for path, facts in self.facts.items() if facts.dynamic}
        touched = (self.dependants(python) | python) & set(self.facts)
        # A `conftest.py` is imported for all tests below it, and an `__init__.py` decides how: by its being there, too.
        above = [path for path in touched | python if path.endswith(_ABOVE_TESTS)]
        folders = tuple(f"{path.rpartition('/')[0]}/".lstrip("/") for path in above)
        twins = {path.rpartition("/")[2] for path in python}  # of two with one name, pytest may refuse one
        touched |= {test for test in self.tests if test.startswith(folders) or test.rpartition("/")[2] in twins}
        return tuple(sorted(path for path in touched if is_test(path)))

    def _alters_all(self, path: str) -> bool:
        name = PurePosixPath(path)
        if name.suffix == ".py":
            return name.name in ("conftest.py", "setup.py")
        if name.suffix in _PROSE or name.name in (".gitignore", "LICENSE"):
            return any(name.name in self.files[python] for python in self.facts)
        return True

    def _register(self, path: str) -> None:
        for name in self.module_names(path):
            self._strict.setdefault(name, set()).add(path)
        parts = _module_parts(path)
        for start in range(len(parts)):
            self._loose.setdefault(".".join(parts[start:]), set()).add(path)

    @cached_property
    def _imports(self) -> dict[str, set[str]]:
        known, self._known = self._known, {}
        return {
            path: known[path] if path in known else self._imported_by(path, facts) - {path}
            for path, facts in self.facts.items()
        }

    @cached_property
    def _imported_from(self) -> dict[str, set[str]]:
        users: dict[str, set[str]] = {}
        for user, used in self._imports.items():
            for path in used:
                users.setdefault(path, set()).add(user)
        return users

    def _users(self, path: str) -> set[str]:
        if path in self.facts or not path.endswith(".py"):
            return self._imported_from.get(path, set())
        # A deleted file: whoever still asks for one of its names.
        names = {".".join(parts[start:]) for parts in [_module_parts(path)] for start in range(len(parts))}
        return {user for user, facts in self.facts.items() if names & self._asked_for(user, facts)}

    def _imported_by(self, path: str, facts: Facts) -> set[str]:
        scripts = [".".join(_module_parts(text.lstrip("./"))) for text in facts.strings if text.endswith(".py")]
        found = {script for name in scripts for script in self._loose.get(name, ())}
        for name in self._asked_for(path, facts):
            strict = name.partition(".")[0] in sys.stdlib_module_names
            found |= (self._strict if strict else self._loose).get(name, set())
        return found

    def _asked_for(self, path: str, facts: Facts) -> set[str]:
        """The names of the modules that a file may import: those that it does, those in strings, those above them."""
        spelled = {
            ".".join(_module_parts(text.lstrip("./"))) if text.endswith(".py") else text.replace(":", ".")
            for text in facts.strings
        }
        asked = self._wanted(path, facts) | {name for name in spelled if "." in name or name in self._strict}
        asked |= {f"{name}.__main__" for name in asked}
        return {name[:end] for name in asked for end in _ends(name)}

    def _wanted(self, path: str, facts: Facts) -> set[str]:
        wanted: set[str] = set()
        for item in facts.imports:
            module = resolve_import(path, item.module, item.level)
            wanted.add(module)
            if item.name and item.name != "*":
                wanted.add(f"{module}.{item.name}".lstrip("."))
        return wanted - {""}


def resolve_import(path: str, module: str, level: int) -> str:
    """The dotted name, from the root, of a module that the file at `path` imports with `level` leading dots."""
    if not level:
        return module
    folder = PurePosixPath(path).parent.parts
    kept = folder[: len(folder) - (level - 1)] if level <= len(folder) + 1 else ()
    return ".".join([*kept, *([module] if module else [])])


def _ends(name: str) -> list[int]:
    """Where the names end that a dotted name begins with, its own among them."""
    return [*(at for at, letter in enumerate(name) if letter == "."), len(name)]


def _module_parts(path: str) -> list[str]:
    parts = path.removesuffix(".py").split("/")
    return parts[:-1] if parts and parts[-1] == "__init__" else parts
