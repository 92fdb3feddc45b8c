"""A book as DOCX: real headings, fields for contents and index, real footnotes (ISO/IEC 29500-1)."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from datetime import UTC
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING, Any

from .composition import Composition, Setting
from .pdf import cover
from .sealing import sealed
from .tokens import lone_picture

if TYPE_CHECKING:
    from docx.document import Document
    from docx.text.paragraph import Paragraph
    from markdown_it.token import Token

_FONT = "Georgia"  # a DOCX brings no fonts along: one that nearly every computer has
_FOOTNOTES = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/footnotes"
_FOOTNOTES_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml"
_MAIN = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_SEPARATORS = "".join(
    f'<w:footnote w:type="{kind}" w:id="{id}"><w:p><w:r><w:{kind}/></w:r></w:p></w:footnote>'
    for id, kind in ((-1, "separator"), (0, "continuationSeparator"))
)
_WIDTH = 4.6  # inches of text between the margins


def docx(made: Composition) -> bytes:
    """The book as one file."""
    from docx import Document as new_document

    document = new_document()
    _Writer(made, document).book()
    packed = BytesIO()
    document.save(packed)
    with zipfile.ZipFile(packed) as archive:
        return sealed(((name, archive.read(name)) for name in archive.namelist()), made.when)


class _Writer:
    """Writes a composition into a document that python-docx made."""

    def __init__(self, made: Composition, document: Document) -> None:
        self.made, self.document = made, document
        self.styles = {it.name: it.style_id for it in document.styles}  # python-docx looks through all each time
        self.bookmarks = 0
        self.notes: list[str] = []

    def book(self) -> None:
        self._prepare()
        self._front()
        for chapter in self.made.chapters:
            if chapter.part:
                _new_page(self.document)
                self._bookmark(self.document.add_paragraph(chapter.part, "Title"), f"p{chapter.number}")
            self._chapter(chapter)
        self._back()
        self._attach_notes()

    def _prepare(self) -> None:
        """Page, styles, running head, page number, metadata."""
        from docx.enum.text import WD_ALIGN_PARAGRAPH
        from docx.shared import Inches, Pt

        book, document = self.made.book, self.document
        section = document.sections[0]
        section.page_width, section.page_height = Inches(6), Inches(9)
        section.left_margin = section.right_margin = Inches((6 - _WIDTH) / 2)
        section.top_margin = section.bottom_margin = Inches(0.9)
        section.different_first_page_header_footer = True
        for name, style in ((it.name, it) for it in document.styles if it.type == 1):
            _set_fonts(style)
            style.font.color.rgb = None
            if name in ("Title", "Subtitle"):
                style.paragraph_format.alignment = WD_ALIGN_PARAGRAPH.CENTER
                style.element.pPr.remove_all("w:pBdr")
        document.styles["Normal"].font.size = Pt(10.5)
        document.styles["Normal"].paragraph_format.space_after = Pt(6)
        document.styles["Heading 1"].paragraph_format.page_break_before = True
        document.styles["Heading 1"].font.size = Pt(22)
        _set_language(document.styles["Normal"], book.language, self.made.right_to_left)
        section.header.paragraphs[0].text = book.title[:80]
        section.header.paragraphs[0].alignment = section.footer.paragraphs[0].alignment = WD_ALIGN_PARAGRAPH.CENTER
        _field(section.footer.paragraphs[0], "PAGE", "1")
        about = document.core_properties
        about.title, about.author, about.language = book.title[:255], book.author[:255], book.language
        about.comments, about.identifier, about.last_modified_by = book.description[:255], self.made.identifier, ""
        about.created = about.modified = self.made.when.astimezone(UTC).replace(tzinfo=None)

    def _front(self) -> None:
        """Cover, title page, contents: a field that shows what it will say until the reader's program renews it."""
        from docx.shared import Inches

        book, document = self.made.book, self.document
        document.add_picture(BytesIO(cover(self.made).data), height=Inches(6.6))
        _new_page(document)
        document.add_paragraph(book.title, "Title")
        for text, style in ((book.subtitle, "Subtitle"), (book.author, "Normal"), (book.description, "Quote")):
            if text:
                document.add_paragraph(text, style)
        _new_page(document)
        document.add_paragraph(self.made.labels["contents"], "Title")
        entries = [
            document.add_paragraph(f"{'    ' * max(0, level - 1)}{title}") for level, _, title in self.made.contents()
        ]
        for entry in entries:
            entry.paragraph_format.space_after = 0
        if entries:
            _spanning_field(entries, 'TOC \\o "1-2" \\h \\z \\u')

    def _chapter(self, chapter: Setting) -> None:
        heading = self.document.add_heading(level=1)
        heading.add_run(f"{self.made.label(chapter)}").italic = True
        heading.add_run().add_break()
        heading.add_run(chapter.title)
        self._bookmark(heading, chapter.id)
        self._blocks(chapter.tokens, chapter)

    def _back(self) -> None:
        if self.made.glossary:
            self._bookmark(self.document.add_heading(self.made.labels["glossary"], 1), "glossary")
        for term, tokens in self.made.glossary:
            paragraph = self.document.add_paragraph()
            paragraph.add_run(f"{term}  ").bold = True
            for token in tokens:
                self._inline(paragraph, token.children or [], None)
        if self.made.index:
            self._bookmark(self.document.add_heading(self.made.labels["index"], 1), "index")
            entries = [
                self.document.add_paragraph(f"{term}, {', '.join(str(it.chapter.number) for it in places)}")
                for term, places in self.made.index
            ]
            _spanning_field(entries, 'INDEX \\c "2" \\e ", "')

    def _blocks(self, tokens: Sequence[Token], chapter: Setting) -> None:
        """Write block tokens; the lists and quotations that are open are kept as styles with their numbering."""
        from docx.enum.text import WD_ALIGN_PARAGRAPH

        around: list[tuple[str, int | None]] = [("Normal", None)]
        rows: list[list[Token]] | None = None
        for at, token in enumerate(tokens):
            if token.type in ("bullet_list_open", "ordered_list_open", "blockquote_open"):
                around.append(self._surrounding(token, around))
            elif token.type in ("bullet_list_close", "ordered_list_close", "blockquote_close"):
                around.pop()
            elif token.type == "table_open":
                rows = []
            elif token.type == "tr_open" and rows is not None:
                rows.append([])
            elif token.type == "table_close":
                self._table(rows or [], chapter)
                rows = None
            elif token.type == "inline" and rows:
                rows[-1].append(token)
            elif token.type == "inline":
                self._paragraph(tokens, at, around[-1], chapter)
            elif token.type in ("fence", "code_block"):
                self.document.add_paragraph().add_run(token.content.rstrip()).font.name = "Courier New"
            elif token.type == "hr":
                self.document.add_paragraph("∗ ∗ ∗").alignment = WD_ALIGN_PARAGRAPH.CENTER

    def _surrounding(self, token: Token, around: Sequence[tuple[str, int | None]]) -> tuple[str, int | None]:
        """The style of the paragraphs in a list or a quotation, and the list's own numbering."""
        if token.type == "blockquote_open":
            return "Quote", None
        depth = min(3, 1 + sum(style.startswith("List") for style, _ in around))
        name = "List Bullet" if token.type == "bullet_list_open" else "List Number"
        style = name if depth == 1 else f"{name} {depth}"
        return style, None if name == "List Bullet" else self._numbering(style, int(token.attrs.get("start", 1)))

    def _paragraph(self, tokens: Sequence[Token], at: int, around: tuple[str, int | None], chapter: Setting) -> None:
        opened, (style, numbering) = tokens[at - 1], around
        heading = opened.type == "heading_open"
        paragraph = self.document.add_paragraph()
        paragraph._p.style = self.styles[f"Heading {opened.meta['level']}" if heading else style]
        if opened.attrs.get("class"):
            paragraph.paragraph_format.keep_with_next, paragraph.paragraph_format.first_line_indent = True, 0
        if numbering and not heading:
            properties = paragraph._p.get_or_add_pPr().get_or_add_numPr()
            properties.get_or_add_numId().val, properties.get_or_add_ilvl().val = numbering, 0
        if id := opened.attrs.get("id"):
            self._bookmark(paragraph, str(id))
        figure = lone_picture(tokens, at)
        self._inline(paragraph, tokens[at].children or [], chapter, alone=figure is not None)
        if figure and figure.meta["caption"]:
            self.document.add_paragraph(figure.meta["caption"], "Caption")

    def _table(self, rows: list[list[Token]], chapter: Setting) -> None:
        table = self.document.add_table(len(rows), max(map(len, rows), default=1), "Table Grid")
        for row, tokens in zip(table.rows, rows, strict=True):
            for cell, token in zip(row.cells, tokens, strict=False):
                self._inline(cell.paragraphs[0], token.children or [], chapter)
                cell.paragraphs[0].paragraph_format.space_after = 0
        self.document.add_paragraph()

    def _inline(
        self, paragraph: Paragraph, tokens: Sequence[Token], chapter: Setting | None, alone: bool = False
    ) -> None:
        """Write inline tokens into a paragraph."""
        from docx.shared import Inches

        marks: list[str] = []
        link = None
        for token in tokens:
            if token.type == "link_open":
                link = self._hyperlink(paragraph, token)
            elif token.type == "link_close":
                link = None
            elif token.nesting:
                marks = [*marks, token.tag] if token.nesting == 1 else marks[:-1]
            elif token.type in ("text", "code_inline"):
                run = paragraph.add_run(token.content)
                run.bold, run.italic = "strong" in marks or None, "em" in marks or None
                run.font.strike = "s" in marks or None
                run.font.name = "Courier New" if token.type == "code_inline" else None
                if link is not None:
                    link.append(run._r)
            elif token.type == "hardbreak":
                paragraph.add_run().add_break()
            elif token.type == "mark":
                _field(paragraph, f'XE "{_quoted(token.content)}"')
            elif token.type == "image":
                size = {"width": Inches(_WIDTH)} if alone else {"height": Inches(0.18)}
                paragraph.add_run().add_picture(BytesIO(token.meta["picture"].data), **size)
            elif token.type == "footnote_ref" and chapter:
                self._note(paragraph, chapter.notes.get(token.meta["id"] + 1, ()))

    def _hyperlink(self, paragraph: Paragraph, token: Token) -> Any:
        """An empty link at the end of a paragraph; runs are moved into it."""
        from docx.opc.constants import RELATIONSHIP_TYPE
        from docx.oxml import OxmlElement
        from docx.oxml.ns import qn

        link = OxmlElement("w:hyperlink")
        if token.meta:
            link.set(qn("w:anchor"), token.meta["to"])
        else:
            href = str(token.attrs["href"])
            link.set(qn("r:id"), self.document.part.relate_to(href, RELATIONSHIP_TYPE.HYPERLINK, is_external=True))
        paragraph._p.append(link)
        return link

    def _bookmark(self, paragraph: Paragraph, name: str) -> None:
        self.bookmarks += 1
        paragraph._p.append(_element("bookmarkStart", id=self.bookmarks, name=name))
        paragraph._p.append(_element("bookmarkEnd", id=self.bookmarks))

    def _numbering(self, style: str, start: int) -> int:
        """A numbering of its own for a list in a style, so that each list begins anew."""
        numbering = self.document.part.numbering_part.element
        properties: Any = self.document.styles[style].element.pPr
        own = numbering.num_having_numId(properties.numPr.numId.val)
        added = numbering.add_num(own.abstractNumId.val)
        added.add_lvlOverride(ilvl=0).add_startOverride(start)
        return int(added.numId)

    def _note(self, paragraph: Paragraph, tokens: Sequence[Token]) -> None:
        """A footnote; its text is written by _attach_notes into a part of its own."""
        number = len(self.notes) + 1
        inner = [it for token in tokens for it in token.children or []]
        self.notes.append(f'<w:footnote w:id="{number}"><w:p>{_note_runs(inner)}</w:p></w:footnote>')
        run = paragraph.add_run()
        run.font.superscript = True
        run._r.append(_element("footnoteReference", id=number))

    def _attach_notes(self) -> None:
        from docx.opc.packuri import PackURI
        from docx.opc.part import Part

        if self.notes:
            notes = f'<w:footnotes xmlns:w="{_MAIN}">{_SEPARATORS}{"".join(self.notes)}</w:footnotes>'
            xml = f'<?xml version="1.0" encoding="UTF-8"?>{notes}'
            part = Part(PackURI("/word/footnotes.xml"), _FOOTNOTES_TYPE, xml.encode(), self.document.part.package)
            self.document.part.relate_to(part, _FOOTNOTES)


def _new_page(document: Document) -> None:
    document.add_page_break()  # type: ignore[no-untyped-call]  # python-docx has no types for this one


def _note_runs(tokens: Sequence[Token]) -> str:
    """The runs of a footnote: its number, then its text."""
    number = '<w:r><w:rPr><w:vertAlign w:val="superscript"/></w:rPr><w:footnoteRef/></w:r>'
    marks: list[str] = []
    runs = [number, _note_run(" ", ())]
    for token in tokens:
        if token.nesting:
            marks = [*marks, token.tag] if token.nesting == 1 else marks[:-1]
        elif token.type in ("text", "code_inline", "image"):
            runs.append(_note_run(token.content, marks))
    return "".join(runs)


def _note_run(text: str, marks: Sequence[str]) -> str:
    shape = "".join(f"<w:{name}/>" for tag, name in (("strong", "b"), ("em", "i"), ("s", "strike")) if tag in marks)
    return f'<w:r><w:rPr>{shape}<w:sz w:val="17"/></w:rPr><w:t xml:space="preserve">{escape(text)}</w:t></w:r>'


def _field(paragraph: Paragraph, code: str, shown: str = "") -> None:
    """A field: what it says until it is renewed stands between its marks."""
    _mark(paragraph, "begin")
    paragraph.add_run()._r.append(_instruction(code))
    if shown:
        _mark(paragraph, "separate")
        paragraph.add_run(shown)
    _mark(paragraph, "end")


def _spanning_field(paragraphs: Sequence[Paragraph], code: str) -> None:
    """A field around paragraphs that are there, which the reader's program renews when it opens the file."""
    opening = [_element("r"), _element("r"), _element("r")]
    opening[0].append(_element("fldChar", fldCharType="begin", dirty="true"))
    opening[1].append(_instruction(code))
    opening[2].append(_element("fldChar", fldCharType="separate"))
    properties = paragraphs[0]._p.get_or_add_pPr()
    for run in reversed(opening):
        properties.addnext(run)
    _mark(paragraphs[-1], "end")


def _mark(paragraph: Paragraph, kind: str) -> None:
    paragraph.add_run()._r.append(_element("fldChar", fldCharType=kind))


def _instruction(code: str) -> Any:
    element = _element("instrText")
    element.text = f" {code} "
    element.set("{http://www.w3.org/XML/1998/namespace}space", "preserve")
    return element


def _element(tag: str, /, **attributes: object) -> Any:
    """An element of WordprocessingML with attributes of the same namespace."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    element = OxmlElement(f"w:{tag}")
    for attribute, value in attributes.items():
        element.set(qn(f"w:{attribute}"), str(value))
    return element


def _set_fonts(style: Any) -> None:
    """Our font instead of those of python-docx's template, whose headings name a theme."""
    from docx.oxml.ns import qn

    fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
    for name in list(fonts.attrib):
        del fonts.attrib[name]
    for name in ("ascii", "hAnsi", "cs"):
        fonts.set(qn(f"w:{name}"), _FONT)


def _set_language(style: Any, language: str, right_to_left: bool) -> None:
    properties = style.element.get_or_add_rPr()
    properties.append(_element("lang", val=language, eastAsia=language, bidi=language))
    if right_to_left:
        properties.append(_element("rtl"))
        style.element.get_or_add_pPr().append(_element("bidi"))


def _quoted(text: str) -> str:
    """A term as an index field may name it: quotes and colons mean something there."""
    return text.replace("\\", "").replace('"', "'").replace(":", "\\:")
