"""Does each file parse? Judged in our own process, on text that nobody has read.

What keeps hostile text from taking the machine down: a file above its size limit is a finding and is not parsed;
CPython's parser and compiler bound their own depth and answer RecursionError or MemoryError, which are findings here;
nothing is executed. JSON and TOML are read by the standard library under the same rules, and TOML keys of extreme
length, whose cost is quadratic, are refused unread.
"""

from __future__ import annotations

import hashlib
import json
import threading
import tomllib
import warnings
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath

from .report import Finding, Report

LIMITS = {".py": 1_000_000, ".pyi": 1_000_000, ".json": 8_000_000, ".toml": 500_000}
"""The largest text of each kind that is parsed, in characters; the TOML reader is pure Python, so it gets the least."""

_TOML_DOTS = 200
"""Dots allowed in one line of TOML: the reader's memory grows with the square of the parts of a dotted key."""

_REMEMBERED = 20_000

WORTH_IT = 4_000
"""Characters below which a file is parsed in less than a millisecond, and not ahead."""


class SyntaxCheck:
    """Parses Python, JSON and TOML files; what it has seen before it does not parse again."""

    def __init__(self) -> None:
        self._seen: dict[bytes, Finding | None] = {}
        self._one = threading.Lock()

    def check(self, files: Mapping[str, str], changed: frozenset[str] | None) -> Report:
        """Judge the changed files, or all of them when `changed` is None; `absent` when none is of a known kind."""
        asked = files if changed is None else [path for path in changed if path in files]
        chosen = sorted(filter(_kind, asked))
        if not chosen:
            return Report("syntax", "absent")
        findings = tuple(finding for path in chosen if (finding := self._finding(path, files[path])))
        return Report("syntax", "failed" if findings else "passed", findings)

    def ahead(self, path: str, text: str) -> None:
        """Parse a file that will probably be asked about, where that is worth it."""
        if _kind(path) and len(text) >= WORTH_IT:
            self._finding(path, text)

    def _finding(self, path: str, text: str) -> Finding | None:
        key = hashlib.sha256(f"{path}\0{text}".encode("utf-8", "surrogatepass")).digest()
        with self._one:  # who asks about what is being parsed waits for that
            if key not in self._seen:
                if len(self._seen) >= _REMEMBERED:
                    self._seen.clear()
                self._seen[key] = _parse(path, text)
            return self._seen[key]


def _kind(path: str) -> str:
    suffix = PurePosixPath(path).suffix.lower()
    return suffix if suffix in LIMITS else ""


def _parse(path: str, text: str) -> Finding | None:
    kind = _kind(path)
    if len(text) > LIMITS[kind]:
        said = f"the file has {len(text):,} characters; at most {LIMITS[kind]:,} are checked: split it"
        return Finding(path, 0, "syntax", said)
    readers: dict[str, Callable[[str, str], None]] = {".json": _json, ".toml": _toml}
    try:
        readers.get(kind, _python)(path, text)
    except SyntaxError as error:
        return Finding(path, min(error.lineno or 0, text.count("\n") + 1), "syntax", _one_line(error.msg))
    except json.JSONDecodeError as error:
        return Finding(path, error.lineno, "syntax", f"not JSON: {error.msg} (column {error.colno})")
    except tomllib.TOMLDecodeError as error:
        return Finding(path, _toml_line(str(error)), "syntax", f"not TOML: {_one_line(str(error))}")
    except (RecursionError, MemoryError):
        return Finding(path, 0, "syntax", "nested too deeply to be compiled: simplify it")
    except (ValueError, OverflowError) as error:
        return Finding(path, 0, "syntax", _one_line(str(error)))
    return None


def _python(path: str, text: str) -> None:
    # As bytes, because the interpreter that imports the file honours its byte order mark and coding line too.
    source = text.encode()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compile(source, path, "exec", dont_inherit=True)


def _json(path: str, text: str) -> None:
    if PurePosixPath(path).name in _COMMENTED:
        return
    json.loads(text)


def _toml(path: str, text: str) -> None:
    del path
    if any(line.count(".") > _TOML_DOTS for line in text.split("\n")):
        raise ValueError(f"a line has more than {_TOML_DOTS} dots: put one value on each line")
    tomllib.loads(text)


_COMMENTED = frozenset({"tsconfig.json", "jsconfig.json", "devcontainer.json", "settings.json", "launch.json"})
"""Files named .json whose tools allow comments in them."""


def _toml_line(message: str) -> int:
    digits = message.rpartition("at line ")[2].partition(",")[0]
    return int(digits) if digits.isdigit() else 0


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300] or "cannot be parsed"
