"""The test guard: tests that had passed may not be lost or weakened to get an instruction through."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from .python.asserting import assertions
from .python.project import is_test
from .report import Report

_MOST = 20  # objections named one by one
_WATCHED = re.compile(r"PYTEST_CURRENT_TEST|[\"'](?:pytest|unittest)[\"']\s+(?:not\s+)?in\s+sys\.modules")

Covered = Callable[[Mapping[str, str], Collection[str]], Mapping[str, Collection[tuple[str, str]]]]
"""Says which lines, path and text, tests execute on some files; nothing of a test of which that can't be told."""


@dataclass(slots=True)
class TestGuard:
    """Judges what an instruction did to the tests of the state it began on.

    The first completion in which a test was lost or weakened is refused in any case. After that it may pass where the
    completion explains the change, and either the texts that the work was given name it or a new test that passes,
    asserts at least as much, and executes the same lines as far as there are any such lines still, stands in its place:
    each new test in that of one.

    Args:
        before: the files that the instruction began on.
        passed: ids of the tests that passed on them.
        texts: the texts of the prompt and the instruction.
        bare: a file of another language than Python without what is never executed.
    """

    __test__ = False  # for pytest: a name, not a test

    before: Mapping[str, str]
    passed: frozenset[str]
    texts: tuple[str, ...] = ()
    bare: Callable[[str, str], str] = lambda path, text: text
    _named: set[str] = field(default_factory=set)

    def objections(
        self,
        after: Mapping[str, str],
        reports: Sequence[Report],
        explained: Iterable[str],
        covered: Covered = lambda files, tests: {},
    ) -> list[str]:
        """What stands against a completion, each as one line; nothing when the tests are as good as they were.

        Args:
            after: the files now.
            reports: what the checks of the whole said of them.
            explained: ids of the tests that the completion gives a reason for.
            covered: tells what tests execute, where that is needed.
        """
        tests = next((report for report in reports if report.check == "tests"), None)
        if tests is None or tests.outcome in ("unavailable", "timed_out"):
            return []
        written = [path for path, text in after.items() if self.before.get(path) != text]
        deleted = [path for path in self.before if path not in after]
        changed = self._lost(tests) | self._weakened(after, written) | self._gutted(after, [*written, *deleted])
        changed |= self._aware(after, written)
        reasons = set(explained)
        asked = {test for test in changed if test in self._named and reasons & {test, _bare(test)}}
        replaced = self._replaced(
            {it for it in asked & self.passed if not self._licensed(it, after)}, tests, after, covered
        )
        objected = [
            f"{test} {what}"
            for test, what in sorted(changed.items())
            if test not in asked or not (test in replaced or self._licensed(test, after))
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

    def _weakened(self, after: Mapping[str, str], written: Iterable[str]) -> dict[str, str]:
        """Tests that had passed and now assert less."""
        found = {}
        for path in written:
            if tests := [it for it in self.passed if it.startswith(f"{path}::")] if path in self.before else []:
                old, new = self._counted(path, self.before[path]), self._counted(path, after[path])
                for test in tests:
                    name = _function(test)
                    if name in new and new[name] < old.get(name, 0):
                        found[test] = f"had {old[name]} assertions and has {new[name]} now"
        return found

    def _gutted(self, after: Mapping[str, str], touched: Iterable[str]) -> dict[str, str]:
        """Functions that tests share and that assert less wherever they stand now, if anything speaks of them still."""
        changed = [path for path in touched if path in self.before and _helps(path)]
        if not changed:
            return {}
        shared = [it for path, text in after.items() if _tests(path) for it in assertions(text, tests=False).items()]
        words = {word for path, text in after.items() if _tests(path) for word in re.findall(r"\w+", text)}
        found = {}
        for path in changed:
            for name, count in assertions(self.before[path], tests=False).items():
                now = max((it for same, it in shared if same == name), default=0)
                if now < count and name.rpartition(".")[2] in words:
                    found[f"{path}::{name}"] = f"had {count} assertions and has {now} now"
        return found

    def _aware(self, after: Mapping[str, str], written: Iterable[str]) -> dict[str, str]:
        """Files of the product that do otherwise while they are tested, and did not before."""
        return {
            path: "asks whether it is being tested"
            for path in written
            if path.endswith(".py") and not _tests(path) and _WATCHED.search(after[path])
            if not _WATCHED.search(self.before.get(path, ""))
        }

    def _licensed(self, test: str, after: Mapping[str, str]) -> bool:
        """Whether a text names the test, or its file where that is gone whole."""
        path, name = test.split("::")[0], _function(test).split(".")[-1]
        names = [name] if path in after else [name, path]
        return any(re.search(rf"(?<!\w){re.escape(it)}(?!\w)", text) for it in names if it for text in self.texts)

    def _replaced(
        self, changed: Collection[str], tests: Report, after: Mapping[str, str], covered: Covered
    ) -> set[str]:
        """Of the tests lost or weakened, those that a new one stands in for, the most demanding first."""
        fresh = set(tests.passed) - self.passed
        if not changed or not fresh:
            return set()
        new = sorted(self._strengths(fresh, after).items(), key=lambda it: (it[1], it[0]))
        was, now = covered(self.before, self.passed & set(changed)), covered(after, fresh)
        there = {(path, line.strip()) for path, text in after.items() for line in text.split("\n")} if was else set()
        replaced = set()
        for test, strength in sorted(self._strengths(changed, self.before).items(), key=lambda it: (-it[1], it[0])):
            lines = set(was.get(test, ())) & there
            fit = [it for it in new if it[1] >= strength and (it[0] not in now or lines <= set(now[it[0]]))]
            if fit:
                new.remove(fit[0])
                replaced.add(test)
        return replaced

    def _counted(self, path: str, text: str) -> dict[str, int]:
        """How many things each test of a file asserts: what is executed and can fail."""
        if path.endswith(".py"):
            return assertions(text)
        from .toolchains.strength import assertions as counted

        return counted(path, self.bare(path, text))

    def _strengths(self, tests: Iterable[str], files: Mapping[str, str]) -> dict[str, int]:
        """How many things each of these tests asserts."""
        wanted = list(tests)
        counts = {path: self._counted(path, files.get(path, "")) for path in {test.split("::")[0] for test in wanted}}
        return {test: counts[test.split("::")[0]].get(_function(test), 0) for test in wanted}


def _helps(path: str) -> bool:
    """Whether tests take from a file what they share."""
    parts = PurePosixPath(path)
    shared = parts.name == "conftest.py" or {"test", "tests", "testing"} & set(parts.parts[:-1])
    return path.endswith(".py") and bool(shared) and not is_test(path)


def _tests(path: str) -> bool:
    return path.endswith(".py") and (is_test(path) or _helps(path))


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
