"""The ladder: what is tried, in order, when an instruction does not get on."""

from __future__ import annotations

from dataclasses import dataclass

RUNGS = ("focus", "fresh", "stronger", "over")
"""`focus` shows what fails again, alone; `fresh` goes on in a new window, `stronger` with a stronger model; after
`over` the instruction is split, where that is allowed, or blocked."""

FRUGAL = ("focus", "over")
"""Those that are left when the budget is nearly spent: the others ask for more than they may bring."""


@dataclass(slots=True)
class Ladder:
    """Says, turn by turn, whether to go on or to climb.

    Its measure is the pair (rungs left, turns left): each turn lowers the second, each climb the first, and neither
    ever rises. So every instruction ends.

    Args:
        turns: replies that the instruction may use altogether.
        patience: turns without progress before the next rung.
    """

    turns: int
    patience: int = 6
    rungs: tuple[str, ...] = RUNGS
    _idle: int = 0
    _fewest: int | None = None

    def turn(self) -> bool:
        """Use up one turn; False when none is left."""
        self.turns -= 1
        return self.turns >= 0

    def saw(self, failing: int | None, *, moved: bool = False) -> str | None:
        """Take note of how a turn went; return the rung to climb, or None to go on.

        Args:
            failing: how many findings stood in the way; None when the turn ran no check. Fewer than ever since
                there last were none, and none at all, is progress.
            moved: whether it got on in a way that no check measures.
        """
        if failing is not None and (self._fewest is None or failing < self._fewest):
            self._fewest, moved = failing or None, True
        if moved:
            self._idle = 0
            return None
        self._idle += 1
        if self._idle < self.patience:
            return None
        rung, *left = self.rungs or ("over",)
        self.rungs, self._idle = tuple(left), 0
        return rung
