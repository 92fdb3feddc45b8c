"""The spot check by mutation: lines are broken, and the tests notice or not."""

import ast

import pytest

from l2mac.checks.python.breaking import Broken, edits
from l2mac.checks.python.mutants import MutationCheck
from l2mac.sandbox.rungs import open_sandbox

APP = """\
def sign(n):
    if n < 0:
        return -1
    return 1

def twice(n):
    return n * 2

def idle(n):
    return n - 1

def wait(n):
    while n > 0:
        n -= 1
    return n
"""
GOOD = """\
import app

def test_sign():
    assert [app.sign(n) for n in (-1, 0, 1)] == [-1, 1, 1]

def test_twice():
    assert app.twice(3) == 6

def test_wait():
    assert app.wait(3) == 0
"""
POOR = "import app\n\ndef test_all():\n    assert app.sign(0) and app.twice(3)\n"


def found(lay_out, environments, tests, before=None, *, number=20, seconds=60.0, seed="1", **more):
    check = MutationCheck(open_sandbox("auto"), environments, number=number, seconds=seconds)
    return check.check(lay_out({"app.py": APP, "tests/test_app.py": tests, **more}), before or {}, seed)


def test_good_tests_notice_every_line_that_they_execute(lay_out, environments):
    result = found(lay_out, environments, GOOD)
    assert (result.noticed, result.unnoticed) == (7, ()), result
    assert result.gist == "7 of 7 broken lines noticed"


def test_what_poor_tests_do_not_notice_is_named(lay_out, environments):
    result = found(lay_out, environments, POOR)
    assert result.tried == 3 and len(result.unnoticed) >= 1
    assert not any(it.startswith(("app.py:10", "app.py:3:")) for it in result.unnoticed), "only what is executed"


def test_only_lines_that_changed_are_broken_and_the_seed_decides_which(lay_out, environments):
    before = {"app.py": APP.replace("n * 2", "n + n")}
    result = found(lay_out, environments, GOOD, before)
    assert result.tried == 1
    some = [found(lay_out, environments, POOR, number=1, seed=seed) for seed in ("a", "a")]
    assert some[0] == some[1] and some[0].tried == 1


WHY = {
    "no tests": ({"tests": "x = 1\n"}, "there is no Python that tests could notice"),
    "failing tests": ({"tests": GOOD + "def test_no():\n    assert 0\n"}, "the tests do not pass"),
    "hanging tests": (
        {"tests": GOOD + "def test_no():\n    while True: pass\n", "seconds": 3.0},
        "the tests take too long",
    ),
    "nothing executed": ({"tests": "import app\ndef test_a():\n    assert app\n"}, "no line could be broken"),
    "nothing changed": ({"tests": GOOD, "before": {"app.py": APP}}, "there is no Python that tests could notice"),
    "tests that exit": ({"tests": "import os, app\ndef test_a():\n    os._exit(0)\n"}, "the tests do not pass"),
}


@pytest.mark.parametrize("case", WHY.values(), ids=WHY)
def test_where_nothing_can_be_broken_it_is_said_why(case, lay_out, environments):
    given, why = case
    result = found(lay_out, environments, **given)
    assert (result.tried, result.gist) == (0, why)


BROKEN = {
    "a < b": ["`a < b` became `a >= b`"],
    "a and b": ["`a and b` became `a or b`"],
    "a + b": ["`a + b` became `a - b`"],
    "f(a)": ["`f(a)` became `None`"],
    "if a: pass": ["`if a:` became `if not a:`"],
    "x = True": ["`True` became `False`"],
    "x = 3": ["`3` became `4`"],
    "return a": ["`return a` became `return None`"],
    "return None": [],
    "x = 'text'": [],
    "pass": [],
}


@pytest.mark.parametrize("line", BROKEN)
def test_the_ways_to_break_a_line(line, tmp_path):
    tree = ast.parse(line)
    assert [Broken(tmp_path, (tree, edit)).what for edit in edits(tree, 1)] == BROKEN[line]
    assert list(edits(tree, 2)) == []
