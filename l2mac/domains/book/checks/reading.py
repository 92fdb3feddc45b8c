"""A book as the checks see it: its settings, outline, canon, and chapters in blocks that know their lines.

What stands in the files comes from a model and is never trusted: values of the wrong kind count as not given, YAML that
cannot be read is a finding.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any, Literal

from ....checks.report import Finding
from ...length import ANY, Length
from ..manuscript import is_chapter, loaded, parted, scalar, scalars, sections
from .names import Names
from .speech import unspoken
from .words import count_words, unlinked

Kind = Literal["heading", "paragraph", "item", "quote", "table", "code", "html"]
CANON = ("people", "places", "facts", "terms")
FRAME = ("book.yaml", "outline.yaml", *(f"canon/{name}.yaml" for name in CANON))
"""The files that say what the chapters must be like."""
_LARGEST = 2_000_000  # characters of one file that are read


@dataclass(frozen=True, slots=True)
class Block:
    """A run of text that Markdown keeps together."""

    kind: Kind
    line: int
    """1-based, in the file."""
    text: str
    """Its source, without the marks of headings, lists and quotes."""
    level: int = 0
    """Of a heading 1 to 6."""
    number: str = ""
    """Of a list item `1.` or `-`."""
    last: int = 0
    """The line it ends on."""

    def line_at(self, position: int) -> int:
        """The line of the file on which a character of the text stands."""
        return self.line + self.text.count("\n", 0, position)


@dataclass(frozen=True)
class Chapter:
    """One chapter's file."""

    path: str
    text: str
    meta: Mapping[str, Any]
    blocks: tuple[Block, ...]
    faults: tuple[Finding, ...] = ()

    @cached_property
    def prose(self) -> tuple[Block, ...]:
        """What is told in sentences: paragraphs, quotes, items of lists."""
        return tuple(it for it in self.blocks if it.kind in ("paragraph", "quote", "item"))

    @cached_property
    def told(self) -> tuple[tuple[Block, str], ...]:
        """Its prose, each block with its text without code and quoted speech."""
        return tuple((it, unspoken(it.text)) for it in self.prose)

    @cached_property
    def headings(self) -> tuple[Block, ...]:
        """Its headings in order."""
        return tuple(it for it in self.blocks if it.kind == "heading")

    @cached_property
    def words(self) -> int:
        """Its length: every word but those of front matter, comments and addresses."""
        return sum(block_words(it) for it in self.blocks)

    @cached_property
    def anchors(self) -> frozenset[str]:
        """What a cross reference may name: the anchors that the forms of the book will have."""
        return frozenset(it.anchor for it in sections(parted(self.text)[1]))

    @property
    def last_line(self) -> int:
        """The line on which its text ends."""
        return self.text.rstrip().count("\n") + 1


@dataclass(frozen=True, slots=True)
class Planned:
    """A chapter as the outline wants it."""

    id: str
    title: str
    path: str
    words: int
    summary: str
    headings: tuple[str, ...]
    line: int
    """Where the outline says so."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A person, place, fact or term of the canon."""

    path: str
    name: str
    names: tuple[str, ...]
    """Name and aliases."""
    facts: Mapping[str, str]
    avoid: tuple[str, ...]
    """Spellings that the book does not use."""


@dataclass(frozen=True)
class Book:
    """All that the checks look at."""

    files: Mapping[str, str]
    settings: Mapping[str, Any] = field(default_factory=dict)
    planned: tuple[Planned, ...] = ()
    canon: tuple[Entry, ...] = ()
    chapters: Mapping[str, Chapter] = field(default_factory=dict)
    """By path, in the outline's order; those that it does not name come last."""
    pending: frozenset[str] = frozenset()
    """The chapters whose instruction is still to come."""
    faults: tuple[Finding, ...] = ()
    on_disk: Callable[[str], bool] = lambda path: False
    """Is a file there that is no text, such as a picture?"""
    asked: Length = ANY
    """How long the user wants it."""

    @cached_property
    def frame(self) -> str:
        """The texts of the files that say what the chapters must be like, in one."""
        return "\0".join(self.files.get(path, "") for path in FRAME)

    @cached_property
    def names(self) -> Names:
        """The canon's names, ready to be looked up."""
        return Names([(it.path, it.names) for it in self.canon])

    @property
    def language(self) -> str:
        """The declared language's first part, `en` of `en-GB`; empty when none is declared."""
        return scalar(self.settings.get("language")).partition("-")[0].lower()

    def plan(self, path: str) -> Planned | None:
        """What the outline says of a chapter."""
        return next((it for it in self.planned if it.path == path), None)


def read_book(
    files: Mapping[str, str],
    pending: frozenset[str] | None = None,
    known: dict[tuple[str, str], Chapter] | None = None,
    on_disk: Callable[[str], bool] = lambda path: False,
) -> Book:
    """Read a book from its files.

    Args:
        files: path to text.
        pending: the chapters whose instruction is still to come; None for those that have no file yet.
        known: chapters by path and text; those in it are not read again, those read are put there.
        on_disk: is a file there that is no text?
    """
    known = {} if known is None else known
    faults: list[Finding] = []
    settings = _mapping(_yaml(files, "book.yaml", faults))
    outline = _mapping(_yaml(files, "outline.yaml", faults))
    parts = outline.get("parts")
    lists = [outline, *map(_mapping, parts if isinstance(parts, list) else ())]
    planned = tuple(it for part in lists for it in _planned(files, part.get("chapters")))
    entries = [it for name in CANON for it in _entries(files, f"canon/{name}.yaml", faults)]
    written = [it.path for it in planned if it.path in files]
    written += sorted(path for path in files if is_chapter(path) and path not in written)
    for path in written:
        if (path, files[path]) not in known:
            known[path, files[path]] = read_chapter(path, files[path])
    chapters = {path: known[path, files[path]] for path in written}
    waiting = frozenset(it.path for it in planned if it.path not in files) if pending is None else pending
    return Book(files, settings, planned, tuple(entries), chapters, waiting, tuple(faults), on_disk)


def read_chapter(path: str, text: str) -> Chapter:
    """Read one chapter: its front matter, and its body in blocks."""
    if len(text) > _LARGEST:
        return Chapter(path, text, {}, (), (Finding(path, 0, "size", f"more than {_LARGEST:,} characters: split it"),))
    front, body, first = parted(text)
    faults: list[Finding] = []
    meta = _mapping(_loaded(front, path, 1, faults))
    return Chapter(path, text, meta, tuple(_blocks(body, first - 1)), tuple(faults))


def block_words(block: Block) -> int:
    """The words of a block, without addresses of links; comments have none."""
    return 0 if block.kind == "html" else count_words(unlinked(block.text))


def line_of(text: str, needle: str) -> int:
    """The first line in which a text holds another; 0 when none does."""
    at = text.find(needle) if needle else -1
    return text.count("\n", 0, at) + 1 if at >= 0 else 0


def _blocks(body: str, start: int) -> Iterator[Block]:
    from markdown_it import MarkdownIt

    within: list[str] = []
    numbers: list[str] = []
    for token in MarkdownIt("commonmark").enable("table").disable("inline").parse(body):
        line, last = [start + 1 + token.map[0], start + token.map[1]] if token.map else [0, 0]
        if token.type == "list_item_open":
            numbers.append(f"{token.info}{token.markup}")
        elif token.type == "list_item_close":
            numbers.pop()
        if token.type in ("fence", "code_block", "html_block"):
            yield Block("html" if token.type == "html_block" else "code", line, token.content, 0, "", last)
        elif token.type == "inline":
            level = int(within[-1][1:]) if within[-1] in ("h1", "h2", "h3", "h4", "h5", "h6") else 0
            number = numbers[-1] if numbers and within[-1] == "p" else ""
            yield Block(_kind(within), line, token.content, level, number, last)
        elif token.nesting:
            within.append(token.tag) if token.nesting > 0 else within.pop()


def _kind(within: list[str]) -> Kind:
    if within[-1] in ("td", "th"):
        return "table"
    if within[-1] != "p":
        return "heading"
    return "item" if "li" in within else "quote" if "blockquote" in within else "paragraph"


def _yaml(files: Mapping[str, str], path: str, faults: list[Finding]) -> object:
    return _loaded(files.get(path, ""), path, 0, faults)


def _loaded(text: str, path: str, above: int, faults: list[Finding]) -> object:
    import yaml

    try:
        if len(text) > _LARGEST:
            raise ValueError("the file is too large to be read: split it")
        return loaded(text)
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError) as error:
        mark = getattr(error, "context_mark", None) or getattr(error, "problem_mark", None)  # where it begins
        said = " ".join(str(getattr(error, "problem", None) or error).split())[:200]
        faults.append(Finding(path, above + mark.line + 1 if mark else 0, "yaml", f"not YAML: {said}"))
        return None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _planned(files: Mapping[str, str], chapters: object) -> Iterator[Planned]:
    for item in map(_mapping, chapters if isinstance(chapters, list) else ()):
        name = PurePosixPath(scalar(item.get("file")))
        path = str(name if name.parts[:1] == ("chapters",) else PurePosixPath("chapters") / name)
        words = scalar(item.get("words"))
        yield Planned(
            scalar(item.get("id")),
            scalar(item.get("title")),
            path,
            int(words) if re.fullmatch(r"[0-9]{1,7}", words) else 0,
            scalar(item.get("summary")),
            scalars(item.get("headings")),
            line_of(files["outline.yaml"], name.name),
        )


def _entries(files: Mapping[str, str], path: str, faults: list[Finding]) -> Iterator[Entry]:
    listed = _yaml(files, path, faults)
    if isinstance(listed, dict):  # one list below a name, or entries by name
        inner = [value for value in listed.values() if isinstance(value, list)]
        listed = inner[0] if inner else [{"name": name, **_mapping(value)} for name, value in listed.items()]
    for item in map(_mapping, listed if isinstance(listed, list) else ()):
        names = (scalar(item.get("name") or item.get("term")), *scalars(item.get("aliases")))
        facts = {scalar(key): scalar(value) for key, value in _mapping(item.get("facts")).items()}
        if names[0]:
            yield Entry(path, names[0], tuple(filter(None, names)), facts, scalars(item.get("avoid")))
