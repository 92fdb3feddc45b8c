"""Markdown as tokens, and what every form of a book does to them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..manuscript import Chapter
from .typography import apostrophes

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_BREAKS = re.compile(r"<br\s*/?>", re.IGNORECASE)
_COMMENT = re.compile(r"<!--.*?(?:-->|$)", re.DOTALL)
_WIDE = re.compile("[\u2e80-\u9fff\uf900-\ufaff\uff00-\uff60]")


def parser_for(language: str, quotes: str | list[str]) -> MarkdownIt:
    """What reads the Markdown of a book in a language, with its quotation marks."""
    from markdown_it import MarkdownIt
    from mdit_py_plugins.footnote import footnote_plugin

    parser = MarkdownIt("commonmark", {"html": False, "typographer": True, "quotes": quotes, "maxNesting": 10})
    parser.enable(["table", "strikethrough", "smartquotes", "replacements"]).disable("lheading")
    parser.use(footnote_plugin)
    return parser


def without_title(tokens: list[Token], chapter: Chapter) -> list[Token]:
    """The tokens without the heading that says the chapter's title, which opens it anyway."""
    if not chapter.sections or chapter.sections[0].level > 1:
        return tokens
    line = chapter.sections[0].line - chapter.first_line
    found = (at for at, it in enumerate(tokens) if it.type == "heading_open" and it.map and it.map[0] == line)
    at = next(found, None)
    return tokens if at is None else tokens[:at] + tokens[at + 3 :]


def notes_apart(tokens: list[Token]) -> tuple[dict[int, list[Token]], list[Token]]:
    """Part the footnotes from the text: their tokens by number, and the tokens of the text."""
    notes: dict[int, list[Token]] = {}
    text: list[Token] = []
    kept = text
    for token in tokens:
        if token.type == "footnote_open":
            kept = notes.setdefault(token.meta["id"] + 1, [])
        elif token.type in ("footnote_close", "footnote_block_close"):
            kept = text
        elif token.type not in ("footnote_block_open", "footnote_anchor"):
            kept.append(token)
    return notes, text


def joined(children: list[Token]) -> Iterator[Token]:
    """Texts and the soft breaks between them as one; comments dropped; `<br>` as the break that it means."""
    for token in _merged(children):
        pieces = _BREAKS.split(_COMMENT.sub("", token.content)) if token.type == "text" else []
        if not pieces:
            yield token
        for at, piece in enumerate(pieces):
            if at:
                yield token.copy(type="hardbreak", tag="br", content="")
            if piece:
                yield token.copy(content=piece)


def _merged(children: list[Token]) -> Iterator[Token]:
    held: list[Token] = []
    for at, token in enumerate(children):
        if token.type == "softbreak":
            after = children[at + 1].content[:1] if at + 1 < len(children) else ""
            before = held[-1].content[-1:] if held else ""
            space = "" if _WIDE.match(before) and _WIDE.match(after) else " "
            held.append(token.copy(type="text", tag="", content=space))
        elif token.type == "text":
            held.append(token.copy(content=apostrophes(token.content)))
        else:
            yield from [held[0].copy(content="".join(it.content for it in held))] if held else []
            held = []
            yield token
    yield from [held[0].copy(content="".join(it.content for it in held))] if held else []


def plain(tokens: list[Token]) -> Iterator[Token]:
    """Inline tokens without links and pictures, for where these have no place."""
    for token in tokens:
        token.children = [it for it in joined(token.children or []) if not it.type.startswith(("link", "image"))]
        yield token


def lone_picture(tokens: Sequence[Token], at: int) -> Token | None:
    """The picture that is a paragraph of its own, and so a figure."""
    said = [it for it in tokens[at].children or [] if it.type != "mark" and (it.content.strip() or it.type != "text")]
    lone = len(said) == 1 and said[0].type == "image" and tokens[at - 1].type == "paragraph_open"
    return said[0] if lone else None
