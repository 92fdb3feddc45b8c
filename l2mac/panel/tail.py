"""What a reply is about while it arrives, from a tolerant look at its newest pieces."""

from __future__ import annotations

import json
import re

# In the arguments of a call a key is a quoted word before a colon. Inside a file's text, which is itself quoted there,
# each quote stands behind a backslash, so that what a file holds is never taken for a key.
_KEY = re.compile(
    r'(?<!\\)"(?:(?P<value>path|title|command|pattern)"\s*:\s*"(?P<text>(?:[^"\\]|\\.)*)"'
    r'|(?P<mark>content|edits|requests|requirements|instructions|summary|paths)"\s*:\s*["\[])'
)
_OPENING = re.compile(r'\{\s*"[a-z_]+"\s*:|\{\s*\}')
_KEPT = 500  # characters that are looked at again when the next piece comes


class Tail:
    """Hears a reply piece by piece, text and arguments of calls alike, and says in a few words what it is about."""

    def __init__(self) -> None:
        self._rest = ""
        self._calling = False
        self._doing = ""
        self._path = ""
        self._length = 0
        self._titles = 0

    def hear(self, piece: str) -> None:
        """Take in the next piece."""
        self._rest += piece
        if not self._calling:
            self._calling = bool(_OPENING.search(self._rest))
        seen = 0
        for key in _KEY.finditer(self._rest):
            self._take(key)
            seen = key.end()
        written = self._rest[max(seen, len(self._rest) - len(piece)) :]
        self._length += len(written) - written.count("\\")
        self._rest = self._rest[seen:][-_KEPT:]

    @property
    def said(self) -> str:
        """The last line of what is said; empty as soon as a tool is called."""
        lines = [] if self._calling else self._rest.split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    @property
    def done(self) -> str:
        """What the call that is arriving does; empty as long as none is."""
        if not self._calling:
            return ""
        if self._doing == "planning":
            return f"planning, {self._titles} instruction{'' if self._titles == 1 else 's'} so far"
        if self._doing == "writing" and self._path:
            return f"writing {self._path}, {self._length:,} characters"
        return f"{self._doing} {self._path}".strip() or "calling a tool"

    def _take(self, key: re.Match[str]) -> None:
        text = _unquoted(key["text"] or "")
        match key["value"] or key["mark"]:
            case "path":
                self._path = text
            case "title":
                self._titles += 1
            case "command":
                self._doing, self._path = "asking to run", text
            case "pattern":
                self._doing, self._path = "searching for", text
            case "content":
                self._doing, self._length = "writing", 0
            case "edits":
                self._doing = "editing"
            case "requests":
                self._doing, self._path = "reading", ""
            case "paths":
                self._doing, self._path = "naming files", ""
            case "requirements" | "instructions":
                self._doing = "planning"
            case "summary":
                self._doing, self._path = "summing up", ""


def _unquoted(text: str) -> str:
    try:
        return str(json.loads(f'"{text}"'))
    except ValueError:
        return text
