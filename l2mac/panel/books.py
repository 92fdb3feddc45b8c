"""A run's book in the forms that people read."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..control.state import state
from ..domains.book.export import export
from ..domains.book.manuscript import is_book, read
from ..errors import UsageError
from ..memory.journal import Journal
from .archive import kept, unfinished
from .delivery import delivered, target

if TYPE_CHECKING:
    from ..config import Book as BookSettings
    from ..domains.book.export.pictures import Painter


def export_book(
    journal: Journal, folder: Path, form: str, to: str | None, pictures: BookSettings | None = None
) -> tuple[Path, list[str]]:
    """Write the retired chapters of a run as a book; the same run gives the same bytes.

    Args:
        journal: the run's journal.
        folder: the run's folder, which holds the pictures.
        form: one of `domains.book.export.FORMS`.
        to: the file to write, which is replaced if it is there; by default NAME.FORM or NAME-2.FORM in this folder.
        pictures: names who paints what is not there.

    Returns:
        the file's path, and what its reader should know, each as one line.

    Raises:
        UsageError: the run holds no book, a package is missing, or the file can't be written.
    """
    now = state(journal)
    if now.birth and now.birth.brought and form not in (now.birth.brought.exports or (form,)):
        offered = ", ".join((*now.birth.brought.exports, "tape", "zip"))
        raise UsageError(f"the domain {now.birth.domain} of this run has no form {form}; choose from {offered}")
    if not is_book(now.trunk):
        there = "what is retired is no book (no book.yaml, outline.yaml or chapters/*.md); --format zip takes it along"
        raise UsageError(there if now.trunk else "nothing is retired yet, so there is no book to export")
    name = (now.birth.name if now.birth else "") or "book"
    path = target(to, f"{name}.{form}")

    def picture(path: str) -> bytes | None:
        return now.trunk[path].encode() if path in now.trunk else kept(folder, path)

    paint = _painter(pictures, folder) if pictures else None
    with delivered(path) as handle:  # first: where it can't be written, nothing is set in vain
        data, notes = export(read(now.trunk, title=name), form, picture, _when(journal), paint)
        handle.write(data)
    return path, [*unfinished(now, "book"), *notes]


def _painter(pictures: BookSettings, folder: Path) -> Painter | None:
    """The program that paints, if the user named one; what it makes is kept beside the run."""
    if not pictures.painter:
        return None
    from ..domains.book.export.painter import CommandPainter

    return CommandPainter(pictures.painter, folder / ".l2mac" / "pictures", pictures.seconds)


def _when(journal: Journal) -> datetime:
    """The time that the book carries: SOURCE_DATE_EPOCH, else that of the newest chapter; in whole seconds, UTC."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    try:
        newest = max((it.time for it in journal.events() if it.kind == "retired"), default=0)
        return datetime.fromtimestamp(int(given or newest), UTC)
    except (ValueError, OverflowError, OSError):
        raise UsageError(f"SOURCE_DATE_EPOCH is {given!r:.40}, and not seconds since 1970; unset it") from None
