"""A rung of the ladder: one way to enclose a command. All share how it is run, limited, watched and cleared away."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from .parent import WarmParent
from .places import interpreter, outermost, real
from .seam import Limits, Outcome
from .supervise import Confinement, supervise
from .surroundings import environment, scratch_folder

DEFAULT: Final = Limits()


@dataclass(frozen=True, slots=True)
class Job:
    """A command that is about to be run."""

    command: Sequence[str]
    folder: Path
    """The one it may write to, without links in its path."""
    scratch: Path
    """The other one, made for it alone."""
    readable: Sequence[Path]
    """What else it must be able to read, beside the system."""
    limits: Limits
    variables: Mapping[str, str]
    """Its environment."""
    afterwards: ExitStack
    """What is done when it has ended, however it did."""


Enclose = Callable[[Job], tuple[list[str], Confinement]]
"""Turns a job into the command that is really run, and what the guard does to it; raises OSError where it can't."""


class Rung:
    """A sandbox; see `Sandbox`. Safe to use from several threads at once.

    Args:
        name: of the rung.
        enclose: how it isolates.
        sockets: whether commands may have sockets in it.
        parents: whether commands can wait in it: in namespaces of their own (`alone`), or in ours (`among`).
    """

    def __init__(
        self, name: str, enclose: Enclose, *, sockets: bool = True, parents: Literal["alone", "among", ""] = ""
    ) -> None:
        self.name = name
        self._enclose = enclose
        self._sockets = sockets
        self._parents = parents

    def run(
        self,
        command: Sequence[str],
        folder: Path,
        *,
        limits: Limits = DEFAULT,
        variables: Mapping[str, str] | None = None,
        readable: Sequence[Path] = (),
    ) -> Outcome:
        """Run a command in a folder; see `Sandbox.run`."""
        if not command:
            return Outcome("not_started", None, "cannot run: the command is empty")
        try:
            with ExitStack() as held:
                job = self._job(command, folder, limits, variables, readable, held)
                argv, how = self._enclose(job)
                outcome = supervise(argv, job.folder, job.variables, limits, how)
        except OSError as error:
            return Outcome("not_started", None, f"cannot run {command[0]!r}: {' '.join(str(error).split())}")
        if outcome.ended == "not_started" and outcome.output.startswith("bwrap: "):
            # Its own words: about the command, "execvp NAME: WHY", or about what it can't set up.
            said = outcome.output.removeprefix("bwrap: ")
            why = said.rpartition(": ")[2] if said.startswith("execvp") else said
            outcome = replace(outcome, output=f"cannot run {command[0]!r}: {why}")
        return replace(outcome, sockets=self._sockets)

    def start(
        self,
        command: Sequence[str],
        folder: Path,
        *,
        limits: Limits = DEFAULT,
        variables: Mapping[str, str] | None = None,
        readable: Sequence[Path] = (),
    ) -> WarmParent | None:
        """Start a command that waits; see `Nursery.start`."""
        if not self._parents or sys.platform != "linux":
            return None
        with ExitStack() as held:
            try:
                job = self._job([*command, self._parents], folder, limits, variables, readable, held)
                argv, how = self._enclose(job)
                return WarmParent(argv, job, how, self._sockets, held.pop_all())
            except OSError:
                return None

    @staticmethod
    def _job(
        command: Sequence[str],
        folder: Path,
        limits: Limits,
        variables: Mapping[str, str] | None,
        readable: Sequence[Path],
        held: ExitStack,
    ) -> Job:
        home, shown = real(folder), outermost([*interpreter(), *readable])
        scratch = held.enter_context(scratch_folder())
        return Job(command, home, scratch, shown, limits, environment(home, scratch, variables), held)
