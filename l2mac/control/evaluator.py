"""Runs checks and commands on work in flight, each as a recorded step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from ..checks.report import Check, Finding, Report, Scene
from ..checks.spot import Mutants, SpotCheck
from ..excerpt import bounded
from ..memory.journal import Journal
from ..memory.lane import Lane
from ..memory.snapshot import Snapshot, Transaction
from ..sandbox.seam import Limits, Outcome, Sandbox, limit_met, limit_passed
from .records import Command

_KEPT = 64_000  # bytes of what a command prints
_SHOWN = 4_000  # characters of what an acceptance command printed
_NOT_FOUND = 127  # of a shell: there is no such command (POSIX, 2.8.2)
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
        spot: breaks lines to see whether tests notice; None where that is not wanted.
    """

    def __init__(
        self,
        journal: Journal,
        lane: Lane,
        checks: Check,
        sandbox: Sandbox,
        kept_in: Path,
        surroundings: Surroundings = lambda files: ({}, ()),
        spot: SpotCheck | None = None,
    ) -> None:
        self._journal = journal
        self._lane = lane
        self._checks = checks
        self._sandbox = sandbox
        self._kept_in = kept_in
        self._surroundings = surroundings
        self._spot = spot

    def check(
        self,
        place: str,
        files: Snapshot,
        changed: frozenset[str] | None,
        tests: tuple[str, ...] | None = None,
        kind: str = "checks",
        traced: frozenset[str] = frozenset(),
        acceptance: Sequence[str] = (),
    ) -> list[Report]:
        """Judge files; `changed` None judges the whole.

        Args:
            place: where the step stands in the journal.
            files: the state to judge.
            changed: what was written since the last time.
            tests: the tests asked for by name; None for those that the change can affect.
            kind: the event's kind.
            traced: the tests of which it is to be known what they execute.
            acceptance: commands that must end well, run where no check fails.
        """

        def work() -> list[Report]:
            self._lane.lay_out(files, self._kept_in)
            attempt = "/".join([str(self._journal.epoch), *place.split("/")[:2]])
            reports = self._checks.check(Scene(files, self._lane.folder, changed, tests, attempt, traced))
            sound = not any(it.outcome in ("failed", "timed_out") for it in reports)
            return [*reports, self._accepted(files, acceptance)] if acceptance and sound else reports

        return self._journal.step(place, kind, list[Report], work, gist, redoable=True)

    def locks(self, work: Transaction, reports: Iterable[Report]) -> dict[str, str | None]:
        """The lock files that belong to the work: those that it holds, in step, and those of manifests it wrote."""
        found = [lock for report in reports for lock in report.locks]
        return {
            it.path: it.text
            for it in found
            if it.path in work.files or (it.manifest in work.change and not self._lane.ignores(work.snapshot, it.path))
        }

    def _accepted(self, files: Snapshot, commands: Sequence[str]) -> Report:
        """The report `acceptance`: exit code 0 is good; a command that is not found here could not be run."""
        failed, missing, printed = [], [], []
        for command in commands:
            done = self._shell(files, command)
            said = limit_passed(done, Limits(keep=_KEPT)) or f"exit code {done.exit}"
            lines = [it for it in done.output.splitlines() if it.strip()]
            if done.exit == _NOT_FOUND or done.ended == "not_started":
                missing.append(f"`{command[:200]}` can't be run here: {lines[-1] if lines else done.ended}")
            elif done.ended != "exited" or done.exit:
                failed.append(Finding("", 0, "acceptance", f"`{command[:200]}`: {said}"))
                printed.append(f"$ {command}\n{bounded(done.output.strip(), _SHOWN)}")
        if failed:
            return Report("acceptance", "failed", tuple(failed), "\n\n".join(printed))
        return Report("acceptance", "unavailable" if missing else "passed", detail="; ".join(missing))

    def _shell(self, files: Snapshot, command: str) -> Outcome:
        self._lane.lay_out(files, self._kept_in)
        variables, readable = self._surroundings(files)
        where = self._lane.folder
        words = ["/bin/sh", "-c", command]
        return self._sandbox.run(words, where, limits=Limits(keep=_KEPT), variables=variables, readable=readable)

    def broken(self, place: str, files: Snapshot, before: Mapping[str, str]) -> Mutants:
        """Break some lines that differ from those before, and see whether tests notice."""
        spot = self._spot
        if spot is None:
            return Mutants()

        def work() -> Mutants:
            self._lane.lay_out(files, self._kept_in)
            return spot.check(Scene(files, self._lane.folder), before, f"{self._journal.epoch}/{place}")

        return self._journal.step(place, "mutation", Mutants, work, lambda found: found.gist, redoable=True)

    def note(self, place: str, kind: str, lines: list[str]) -> None:
        """Record what was found beside the reports."""
        self._journal.record(place, kind, lines, "; ".join(lines))

    def command(self, place: str, transaction: Transaction, command: str) -> Command:
        """Run a shell command on the transaction's files and take in what it changed."""
        files = transaction.snapshot

        def work() -> Command:
            outcome, limits = self._shell(files, command), Limits(keep=_KEPT)
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


def passed_tests(reports: Iterable[Report]) -> frozenset[str]:
    """The ids of the tests that passed."""
    return frozenset(test for report in reports for test in report.passed)
