"""A book in the forms that people read: what is in them, that they are sound, and that nothing hostile gets through."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from functools import cache
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from l2mac.checks.report import Scene
from l2mac.domains.book.checks.judge import BookChecks
from l2mac.domains.book.export import FORMS, export, fonts
from l2mac.domains.book.export.composition import compose
from l2mac.domains.book.export.epub import _nested
from l2mac.domains.book.export.indexing import Finder
from l2mac.domains.book.export.pdf import cover
from l2mac.domains.book.manuscript import read
from l2mac.errors import UsageError

from .sample import TITLE, cookbook, png

WHEN = datetime(2026, 11, 21, 12, 30, 10, tzinfo=UTC)
SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20">'
    b'<script>alert(1)</script><rect width="9" height="9"/></svg>'
)
HOSTILE = (
    """# The first </title><script>alert(1)</script>

<script>alert(2)</script> #read("/etc/passwd") \\u{41} $x^2$ @ref <c1> `#eval("1")` [x](javascript:alert(3)) "quotes"

![gone](images/none.png) ![up](../../secret.png) ![root](/etc/passwd) ![net](http://example.org/a.png)
![bad](images/bad.png)

![Drawn](images/drawn.svg "A drawing") and [a][b] and [one](#two) and [nowhere](99-none.md#x)
[out](https://example.org/?a=1&b=2)

## Two *words* {#two}

Text[^1], again[^1], [linked[^1]](https://example.org), <!-- hidden --> one<br>two ^[inline *note*].

[^1]: A note with [a link](#two), ![pic](images/drawn.svg), and itself[^1].

| a | b |
|---|--:|
| 1 | `x|` |
| 1 | 2 | 3 |

1. one
   - two

     > three

     ```
     four ]]> </code>
     ```
7. seven

# Second title

"""
    + "*a " * 300
    + "a*" * 300
    + "\n\n"
    + "x" * 3_000
    + "\n\n"
    + "> " * 500
    + "deep\n\n"
    + "\" ' " * 3_000
)
CHINESE = {
    "book.yaml": "title: 面食之旅：从面粉到餐桌🍜\nauthor: 李明\nlanguage: zh-CN",
    "canon/terms.yaml": "- {term: 面筋, definition: 面粉中的蛋白质。}",
    "chapters/01-a.md": "# 面团\n\n面粉遇水，便有了面筋。\n醒面三十分钟。[^1]\n\n## 材料\n\n- 300 克\n\n[^1]: 夏天短。",
    "chapters/02-b.md": "# 汤头\n\n见[面团](01-a.md#材料)，面筋。",
}
ARABIC = {
    "book.yaml": 'title: "رحلة العجين: من الدقيق إلى المائدة"\nlanguage: ar',
    "canon/terms.yaml": "- {term: عجين, definition: دقيق وماء.}",
    "chapters/01-a.md": "# البداية\n\nيرتاح العجين ساعة.[^1]\n\n1. اخلط 300 غرام\n\n[^1]: في الصيف أقل.",
}
LONG = {
    "book.yaml": f"title: {'A very long title of noodles ' * 18}\nauthor: {'Anna ' * 60}",
    "chapters/01.md": f"# {'A chapter without an end ' * 21}\n\n## {'Long' * 120}\n\ntext",
}
PICTURES = {"images/bad.png": b"\x89PNG\r\n\x1a\nnot really", "images/drawn.svg": SVG, "images/board.png": png()}
BOOKS = {
    "cookbook": cookbook(chapters=4, words=500),
    "hostile": {"book.yaml": f"title: '{TITLE}'\ncover: images/board.png", "chapters/01-h.md": HOSTILE},
    "chinese": CHINESE,
    "arabic": ARABIC,
    "long": LONG,
    "empty": {"book.yaml": "title: Nothing Yet"},
}


@cache
def made(book, form):
    """A book in a form, and the notices about it; each made once."""
    return export(read(BOOKS[book]), form, PICTURES.get, WHEN)


def pages(pdf):
    """The text of each page of a PDF."""
    if not shutil.which("pdftotext"):
        pytest.skip("pdftotext is not installed (Debian's poppler-utils)")
    done = subprocess.run(["pdftotext", "-", "-"], input=pdf, capture_output=True, check=True)
    return done.stdout.decode().split("\f")


def texts(book, form):
    """What a reader of a form sees, roughly."""
    data, _ = made(book, form)
    if form == "pdf":
        return " ".join(pages(data))
    if form in ("html", "md"):
        return data.decode()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return " ".join(
            archive.read(it).decode() for it in archive.namelist() if it.endswith(("xhtml", "document.xml"))
        )


class Page(HTMLParser):
    """The ids, links and resources of a page."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.loads, self.tags = [], [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        self.tags.add(tag)
        self.ids += [named["id"]] if "id" in named else []
        self.links += [named["href"]] if tag == "a" else []
        self.loads += [named[it] for it in ("src",) if it in named]
        assert not any(it.startswith("on") for it in named)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("book", BOOKS)
def test_every_book_has_every_form(book, form):
    data, notices = made(book, form)
    title = re.split("[:：]", read(BOOKS[book]).title)[0][:12].replace("&", "")
    if book != "arabic" or form != "pdf":  # pdftotext gives presentation forms
        assert title.split()[0] in texts(book, form)
    assert len(data) > 20 and all(len(it) < 400 and "\n" not in it for it in notices)


def test_the_same_book_gives_the_same_bytes_in_another_process_zone_and_hash_order():
    code = (
        "import sys, json, hashlib; from datetime import datetime, timezone\n"
        "from l2mac.domains.book.export import FORMS, export; from l2mac.domains.book.manuscript import read\n"
        "book = read(json.load(sys.stdin)); when = datetime.fromisoformat(sys.argv[1])\n"
        "print({it: hashlib.sha256(export(book, it, {}.get, when)[0]).hexdigest() for it in FORMS})"
    )
    surroundings = {**os.environ, "TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code, WHEN.isoformat()],
        input=json.dumps(BOOKS["cookbook"]),
        env=surroundings,
        capture_output=True,
        text=True,
        check=True,
    )
    import hashlib

    assert eval(done.stdout) == {it: hashlib.sha256(made("cookbook", it)[0]).hexdigest() for it in FORMS}


QUICK = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")  # a start in a third of the time


@pytest.mark.slow
@pytest.mark.parametrize("book", ["cookbook", "hostile", "arabic", "empty"])
def test_epubcheck_finds_nothing(book, tmp_path):
    """W3C's own checker, with its warnings as errors."""
    jar = next((it for it in (Path("/usr/share/java/epubcheck.jar"),) if it.exists()), None)
    if not jar or not shutil.which("java"):
        pytest.skip("epubcheck is not installed (Debian's epubcheck, and Java)")
    path = tmp_path / "book.epub"
    path.write_bytes(made(book, "epub")[0])
    done = subprocess.run(["java", *QUICK, "-jar", jar, "--failonwarnings", path], capture_output=True, text=True)
    assert (done.returncode, done.stderr.strip()) == (0, ""), done.stderr[-2_000:]


@pytest.mark.parametrize("book", ["cookbook", "hostile", "arabic"])
def test_every_link_of_the_page_leads_somewhere_and_nothing_is_loaded(book):
    page = Page(made(book, "html")[0].decode())
    inner = {it[1:] for it in page.links if it.startswith("#")}
    assert inner and inner <= set(page.ids) and len(set(page.ids)) == len(page.ids)
    assert all(it.startswith("data:image/") for it in page.loads)
    assert all(it.startswith(("#", "https://example.org")) for it in page.links) and "script" not in page.tags


def test_contents_and_index_of_the_pdf_name_the_right_pages():
    all_pages = pages(made("cookbook", "pdf")[0])
    first = next(at for at, it in enumerate(all_pages) if it.strip() == "The Dough")  # a part's page is page 1
    printed = dict(enumerate(all_pages[first:], 1))
    index = next(it for it in all_pages if it.strip().startswith("Index"))
    listed = " ".join(next(it for it in all_pages if it.strip().startswith("Contents")).split())
    assert str(all_pages.index(index) - first + 1) in listed.partition("Index")[2]
    for chapter in read(BOOKS["cookbook"]).chapters:
        assert (
            any(chapter.title in it and "chapter" in it.lower() for it in printed.values()) and chapter.title in listed
        )
    entries = re.findall(r"(al dente|ragù|semola rimacinata|starch), ([\d–, \n]+)", index)
    assert len(entries) == 4
    for term, numbers in entries:
        for begin, end in re.findall(r"(\d+)(?:–(\d+))?", numbers):
            for number in range(int(begin), int(end or begin) + 1):
                assert term in printed[number].lower().replace("-\n", "").replace("\n", " "), (term, number)


@pytest.mark.parametrize("form", FORMS)
def test_nothing_of_a_text_is_taken_for_markup_of_the_form(form):
    text = texts("hostile", form)
    data, notices = made("hostile", form)
    assert "root:" not in text
    if form in ("html", "epub", "docx"):
        assert "<script" not in text and "hidden" not in text.replace('hidden="hidden"', "")
    if form == "pdf":
        assert '#read("/etc/passwd")' in text.replace("“", '"').replace("”", '"') and "hidden" not in text
        assert b"/JavaScript" not in data
    said = " ".join(notices)
    for name, why in (
        ("none.png", "not there"),
        ("/etc/passwd", "outside"),
        ("bad.png", "no picture"),
        ("99-none", "nowhere"),
    ):
        assert name in said and why in said


def test_pictures_are_asked_for_by_clean_names_inside_the_book_only():
    asked = []
    export(read(BOOKS["hostile"]), "md", asked.append, WHEN)
    assert set(asked) == {"images/board.png", "images/none.png", "secret.png", "images/bad.png", "images/drawn.svg"}


def test_a_drawing_reaches_the_book_as_pixels_without_its_script():
    with zipfile.ZipFile(io.BytesIO(made("hostile", "epub")[0])) as archive:
        pictures = {it: archive.read(it)[:4] for it in archive.namelist() if "/images/" in it}
    assert set(pictures.values()) == {b"\x89PNG"} and len(pictures) == 2


def test_a_painter_makes_the_cover_and_what_is_missing():
    wanted = []

    def paint(prompt):
        wanted.append(prompt)
        return png(30, 45)

    book = read({"book.yaml": "title: T", "chapters/1.md": "# One\n\n![A boat at night](images/boat.png)\n\ntext"})
    plain = cover(compose(book, lambda path: None, WHEN)).data
    data, notices = export(book, "epub", lambda path: None, WHEN, paint)
    assert len(wanted) == 2 and "T" in wanted[0] and wanted[1] == "A boat at night" and notices == []
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.read("book/images/picture-1.png") == png(30, 45)
        assert archive.read("book/images/cover.png") not in (png(30, 45), plain), "the title is set below the picture"


def test_a_painter_that_fails_is_a_notice():
    def paint(prompt):
        raise OSError("quota\nexceeded")

    book = read({"chapters/1.md": "# One\n\n![A boat](images/boat.png)"}, title="T")
    _, notices = export(book, "md", lambda path: None, WHEN, paint)
    assert any("no picture was made for the cover (quota exceeded)" in it for it in notices)


RECIPE = """# Nonna's "Best"

## The Cook's Soup

*Zuppa dell'orto*

Grown since the '90s.

It's Val d'Orcia's and 'nduja's.

**Serves 4 · 20 minutes**

**Ingredients**

- 1 onion
- 2 l water

**Method**

1. Boil.

**If** it is thick, add water.
"""


def test_a_recipe_is_set_as_one_and_marks_are_the_printers():
    files = {
        "book.yaml": 'title: The Cook\'s "Book"\n',
        "chapters/1.md": f"---\nindex: [Val d'Orcia, \"'nduja\"]\n---\n{RECIPE}",
    }
    page, notices = export(read({**files, "outline.yaml": ""}), "html", lambda path: None, WHEN)
    text = unescape(page.decode()).partition("</style>")[2].partition("<!--")[0]
    assert '<p class="byline"><em>Zuppa dell’orto</em></p>' in text
    assert re.findall(r'<p class="lead"><strong>(\w+)', text) == ["Serves", "Ingredients", "Method"]
    assert text.count('<ul class="kept">') == 1 and "<p><strong>If</strong> it is thick" in text
    assert "Nonna’s “Best”" in text and "The Cook’s Soup" in text and "<h1>The Cook’s “Book”" in text
    assert "the ’90s." in text and "Val d’Orcia’s and ’nduja’s" in re.sub(r"<span[^>]*></span>", "", text)
    assert not notices, "a term is found whichever apostrophe it is written with"
    pdf, _ = export(read(files), "pdf", lambda path: None, WHEN)
    assert "Val d’Orcia, 1" in "".join(pages(pdf))


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("Val d'Orcia", "In the Val d’Orcia it was hot."),
        ("Val d’Orcia", "In the Val d'Orcia it was hot."),
        ("Rossi, Anna", "There came Anna Rossi."),
        ("Teig", "Des Teiges wegen."),
        ("flour", "Two flours."),
        ("الباستا", "السميد والباستا"),
        ("باستا", "السميد والباستا"),
        ("面粉", "他把面粉放在木板上。"),
    ],
)
def test_what_the_check_takes_for_a_term_stands_in_the_index(term, text):
    chapter = f"---\nid: a\ntitle: One\nindex: [{json.dumps(term)}]\n---\n\n# One\n\n{text}\n"
    files = {"book.yaml": "title: T\n", "outline.yaml": "chapters: [{id: a, title: One, file: chapters/1.md}]"}
    files["chapters/1.md"] = chapter
    assert not [it for report in BookChecks(only=("index",)).check(Scene(files, Path())) for it in report.failures]
    made = compose(read(files), lambda path: None, WHEN)
    assert made.notices == [] and [(name, len(places)) for name, places in made.index] == [(term.replace("'", "’"), 1)]


def test_a_book_without_chapters_is_made_and_says_so():
    for form in FORMS:
        assert "no chapter is written yet: the book holds what is there" in made("empty", form)[1]


def test_a_chapter_that_the_outline_names_and_nobody_wrote_is_named():
    files = {
        "outline.yaml": "chapters: [{id: a, file: 01-a.md}, {id: b, file: 02-b.md}]",
        "chapters/01-a.md": "# A\n\nx",
    }
    _, notices = export(read(files, "T"), "md", lambda path: None, WHEN)
    assert notices == ["the outline names chapters/02-b.md, which is not there; it is left out"]


def test_a_thousand_faults_are_told_in_few_lines():
    links = " ".join(f"[a](#none{it})" for it in range(1_000))
    _, notices = export(read({"chapters/1.md": f"# One\n\n{links}"}, "T"), "md", lambda path: None, WHEN)
    assert len(notices) == 41 and notices[-1] == "and 960 more such lines"


def test_docx_has_real_headings_fields_and_footnotes():
    import docx

    data, _ = made("cookbook", "docx")
    document = docx.Document(io.BytesIO(data))
    styles = [it.style.name for it in document.paragraphs]
    assert styles.count("Heading 1") == 4 + 2 and {"Heading 2", "Heading 3", "List Bullet", "List Number"} <= set(
        styles
    )
    assert len(document.tables) == 4 and document.core_properties.author == "Ada Lovelace"
    xml = document.element.xml
    assert "TOC " in xml and "INDEX " in xml and 'XE "al dente"' in xml and "w:footnoteReference" in xml
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        notes = archive.read("word/footnotes.xml").decode()
    assert notes.count("<w:footnote ") - 2 == xml.count("w:footnoteReference ") > 0
    starts = re.findall(r'w:startOverride w:val="(\d+)"', document.part.numbering_part.element.xml)
    assert len(starts) == sum(it.count("### Method") for it in BOOKS["cookbook"].values())


def test_our_font_is_embedded_with_its_licence():
    with zipfile.ZipFile(io.BytesIO(made("cookbook", "epub")[0])) as archive:
        assert b"SIL Open Font License" in archive.read("book/fonts/OFL.txt")
        assert (
            archive.read("book/fonts/EBGaramond.woff")[:4] == b"wOFF" and archive.infolist()[0].filename == "mimetype"
        )
    assert b"EBGaramond" in made("cookbook", "pdf")[0] and "SIL Open Font License" in texts("cookbook", "html")


def test_characters_that_no_font_has_are_told_with_what_brings_them():
    chosen, missing = fonts.families("plain text, ünd mehr", "en")
    assert (chosen, missing) == ([], "")
    chosen, missing = fonts.families("a中\U000f0000\ue000", "zh")
    assert bool(chosen) != (missing == "中")
    assert "fonts-noto-cjk" in fonts.advice("中") and "fonts-noto-color-emoji" in fonts.advice("🍝")


@pytest.mark.parametrize(
    ("terms", "text", "found"),
    [
        (["al dente"], "Al  dente, not aldente; al\ndente", ["al dente", "al dente"]),
        (["sauce", "sauce pan"], "sauces in a sauce pan", ["sauce", "sauce", "sauce pan"]),
        (["ragù"], "RAGÙ and ragùs, not ragùx", ["ragù", "ragù"]),
        (["C++", "'nduja"], "C++ and 'nduja, C+", ["C++", "'nduja"]),
        (["面筋"], "便有了面筋。", ["面筋"]),
        (["عجين"], "والعجين يرتاح", ["عجين"]),
        (["art"], "party start", []),
        (["", "?"], "what?", []),
        ([], "nothing", []),
    ],
)
def test_terms_are_found_as_whole_words(terms, text, found):
    assert [term for _, term in Finder(terms).find(text)] == found


def test_a_missing_package_is_one_line_that_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(
        UsageError, match=r"typst is missing, which makes books; install it: pip install 'l2mac\[book\]'"
    ):
        export(read(BOOKS["empty"]), "pdf", lambda path: None)


def test_the_contents_of_an_epub_hold_what_is_deeper_and_nothing_else():
    told = _nested([(1, "a", "A"), (2, "b", "B"), (2, "c", "C"), (1, "d", "D")], lambda id: f"#{id}")
    assert told == (
        '<ol><li><a href="#a">A</a><ol><li><a href="#b">B</a></li><li><a href="#c">C</a></li></ol></li>'
        '<li><a href="#d">D</a></li></ol>'
    )
