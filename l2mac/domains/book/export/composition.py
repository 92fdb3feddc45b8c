"""A book made ready to be set: its Markdown as tokens whose links, pictures, notes and index places are resolved."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from uuid import NAMESPACE_URL, uuid5

from ..manuscript import Book, Chapter, Section, slug
from . import fonts
from .indexing import Finder
from .pictures import Painter, Picture, Pictures, ReadImage
from .tokens import joined, notes_apart, parser_for, plain, without_title
from .typography import distinguish, smart

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

RIGHT_TO_LEFT = ("ar", "fa", "he", "ur", "yi", "ps", "sd", "ug", "dv", "ckb")
_MOST_QUOTES = 1_000
_DEEPEST = 4  # of emphasis within emphasis; Typst's parser has an end


@dataclass(frozen=True, slots=True)
class Place:
    """Where a term of the index occurs."""

    id: str
    chapter: Setting
    section_id: str
    section: str


@dataclass(slots=True, eq=False)
class Setting:
    """A chapter made ready."""

    number: int
    title: str
    part: str
    """The title of the part that begins with it, or nothing."""
    tokens: Sequence[Token] = ()
    notes: dict[int, list[Token]] = field(default_factory=dict)
    """Its footnotes by number."""
    headings: list[tuple[int, str, str]] = field(default_factory=list)
    """Level, id and title of each heading within it."""

    @property
    def id(self) -> str:
        """Its id in every form."""
        return f"c{self.number}"


@dataclass(slots=True)
class Composition:
    """Everything that the forms of a book are made from."""

    book: Book
    labels: dict[str, Any]
    when: datetime
    chapters: list[Setting] = field(default_factory=list)
    glossary: list[tuple[str, list[Token]]] = field(default_factory=list)
    index: list[tuple[str, list[Place]]] = field(default_factory=list)
    pictures: dict[str, Picture] = field(default_factory=dict)
    cover: Picture | None = None
    """The whole cover, its title too."""
    art: Picture | None = None
    """What a painter made for the cover; the title is set below."""
    notices: list[str] = field(default_factory=list)
    targets: dict[Any, Any] = field(default_factory=dict)
    """Where links can lead: file → chapter's number; (number, anchor) → id; ("", anchor) → id of the first such."""
    families: list[str] = field(default_factory=list)
    """Fonts of this computer for what our own font lacks."""
    lacking: str = ""
    """The characters that no font here has."""

    @property
    def right_to_left(self) -> bool:
        """Whether its lines run from right to left."""
        return self.book.language.lower().split("-")[0] in RIGHT_TO_LEFT

    def label(self, chapter: Setting) -> str:
        """What stands above a chapter's title, such as `Chapter 3`."""
        return str(self.labels["chapter"]).replace("{n}", str(chapter.number))

    @property
    def identifier(self) -> str:
        """The same for the same book, however often and wherever it is made."""
        return f"urn:uuid:{uuid5(NAMESPACE_URL, f'l2mac:{self.book.title}:{self.book.author}:{self.book.language}')}"

    def target(self, number: int, href: str) -> str | None:
        """The id in the book to which a link in a chapter leads."""
        file, _, anchor = unquote(href).partition("#")
        known = self.targets.get(PurePosixPath(file).name) if file else number
        if not anchor:
            return f"c{known}" if known and file else None
        for place in ((known, anchor), (known, slug(anchor)), ("", anchor) if not file else None):
            if place in self.targets:
                return str(self.targets[place])
        return None

    def text(self) -> str:
        """Every character that the book shows, each once, in order."""
        book = self.book
        said = [
            book.title,
            book.subtitle,
            book.author,
            book.description,
            "EBGaramond–…•·↩∗“”‘’—",
            *self.labels.values(),
        ]
        said += [text for it in book.chapters for text in (it.title, it.plan.part if it.plan else "", it.body)]
        said += [text for it in book.terms for text in (it.term, it.definition)]
        return "".join(sorted(set("".join(map(str, said)))))

    def contents(self) -> list[tuple[int, str, str]]:
        """Level, id and title of what the contents name: parts 0, chapters 1, sections 2 unless they are many."""
        sections = sum(it[0] == 2 for chapter in self.chapters for it in chapter.headings)
        listed: list[tuple[int, str, str]] = []
        for chapter in self.chapters:
            listed += [(0, f"p{chapter.number}", chapter.part)] if chapter.part else []
            listed.append((1, chapter.id, chapter.title))
            listed += [it for it in chapter.headings if it[0] == 2 and it[2]] if sections <= 120 else []
        back = (("glossary", self.glossary), ("index", self.index))
        return listed + [(1, name, str(self.labels[name])) for name, there in back if there]


def compose(book: Book, read_image: ReadImage, when: datetime, paint: Painter | None = None) -> Composition:
    """Resolve everything in a book that its forms share.

    Args:
        book: the book.
        read_image: gives the bytes of a file of the book's folder, or None; it is asked for clean relative paths only.
        when: the time that the forms carry, so that the same book gives the same bytes.
        paint: makes the pictures that are not there.
    """
    labels = _labels(book.language)
    parser = parser_for(str(book.language), labels["quotes"])
    title, subtitle, description = (smart(it, parser) for it in (book.title, book.subtitle, book.description))
    set_book = replace(book, title=title, subtitle=subtitle, description=description)
    made = Composition(set_book, labels, when, notices=list(book.notices))
    pictures = Pictures(read_image, paint, made.notices)
    made.pictures = pictures.found
    part = ""
    for number, chapter in enumerate(book.chapters, 1):
        now = smart(chapter.plan.part, parser) if chapter.plan else part
        made.chapters.append(Setting(number, smart(chapter.title, parser), now if now != part else ""))
        part = now
    made.cover, made.art = pictures.cover(set_book)
    made.targets = _targets(made)
    named = [term.term for term in book.terms if term.index] + [it for chapter in book.chapters for it in chapter.terms]
    names = {term.casefold(): smart(term, parser) for term in reversed(named)}
    composer = _Composer(made, pictures, _finder(names.values(), book), parser)
    for setting, chapter in zip(made.chapters, book.chapters, strict=True):
        composer.chapter(setting, chapter)
    composer.back_matter()
    made.families, made.lacking = fonts.families(made.text(), book.language)
    missing = sorted(set(names.values()) - set(composer.places))
    if missing:
        made.notices.append(f"the index leaves out what occurs nowhere: {', '.join(missing[:8])}"[:300])
    if not book.chapters:
        made.notices.append("no chapter is written yet: the book holds what is there")
    return made


def _finder(terms: Collection[str], book: Book) -> Finder:
    """What finds the terms of the index: as they are written, or with another ending where they are nowhere so."""
    finder = Finder(terms)
    found = {term for chapter in book.chapters for _, term in finder.find(chapter.body)}
    return Finder(terms, set(terms) - found) if set(terms) - found else finder


class _Composer:
    """Walks the tokens of a book's chapters; remembers what it has passed."""

    def __init__(self, made: Composition, pictures: Pictures, finder: Finder, parser: MarkdownIt) -> None:
        self.made, self.pictures, self.finder, self.parser = made, pictures, finder, parser
        self.places: dict[str, list[Place]] = {}
        self.passed: set[tuple[str, str]] = set()  # a term and the section in which it was found
        self.setting = Setting(0, "", "")
        self.section = ("", "")  # id and title of the heading above, of the second level at most

    def chapter(self, setting: Setting, chapter: Chapter) -> None:
        self.setting, self.section = setting, (setting.id, setting.title)
        tokens = without_title(self._parsed(chapter.body), chapter)
        lines = {it.line - chapter.first_line: it for it in chapter.sections}
        for at, token in enumerate(tokens):
            if token.type == "heading_open":
                self._heading(tokens[at : at + 3], lines.get(token.map[0] if token.map else -1))
            elif token.type == "inline":
                token.children = [*self._inline(token.children or [], chapter)]
        distinguish(tokens)
        setting.notes, setting.tokens = notes_apart(tokens)

    def back_matter(self) -> None:
        """The glossary and the index, each in the order of its words."""
        for term in sorted(self.made.book.terms, key=lambda it: order(it.term)):
            if term.definition:
                self.made.glossary.append(
                    (smart(term.term, self.parser), [*plain(self.parser.parseInline(term.definition))])
                )
        self.made.index = sorted(self.places.items(), key=lambda it: order(it[0]))

    def _parsed(self, body: str) -> list[Token]:
        blocks = body.split("\n\n")
        smart = max((it.count('"') + it.count("'") for it in blocks), default=0) < _MOST_QUOTES  # it is quadratic
        self.parser.options["typographer"] = smart
        return self.parser.parse(body)

    def _heading(self, tokens: Sequence[Token], known: Section | None) -> None:
        """Make a heading one of the second level or deeper; give it its id."""
        opened, inline, closed = tokens
        level = max(2, int(opened.tag[1]))
        opened.tag = closed.tag = f"h{level}"
        opened.meta = {"level": level}
        if known:
            id = self.made.targets[self.setting.number, known.anchor]
            inline.content = known.title
            if inline.children and inline.children[-1].type == "text":
                inline.children[-1].content = re.sub(r"\s*\{#[\w.:-]+\}$", "", inline.children[-1].content)
            opened.attrs["id"] = id
            title = smart(known.title, self.parser)
            self.section = (id, title) if level == 2 else self.section
            self.setting.headings.append((level, id, title))

    def _inline(self, children: list[Token], chapter: Chapter) -> Iterator[Token]:
        kept: list[bool] = []  # whether each element that is open is one that stays
        tags: list[str] = []
        for token in joined(children):
            if token.nesting:
                tags = [*tags, token.tag] if token.nesting == 1 else tags[:-1]
            if token.nesting == 1:
                kept.append(len(kept) < _DEEPEST and (token.type != "link_open" or self._linked(token, chapter)))
            if token.type == "text":
                yield from self._marked(token)
            elif token.type == "image":
                yield self._picture(token, chapter)
            elif token.type == "footnote_ref" and "a" in tags:
                continue  # a link can't hold another
            elif not token.nesting or (kept[-1] if token.nesting == 1 else kept.pop()):
                yield token

    def _marked(self, token: Token) -> Iterator[Token]:
        """Split a text where terms of the index occur for the first time in their section."""
        start = 0
        for offset, term in self.finder.find(token.content):
            if (term, self.section[0]) in self.passed:
                continue
            self.passed.add((term, self.section[0]))
            id = f"x{len(self.passed)}"
            self.places.setdefault(term, []).append(Place(id, self.setting, *self.section))
            if offset > start:
                yield token.copy(content=token.content[start:offset])
            yield token.copy(type="mark", content=term, meta={"id": id})
            start = offset
        yield token.copy(content=token.content[start:])

    def _linked(self, token: Token, chapter: Chapter) -> bool:
        """Whether a link leads somewhere; one inside the book gets the id that it leads to."""
        href = str(token.attrs.get("href", ""))
        if re.match(r"(?:https?|mailto):", href, re.IGNORECASE):
            return True
        id = self.made.target(self.setting.number, href)
        if not id:
            self.made.notices.append(f"{chapter.path}: the link to {href[:100]!r} leads nowhere; its text is kept")
            return False
        token.meta = {"to": id}
        return True

    def _picture(self, token: Token, chapter: Chapter) -> Token:
        """The image, or in its place its alternative text."""
        alt = "".join(it.content for it in token.children or []) or token.content
        picture = self.pictures.named(str(token.attrs.get("src", "")), alt, chapter.path)
        if picture is None:
            return token.copy(type="text", content=f"[{alt}]" if alt else "", children=None)
        caption = str(token.attrs.get("title") or "")
        return token.copy(content=alt, children=None, meta={"picture": picture, "caption": caption or alt})


@cache
def _all_labels() -> dict[str, dict[str, Any]]:
    import yaml

    text = files(__package__).joinpath("labels.yaml").read_text(encoding="utf-8")
    loaded: dict[str, dict[str, Any]] = yaml.safe_load(text)
    return loaded


def _labels(language: str) -> dict[str, Any]:
    labels = _all_labels()
    return labels.get(language.lower().split("-")[0], labels["en"])


def _targets(made: Composition) -> dict[Any, Any]:
    targets: dict[Any, Any] = {}
    for setting, chapter in zip(made.chapters, made.book.chapters, strict=True):
        targets[PurePosixPath(chapter.path).name] = setting.number
        targets.setdefault(("", chapter.id), setting.id)
        targets[setting.number, chapter.id] = setting.id
        for count, section in enumerate(chapter.sections, 1):
            id = setting.id if section.level == 1 and count == 1 else f"{setting.id}s{count}"
            targets[setting.number, section.anchor] = id
            targets.setdefault(("", section.anchor), id)
    return targets


def order(term: str) -> tuple[str, str]:
    """By what a term is sorted: letters without marks; what stands before the first letter does not count."""
    import unicodedata

    bare = "".join(it for it in unicodedata.normalize("NFKD", term) if not unicodedata.combining(it))
    return bare.casefold().lstrip("'’‘\"“«("), term
