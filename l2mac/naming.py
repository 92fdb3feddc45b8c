"""The names of runs, and the folders that they name."""

from __future__ import annotations

import os
import re
import unicodedata
from difflib import get_close_matches
from pathlib import Path

from .errors import Fault, UsageError
from .memory.paths import confined

_LONGEST = 40  # characters
_WORDS = 4
_ENDS = frozenset([*".:;", "with", "that", "which", "where", "for", "using", "in", "by"])
_MAKING = "a an the and of to on from my me some please create write make build develop implement add"
_PRAISE = "beautiful complete cool fully functional good modern new nice playable robust simple small tiny useful very"
_FILLER = frozenset([*_MAKING.split(), *_PRAISE.split()])


def slug(prompt: str) -> str:
    """The thing that a prompt asks for, in plain letters: `snake-game`; `run` where no word is left.

    It is made of the words before the first preposition or full stop, without articles, verbs of making, and praise.
    """
    plain = unicodedata.normalize("NFKD", prompt[:400]).encode("ascii", "ignore").decode().lower()
    kept: list[str] = []
    for word in re.findall(r"[a-z0-9]+(?:-[a-z0-9]+)*|[.:;]", plain):
        if word in _ENDS and kept:
            break
        if word not in _FILLER and word[0].isalnum():
            kept.append(word)
    name = ""
    for word in kept[:_WORDS]:
        if len(name) + len(word) < _LONGEST:
            name = f"{name}-{word}" if name else word
    return name or "run"


def find_run(run: str | Path, out: str | Path = "workspace") -> Path:
    """The folder of a run, given as a path or as its name in the output folder.

    Raises:
        UsageError: there is none.
    """
    for folder in (Path(run), Path(out, run)):
        if os.path.exists(folder / ".l2mac" / "run.db"):  # noqa: PTH110 - False also for a name that no system takes
            return folder.resolve()
    given = str(run) if len(str(run)) <= 60 else f"{str(run)[:59]}…"
    raise UsageError(f"there is no run {given!r}, neither as a folder nor in {out}/; {_instead(str(run), Path(out))}")


def _instead(run: str, out: Path) -> str:
    """What to name instead of a run that is not there."""
    found = sorted(out.glob("*/.l2mac/run.db"), key=lambda path: path.stat().st_mtime, reverse=True)
    names = [path.parent.parent.name for path in found]
    if near := get_close_matches(run, names, 1):
        return f"did you mean {near[0]}?"
    return f"there is {', '.join(names[:5])}" if names else 'l2mac "PROMPT" begins one'


def new_folder(out: Path, name: str) -> Path:
    """A folder that does not exist yet: `name`, else `name-2`, `name-3` …"""
    try:
        name = confined(name).replace("/", "-")
    except Fault:
        raise UsageError(f"--name {name[:60]!r} can't be a folder's name; take one such as snake-game") from None
    taken = [name, *(f"{name}-{number}" for number in range(2, 10_000))]
    return next((out / it).absolute() for it in taken if not os.path.lexists(out / it))
