"""A book as one Markdown file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from ..manuscript import FENCE, Chapter
from .composition import Composition, Setting

_LINK = re.compile(r"(?<!!)\[([^\[\]]*)\]\(([^()\s]+)\)")
_PICTURE = re.compile(r"(!\[[^\[\]]*\]\()(?:\.{1,2}/)+")
_NOTE = re.compile(r"\[\^([^\]\s]+)\]")
_ANCHOR = re.compile(r"[ \t]*\{#[\w.:-]+\}$")


def markdown(made: Composition) -> bytes:
    """The book as one file; pictures stay where they are, in the folder `images`."""
    book = made.book
    about = (("title", book.title), ("subtitle", book.subtitle), ("author", book.author), ("lang", book.language))
    front = "".join(f"{name}: {json.dumps(value, ensure_ascii=False)}\n" for name, value in about if value)
    lines = [f"---\n{front}---\n\n# {_text(book.title)}\n"]
    lines += [f"*{_text(book.subtitle)}*\n"] if book.subtitle else []
    lines += [f"{_text(book.author)}\n"] if book.author else []
    lines += [f"## {made.labels['contents']}\n", *_contents(made), ""] if made.chapters else []
    for setting, chapter in zip(made.chapters, book.chapters, strict=True):
        lines += [f"# {_text(setting.part)}\n"] if setting.part else []
        lines.append(f'<a id="{setting.id}"></a>\n\n# {made.label(setting)}: {_text(chapter.title)}\n')
        lines += [*_body(made, setting, chapter), ""]
    lines += _back(made)
    return ("\n".join(lines).rstrip() + "\n").encode()


def _contents(made: Composition) -> Iterator[str]:
    for level, id, title in made.contents():
        yield f"\n**{_text(title)}**\n" if level == 0 else f"{'  ' * (level - 1)}- [{_text(title)}](#{id})"


def _body(made: Composition, setting: Setting, chapter: Chapter) -> Iterator[str]:
    """A chapter's lines with anchors before its headings, its links and the names of its notes made the book's."""
    fence, sections = "", {it.line - chapter.first_line: it for it in chapter.sections}
    for at, line in enumerate(chapter.body.split("\n")):
        mark = FENCE.match(line)
        if mark and (not fence or mark[1].startswith(fence)):
            fence = "" if fence else mark[1]
        elif not fence and at in sections:
            if made.targets[setting.number, sections[at].anchor] != setting.id:
                yield f'<a id="{made.targets[setting.number, sections[at].anchor]}"></a>\n'
                yield _ANCHOR.sub("", line[:2_000].rstrip())
            continue
        yield line if fence else _line(made, setting, line)


def _line(made: Composition, setting: Setting, line: str) -> str:
    def link(found: re.Match[str]) -> str:
        if re.match(r"(?:https?|mailto):", found[2], re.IGNORECASE):
            return found[0]
        id = made.target(setting.number, found[2])
        return f"[{found[1]}](#{id})" if id else found[1]

    return _NOTE.sub(rf"[^{setting.id}-\1]", _PICTURE.sub(r"\1", _LINK.sub(link, line)))


def _back(made: Composition) -> Iterator[str]:
    explained = sorted((it.term, it.definition) for it in made.book.terms if it.definition)
    if explained:
        yield f'<a id="glossary"></a>\n\n# {made.labels["glossary"]}\n'
        yield from (f"- **{_text(term)}**: {definition}" for term, definition in explained)
        yield ""
    if made.index:
        yield f'<a id="index"></a>\n\n# {made.labels["index"]}\n'
        for term, places in made.index:
            found = {it.section_id: it for it in places}
            links = ", ".join(f"[{_text(it.section)}](#{id})" for id, it in found.items())
            yield f"- {_text(term)}: {links}"


def _text(text: str) -> str:
    """A text in which nothing is taken for Markdown."""
    return re.sub(r"([\\`*_\[\]<>#|])", r"\\\1", text)
