"""The test guard: tests that had passed may not be lost or weakened to get an instruction through."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeGuard

from .report import Report


@dataclass(slots=True)
class TestGuard:
    """Judges what an instruction did to the tests of the state it began on.

    The first completion in which a test was lost or weakened is refused in any case. After that it may pass where the
    completion explains the change, and either the texts that the work was given name the test or a new test of at
    least as many assertions stands in its place.

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
        objected = [
            f"{test} {what}"
            for test, what in sorted(changed.items())
            if test not in self._named or test not in explained or not self._licensed(test, after)
        ]
        self._named.update(changed)
        return objected

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
                old, new = assertions(self.before.get(path, "")), assertions(after[path])
                for test in self.passed:
                    name = _function(test)
                    if test.startswith(f"{path}::") and name in new and new[name] < old.get(name, 0):
                        found[test] = f"had {old[name]} assertions and has {new[name]} now"
        return found

    def _licensed(self, test: str, after: Mapping[str, str]) -> bool:
        path, name = test.split("::")[0], _function(test)
        if any(name.split(".")[-1] in text or path in text for text in self.texts):
            return True
        old = assertions(self.before.get(path, ""))
        return any(
            count >= old.get(name, 1)
            for other, text in after.items()
            if text != self.before.get(other)
            for new, count in assertions(text).items()
            if new not in assertions(self.before.get(other, ""))
        )


def assertions(text: str) -> dict[str, int]:
    """How many things each test function of a Python file asserts, by `function` or `Class.function`.

    Counted are `assert` statements that can fail, calls of `assert…` methods, and `raises`, `warns` and `fail` calls.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    found: dict[str, int] = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            found.update({f"{node.name}.{item.name}": _count(item) for item in node.body if _is_test(item)})
        elif _is_test(node):
            found[node.name] = _count(node)
    return found


def _is_test(node: ast.stmt) -> TypeGuard[ast.FunctionDef | ast.AsyncFunctionDef]:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test")


def _count(function: ast.stmt) -> int:
    return sum(map(_asserts, ast.walk(function)))


def _asserts(node: ast.AST) -> bool:
    if isinstance(node, ast.Assert):
        return not isinstance(node.test, ast.Constant)  # `assert True` asserts nothing
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        return name.startswith("assert") or name in ("raises", "warns", "fail")
    return False


def _function(test: str) -> str:
    """`Class.function` of a test's id, without its parameters."""
    return ".".join(test.split("[")[0].split("::")[1:])
