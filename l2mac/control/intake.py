"""What enters a running machine from outside: orders of the user."""

from __future__ import annotations

import threading
from collections.abc import Collection
from typing import Any

from pydantic import BaseModel

from ..errors import Halted, Interrupted
from ..memory.journal import Journal
from ..memory.orders import AT_TURN_ENDS, OrderBox, Pause, Resume, Stop
from .revision import file_change
from .state import State
from .trunk import Trunk

_LOOK = 0.3  # seconds between looks while the run is paused


class Intake:
    """Takes orders, each once, at the places where the journal can say when.

    While recorded steps are gone through again, nothing is taken: it would not have been there then. Lanes look one
    after the other: while a pause is waited out in one, none goes on.

    Args:
        journal: where each is recorded before it is obeyed.
        box: the folder in which they arrive.
        trunk: takes the files that are ordered.
        now: follows the journal.
        halt: is set when the run ends.
    """

    def __init__(self, journal: Journal, box: OrderBox, trunk: Trunk, now: State, halt: threading.Event) -> None:
        self._journal = journal
        self._box = box
        self._trunk = trunk
        self._now = now
        self._halt = halt
        self._looking = threading.Lock()

    def obey(self, place: str, *, boundary: bool) -> None:
        """Take orders. All but one are obeyed by standing in the journal, from which the state is folded.

        Raises:
            Interrupted: the order is to stop.
        """
        with self._looking:
            if any(isinstance(order, Stop) for order in self.take(place, boundary=boundary)):
                raise Interrupted("stopped by order")

    def take(self, place: str, *, boundary: bool) -> list[BaseModel]:
        """The orders to obey now. A pause is waited out here.

        Args:
            place: `instruction/attempt/turn`.
            boundary: whether the instruction has not begun, so that every kind may be taken.
        """
        if self._journal.recorded(f"{place}/{'began' if boundary else 'reply'}"):
            return []  # what was taken here stands in the journal, and the state is folded from it
        kinds = None if boundary else AT_TURN_ENDS
        fresh = self._look(place, kinds)
        while _paused(fresh):
            if self._halt.wait(_LOOK):
                raise Halted
            fresh += self._look(place, kinds)
        return fresh

    def _look(self, place: str, kinds: Collection[str] | None) -> list[BaseModel]:
        found = []
        for id, order in self._box.waiting():
            if not self._journal.knows(f"order-{id}"):
                told = {} if isinstance(order, str) else order.model_dump(exclude_none=True)
                if told and kinds is not None and told["order"] not in kinds:
                    continue
                if why := order if isinstance(order, str) else self._now.refusal(order):
                    self._journal.record(f"{place}/refused-order-{id}", "order_refused", why, why)
                elif not isinstance(order, str):
                    self._take(f"{place}/order-{id}", order, told)
                    found.append(order)
            self._box.remove(id)
        return found

    def _take(self, place: str, order: BaseModel, told: dict[str, Any]) -> None:
        """Record an order. Files are the user's edits like any other; what else is asked, is folded from this event."""
        if change := file_change(order, self._trunk.snapshot):
            self._trunk.take_in(place, change, f"{', '.join(change)}, by order")
        else:
            self._journal.record(place, "order_taken", told, _words(told))


def _paused(orders: list[BaseModel]) -> bool:
    """Whether the last word on pausing was to pause."""
    words = [order for order in orders if isinstance(order, Pause | Resume | Stop)]
    return bool(words) and isinstance(words[-1], Pause)


def _words(told: dict[str, Any]) -> str:
    """An order in a few words: its values, and of a revised program the changes."""
    if "changes" not in told:
        return " ".join(str(value) for value in told.values() if value)
    changes = [f"{it['change']} {it['id']}".strip() for it in told["changes"]]
    return " ".join(changes + [f"{it['id']} reworded" for it in told["reworded"]])
