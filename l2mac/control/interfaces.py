"""The interfaces of files in other languages than Python, read by a process of its own under limits."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from . import outline

_LARGEST = 1_000_000  # characters of a file that is parsed
_SECONDS = 3.0  # that a process has for its files
_CRASHES = 2  # after so many, what is left of a batch is shown without interfaces
_KEPT = 2_000  # interfaces

_known: dict[bytes, Any] = {}


def readable(path: str) -> bool:
    """Whether there is a parser for a file."""
    return suffix(path) in outline.OF


def suffix(path: str) -> str:
    """What a file's name ends with, without the dot."""
    _, dot, end = path.rpartition(".")
    return end.lower() if dot else ""


def interfaces(files: Mapping[str, str]) -> dict[str, str]:
    """What each file imports and offers, one thing to a line.

    Args:
        files: path to text, of files for which there is a parser.

    Returns:
        path to interface; an empty one for a file that is too large, or that its parser could not cope with.
    """
    return {path: found or "" for path, found in _told("outline", files).items()}


def names(path: str, text: str) -> dict[str, int]:
    """The names that a file defines, with their lines; none where it can't be read."""
    return _told("names", {path: text})[path] or {}


def bare(path: str, text: str) -> str:
    """A file without its comments and what is never executed; as it is, where it can't be read."""
    return (_told("bare", {path: text})[path] if readable(path) else None) or text


def _told(what: str, files: Mapping[str, str]) -> dict[str, Any]:
    """What the parser says of each file; None where it could not."""
    keys = {path: _key(what, path, text) for path, text in files.items()}
    new = {keys[path]: (what, suffix(path), text) for path, text in files.items() if len(text) <= _LARGEST}
    waiting = [key for key in new if key not in _known]
    for _ in range(_CRASHES):
        if not waiting:
            break
        found = _read([new[key] for key in waiting])
        _known.update(zip(waiting, [*found, None], strict=False))  # after the last answer stands the one that crashed
        waiting = waiting[len(found) + 1 :]
    told = {path: _known.get(key) for path, key in keys.items()}
    while len(_known) > _KEPT:
        del _known[next(iter(_known))]
    return told


def _key(what: str, path: str, text: str) -> bytes:
    return sha256(f"{what} {suffix(path)}\n{text}".encode("utf-8", "surrogatepass")).digest()


def _read(files: Sequence[tuple[str, str, str]]) -> list[Any]:
    """What is said of files, up to the one at which the process ended."""
    package = find_spec("tree_sitter")
    if package is None or package.origin is None:
        return []
    home = Path(package.origin).parent.parent
    command = [sys.executable, "-I", "-S", outline.__file__, str(home)]
    asked = json.dumps(files).encode()
    try:
        said = subprocess.run(command, input=asked, capture_output=True, timeout=_SECONDS, env={}).stdout
    except subprocess.TimeoutExpired as late:
        said = late.stdout or b""
    except OSError:
        return []
    return [json.loads(line) for line in said.split(b"\n")[:-1]]
