"""What the compiler is told of a codebase that is there."""

import subprocess
from pathlib import Path

import pytest

from l2mac.checks.report import Finding, Report
from l2mac.control.survey import survey
from l2mac.excerpt import size

FILES = {
    "app/main.py": "print(1)\n" * 30,
    "app/view.ts": "let x = 1\n" * 5,
    "tests/test_main.py": "def test(): ...\n",
    "web/view.test.ts": "test()\n",
    "pyproject.toml": "[project]\n",
    "AGENTS.md": "Use British spelling.\n",
    "docs/AGENTS.md": "Only for docs.\n",
    "README.md": "# The shop\nSells things.\n",
}


def test_an_empty_workspace_is_said_to_be_empty():
    assert survey({}, [], [], 10_000).endswith("None: the workspace is empty.")


def test_languages_tests_manifests_and_rules_are_told():
    text = survey(FILES, ["logo.png"], [], 10_000)
    for part in (
        "Python: 2 files, 31 lines",
        "TypeScript: 2 files, 6 lines",
        "No text: 1 files",
        "Tests: 2 files, in tests, web",
        "Set up by: pyproject.toml",
        "## AGENTS.md\nUse British spelling.",
        "## README.md\n# The shop",
        "logo.png",
    ):
        assert part in text, part
    assert text.index("Python: 2") < text.index("TypeScript"), "the largest comes first"
    assert "Only for docs" not in text


def test_what_fails_already_is_named_and_bounded():
    failures = tuple(Finding("tests/test_main.py", 1, f"test_{n} fails", f"t::test_{n}") for n in range(14))
    text = survey(FILES, [], [Report("tests", "failed", failures), Report("lint", "passed")], 10_000)
    assert "Checks: tests failed, lint passed" in text
    assert text.count("- fails already:") == 10 and "- and 4 more" in text


@pytest.mark.parametrize("room", [600, 3_000, 20_000])
@pytest.mark.parametrize("text", ["word " * 50_000, "字" * 50_000, "\n" * 50_000, "🎲" * 50_000])
def test_the_survey_stays_within_its_bound(room, text):
    files = {f"src/deep/{n}/{text[:20].strip()}.py": "x" for n in range(10_000)}
    made = survey({**files, "AGENTS.md": text, "README.rst": text, "CONTRIBUTING.md": text}, ["a.png"], [], room)
    assert size(made) <= room * 1.35 + 400
    assert "more" in made.splitlines()[-1]


def test_a_real_codebase_is_surveyed_at_once():
    """Our own: its files as git lists them."""
    root = Path(__file__).parents[2]
    listed = subprocess.run(["git", "ls-files", "l2mac", "tests", "*.md"], cwd=root, capture_output=True, text=True)
    paths = [path for path in listed.stdout.split() if (root / path).is_file()]
    if not paths:
        pytest.skip("not a git checkout")
    text = survey({path: (root / path).read_text("utf-8", "replace") for path in paths}, [], [], 8_000)
    assert "Python" in text and "## README.md\n# L2MAC" in text and "tests/control" in text
