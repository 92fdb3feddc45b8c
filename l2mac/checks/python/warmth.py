"""Keeps judges warm: for each, and each lane, a parent that has loaded it and forks for each order."""

from __future__ import annotations

import threading
import weakref
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from ...sandbox.seam import Limits, Nursery, Outcome, Parent, Sandbox

WAIT: Final = "wait"
"""The argument that makes a judge wait."""
_WORTH_IT: Final = 3  # times that a lane is judged: a run of one function is over by then
_MOST: Final = 16  # parents at once
_LOSSES: Final = 5  # in a row, after which a judge stays cold


class Warmth:
    """Parents by judge and lane. Safe to use from several threads at once.

    Args:
        sandbox: where they wait; nothing is kept warm without one, or in one that is no `Nursery`.
        notice: is told once where a judge stays cold.
        patience: seconds to wait for a parent that has just been started: that takes as long as two processes of its
            own, and pays where many checks are to come. By default nobody waits: what comes meanwhile is done by a
            process of its own, and a parent is started when a lane is judged for the third time.
    """

    def __init__(
        self, sandbox: Sandbox | None, *, notice: Callable[[str], None] = lambda text: None, patience: float = 0.0
    ) -> None:
        self._sandbox = sandbox if isinstance(sandbox, Nursery) else None
        self._notice = notice
        self._patience = patience
        self._parents: dict[tuple[str, str], tuple[object, Parent]] = {}
        self._losses: dict[str, int] = {}
        self._busy: set[tuple[str, str]] = set()
        self._asked: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        weakref.finalize(self, _close, self._parents)

    def ask(
        self,
        name: str,
        program: Sequence[str],
        words: Sequence[str],
        folder: Path,
        *,
        limits: Limits,
        variables: Mapping[str, str],
        readable: Sequence[Path],
    ) -> Outcome | None:
        """Have a warm judge do what a process of its own would do with some words.

        Args:
            name: of the judge.
            program: the command that waits when `wait` is its next argument.
            words: its arguments.
            folder: the lane; the rest is as for `Sandbox.run`.

        Returns:
            What came of it; None when a process of its own has to do it.
        """
        if self._sandbox is None or self._losses.get(name, 0) >= _LOSSES:
            return None
        place = (name, str(folder))
        self._asked[place] += 1
        if not self._patience and self._asked[place] < _WORTH_IT:
            return None
        # A folder that was made anew is another one: what waits would look into the old.
        key = ([*program], {**variables}, [(path, _identity(path)) for path in (folder, *readable)])

        def start() -> Parent | None:
            assert self._sandbox is not None
            return self._sandbox.start([*program, WAIT], folder, limits=limits, variables=variables, readable=readable)

        parent = self._taken(place, key, start)
        if parent is None:
            return None
        try:
            done = parent.ask(words, limits) if parent.ready(self._patience) else None
            if parent.ended or done:
                self._count(name, lost=done is None)
        finally:
            self._given_back(place, key, parent)
        if parent.ended:  # the next will be ready when it is needed
            self._given_back(place, key, self._taken(place, key, start))
        return done

    def _taken(self, place: tuple[str, str], key: object, start: Callable[[], Parent | None]) -> Parent | None:
        """The parent of a place, started if need be; nobody else has it until it is given back."""
        with self._lock:
            if place in self._busy:
                return None
            self._busy.add(place)
            known, parent = self._parents.pop(place, (None, None))
        if parent and (known != key or parent.ended):
            parent.close()
            parent = None
        parent = parent or start()
        if parent is None:
            self._busy.discard(place)
        return parent

    def _given_back(self, place: tuple[str, str], key: object, parent: Parent | None) -> None:
        surplus: list[Parent] = []
        with self._lock:
            self._busy.discard(place)
            if parent:
                self._parents[place] = (key, parent)
            while len(self._parents) > _MOST:
                surplus.append(self._parents.pop(next(iter(self._parents)))[1])
        for it in surplus:
            it.close()

    def _count(self, name: str, lost: bool) -> None:
        self._losses[name] = self._losses.get(name, 0) + 1 if lost else 0
        if self._losses[name] == _LOSSES:
            self._notice(f"{name} could not be kept warm: it starts anew for every check")

    def close(self) -> None:
        """End every parent."""
        _close(self._parents)


def _close(parents: dict[tuple[str, str], tuple[object, Parent]]) -> None:
    for place in [*parents]:
        parents.pop(place)[1].close()


def _identity(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return (0, 0)
    return (status.st_dev, status.st_ino)
