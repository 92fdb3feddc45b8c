"""What the control unit writes into the journal: a value for each kind of event."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from ..checks.report import Report
from ..domains.domain import Domain, load
from ..domains.length import ANY, Length
from ..processor.protocol import Reply
from ..program.values import Patch, Program
from ..tools.instruction_set import Evidence, TestChange

Outcome = Literal["complete", "partial", "budget"]

Addresses = dict[str, str | None]
"""Path to the address of its new text in the journal, or to None where the file is deleted."""


@dataclass(frozen=True, slots=True)
class Birth:
    """What fixes the meaning of a run; it never changes."""

    prompt: str
    name: str
    domain: str
    steps: int
    """How many instructions the program may have."""
    tests: bool
    version: str
    branch: str
    parent: str = ""
    """The commit that the run began on; empty where there was none."""
    given: Program | None = None
    """The program that the user brought; None where it is to be compiled."""
    brought: Domain | None = None
    """The domain that the user brought, prompts and all; None where it is one of the machine's own."""
    length: Length = ANY
    """How long the user wants it."""
    reflect: int = 0
    """Times that the plan is criticised."""
    plans: int = 1
    """Plans that are made, of which one is chosen."""

    @property
    def measured(self) -> bool:
        """Whether its length is told in words, and not in lines of code."""
        return (self.brought or load(self.domain)).measured

    @property
    def task(self) -> str:
        """The prompt, and below it the length that was asked for."""
        return "\n\n".join(filter(None, (self.prompt, self.length.sentence)))


@dataclass(frozen=True, slots=True)
class Setting:
    """What may differ each time a run is taken up again. Names only, never the value of a key."""

    processor: str
    model: str
    sandbox: str
    limits: dict[str, float | None] = field(default_factory=dict)
    llm: dict[str, Any] = field(default_factory=dict)
    """The other settings of the processor, so that a resume need not name them again."""
    machine: dict[str, Any] = field(default_factory=dict)
    """What else decides how a run goes, so that a replay goes the same way."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call of the processor."""

    digest: str
    """The digest of the request; the request itself can be assembled again."""
    counted: int
    """The tokens of the request as the machine counted them."""
    reported: int
    """The prompt tokens that the provider reported; 0 where it reports none and the usage is our own count."""
    reply: Reply
    prefix: int | None = None
    """The tokens of the request, counted as above, that began an earlier one too; None where not measured."""
    why: str = ""
    """Why they are less than the request before it in its window; empty where they are not."""
    marks: tuple[str, ...] = ()
    """The marks of its beginnings that no request had before (see `control.prefix`)."""


@dataclass(frozen=True, slots=True)
class Began:
    """An instruction was begun on a snapshot."""

    base: str
    """The trunk's newest commit; empty before the first."""


@dataclass(frozen=True, slots=True)
class Adopted:
    """Files that the user wrote, changed or deleted, taken into the trunk."""

    change: Addresses
    kept: tuple[str, ...]
    commit: str
    """The user's own newest commit, on which the machine's next one stands."""
    loose: tuple[str, ...] = ()
    """The changed paths that no commit of the user's holds."""
    sent: bool = False
    """Whether they came as an order, and are still to be laid out."""


@dataclass(frozen=True, slots=True)
class Undone:
    """The run went back to an earlier state; what came after that is history."""

    to: str
    """The instruction after which it goes on."""
    change: Addresses
    """What brings the trunk there."""
    program: Program
    retired: tuple[str, ...]
    """The instructions that stay done."""
    dropped: tuple[str, ...]
    """Those that do not."""
    kept: tuple[str, ...] = ()
    """Files that stay as the user has them although they hold what was undone, or stand in its way."""
    reports: tuple[Report, ...] = ()
    """What the checks said of that state."""


@dataclass(frozen=True, slots=True)
class Forked:
    """The run begins as a copy of another."""

    name: str
    """What it is called."""
    origin: str
    """What the other is called."""
    at: str
    """The instruction after which they part."""


@dataclass(frozen=True, slots=True)
class Retired:
    """An instruction is done: what it changed, and why it counts as done."""

    summary: str
    change: Addresses
    evidence: tuple[Evidence, ...] = ()
    test_changes: tuple[TestChange, ...] = ()
    waived: tuple[str, ...] = ()
    """Lint findings that were taken as advice after being refused twice while all tests passed."""
    unverified: tuple[str, ...] = ()
    """What could not be checked here, and the line that would make it possible."""
    patch: Patch | None = None
    """What it changes of the program."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Reports in numbers."""

    tests: str = "not run"
    """The outcome of the tests."""
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    errors: int = 0
    """Findings that are no mere advice, but for those of tests and environment."""

    @classmethod
    def of(cls, reports: Iterable[Report]) -> Tally:
        """Count what reports found."""
        reports = list(reports)
        errors = sum(len(report.failures) for report in reports if report.check not in ("tests", "environment"))
        for report in reports:
            if report.check == "tests":
                failed = len({finding.code for finding in report.failures})
                return cls(report.outcome, len(report.passed), failed, len(report.skipped), errors)
        return cls(errors=errors)


@dataclass(frozen=True, slots=True)
class Command:
    """What a command printed and changed."""

    text: str
    """How it ended, and what it changed."""
    change: dict[str, str | None]
    output: str = ""
    """What it printed."""

    @property
    def whole(self) -> str:
        """Both, one below the other."""
        return f"{self.text}\n{self.output}".rstrip("\n")


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of evidence, as the machine found it."""

    place: str
    """`file:line`"""
    test: str
    outcome: str
    """What came of the test, and what is known of what it executes; or why the piece shows nothing."""
    holds: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """Whether one requirement is met, by what."""

    requirement: str
    met: bool
    by: str
    """The place and test that show it, or why nothing does."""
    pieces: tuple[Piece, ...] = ()
    unverifiable: bool = False
    """Whether that can't be shown here; `by` says why."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How the run ended."""

    outcome: Outcome
    reasons: tuple[str, ...] = ()
    """Why it is not complete, each as one line."""
    reports: tuple[Report, ...] = ()
    shown: tuple[Shown, ...] = ()
    tolerated: tuple[str, ...] = ()
    """What failed before the run and still does."""

    @property
    def exit_code(self) -> int:
        return {"complete": 0, "partial": 4, "budget": 5}[self.outcome]
