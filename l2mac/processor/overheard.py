"""Hears files in a reply that is still on its way.

What a listener is handed is the text of a reply and the arguments of its calls, without a mark between them. So this
looks for what a file to be written looks like in either: an object with a `path` and a `content` in JSON, a block of
the text protocol. It is a guess by which work is begun early: whoever uses what was found asks again by the very same
path and text when the reply is there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

_STOP = re.compile(r'["\\]')
_NEAR = 100  # characters between two strings that are kept
_OPENS = re.compile(r"(`{3,}|~{3,})[ \t]*file[ \t]+(\S[^\n]*)")


class Overheard:
    """A listener that tells of each file as soon as its content has come.

    Args:
        found: is handed path and text.
        least: characters that are heard at once; what remains of a reply is not.
    """

    def __init__(self, found: Callable[[str, str], object], least: int = 1) -> None:
        self._found = found
        self._least = least
        self.begin()

    def begin(self) -> None:
        """Another reply begins."""
        self._between, self._string, self._escaped = "", list[str](), False
        self._inside = False
        self._last = ""
        self._fields: dict[str, str] = {}
        self._line = list[str]()
        self._fence: tuple[str, str] | None = None
        self._block = list[str]()
        self._waiting, self._size = list[str](), 0

    def __call__(self, piece: str) -> None:
        """Hear the next piece."""
        self._waiting.append(piece)
        self._size += len(piece)
        if self._size >= self._least:
            self._hear("".join(self._waiting))
            self._waiting, self._size = [], 0

    def _hear(self, piece: str) -> None:
        self._hear_json(piece)
        *lines, rest = piece.split("\n")
        for line in lines:
            self._hear_line("".join([*self._line, line]))
            self._line.clear()
        self._line.append(rest)

    def _hear_json(self, piece: str) -> None:
        at = 0
        while at < len(piece):
            if self._escaped:
                self._string.append(piece[at])
                self._escaped, at = False, at + 1
                continue
            stop = _STOP.search(piece, at)
            end = stop.start() if stop else len(piece)
            if self._inside:
                self._string.append(piece[at:end])
            else:
                self._between = (self._between + piece[at:end])[-_NEAR:]
            at = end + 1
            if stop and self._inside and stop[0] == "\\":
                self._string.append("\\")
                self._escaped = True
            elif stop and stop[0] == '"':
                if self._inside:
                    self._hear_string("".join(self._string))
                    self._string.clear()
                    self._between = ""
                self._inside = not self._inside

    def _hear_string(self, raw: str) -> None:
        """A string of JSON has ended: it is a value where a colon stands before it."""
        if self._between.strip() != ":":
            if "{" in self._between:
                self._fields.clear()
            self._last = raw
            return
        self._fields[self._last] = raw
        if self._fields.keys() >= {"path", "content"}:
            try:
                path, text = (json.loads(f'"{self._fields[name]}"') for name in ("path", "content"))
            except ValueError:
                return
            finally:
                self._fields.clear()
            self._found(path, text)

    def _hear_line(self, line: str) -> None:
        bare = line.strip()
        if self._fence is None:
            opens = _OPENS.fullmatch(bare)
            self._fence = (opens[1], opens[2].strip()) if opens else None
        elif bare == self._fence[0]:
            self._found(self._fence[1], "".join(self._block))
            self._fence = None
            self._block.clear()
        else:
            self._block.append(f"{line}\n")
