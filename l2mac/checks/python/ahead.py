"""All tests ahead of the completion that will ask for them, where that costs less than to run some now and all then.

After a write only what it can affect is asked for; a completion asks for everything, and often comes next, with the
files as they are. So the whole is run at once, only what was asked for is told, and the rest is kept until then.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from ..report import Report, Scene
from .environment import Environment

_LONGEST = 3.0  # seconds of the whole, above which a write is not made to wait for it


@dataclass(frozen=True, slots=True)
class _Kept:
    """What a run of all tests came to, and what it judged."""

    files: Mapping[str, str]
    environment: Environment
    attempt: str
    looked_at: frozenset[str]
    report: Report


class Ahead:
    """Says when to run everything, and keeps what came of it, for each lane."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._asked = {"some": 2, "all": 1}
        self._took = {"some": 0.0, "all": 0.0}

    def asked(self, scene: Scene) -> None:
        """Count what is asked for."""
        self._asked["some" if scene.changed is not None else "all"] += 1

    def took(self, what: str, seconds: float) -> None:
        """Take note of how long `some` tests took, or `all`."""
        self._took[what] = seconds

    def pays(self) -> bool:
        """Whether as many runs of everything as there are writes to a completion cost less than what they spare."""
        writes = self._asked["some"] / self._asked["all"]
        some, whole = self._took["some"], self._took["all"]
        return 0 < whole < _LONGEST and some > 0 and whole * (writes - 1) < some * writes

    def keep(self, scene: Scene, environment: Environment, report: Report) -> None:
        """Keep what a run of all tests came to."""
        files = dict(scene.files)
        self._kept[str(scene.folder)] = _Kept(files, environment, scene.attempt, scene.traced, report)

    def known(self, scene: Scene, environment: Environment) -> Report | None:
        """What all tests came to on the very same files, in the same attempt; None where that is not known."""
        kept = self._kept.get(str(scene.folder))
        if kept is None or scene.changed is not None or scene.tests is not None:
            return None
        if (kept.attempt, kept.environment) != (scene.attempt, environment) or kept.files != dict(scene.files):
            return None
        if not kept.looked_at.issuperset(test.partition("::")[0] for test in scene.traced):
            return None
        traced = {test: it for test, it in kept.report.traced.items() if scene.traced & {"", *_above(test)} or not test}
        return replace(kept.report, traced=traced if scene.traced else {})


def told(report: Report, files: Collection[str]) -> Report | None:
    """Of a run of everything, what a run of these test files would have said; None where that isn't sure."""
    passed, skipped = (
        tuple(test for test in tests if test.partition("::")[0] in files) for tests in (report.passed, report.skipped)
    )
    if report.outcome != "passed" or not passed:
        return None
    findings = tuple(it for it in report.findings if it.path in files)
    return Report("tests", "passed", findings, passed=passed, skipped=skipped)


def _above(test: str) -> Sequence[str]:
    """A test's id, and what it begins with: its function, class and file."""
    parts = test.partition("[")[0].split("::")
    return [test, *("::".join(parts[: at + 1]) for at in range(len(parts)))]
