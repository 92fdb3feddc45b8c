"""The seam behind which generated code runs. The isolation ladder fills it rung by rung."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

Excess = Literal[
    "timed_out", "too_much_output", "too_many_processes", "too_much_cpu", "too_much_memory", "too_much_disk",
    "too_many_files",
]  # fmt: skip
"""The limit that was passed."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one command may use, together with everything that it starts."""

    seconds: float = 120.0
    """Wall clock."""
    output: int = 2_000_000
    """Bytes printed before the command is killed."""
    keep: int = 16_000
    """Bytes of output kept: half from the head, half from the tail."""
    processes: int = 256
    """Processes and threads alive at once."""
    cpu: float = 600.0
    """Seconds of processor time."""
    memory: int = 4_000_000_000
    """Bytes of memory; also the most that one process may set aside for its data."""
    disk: int = 1_000_000_000
    """Bytes in files newly written in the folder and the scratch folder."""
    files: int = 50_000
    """Files newly written there."""
    file_size: int = 1 << 30
    """Bytes in one file."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one command ended."""

    ended: Literal["exited", "not_started"] | Excess
    exit: int | None
    """The exit code, negative for a signal (some rungs: 128 + its number); None unless `ended` is `exited`."""
    output: str
    """What it printed, standard output and error together; where it was cut, a line in place says how much."""
    seconds: float = 0.0
    cpu: float = 0.0
    """Seconds of processor time used."""
    memory: int = 0
    """The most bytes of memory seen in use at once; what processes share may be counted for each of them."""
    disk: int = 0
    """Bytes newly written, as far as they were seen."""
    sockets: bool = True
    """False: this rung gives no sockets, not even to talk to oneself."""


_EXCESS: Mapping[str, str] = {
    "timed_out": "did not finish within {0.seconds:g} s",
    "too_much_output": "printed more than {0.output:,} bytes",
    "too_many_processes": "had more than {0.processes:,} processes and threads at once",
    "too_much_cpu": "used more than {0.cpu:g} s of processor time",
    "too_much_memory": "used more than {0.memory:,} bytes of memory",
    "too_much_disk": "wrote more than {0.disk:,} bytes to disk",
    "too_many_files": "wrote more than {0.files:,} files",
}


def limit_passed(outcome: Outcome, limits: Limits) -> str:
    """The limit that ended a command, in words that follow its name ("used more than …"); empty if none did."""
    return _EXCESS.get(outcome.ended, "").format(limits)


def limit_met(text: str, outcome: Outcome, limits: Limits) -> str:
    """The limit that an error in a command's output or traceback most likely comes from; empty if it looks like none.

    Refused calls fail with EPERM, and a rung without sockets refuses `socket`; the rest is what rlimits do.
    """
    refused = r"\[Errno 1\] (?s:.*)socket|socket(?s:.*)\[Errno 1\] |\bEAI_AGAIN\b|socket: operation not permitted"
    if not outcome.sockets and re.search(refused, text):
        return "there are no sockets in this sandbox, not even on localhost"
    if re.search(r"\bMemoryError\b|Cannot allocate memory", text):
        return f"there are {limits.memory:,} bytes of memory"
    if "[Errno 27] " in text:
        return f"a file may have {limits.file_size:,} bytes"
    return ""


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


class Parent(Protocol):
    """A command that waits in a sandbox and forks for each order, so that what it has loaded is loaded once.

    What a fork is given, is bounded by and leaves behind is as for a command of its own; only what its parent has
    loaded is there before. It is for parents that run nothing of the project's themselves. One order at a time.
    """

    ended: bool
    """It is gone, by its own doing or because an order spoilt it."""

    def ready(self, seconds: float) -> bool:
        """Whether it waits for orders; whoever asks waits for that, but not longer than so many seconds."""

    def ask(self, words: Sequence[str], limits: Limits) -> Outcome | None:
        """Have a fork do what some words say; None: the parent was lost, and it was not done, or not to its end."""

    def close(self) -> None:
        """End it, with everything it has started."""


@runtime_checkable
class Nursery(Sandbox, Protocol):
    """A sandbox in which parents can wait."""

    def start(
        self,
        command: Sequence[str],
        folder: Path,
        *,
        limits: Limits = Limits(),
        variables: Mapping[str, str] | None = None,
        readable: Sequence[Path] = (),
    ) -> Parent | None:
        """Start a command that waits (see `checks/python/waiting`); arguments as for `run`. None where it can't."""
