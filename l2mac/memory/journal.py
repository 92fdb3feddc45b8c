"""The journal: the append-only record of everything that cannot be recomputed, and the only authority of a run."""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
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
_SKELETON = 200  # bytes of an event, all columns together
_NUMBERS = 8 + 8 + 8 + 32  # bytes of its sequence number, time, duration and address


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
    epochs are history and never returned. There is one writer: a lock held until the process ends refuses a second. Its
    threads may share it: each event is recorded and told to the observers before the next one is.

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
        self._level = "FULL"
        self._newest: tuple[int, Any] = (
            0,
            None,
        )  # an event's number and value: several want the same, one after the other
        try:
            self._db = _opened(path, writable)
            self._events = {event.key: event for event in self.events()}
        except BaseException:
            if self._lease:
                self._lease.close()
            raise
        self.epoch = max((event.epoch for event in self._events.values()), default=1)

    def step(
        self,
        place: str,
        kind: str,
        form: type[T],
        work: Callable[[], T],
        gist: Callable[[T], str] = str,
        *,
        redoable: bool = False,
    ) -> T:
        """Return the recorded result of a step, or do the work and record what it gave.

        Args:
            place: `instruction/attempt/turn/what`, unique within the epoch.
            kind: the event's kind.
            form: the type of the result; anything that pydantic can turn into JSON and back.
            work: does it. If it raises, nothing is recorded.
            gist: says in a few words what the result is.
            redoable: the work can be done again, and nothing outside rests on it alone. It outlives this process at
                once, and a power cut as soon as something that can't be had again is recorded after it.
        """
        key = f"{self.epoch}/{place}"
        if event := self._events.get(key):
            return self.load(event, form)
        return self._done(key, kind, form, work, gist, redoable)

    def record(self, place: str, kind: str, value: Any, gist: str = "", *, redoable: bool = False) -> None:
        """Record a fact that needs no work, once."""
        key = f"{self.epoch}/{place}"
        if key not in self._events:
            self._done(key, kind, type(value), lambda: value, lambda _: gist, redoable)

    def recorded(self, place: str) -> bool:
        """Whether this epoch holds the result of a step."""
        return f"{self.epoch}/{place}" in self._events

    def find(self, place: str) -> Event:
        """The event of a step that this epoch holds."""
        return self._events[f"{self.epoch}/{place}"]

    def count(self, place: str) -> int:
        """How many events of this epoch have a place that begins so and ends in a number."""
        numbers = itertools.count()
        return next(number for number in numbers if not self.recorded(f"{place}{number}"))

    def knows(self, what: str) -> bool:
        """Whether any event of any epoch is about `what`, the last part of a place."""
        return any(key.endswith(f"/{what}") for key in self._events)

    def begin_epoch(self, why: str, kind: str = "epoch", value: Any = None) -> None:
        """Make all that is recorded history: from here on, nothing of it is returned by `step`.

        Args:
            why: in a few words.
            kind: the event's kind.
            value: what it records; by default why.
        """
        value = why if value is None else value
        self._append(f"{self.epoch + 1}/-/0/0/epoch", kind, why, type(value), value)
        self.epoch += 1

    def copy(self, to: Path, upto: int) -> None:
        """Write a new journal that holds all events up to one, with the same numbers, and everything beside them."""
        db = sqlite3.connect(to)
        try:
            with db:
                self._db.backup(db)
                db.execute("DELETE FROM events WHERE seq > ?", (upto,))
        except sqlite3.Error as error:
            raise _told(error, to) from None
        finally:
            db.close()

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
        known, value = self._newest
        if known != event.seq:
            value = codec(cast(Any, form)).validate_json(self.payload(event))
            self._newest = event.seq, value
        return cast(T, value)

    def keep(self, text: str) -> str:
        """Store a text beside the events; return the address under which `text` finds it."""
        with self._guard:
            self._synchronous("FULL")
            return self._keep(text.encode())

    def text(self, address: str) -> str:
        """Return a text that was kept."""
        return self._blob(address).decode()

    def alone(self) -> AbstractContextManager[object]:
        """While it is held, no other thread records anything, so that the events within follow on each other."""
        return self._guard

    def turn(self, instruction: str) -> None:
        """Wait until what is recorded next is about an instruction. Only going through a record again takes turns."""

    def hands(self, more: int) -> None:
        """Take note of how many threads more, or fewer, are about to record something: of use as above."""

    def close(self) -> None:
        """Close the file and give up the lease."""
        with self._guard:
            self._db.close()
        if self._lease:
            self._lease.close()

    def _done(
        self, key: str, kind: str, form: type[T], work: Callable[[], T], gist: Callable[[T], str], redoable: bool
    ) -> T:
        """Do the work and record it."""
        began = time.monotonic()
        value = work()
        self._append(key, kind, gist(value), form, value, time.monotonic() - began, redoable)
        return value

    def _synchronous(self, level: str) -> None:
        """What the next commit waits for: FULL for the disk, NORMAL leaves that to the next commit that is FULL."""
        if level != self._level and not self._db.in_transaction:
            self._db.execute(f"PRAGMA synchronous={level}")
            self._level = level

    def _append(
        self, key: str, kind: str, gist: str, form: Any, value: Any, took: float = 0.0, redoable: bool = False
    ) -> None:
        payload = codec(form).dump_json(value)
        gist = _cut(" ".join(gist.split()), _SKELETON - _NUMBERS - len(f"{key}{kind}".encode()))
        with self._guard:
            self._synchronous("NORMAL" if redoable else "FULL")
            row = (key, kind, gist, self._keep(payload), self.clock(), round(took, 4))
            try:
                with self._db:
                    cursor = self._db.execute(
                        "INSERT INTO events (key, kind, gist, payload, time, took) VALUES (?, ?, ?, ?, ?, ?)", row
                    )
            except sqlite3.Error as error:
                raise _told(error, self.path) from None
            event = Event(int(cursor.lastrowid or 0), *row)
            self._events[key] = event
            self._newest = event.seq, value
            for observer in self.observers:
                observer(event)

    @staticmethod
    def address(data: bytes) -> str:
        """The content address of a payload or text."""
        return hashlib.sha256(data).hexdigest()[:32]

    def _keep(self, data: bytes) -> str:
        address = self.address(data)
        if not self._query("SELECT 1 FROM blobs WHERE hash = ?", address):
            self._query("INSERT INTO blobs VALUES (?, ?)", address, zlib.compress(data, 6))
        return address

    def _blob(self, address: str) -> bytes:
        rows = self._query("SELECT data FROM blobs WHERE hash = ?", address)
        try:
            return zlib.decompress(rows[0][0])
        except (IndexError, zlib.error):
            raise UsageError(f"the journal {self.path} is damaged: a payload is lost; restore it from a copy") from None

    def _query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        try:
            with self._guard:
                return self._db.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise _told(error, self.path) from None


@cache
def codec(form: Any) -> Any:
    """What turns values of a type into JSON and back."""
    from pydantic import TypeAdapter  # on first use: it takes a tenth of a second

    return TypeAdapter(form)


def in_use(lock: Path) -> bool:
    """Whether a process holds the lease of a run."""
    try:
        with lock.open("r") as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


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


def _cut(gist: str, room: int) -> str:
    """The head of a text, in at most so many bytes."""
    encoded = gist.encode(errors="replace")
    if len(encoded) <= room:
        return encoded.decode()
    return encoded[: max(room - len("…".encode()), 0)].decode(errors="ignore") + "…"


def _opened(path: Path, writable: bool) -> sqlite3.Connection:
    if not writable and not path.exists():
        raise UsageError(f"there is no run at {path.parent.parent}")
    try:
        db = sqlite3.connect(path, check_same_thread=False) if writable else _read_only(path)
    except sqlite3.Error as error:
        raise _told(error, path) from None
    try:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, _FORMAT):
            raise UsageError(f"{path} was written by another version of l2mac (format {version}); use that version")
        if writable:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version={_FORMAT}; COMMIT;")
    except BaseException as error:
        db.close()
        if isinstance(error, sqlite3.Error):
            raise _told(error, path) from None
        raise
    return db


def _read_only(path: Path) -> sqlite3.Connection:
    """Open for reading. `immutable` would hide what still stands in the write-ahead log, so it is the last resort."""
    try:
        return _looked_into(path, "mode=ro")
    except sqlite3.OperationalError:
        log = path.with_name(f"{path.name}-wal")
        if log.exists() and log.stat().st_size:
            raise
        return _looked_into(path, "immutable=1")


def _looked_into(path: Path, how: str) -> sqlite3.Connection:
    db = sqlite3.connect(f"{path.resolve().as_uri()}?{how}", uri=True, check_same_thread=False)
    try:
        db.execute("SELECT 1 FROM events LIMIT 1")
    except BaseException:
        db.close()
        raise
    return db


def _told(error: sqlite3.Error, path: Path) -> UsageError:
    """What SQLite says, as what the user can do."""
    said = str(error)
    if "disk is full" in said or "disk I/O" in said:
        return UsageError(f"the disk of {path} is full or failing ({said}); free some space, then `l2mac resume`")
    if "no such table" in said:
        return UsageError(f"the run at {path.parent.parent} was stopped before it began; start it again")
    if "readonly" in said or "unable to open" in said:
        return UsageError(f"the journal {path} can't be opened ({said}); check its folder's permissions")
    return UsageError(f"the journal {path} can't be used ({said}); restore it from a copy")
