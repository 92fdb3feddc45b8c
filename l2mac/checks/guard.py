"""The test guard: tests that had passed may not be lost or weakened to get an instruction through."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeGuard

from .report import Report

_MOST = 20  # objections named one by one


@dataclass(slots=True)
class TestGuard:
    """Judges what an instruction did to the tests of the state it began on.

    The first completion in which a test was lost or weakened is refused in any case. After that it may pass where the
    completion explains the change, and either the texts that the work was given name it or a new test that passes, and
    asserts at least as much, stands in its place: each new test in that of one.

    Args:
        before: the files that the instruction began on.
        passed: ids of the tests that passed on them.
        texts: the texts of the prompt and the instruction.
    """

    __test__ = False  # for pytest: a name, not a test

    before: Mapping[str, str]
    passed: frozenset[str]
    texts: tuple[str, ...] = ()
    _named: set[str] = field(default_factory=set)

    def objections(self, after: Mapping[str, str], reports: Sequence[Report], explained: Iterable[str]) -> list[str]:
        """What stands against a completion, each as one line; nothing when the tests are as good as they were.

        Args:
            after: the files now.
            reports: what the checks of the whole said of them.
            explained: ids of the tests that the completion gives a reason for.
        """
        tests = next((report for report in reports if report.check == "tests"), None)
        if tests is None or tests.outcome in ("unavailable", "timed_out"):
            return []
        changed = self._lost(tests) | self._weakened(after)
        reasons = set(explained)
        replaced = self._replaced(changed, tests, after)
        objected = [
            f"{test} {what}"
            for test, what in sorted(changed.items())
            if test not in self._named
            or not reasons & {test, _bare(test)}
            or not (test in replaced or self._licensed(test, after))
        ]
        self._named.update(changed)
        extra = len(objected) - _MOST
        return [*objected[:_MOST], f"and {extra:,} more tests"] if extra > 0 else objected

    def _lost(self, tests: Report) -> dict[str, str]:
        """Tests that had passed and now neither pass nor fail."""
        failing = {finding.code for finding in tests.failures}
        gone = self.passed - set(tests.passed) - failing
        return {
            test: "passed before and is skipped now" if test in tests.skipped else "passed before and is gone"
            for test in gone
        }

    def _weakened(self, after: Mapping[str, str]) -> dict[str, str]:
        """Tests that had passed and now assert less."""
        found = {}
        for path in {test.split("::")[0] for test in self.passed}:
            if path in after and after[path] != self.before.get(path):
                old, new = _counted(path, self.before.get(path, "")), _counted(path, after[path])
                for test in self.passed:
                    name = _function(test)
                    if test.startswith(f"{path}::") and name in new and new[name] < old.get(name, 0):
                        found[test] = f"had {old[name]} assertions and has {new[name]} now"
        return found

    def _licensed(self, test: str, after: Mapping[str, str]) -> bool:
        """Whether a text names the test, or its file where that is gone whole."""
        path, name = test.split("::")[0], _function(test).split(".")[-1]
        names = [name] if path in after else [name, path]
        return any(re.search(rf"(?<!\w){re.escape(it)}(?!\w)", text) for it in names if it for text in self.texts)

    def _replaced(self, changed: Iterable[str], tests: Report, after: Mapping[str, str]) -> set[str]:
        """Of the tests lost or weakened, those that a new one stands in for, the most demanding first."""
        new = sorted(_strengths(set(tests.passed) - self.passed, after).values())
        replaced = set()
        for test, strength in sorted(_strengths(changed, self.before).items(), key=lambda it: (-it[1], it[0])):
            if new and new[-1] >= strength:
                new.pop()
                replaced.add(test)
        return replaced


@lru_cache(maxsize=256)
def assertions(text: str) -> dict[str, int]:
    """How many things each test function of a Python file asserts, by `function` or `Class.function`.

    Counted are `assert` statements that can fail, calls of `assert…` methods, and `raises`, `warns` and `fail` calls.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _counts(ast.parse(text).body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}


def _counts(body: Iterable[ast.stmt], within: str = "") -> dict[str, int]:
    found: dict[str, int] = {}
    for node in body:
        if isinstance(node, ast.ClassDef):
            found |= _counts(node.body, f"{within}{node.name}.")
        elif _is_test(node):
            found[f"{within}{node.name}"] = sum(map(_asserts, ast.walk(node)))
    return found


def _counted(path: str, text: str) -> dict[str, int]:
    """How many things each test of a file asserts: by the syntax tree in Python, by patterns in other languages."""
    if path.endswith(".py"):
        return assertions(text)
    from .toolchains.strength import assertions as counted

    return counted(path, text)


def _strengths(tests: Iterable[str], files: Mapping[str, str]) -> dict[str, int]:
    """How many things each of these tests asserts."""
    wanted = list(tests)
    counts = {path: _counted(path, files.get(path, "")) for path in {test.split("::")[0] for test in wanted}}
    return {test: counts[test.split("::")[0]].get(_function(test), 0) for test in wanted}


def _is_test(node: ast.stmt) -> TypeGuard[ast.FunctionDef | ast.AsyncFunctionDef]:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test")


def _asserts(node: ast.AST) -> bool:
    if isinstance(node, ast.Assert):
        return not isinstance(node.test, ast.Constant | ast.Tuple)  # `assert True` and `assert (x, y)` can't fail
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        return name.startswith("assert") or name in ("raises", "warns", "fail")
    return False


def _bare(test: str) -> str:
    """A test's id without its parameters."""
    return test.split("[")[0]


def _function(test: str) -> str:
    """`Class.function` of a test's id, without its parameters; in other languages than Python, its own name."""
    path, _, name = test.partition("::")
    if not path.endswith(".py"):
        from .toolchains.reading import key

        return key(name)
    return ".".join(_bare(test).split("::")[1:])
