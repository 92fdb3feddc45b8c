"""The pictures of a book: read from its folder, or painted; each tried, so that no form of the book chokes on it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol
from urllib.parse import unquote

from ..manuscript import Book

_MAGIC = ((b"\x89PNG\r\n", "png"), (b"\xff\xd8\xff", "jpg"), (b"GIF8", "gif"), (b"RIFF", "webp"), (b"<", "svg"))
MOST_BYTES = 20_000_000
"""Of a picture."""

ReadImage = Callable[[str], bytes | None]


class Painter(Protocol):
    """Makes pictures: the seam for an image processor."""

    def __call__(self, prompt: str) -> bytes:
        """The bytes of a PNG, JPEG, GIF, WebP or SVG file that shows what the prompt says; OSError if there is none."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of the book."""

    name: str
    """A file name of our own making, unique in the book."""
    data: bytes

    @property
    def kind(self) -> str:
        """png, jpg or gif."""
        return self.name.rpartition(".")[2]


class Pictures:
    """The pictures of a book, each read and tried once."""

    def __init__(self, read_image: ReadImage, paint: Painter | None, notices: list[str]) -> None:
        self.read_image, self.paint, self.notices = read_image, paint, notices
        self.found: dict[str, Picture] = {}

    def cover(self, book: Book) -> tuple[Picture | None, Picture | None]:
        """The picture that is the whole cover, or else the one painted for it, where either can be had."""
        path = _inside(book.cover)
        if book.cover and not (self.paint and path and self.read_image(path) is None):
            return self.named(book.cover, "", "book.yaml"), None
        prompt = f"The picture on a book's cover, 3:2, without any text: {book.title}. {book.description}".strip()
        return None, self._painted(prompt, "the cover", "art")

    def named(self, src: str, alt: str, where: str) -> Picture | None:
        """A picture by the name that a text gives it; None and a notice where it can't be had."""
        path = _inside(src)
        if path in self.found:
            return self.found[path]
        data = self.read_image(path) if path else None
        name = f"picture-{len(self.found) + 1}"
        picture = self._tried(data, name) if data else self._painted(alt or path, path, name) if path else None
        if picture is None:
            why = "is no picture that can be shown" if data else "is not there" if path else "is outside the book"
            self.notices.append(f"{where}: the picture {src[:100]!r} {why}; its text stands in its place")
            return None
        self.found[path or src] = picture
        return picture

    def _painted(self, prompt: str, what: str, name: str) -> Picture | None:
        if self.paint is None:
            return None
        try:
            if (picture := self._tried(self.paint(prompt), name)) is None:
                raise OSError("what came is no picture that can be shown")
            return picture
        except OSError as error:
            self.notices.append(f"no picture was made for {what} ({' '.join(str(error).split())[:200]})")
            return None

    def _tried(self, data: bytes, name: str) -> Picture | None:
        """A picture that our typesetter can read, so that no form chokes on it; what is not for every form as PNG."""
        from .pdf import pictured

        kind = next((kind for magic, kind in _MAGIC if data.lstrip()[:8].startswith(magic)), "")
        seen = pictured(data) if kind and len(data) <= MOST_BYTES else None
        if seen is None:
            return None
        return Picture(f"{name}.{kind}", data) if kind in ("png", "jpg", "gif") else Picture(f"{name}.png", seen)


def _inside(src: str) -> str:
    """The path that a text means by the name of a picture, or nothing if it leads out of the book's folder."""
    path = re.sub(r"^(?:\.{1,2}/)+", "", unquote(src))
    parts = PurePosixPath(path).parts
    clean = path and not path.startswith("/") and ".." not in parts and not re.search(r"[\x00:\\]", path)
    return str(PurePosixPath(path)) if clean else ""
