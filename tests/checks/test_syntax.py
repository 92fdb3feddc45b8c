"""Files are parsed in our own process, whatever is in them."""

import json
import threading

import pytest

from l2mac.checks import syntax
from l2mac.checks.syntax import LIMITS, SyntaxCheck

BROKEN = {
    "an open bracket": ("a.py", "x = (\n", 1, "never closed"),
    "a return at top level": ("a.py", "x = 1\nreturn x\n", 2, "outside function"),
    "a NUL": ("a.py", "x = '\0'\n", 0, "null"),
    "brackets without end": ("a.py", "(" * 100_000, 1, "parentheses"),
    "operators without end": ("a.py", "-" * 500_000 + "1", 0, "too deeply"),
    "a chain without end": ("a.py", "a" + ".b" * 200_000, 0, "too deeply"),
    "an elif chain without end": ("a.py", "if 1:\n pass\n" + "elif 1:\n pass\n" * 40_000, 0, "too deeply"),
    "a huge number": ("a.py", "9" * 10_000, 1, "limit"),
    "a lone surrogate": ("a.py", "x = '\ud800'", 0, "surrogate"),
    "a coding line that lies": ("a.py", "# coding: ascii\nx = 'é'\n", 0, "ascii"),
    "a file that is too large": ("a.py", "#" * (LIMITS[".py"] + 1), 0, "split it"),
    "JSON with a bare word": ("a.json", '{\n  "a": nope\n}', 2, "not JSON"),
    "JSON without end": ("a.json", "[" * 1_000_000, 0, "too deeply"),
    "TOML without a value": ("a.toml", "a = 1\nb = \nc = 2\n", 2, "not TOML"),
    "TOML with an endless key": ("a.toml", "a" + ".a" * 100_000 + " = 1", 0, "dots"),
    "TOML brackets without end": ("a.toml", "a = " + "[" * 100_000, 0, "too deeply"),
}


@pytest.mark.parametrize("case", BROKEN.values(), ids=BROKEN.keys())
def test_a_file_that_does_not_parse_is_a_finding_at_its_line(case):
    path, text, line, said = case
    report = SyntaxCheck().check({path: text}, None)
    assert (report.check, report.outcome) == ("syntax", "failed")
    (finding,) = report.findings
    assert (finding.path, finding.line, finding.code, finding.advice) == (path, line, "syntax", False)
    assert said in finding.text


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.py", "\ufeffx = 'byte order mark'\n"),
        ("a.py", "x = '\\d'  # an invalid escape only warns\nx is 1\n"),
        ("a.py", ""),
        ("a.json", json.dumps({"a": [1, 2]})),
        ("tsconfig.json", "{ // with a comment\n}"),
        ("a.toml", "[a]\nb = 1.5\n"),
    ],
)
def test_a_file_that_parses_passes(path, text):
    assert SyntaxCheck().check({path: text}, None).outcome == "passed"


def test_only_changed_files_are_judged():
    check = SyntaxCheck()
    files = {"good.py": "x = 1\n", "bad.py": "x = (\n", "notes.md": "x = (\n"}
    assert check.check(files, frozenset({"good.py"})).outcome == "passed"
    assert check.check(files, frozenset({"gone.py", "notes.md"})).outcome == "absent"
    assert [finding.path for finding in check.check(files, None).findings] == ["bad.py"]


def test_what_was_seen_before_is_judged_the_same_again():
    check = SyntaxCheck()
    assert [check.check({"a.py": "x ="}, None).outcome for _ in range(2)] == ["failed", "failed"]
    assert check.check({"a.py": "x = 1"}, None).outcome == "passed"


def test_what_was_looked_at_ahead_is_not_parsed_again(monkeypatch):
    check, parsed = SyntaxCheck(), []
    real = syntax._parse
    monkeypatch.setattr(syntax, "WORTH_IT", 5)
    monkeypatch.setattr(syntax, "_parse", lambda path, text: parsed.append(path) or real(path, text))
    for path in ("a.py", "b.py", "notes.txt"):
        check.ahead(path, "x = (")
    assert parsed == ["a.py", "b.py"]
    check.ahead("c.py", "x")
    report = check.check({"a.py": "x = (", "b.py": "x = 1"}, None)
    assert [it.path for it in report.failures] == ["a.py"]
    assert parsed == ["a.py", "b.py", "b.py"], "another text is another file"


def test_who_asks_about_what_is_being_parsed_waits_for_that(monkeypatch):
    check, parsed, real = SyntaxCheck(), [], syntax._parse
    begun = threading.Event()

    def parse(path, text):
        parsed.append(path)
        begun.set()
        return real(path, text)

    monkeypatch.setattr(syntax, "_parse", parse)
    ahead = threading.Thread(target=check.ahead, args=("a.py", "x = 1\n" * 20_000))
    ahead.start()
    begun.wait()
    assert check.check({"a.py": "x = 1\n" * 20_000}, None).outcome == "passed"
    ahead.join()
    assert parsed == ["a.py"]
