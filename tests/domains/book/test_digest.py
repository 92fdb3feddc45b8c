"""What a writer of a chapter is shown of the book."""

import random

import pytest

from l2mac.domains.book.digest import digest
from l2mac.excerpt import size

FILES = {
    "book.yaml": "# ours\ntitle: Days\nvoice: plain\n",
    "outline.yaml": "chapters:\n"
    "- {id: a, title: One, file: chapters/01.md, summary: How it began.}\n"
    "- {id: b, title: Two, file: 02.md, words: 900, headings: [Dawn, Noon], summary: What came.}\n"
    "- {id: c, title: Three, file: chapters/03.md}\n",
    "canon/people.yaml": "- name: Anna Rossi\n  facts: {age: 34}\n- {name: 'Bruno', aliases: [B]}\n",
    "canon/style.md": "Short sentences.",
    "chapters/01.md": "# One\n\nEarlier.\n\nAnd so the lamp went out.\n",
}


def test_a_writer_sees_the_wish_of_the_outline_the_last_words_and_the_canon():
    told = digest(FILES, ["chapters/02.md"], 4_000)
    for part in ("title: Days", "words: 900", "headings: Dawn; Noon", "summary: What came.", "after it: Three"):
        assert part in told
    assert "before it: One: How it began." in told and "so the lamp went out." in told
    assert "linked to in them\nchapters/01.md: Earlier.\n" in told and told.count("Earlier") == 1
    assert (
        "- name: Anna Rossi, facts: {age: 34}\n- {name: 'Bruno'" in told
        and "canon/style.md" in told
        and "# ours" not in told
    )


def test_who_continues_a_chapter_sees_its_own_last_words():
    told = digest({**FILES, "chapters/02.md": "# Two\n\nIt was dawn.\n"}, ["chapters/02.md"], 4_000)
    assert "The last words of chapters/02.md\n…was dawn." in told and "lamp" not in told


def test_rows_of_the_canon_are_shown_as_far_as_there_is_room_and_the_rest_by_name():
    facts = "".join(
        f"- name: fact {n}\n  # ours\n  facts:\n    width: {n} mm\n    parts:\n    - a\n" for n in range(90)
    )
    terms = "- term: \"'nduja\"\n  definition: A sausage.\n- {term: 'all''uovo', definition: With egg.}\n"
    told = digest({**FILES, "canon/facts.yaml": facts, "canon/terms.yaml": terms}, ["chapters/02.md"], 3_000)
    assert "- name: fact 0, facts: width: 0 mm, parts: - a\n" in told and "\nand: fact " in told and "fact 89\n" in told
    assert told.count("fact 0") == told.count("fact 89") == 1 and "ours" not in told
    assert "canon/terms.yaml: 'nduja, all'uovo" in told and "canon/people.yaml: Anna Rossi, Bruno" in told
    small = digest({**FILES, "canon/facts.yaml": facts}, ["chapters/02.md"], 600)
    assert "width" not in small and "begin" not in small and "canon/facts.yaml: fact 0" in small


def test_who_looks_the_whole_over_sees_how_every_chapter_begins():
    told = digest({**FILES, "chapters/03.md": f"# Three\n\n{'word ' * 90}"}, [], 4_000)
    assert "chapters/03.md: word word" in told and "chapters/01.md: Earlier." in told and told.count("word") < 20


@pytest.mark.parametrize("outline", ["", "chapters: 3", "[", "chapters: [{title: x}]", "\x00"])
def test_an_outline_that_says_nothing_is_no_fault(outline):
    assert "Anna Rossi" in digest({**FILES, "outline.yaml": outline}, ["chapters/09.md", "x.py"], 4_000)
    assert digest({}, ["chapters/01.md"], 500) == ""


def test_a_digest_keeps_within_its_room():
    chance = random.Random(1)
    for room in (200, 500, 850, 3_000):
        many = "".join(f"- name: {'東' * chance.randrange(9)} {n}\n" for n in range(900))
        last = "word " * chance.randrange(2_000) + "end."
        files = {**FILES, "canon/people.yaml": many, "book.yaml": f"title: {'x' * 5_000}\n", "chapters/01.md": last}
        assert size(digest(files, ["chapters/02.md", "chapters/03.md"], room)) <= room + 120
