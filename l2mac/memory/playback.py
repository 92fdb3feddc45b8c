"""Going through a journal again: what came from outside is given back, the rest is computed and compared."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from ..errors import BudgetSpent, Differs
from .journal import Event, Journal, codec

T = TypeVar("T")

_QUIET = frozenset({"environment", "stopped", "order_refused", "frugal"})  # no event follows from them alone
_TURNS = frozenset({"born", "opened", "epoch", "undone", "forked", "adopted", "order_taken"})
"""What happens to a run from outside: the machine is put together again after it, as after a crash."""

_AFTER = frozenset({"audit", "program", "retired"})  # what comes where the budget did not allow a call


class Turned(Exception):
    """Something happened to the run from outside; the events so far say what."""


class Finished(Exception):
    """Nothing more is recorded."""


class Playback(Journal):
    """A journal that is gone through again, from its first event, in its order. Nothing is written.

    Facts (`record`) and commits are computed and compared; results of work (`step`) are given back as they were
    recorded, unless they are compared too.

    What several threads record comes in the recorded order: each waits until it is its turn. Where all of them wait,
    something comes out otherwise than it did.

    Args:
        path: the journal's file.
        again: says how a result that came out now differs from the recorded one, empty where it does not; None for work
            that is not to be done again.
    """

    def __init__(self, path: Path, again: Callable[[Any], Callable[[Any, Any], str] | None]) -> None:
        self._gone: dict[str, Event] | None = None
        super().__init__(path, writable=False)
        self._recorded = self._events
        self._ahead = deque(self._recorded.values())
        self._events = self._gone = {}
        self._again = again
        self._turns = threading.Condition()
        self._hands, self._waiting, self._moves = 1, 0, 0
        self._over: Exception | None = None
        self.epoch = 1

    def step(
        self,
        place: str,
        kind: str,
        form: type[T],
        work: Callable[[], T],
        gist: Callable[[T], str] = str,
        *,
        redoable: bool = False,
    ) -> T:
        differs = _plainly if kind == "committed" else self._again(form)
        return self._step(place, kind, form, work, differs)

    def record(self, place: str, kind: str, value: Any, gist: str = "", *, redoable: bool = False) -> None:
        """Compare a fact with the recorded one."""
        if kind not in _QUIET:  # what a provider said can't be computed
            self._step(place, kind, type(value), lambda: value, None if kind == "overflow" else _plainly)

    def recorded(self, place: str) -> bool:
        """Whether the epoch holds the result of a step, in the future too: what was taken in there is given back."""
        if f"{self.epoch}/{place}" in self._recorded:
            return True
        if not self._ahead:
            raise Finished
        return False

    def alone(self) -> AbstractContextManager[object]:
        """Nothing: the recorded order says what follows on what."""
        return nullcontext()

    def turn(self, instruction: str) -> None:
        """Wait until the next event is about an instruction."""
        with self._turns:
            self._await(lambda event: event.instruction == instruction, f"{instruction} is done", "")

    def hands(self, more: int) -> None:
        """Take note of how many threads more, or fewer, may bring the next event."""
        with self._turns:
            self._hands += more
            self._moved()

    def events(self, after: int = 0) -> Iterator[Event]:
        """Those gone through so far."""
        if self._gone is None:
            return super().events(after)
        return (event for event in list(self._gone.values()) if event.seq > after)

    def keep(self, text: str) -> str:
        """The address that a text has."""
        return self.address(text.encode())

    def go_on(self) -> list[Event]:
        """Go past what came from outside; what the machine must be put together again for is returned."""
        passed = []
        self._over, self._hands = None, 1
        while self._ahead and self._ahead[0].kind in _QUIET | _TURNS:
            event = self._ahead[0]
            self.epoch = event.epoch
            self._pass(event)
            passed += [event] if event.kind in _TURNS else []
        return passed

    @property
    def left(self) -> Event | None:
        """The event that comes next."""
        return self._ahead[0] if self._ahead else None

    def _step(
        self, place: str, kind: str, form: Any, work: Callable[[], T], differs: Callable[[Any, Any], str] | None
    ) -> T:
        key = f"{self.epoch}/{place}"
        if event := self._events.get(key):
            return self.load(event, form)  # type: ignore[no-any-return]
        with self._turns:
            event = self._await(lambda event: event.key == key, f"{place} ({kind})", kind)
        told: T = self.load(event, form)
        if differs:
            made = work()
            if why := differs(told, codec(form).validate_json(codec(form).dump_json(made))):
                raise Differs(f"{_named(event)} differs: {why}")
        with self._turns:
            self._pass(event)
            if self.left and self.left.kind in _QUIET | _TURNS:
                self._over = Turned()
                raise self._over
        return told

    def _await(self, mine: Callable[[Event], bool], what: str, kind: str) -> Event:
        """The event that comes next, once it is the caller's."""
        while True:
            if self._over:
                raise self._over
            if not self._ahead:
                raise Finished
            event = self._ahead[0]
            if mine(event):
                return event
            self._waiting += 1
            if self._waiting >= self._hands:  # nobody is left who could bring it
                if kind == "reply" and event.kind == "candidates":
                    raise BudgetSpent("for another candidate")
                if kind in ("reply", "began") and event.kind in _AFTER and (why := self._spent()):
                    raise BudgetSpent(why)
                self._over = Differs(f"{_named(event)} comes next in the journal, and now it is {what}")
                self._moved()
                raise self._over
            seen = self._moves
            while self._moves == seen:
                self._turns.wait()

    def _moved(self) -> None:
        """Let all who wait look again."""
        self._waiting, self._moves = 0, self._moves + 1
        self._turns.notify_all()

    def _spent(self) -> str:
        """Which budget was spent, as the end of the epoch says; empty where none was."""
        event = next((it for it in self._ahead if it.kind == "ended"), None)
        ended = self.load(event, dict[str, Any]) if event else {}
        return str(ended["reasons"][0]) if ended.get("outcome") == "budget" else ""

    def _pass(self, event: Event) -> None:
        with self._turns:
            self._ahead.popleft()
            self._events[event.key] = event
            for observer in self.observers:
                observer(event)
            self._moved()


def _named(event: Event) -> str:
    return f"event {event.seq}, {event.place} ({event.kind}),"


def _plainly(told: Any, made: Any) -> str:
    """How two values differ; empty where they do not."""
    if told == made:
        return ""
    if is_dataclass(told) and is_dataclass(made):
        name = next(it.name for it in fields(told) if getattr(told, it.name) != getattr(made, it.name))
        return f"{name}, {_plainly(getattr(told, name), getattr(made, name))}"
    if isinstance(told, dict) and isinstance(made, dict):
        return ", ".join(sorted(str(key) for key in {*told, *made} if told.get(key) != made.get(key))[:5])
    return f"recorded was {str(told)[:80]!r}, and now it is {str(made)[:80]!r}"
