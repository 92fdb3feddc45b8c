"""Everything that judges a project in whatever languages it is written: Python's checks and every toolchain's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from .python.checks import PythonChecks
from .report import Outcome, Report, Scene
from .toolchains.checks import ToolchainChecks
from .toolchains.checks import artefacts as of_toolchains
from .toolchains.projects import PLAIN, suffix

_WORST: Final[Sequence[Outcome]] = ("failed", "timed_out", "passed", "absent")


class ProjectChecks:
    """Asks Python's checks and the toolchains' and joins what they say; a `Check`.

    A tree without sources of other languages is judged as Python's checks alone judge it.

    Args:
        python: judges Python, JSON and TOML.
        toolchains: judges everything else.
    """

    def __init__(self, python: PythonChecks, toolchains: ToolchainChecks) -> None:
        self._python = python
        self._toolchains = toolchains

    def ahead(self, path: str, text: str) -> None:
        """Look at a file that is about to be written, as far as that can be done before it is."""
        self._python.ahead(path, text)

    def check(self, scene: Scene) -> list[Report]:
        """Judge the scene; of each name there is one report, but for what is unavailable."""
        if not foreign(scene.files):
            return self._python.check(scene)
        ours, others = scene, scene
        if scene.tests is not None:
            python = tuple(test for test in scene.tests if _python(test, scene.files))
            ours = replace(scene, tests=python)
            others = replace(scene, tests=tuple(test for test in scene.tests if test not in python))
        return joined([*self._python.check(ours), *self._toolchains.check(others)])


def artefacts() -> tuple[str, ...]:
    """Patterns, as in a .gitignore, of what the tools of every language leave behind."""
    return tuple(dict.fromkeys((*PythonChecks.artefacts, *of_toolchains())))


def foreign(files: Mapping[str, str]) -> bool:
    """Whether there are files that a toolchain might judge."""
    return any(suffix(path) not in PLAIN for path in files)


def joined(reports: Iterable[Report]) -> list[Report]:
    """One report of each name, as bad as its worst; what is unavailable stays a report of its own."""
    order: dict[str, list[Report]] = {}
    alone: list[Report] = []
    for report in reports:
        if report.outcome == "unavailable":
            alone.append(report)
        else:
            order.setdefault(report.check, []).append(report)
    return [*(_one(same) for same in order.values()), *alone]


def _one(reports: Sequence[Report]) -> Report:
    if len(reports) == 1:
        return reports[0]
    outcome = min((it.outcome for it in reports), key=_WORST.index)
    bad = [it for it in reports if it.outcome in ("failed", "timed_out")]
    details = [it.detail for it in bad or reports if it.detail] if outcome != "passed" else []
    return Report(
        reports[0].check,
        outcome,
        tuple(finding for it in reports for finding in it.findings),
        "\n\n".join(dict.fromkeys(details)),
        tuple(sorted({test for it in reports for test in it.passed})),
        tuple(sorted({test for it in reports for test in it.skipped})),
        sum(it.saved for it in reports),
        tuple(lock for it in reports for lock in it.locks),
        {test: lines for it in reports for test, lines in it.traced.items()},
    )


def _python(test: str, files: Mapping[str, str]) -> bool:
    """Whether Python's checks are asked for a test: a Python file, or a folder with one."""
    path = test.partition("::")[0].rstrip("/")
    if path in files:
        return path.endswith(".py")
    below = [it for it in files if it.startswith(f"{path}/")]
    return any(it.endswith(".py") for it in below) or not below
