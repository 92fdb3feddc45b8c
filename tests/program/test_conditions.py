"""The small language of conditions."""

import random

import pytest

from l2mac.program.conditions import LONGEST, Facts, fault, fill, holds, nameable

FILES = {"a.py": "one\ntwo\n", "src/b.py": "import os\n", "README.md": 'say "hi"\n'}
FACTS = Facts(
    FILES,
    {"tests": "failed", "lint": "passed"},
    {"tests.passed": 7, "tests.failed": 2, "errors": 0},
    lambda glob: [path for path in FILES if path.endswith(glob.removeprefix("*"))],
    {"file": "a.py", "many": "12", "evil": '" or exists("a.py") or "', "deep": "${file}", "huge": "9" * 5_000},
)
HOLDS = {
    'checks.tests == "failed"': True,
    'checks.build == "absent"': True,
    'checks.lint != "passed"': False,
    "tests.failed > 0 and tests.passed >= 7": True,
    "tests.skipped == 0": True,
    "errors < 1": True,
    'exists("*.py")': True,
    'not exists("*.rs")': True,
    'not not exists("*.rs")': False,
    'count("*.py") == 2': True,
    "lines(file) == 2": True,
    'lines("nothing") == 0': True,
    'contains("src/b.py", "import os")': True,
    'contains("README.md", \'"hi"\')': True,
    'contains("${file}", "two")': True,
    'file == "a.py"': True,
    "many > 3": True,
    "many == 12": True,
    "file > 3": False,
    "huge > 3": False,
    "file != 3": True,
    "evil == file": False,
    "contains(evil, file)": False,
    'contains("a.py", "${evil}")': False,
    'deep == "${deep}"': True,
    '(exists("x") or exists("a.py")) and errors == 0': True,
    'exists("x") == exists("z")': True,
}


@pytest.mark.parametrize(("condition", "expected"), HOLDS.items(), ids=HOLDS)
def test_a_condition_is_what_files_checks_and_variables_say(condition, expected):
    assert fault(condition, FACTS.variables) == ""
    assert holds(condition, FACTS) is expected


WRONG = {
    "": "column 1: it ends too early",
    "tests.failed >": "column 15: it ends too early",
    "tests.failed = 1": "column",
    "(tests.failed > 1": "column 1: '(' was never closed",
    "tests.faild > 1": "did you mean tests.failed?",
    'checks.test == "failed"': "there is no check test; did you mean tests?",
    'checks.tests == "fail"': "column 17: no check says 'fail'; did you mean failed?",
    "checks.tests": "it is a text",
    "tests.failed": "it is a number",
    "exists()": "exists takes 1 text",
    'contains("a")': "contains takes 2 texts",
    "exists(3)": "column 8: this is a number, and a text is needed",
    'lines("a") > "b"': "number and text can't be compared so",
    'exists("a") > 1': "can't be compared",
    '"a" < "b"': "can't be compared",
    "1 < 2 < 3": "does not belong here",
    "exists(fil)": "did you mean file?",
    'exists("${fil}")': "there is no variable ${fil}; did you mean file?",
    '"a" in "b"': "does not belong here",
    "1 + 1 == 2": "does not belong here",
    "__import__('os').system('true')": "does not belong here",
    "().__class__ == 1": "does not belong here",
    "(lambda: 1)() == 1": "does not belong here",
    "[x for x in 1] == 1": "does not belong here",
    'f"{file}" == "a"': "does not belong here",
    "(x := 1) == 1": "does not belong here",
    'open("/etc/passwd") == "x"': "does not belong here",
    "exists(*file)": "does not belong here",
    "1.5 > 1": "does not belong here",
    'exists("a"); exists("b")': "column",
    "a\0b": "can",
    "not " * 74 + "exists": "",
    "(" * 149 + ")" * 149: "",
    'exists("' + "x" * LONGEST + '")': f"and {LONGEST} are allowed",
}


@pytest.mark.parametrize(("condition", "said"), WRONG.items(), ids=range(len(WRONG)))
def test_what_is_no_condition_is_refused_with_its_column(condition, said):
    told = fault(condition, ("file",))
    assert told and said in told and "\n" not in told and len(told) < 300
    with pytest.raises(ValueError):
        holds(condition, Facts(variables={"file": "a"}))


def test_texts_and_names_of_variables():
    assert fill("${a} ${b} $a ${a b} $${a}", {"a": "1", "a b": "2"}) == "1 ${b} $a 2 $1"
    assert [nameable(it) for it in ("module", "x_1", "if", "tests", "count", "", "1a", "a-b", "é")] == [True] * 2 + [
        False
    ] * 7


def test_any_mixture_means_what_logic_says():
    """Seeded: random trees of and, or, not over facts, against the same worked out beside."""
    dice = random.Random(7)
    leaves = [(text, value) for text, value in HOLDS.items() if "or" not in text and "and" not in text]

    def tree(depth):
        if depth == 0 or dice.random() < 0.2:
            text, value = dice.choice(leaves)
            return f"({text})", value
        (left, one), (right, two) = tree(depth - 1), tree(depth - 1)
        if dice.random() < 0.3:
            return f"(not {left})", not one
        word = dice.choice(["and", "or"])
        return f"({left} {word} {right})", (one and two) if word == "and" else (one or two)

    tried = 0
    while tried < 300:
        text, value = tree(3)
        if len(text) <= LONGEST:
            tried += 1
            assert holds(text, FACTS) is value, text


def test_no_text_of_letters_and_signs_makes_more_than_a_fault():
    dice = random.Random(11)
    parts = [
        '"',
        "'",
        "(",
        ")",
        "and",
        "not",
        "exists",
        "lines",
        "tests.failed",
        "==",
        "<",
        "1",
        "file",
        ",",
        ".",
        "{",
        "$",
    ]
    for _ in range(3_000):
        text = " ".join(dice.choice(parts) for _ in range(dice.randint(1, 12)))
        if not fault(text, ("file",)):
            assert holds(text, Facts(variables={"file": "a"})) in (True, False)
