"""The seam behind which generated code runs. The isolation ladder fills it rung by rung."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Limits:
    """What one command may use."""

    seconds: float = 120.0
    """Wall clock."""
    output: int = 2_000_000
    """Bytes printed before the command is killed."""
    keep: int = 16_000
    """Bytes of output kept: half from the head, half from the tail."""
    processes: int = 256
    """Processes and threads alive at once."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one command ended."""

    ended: Literal["exited", "timed_out", "too_much_output", "too_many_processes", "not_started"]
    exit: int | None
    """The exit code, negative for a signal; None unless `ended` is `exited`."""
    output: str
    """What it printed, standard output and error together; where it was cut, a line in place says how much."""
    seconds: float = 0.0


class Sandbox(Protocol):
    """A place to run code that nobody has read."""

    name: str
    """The rung: `none`, `landlock`, `bubblewrap` …; shown wherever the machine reports on itself."""

    def run(
        self,
        command: Sequence[str],
        folder: Path,
        *,
        limits: Limits = Limits(),
        variables: Mapping[str, str] | None = None,
        readable: Sequence[Path] = (),
    ) -> Outcome:
        """Run a command in a folder, the only one it may write to.

        Args:
            command: program and arguments; no shell is involved.
            folder: the working folder, and the value of HOME.
            limits: what it may use before it is killed with everything it started.
            variables: environment variables to set beside the few that are passed on.
            readable: further paths that it must be able to read.
        """
