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
    assert "before it: One: How it began." in told and "so the lamp went out." in told and "Earlier" not in told
    assert "canon/people.yaml: Anna Rossi, Bruno" in told and "canon/style.md" in told and "# ours" not in told


def test_who_continues_a_chapter_sees_its_own_last_words():
    told = digest({**FILES, "chapters/02.md": "# Two\n\nIt was dawn.\n"}, ["chapters/02.md"], 4_000)
    assert "The last words of chapters/02.md\n…was dawn." in told and "lamp" not in told


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
