"""The terminal: lines that scroll away above, and below them a region that is painted again and again."""

from __future__ import annotations

import contextlib
import os
import termios
import threading
from collections.abc import Sequence
from typing import Any, TextIO

# Between these two a terminal shows nothing new (https://contour-terminal.org/vt-extensions/synchronized-output).
_HOLD, _SHOW = "\x1b[?2026h", "\x1b[?2026l"
_HIDE_CURSOR, _SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
_CLIP, _WRAP = "\x1b[?7l", "\x1b[?7h"
_END_OF_LINE, _END_OF_SCREEN = "\x1b[K", "\x1b[J"
# Every mark that the region is made of, for terminals that can't show it.
_PLAIN = str.maketrans("…·●✓✗—", "~->+x-")


class Screen:
    """Paints on a terminal.

    Args:
        stream: writes to it.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.RLock()  # Ctrl-Z gives the terminal back from another thread
        self._file = stream.fileno()
        self._encoding = stream.encoding or "ascii"
        self._painted: list[str] = []
        self._widths: list[int] = []
        self._columns = 0
        self._modes: list[Any] | None = None
        self._entered = False

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        try:
            columns, rows = os.get_terminal_size(self._file)
        except OSError:
            columns = rows = 0
        return columns or 80, rows or 24

    @property
    def in_front(self) -> bool:
        """Whether the terminal is this process's to paint on: it is not while a shell has put it in the background."""
        try:
            return os.tcgetpgrp(self._file) == os.getpgrp()
        except OSError:
            return True

    def paint(self, above: Sequence[str], region: Sequence[str], widths: Sequence[int]) -> None:
        """Print lines that stay, and make the region look like this below them.

        Args:
            above: the lines that stay.
            region: the lines of the region, as they are written.
            widths: the columns that each of these takes.
        """
        with self._lock:
            self._paint(above, region, widths)

    def leave(self, above: Sequence[str] = ()) -> None:
        """Wipe the region away, print lines, and give the terminal back as it was."""
        with self._lock:
            self._leave(above)

    def _paint(self, above: Sequence[str], region: Sequence[str], widths: Sequence[int]) -> None:
        if region and not self._entered:
            self._enter()
        lines = [self._shown(line) for line in region]
        columns = self.size[0]
        same = not above and columns == self._columns
        keep = [same and at < len(self._painted) and self._painted[at] == line for at, line in enumerate(lines)]
        keep[-1:] = [False for _ in keep[-1:]]  # so that the cursor ends behind the last line, wherever that is broken
        text = "" if same else _END_OF_SCREEN
        text += "".join(f"{self._shown(line)}\n" for line in above)
        painted = "\n".join("" if kept else f"\r{line}{_END_OF_LINE}" for kept, line in zip(keep, lines, strict=True))
        if len(lines) < len(self._painted):
            painted += _END_OF_SCREEN
        self._write(f"{_HOLD}{self._top(columns)}{text}{_CLIP}{painted}{_WRAP}{_SHOW}")
        self._painted, self._widths, self._columns = lines, list(widths), columns

    def _leave(self, above: Sequence[str]) -> None:
        text = "".join(f"{self._shown(line)}\n" for line in above)
        wiped = f"{self._top(self.size[0])}{_END_OF_SCREEN}" if self._painted else ""
        self._painted, self._widths = [], []
        try:
            self._write(f"{wiped}{text}{_SHOW_CURSOR if self._entered else ''}")
        finally:
            self._entered = False
            if self._modes is not None:
                with contextlib.suppress(termios.error, OSError):
                    termios.tcsetattr(self._file, termios.TCSANOW, self._modes)
                self._modes = None

    def _enter(self) -> None:
        """Hide the cursor, and what is typed: its echo would move the region."""
        self._entered = True
        with contextlib.suppress(termios.error, OSError):
            self._modes = termios.tcgetattr(self._file)
            quiet = termios.tcgetattr(self._file)
            quiet[3] &= ~termios.ECHO
            termios.tcsetattr(self._file, termios.TCSANOW, quiet)
        self._write(_HIDE_CURSOR)

    def _top(self, columns: int) -> str:
        """Move to the region's first row, from the last, at whose end the cursor stands."""
        rows = sum(self._rows(width, columns) for width in self._widths)
        return "\r" if rows < 2 else f"\r\x1b[{rows - 1}A"

    def _rows(self, width: int, columns: int) -> int:
        """The rows that a painted line takes. A terminal made narrower breaks it; xterm alone cuts it off."""
        cuts = "XTERM_VERSION" in os.environ and "TMUX" not in os.environ
        return 1 if cuts else max(-(-width // columns), 1)

    def _shown(self, line: str) -> str:
        """A line in what the terminal can show."""
        if not self._encoding.lower().startswith("utf"):
            line = line.translate(_PLAIN)
        return line.encode(self._encoding, "replace").decode(self._encoding)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
