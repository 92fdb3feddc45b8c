"""What a case of the table holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from l2mac.processor.protocol import Reply
from l2mac.testing import Failure


@dataclass(frozen=True, kw_only=True)
class Case:
    """One thing that a user, a provider or the surroundings do wrong, and what the user sees of it.

    In what is said, `…` stands for the folder in which the command is given, `~` for the user's home, PORT for a port
    and N for a number of seconds.
    """

    id: str
    says: str
    """All that stands on standard error but progress; the first line without its `l2mac: `."""
    code: int = 2
    arguments: tuple[str, ...] = ()
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    """What lies in the folder in which the command is given."""
    home: str | None = None
    """The settings in ~/.l2mac/config.yaml."""
    variables: Mapping[str, str] = field(default_factory=dict)
    run: str = ""
    """A run that is there as workspace/run: `done`, or `planned` only."""
    spoil: Callable[[Any], Any] | None = None
    """Does something to the yard before."""
    makes: tuple[str, ...] = ()
    """What may be new, or other, below that folder."""
    prints: str = ""
    """What stands on standard output, where that matters."""
    resumes: str = ""
    """The run that goes on afterwards, when all is well again."""
    how: Callable[[Any, Case], Any] | None = None
    """Gives the command in a way of its own; is handed the yard and this case."""

    @property
    def line(self) -> str:
        """The command, as the user types it."""
        variables = [f"{name}={quoted(text)}" for name, text in self.variables.items()]
        return " ".join([*variables, "l2mac", *map(quoted, self.arguments)])


@dataclass(frozen=True, kw_only=True)
class Provided(Case):
    """What a provider does to a run; afterwards it is well, and the run is resumed."""

    answers: tuple[Reply | Failure, ...] = ()
    """What it answers first, before the replies of a small job."""
    llm: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the first try that are not as they must be."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a model does wrong in one reply; the next one is right."""

    id: str
    reply: Reply
    says: tuple[str, ...]
    """The first line of each result."""
    planning: bool = False
    """It does so while it plans."""


def quoted(text: str) -> str:
    """A word as it stands on a command line; shortened where it is long."""
    short = text if len(text) <= 60 else f"{text[:40]}…"
    plain = text and all(letter.isalnum() or letter in "-_./:=[]" for letter in text)
    return short if plain else "$" + repr(short) if set(text) & set("\n\t\x01") else f'"{short}"'
