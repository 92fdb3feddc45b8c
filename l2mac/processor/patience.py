"""Waiting out what passes by itself: rate limits, overloads, broken connections."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

from ..errors import BudgetSpent, ProcessorError, TransientError
from .protocol import Listener, Processor, Reply, Request

_FIRST, _LONGEST, _SHORTEST = 1.0, 60.0, 0.25
_SLICE = 60.0  # seconds slept at once, so that a computer that was put to sleep is soon seen to have slept longer


class Gate:
    """Shut while a provider is to be left alone, for all who ask it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until = 0.0

    def shut(self, until: float) -> None:
        """Shut it until a time, or for longer where it is."""
        with self._lock:
            self._until = max(self._until, until)

    def left(self, now: float) -> float:
        """Seconds for which it is shut."""
        with self._lock:
            return max(0.0, self._until - now)


class Patient:
    """A processor that tries another one again as long as its failures may pass.

    It waits as long as the provider asks, else 1 s, 2 s, 4 s … up to 60 s, with jitter. A wait longer than the patience
    that is left is cut to it, and followed by one last try. Where the time that the run may still take
    (`Request.seconds`) is over before the patience is, the budget is spent, not the patience.

    Patience counts the time in which the computer was awake. A wait is over when either clock says so: what a provider
    asked for has passed on the wall, too, while the computer slept.

    Args:
        processor: the one that does the work.
        seconds: patience for one call: the waits and the failed tries together may take this long.
        sleep: waits; whoever must be able to interrupt a wait passes a function that raises.
        notify: is told before each wait what happened and how long it lasts.
        seed: of the jitter; the same seed and place give the same waits.
        clock: seconds, for the time that failed tries took; it stands while the computer sleeps.
        wall: seconds, for the time that goes by all the same.
        gate: is shut by whoever waits, and holds up all who share it.
    """

    def __init__(
        self,
        processor: Processor,
        seconds: float,
        sleep: Callable[[float], None] = time.sleep,
        notify: Callable[[str], None] | None = None,
        seed: int | str = 0,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        gate: Gate | None = None,
    ) -> None:
        self._processor = processor
        self._seconds = seconds
        self._sleep = sleep
        self._notify = notify
        self._seed = seed
        self._clock = clock
        self._wall = wall
        self._gate = gate

    @property
    def name(self) -> str:
        """The name of the processor that does the work."""
        return self._processor.name

    def complete(self, request: Request, listener: Listener | None = None) -> Reply:
        """Return the reply of the processor behind, tried again where that can help.

        Raises:
            ContextOverflow: as the processor behind raised it.
            ProcessorError: as the processor behind raised it, or the patience is spent; never a TransientError.
            BudgetSpent: the time that the run may take is.
        """
        spent, tries = 0.0, 0
        jitter = random.Random(f"{self._seed}/{request.place}")
        while True:
            spent += self._held_up(spent, request.seconds)
            began = self._clock()
            try:
                return self._processor.complete(request, listener)
            except TransientError as error:
                spent += max(0.0, self._clock() - began)
                tries += 1
                wait = min(_wanted(error, tries, jitter), self._seconds - spent)
                if request.seconds is not None and spent + wait > request.seconds:
                    raise _no_time(error, spent, wait) from error
                if wait <= 0:
                    raise _given_up(spent, tries, error) from error
                if self._notify:
                    self._notify(f"{error}; waiting {_lasting(wait)}")
                if self._gate:
                    self._gate.shut(self._clock() + wait)
                spent += self._wait(wait)

    def _held_up(self, spent: float, seconds: float | None) -> float:
        """Wait as long as others do; return for how long that was."""
        before = spent
        while self._gate and (wait := min(self._gate.left(self._clock()), self._seconds - spent)) > 0:
            if seconds is not None and spent + wait > seconds:
                raise _no_time(TransientError("other lanes wait for it too"), spent, wait)
            spent += self._wait(wait)
        return spent - before

    def _wait(self, seconds: float) -> float:
        """Wait; return the seconds that were waited for, fewer where the computer slept meanwhile."""
        until, waited = self._wall() + seconds, 0.0
        while waited < seconds and (not waited or self._wall() < until):
            self._sleep(min(_SLICE, seconds - waited))
            waited += min(_SLICE, seconds - waited)
        return waited

    def close(self) -> None:
        """Close the processor behind, if it can be closed."""
        close = getattr(self._processor, "close", None)
        if close is not None:
            close()


def _wanted(error: TransientError, tries: int, jitter: random.Random) -> float:
    """Return the seconds to wait after the failure number `tries`."""
    if error.retry_after:
        # A provider that says "at once" again and again must not be asked in a tight loop.
        return max(error.retry_after, _SHORTEST)
    backoff = _FIRST * 2.0 ** min(tries - 1, 10)
    return min(backoff * jitter.uniform(1.0, 1.25), _LONGEST)


def _no_time(error: TransientError, spent: float, wait: float) -> BudgetSpent:
    return BudgetSpent(
        f"the budget of minutes does not allow to wait another {_lasting(wait)} for the provider "
        f"({_lasting(spent)} waited); raise it: --max-minutes; {str(error).rstrip('.')}"
    )


def _given_up(spent: float, tries: int, error: TransientError) -> ProcessorError:
    times = "1 try" if tries == 1 else f"{tries} tries"
    return ProcessorError(f"{str(error).rstrip('.')}; given up after {_lasting(spent)} and {times}")


def _lasting(seconds: float) -> str:
    return f"{seconds:,.0f} s" if seconds >= 10 else f"{seconds:.2g} s"
