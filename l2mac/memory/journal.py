"""The journal: the append-only record of everything that cannot be recomputed, and the only authority of a run."""

from __future__ import annotations

import fcntl
import hashlib
import json
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any, TypeVar, cast

from ..errors import UsageError

T = TypeVar("T")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, gist TEXT NOT NULL,
    payload TEXT NOT NULL, time REAL NOT NULL, took REAL NOT NULL);
CREATE TABLE IF NOT EXISTS blobs (hash TEXT PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID;
"""
_FORMAT = 1  # PRAGMA user_version: raised when old journals could not be read as they were meant
_GIST = 120  # characters; with the key and numbers beside it an event stays below 200 bytes


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the journal. The payload is fetched on demand, by `Journal.payload`."""

    seq: int
    key: str
    """`epoch/instruction/attempt/turn/what`."""
    kind: str
    gist: str
    """What happened, in a few words."""
    address: str
    """The content address of the payload."""
    time: float
    """Seconds since 1970 when the work was done."""
    took: float
    """Seconds that the work took."""

    @property
    def epoch(self) -> int:
        return int(self.key.split("/", 1)[0])

    @property
    def place(self) -> str:
        """The key without its epoch."""
        return self.key.split("/", 1)[1]

    @property
    def instruction(self) -> str:
        """The id of the instruction it belongs to; `-` for the run as a whole."""
        return self.key.split("/", 2)[1]


Observer = Callable[[Event], None]


class Journal:
    """The record of one run, in one SQLite file.

    `step` is the whole of resuming: what is recorded is returned, what is not is done and recorded. Keys of earlier
    epochs are history and never returned. There is one writer: a lock held until the process ends refuses a second.

    Args:
        path: the file, `run.db`.
        clock: gives the time, in seconds since 1970.
        writable: readers pass False and may look on while a run goes on.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time, *, writable: bool = True) -> None:
        self.path = path
        self.clock = clock
        self.observers: list[Observer] = []
        self._lease = _leased(path.with_name("lock")) if writable else None
        self._guard = threading.RLock()
        try:
            self._db = _opened(path, writable)
            self._events = {event.key: event for event in self.events()}
        except BaseException:
            if self._lease:
                self._lease.close()
            raise
        self.epoch = max((event.epoch for event in self._events.values()), default=1)
        here = [event for event in self._events.values() if event.epoch == self.epoch]
        self._recorded_to = {event.instruction: event.seq for event in here}
        self._passed: dict[str, int] = {}

    def step(self, place: str, kind: str, form: type[T], work: Callable[[], T], gist: Callable[[T], str] = str) -> T:
        """Return the recorded result of a step, or do the work and record what it gave.

        Args:
            place: `instruction/attempt/turn/what`, unique within the epoch.
            kind: the event's kind.
            form: the type of the result; anything that pydantic can turn into JSON and back.
            work: does it. If it raises, nothing is recorded.
            gist: says in a few words what the result is.
        """
        key = f"{self.epoch}/{place}"
        if event := self._events.get(key):
            self._passed[event.instruction] = event.seq
            return self.load(event, form)
        began = time.monotonic()
        value = work()
        self._append(key, kind, gist(value), _codec(cast(Any, form)).dump_json(value), time.monotonic() - began)
        return value

    def record(self, place: str, kind: str, value: Any, gist: str = "") -> None:
        """Record a fact that needs no work, once."""
        self.step(place, kind, type(value), lambda: value, lambda _: gist)

    def recorded(self, place: str) -> bool:
        """Whether this epoch holds the result of a step."""
        return f"{self.epoch}/{place}" in self._events

    def find(self, place: str) -> Event:
        """The event of a step that this epoch holds."""
        return self._events[f"{self.epoch}/{place}"]

    def under(self, place: str) -> list[Event]:
        """The events of this epoch whose place begins with `place`, in order."""
        prefix = f"{self.epoch}/{place}"
        return [event for key, event in self._events.items() if key.startswith(prefix)]

    def knows(self, what: str) -> bool:
        """Whether any event of any epoch is about `what`, the last part of a place."""
        return any(key.endswith(f"/{what}") for key in self._events)

    def ahead(self, instruction: str) -> bool:
        """Whether recorded steps of an instruction are still to be gone through again.

        While they are, nothing from outside (orders, edits on disk) may enter: it would not have been there then.
        """
        return self._passed.get(instruction, 0) < self._recorded_to.get(instruction, 0)

    def begin_epoch(self, why: str) -> None:
        """Make all that is recorded history: from here on, nothing of it is returned by `step`."""
        self._append(f"{self.epoch + 1}/-/0/0/epoch", "epoch", why, json.dumps(why).encode(), 0.0)
        self.epoch += 1
        self._recorded_to.clear()

    def events(self, after: int = 0) -> Iterator[Event]:
        """Every event with a higher sequence number, in order."""
        rows = self._query(
            "SELECT seq, key, kind, gist, payload, time, took FROM events WHERE seq > ? ORDER BY seq", after
        )
        return (Event(*row) for row in rows)

    def payload(self, event: Event) -> bytes:
        """The JSON that an event recorded."""
        return self._blob(event.address)

    def load(self, event: Event, form: type[T]) -> T:
        """The value that an event recorded."""
        value: T = _codec(cast(Any, form)).validate_json(self.payload(event))
        return value

    def keep(self, text: str) -> str:
        """Store a text beside the events; return the address under which `text` finds it."""
        with self._guard:
            return self._keep(text.encode())

    def text(self, address: str) -> str:
        """Return a text that was kept."""
        return self._blob(address).decode()

    def close(self) -> None:
        """Close the file and give up the lease."""
        self._db.close()
        if self._lease:
            self._lease.close()

    def _append(self, key: str, kind: str, gist: str, payload: bytes, took: float) -> None:
        gist = " ".join(gist.split())
        gist = gist if len(gist) <= _GIST else gist[: _GIST - 1] + "…"
        with self._guard:
            try:
                with self._db:
                    row = (key, kind, gist, self._keep(payload), self.clock(), round(took, 4))
                    cursor = self._db.execute(
                        "INSERT INTO events (key, kind, gist, payload, time, took) VALUES (?, ?, ?, ?, ?, ?)", row
                    )
            except sqlite3.Error as error:
                raise _told(error, self.path) from None
            event = Event(int(cursor.lastrowid or 0), *row)
            self._events[key] = event
            self._passed[event.instruction] = event.seq
        for observer in self.observers:
            observer(event)

    def _keep(self, data: bytes) -> str:
        address = hashlib.sha256(data).hexdigest()[:32]
        if not self._query("SELECT 1 FROM blobs WHERE hash = ?", address):
            self._db.execute("INSERT INTO blobs VALUES (?, ?)", (address, zlib.compress(data, 6)))
        return address

    def _blob(self, address: str) -> bytes:
        rows = self._query("SELECT data FROM blobs WHERE hash = ?", address)
        if not rows:
            raise UsageError(f"the journal {self.path} is damaged: a payload is missing; restore it from a copy")
        return zlib.decompress(rows[0][0])

    def _query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise _told(error, self.path) from None


@cache
def _codec(form: Any) -> Any:
    from pydantic import TypeAdapter  # on first use: it takes a tenth of a second

    return TypeAdapter(form)


def _leased(path: Path) -> IO[str]:
    """Hold a lock that the system gives back however this process ends."""
    try:
        handle = path.open("a")
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        raise UsageError(f"another process is at work on {path.parent.parent}; wait for it or stop it") from None
    except OSError as error:
        raise UsageError(f"the run's folder {path.parent} can't be written: {error.strerror}") from None
    return handle


def _opened(path: Path, writable: bool) -> sqlite3.Connection:
    try:
        if writable:
            db = sqlite3.connect(path, check_same_thread=False)
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            with db:
                db.executescript(_SCHEMA)
                if (version := db.execute("PRAGMA user_version").fetchone()[0]) == 0:
                    db.execute(f"PRAGMA user_version={_FORMAT}")
        else:
            db = _read_only(path)
            version = db.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.Error as error:
        raise _told(error, path) from None
    if version not in (0, _FORMAT):
        raise UsageError(f"{path} was written by another version of l2mac (format {version}); use that version")
    return db


def _read_only(path: Path) -> sqlite3.Connection:
    """Open for reading. `immutable` would hide what still stands in the write-ahead log, so it is the last resort."""
    if not path.exists():
        raise UsageError(f"there is no run at {path.parent.parent}")
    db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, check_same_thread=False)
    try:
        db.execute("SELECT 1 FROM events LIMIT 1")
    except sqlite3.OperationalError:
        if path.with_name(path.name + "-wal").exists():
            raise
        db.close()
        db = sqlite3.connect(f"{path.resolve().as_uri()}?immutable=1", uri=True, check_same_thread=False)
        db.execute("SELECT 1 FROM events LIMIT 1")
    return db


def _told(error: sqlite3.Error, path: Path) -> UsageError:
    """What SQLite says, as what the user can do."""
    said = str(error)
    if "disk is full" in said or "disk I/O" in said:
        return UsageError(f"the disk of {path} is full or failing ({said}); free some space, then `l2mac resume`")
    if "readonly" in said or "unable to open" in said:
        return UsageError(f"the journal {path} can't be opened for writing ({said}); check its folder's permissions")
    return UsageError(f"the journal {path} can't be used ({said}); restore it from a copy")
