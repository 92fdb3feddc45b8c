"""What whoever writes a chapter must know of the book: settings, the outline's wish, the last words, the canon."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from ...excerpt import bounded, size
from .manuscript import CHAPTERS, Planned, planned

_CANON = ("people", "places", "facts", "terms")
_TAIL = 300  # characters of the paragraph that the text goes on from


def digest(files: Mapping[str, str], listed: Sequence[str], room: int) -> str:
    """The book as the chapters listed need it.

    Args:
        files: path to text.
        listed: the files that are to be written.
        room: what it may have, as `size` counts.
    """
    outline = _outline(files.get("outline.yaml", ""))
    parts = [_part("book.yaml", _flat(files.get("book.yaml", "")), room // 4)]
    for path in (it for it in listed if it.startswith(CHAPTERS)):
        parts.append(_part(f"{path}, as outline.yaml wants it", _wanted(outline, path), room // 2))
        parts.append(_last(files, outline, path, room // 4))
    known = "\n".join(_names(files))
    parts.append(_part("Canon", known, max(room - sum(map(size, parts)), room // 6)))
    return bounded("\n\n".join(filter(None, parts)), room)


def _part(title: str, text: str, room: int) -> str:
    return f"## {title}\n{bounded(text, room - size(title))}" if text else ""


def _flat(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))


@lru_cache(maxsize=8)
def _outline(text: str) -> tuple[Planned, ...]:
    return planned({"outline.yaml": text})


def _wanted(outline: Sequence[Planned], path: str) -> str:
    """The chapter's entry, and between what it stands."""
    at = next((at for at, it in enumerate(outline) if it.path == path), None)
    if at is None:
        return "(the outline names no such file)" if outline else ""
    it = outline[at]
    lines = [f"id: {it.id}", f"title: {it.title}", f"words: {it.words}" if it.words else ""]
    lines += [f"headings: {'; '.join(it.headings)}" if it.headings else "", it.summary and f"summary: {it.summary}"]
    if at:
        lines.append(f"before it: {_told(outline[at - 1])}")
    lines.append(f"after it: {_told(outline[at + 1])}" if at + 1 < len(outline) else "It is the last chapter.")
    return "\n".join(filter(None, lines))


def _told(it: Planned) -> str:
    return f"{it.title}{f': {it.summary}' if it.summary else ''}"


def _last(files: Mapping[str, str], outline: Sequence[Planned], path: str, room: int) -> str:
    """The last words of the chapter itself, where it is begun, else of the one before it."""
    before = [it.path for it in outline]
    if path not in files and path in before and before.index(path):
        path = before[before.index(path) - 1]
    paragraphs = files.get(path, "").strip()
    if not paragraphs:
        return ""
    title = f"The last words of {path}"
    tail = paragraphs.rpartition("\n\n")[2][-min(_TAIL, max(room - size(title) - 20, 40)) :]
    return f"## {title}\n…{tail.partition(' ')[2] or tail}"


def _names(files: Mapping[str, str]) -> Iterator[str]:
    """The names in each file of the canon, and the other files that there are."""
    for path in sorted(it for it in files if it.startswith("canon/")):
        if path.removeprefix("canon/").removesuffix(".yaml") in _CANON and (names := _entries(files[path])):
            yield f"{path}: {', '.join(names)}"
        else:
            yield path


@lru_cache(maxsize=32)
def _entries(text: str) -> tuple[str, ...]:
    """The names and terms of a file; read by its lines, for a fault in it must not hide the rest."""
    keys = ("name:", "term:")
    lines = (line.lstrip(" -{") for line in text.splitlines())
    return tuple(line.partition(":")[2].partition(",")[0].strip(" }'\"") for line in lines if line.startswith(keys))
