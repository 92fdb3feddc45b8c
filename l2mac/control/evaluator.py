"""Runs checks and commands on work in flight, each as a recorded step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from ..checks.report import Check, Report, Scene
from ..memory.journal import Journal
from ..memory.lane import Lane
from ..memory.snapshot import Snapshot, Transaction
from ..sandbox.seam import Limits, Sandbox, limit_met, limit_passed
from .records import Command

_KEPT = 64_000  # bytes of what a command prints
_NAMED = 6  # checks that are named though they passed

Surroundings = Callable[[Mapping[str, str]], tuple[Mapping[str, str], Sequence[Path]]]


class Evaluator:
    """The bench on which work is judged.

    Args:
        journal: records what the checks say.
        lane: the folder in which they run.
        checks: the judges.
        sandbox: where commands run.
        kept_in: the folder that holds the files which are no text.
        surroundings: gives the environment variables of a command and the folders it may read, for some files.
    """

    def __init__(
        self,
        journal: Journal,
        lane: Lane,
        checks: Check,
        sandbox: Sandbox,
        kept_in: Path,
        surroundings: Surroundings = lambda files: ({}, ()),
    ) -> None:
        self._journal = journal
        self._lane = lane
        self._checks = checks
        self._sandbox = sandbox
        self._kept_in = kept_in
        self._surroundings = surroundings

    def check(
        self,
        place: str,
        files: Snapshot,
        changed: frozenset[str] | None,
        tests: tuple[str, ...] | None = None,
        kind: str = "checks",
    ) -> list[Report]:
        """Judge files; `changed` None judges the whole.

        Args:
            place: where the step stands in the journal.
            files: the state to judge.
            changed: what was written since the last time.
            tests: the tests asked for by name; None for those that the change can affect.
            kind: the event's kind.
        """

        def work() -> list[Report]:
            self._lane.lay_out(files, self._kept_in)
            attempt = "/".join([str(self._journal.epoch), *place.split("/")[:2]])
            return self._checks.check(Scene(files, self._lane.folder, changed, tests, attempt))

        return self._journal.step(place, kind, list[Report], work, gist)

    def locks(self, work: Transaction, reports: Iterable[Report]) -> dict[str, str | None]:
        """The lock files that belong to the work: those that it holds, in step, and those of manifests it wrote."""
        found = [lock for report in reports for lock in report.locks]
        return {
            it.path: it.text
            for it in found
            if it.path in work.files or (it.manifest in work.change and not self._lane.ignores(work.snapshot, it.path))
        }

    def note(self, place: str, kind: str, lines: list[str]) -> None:
        """Record what was found beside the reports."""
        self._journal.record(place, kind, lines, "; ".join(lines))

    def command(self, place: str, transaction: Transaction, command: str) -> Command:
        """Run a shell command on the transaction's files and take in what it changed."""
        files = transaction.snapshot

        def work() -> Command:
            self._lane.lay_out(files, self._kept_in)
            variables, readable = self._surroundings(files)
            limits = Limits(keep=_KEPT)
            outcome = self._sandbox.run(
                ["/bin/sh", "-c", command],
                self._lane.folder,
                limits=limits,
                variables=variables,
                readable=readable,
            )
            if outcome.ended != "exited":
                passed = limit_passed(outcome, limits)
                why = f"sandbox limit: it {passed}" if passed else outcome.ended.replace("_", " ")
                return Command(f"error: the command was stopped ({why}) and its changes dropped", {}, outcome.output)
            change, refused = self._lane.harvest(files)
            listed = [f"{'deleted' if text is None else 'wrote'} {path}" for path, text in sorted(change.items())]
            note = limit_met(outcome.output, outcome, limits) if outcome.exit else ""
            told = ["ok", f"exit code {outcome.exit}", *([f"sandbox limit: {note}"] if note else []), *listed, *refused]
            return Command("\n".join(told), dict(change), outcome.output)

        def gist(done: Command) -> str:
            return f"{command}: {' '.join(f'{done.text} {done.output}'.split()[:12])}"

        done = self._journal.step(place, "command", Command, work, gist)
        transaction.adopt(done.change)
        return done


def gist(reports: list[Report]) -> str:
    """What reports say in a few words, for the journal."""
    told = [report for report in reports if len(reports) <= _NAMED or report.outcome not in ("passed", "absent")]
    parts = [f"{report.check} {_outcome(report)}" for report in told]
    if passed := sum(report.outcome == "passed" for report in reports if report not in told):
        parts.append(f"{passed} checks passed")
    return ", ".join(parts) or "nothing to check"


def _outcome(report: Report) -> str:
    failed = {finding.code if report.check == "tests" else finding.path for finding in report.failures}
    return f"{report.outcome} ({', '.join(sorted(failed)[:3])})" if failed else report.outcome


def proven(reports: Iterable[Report]) -> frozenset[str] | None:
    """The ids of the tests that passed; None where tests are off or can't run here, so that nothing is known of any."""
    ran = [report for report in reports if report.check == "tests" and report.outcome != "unavailable"]
    return passed_tests(ran) if ran else None


def passed_tests(reports: Iterable[Report]) -> frozenset[str]:
    """The ids of the tests that passed."""
    return frozenset(test for report in reports for test in report.passed)
