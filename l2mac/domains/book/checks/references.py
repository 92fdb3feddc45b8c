"""Does every link, image, footnote and index term lead somewhere?"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from ....checks.report import Finding
from ..manuscript import heading, scalar, scalars
from .reading import Block, Book, Chapter, line_of
from .speech import unquoted_code
from .words import HAN

_LINK = re.compile(
    r"(!?)\[((?:[^\[\]]|\[[^\[\]]*+\])*+)\]"
    r"(?:\(\s*+<?([^()\s<>]*+(?:\([^()\s]*+\)[^()\s<>]*+)*+)>?[^()]*+\)|\[([^\[\]]*+)\])"
)
_DEFINED = re.compile(r"^ {0,3}\[(\^?[^\[\]\n]+)\]:", re.MULTILINE)
_FOOTNOTE = re.compile(r"\[\^([^\[\]\s]+)\](?!:)")
_ENDINGS = "ies|es|s|y|en|e|n|i|o|a"
_ENDING = re.compile(rf"(?<=\w{{3}})(?:{_ENDINGS})$")
_SEE = re.compile(
    r"\b(?:see|in|siehe|vedi|nel)\s+(?:chapter|kapitel|capitolo)\s+(\d{1,6})\b|第(\d{1,6})章", re.IGNORECASE
)


def heading_text(block: Block) -> str:
    """A heading without emphasis, links and its anchor."""
    return heading(block.text)


def check_chapter(book: Book, chapter: Chapter) -> Iterator[Finding]:
    """Gates, but for links to chapters that are still to come and footnotes that nothing points at."""
    blocks = [it for it in chapter.blocks if it.kind not in ("code", "html") and "[" in it.text]
    defined = {name.casefold() for name in _DEFINED.findall(chapter.text)} if "]:" in chapter.text else set()
    for block in blocks:
        text = unquoted_code(block.text)
        for link in _LINK.finditer(text):
            if said := _link_fault(book, chapter, link, defined):
                advice = said.endswith("to come")
                code = "image-missing" if link[1] else "link-broken"
                yield Finding(chapter.path, block.line_at(link.start()), code, said, advice)
        for note in _FOOTNOTE.finditer(text):
            if f"^{note[1]}".casefold() not in defined:
                said = f"there is no footnote [^{note[1]}]: define it below"
                yield Finding(chapter.path, block.line_at(note.start()), "footnote-missing", said)
    yield from _chapter_numbers(book, chapter)


def check_index(book: Book, chapter: Chapter) -> Iterator[Finding]:
    """Gates: an index entry must lead to a page."""
    del book
    terms = scalars(chapter.meta.get("index")) if "index" in chapter.meta else ()
    if not terms:
        return
    text = _plain(" ".join(it.text for it in chapter.blocks if it.kind != "html"))
    for term in terms:
        if not any(_occurs(form, text) for form in _forms(term)):
            line = line_of(chapter.text, term) or line_of(chapter.text, "index:")
            near = next(filter(None, (_near(form, text) for form in _forms(term))), "")
            mend = f'the text has "{near}": name that' if near else "take it out of the index, or use the word"
            yield Finding(
                chapter.path, line, "term-missing", f"the index term {term!r} does not occur in the chapter; {mend}"
            )


def _plain(text: str) -> str:
    """A text as words are compared: small letters, one form of the apostrophe, no marks of emphasis, single spaces."""
    return " ".join(re.sub(r"[*_]", "", text.casefold().replace("’", "'")).split())


def _occurs(term: str, text: str) -> bool:
    """Does a term stand in a text as words of its own, with any ending; of Arabic also behind a prefix?"""
    bound = "" if re.match(rf"[{HAN}\u0600-\u06ff]", term) else r"(?<!\w)"
    return term in text and re.search(bound + re.escape(term), text) is not None


def _near(term: str, text: str) -> str:
    """The term in another number, as the text has it: `anchovy` for `anchovies`. An index finds no other form."""
    words = r"\s+".join(f"{re.escape(_ENDING.sub('', it))}(?:{_ENDINGS})?" for it in term.split())
    found = re.search(rf"(?<!\w){words}(?!\w)", text)
    return found[0] if found else ""


def _forms(term: str) -> list[str]:
    """`Rossi, Anna` is found as `Anna Rossi` too; of `pasta!fresh` both words."""
    main = _plain(scalar(term))
    last, comma, first = main.partition(", ")
    return [main, f"{first} {last}"] if comma else [main.rpartition("!")[2]]


def _link_fault(book: Book, chapter: Chapter, link: re.Match[str], defined: set[str]) -> str:
    image, label, target, name = link.groups()
    if target is None:
        known = (name or label).casefold() in defined
        return "" if known else f"nothing says where [{name or label}] leads"
    try:
        address = urlsplit(target)
    except ValueError:
        return f"{target!r} is no address"
    if address.scheme or address.netloc:
        return ""
    if not target or target == "#":
        return "the link leads nowhere"
    path = chapter.path
    if address.path:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(path), unquote(address.path)))
        path = path if path in book.files else _by_id(book, address.path) or path
    if path in book.pending and path not in book.files:
        return f"{path} is still to come"
    if path not in book.files and not book.on_disk(path):
        return f"there is no file {path}"
    if image or not address.fragment or path not in book.chapters:
        return ""
    if unquote(address.fragment) in book.chapters[path].anchors:
        return ""
    return f"{path} has no heading #{unquote(address.fragment)}"


def _by_id(book: Book, name: str) -> str:
    return next((it.path for it in book.planned if name and name in (it.id, it.path)), "")


def _chapter_numbers(book: Book, chapter: Chapter) -> Iterator[Finding]:
    """`see Chapter 14` of a book that has twelve: advice, for it may speak of another book."""
    most = len(book.planned)
    for block in chapter.prose if most else ():
        for found in _SEE.finditer(block.text):
            if int(found[1] or found[2]) > most:
                said = f"there is no chapter {int(found[1] or found[2])}: the outline has {most}"
                yield Finding(chapter.path, block.line_at(found.start()), "no-such-chapter", said, True)
