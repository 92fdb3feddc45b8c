"""A book as EPUB 3.3 (https://www.w3.org/TR/epub-33/)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC
from html import escape
from typing import NamedTuple

from . import fonts
from .composition import Composition
from .html import TYPES, back_matter, font_faces, opening, style_sheet, title_block
from .markup import Markup
from .pdf import cover
from .sealing import sealed

_CONTAINER = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="book/package.opf" media-type="application/oebps-package+xml"/></rootfiles></container>\n'
)
_FONTS = {"normal": "fonts/EBGaramond.woff", "italic": "fonts/EBGaramond-Italic.woff"}
_XHTML = "application/xhtml+xml"


class _Item(NamedTuple):
    """A file of the book."""

    id: str
    href: str
    type: str
    data: bytes
    properties: str = ""


def epub(made: Composition) -> bytes:
    """The book as one file."""
    pages, files = list(_pages(made)), list(_files(made))
    entries = [("mimetype", b"application/epub+zip"), ("META-INF/container.xml", _CONTAINER.encode())]
    entries.append(("book/package.opf", _package(made, pages, files).encode()))
    return sealed([*entries, *((f"book/{it.href}", it.data) for it in (*pages, *files))], made.when)


def _pages(made: Composition) -> Iterator[_Item]:
    """The documents in reading order."""
    homes = {place.id: place.chapter.id for _, places in made.index for place in places}

    def href(id: str) -> str:
        home = homes.get(id) or re.sub(r"^(c\d+)s\d+$", r"\1", id)
        return f"{home}.xhtml" + (f"#{id}" if id != home else "")

    markup = Markup(made, href, lambda picture: f"images/{picture.name}")
    label = escape(made.labels["cover"])
    picture = f'<div class="cover"><img src="images/{cover(made).name}" alt="{label}"/></div>'
    yield _page(made, "cover", made.labels["cover"], picture)
    yield _page(
        made, "title", made.book.title, f'<section class="title" epub:type="titlepage">{title_block(made)}</section>'
    )
    yield _navigation(made, href)
    for chapter in made.chapters:
        if chapter.part:
            part = f'<section class="part" epub:type="part"><h1>{escape(chapter.part)}</h1></section>'
            yield _page(made, f"p{chapter.number}", chapter.part, part)
        body = f"{opening(made, chapter)}\n{markup.chapter(chapter)}"
        yield _page(made, chapter.id, chapter.title, f'<section class="chapter" epub:type="chapter">{body}</section>')
    for section in back_matter(made, markup):
        kind = re.findall(r'epub:type="(\w+)"', section)[0]
        yield _page(made, kind, made.labels[kind], section)


def _files(made: Composition) -> Iterator[_Item]:
    """Style, fonts with their licence, pictures."""
    front = cover(made)
    rules = (
        "body { margin: 0 4%; }\n.cover { text-align: center; } .cover img { max-width: 100%; max-height: 100vh; }\n"
    )
    yield _Item("style", "style.css", "text/css", (font_faces(_FONTS) + style_sheet("book.css") + rules).encode())
    for style, name in _FONTS.items():
        yield _Item(f"font-{style}", name, "font/woff", fonts.subset(made.text(), italic=style == "italic"))
    yield _Item("font-licence", "fonts/OFL.txt", "text/plain", fonts.licence())
    yield _Item("cover-image", f"images/{front.name}", TYPES[front.kind], front.data, "cover-image")
    for picture in made.pictures.values():
        if picture.name != front.name:
            yield _Item(picture.name.partition(".")[0], f"images/{picture.name}", TYPES[picture.kind], picture.data)


def _page(made: Composition, id: str, title: str, body: str, properties: str = "") -> _Item:
    book = made.book
    direction = "rtl" if made.right_to_left else "ltr"
    language = escape(book.language)
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE html>\n<html xmlns="http://www.w3.org/1999/xhtml" '
        f'xmlns:epub="http://www.idpf.org/2007/ops" lang="{language}" xml:lang="{language}" dir="{direction}">'
        f'<head><title>{escape(title)}</title><link rel="stylesheet" type="text/css" href="style.css"/></head>'
        f"<body>{body}</body></html>\n"
    )
    return _Item(id, f"{id}.xhtml", _XHTML, text.encode(), properties)


def _navigation(made: Composition, href: Callable[[str], str]) -> _Item:
    """The contents, nested as the parts, chapters and sections are."""
    entries = made.contents()
    top = min((level for level, _, _ in entries), default=0)  # back matter belongs to no part
    entries = [(top if id in ("glossary", "index") else level, id, title) for level, id, title in entries]
    entries = entries or [(1, "title", made.book.title)]
    title = f"<h1>{escape(made.labels['contents'])}</h1>"
    nav = f'<nav class="contents" epub:type="toc" id="toc">{title}{_nested(entries, href)}</nav>'
    first = made.chapters[0].id if made.chapters else "title"
    marks = (("toc", "contents.xhtml", made.labels["contents"]), ("bodymatter", f"{first}.xhtml", made.book.title))
    listed = "".join(f'<li><a epub:type="{kind}" href="{to}">{escape(name)}</a></li>' for kind, to, name in marks)
    landmarks = f'<nav epub:type="landmarks" hidden="hidden"><ol>{listed}</ol></nav>'
    return _page(made, "contents", made.labels["contents"], nav + landmarks, "nav")


def _nested(entries: Sequence[tuple[int, str, str]], href: Callable[[str], str]) -> str:
    """A list in which an entry holds those after it of a deeper level."""
    items, rest = [], list(entries)
    while rest:
        level, id, title = rest[0]
        end = next((at for at, it in enumerate(rest) if at and it[0] <= level), len(rest))
        inner = rest[1:end]
        items.append(
            f'<li><a href="{escape(href(id))}">{escape(title)}</a>{_nested(inner, href) if inner else ""}</li>'
        )
        rest = rest[end:]
    return f"<ol>{''.join(items)}</ol>"


def _package(made: Composition, pages: list[_Item], files: list[_Item]) -> str:
    """The package document: what the book is, its files, their order."""
    book = made.book
    when = made.when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    about = [("dc:title", book.title), ("dc:creator", book.author), ("dc:description", book.description)]
    metadata = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in about if value)
    items = "".join(
        f'<item id="{it.id}" href="{it.href}" media-type="{it.type}"'
        + (f' properties="{it.properties}"/>' if it.properties else "/>")
        for it in (*pages, *files)
    )
    direction = ' page-progression-direction="rtl"' if made.right_to_left else ""
    spine = "".join(f'<itemref idref="{it.id}"/>' for it in pages)
    language = escape(book.language)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id" '
        f'xml:lang="{language}"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f'<dc:identifier id="id">{made.identifier}</dc:identifier>'
        f"<dc:language>{language}</dc:language>{metadata}<dc:date>{when[:10]}</dc:date>"
        f'<meta property="dcterms:modified">{when}</meta></metadata>'
        f"<manifest>{items}</manifest><spine{direction}>{spine}</spine></package>\n"
    )
