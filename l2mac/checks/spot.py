"""What a spot check of tests finds: whether one of them fails when a line that they execute is broken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from .report import Scene


@dataclass(frozen=True, slots=True)
class Mutants:
    """How many broken lines the tests noticed."""

    noticed: int = 0
    unnoticed: tuple[str, ...] = ()
    """The lines that no test noticed, and how each was broken."""
    why: str = ""
    """Why none was broken, where that is so."""

    @property
    def tried(self) -> int:
        return self.noticed + len(self.unnoticed)

    @property
    def gist(self) -> str:
        """In a few words."""
        return f"{self.noticed} of {self.tried} broken lines noticed" if self.tried else self.why


class SpotCheck(Protocol):
    """Breaks lines and sees whether tests notice."""

    def check(self, scene: Scene, before: Mapping[str, str], seed: str) -> Mutants:
        """Break lines of the scene's files that differ from those before. Never raises for what the files contain."""
