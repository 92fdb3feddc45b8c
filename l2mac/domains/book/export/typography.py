"""What a typesetter sees in a text: which paragraphs are more than text, which marks are apostrophes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_APOSTROPHE = re.compile(r"(?<![\d'’])'(?=\w)|(?<=[^\W\d_])'(?!')")
_SPECIAL = re.compile(r"([\\`*_\[\]<>!~&^])")
_LONGEST_LEAD = 120  # characters of a line in bold that heads what follows
_LONGEST_KEPT = 18  # items of a list that stays on one page with its head


def apostrophes(text: str) -> str:
    """A text with apostrophes instead of the straight marks that stand in a word or open it."""
    return _APOSTROPHE.sub("’", text)


def smart(text: str, parser: MarkdownIt) -> str:
    """A title with the quotation marks and apostrophes of the book's language; none of it is Markdown."""
    if not re.search(r"""["']""", text):
        return text
    children = parser.parseInline(_SPECIAL.sub(r"\\\1", text))[0].children or []
    return apostrophes("".join(it.content for it in children))


def distinguish(tokens: Sequence[Token]) -> None:
    """Give the paragraphs and lists of a chapter that have a role of their own a class that says so.

    `lead`: a line in bold that heads what follows, such as `Ingredients`. `byline`: a line in italics below a heading.
    `kept`: a list below a lead or a heading, short enough to stand whole on a page.
    """
    for at, token in enumerate(tokens):
        above = tokens[at - 2] if at > 1 else None
        if token.type == "inline" and tokens[at - 1].type == "paragraph_open" and not tokens[at - 1].level:
            role = _role(token, above)
            tokens[at - 1].attrs |= {"class": role} if role else {}
            tokens[at + 1].attrs |= {"class": role} if role else {}
        elif token.type == "bullet_list_open" and not token.level and at:
            end = next(it for it in tokens[at:] if it.type == "bullet_list_close" and not it.level)
            items = sum(it.type == "list_item_open" for it in tokens[at : tokens.index(end)])
            if items <= _LONGEST_KEPT and (tokens[at - 1].attrs.get("class") or tokens[at - 1].type == "heading_close"):
                token.attrs["class"] = end.attrs["class"] = "kept"


def _role(inline: Token, above: Token | None) -> str:
    children = [it for it in inline.children or [] if it.type != "mark" and (it.content.strip() or it.type != "text")]
    if len(children) < 3 or len(inline.content) > _LONGEST_LEAD:
        return ""
    first, *within, last = children
    whole = first.type.removesuffix("_open") == last.type.removesuffix("_close") and first.type not in map(
        _type, within
    )
    if whole and first.type == "strong_open":
        return "lead"
    return "byline" if whole and first.type == "em_open" and above and above.type == "heading_close" else ""


def _type(token: Token) -> str:
    return token.type
