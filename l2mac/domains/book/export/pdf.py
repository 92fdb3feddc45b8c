"""A book as PDF, and its cover as a picture: set by Typst from book.typ."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

from ....errors import UsageError
from . import fonts
from .composition import Composition, Setting, order
from .pictures import Picture
from .tokens import lone_picture

if TYPE_CHECKING:
    from markdown_it.token import Token

# Ground, ink, accent: each pair of ground and ink has a contrast of at least 7.
_PALETTES = (
    ("1f3a36", "f3ead7", "d9a441"),
    ("7a1f1d", "f7ecdc", "e3b66b"),
    ("f3e9d8", "2b2a28", "a4432b"),
    ("20304a", "f2ede3", "c98d5b"),
    ("e9e4d4", "22382f", "7c8f4e"),
    ("3a2434", "f5e9e4", "d58f7c"),
    ("f0dfc4", "3b241a", "b4552d"),
)

_UNBROKEN = re.compile("[\x21-\u024f]{36,}")
_FIRST_WORDS = re.compile(r"(?:[^\W\d_][\w'’-]*[,:;]? ){1,3}[^\W\d_][\w’'-]*")
_UNIT = re.compile(r"(?<=[\d½¼¾⅓⅔⅛]) (?=(?:[kmµ]?g|[mcd]?l|[mck]?m|oz|lb|°[CF]|%)(?!\w))")


def pdf(made: Composition) -> bytes:
    """The book as PDF.

    Fonts of this computer are used only for characters that our own font lacks; what none has is a notice.
    """
    source = "\n".join([_opening(made), *_pages(made)])
    return _compiled(made, source, "pdf")


def cover(made: Composition) -> Picture:
    """The picture on the cover, 1600 × 2400 points where it is set in type; drawn once."""
    if made.cover is None:
        made.cover = Picture("cover.png", _compiled(made, f"{_opening(made)}\n#cover-page(book)", "png"))
    return made.cover


def pictured(data: bytes) -> bytes | None:
    """A picture as PNG, drawn by Typst; None where it can't show it."""
    import typst

    page = """#set page(width: auto, height: auto, margin: 0pt)
        #context {
          let natural = measure(image("picture"))
          let scale = calc.min(1, 14cm / natural.width, 20cm / natural.height)
          image("picture", width: natural.width * scale, height: natural.height * scale)
        }"""
    with TemporaryDirectory() as folder:
        Path(folder, "picture").write_bytes(data)
        Path(folder, "main.typ").write_text(page.replace('"picture"', 'read("picture", encoding: none)'))
        try:
            done: Any = typst.compile(
                f"{folder}/main.typ", root=folder, format="png", ppi=200, ignore_system_fonts=True
            )
        except typst.TypstError:
            return None
    return bytes(done)


def _compiled(made: Composition, source: str, form: Literal["pdf", "png"]) -> bytes:
    import typst

    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "main.typ").write_text(source, encoding="utf-8")
        (folder / "book.typ").write_bytes(files(__package__).joinpath("book.typ").read_bytes())
        for picture in {*made.pictures.values(), *filter(None, (made.cover, made.art))}:
            (folder / picture.name).write_bytes(picture.data)
        try:
            done: Any = typst.compile(
                f"{name}/main.typ",
                root=name,
                font_paths=[fonts.folder()],
                ignore_system_fonts=not made.families,
                format=form,
                ppi=266.7 if form == "png" else None,
                timestamp=int(made.when.timestamp()),
            )
        except typst.TypstError as error:
            raise UsageError(f"the book can't be set ({str(error)[:200]}); --format md takes its text along") from None
    return bytes(done[0] if isinstance(done, list) else done)


def _opening(made: Composition) -> str:
    """The preamble: what book.typ needs to know."""
    book = made.book
    ground, ink, accent = _PALETTES[sha256(book.title.encode()).digest()[0] % len(_PALETTES)]
    language, *rest = book.language.split("-")
    about: dict[str, str | list[str]] = {
        "title": book.title,
        "subtitle": book.subtitle,
        "author": book.author,
        "description": book.description,
        "language": language.lower(),
        "region": next((it.upper() for it in rest if len(it) == 2 and it.isalpha()), ""),
        "families": made.families,
        "ground": f"#{ground}",
        "ink": f"#{ink}",
        "accent": f"#{accent}",
        "cover": made.cover.name if made.cover else "",
        "art": made.art.name if made.art else "",
    }
    seeds = ", ".join(map(str, sha256(b"tiles " + book.title.encode()).digest()[:24]))
    entries = ", ".join(f"{name}: {_value(value)}" for name, value in about.items())
    return f'#import "book.typ": *\n#let book = ({entries}, seeds: ({seeds}))\n#show: setting.with(book)'


def _pages(made: Composition) -> Iterable[str]:
    yield "#cover-page(book)\n#title-page(book)"
    if made.chapters:
        listed = ", ".join(f"({level}, <{id}>, {_string(title)})" for level, id, title in made.contents())
        yield f"#contents-page({_string(made.labels['contents'])}, ({listed},))"
    yield "#show: body.with(book)"
    for chapter in made.chapters:
        if chapter.part:
            yield f"#part-page({_string(chapter.part)}) <p{chapter.number}>"
        yield f"#chapter-opening({_string(made.label(chapter))}, {_string(chapter.title)}, <{chapter.id}>)"
        yield _Typst(chapter).blocks(chapter.tokens)
    if made.glossary:
        yield f"#back-matter({_string(made.labels['glossary'])}, <glossary>)"
        yield from (f"#glossary-entry({_string(term)})[{_Typst().blocks(it)}]" for term, it in made.glossary)
    if made.index:
        yield f"#back-matter({_string(made.labels['index'])}, <index>)"
        entries = (
            f"({_string(term)}, {_string(order(term)[0][:1])}, ({', '.join(f'<{it.id}>' for it in at)},))"
            for term, at in made.index
        )
        yield f"#index-entries(({', '.join(entries)},))"


class _Typst:
    """Writes tokens as Typst markup. Every text is a string literal, so that none of it can be taken for markup."""

    def __init__(self, setting: Setting | None = None) -> None:
        self.notes = dict(setting.notes) if setting else {}
        self.noted: set[int] = set()
        self.heading = ""
        self.opens = setting is not None  # the words that open a chapter are set apart

    def blocks(self, tokens: Sequence[Token]) -> str:
        """The markup of block tokens."""
        written: list[str] = []
        for at, token in enumerate(tokens):
            if token.type == "inline":
                self.opens = self.opens and tokens[at - 1].type == "paragraph_open"
                lone = lone_picture(tokens, at)
                written.append(_figure(lone) if lone else self.inline(token.children or []))
            elif token.type == "paragraph_open":
                role = token.attrs.get("class")
                written.append(f"\n#{role}[" if role else "" if token.hidden else "\n\n")
            elif token.type == "table_open":
                written.append(f"\n#table-block(({', '.join(_alignments(tokens, at))},), ")
            else:
                written.append(self._block(token))
        return "".join(written)

    def _block(self, token: Token) -> str:
        """The markup of one token that opens, closes or is a block."""
        if token.type == "heading_open":
            label = f" <{token.attrs['id']}>" if token.attrs.get("id") else ""
            self.heading = f"]){label}\n"
            return f"\n#section({token.meta['level']}, ["
        if token.type == "ordered_list_open":
            return f"\n#enum(start: {token.attrs.get('start', 1)}, "
        if token.type in ("fence", "code_block"):
            return f"\n#code-block({_string(token.content.rstrip())})\n"
        if token.type == "heading_close":
            return self.heading
        if token.attrs.get("class"):
            return _KEPT[token.type]
        return _BLOCKS.get(token.type, "")

    def inline(self, tokens: Sequence[Token]) -> str:
        """The markup of inline tokens."""
        return "".join(self._inline(token) for token in tokens)

    def _inline(self, token: Token) -> str:
        match token.type:
            case "text" if self.opens and (words := _FIRST_WORDS.match(token.content)):
                self.opens = False
                return f"#opening-words({_string(words[0])});#{_string(token.content[words.end() :])};"
            case "text":
                self.opens = False
                return (
                    f"#{_string(_UNIT.sub(chr(0xA0), _UNBROKEN.sub(_broken, token.content)))};" if token.content else ""
                )
            case "code_inline":
                return f"#raw({_string(token.content)});"
            case "mark":
                return f"#metadata(none)<{token.meta['id']}>"
            case "link_open" if token.meta:
                return f"#link(<{token.meta['to']}>)["
            case "link_open":
                return f"#link({_string(str(token.attrs['href']))})["
            case "image":
                return f"#inline-picture({_string(token.meta['picture'].name)}, {_string(token.content)});"
            case "footnote_ref":
                return self._note(token.meta["id"] + 1)
        return _INLINES.get(token.type, "")

    def _note(self, number: int) -> str:
        """A footnote where it is called for the first time; a reference to it afterwards, and inside of notes."""
        if number in self.noted:
            return f"#super[{number}]"
        self.noted.add(number)
        text = self.blocks(self.notes.get(number, ())).strip()
        return f"#footnote[{text}]"


_BLOCKS = {
    "bullet_list_open": "\n#list(",
    "bullet_list_close": ");\n",
    "ordered_list_close": ");\n",
    "list_item_open": "[",
    "list_item_close": "], ",
    "blockquote_open": "\n#quotation[",
    "blockquote_close": "]\n",
    "hr": "\n#ornament\n",
    "paragraph_close": "\n",
    "thead_open": "table.header(",
    "thead_close": "), ",
    "th_open": "[",
    "td_open": "[",
    "th_close": "], ",
    "td_close": "], ",
    "table_close": ")\n",
}
_KEPT = {"paragraph_close": "]\n", "bullet_list_open": "\n#kept[#list(", "bullet_list_close": ");]\n"}
_INLINES = {
    "strong_open": "#strong[",
    "strong_close": "];",
    "em_open": "#emph[",
    "em_close": "];",
    "s_open": "#strike[",
    "s_close": "];",
    "link_close": "];",
    "hardbreak": "#linebreak();",
}


def _alignments(tokens: Sequence[Token], at: int) -> list[str]:
    """How the columns of a table are aligned."""
    columns = []
    for token in tokens[at:]:
        if token.type == "th_open":
            found = re.search(r"text-align:(\w+)", str(token.attrs.get("style", "")))
            columns.append({"center": "center", "right": "end"}.get(found[1] if found else "", "start"))
        elif token.type == "thead_close":
            break
    return columns


def _figure(token: Token) -> str:
    picture, caption = token.meta["picture"], token.meta["caption"]
    return f"#picture({_string(picture.name)}, {_string(token.content)}, {_string(caption)})"


def _string(text: str) -> str:
    """A Typst string literal."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "").replace("\t", "\\t")
    return f'"{escaped}"'


def _broken(found: re.Match[str]) -> str:
    """A word that no line can hold, with places to break it."""
    return "\u200b".join(re.findall(r".{1,12}", found[0]))


def _value(value: str | Sequence[str]) -> str:
    return _string(value) if isinstance(value, str) else f"({''.join(f'{_string(it)},' for it in value)})"
