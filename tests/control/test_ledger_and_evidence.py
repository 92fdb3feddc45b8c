"""What a file offers to others, and whether what the model points at is there."""

import pytest

from l2mac.checks.report import Traced
from l2mac.control.evidence import Ran, executes, fault, missing, place
from l2mac.control.ledger import interface, ledger
from l2mac.program.values import Instruction, Program
from l2mac.tools.instruction_set import Evidence

SOURCE = '''"""A shop."""
from dataclasses import dataclass
from typing import overload

LIMIT: int = 3
NAMES = ["a", "b"]
app = make("x")
_private = 1

@dataclass(frozen=True)
class Item(Base, metaclass=Meta):
    """A thing."""
    name: str
    price: float = 1.5
    _hidden: int = 0
    KIND = "x"

    def __init__(self, name: str) -> None: ...
    @property
    def label(self) -> str:
        """Shown to all.

        More."""
    @staticmethod
    async def fetch(url, *, timeout: float = 1.0): ...
    def _secret(self): ...
    class Inner:
        depth = 1

@overload
def get(x: int) -> int: ...
@overload
def get(x: str) -> str: ...
def get(x): ...
async def main(*args, **kwargs) -> None: ...
def _helper(): ...
pattern = "\\d"
if True:
    def under_condition(): ...
    FIRST, SECOND = 1, 2
'''


def test_the_public_names_of_a_file_are_shown_with_how_to_use_them():
    assert interface("shop.py", SOURCE).split("\n") == [
        "  imports dataclasses, typing",
        "  LIMIT: int = 3",
        "  NAMES = ['a', 'b']",
        "  app = make('x')",
        "  @dataclass(frozen=True) class Item(Base, metaclass=Meta)",
        "    name: str",
        "    price: float = 1.5",
        "    KIND = 'x'",
        "    __init__(self, name: str) -> None",
        "    @property label(self) -> str  # Shown to all.",
        "    @staticmethod async fetch(url, *, timeout: float=1.0)",
        "    class Inner",
        "      depth = 1",
        "  @overload get(x: int) -> int",
        "  @overload get(x: str) -> str",
        "  get(x)",
        "  async main(*args, **kwargs) -> None",
        "  pattern = '\\\\d'",
    ]


HOPELESS = {
    "broken": "def f(:\n",
    "a NUL": "x = '\0'",
    "brackets without end": "x = " + "(" * 50_000,
    "a sum without end": "x = " + "+".join(["1"] * 900),
    "an elif chain": "if a:\n pass\n" + "elif a:\n pass\n" * 3_000,
    "too large": "x = 1\n" * 400_000,
    "half a pair": "x = '\ud800'",
}


@pytest.mark.parametrize("text", HOPELESS.values(), ids=HOPELESS)
def test_a_file_that_cannot_be_read_as_python_has_no_interface_and_no_symbol(text):
    assert len(interface("a.py", text)) < 400
    assert fault(Evidence(requirement="R1", file="a.py", symbol="nope"), {"a.py": text}, None) == "a.py defines no nope"


def test_the_ledger_shows_wanted_files_once_nearest_first():
    files = {"b.py": "def b(): ...", "a.py": "def a(): ...", "c.md": "# c"}
    assert ledger(files, ["b.py", "none.py", "c.md", "a.py", "b.py"], 1_000) == "b.py\n  b()\nc.md\na.py\n  a()"
    assert ledger(files, [], 1_000) == ""


def test_the_ledger_is_bounded_and_a_huge_file_does_not_hide_all():
    files = {f"m{number}.py": f"def f{number}(x): ...\n" * 50 for number in range(1_000)}
    text = ledger(files, files, 2_000)
    assert len(text) < 2_100 and text.startswith("m0.py\n  f0(x)") and "read_files shows them]" in text
    huge = {"a.py": "def f(x): ...\n" * 10_000, "b.py": ""}
    text = ledger(huge, huge, 500)
    assert len(text) < 600 and text.startswith("a.py\n  f(x)\n")
    assert text.endswith("[2 more files, in whole or in part; read_files shows them]")
    wide = interface("a.py", f"def f(x={'y' * 50_000}): ...")
    assert len(wide) <= 300


FILES = {"shop.py": SOURCE, "app.js": "export function start() {}\n", "bad.py": "def f(:"}
PASSED = Ran(
    {
        "tests/test_a.py::test_x[1]",
        "tests/test_a.py::test_x[2]",
        "tests/test_a.py::TestB::test_y",
        "web/a.test.ts::the list > sorts by name",
        "src/lib.rs::tests::parses",
    }
)
SHOWN = {
    "a file": ({"file": "app.js"}, None),
    "a missing file": ({"file": "gone.py"}, "there is no file gone.py"),
    "a function": ({"file": "shop.py", "symbol": "main"}, None),
    "a call": ({"file": "shop.py", "symbol": "main()"}, None),
    "a signature": ({"file": "shop.py", "symbol": "Item.fetch(url, timeout)"}, None),
    "a method": ({"file": "shop.py", "symbol": "Item.label"}, None),
    "a class in a class": ({"file": "shop.py", "symbol": "Item.Inner.depth"}, None),
    "a field": ({"file": "shop.py", "symbol": "Item.price"}, None),
    "a constant": ({"file": "shop.py", "symbol": "NAMES"}, None),
    "a private name": ({"file": "shop.py", "symbol": "_private"}, None),
    "what stands under a condition": ({"file": "shop.py", "symbol": "under_condition"}, None),
    "one of two": ({"file": "shop.py", "symbol": "SECOND"}, None),
    "a missing name": ({"file": "shop.py", "symbol": "Shop"}, "shop.py defines no Shop"),
    "a missing method": ({"file": "shop.py", "symbol": "Item.sell"}, "shop.py defines no Item.sell"),
    "a name in broken Python": ({"file": "bad.py", "symbol": "f"}, "bad.py defines no f"),
    "a name in another language": ({"file": "app.js", "symbol": "start"}, None),
    "a missing name in another language": ({"file": "app.js", "symbol": "stop"}, "app.js defines no stop"),
    "a parametrised test": ({"file": "shop.py", "test": "tests/test_a.py::test_x"}, None),
    "a case of it": ({"file": "shop.py", "test": "tests/test_a.py::test_x[2]"}, None),
    "a missing case of it": ({"file": "shop.py", "test": "tests/test_a.py::test_x[3]"}, "no test "),
    "a class of tests": ({"file": "shop.py", "test": "tests/test_a.py::TestB"}, None),
    "a file of tests": ({"file": "shop.py", "test": "tests/test_a.py"}, None),
    "a title without its group": ({"file": "app.js", "test": "web/a.test.ts::sorts by name"}, None),
    "a function without its module": ({"file": "app.js", "test": "src/lib.rs::parses"}, None),
    "half a title": ({"file": "app.js", "test": "web/a.test.ts::by name"}, "no test "),
    "a title in another file": ({"file": "app.js", "test": "web/b.test.ts::sorts by name"}, "no test "),
    "a method without its class": ({"file": "shop.py", "test": "tests/test_a.py::test_y"}, "no test "),
    "half a name of a test": ({"file": "shop.py", "test": "tests/test_a.py::test"}, "no test "),
    "a test that did not pass": ({"file": "shop.py", "test": "tests/test_a.py::test_z"}, "no test "),
}


@pytest.mark.parametrize("case", SHOWN.values(), ids=SHOWN)
def test_evidence_is_looked_up_by_the_machine(case):
    named, expected = case
    found = fault(Evidence(requirement="R1", **named), FILES, PASSED if "test" in named else None)
    assert found is None if expected is None else found.startswith(expected)


def test_code_needs_a_test_where_tests_run_unless_none_can_show_it():
    for file, needs in (("shop.py", True), ("app.js", True), ("page.html", False), ("tests/test_a.py", False)):
        files = {**FILES, "page.html": "", "tests/test_a.py": ""}
        found = fault(Evidence(requirement="R1", file=file), files, PASSED)
        assert found == (f"{file} is code, and no test of it is named" if needs else None)
        assert fault(Evidence(requirement="R1", file=file, not_verifiable="no screen"), files, PASSED) is None


def test_with_tests_off_a_test_must_stand_in_its_file_and_no_more_is_asked():
    written = {**FILES, "tests/test_a.py": "class TestA:\n    def test_b(self): ...\n"}
    for test in ("tests/test_a.py::TestA::test_b", "tests/test_a.py::TestA::test_b[1]", "tests/test_a.py"):
        assert fault(Evidence(requirement="R1", file="app.js", test=test), written, None) is None
    for test in ("tests/test_a.py::test_b", "x::y"):
        assert fault(Evidence(requirement="R1", file="app.js", test=test), written, None) == f"there is no test {test}"
    assert fault(Evidence(requirement="R1", file="app.js", test="x::y"), FILES, Ran()) is not None


def test_the_place_of_evidence_is_its_line():
    assert place(Evidence(requirement="R1", file="shop.py", symbol="LIMIT", test="t::x"), FILES) == "shop.py:5"
    assert place(Evidence(requirement="R1", file="app.js", symbol="start"), FILES) == "app.js:1"
    assert place(Evidence(requirement="R1", file="gone.py", symbol="x"), FILES) == "gone.py"


def test_a_requirement_lacks_evidence_only_when_nothing_later_can_bring_it():
    first, last = Instruction("I1", "a", "a", ("R1", "R2")), Instruction("I2", "b", "b", ("R2",))
    program = Program((first, last))
    assert missing(first, program, [], []) == ["R1"]
    assert missing(last, program, ["I1"], []) == ["R2"]
    assert missing(first, program, ["I2"], []) == ["R1", "R2"]
    assert missing(first, program, ["I2"], [Evidence(requirement="R2", file="a.py")]) == ["R1"]


KIT = {
    "kit.py": "LIMIT = 3\n\ndef add(a, b):\n    return a + b\n\nclass Item:\n    price: int\n\n"
    "class Shop:\n    def sell(self):\n        return LIMIT\n",
    "script.py": "print(1)\n",
    "web.js": "function start() {}\n",
    "tests/test_kit.py": "from kit import LIMIT, Item\n\ndef test_a():\n    assert Item\n\n"
    "def test_b():\n    run('script')\n    assert Shop\n",
    "tools.py": "class Shop:\n    def sell(self):\n        return 1\n",
}
A, B = "tests/test_kit.py::test_a", "tests/test_kit.py::test_b"
KIT_RAN = Ran({A, B}, {A: Traced({"kit.py": f"{1 << 11:x}"}), B: Traced({"kit.py": f"{1 << 4:x}"}, "long")})
EXECUTED = {
    "a method that is": (A, "kit.py", "Shop.sell", True),
    "its class": (A, "kit.py", "Shop", True),
    "a function that is not": (A, "kit.py", "add", False),
    "a function that may be": (B, "kit.py", "Shop.sell", "long"),
    "a function that is": (B, "kit.py", "add(a, b)", True),
    "a constant in an executed line": (A, "kit.py", "LIMIT", True),
    "a constant that is only imported": (B, "kit.py", "LIMIT", "long"),
    "a class of fields that the test names": (A, "kit.py", "Item", True),
    "a class with methods that a test only names": (
        B,
        "tools.py",
        "Shop",
        "it names it, and executes no line of its functions",
    ),
    "a whole file": (A, "kit.py", None, True),
    "a file that nothing of is executed": (A, "script.py", None, False),
    "a script that the test names": (B, "script.py", None, True),
    "another language": (A, "web.js", "start", "what a test executes is measured in Python only"),
    "a test file": (A, "tests/test_kit.py", "test_a", "what a test executes is measured in Python only"),
    "what tests share": (A, "tests/conftest.py", "add", "what a test executes is measured in Python only"),
    "a test that was not looked at": ("tests/test_kit.py::test_c", "kit.py", "add", "not measured"),
    "all tests of a file": ("tests/test_kit.py", "kit.py", "add", True),
}


@pytest.mark.parametrize("case", EXECUTED.values(), ids=EXECUTED)
def test_a_test_shows_only_what_it_executes(case):
    test, file, symbol, expected = case
    assert executes(Evidence(requirement="R1", file=file, symbol=symbol, test=test), KIT, KIT_RAN) == expected


SAID = {
    "in a comment": ("# kit.LIMIT\n    assert 1 < 2", False),
    "in a text that stands alone": ('"""kit.LIMIT"""\n    assert 1 < 2', False),
    "as a name": ("assert LIMIT", True),
    "as an attribute": ("assert kit.LIMIT", True),
    "in a text that is used": ('assert run("kit.py", "LIMIT")', True),
}


@pytest.mark.parametrize("case", SAID.values(), ids=SAID)
def test_what_has_no_lines_of_its_own_is_named_by_what_a_test_does_and_not_by_its_comments(case):
    body, expected = case
    files = {"kit.py": "LIMIT = 3\n", "tests/test_kit.py": f"def test_a():\n    {body}\n"}
    ran = Ran(frozenset({"tests/test_kit.py::test_a"}), {"tests/test_kit.py::test_a": Traced({})})
    given = Evidence(requirement="R1", file="kit.py", symbol="LIMIT", test="tests/test_kit.py::test_a")
    assert executes(given, files, ran) is expected


def test_evidence_whose_test_executes_something_else_is_refused_with_the_test_that_does():
    named = Evidence(requirement="R1", file="kit.py", symbol="add", test=A)
    assert (
        fault(named, KIT, KIT_RAN) == f"the test {A} passes and executes no line of add; of the tests named, {B} does"
    )


NAMES = {
    "a.js": ("function hid() {}\nconst f = (x) => x;\nexports.g = 1;\n// gone\n", "hid f g exports.g", "gone h f.h"),
    "a.ts": ("class A { private p(): void {} }\ninterface I { a: string }\n", "A.p I I.a", "q"),
    "a.go": ("package a\nfunc (s *S) add() {}\nconst C = 1\n", "add S.add (*S).add C", "sub"),
    "a.rs": ("impl S { fn m(&self) {} }\n", "S::m m()", "n"),
    "A.java": ("class A { static int f; void m() {} }\n", "A.m A#m f", "g"),
    "a.c": ("#define MAX 3\nstatic char *p(void) { return 0; }\n", "MAX p p(void)", "q"),
    "a.cpp": ("void A::m() {}\nnamespace n { int z; }\n", "A::m n z", "y"),
    "a.css": (".red { color: red }", ".red", ".blue"),
}


@pytest.mark.parametrize("path", NAMES)
def test_a_symbol_of_another_language_is_one_that_the_file_defines(path):
    text, there, missing_ = NAMES[path]
    for symbol in (*there.split(), *missing_.split()):
        found = fault(Evidence(requirement="R1", file=path, symbol=symbol), {path: text}, None)
        assert found == (None if symbol in there.split() else f"{path} defines no {symbol}")
