"""Tokens as XHTML, for EPUB and for the web page."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING

from .composition import Composition, Setting
from .pictures import Picture
from .tokens import lone_picture

if TYPE_CHECKING:
    from markdown_it.token import Token

_TAGS = re.compile(r"[a-z][a-z0-9]*")


class Markup:
    """Writes tokens as XHTML; `href` says how a form names an id, `src` how it names a picture."""

    def __init__(self, made: Composition, href: Callable[[str], str], src: Callable[[Picture], str]) -> None:
        self.made, self.href, self.src = made, href, src
        self.prefix = ""
        self.called: set[int] = set()

    def chapter(self, setting: Setting) -> str:
        """A chapter's body with its notes at the end."""
        self.prefix, self.called = setting.id, set()
        text = self.blocks(setting.tokens)
        written = {number: self.blocks(tokens).strip() for number, tokens in sorted(setting.notes.items())}
        notes = "".join(
            f'<li id="{setting.id}n{number}" epub:type="footnote">{note} {self._back(number)}</li>'
            for number, note in written.items()
        )
        title = f"<h2>{escape(self.made.labels['notes'])}</h2>"
        return text + (
            f'<section class="notes" epub:type="footnotes">{title}<ol>{notes}</ol></section>' if notes else ""
        )

    def blocks(self, tokens: Sequence[Token]) -> str:
        """Block tokens as XHTML."""
        written = []
        for at, token in enumerate(tokens):
            if token.type == "inline":
                written.append(self._figure(tokens, at) or self.inline(token.children or []))
            elif token.type in ("fence", "code_block"):
                written.append(f"<pre><code>{escape(token.content)}</code></pre>\n")
            elif not (token.hidden or _figured(tokens, at)):
                written.append(_tag(token))
        return "".join(written)

    def inline(self, tokens: Sequence[Token]) -> str:
        """Inline tokens as XHTML."""
        return "".join(map(self._inline, tokens))

    def _inline(self, token: Token) -> str:
        match token.type:
            case "text":
                return escape(token.content)
            case "code_inline":
                return f"<code>{escape(token.content)}</code>"
            case "mark":
                return f'<span id="{token.meta["id"]}"></span>'
            case "link_open":
                to = self.href(token.meta["to"]) if token.meta else str(token.attrs["href"])
                return f'<a href="{escape(to)}">'
            case "image":
                return self._img(token)
            case "footnote_ref":
                return self._call(token.meta["id"] + 1)
        return _tag(token)

    def _call(self, number: int) -> str:
        """The call of a note: the note leads back to the first."""
        id = "" if number in self.called else f' id="{self.prefix}r{number}"'
        self.called.add(number)
        return f'<sup><a{id} href="#{self.prefix}n{number}" epub:type="noteref">{number}</a></sup>'

    def _back(self, number: int) -> str:
        there = number in self.called
        return f'<a class="back" href="#{self.prefix}r{number}" epub:type="backlink">↩</a>' if there else ""

    def _img(self, token: Token) -> str:
        return f'<img src="{escape(self.src(token.meta["picture"]))}" alt="{escape(token.content)}"/>'

    def _figure(self, tokens: Sequence[Token], at: int) -> str:
        picture = lone_picture(tokens, at)
        caption = f"<figcaption>{escape(picture.meta['caption'])}</figcaption>" if picture else ""
        return f"<figure>{self._img(picture)}{caption if picture.meta['caption'] else ''}</figure>\n" if picture else ""


def _figured(tokens: Sequence[Token], at: int) -> bool:
    """Whether a token opens or closes a paragraph that is a figure."""
    inside = {"paragraph_open": at + 1, "paragraph_close": at - 1}.get(tokens[at].type)
    return inside is not None and lone_picture(tokens, inside) is not None


def _tag(token: Token) -> str:
    """A tag of ours: of its attributes only those that are safe and known."""
    if not _TAGS.fullmatch(token.tag):
        return ""
    if token.nesting == -1:
        return f"</{token.tag}>" + ("\n" if token.block else "")
    attributes = "".join(
        f' {name}="{escape(str(value))}"'
        for name, value in token.attrs.items()
        if name in ("id", "class", "start", "style")
    )
    return f"<{token.tag}{attributes}{'/' if token.nesting == 0 else ''}>" + ("\n" if token.tag == "hr" else "")
