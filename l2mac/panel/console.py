"""Progress as plain lines on standard error, and events as JSON lines on standard output."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TextIO

from ..control.state import State
from ..memory.journal import Event, Journal
from ..processor.protocol import Listener
from .story import clean, marked, played, stamp, tell

_SHOWN = ("seq", "key", "kind", "gist", "time", "took")


class Teller(Protocol):
    """Whoever tells a run while it goes: what the command line does with one."""

    @property
    def folder(self) -> Path | None:
        """The run's folder, once it is known."""

    @property
    def processor(self) -> str:
        """The processor's name, once it is known."""

    @property
    def text(self) -> Listener | None:
        """Is handed each piece of a reply; None where no piece is told."""

    def opened(self, folder: Path, journal: Journal, now: State) -> None:
        """A run was opened."""

    def event(self, event: Event) -> None:
        """An event was recorded."""

    def asked(self) -> None:
        """The processor is asked."""

    def notice(self, text: str) -> None:
        """Something was said that is no event."""

    def line(self, **values: object) -> None:
        """Print one JSON line to standard output."""

    def say(self, text: str) -> None:
        """Tell lines of our own."""

    def close(self) -> None:
        """Tell what is not told yet; nothing comes after."""


def teller(*, quiet: bool, verbose: bool, as_json: bool) -> Teller:
    """Choose who tells a run: the live console where someone watches a terminal, else the plain one.

    Args:
        quiet: say nothing but errors.
        verbose: say everything.
        as_json: print each event as one JSON line on standard output.
    """
    if quiet or as_json or not _watched(sys.stderr):
        return Console(quiet=quiet, verbose=verbose, as_json=as_json)
    from .live import LiveConsole

    return LiveConsole(sys.stderr, verbose=verbose)


class Console:
    """Tells a run while it goes, line by line.

    Args:
        quiet: say nothing but errors.
        verbose: say everything.
        as_json: print each event as one JSON line on standard output.
        out: takes each line that is told; by default standard error does.
    """

    text: Listener | None = None

    def __init__(
        self,
        *,
        quiet: bool = False,
        verbose: bool = False,
        as_json: bool = False,
        out: Callable[[str], None] | None = None,
    ) -> None:
        self.folder: Path | None = None
        self.processor = ""
        self._quiet = quiet
        self._verbose = verbose
        self._as_json = as_json
        self._out = out or (lambda line: write_line(sys.stderr, line))
        self._journal: Journal | None = None
        self._now: State | None = None
        self._began = time.monotonic()

    def opened(self, folder: Path, journal: Journal, now: State) -> None:
        """A run was opened."""
        self.folder, self._journal, self._now = folder, journal, now
        if self._as_json:
            self.line(kind="run", gist=str(folder))
        setting = now.setting
        if setting:
            self.processor = setting.processor
            self.say(played(setting.processor))
            self.say(f"{folder}\nprocessor: {setting.processor}, sandbox: {setting.sandbox}")
        if now.birth and not now.birth.tests and not now.birth.measured:
            self.say("tests are off: only syntax and lint errors are checked")

    def event(self, event: Event) -> None:
        """An event was recorded."""
        if self._as_json:
            self.line(**{name: getattr(event, name) for name in _SHOWN})
        if self._journal:
            for line in tell(event, self._journal, verbose=self._verbose):
                self.say(marked(line, event, self._now.lanes if self._now else 1))

    def asked(self) -> None:
        """The processor is asked: worth no line."""

    def line(self, **values: object) -> None:
        """Print one JSON line to standard output."""
        write_line(sys.stdout, json.dumps(values))

    def notice(self, text: str) -> None:
        """Something was said that is no event."""
        self.say(f"  {text}")

    def say(self, text: str) -> None:
        """Tell lines, with the minutes and seconds since the start."""
        if self._quiet:
            return
        passed = stamp(time.monotonic() - self._began)
        for line in text.splitlines():
            self._out(f"{passed} {clean(line)}")

    def close(self) -> None:
        """Nothing is held back."""


def write_line(stream: TextIO, line: str) -> None:
    """Print a line; what the terminal can't show is replaced, and a reader that has gone away stops nothing."""
    try:
        encoding = stream.encoding or "utf-8"
        stream.write(line.encode(encoding, "replace").decode(encoding) + "\n")
        stream.flush()
    except (OSError, ValueError, AttributeError):  # the last where it was closed before we began
        return


def _watched(stream: TextIO) -> bool:
    """Whether a stream is a terminal that can be painted on, and is ours: not a shell's that put us behind it."""
    if os.environ.get("TERM", "dumb") in ("dumb", "") or not stream.isatty():
        return False
    try:
        return os.tcgetpgrp(stream.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return True
