"""Progress as plain lines on standard error, and events as JSON lines on standard output."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TextIO

from ..control.state import State
from ..memory.journal import Event, Journal
from .story import tell

_SHOWN = ("seq", "key", "kind", "gist", "time", "took")


class Console:
    """Tells a run while it goes.

    Args:
        quiet: say nothing but errors.
        verbose: say everything.
        as_json: print each event as one JSON line on standard output.
    """

    def __init__(self, *, quiet: bool = False, verbose: bool = False, as_json: bool = False) -> None:
        self.folder: Path | None = None
        self._quiet = quiet
        self._verbose = verbose
        self._as_json = as_json
        self._journal: Journal | None = None
        self._began = time.monotonic()

    def opened(self, folder: Path, journal: Journal, now: State) -> None:
        """A run was opened."""
        self.folder, self._journal = folder, journal
        if self._as_json:
            self.line(kind="run", gist=str(folder))
        setting = now.setting
        if setting:
            self.say(f"{folder}\nprocessor: {setting.processor}, sandbox: {setting.sandbox}")
        if now.birth and not now.birth.tests:
            self.say("tests are off: only syntax and lint errors are checked")

    def event(self, event: Event) -> None:
        """An event was recorded."""
        if self._as_json:
            self.line(**{name: getattr(event, name) for name in _SHOWN})
        if self._journal:
            for line in tell(event, self._journal, verbose=self._verbose):
                self.say(line)

    def line(self, **values: object) -> None:
        """Print one JSON line to standard output."""
        _print(sys.stdout, json.dumps(values))

    def notice(self, text: str) -> None:
        """Something that is no event."""
        self.say(f"  {text}")

    def say(self, text: str) -> None:
        """Print lines to standard error, with the minutes and seconds since the start."""
        if self._quiet:
            return
        seconds = int(time.monotonic() - self._began)
        for line in text.splitlines():
            _print(sys.stderr, f"{seconds // 60:02}:{seconds % 60:02} {line}")


def _print(stream: TextIO, line: str) -> None:
    """Print a line; what the terminal can't show is replaced, and a reader that has gone away stops nothing."""
    try:
        encoding = stream.encoding or "utf-8"
        stream.write(line.encode(encoding, "replace").decode(encoding) + "\n")
        stream.flush()
    except (BrokenPipeError, ValueError):
        return
