"""What a run's folder is called."""

import pytest

from l2mac.naming import slug


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("Create a beautiful, playable and simple snake game with pygame. Make the snake …", "snake-game"),
        ("A command-line to-do list: add, list, done, remove", "command-line-to-do-list"),
        ("Make an adder.", "adder"),
        ("Write a complete recipe book for the following title", "recipe-book"),
        ("Add dark mode to the settings page", "dark-mode-settings-page"),
        ("Ünïcode ✓ tool", "unicode-tool"),
        ("For loops, explained", "for-loops-explained"),
        ("with", "with"),
        ("请编写棋盘", "run"),
        ("../../etc/passwd", "etc-passwd"),
        ("a", "run"),
        ("x" * 1_000, "run"),
    ],
)
def test_a_folder_is_named_after_the_thing_that_is_asked_for(prompt, name):
    assert slug(prompt) == name


def test_a_name_is_short_and_plain_whatever_the_prompt():
    for prompt in ("word " * 500, "-" * 300, "\0\n\t", "\U0001d54anake", "a-b-c-d " * 80, "1/2;3"):
        assert len(slug(prompt)) <= 40 and slug(prompt).replace("-", "").isalnum()
