"""The live console: the story scrolls above, and below it stands what the machine is doing now."""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from rich.console import Console as Renderer
from rich.text import Text

from ..control.state import State
from ..memory.journal import Event, Journal
from .console import Console, write_line
from .follower import Follower, View
from .picture import picture
from .screen import Screen
from .story import clean

_TOLD = re.compile(r"(\S+ )(?:[\w.-]+)?(  retired:|  blocked:)?")
_COLOURS = {"  retired:": "green", "  blocked:": "red"}
_RATE = 1 / 8  # seconds between two looks at whether anything has changed
_HANGING = 10  # columns before what did not fit on a line
_PATIENCE = 5.0  # seconds that the end of a run waits for a terminal that takes nothing


class LiveConsole:
    """Tells a run on a terminal.

    The machine's thread only leaves lines and values behind, under a lock that is never held while something is
    written; one thread of its own paints them. Whatever goes wrong there, the machine goes on, and is told in plain
    lines.

    Args:
        stream: the terminal.
        verbose: say everything.
    """

    def __init__(self, stream: TextIO, *, verbose: bool = False) -> None:
        self._stream = stream
        self._story = Console(verbose=verbose, out=self._leave)
        self._follower = Follower()
        self._journal: Journal | None = None
        self._lock = threading.Lock()
        self._lines: list[str] = []
        self._screen: Screen | None = None
        self._renderer = Renderer(
            file=io.StringIO(), force_terminal=True, legacy_windows=False, highlight=False, markup=False, emoji=False
        )
        self._last: tuple[View, tuple[int, int]] | None = None
        self._ended = threading.Event()
        self._painter = threading.Thread(target=self._paint_on, name="live console", daemon=True)
        self._fault: Exception | None = None
        self._undo = contextlib.ExitStack()

    @property
    def folder(self) -> Path | None:
        """The run's folder, once it is known."""
        return self._story.folder

    @property
    def processor(self) -> str:
        """The processor's name, once it is known."""
        return self._story.processor

    def opened(self, folder: Path, journal: Journal, now: State) -> None:
        """A run was opened; from here on the region is painted."""
        self._journal = journal
        self._begin()
        self._story.opened(folder, journal, now)
        self._follow(lambda: self._follower.opened(now))

    def event(self, event: Event) -> None:
        """An event was recorded."""
        self._story.event(event)
        if journal := self._journal:
            self._follow(lambda: self._follower.event(event, journal))

    def asked(self) -> None:
        """The processor is asked."""
        self._follow(self._follower.asked)

    def text(self, piece: str) -> None:
        """A piece of a reply arrived."""
        self._follow(lambda: self._follower.text(piece))

    def notice(self, text: str) -> None:
        """Something was said that is no event."""
        self._story.notice(text)
        self._follow(lambda: self._follower.notice(text))

    def line(self, **values: object) -> None:
        """Print one JSON line to standard output."""
        self._story.line(**values)

    def say(self, text: str) -> None:
        """Tell lines of our own."""
        self._story.say(text)

    def close(self) -> None:
        """Replace the region by what is not told yet, and give the terminal back."""
        self._ended.set()
        if self._painter.ident:
            self._painter.join(_PATIENCE)
        self._undo.close()

    # -- in the machine's thread ----------------------------------------------------------------------------------

    def _begin(self) -> None:
        try:
            self._screen = Screen(self._stream)
            self._catch_suspension()
            for name in ("stdout", "stderr"):  # a library's warning would stand in the middle of the region
                stream = getattr(sys, name)
                if stream.isatty():
                    setattr(sys, name, _Above(self._leave, stream))
                    self._undo.callback(setattr, sys, name, stream)
            self._painter.start()
        except Exception:
            self._stop()

    def _follow(self, step: Callable[[], None]) -> None:
        """Follow the run; a fault here ends the painting, never the run."""
        if self._screen:
            try:
                with self._lock:
                    step()
            except Exception as error:
                self._fault = error
                self._ended.set()  # the painter does the rest

    def _leave(self, line: str) -> None:
        """Leave a line to the painter; where there is none, print it."""
        with self._lock:
            painting = self._screen is not None
            if painting:
                self._lines.append(line)
        if not painting:
            write_line(self._stream, line)

    def _catch_suspension(self) -> None:
        """Give the terminal back before Ctrl-Z stops this process, and take it again when it goes on."""
        here = threading.current_thread() is threading.main_thread()
        if here and signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL:

            def suspend(number: int, frame: object) -> None:
                with contextlib.suppress(OSError, ValueError):
                    if self._screen:
                        self._screen.leave()
                signal.signal(signal.SIGTSTP, signal.SIG_DFL)
                os.kill(os.getpid(), signal.SIGTSTP)
                signal.signal(signal.SIGTSTP, suspend)
                self._last = None

            signal.signal(signal.SIGTSTP, suspend)
            self._undo.callback(signal.signal, signal.SIGTSTP, signal.SIG_DFL)

    # -- in the painter's -----------------------------------------------------------------------------------------

    def _paint_on(self) -> None:
        try:
            while not self._ended.wait(_RATE):
                self._paint()
        except Exception as error:
            self._fault = error
        finally:
            self._stop()

    def _paint(self) -> None:
        """Paint what has changed since the last look."""
        screen = self._screen
        if screen is None:
            return
        with self._lock:
            lines, self._lines = self._lines, []
            view = self._follower.view()
        seen = (view, screen.size)
        in_front = screen.in_front
        if lines or (in_front and seen != self._last):
            try:
                region = picture(view, *screen.size) if in_front else []
                above = self._written(self._told(lines, screen.size[0]))
                screen.paint(above, self._written(region), [line.cell_len for line in region])
            except Exception:
                with self._lock:
                    self._lines[:0] = lines
                raise
            self._last = seen

    def _stop(self) -> None:
        """Wipe the region away; from here on lines are printed as they come."""
        with self._lock:
            screen, self._screen = self._screen, None
            lines, self._lines = self._lines, []
        if self._fault:
            said = clean(" ".join(f"{type(self._fault).__name__}: {self._fault}".split()))
            lines.append(f"the live console stopped ({said}); the run goes on, told in plain lines")
        if screen:
            with contextlib.suppress(OSError, ValueError):
                screen.leave(lines if self._fault else self._written(self._told(lines, screen.size[0])))

    def _told(self, lines: list[str], width: int) -> list[Text]:
        """Lines of the story, broken between words where they are wider than the terminal."""
        told = []
        for line in map(_coloured, lines):
            first, *rest = [line] if line.cell_len <= width else line.wrap(self._renderer, max(width - _HANGING, 20))
            told += [first, *(Text(" " * _HANGING).append_text(it) for it in rest)]
        return told

    def _written(self, lines: list[Text]) -> list[str]:
        """Lines as the terminal takes them."""
        if not lines:
            return []
        with self._renderer.capture() as capture:
            self._renderer.print(Text("\n").join(lines), soft_wrap=True, end="")
        return capture.get().split("\n")


def _coloured(line: str) -> Text:
    """A line of the story: its time steps back, and how an instruction ended stands out."""
    if not (told := _TOLD.match(line)) or line[:1].isspace():
        return Text(line)
    text = Text(line)
    text.stylize("dim", 0, told.end(1))
    text.stylize(_COLOURS.get(told[2] or "", ""), *told.span(2))
    return text


class _Above(io.TextIOBase):
    """What else is printed while the region stands, line by line above it."""

    def __init__(self, leave: Callable[[str], None], stream: TextIO) -> None:
        self._leave = leave
        self._stream = stream
        self._rest = ""

    @property
    def encoding(self) -> str:  # type: ignore[override]  # the stream has an attribute there
        return self._stream.encoding

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._stream.fileno()

    def write(self, text: str) -> int:
        *lines, self._rest = f"{self._rest}{text}".split("\n")
        for line in lines:
            self._leave(line)
        return len(text)
