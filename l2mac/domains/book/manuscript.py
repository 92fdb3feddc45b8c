"""A book's folder as values: `book.yaml`, `outline.yaml`, `canon/terms.yaml`, `chapters/NN-slug.md`.

Everything here was written by a model or a person and may be broken: what can't be read is left out and named in
`Book.notices`, and nothing raises. The folder is described in docs/design/010-books.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

from .checks.words import count_words, unlinked

CHAPTERS = "chapters/"
_MOST_YAML = 300_000  # characters
_MOST_VALUES = 1_000
_DEEPEST = 2_000
_LONGEST = 1_000  # characters of a title, a name, an id
_ILLEGAL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")  # XML 1.0, 2.2
_FRONT = re.compile(r"\A---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(\S.*)")
_ANCHOR = re.compile(r"[ \t]*\{#([\w.:-]+)\}$")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")


@dataclass(frozen=True, slots=True)
class Section:
    """A heading of a chapter: ATX only, as `## Title` or `## Title {#anchor}`."""

    level: int
    title: str
    """Without emphasis, links and anchor."""
    anchor: str
    """Unique in its chapter: what a cross reference names; made from the title as GitHub does, if it is not given."""
    line: int
    """Its line in the chapter's file, from 1."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A chapter as the outline names it."""

    id: str
    title: str
    path: str
    words: int | None = None
    summary: str = ""
    headings: tuple[str, ...] = ()
    part: str = ""


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter that is there."""

    id: str
    """Unique in its book."""
    title: str
    path: str
    body: str
    """Its Markdown without the front matter."""
    first_line: int
    """The line of its file on which the body begins, from 1."""
    sections: tuple[Section, ...] = ()
    plan: Planned | None = None
    status: str = ""
    summary: str = ""
    terms: tuple[str, ...] = ()
    """What the chapter wants to be found under in the index."""


@dataclass(frozen=True, slots=True)
class Term:
    """A word that the glossary explains."""

    term: str
    definition: str
    index: bool = True


@dataclass(frozen=True, slots=True)
class Book:
    """A book as far as it is written."""

    title: str
    subtitle: str = ""
    author: str = ""
    language: str = "en"
    """BCP 47."""
    audience: str = ""
    voice: str = ""
    description: str = ""
    cover: str = ""
    """The path of a picture, or nothing."""
    words: int | None = None
    """The wanted length of a chapter for which the outline has none."""
    outline: tuple[Planned, ...] = ()
    chapters: tuple[Chapter, ...] = ()
    """In the order of the outline; those that it does not name follow by their file names."""
    terms: tuple[Term, ...] = ()
    notices: tuple[str, ...] = ()
    """What could not be used, and why, each as one line."""


def is_book(files: Iterable[str]) -> bool:
    """Whether these paths look like those of a book."""
    return any(path in ("book.yaml", "outline.yaml") or is_chapter(path) for path in files)


def read(files: Mapping[str, str], title: str = "") -> Book:
    """Read a book.

    Args:
        files: path → text of the book's folder; any other files are ignored.
        title: the title of a book that names none.
    """
    notices: list[str] = []
    about = _mapping(files, "book.yaml", notices)
    outline = tuple(_outline(_mapping(files, "outline.yaml", notices), notices))
    texts = {path: _clean(files[path]) for path in sorted(files) if is_chapter(path)}
    chapters = tuple(_chapters(outline, texts, notices))
    texts_of = {name: scalar(about.get(name)) for name in ("subtitle", "author", "audience", "voice", "description")}
    return Book(
        title=scalar(about.get("title")) or scalar(title) or "Untitled",
        language=_language(scalar(about.get("language")), notices),
        cover=scalar(about.get("cover") or about.get("cover_image")),
        words=_number(about.get("words")) or _number(about.get("words_per_chapter")),
        outline=outline,
        chapters=chapters,
        terms=tuple(_terms(_yaml(files.get("canon/terms.yaml", ""), "canon/terms.yaml", notices))),
        notices=tuple(notices),
        **texts_of,
    )


def planned(files: Mapping[str, str]) -> tuple[Planned, ...]:
    """The chapters that the outline names, as far as it can be read."""
    notices: list[str] = []
    return tuple(_outline(_mapping(files, "outline.yaml", notices), notices))


def sections(body: str, first_line: int = 1) -> Iterator[Section]:
    """The headings of a chapter's Markdown; what stands in fenced code is none."""
    fence, seen = "", dict[str, int]()
    for number, line in enumerate(body.split("\n"), first_line):
        mark = FENCE.match(line)
        if mark and (not fence or mark[1].startswith(fence)):
            fence = "" if fence else mark[1]
        elif not fence and (found := HEADING.match(line)):
            text = re.sub(r"(?:^|[ \t]+)#+$", "", found[2].rstrip()[: 2 * _LONGEST])
            title = heading(text)
            given = _ANCHOR.search(text)
            yield Section(len(found[1]), title, _unique(given[1] if given else slug(title), seen), number)


def heading(text: str) -> str:
    """A heading's Markdown without emphasis, links and its anchor."""
    text = _ANCHOR.sub("", text)
    return scalar(re.sub(r"!?\[([^\[\]]*)\]\([^()]*\)", r"\1", re.sub(r"[*`]|\b_+|_+\b", "", text)))


def slug(title: str) -> str:
    """The anchor of a heading: in small letters, words joined by hyphens, any script."""
    return re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", title.lower()).strip())[:_LONGEST] or "section"


def is_chapter(path: str) -> bool:
    """Whether this is the path of a chapter."""
    return path.startswith(CHAPTERS) and path.endswith(".md")


def lengths(files: Mapping[str, str]) -> dict[str, int]:
    """The words of each chapter, as its check counts them: without front matter, comments and addresses of links."""
    return {path: _length(text) for path, text in files.items() if is_chapter(path)}


@lru_cache(2_000)
def _length(text: str) -> int:
    return count_words(unlinked(_COMMENT.sub("", parted(text)[1])))


def _chapters(outline: tuple[Planned, ...], texts: dict[str, str], notices: list[str]) -> Iterator[Chapter]:
    """Pair plan and file by path, else by id; each file and each id once."""
    rest = {path: _chapter(path, text, notices) for path, text in texts.items()}
    by_id = {chapter.id: path for path, chapter in reversed(rest.items())}
    ids: dict[str, int] = {}
    for plan in outline:
        path = plan.path if plan.path in rest or plan.path in texts else by_id.get(plan.id, plan.path)
        chapter = rest.pop(path, None)
        if chapter is None:
            again = "a second time" if path in texts else "which is not there"
            notices.append(f"the outline names {path[:200]}, {again}; it is left out")
            continue
        title = chapter.title or plan.title or PurePosixPath(path).stem
        yield replace(chapter, id=_unique_id(plan.id or chapter.id, ids, notices), title=title, plan=plan)
    for path, chapter in rest.items():
        if outline:
            notices.append(f"{path} is not in the outline; it follows at the end")
        title = chapter.title or PurePosixPath(path).stem
        yield replace(chapter, id=_unique_id(chapter.id, ids, notices), title=title)


def parted(text: str) -> tuple[str, str, int]:
    """The front matter of a chapter's text, its body, and the line on which that begins, from 1."""
    text = _clean(text)
    found = _FRONT.match(text)
    return (found[1], text[found.end() :], text[: found.end()].count("\n") + 1) if found else ("", text, 1)


def _chapter(path: str, text: str, notices: list[str]) -> Chapter:
    front, body, first = parted(text)
    front = _yaml(front, path, notices)
    about = front if isinstance(front, dict) else {}
    heads = tuple(sections(body, first))
    title = next((it.title for it in heads if it.level == 1), "")
    return Chapter(
        id=scalar(about.get("id")) or PurePosixPath(path).stem,
        title=scalar(about.get("title")) or title,
        path=path,
        body=body,
        first_line=first,
        sections=heads,
        status=scalar(about.get("status")),
        summary=scalar(about.get("summary")),
        terms=scalars(about.get("index")),
    )


def _outline(outline: dict[str, Any], notices: list[str]) -> Iterator[Planned]:
    """The chapters of the outline, those of its parts after those of none."""
    listed = [("", outline.get("chapters"))]
    for part in _list(outline.get("parts")):
        if isinstance(part, dict):
            listed.append((scalar(part.get("title")), part.get("chapters")))
    for part, entries in listed:
        for entry in _list(entries):
            about = entry if isinstance(entry, dict) else {"title": entry}
            title, id = scalar(about.get("title")), scalar(about.get("id"))
            path = scalar(about.get("file") or about.get("path")).removeprefix("./")
            if not (path or title or id):
                notices.append("an entry of outline.yaml has neither title nor file; it is left out")
                continue
            yield Planned(
                id=id or PurePosixPath(path).stem or slug(title),
                title=title,
                path=path if path.startswith(CHAPTERS) else f"{CHAPTERS}{path or f'{id or slug(title)}.md'}",
                words=_number(about.get("words")),
                summary=scalar(about.get("summary")),
                headings=scalars(about.get("headings")),
                part=scalar(about.get("part")) or part,
            )


def _terms(data: Any) -> Iterator[Term]:
    seen: set[str] = set()
    for entry in _list(data.get("terms") if isinstance(data, dict) and "terms" in data else data):
        about = entry if isinstance(entry, dict) else {"term": entry}
        term = scalar(about.get("term"))
        if term and term.casefold() not in seen:
            seen.add(term.casefold())
            shown = scalar(about.get("index")).lower() not in ("false", "no", "off", "0")
            yield Term(term, scalar(about.get("definition")), shown)


def _mapping(files: Mapping[str, str], path: str, notices: list[str]) -> dict[str, Any]:
    data = _yaml(files.get(path, ""), path, notices)
    if data and not isinstance(data, dict):
        notices.append(f"{path} is no mapping of names to values; it is left out")
    return data if isinstance(data, dict) else {}


def _yaml(text: str, path: str, notices: list[str]) -> Any:
    """What a YAML text says, every scalar as a string; nothing and a notice where it can't be read."""
    import yaml

    try:
        if len(text) > _MOST_YAML:
            raise ValueError("it is too long")
        return loaded(_clean(text)) or {}
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        problem = getattr(error, "problem", None) or (error if isinstance(error, ValueError) else "nested too deeply")
        notices.append(f"the YAML of {path} can't be read ({scalar(str(problem))[:120]}); it is left out")
        return {}


def loaded(text: str) -> Any:
    """What a YAML text says, every scalar as a string.

    Raises:
        yaml.YAMLError, ValueError, RecursionError: it can't be read.
    """
    import yaml

    # The quick loader is native code, which deep nesting would crash. No text nests deeper than it opens lists within
    # a line, or than its lines are indented.
    deep = text.count("[") + text.count("{") > _DEEPEST or re.search(rf"^[ \t?:-]{{{_DEEPEST}}}", text, re.MULTILINE)
    return yaml.load(text, yaml.BaseLoader if deep else getattr(yaml, "CBaseLoader", yaml.BaseLoader))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def scalars(value: Any) -> tuple[str, ...]:
    """The scalars of a list, or of one value, each as a line; at most a thousand."""
    values = [value] if isinstance(value, str) else _list(value)
    return tuple(text for it in values[:_MOST_VALUES] if (text := scalar(it)))


def scalar(value: Any) -> str:
    """A scalar as one line of bounded length; nothing for what is no scalar."""
    return " ".join(_clean(value).split())[:_LONGEST].strip() if isinstance(value, str) else ""


def _clean(text: str) -> str:
    """A text without what no XML can hold, its lines ended by a newline alone."""
    return _ILLEGAL.sub("", text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n"))


def _number(value: Any) -> int | None:
    return int(value) if isinstance(value, str) and re.fullmatch(r"[1-9][0-9]{0,6}", value) else None


def _language(tag: str, notices: list[str]) -> str:
    if tag and not _LANGUAGE.fullmatch(tag):
        notices.append(f"the language {tag[:40]!r} of book.yaml is no BCP 47 tag such as en or pt-BR; en is meant")
        return "en"
    return tag or "en"


def _unique_id(id: str, seen: dict[str, int], notices: list[str]) -> str:
    if id in seen:
        notices.append(f"two chapters have the id {id[:80]!r}; the second gets another")
    return _unique(id, seen)


def _unique(name: str, seen: dict[str, int]) -> str:
    """The name, or the name with the first number that is free."""
    free = name
    while free in seen:
        seen[name] += 1
        free = f"{name}-{seen[name]}"
    seen[free] = 0
    return free
