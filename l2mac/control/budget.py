"""The budget: limits on money, tokens, calls and minutes, checked before each call."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from ..errors import BudgetSpent
from ..processor.protocol import Usage

SOFT = 0.8
"""The part of a limit from which on the machine is frugal."""


def allow(
    limits: Mapping[str, float | None],
    usage: Usage,
    calls: int,
    seconds: float,
    worst: Usage,
    reserve: float = 0.0,
) -> None:
    """Pass if one more call may be made.

    Args:
        limits: by name: `cost` in US dollars, `tokens`, `calls`, `minutes`; None is no limit. One on cost binds only
            where the model's price is known.
        usage: what the run has used, over all resumes.
        calls: replies so far.
        seconds: time spent so far.
        worst: the most that the call can use.
        reserve: seconds that the audit will need.

    Raises:
        BudgetSpent: the call could exceed a limit; the text names it and the flag that raises it.
    """
    spent, could = usage.cost or 0.0, worst.cost or 0.0
    checks = (
        ("cost", "US dollars", spent, spent + could, "--max-cost"),
        ("tokens", "tokens", usage.tokens, usage.tokens + worst.tokens, "--max-tokens"),
        ("calls", "calls", calls, calls + 1, "--set budget.calls=N"),
        ("minutes", "minutes", seconds / 60, (seconds + reserve) / 60, "--max-minutes"),
    )
    for name, unit, used, needed, flag in checks:
        limit = limits.get(name)
        if limit is not None and needed > limit:
            raise BudgetSpent(
                f"the budget of {limit:,.12g} {unit} does not allow another call "
                f"({round(used, 2):,.12g} used); raise it: {flag}"
            )


def nearest(limits: Mapping[str, float | None], usage: Usage, calls: int, seconds: float) -> tuple[float, str]:
    """The largest part that is used of any limit, and that limit's name; the arguments are those of `allow`."""
    used = {"cost": usage.cost or 0.0, "tokens": usage.tokens, "calls": calls, "minutes": seconds / 60}
    return max(((used[name] / limit, name) for name in used if (limit := limits.get(name))), default=(0.0, ""))


def left(limits: Mapping[str, float | None], seconds: float) -> float | None:
    """The seconds that are left of the budget of minutes; None where there is no limit."""
    minutes = limits.get("minutes")
    return None if minutes is None else max(0.0, minutes * 60 - seconds)


class Purse:
    """What calls in flight may use at the worst, shared by all lanes: together they fit the budget."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._flying: list[Usage] = []

    @contextmanager
    def call(self, worst: Usage, allow: Callable[[Usage, int], None]) -> Iterator[None]:
        """Hold a call's worst case until what it did use is known; wait for others where both would not fit.

        Args:
            worst: the most that the call can use.
            allow: passes if so much may be used, by it and so many calls in flight beside it.

        Raises:
            BudgetSpent: as `allow` raised it, with no other call in flight.
        """
        with self._changed:
            while not self._fits(worst, allow):
                self._changed.wait()
            self._flying.append(worst)
        try:
            yield
        finally:
            with self._changed:
                self._flying.remove(worst)
                self._changed.notify_all()

    def _fits(self, worst: Usage, allow: Callable[[Usage, int], None]) -> bool:
        together = worst
        for it in self._flying:
            together = replace(together + it, cost=(together.cost or 0.0) + (it.cost or 0.0))
        try:
            allow(together, len(self._flying))
        except BudgetSpent:
            if not self._flying:
                raise
            return False
        return True
