"""What whoever writes a chapter must know of the book: settings, the outline's wish, the last words, how the chapters
before begin, and the canon.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from ...excerpt import bounded, listing, size
from .manuscript import CHAPTERS, Planned, parted, planned, sections

_CANON = ("people", "places", "facts", "terms")
_TOLD = ("facts", "people", "places")  # whose rows are shown, those that matter most first
_KEY = re.compile(r"(?<![^-{, ])(?:name|term):[ ]*(\"[^\"]*\"|'(?:[^']|'')*'|[^,}#]*)")
_FIRST = 90  # characters of a chapter's first words
_ROOMY = 2_000  # the room from which on there is some for the openings
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
    begun = listing(_openings(files, outline, listed), room // 6) if room >= _ROOMY else ""
    parts.append(_part("How the chapters before it begin, and what can be linked to in them", begun, room // 4))
    left = max(room - sum(map(size, parts)), room // 6)
    parts.append(_part("Canon", "\n".join(_canon(files, left - 40)), left))
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
    lines = [
        f"id: {it.id}",
        f"title: {json.dumps(it.title, ensure_ascii=False) if ':' in it.title else it.title}",
        f"words: {it.words}" if it.words else "",
    ]
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


def _openings(files: Mapping[str, str], outline: Sequence[Planned], listed: Sequence[str]) -> Iterator[str]:
    """The first words of the chapters before the ones listed, the nearest first; of all where none is listed."""
    order = [it.path for it in outline if it.path in files]
    at = min((order.index(it) for it in listed if it in order), default=len(order))
    for path in reversed(order[:at]):
        words = _first(files[path])
        heads = "; ".join(it.title for it in sections(parted(files[path])[1]) if it.level == 2)
        if words:
            yield f"{path}: {words}{f' [headings: {heads}]' if heads else ''}"


@lru_cache(maxsize=256)
def _first(text: str) -> str:
    lines = (it.strip() for it in parted(text)[1].splitlines())
    words = next((it for it in lines if it and not it.startswith(("#", "!", "<"))), "")
    return words if len(words) <= _FIRST else f"{words[:_FIRST].rpartition(' ')[0] or words[:_FIRST]} …"


def _canon(files: Mapping[str, str], room: int) -> Iterator[str]:
    """What each file of the canon says, row by row as far as there is room, and of the rest the names; the names of
    terms, and of other files that there are.
    """
    told: dict[str, str] = {}
    for path in sorted(it for it in files if it.startswith("canon/")):
        name = path.removeprefix("canon/").removesuffix(".yaml")
        entries = _entries(files[path]) if name in _CANON else ()
        told[path] = f"{path}: {', '.join(it for it, _ in entries)}" if entries else path
    left = room - sum(map(size, told.values())) - len(told)
    for path in (it for it in map("canon/{}.yaml".format, _TOLD) if it in told):
        entries, rows = _entries(files[path]), list[str]()
        while len(rows) < len(entries) and (left := left - size(entries[len(rows)][1]) - 3) >= 0:
            rows.append(entries[len(rows)][1])
        rest = ", ".join(it for it, _ in entries[len(rows) :])
        told[path] = "\n".join([f"{path}:{f' {rest}' if rest and not rows else ''}", *rows])
        if rest and rows:
            told[path] += f"\nand: {rest}"
    yield from told.values()


@lru_cache(maxsize=32)
def _entries(text: str) -> tuple[tuple[str, str], ...]:
    """Each name or term of a file, and its row in one line; read by lines, for a fault in it must not hide the rest."""
    rows: list[str] = []
    begin = next((re.escape(it[: it.index("-") + 1]) for it in text.splitlines() if it.lstrip().startswith("- ")), "-")
    for line in filter(str.strip, text.splitlines()):
        if re.match(begin, line):
            rows.append(line.strip())
        elif rows and not line.lstrip().startswith("#"):
            rows[-1] += f"{'' if rows[-1].endswith(':') else ','} {line.strip()}"
    return tuple((_unquoted(key[1]), row) for row in rows if (key := _KEY.search(row)))


def _unquoted(text: str) -> str:
    """A scalar of YAML as it is meant: an apostrophe at its beginning alone is no quotation mark."""
    text = text.strip(" },")
    whole = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    return text[1:-1].replace("''", "'") if whole else text
