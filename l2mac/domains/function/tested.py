"""The check of a function: its project is judged as any other, and a test must have been run."""

from __future__ import annotations

from dataclasses import dataclass

from ...checks.report import Check, Finding, Report, Scene

_NONE = "no test was run: write tests where the language's test runner finds them, beside the manifest of the language"


@dataclass(frozen=True, slots=True)
class Tested:
    """The judges of projects, and of the whole it is wanted that a test passes: without one nothing was shown."""

    code: Check

    def check(self, scene: Scene) -> list[Report]:
        """What they say; where nothing fails or is unavailable and no test was run, that is a failure."""
        reports = self.code.check(scene)
        known = any(it.passed or it.outcome in ("failed", "timed_out", "unavailable") for it in reports)
        if scene.changed is not None or known:
            return reports
        return [
            *(it for it in reports if it.check != "tests"),
            Report("tests", "failed", (Finding("", 0, "tests", _NONE),)),
        ]
