"""Bringing a change that was made on one state of the files onto a newer one, file by file."""

from __future__ import annotations

import subprocess
from collections.abc import Collection, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from ..errors import Fault
from .git import Git
from .snapshot import Change, Snapshot, Transaction


def merged(
    base: Mapping[str, str], change: Change, reads: Collection[str], newest: Snapshot
) -> Transaction | list[str]:
    """The change as one of the newest state, or what stands against it, a line each.

    Where both changed a file its lines are merged three ways. What both deleted is deleted; what one changed and the
    other deleted, and what was read here and is gone there, is a conflict.

    Args:
        base: the files that the change was made on.
        change: what it makes of them.
        reads: paths that whoever made it has looked into.
        newest: the files that it is to be made on.
    """
    made, found = Transaction(newest), list[str]()
    for path in sorted(change, key=lambda path: (change[path] is not None, path)):  # a file may follow a folder
        ours, theirs = change[path], newest.get(path)
        if theirs == ours:
            continue
        if theirs != base.get(path):
            ours = _woven(ours, base.get(path, ""), theirs)
            if ours is None:
                found.append(f"{path} was changed by both")
                continue
        try:
            made.delete(path) if ours is None else made.write(path, ours)
        except Fault as fault:
            found.append(str(fault))
    gone = (path for path in sorted(reads) if path in base and path not in newest and path not in change)
    return found + [f"{path} was read, and deleted meanwhile" for path in gone] or made


def _woven(ours: str | None, old: str, theirs: str | None) -> str | None:
    """The lines of both, changed from what they were; None where the changes touch one another, or one is no text."""
    if ours is None or theirs is None:
        return None
    with TemporaryDirectory(prefix="l2mac-merge-") as folder:
        for name, text in (("ours", ours), ("old", old), ("theirs", theirs)):
            Path(folder, name).write_bytes(text.encode())
        words, variables = Git(Path(folder)).command("merge-file", "--stdout", "--quiet", "ours", "old", "theirs")
        done = subprocess.run(words, cwd=folder, capture_output=True, env=variables, check=False)
    return done.stdout.decode() if done.returncode == 0 else None
