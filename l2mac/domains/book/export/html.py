"""A book as one web page that holds everything it needs and runs no script."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from itertools import groupby

from . import fonts
from .composition import Composition, Place, Setting
from .markup import Markup
from .pdf import cover

TYPES = {"png": "image/png", "jpg": "image/jpeg", "gif": "image/gif"}
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_POLICY = "default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'"


def html(made: Composition) -> bytes:
    """The book as one file."""
    markup = Markup(made, lambda id: f"#{id}", lambda picture: _data(picture.data, TYPES[picture.kind]))
    front = markup.src(cover(made))
    page = "\n".join(
        [
            _head(made),
            f'<figure class="cover"><img src="{front}" alt="{escape(made.labels["cover"])}"/></figure>',
            f'<header class="title">{title_block(made)}</header>',
            _contents(made),
            "<main>",
            *(_chapter(made, markup, it) for it in made.chapters),
            *back_matter(made, markup),
            f"</main>\n<!-- {fonts.FAMILY}: {_comment(fonts.licence())} -->",
            "</body></html>\n",
        ]
    )
    return page.replace(' epub:type="', ' data-type="').encode()


def title_block(made: Composition) -> str:
    """Title, subtitle, author and description."""
    book = made.book
    lines = [f"<h1>{escape(book.title)}</h1>"]
    for name, value in (("subtitle", book.subtitle), ("author", book.author), ("description", book.description)):
        lines += [f'<p class="{name}">{escape(value)}</p>'] if value else []
    return "".join(lines)


def opening(made: Composition, chapter: Setting) -> str:
    """What stands above a chapter's text."""
    label = f'<p class="label">{escape(made.label(chapter))}</p>'
    return f'<header>{label}<h1 id="{chapter.id}">{escape(chapter.title)}</h1></header>'


def back_matter(made: Composition, markup: Markup) -> list[str]:
    """Glossary and index, each as a section."""
    sections = []
    if made.glossary:
        entries = "".join(f"<dt>{escape(term)}</dt><dd>{markup.blocks(it)}</dd>" for term, it in made.glossary)
        sections.append(_back("glossary", made.labels["glossary"], f"<dl>{entries}</dl>"))
    if made.index:
        entries = "".join(f"<li>{escape(term)} {_places(places, markup)}</li>" for term, places in made.index)
        sections.append(_back("index", made.labels["index"], f'<ul class="index">{entries}</ul>'))
    return sections


def _back(kind: str, title: str, body: str) -> str:
    return f'<section class="back" epub:type="{kind}"><h1 id="{kind}">{escape(title)}</h1>{body}</section>'


def _places(places: Sequence[Place], markup: Markup) -> str:
    """The number of each chapter in which a term occurs, with a letter for each of several places in it, as links."""
    links = []
    for number, group in groupby(places, lambda it: it.chapter.number):
        found = list(group)
        for at, place in enumerate(found):
            shown = f"{number}{_LETTERS[at % 26] if len(found) > 1 else ''}"
            links.append(f'<a href="{markup.href(place.id)}" title="{escape(place.section)}">{shown}</a>')
    return ", ".join(links)


def font_faces(sources: Mapping[str, str]) -> str:
    """The rules that name our own fonts by their style."""
    return "".join(
        f'@font-face {{ font-family: "{fonts.FAMILY}"; font-style: {style}; font-weight: 400 800; '
        f'src: url({url}) format("woff"); }}\n'
        for style, url in sources.items()
    )


def style_sheet(name: str) -> str:
    """A style sheet of ours."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _head(made: Composition) -> str:
    book = made.book
    text = made.text()
    sources = {it: _data(fonts.subset(text, italic=it == "italic"), "font/woff") for it in ("normal", "italic")}
    direction = "rtl" if made.right_to_left else "ltr"
    names = (("author", book.author), ("description", book.description))
    metas = "".join(f'<meta name="{name}" content="{escape(value)}">' for name, value in names if value)
    style = font_faces(sources) + style_sheet("book.css") + style_sheet("page.css")
    return (
        f'<!DOCTYPE html>\n<html lang="{escape(book.language)}" dir="{direction}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f'<meta name="color-scheme" content="light dark">'
        f"<title>{escape(book.title)}</title>{metas}<style>\n{style}</style></head><body>"
    )


def _contents(made: Composition) -> str:
    entries = "".join(
        f'<li class="part">{escape(title)}</li>'
        if level == 0
        else f'<li class="level{level}"><a href="#{id}">{escape(title)}</a></li>'
        for level, id, title in made.contents()
    )
    return f'<nav class="contents"><h1>{escape(made.labels["contents"])}</h1><ol>{entries}</ol></nav>'


def _chapter(made: Composition, markup: Markup, chapter: Setting) -> str:
    part = f'<section class="part"><h1>{escape(chapter.part)}</h1></section>\n' if chapter.part else ""
    return f'{part}<section class="chapter">{opening(made, chapter)}\n{markup.chapter(chapter)}</section>'


def _comment(licence: bytes) -> str:
    """A licence as it may stand in a comment."""
    return licence.decode().replace("--", "- -").strip()


def _data(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{b64encode(data).decode()}"
