"""HTML made of elements: whatever is not an element itself is escaped."""

from __future__ import annotations

import html

from .plain import plain


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def tag(name: str, *children: str, **attributes: object) -> Html:
    """An element. Texts in it are escaped, and lose the characters that would steer more than themselves.

    Args:
        name: of the element.
        children: elements and texts.
        attributes: an underscore stands for a hyphen; the one at the end of `class_` is dropped.
    """
    given = "".join(f' {key.rstrip("_").replace("_", "-")}="{escaped(str(it))}"' for key, it in attributes.items())
    return Html(f"<{name}{given}>{joined(*children)}</{name}>")


def joined(*parts: str) -> Html:
    """Elements and texts one after the other."""
    return Html("".join(it if isinstance(it, Html) else escaped(it) for it in parts))


def escaped(text: str) -> Html:
    """A text as it stands in HTML, in an element or in an attribute."""
    return Html(html.escape(plain(text)))


def table(heads: dict[str, str], rows: list[list[str]], caption: str) -> Html:
    """A table that can be scrolled where it is wider than the page.

    Args:
        heads: the heading of each column, and the class of its cells: `n` for numbers.
        rows: the cells; the first of each names its row.
        caption: what the table is about, for those who can't see it.
    """
    kinds = list(heads.values())
    body = [
        tag("tr", *(tag("td" if at else "th", it, class_=kind, **({} if at else {"scope": "row"}))
                    for at, (it, kind) in enumerate(zip(row, kinds, strict=True))))
        for row in rows
    ]  # fmt: skip
    head = tag("tr", *(tag("th", name, scope="col", class_=kind) for name, kind in heads.items()))
    whole = tag("table", tag("caption", caption), tag("thead", head), tag("tbody", *body))
    return tag("div", whole, class_="scroll", role="region", aria_label=caption, tabindex=0)
