"""What files of other languages than Python offer to others; hostile ones included."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from l2mac.control import outline
from l2mac.control.interfaces import interfaces, readable
from l2mac.control.ledger import interface, ledger

CASES = Path(__file__).parent.parent / "cases" / "interfaces"
SOURCES = sorted(path for path in CASES.iterdir() if path.suffix not in (".txt", ".md"))
GO = 'package a\n\n// F does it.\nfunc F(x int) string { return "" }\n'


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_a_file_shows_what_it_imports_and_offers_with_the_first_line_of_its_comments(path):
    expected = path.with_name(f"{path.name}.txt").read_text(encoding="utf-8")
    assert interface(path.name, path.read_text(encoding="utf-8")) == expected.rstrip("\n")


def test_every_language_has_its_case():
    shown = {outline.OF[path.suffix[1:]].package for path in SOURCES}
    assert shown == {language.package for language in outline.LANGUAGES}


def test_what_a_file_keeps_to_itself_is_not_shown():
    shown = "\n".join(path.with_name(f"{path.name}.txt").read_text(encoding="utf-8") for path in SOURCES)
    for name in ("hidden", "hid", "secret", "n_", "main"):
        assert f"{name}(" not in shown and f" {name}:" not in shown and f" {name}\n" not in shown


BROKEN = {
    "a.ts": 'export function good(a: number): string { return "" }\nexport class X { m( { \n ]]] ',
    "a.go": f"{GO}func (",
    "a.rs": "pub fn good() {}\nfn ((",
    "A.java": "public class A {\n  public int good() { return 1; }\n  void x( {\n",
    "a.c": "int good(int a) { return a; }\nint (",
}


def test_the_comment_of_a_file_is_not_that_of_its_first_declaration():
    text = "// The client of the server.\n\n/** One thing to buy. */\n\nexport interface Item { id: number }\n"
    text += "// Adds.\nexport function add(a: number): number { return a; }\n"
    assert interface("api.ts", text) == "  interface Item\n    id: number\n  function add(a: number): number  // Adds."
    rust = "//! A file.\n\n/// Adds.\n#[inline]\npub fn add(a: u8) -> u8 { a }\n"
    assert interface("lib.rs", rust).endswith("// Adds.")


def test_a_file_that_does_not_parse_gives_what_can_be_got():
    told = interfaces(BROKEN)
    assert all("good" in text or "F(x int)" in text for text in told.values()), told


HOSTILE = {
    "brackets that never close": ("a.js", "(" * 900_000),
    "types that never close": ("A.java", "a<" * 100_000),
    "templates that never close": ("a.cpp", "a<" * 400_000),
    "every byte": ("a.c", "".join(map(chr, range(256))) * 2_000),
    "blocks in blocks": ("a.rs", "pub mod a {" * 20_000),
    "a line without end": ("a.ts", f"export const x = '{'y' * 900_000}'"),
    "more than is parsed": ("a.go", GO + "//" + "x" * 1_000_000),
    "half a pair": ("a.go", GO + "// \ud800"),
    "nothing": ("a.go", ""),
    "NULs": ("a.go", "\0" * 1_000),
}


@pytest.mark.parametrize("case", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_costs_its_own_interface_and_nothing_else(case):
    path, text = case
    told = interfaces({"before.go": GO, path: text, "zz.go": f"{GO}\n"})
    assert told["before.go"] == told["zz.go"] == "  func F(x int) string  // F does it."
    assert len(told[path]) < 130_000 and all(len(line) < 450 for line in told[path].split("\n"))


def test_random_scraps_of_code_never_make_it_stumble():
    chance = random.Random(7)
    pieces = [part for path in SOURCES for part in path.read_text(encoding="utf-8").split(" ")]
    suffixes = sorted(outline.OF)
    files = {
        f"f{number}.{chance.choice(suffixes)}": " ".join(chance.choices(pieces, k=chance.randrange(200)))
        for number in range(300)
    }
    told = interfaces(files)
    assert set(told) == set(files) and sum(map(bool, told.values())) > 100
    assert told == interfaces(files)


def test_many_lines_are_bounded_and_a_long_one_is_cut():
    many = "".join(f"func F{number}() {{}}\n" for number in range(5_000))
    long = f"func G({', '.join(f'a{number} int' for number in range(500))}) {{}}\n"
    told = interfaces({"a.go": f"package a\n{many}", "b.go": f"package a\n{long}"})
    assert told["a.go"].count("\n") < 500 and len(told["b.go"]) < 400


def test_the_ledger_shows_all_languages_and_no_tests():
    files = {
        "a.py": "def f() -> int: ...\n",
        "b.go": GO,
        "b_test.go": GO,
        "c.test.ts": "export const x = 1",
        "d.md": "x",
    }
    assert ledger(files, files, 1_000) == "a.py\n  f() -> int\nb.go\n  func F(x int) string  // F does it.\nd.md"


def test_parsers_are_not_loaded_into_the_machine_and_nothing_is_written_on_its_error_output(capfd):
    code = (
        "import sys; from l2mac.control.interfaces import interfaces; "
        f"assert interfaces({{'a.go': {GO!r}}})['a.go']; print('tree_sitter' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_a_name_without_a_parser_is_not_readable():
    assert readable("src/a.RS") and readable("a.h")
    assert not any(map(readable, ["a.py", "README", "a.md", "go", ".js.txt"]))
