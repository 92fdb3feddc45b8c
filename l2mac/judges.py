"""Which checks judge a domain's work: its names and commands become judges here."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .checks.report import Check, Finding, Report, Scene
from .checks.syntax import SyntaxCheck
from .control.state import State
from .domains.book.checks.judge import BookChecks
from .domains.domain import Command, Domain
from .domains.function.tested import Tested
from .excerpt import bounded
from .sandbox.seam import Limits, Sandbox, limit_passed

_ROOM = 8_000  # characters of what a command printed
_SAID = 300
_NOT_FOUND = 127  # of a shell: there is no such command (POSIX, 2.8.2)


class Judges:
    """Several checks as one; their reports in the order of the domain."""

    def __init__(self, checks: Sequence[Check]) -> None:
        self._checks = checks

    def check(self, scene: Scene) -> list[Report]:
        """Ask each."""
        return [report for check in self._checks for report in check.check(scene)]


@dataclass(frozen=True, slots=True)
class CommandCheck:
    """A shell command as a judge: 0 passes, any other exit code fails with what was printed."""

    command: Command
    sandbox: Sandbox
    seconds: float

    def check(self, scene: Scene) -> list[Report]:
        """Run it where a file that it judges is there and, after a write, has changed."""
        name, looked = self.command.name, scene.files if scene.changed is None else scene.changed
        if self.command.files and not fnmatch.filter(looked, self.command.files):
            return [Report(name, "absent")]
        limits = Limits(seconds=self.seconds, keep=2 * _ROOM)
        done = self.sandbox.run(["/bin/sh", "-c", self.command.run], scene.folder, limits=limits)
        printed = bounded(done.output.strip(), _ROOM)
        if done.ended == "not_started" or done.exit == _NOT_FOUND:
            return [Report(name, "unavailable", (), f"`{self.command.run[:100]}` can't be run: {printed[-_SAID:]}")]
        if done.ended == "timed_out":
            return [Report(name, "timed_out", (), f"`{self.command.run[:100]}` did not finish in {self.seconds:g} s")]
        if done.exit == 0:
            return [Report(name, "passed")]
        said = limit_passed(done, limits) or (printed.splitlines() or [f"exit code {done.exit}"])[0]
        return [Report(name, "failed", (Finding("", 0, name, said[:_SAID]),), printed)]


@dataclass(frozen=True, slots=True)
class _Syntax:
    """Whether files parse, alone."""

    syntax: SyntaxCheck

    def check(self, scene: Scene) -> list[Report]:
        return [self.syntax.check(scene.files, scene.changed)]


def judges(domain: Domain, code: Check, sandbox: Sandbox, now: State, *, seconds: float) -> Judges:
    """The judges of a run.

    Args:
        domain: names them.
        code: judges projects, in whatever languages they are written.
        sandbox: where commands run.
        now: the state of the run, which tells what is still to come.
        seconds: the most that one command may take.
    """
    birth = now.birth
    assert birth is not None, "every journal begins with it"
    made: list[Check] = []
    of_books = tuple(it.removeprefix("book.") for it in domain.checks if isinstance(it, str) and it[:5] == "book.")
    for it in domain.checks:
        if isinstance(it, Command):
            made.append(CommandCheck(it, sandbox, seconds))
        elif it == "code":
            made.append(code)
        elif it == "tested":
            made.append(Tested(code))
        elif it == "syntax":
            made.append(_Syntax(SyntaxCheck()))
    if of_books or "book" in domain.checks:
        only = () if "book" in domain.checks else of_books
        templates = tuple(domain.prompts.values())
        made.append(BookChecks(pending=waiting(now), templates=templates, only=only, length=birth.length))
    return Judges(made)


def waiting(now: State) -> Callable[[frozenset[str]], frozenset[str]]:
    """Says which of the chapters that are not there, and which others, instructions to come will write.

    What has no file waits as long as any other instruction is to come, but for what the one in flight says it writes.
    """

    def ahead(unwritten: frozenset[str]) -> frozenset[str]:
        steps = now.program.instructions if now.program else ()
        begun = [it for it in steps if now.status(it) == "begun"]
        left = [it for it in steps if now.status(it) == "waiting"]
        if not begun or not left:
            return frozenset()
        own = {path for it in begun for path in it.files}
        return (unwritten - own) | {path for it in left for path in it.files}

    return ahead
