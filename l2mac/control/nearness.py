"""Who imports whom, in any language, as far as it takes to say which files are near to some.

Read by expressions from the head of each file, without a parser: it only ranks, so a wrong guess costs a place in a
list. A name matches a file if the file's path could answer to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

_HEAD = 20_000  # characters in which imports are looked for
_RINGS = 3  # steps from the files that are asked about
_FEWEST = 2  # parts that an absolute name of several parts must share with a path
_QUOTED = r"""["']([^"'\n]+)["']"""
_ECMA = rf"\bfrom\s*{_QUOTED}|\bimport\s*\(?\s*{_QUOTED}|\brequire\(\s*{_QUOTED}"
_C = r'^[ \t]*#[ \t]*include[ \t]*"([^"\n]+)"'
_OF = {
    "py": r"^[ \t]*from[ \t]+([.\w]+)[ \t]+import[ \t]+\(?([^#\n)]*)|^[ \t]*import[ \t]+([\w., \t]+)",
    **dict.fromkeys(["js", "mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx"], _ECMA),
    "go": r'^[ \t]*(?:import[ \t]+)?(?:[\w.]+[ \t]+)?"([\w./-]+)"[ \t]*$',
    "rs": r"^[ \t]*(?:pub(?:\([^)]*\))?[ \t]+)?use[ \t]+([\w:]+)|^[ \t]*(?:pub[ \t]+)?mod[ \t]+(\w+);",
    "java": r"^import[ \t]+(?:static[ \t]+)?([\w.]+)",
    **dict.fromkeys(["c", "h", "cc", "cpp", "cxx", "hpp", "hh", "hxx"], _C),
}
_EXPRESSIONS = {suffix: re.compile(expression, re.MULTILINE) for suffix, expression in _OF.items()}
_PACKAGE_FILES = frozenset({"__init__", "index", "mod", "lib"})


class ImportGraph:
    """The imports of the newest files; only those that have changed are read again."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._wants: dict[str, frozenset[str]] = {}
        self._answers: dict[str, frozenset[str]] = {}
        self._users: dict[str, dict[str, None]] = {}
        """The files that want a name."""
        self._homes: dict[str, dict[str, None]] = {}
        """The files that answer to a name."""

    def update(self, files: Mapping[str, str]) -> None:
        """Take the files (path to text) as they are now."""
        for path in [path for path in self._texts if path not in files]:
            self._forget(path)
        for path, text in files.items():
            known = self._texts.get(path)
            if known is not text and known != text:
                self._forget(path)
                self._learn(path, text)

    def near(self, paths: Iterable[str]) -> list[str]:
        """The files themselves, then what they import, then what imports them, then those a few steps further."""
        found = dict.fromkeys(path for path in paths if path in self._texts)
        ring = list(found)
        for _ in range(_RINGS):
            used = [other for path in ring for other in self._neighbours(self._wants[path], self._homes)]
            users = [other for path in ring for other in self._neighbours(self._answers[path], self._users)]
            ring = [path for path in dict.fromkeys([*used, *users]) if path not in found]
            found |= dict.fromkeys(ring)
        return list(found)

    def beside(self, paths: Iterable[str]) -> list[str]:
        """What these files import themselves, sorted."""
        there = [path for path in paths if path in self._texts]
        return sorted({other for path in there for other in self._neighbours(self._wants[path], self._homes)})

    @staticmethod
    def _neighbours(names: Iterable[str], index: Mapping[str, Iterable[str]]) -> list[str]:
        return sorted({path for name in names for path in index.get(name, ())})

    def _learn(self, path: str, text: str) -> None:
        if _suffix(path) not in _EXPRESSIONS:
            return
        self._texts[path] = text
        self._wants[path] = wanted(path, text)
        self._answers[path] = answers(path)
        for name in self._wants[path]:
            self._users.setdefault(name, {})[path] = None
        for name in self._answers[path]:
            self._homes.setdefault(name, {})[path] = None

    def _forget(self, path: str) -> None:
        if self._texts.pop(path, None) is None:
            return
        for names, index in ((self._wants.pop(path), self._users), (self._answers.pop(path), self._homes)):
            for name in names:
                index[name].pop(path)
                if not index[name]:
                    del index[name]


def answers(path: str) -> frozenset[str]:
    """The names under which others may import a file: the ends of its path, from its root with a slash before."""
    stem = PurePosixPath(path).with_suffix("")
    names = {f"/{path}", f"/{stem}"}
    if stem.name in _PACKAGE_FILES:
        stem = stem.parent
        names.add(f"/{stem}")
    ends = [stem.parts, PurePosixPath(path).parts]
    if path.endswith((".go", ".java")):
        ends.append(stem.parent.parts)
    for parts in ends:
        names |= {"/".join(parts[at:]) for at in range(len(parts))}
    return frozenset(names)


def _suffix(path: str) -> str:
    return path.rpartition(".")[2].lower()


def wanted(path: str, text: str) -> frozenset[str]:
    """The names that a file imports, as `answers` spells them."""
    suffix = _suffix(path)
    expression = _EXPRESSIONS.get(suffix)
    if expression is None:
        return frozenset()
    found = [match.groups(default="") for match in expression.finditer(text, 0, _HEAD)]
    return frozenset(name for groups in found for name in _names(path, suffix, groups) if name)


def _names(path: str, suffix: str, groups: tuple[str, ...]) -> Iterable[str]:
    folder = PurePosixPath(path).parent
    if suffix == "py":
        yield from _python(folder, *groups)
        return
    said = next(filter(None, groups), "")
    if suffix == "rs":
        parts = [part for part in said.split("::") if part not in ("crate", "self", "super")]
        yield from ("/".join(parts[:end]) for end in range(1, len(parts) + 1))
    elif suffix == "java":
        parts = said.split(".")
        yield from ("/".join(parts[:end]) for end in range(_FEWEST, len(parts) + 1))
    elif suffix == "go":
        parts = said.split("/")
        yield from ("/".join(parts[at:]) for at in range(len(parts)))
    else:
        yield _joined(folder, said)
        if _OF[suffix] is _C:
            yield said
        elif (built := said.rpartition("."))[2].startswith(("js", "mjs", "cjs")):  # TypeScript names what it becomes
            yield _joined(folder, built[0])


def _python(folder: PurePosixPath, module: str, names: str, plain: str) -> Iterable[str]:
    for whole in plain.split(","):
        words = whole.split()
        yield words[0].replace(".", "/") if words else ""
    if not module:
        return
    dots = len(module) - len(module.lstrip("."))
    base = module.strip(".").replace(".", "/")
    if dots:
        base = _joined(folder, "../" * (dots - 1) + (base or "."))
    yield base
    for name in names.split(","):
        words = name.split()
        yield f"{base}/{words[0]}" if words else ""


def _joined(folder: PurePosixPath, relative: str) -> str:
    """The path, from the root with a slash before, of what a file in a folder names relative to itself."""
    if not relative.startswith((".", "/")) and "/" not in relative and "." not in relative:
        return ""  # a package from elsewhere
    parts: list[str] = list(folder.parts)
    for part in relative.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)
