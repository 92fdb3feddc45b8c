"""What a check found: values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

Outcome = Literal["passed", "failed", "absent", "timed_out", "unavailable"]
"""A check that did not run did not pass: `absent` (nothing to check), `unavailable` (its tool is missing here)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, at one place."""

    path: str
    line: int
    """1-based; 0 when it concerns the whole file."""
    code: str
    """What kind it is: `E0602`, `syntax`, or the id of a test, `tests/test_x.py::test_y`."""
    text: str
    advice: bool = False
    """Shown to the model, but does not stand in the way of completion."""


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock file that the tools made, and that belongs to the project."""

    path: str
    text: str
    manifest: str
    """The file that it follows from; where an instruction writes that, the lock is taken in with it."""


@dataclass(frozen=True, slots=True)
class Traced:
    """Which lines of the project's functions a test executed."""

    lines: Mapping[str, str] = field(default_factory=dict)
    """By path: an integer with a bit for each, in hexadecimal."""
    why: str = ""
    """Why that may not be all; empty where it is."""


@dataclass(frozen=True, slots=True)
class Report:
    """What one check found."""

    check: str
    """`syntax`, `environment`, `lint`, `build`, `tests` or `acceptance`; the name of a toolchain that is missing."""
    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    detail: str = ""
    """What happened when no finding says it: why it is unavailable, what a run printed; of a check that
    passed, what it measured."""
    passed: tuple[str, ...] = ()
    """The ids of the tests that ran and passed."""
    skipped: tuple[str, ...] = ()
    """The ids of the tests that were skipped or are expected to fail."""
    saved: float = 0.0
    """Seconds that were not needed, because the same had been judged before."""
    locks: tuple[Lock, ...] = ()
    """The versions with which the whole was judged, where the project does not say so itself."""
    traced: Mapping[str, Traced] = field(default_factory=dict)
    """Of the tests that were to be looked at, by id; of what was done for all of them, by an empty one."""

    @property
    def failures(self) -> tuple[Finding, ...]:
        """The findings that are not mere advice."""
        return tuple(finding for finding in self.findings if not finding.advice)


@dataclass(frozen=True, slots=True)
class Scene:
    """What a check looks at: the files in flight, laid out in a folder."""

    files: Mapping[str, str]
    folder: Path
    changed: frozenset[str] | None = None
    """The paths written or deleted since the last check; None asks about the whole."""
    tests: tuple[str, ...] | None = None
    """Test files or ids that were asked for by name."""
    attempt: str = ""
    """Whose work it is: results are used again within one attempt only."""
    traced: frozenset[str] = frozenset()
    """The tests of which it is to be known what they execute: ids, or what several ids begin with."""


class Check(Protocol):
    """A judge of files."""

    def check(self, scene: Scene) -> list[Report]:
        """Judge the scene. Never raises for what the files contain."""
