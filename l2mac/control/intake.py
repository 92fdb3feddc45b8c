"""What enters a running machine from outside: orders of the user."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Any

from pydantic import BaseModel

from ..memory.journal import Journal
from ..memory.orders import AT_TURN_ENDS, OrderBox, Pause, Resume, Stop

_LOOK = 0.3  # seconds between looks while the run is paused


class Intake:
    """Takes orders, each once, at the places where the journal can say when.

    While recorded steps are gone through again, nothing is taken: it would not have been there then.

    Args:
        journal: where each is recorded before it is obeyed.
        box: the folder in which they arrive.
    """

    def __init__(self, journal: Journal, box: OrderBox, sleep: Callable[[float], None] = time.sleep) -> None:
        self._journal = journal
        self._box = box
        self._sleep = sleep

    def take(self, place: str, *, boundary: bool) -> list[BaseModel]:
        """The orders to obey now. A pause is waited out here.

        Args:
            place: `instruction/attempt/turn`.
            boundary: whether the instruction has not begun, so that every kind may be taken.
        """
        if self._journal.recorded(f"{place}/{'began' if boundary else 'reply'}"):
            return []  # what was taken here stands in the journal, and the state is folded from it
        fresh = self._look(place, None if boundary else AT_TURN_ENDS)
        while _paused(fresh):
            self._sleep(_LOOK)
            fresh += self._look(place, AT_TURN_ENDS)
        return fresh

    def _look(self, place: str, kinds: Collection[str] | None) -> list[BaseModel]:
        found = []
        for id, order in self._box.waiting():
            if not self._journal.knows(f"order-{id}"):
                if isinstance(order, str):
                    self._journal.record(f"{place}/refused-order-{id}", "order_refused", order, order)
                elif kinds is None or order.model_dump()["order"] in kinds:
                    told = order.model_dump()
                    self._journal.record(f"{place}/order-{id}", "order_taken", told, _words(told))
                    found.append(order)
                else:
                    continue
            self._box.remove(id)
        return found


def _paused(orders: list[BaseModel]) -> bool:
    """Whether the last word on pausing was to pause."""
    words = [order for order in orders if isinstance(order, Pause | Resume | Stop)]
    return bool(words) and isinstance(words[-1], Pause)


def _words(told: dict[str, Any]) -> str:
    return " ".join(str(value) for value in told.values())
