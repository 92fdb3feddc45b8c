"""The page in the documentation is the table."""

from collections import Counter
from pathlib import Path

from . import command_line, model, provider, settings, surroundings
from .__main__ import document

PAGE = Path(__file__).parents[2] / "docs" / "bad-input.md"
GROUPS = (command_line, settings, surroundings, provider, model)


def test_the_page_is_made_of_the_cases():
    hint = "python -m tests.bad_input > docs/bad-input.md"
    assert PAGE.read_text(encoding="utf-8") == document(), f"make it anew: {hint}"


def test_no_two_cases_of_a_group_have_one_name():
    for group in GROUPS:
        assert max(Counter(case.id for case in group.CASES).values()) == 1, group.TITLE


def test_no_row_shows_a_place_on_the_computer_that_made_it():
    assert "/tmp/pytest" not in document() and str(Path.home()) not in document() and "\x1b" not in document()
