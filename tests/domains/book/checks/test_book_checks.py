"""A good book has no finding; each way of spoiling it is told by the right check at the right place."""

from pathlib import Path

import pytest
import yaml

from l2mac.checks.report import Scene
from l2mac.domains.book.checks.judge import NAMES, BookChecks

CASES = Path(__file__).parents[3] / "cases" / "books"
GOOD = {
    path.relative_to(CASES / "cookbook").as_posix(): path.read_text(encoding="utf-8")
    for path in sorted((CASES / "cookbook").rglob("*"))
    if path.is_file()
}
SEEDED = yaml.safe_load((CASES / "seeded.yaml").read_text(encoding="utf-8"))
LANGUAGES = yaml.safe_load((CASES / "languages.yaml").read_text(encoding="utf-8"))
FOREIGN = [(language, *damage) for language, data in LANGUAGES.items() for damage in data["damages"]]


def findings(files, folder, changed=None, **how):
    reports = BookChecks(**how).check(Scene(files, folder, changed))
    assert [it.check for it in reports] == list(NAMES)
    for report in reports:
        assert (report.outcome == "failed") == bool(report.failures), report
    return {it.check: list(it.findings) for it in reports}


def spoiled(files, path, old, new):
    text = files.get(path, "")
    assert old in text, old
    return {**files, path: text.replace(old, new, 1) if old else text + new}


def sample(language):
    return {path: text for path, text in LANGUAGES[language].items() if path != "damages"}


def test_a_good_book_has_no_finding_but_words_that_no_dictionary_knows(tmp_path):
    found = findings(GOOD, tmp_path)
    assert {it.text.split('"')[1] for it in found.pop("spelling")} <= {"carnaroli"}
    assert not any(found.values()), found


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_good_book_in_another_language_has_no_finding_that_gates(language, tmp_path):
    found = findings(sample(language), tmp_path)
    assert not [it for name, group in found.items() if name != "spelling" for it in group], found


@pytest.mark.parametrize(("check", "code", "path", "old", "new", "named"), SEEDED)
def test_a_spoiled_book_is_told_by_the_right_check_at_the_right_line(check, code, path, old, new, named, tmp_path):
    files = spoiled(GOOD, path, old, new)
    lines = [number for number, line in enumerate(files[path].split("\n"), 1) if named and named in line]
    told = [it for it in findings(files, tmp_path)[check] if it.code == code and it.path == path]
    assert told, findings(files, tmp_path)
    if lines or not named:
        assert told[0].line in (lines or [0]), told


@pytest.mark.parametrize(("language", "check", "code", "path", "old", "new"), FOREIGN)
def test_other_languages_are_judged_too(language, check, code, path, old, new, tmp_path):
    files = spoiled(sample(language), path, old, new)
    at = files[path].index(new.strip()) if new.strip() else 0
    lines = range(files[path].count("\n", 0, at) + 1, files[path].count("\n", 0, at + len(new)) + 2)
    told = [it for it in findings(files, tmp_path)[check] if it.code == code and it.path == path]
    assert told and any(it.line in lines for it in told), findings(files, tmp_path)
