"""What a command finds around it: a few environment variables and a scratch folder."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

PASSED_ON: Final = frozenset({"PATH", "LANG", "TZ"})


def environment(folder: Path, scratch: Path, variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """Build the environment of a command from nothing.

    Args:
        folder: the value of HOME.
        scratch: the value of TMPDIR.
        variables: what to set besides; they win over what is passed on, not over HOME and TMPDIR.

    Returns:
        PATH, LANG, LC_* and TZ as the user has them (LANG is C.UTF-8 where unset), TERM=dumb, and the above.
    """
    passed = {name: value for name, value in os.environ.items() if name in PASSED_ON or name.startswith("LC_")}
    defaults = {"PATH": os.defpath, "LANG": "C.UTF-8"}
    fixed = {"HOME": str(folder), "TMPDIR": str(scratch)}
    return defaults | passed | {"TERM": "dumb"} | dict(variables or {}) | fixed


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a temporary folder for one command, and remove it afterwards whatever its permissions have become.

    Raises:
        OSError: it cannot be made.
    """
    folder = Path(tempfile.mkdtemp(prefix="l2mac-")).resolve()
    try:
        yield folder
    finally:
        _remove(folder)


def modes(folder: Path) -> dict[str, int]:
    """A folder and the folders in it, at every depth, by path, with their permissions."""
    return {place: os.stat(place).st_mode for place, _, _ in os.walk(folder)}  # noqa: PTH116


def restored(kept: Mapping[str, int]) -> bool:
    """Remove what is in some folders beside each other; False where not all of it can be put right.

    Args:
        kept: see `modes`. Where the folder of a command lies in a temporary one, it is found in the scratch folder.
    """
    try:
        for place, mode in kept.items():
            if os.lstat(place).st_mode != mode:
                return False
            for entry in [entry for entry in os.scandir(place) if entry.path not in kept]:
                _remove(Path(entry.path)) if entry.is_dir(follow_symlinks=False) else Path(entry.path).unlink()
        return all(entry.path in kept for place in kept for entry in os.scandir(place))
    except OSError:
        return False


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.exists():
        return
    folder.chmod(0o700)
    for parent, names, _ in os.walk(folder):
        for path in (Path(parent, name) for name in names):
            if not path.is_symlink():
                path.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)
