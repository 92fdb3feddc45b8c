"""The table in the documentation is made of the attacks."""

from collections import Counter
from pathlib import Path

from .__main__ import put_into, table
from .attack import RUNGS
from .attacks import ATTACKS
from .deceiving import BELIEFS

PAGE = Path(__file__).parents[3] / "docs" / "sandbox.md"


def test_the_page_is_made_of_the_attacks():
    page = PAGE.read_text(encoding="utf-8")
    assert put_into(page) == page, "make it anew: python -m tests.sandbox.escape docs/sandbox.md"


def test_every_attack_has_a_name_and_a_row_of_its_own():
    names = [it.id for it in (*ATTACKS, *BELIEFS)]
    assert max(Counter(names).values()) == 1
    rows = [line.split(" | ")[0] for line in table().splitlines()]
    assert all(rows.count(f"| {name}") == 1 for name in names)


def test_what_gets_through_a_rung_stands_out_in_the_table_with_its_reason():
    leaks = sum(len(attack.leaks) for attack in ATTACKS)
    assert table().count("**") == 2 * leaks
    assert all(set(attack.leaks) <= set(RUNGS) for attack in ATTACKS)
