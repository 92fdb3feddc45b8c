"""What programs print for a terminal, as text that is safe to show and to read."""

from __future__ import annotations

import re

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # control sequences: colours, cursor movement
    r"|\x1b[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)"  # strings: window titles, links
    r"|\x1b(?:\[[0-?]*)?[ -/]*\Z"  # one that was cut
    r"|\x1b[ -/]*[0-~]"  # the short ones
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_RESTART = re.compile(r"\x1b\[2K|\x1b\[1?G|\r")
_BACK = re.compile(r"\x1b\[(\d{0,6})D(?:\x1b\[0?K)?")
_SPINNER = re.compile(r"\A(?:\s*[\u2800-\u28ff])+[ \t]*")


def plain(data: bytes) -> str:
    """Decode UTF-8, what is none as U+FFFD; remove terminal sequences and control characters but newline and tab."""
    return _bare(data.decode("utf-8", "replace"))


def standing(data: bytes) -> str:
    """The same, as the text that stands on a terminal in the end: without what was written over.

    A line that was begun again holds what was written last, as spinners and progress bars do.
    """
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    if "\x1b" in text or "\r" in text:
        text = "\n".join(map(_line, text.split("\n")))
    return _SPINNER.sub("", _bare(text))


def _line(line: str) -> str:
    kept = [part for part in _RESTART.split(line) if _ESCAPES.sub("", part).strip()]
    line, at = kept[-1] if kept else "", 0
    stands: list[str] = []
    for back in _BACK.finditer(line):
        stands += _ESCAPES.sub("", line[at : back.start()])
        del stands[max(len(stands) - int(back[1] or 1), 0) :]
        at = back.end()
    return "".join(stands) + _ESCAPES.sub("", line[at:])


def _bare(text: str) -> str:
    return _CONTROLS.sub("", _ESCAPES.sub("", text))
