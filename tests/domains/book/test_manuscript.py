"""A book's folder is read into values, whatever stands in it."""

import random

import pytest

from l2mac.domains.book.manuscript import Book, is_book, read, sections, slug

from .sample import TERMS, TITLE, cookbook


def test_a_whole_folder_is_read():
    book = read(cookbook(chapters=4, words=200))
    assert (book.title, book.language, book.author) == (TITLE, "en-GB", "Ada Lovelace")
    assert [it.id for it in book.chapters] == ["c1", "c2", "c3", "c4"]
    assert [it.plan.part for it in book.chapters] == ["The Dough", "The Dough", "The Table", "The Table"]
    assert book.chapters[0].terms == ("guanciale", "ragù") and book.chapters[0].plan.words == 200
    assert {it.term for it in book.terms} == set(TERMS) and book.notices == ()
    assert not book.chapters[0].body.startswith("---")


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("# One\n## Two", [(1, "One", "one", 1), (2, "Two", "two", 2)]),
        ("## Same\n## Same\n## Same-1\n## Same", [(2, "Same", "same", 1), (2, "Same", "same-1", 2)]),
        ("## Titled {#mine}\n## Mine", [(2, "Titled", "mine", 1), (2, "Mine", "mine-1", 2)]),
        ("```\n# no\n```\n# Yes ##", [(1, "Yes", "yes", 4)]),
        ("~~~~\n```\n# no\n~~~\n~~~~\n# Yes", [(1, "Yes", "yes", 6)]),
        ("## *Al* `dente` [here](x.md) snake_case", [(2, "Al dente here snake_case", "al-dente-here-snake_case", 1)]),
        ("#hash\n    # code\n####### seven\n## ", []),
        ("## 面食\n## عجين", [(2, "面食", "面食", 1), (2, "عجين", "عجين", 2)]),
        ("## ?!", [(2, "?!", "section", 1)]),
    ],
)
def test_headings_are_found_with_their_anchors_and_lines(body, found):
    made = [(it.level, it.title, it.anchor, it.line) for it in sections(body)]
    assert made[: len(found)] == found and bool(made) == bool(found)
    assert len({it[2] for it in made}) == len(made)


def test_lines_are_those_of_the_file():
    book = read({"chapters/01-a.md": "---\nid: a\n---\n\n# Title\n\n## Part\n"})
    assert [(it.title, it.line) for it in book.chapters[0].sections] == [("Title", 5), ("Part", 7)]
    assert book.chapters[0].first_line == 4


ONE = "# One\n\ntext"


@pytest.mark.parametrize(
    ("files", "chapters", "notice"),
    [
        ({"book.yaml": "title: [", "chapters/a.md": ONE}, ["a"], "the YAML of book.yaml can't be read"),
        ({"book.yaml": "- a\n- b", "chapters/a.md": ONE}, ["a"], "book.yaml is no mapping"),
        ({"book.yaml": "title: {a: b}\nlanguage: 'x y'", "chapters/a.md": ONE}, ["a"], "no BCP 47 tag"),
        ({"outline.yaml": "[" * 200_000, "chapters/a.md": ONE}, ["a"], "nested too deeply"),
        ({"outline.yaml": "x" * 400_000, "chapters/a.md": ONE}, ["a"], "too long"),
        ({"outline.yaml": "a: &a !!python/object/apply:os.system [id]", "chapters/a.md": ONE}, ["a"], None),
        ({"outline.yaml": "chapters: [{id: a, file: a.md}, {id: b}]", "chapters/a.md": ONE}, ["a"], "is not there"),
        ({"outline.yaml": "chapters: [{file: a.md}, {file: a.md}]", "chapters/a.md": ONE}, ["a"], "a second time"),
        ({"outline.yaml": "chapters: [{}, [], 7]", "chapters/a.md": ONE}, ["a"], "neither title nor file"),
        ({"outline.yaml": "chapters: [{file: ../../etc/passwd}]"}, [], "is not there"),
        (
            {"outline.yaml": "chapters: [b]", "chapters/b.md": ONE, "chapters/a.md": ONE},
            ["b", "a"],
            "not in the outline",
        ),
        ({"chapters/a.md": "---\nid: x\n---\n", "chapters/b.md": "---\nid: x\n---\n"}, ["x", "x-1"], "two chapters"),
        ({"chapters/a.md": "---\n: : :\n---\n# One"}, ["a"], "the YAML of chapters/a.md"),
        ({"chapters/a.md": "---\nid: never closed\n# One"}, ["a"], None),
        ({"chapters/a.md": "\ufeff---\r\nid: x\r\n---\r\n# One\r\n"}, ["x"], None),
        ({"chapters/a.md": "x" * 5_000_000}, ["a"], None),
        ({"chapters/a.md": "# " + " " * 3_000_000 + "#" * 2_000_000}, ["a"], None),
        ({"chapters/a.md": "# a\n" * 20_000}, ["a"], None),
        ({}, [], None),
    ],
)
def test_what_is_broken_is_named_and_left_out(files, chapters, notice):
    book = read(files)
    assert [it.id for it in book.chapters] == chapters
    assert (notice is None and not book.notices) or any(notice in it for it in book.notices)
    assert all(len(it) < 400 and "\n" not in it for it in book.notices)


def test_an_alias_bomb_costs_nothing():
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)), "chapters: *a59"]
    assert read({"outline.yaml": "\n".join(lines)}).outline == ()


def test_what_no_xml_can_hold_is_taken_out():
    book = read({"book.yaml": "title: 'a\x07\ud800b'", "chapters/a.md": "# T\x00\x0b\ufffe\n\x1b[31mred"})
    assert book.title == "ab" and book.chapters[0].title == "T" and book.chapters[0].body == "# T\n[31mred"


def test_parts_may_hold_their_chapters():
    outline = "parts: [{title: P, chapters: [{id: a}]}, {title: Q, chapters: [{id: b, words: 300, headings: [X, Y]}]}]"
    planned = read({"outline.yaml": outline}).outline
    assert [(it.part, it.path, it.words, it.headings) for it in planned] == [
        ("P", "chapters/a.md", None, ()),
        ("Q", "chapters/b.md", 300, ("X", "Y")),
    ]


def test_garbage_is_read_without_an_error():
    rng = random.Random(7)
    marks = "-:#[]{}`~*_!&|>\n\n\n \t\"'\\%@éß中ع🍝\u2028\x00ab01"
    for _ in range(150):
        texts = ["".join(rng.choices(marks, k=rng.randrange(400))) for _ in range(5)]
        names = ("book.yaml", "outline.yaml", "canon/terms.yaml", "chapters/1.md", "chapters/2.md")
        assert isinstance(read(dict(zip(names, texts, strict=True))), Book)


def test_a_folder_is_a_book_by_its_files():
    assert is_book(["book.yaml"]) and is_book(["chapters/01.md"]) and not is_book(["README.md", "chapters.md"])


def test_a_slug_keeps_every_script():
    assert [slug("Al Dente!"), slug("面食 100"), slug("…")] == ["al-dente", "面食-100", "section"]
