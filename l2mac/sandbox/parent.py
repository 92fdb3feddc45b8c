"""A command that waits under the guard and forks for each order: one order after the other."""

from __future__ import annotations

import json
import marshal
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Final, get_args

from .output import Output
from .seam import Excess, Limits, Outcome
from .supervise import Confinement, Guarded, outcome, plan
from .surroundings import modes, restored

if TYPE_CHECKING:
    from .rung import Job

_PRINTED: Final = 1 << 20
"""Bytes that a parent may print before it waits."""
_LOOK: Final = 0.005
"""Seconds that a look takes whether it waits."""


class WarmParent:
    """See `seam.Parent`.

    Args:
        argv: the command as the rung encloses it.
        job: what it was made of.
        how: what the guard does to it.
        sockets: whether commands may have sockets here.
        held: what is undone at its end.

    Raises:
        OSError: the guard can't be started; `held` is undone then.
    """

    def __init__(self, argv: Sequence[str], job: Job, how: Confinement, sockets: bool, held: ExitStack) -> None:
        self.ended = False
        self._held, self._scratch, self._program, self._sockets = held, job.scratch, job.command[0], sockets
        self._ready = False
        self._kept: dict[str, int] = {}
        with ExitStack() as on_failure:
            on_failure.push(held)
            told = plan(argv, job.folder, job.variables, job.limits, how, waits=True)
            self._guarded = Guarded(told, job.folder, job.variables)
            on_failure.pop_all()
        held.enter_context(self._guarded)

    def ready(self, seconds: float) -> bool:
        """Whether it waits for orders; see `Parent.ready`."""
        if not self._ready and not self.ended:
            waiting = self._guarded.pump(Output(0), _PRINTED, time.monotonic() + max(seconds, _LOOK))
            self._ready = self._guarded.said == "ready\n"
            if self._ready:
                self._kept = modes(self._scratch)
            elif waiting != "timed_out":
                self.close()
        return self._ready and not self.ended

    def ask(self, words: Sequence[str], limits: Limits) -> Outcome | None:
        """Have a fork do something; see `Parent.ask`."""
        try:
            done = self._asked(words, limits)
            if done is None or not self._guarded.said.endswith("\n") or not restored(self._kept):
                self.close()
            return done
        except BaseException:
            self.close()
            raise

    def _asked(self, words: Sequence[str], limits: Limits) -> Outcome | None:
        began, output = time.monotonic(), Output(limits.keep)
        try:
            self._guarded.tell(marshal.dumps({"limits": asdict(limits), "words": json.dumps(list(words)).encode()}))
        except OSError:
            return None
        excess = self._guarded.pump(output, limits.output, began + limits.seconds)
        if excess or not self._guarded.said.endswith("\n"):
            self._guarded.end()
        excess = self._guarded.drain(output, limits.output) or excess
        if not excess and self._guarded.said.split()[:1] not in [["exited"], *([word] for word in get_args(Excess))]:
            return None
        done = outcome(excess, self._guarded, output, self._program, time.monotonic() - began)
        return replace(done, sockets=self._sockets)

    def close(self) -> None:
        """End it, with everything it has started."""
        self.ended = True
        self._held.close()
