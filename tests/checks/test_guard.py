"""The test guard of the design: tests that had passed may not be lost or weakened to get an instruction through."""

import pytest

from l2mac.checks.guard import TestGuard
from l2mac.checks.python.asserting import assertions
from l2mac.checks.report import Finding, Report

FILE = "tests/test_a.py"
ADD, SUB = f"{FILE}::test_add", f"{FILE}::test_sub"
BEFORE = {
    FILE: "def test_add():\n    assert add(1, 1) == 2\n    assert add(0, 0) == 0\n\n"
    "def test_sub():\n    assert sub(1, 1) == 0\n",
    "calc.py": "",
}


def judged(after, passed, *, skipped=(), failed=(), texts=(), explained=(), before=BEFORE, had=(ADD, SUB), times=2):
    """What a guard says of a completion, the last of so many."""
    guard = TestGuard(before, frozenset(had), tuple(texts))
    findings = tuple(Finding(FILE, 1, test, "it failed") for test in failed)
    report = Report("tests", "failed" if failed else "passed", findings, passed=tuple(passed), skipped=tuple(skipped))
    said = []
    for _ in range(times):
        said = guard.objections(after, [Report("syntax", "passed"), report], explained)
    return said


def without(*lines):
    text = BEFORE[FILE]
    for line in lines:
        assert line in text
        text = text.replace(line, "")
    return BEFORE | {FILE: text}


ONLY_ADD = {FILE: BEFORE[FILE].split("\ndef test_sub")[0]}
WEAKER = without("    assert add(0, 0) == 0\n")
NEW = {"tests/test_b.py": "def test_minus():\n    assert minus(1, 1) == 0\n"}
REWRITTEN = ONLY_ADD | NEW
NEW_TEST = "tests/test_b.py::test_minus"

REFUSED_AT_FIRST = {
    "deleted": (ONLY_ADD, [ADD], [], f"{SUB} passed before and is gone"),
    "renamed away": (REWRITTEN, [ADD, NEW_TEST], [], f"{SUB} passed before and is gone"),
    "skipped": (BEFORE, [ADD], [SUB], f"{SUB} passed before and is skipped now"),
    "fewer assertions": (WEAKER, [ADD, SUB], [], f"{ADD} had 2 assertions and has 1 now"),
    "assertions that cannot fail": (
        BEFORE | {FILE: BEFORE[FILE].replace("add(1, 1) == 2", "True").replace("add(0, 0) == 0", "(add(0, 0), 0)")},
        [ADD, SUB],
        [],
        f"{ADD} had 2 assertions and has 0 now",
    ),
}


@pytest.mark.parametrize("case", REFUSED_AT_FIRST.values(), ids=REFUSED_AT_FIRST)
def test_the_first_completion_that_loses_or_weakens_a_test_is_refused_and_names_it(case):
    after, passed, skipped, said = case
    explained = [ADD, SUB]
    texts = ("remove test_add and test_sub",)
    assert judged(after, passed, skipped=skipped, explained=explained, texts=texts, times=1) == [said]
    assert judged(after, passed, skipped=skipped, explained=explained, texts=texts) == []
    assert judged(after, passed, skipped=skipped, explained=[], texts=texts) == [said], "no reason was given"
    if not set(passed) - {ADD, SUB}:
        assert judged(after, passed, skipped=skipped, explained=explained) == [said], "nothing licenses it"


def test_what_is_as_good_as_it_was_is_let_through():
    assert judged(BEFORE, [ADD, SUB]) == []
    assert judged(BEFORE | {FILE: BEFORE[FILE] + "    assert sub(2, 1) == 1\n"}, [ADD, SUB]) == []
    assert judged(BEFORE, [ADD], failed=[SUB]) == [], "a failing test is the verdict's business"


LICENCES = {
    "the test by name": ("Rewrite test_sub to be stricter.", True),
    "a longer name": ("Write test_subtract and my_test_sub.", False),
    "the file, which still stands": (f"Put your tests into {FILE}.", False),
    "nothing": ("Write a calculator.", False),
}


@pytest.mark.parametrize(("text", "licensed"), LICENCES.values(), ids=LICENCES)
def test_a_text_licenses_the_change_of_the_test_that_it_names(text, licensed):
    assert (judged(ONLY_ADD, [ADD], texts=[text], explained=[SUB]) == []) == licensed


def test_a_text_that_names_a_file_licenses_its_going_as_a_whole():
    both = {"explained": [ADD, SUB], "passed": []}
    assert judged({}, texts=[f"Delete {FILE}."], **both) == []
    assert len(judged({}, texts=["Delete what is old."], **both)) == 2


def test_a_new_test_that_asserts_as_much_replaces_one_and_no_more():
    assert judged(REWRITTEN, [ADD, NEW_TEST], explained=[SUB]) == []
    assert judged(REWRITTEN, [ADD], explained=[SUB]) != [], "the new test did not pass"
    assert judged(NEW, [NEW_TEST], explained=[ADD, SUB]) == [f"{ADD} passed before and is gone"]
    hollow = {"tests/test_b.py": "def test_minus():\n    minus(1, 1)\n"}
    assert judged(ONLY_ADD | hollow, [ADD, NEW_TEST], explained=[SUB]) != []


def test_cases_of_a_parametrised_test_may_be_explained_as_one_and_replaced_by_others():
    old, new = [f"{ADD}[{n}]" for n in (1, 2)], [f"{ADD}[{n}]" for n in (3, 4)]
    assert judged(BEFORE, new, had=old, explained=[ADD]) == []
    assert judged(BEFORE, new[:1], had=old, explained=[ADD]) == [f"{ADD}[2] passed before and is gone"]
    assert len(judged(BEFORE, new, had=old, explained=[ADD], times=1)) == 2


@pytest.mark.parametrize("outcome", ["unavailable", "timed_out"])
def test_tests_that_did_not_run_are_not_the_guards_business(outcome):
    guard = TestGuard(BEFORE, frozenset([ADD]))
    assert guard.objections({}, [Report("tests", outcome)], []) == []
    assert guard.objections({}, [], []) == []


def test_deleting_every_test_is_refused_although_none_fails():
    assert len(TestGuard(BEFORE, frozenset([ADD, SUB])).objections({}, [Report("tests", "absent")], [])) == 2


def test_a_thousand_lost_tests_are_named_within_bounds():
    had = [f"{FILE}::test_x[{n}]" for n in range(1_000)]
    said = judged(BEFORE, [], had=had)
    assert len(said) == 21 and said[-1] == "and 980 more tests"


COUNTS = {
    "plain": ("def test_a():\n assert x\n assert y\n", {"test_a": 2}),
    "async": ("async def test_a():\n assert await x\n", {"test_a": 1}),
    "methods": ("class TestA:\n def test_a(self):\n  self.assertEqual(1, x)\n  assert x\n", {"TestA.test_a": 2}),
    "nested classes": ("class A:\n class B:\n  def test_a(self):\n   assert x\n", {"A.B.test_a": 1}),
    "raises": ("def test_a():\n with pytest.raises(E):\n  f()\n pytest.fail('x')\n", {"test_a": 2}),
    "constants": ("def test_a():\n assert True\n assert 1\n assert (x, 'y')\n", {"test_a": 0}),
    "no test": ("def helper():\n assert x\n", {}),
    "broken": ("def test_a(:\n", {}),
    "with an odd escape": ("def test_a():\n assert x == '\\d'\n", {"test_a": 1}),
    "deep": ("x = " + "(" * 5_000, {}),
}


@pytest.mark.parametrize(("text", "expected"), COUNTS.values(), ids=COUNTS)
def test_assertions_that_can_fail_are_counted(text, expected):
    assert assertions(text) == expected


RUST = {
    "src/lib.rs": "#[cfg(test)]\nmod tests {\n    #[test]\n    fn adds() { assert_eq!(1 + 1, 2); assert!(sure()); }\n"
    "    #[test]\n    fn subtracts() { assert_eq!(1 - 1, 0); }\n}\n"
}
ADDS, SUBTRACTS = "src/lib.rs::tests::adds", "src/lib.rs::tests::subtracts"


@pytest.mark.parametrize(
    ("old", "new", "passed", "expected"),
    [
        ("", "", [ADDS, SUBTRACTS], []),
        ("fn subtracts", "fn minus", [ADDS, "src/lib.rs::tests::minus"], [f"{SUBTRACTS} passed before and is gone"]),
        (" assert!(sure());", "", [ADDS, SUBTRACTS], [f"{ADDS} had 2 assertions and has 1 now"]),
    ],
)
def test_tests_of_other_languages_are_guarded_too(old, new, passed, expected):
    after = {"src/lib.rs": RUST["src/lib.rs"].replace(old, new)} if old else RUST
    assert judged(after, passed, before=RUST, had=(ADDS, SUBTRACTS), times=1) == expected


def test_a_test_of_another_language_may_be_replaced_by_one_that_asserts_as_much():
    after = {"src/lib.rs": RUST["src/lib.rs"].replace("fn subtracts", "fn minus")}
    passed = [ADDS, "src/lib.rs::tests::minus"]
    assert judged(after, passed, before=RUST, had=(ADDS, SUBTRACTS), explained=[SUBTRACTS]) == []


LINES = {"calc.py": "def sub(a, b):\n    return a - b\n\ndef old():\n    return 1\n"}
SUBTRACTED, GONE = ("calc.py", "return a - b"), ("calc.py", "return 2")
REPLACES = {
    "the same lines": ({SUB: [SUBTRACTED]}, {NEW_TEST: [SUBTRACTED, ("calc.py", "return 1")]}, True),
    "other lines": ({SUB: [SUBTRACTED]}, {NEW_TEST: [("calc.py", "return 1")]}, False),
    "no lines": ({SUB: [SUBTRACTED]}, {NEW_TEST: []}, False),
    "lines that are gone": ({SUB: [GONE]}, {NEW_TEST: [("calc.py", "return 1")]}, True),
    "lines that nobody knows": ({SUB: [SUBTRACTED]}, {}, True),
}


@pytest.mark.parametrize("case", REPLACES.values(), ids=REPLACES)
def test_a_new_test_replaces_one_whose_lines_it_executes(case):
    was, now, replaced = case
    before, after = BEFORE | LINES, REWRITTEN | LINES
    guard, report = TestGuard(before, frozenset([ADD, SUB])), Report("tests", "passed", passed=(ADD, NEW_TEST))
    asked = []

    def covered(files, tests):
        asked.append(set(tests))
        return was if files is before else now

    assert guard.objections(after, [report], [SUB], covered) and not asked, "the first time it is refused in any case"
    assert (guard.objections(after, [report], [SUB], covered) == []) == replaced
    assert asked == [{SUB}, {NEW_TEST}]


def test_what_tests_share_is_guarded_and_code_may_not_ask_whether_it_is_tested():
    before = {"tests/kit.py": "def equal(a, b):\n    assert a == b\n", "app.py": ""}
    guard, report = TestGuard(before, frozenset()), [Report("tests", "passed", passed=(ADD,))]
    gutted = {**before, "tests/kit.py": "def equal(a, b): ...\n"}
    said = ["tests/kit.py::equal had 1 assertions and has 0 now"]
    assert guard.objections(gutted, report, []) == said == guard.objections(gutted, report, ["tests/kit.py::equal"])
    moved = {"app.py": "", "tests/conftest.py": before["tests/kit.py"]}
    assert guard.objections(moved, report, []) == [] == guard.objections({"app.py": ""}, report, [])
    aware = {**before, "app.py": "import os\nTESTED = 'PYTEST_CURRENT_TEST' in os.environ\n"}
    assert guard.objections(aware, report, ["app.py"]) == ["app.py asks whether it is being tested"]
    assert guard.objections(aware, report, ["app.py"]) == ["app.py asks whether it is being tested"]
    assert TestGuard(aware, frozenset()).objections({**aware, "app.py": aware["app.py"] + "\n"}, report, []) == []
