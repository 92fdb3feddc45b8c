"""Tapes: recorded replies as JSON lines, and the processor that plays one back.

The first line is a header, `{"tape": 1, "name": …, "model": …, "prompt": …}`; every other line is one reply,
`{"place": "1/I1/0/1", "digest": …, "reply": {…}}`, with the reply as `l2mac.processor.codec` writes it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import ProcessorError, UsageError
from .codec import decode_reply, encode_reply
from .protocol import USUAL_WINDOW, Listener, Reply, Request

VERSION = 1


@dataclass(frozen=True, slots=True)
class TapeHeader:
    """What a tape is a recording of."""

    name: str
    model: str = ""
    prompt: str = ""
    domain: str = "codebase"


@dataclass(frozen=True, slots=True)
class TapeEntry:
    """One recorded reply: where in the run it was given, and the digest of the request it answered."""

    place: str
    digest: str
    reply: Reply


def write_tape(path: Path, header: TapeHeader, entries: Iterable[TapeEntry]) -> None:
    """Write a tape to `path`, replacing what is there in one step."""
    lines = [json.dumps({"tape": VERSION, **asdict(header)}, ensure_ascii=False)]
    for entry in entries:
        line = {"place": entry.place, "digest": entry.digest, "reply": encode_reply(entry.reply)}
        lines.append(json.dumps(line, ensure_ascii=False))
    # A lone surrogate has no UTF-8 form; as "?" the tape stays readable.
    data = "".join(line + "\n" for line in lines).encode("utf-8", "replace")
    temporary = path.with_name(path.name + ".tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_tape(path: Path) -> tuple[TapeHeader, list[TapeEntry]]:
    """Read a tape.

    Raises:
        UsageError: the file cannot be read, or a line of it is not what a tape holds; the text names the line.
    """
    try:
        lines = path.read_bytes().decode("utf-8").split("\n")
    except OSError as error:
        raise UsageError(f"the tape {path} cannot be read: {error.strerror}; name another with llm.tape") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not a tape that can be played: it is not UTF-8 text") from error
    entries: list[TapeEntry] = []
    header: TapeHeader | None = None
    for number, line in enumerate(lines, 1):
        try:
            if header is None:
                header = _header(json.loads(line))
            elif line.strip():
                entries.append(_entry(json.loads(line)))
        except ValueError as error:
            why = "it is not JSON" if isinstance(error, json.JSONDecodeError) else error
            raise UsageError(f"{path} is not a tape that can be played: line {number}: {why}") from error
    assert header is not None  # split() gives at least one line
    return header, entries


class TapeProcessor:
    """A processor that answers with the replies of a tape, by instruction, attempt and turn.

    The epoch is left aside, so that a tape plays in any; where a tape answers the same place twice, the last counts. A
    reply keeps its recorded token counts and costs nothing.

    Args:
        path: the tape.
        notify: is told, once for each reply, that it was recorded for another request than the one at hand.

    Raises:
        UsageError: the file is not a tape.
    """

    window = USUAL_WINDOW

    def __init__(self, path: Path, notify: Callable[[str], None] | None = None) -> None:
        self.header, entries = read_tape(path)
        self.name = f"tape {self.header.name or path.stem}"
        self._entries = {_within_epoch(entry.place): entry for entry in entries}
        self._notify = notify
        self._told: set[str] = set()

    def complete(self, request: Request, listener: Listener | None = None) -> Reply:
        """Return the reply recorded for the request's place.

        Raises:
            ProcessorError: the tape has none.
        """
        place = _within_epoch(request.place)
        entry = self._entries.get(place)
        if entry is None:
            raise ProcessorError(
                f"{self.name} has no reply for {place} (instruction/attempt/turn); take another tape or model"
            )
        if entry.digest != request.digest and place not in self._told:
            self._told.add(place)
            if self._notify:
                self._notify(f"{self.name}: the request at {place} differs from the one its reply was recorded for")
        if listener and entry.reply.message.content:
            listener(entry.reply.message.content)
        return replace(entry.reply, usage=replace(entry.reply.usage, cost=0.0))


def _within_epoch(place: str) -> str:
    return place.partition("/")[2]


def _header(data: Any) -> TapeHeader:
    if not isinstance(data, dict) or data.get("tape") != VERSION:
        raise ValueError(f'the first line must be a header with "tape": {VERSION}')
    return TapeHeader(**{key: str(data.get(key, usual)) for key, usual in asdict(TapeHeader("")).items()})


def _entry(data: Any) -> TapeEntry:
    if not isinstance(data, dict) or not all(isinstance(data.get(key), str) for key in ("place", "digest")):
        raise ValueError('a reply needs "place" and "digest", both strings')
    return TapeEntry(data["place"], data["digest"], decode_reply(data.get("reply")))
