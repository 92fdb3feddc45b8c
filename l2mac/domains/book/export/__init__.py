"""A book's forms: EPUB, PDF, HTML, DOCX and Markdown, each made from a composition by code alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ....errors import UsageError

if TYPE_CHECKING:
    from ..manuscript import Book
    from .composition import Composition
    from .pictures import Painter, ReadImage

FORMS = ("epub", "pdf", "html", "docx", "md")
_MOST_NOTICES = 40
_EPOCH = datetime(1980, 1, 1, tzinfo=UTC)


def export(
    book: Book, form: str, read_image: ReadImage, when: datetime = _EPOCH, paint: Painter | None = None
) -> tuple[bytes, list[str]]:
    """Make a book.

    Args:
        book: what `manuscript.read` gave.
        form: one of FORMS.
        read_image: path in the book's folder → the file's bytes, or None.
        when: the time that the file carries; the same book and time give the same bytes.
        paint: makes the pictures that are not there, and the cover.

    Returns:
        the bytes of the file, and what could not be used, each as one line.

    Raises:
        UsageError: the packages of `l2mac[book]` are not installed.
    """
    try:
        from . import fonts
        from .composition import compose

        made = compose(book, read_image, when, paint)
        data = _writers()[form](made)
    except ModuleNotFoundError as error:
        raise UsageError(f"{error.name} is missing, which makes books; install it: pip install 'l2mac[book]'") from None
    notices = list(dict.fromkeys(made.notices))
    more = [f"and {len(notices) - _MOST_NOTICES} more such lines"] if len(notices) > _MOST_NOTICES else []
    lacking = [fonts.advice(made.lacking)] if made.lacking and form == "pdf" else []
    return data, [*notices[:_MOST_NOTICES], *more, *lacking]


def _writers() -> Mapping[str, Callable[[Composition], bytes]]:
    from .docx import docx
    from .epub import epub
    from .html import html
    from .markdown import markdown
    from .pdf import pdf

    return {"epub": epub, "pdf": pdf, "html": html, "docx": docx, "md": markdown}
