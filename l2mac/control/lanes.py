"""Lanes: the threads in which independent instructions are executed at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from queue import SimpleQueue

from ..errors import BudgetSpent, Halted
from ..memory.journal import Journal
from ..program.values import Instruction
from .attempt import Attempt
from .executor import Executor

_LOOK = 0.05  # seconds between looks at whether the work in a lane has come to an end

Done = tuple[Executor, Attempt]
"""The work on one instruction, over, and who did it."""


class Lanes:
    """Hands instructions to executors. With one lane there is no thread: work is done when it is waited for.

    Args:
        journal: takes turns, where a run is gone through again.
        executors: one for each lane; at least one.
        halt: makes them stop at the end of a turn.
    """

    def __init__(self, journal: Journal, executors: Sequence[Executor], halt: threading.Event) -> None:
        self._journal = journal
        self._executors = executors
        self._halt = halt
        self._free = list(executors)
        self._flying: dict[str, tuple[Instruction, Done]] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._over: SimpleQueue[tuple[str, Attempt | BaseException]] = SimpleQueue()

    @property
    def first(self) -> Executor:
        """The one that works when nobody else does."""
        return self._executors[0]

    @property
    def free(self) -> bool:
        """Whether an instruction can be begun."""
        return bool(self._free)

    @property
    def flying(self) -> list[Instruction]:
        """The instructions in flight."""
        return [instruction for instruction, _ in self._flying.values()]

    def begin(self, instruction: Instruction) -> None:
        """Begin an instruction in a free lane."""
        executor = self._free.pop(0)
        attempt = executor.begin(instruction)
        self._flying[instruction.id] = instruction, (executor, attempt)
        if len(self._executors) > 1:
            thread = threading.Thread(target=self._work, args=(executor, attempt), name=instruction.id, daemon=True)
            self._threads[instruction.id] = thread
            self._journal.hands(1)
            thread.start()

    def finished(self) -> Done:
        """Wait until the work on one of the instructions in flight is over; its lane is free then.

        Raises:
            BaseException: what went wrong in a lane.
        """
        if self._threads:
            self._journal.hands(-1)  # the one that comes to its end is ours from then on
            id, attempt = self._over.get()
            self._threads.pop(id).join()
        else:
            id, (_, (executor, begun)) = next(iter(self._flying.items()))
            attempt = executor.execute(begun)
        executor = self._flying.pop(id)[1][0]
        executor.at = ""
        self._free.insert(0, executor)
        if isinstance(attempt, BaseException):
            raise attempt
        return executor, attempt

    def rest(self) -> Iterator[Done]:
        """End all work at the end of its turn; what is done by then is not lost."""
        self._halt.set()
        while self._threads:
            try:
                yield self.finished()
            except (BudgetSpent, Halted):
                continue
        self._halt.clear()

    def close(self) -> None:
        """End all work. Only calls of the processor are not waited for: what they bring is not recorded any more."""
        self._halt.set()
        self._journal.hands(-1)
        for id, thread in self._threads.items():
            dialogue = self._flying[id][1][0].dialogue
            while thread.is_alive() and not dialogue.waiting:
                thread.join(_LOOK)
            dialogue.dropped = True
        for executor in self._executors:
            executor.dialogue.release()

    def _work(self, executor: Executor, attempt: Attempt) -> None:
        id = attempt.instruction.id
        try:
            done: Attempt | BaseException = executor.execute(attempt)
            self._journal.turn(id)
        except BaseException as error:
            done = error
        self._over.put((id, done))
