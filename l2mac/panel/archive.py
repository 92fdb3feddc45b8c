"""A run's retired files as a zip."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ..control.state import State, state
from ..errors import UsageError
from ..memory.journal import Journal
from .delivery import delivered, target
from .story import counted

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest time that a zip can hold
_MODE = 0o100644 << 16


def export_zip(journal: Journal, folder: Path, to: str | None) -> tuple[Path, list[str]]:
    """Write the retired state of a run as a zip; the same run gives the same bytes.

    Args:
        journal: the run's journal.
        folder: the run's folder, which holds the files that are no text.
        to: the file to write, which is replaced if it is there; by default NAME.zip or NAME-2.zip in this folder.

    Returns:
        the file's path, and what its reader should know, each as one line.

    Raises:
        UsageError: nothing is retired yet, or the file can't be written.
    """
    now = state(journal)
    if not now.trunk and not now.trunk.kept:
        raise UsageError("nothing is retired yet, so there is nothing to put into a zip")
    name = (now.birth.name if now.birth else "") or "run"
    path = target(to, f"{name}.zip")
    with delivered(path) as handle:
        notes = [*unfinished(now, "zip"), *_packed(handle, name, now, folder)]
    return path, notes


def _packed(handle: IO[bytes], name: str, now: State, folder: Path) -> list[str]:
    """Write the entries in the order of their names; return what had to be left out."""
    left_out = []
    with zipfile.ZipFile(handle, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path in sorted({*now.trunk, *now.trunk.kept}):
            data = now.trunk[path].encode() if path in now.trunk else kept(folder, path)
            if data is None:
                left_out.append(f"{path} is left out: it is no file of its own in {folder}")
                continue
            entry = zipfile.ZipInfo(f"{name}/{path}", _EPOCH)
            entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, _MODE
            archive.writestr(entry, data)
    return left_out


def kept(folder: Path, path: str) -> bytes | None:
    """The bytes of a file that is no text; None where a link, a folder or nothing stands there."""
    target, root = folder / path, folder.resolve()
    alone = target.is_file() and target.resolve() == root / path and not {".git", ".l2mac"} & set(Path(path).parts)
    return target.read_bytes() if alone else None


def unfinished(now: State, made: str) -> Iterator[str]:
    """One line where a run is not complete: what was made of it holds only what is retired."""
    if now.ended and now.ended.outcome == "complete":
        return
    steps = now.program.instructions if now.program else ()
    done = sum(now.status(it) == "retired" for it in steps)
    how = f"ended {now.ended.outcome}" if now.ended else "is unfinished"
    yield f"the run {how}: the {made} holds what is retired, {done} of {counted(len(steps), 'instruction')}"
