"""The seam to whoever looks on while a run goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .control.state import State
from .memory.journal import Event, Journal
from .processor.protocol import Listener


@dataclass(frozen=True, slots=True)
class Watcher:
    """Whoever looks on while a run goes.

    Args:
        opened: is handed the run's folder, its journal and its state, once.
        event: is handed each event when it has been recorded.
        asked: hears when the processor is asked.
        text: is handed each piece of a reply as it arrives.
        notice: is told what is no event: a wait, a request that lies ready.
    """

    opened: Callable[[Path, Journal, State], None] = lambda path, journal, now: None
    event: Callable[[Event], None] = lambda event: None
    asked: Callable[[], None] = lambda: None
    text: Listener | None = None
    notice: Callable[[str], None] = lambda text: None
