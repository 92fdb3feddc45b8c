"""The journal keeps every acknowledged step, never half of one, and never rewrites anything."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from l2mac.errors import UsageError
from l2mac.memory.journal import Journal


@dataclass(frozen=True)
class Fruit:
    name: str
    seeds: tuple[int, ...] = ()


def never():
    raise AssertionError("a recorded step was done again")


def rows(path: Path) -> list[tuple]:
    with contextlib.closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT * FROM events ORDER BY seq").fetchall()


# ---- steps and epochs


def test_a_recorded_step_is_returned_and_not_done_again(open_journal):
    journal = open_journal(clock=lambda: 1000.5)
    fruit = Fruit("é\r\n\0", (1, 2))
    assert journal.step("I1/0/0/reply", "reply", Fruit, lambda: fruit) == fruit
    assert journal.step("I1/0/0/reply", "reply", Fruit, never) == fruit
    journal.close()
    again = open_journal()
    assert again.step("I1/0/0/reply", "reply", Fruit, never) == fruit
    (event,) = again.events()
    assert (event.seq, event.key, event.place, event.instruction) == (1, "1/I1/0/0/reply", "I1/0/0/reply", "I1")
    assert event.time == 1000.5


def test_a_step_that_raises_leaves_nothing_and_can_be_done_later(open_journal):
    journal = open_journal()
    with pytest.raises(ZeroDivisionError):
        journal.step("I1/0/0/reply", "reply", int, lambda: 1 // 0)
    with pytest.raises(ValueError, match="gist"):
        journal.step("I1/0/0/reply", "reply", int, lambda: 1, lambda value: [].index("gist"))
    assert not list(journal.events())
    assert not journal.recorded("I1/0/0/reply")
    assert journal.step("I1/0/0/reply", "reply", int, lambda: 7) == 7


def test_an_epoch_hides_what_was_recorded_before_it(open_journal):
    journal = open_journal()
    journal.record("I1/0/0/reply", "reply", "old")
    journal.begin_epoch("undo")
    assert not journal.recorded("I1/0/0/reply")
    assert journal.step("I1/0/0/reply", "reply", str, lambda: "new") == "new"
    journal.close()
    again = open_journal()
    assert again.epoch == 2
    assert again.step("I1/0/0/reply", "reply", str, never) == "new"
    assert [event.kind for event in again.events()] == ["reply", "epoch", "reply"]
    assert again.count("I1/0/") == 0
    assert again.knows("reply")
    assert not again.knows("ply")


def test_observers_see_each_event_once_and_after_it_is_safe(open_journal):
    journal = open_journal()
    seen = []
    journal.observers.append(lambda event: seen.append((event.seq, len(rows(journal.path)))))
    journal.record("I1/0/0/a", "a", 1)
    journal.record("I1/0/0/a", "a", 1)
    journal.record("I1/0/0/b", "b", 1)
    assert seen == [(1, 1), (2, 2)]


def test_the_disk_is_waited_for_where_what_is_recorded_can_not_be_had_again(open_journal):
    """A commit waits for it at level 2 (FULL), which brings all before it to the disk too, and not at 1 (NORMAL)."""
    journal = open_journal()
    levels = []

    def level():
        return journal._db.execute("PRAGMA synchronous").fetchone()[0]

    journal.observers.append(lambda event: levels.append(level()))
    journal.step("I1/0/0/a", "a", int, lambda: 1)
    journal.step("I1/0/0/b", "b", int, lambda: 1, redoable=True)
    assert len(rows(journal.path)) == 2  # others see it all the same
    journal.record("I1/0/0/c", "c", 1, redoable=True)
    journal.record("I1/0/0/d", "d", 1)
    journal.keep("a text that the next event names")
    journal.record("I1/0/0/e", "e", 1, redoable=True)
    assert levels == [2, 1, 1, 2, 2]


# ---- what stands in the file


def test_the_same_text_is_stored_once(open_journal):
    journal = open_journal()
    first = journal.keep("text\r\n")
    assert journal.keep("text\r\n") == first
    assert journal.text(first) == "text\r\n"
    for turn in range(3):
        journal.record(f"I1/0/{turn}/reply", "reply", "the same")
    with contextlib.closing(sqlite3.connect(journal.path)) as db:
        assert db.execute("SELECT count(*) FROM blobs").fetchone() == (2,)


@pytest.mark.parametrize("gist", ["x" * 1000, "名" * 1000, "🙂" * 1000, "a\n\n  b\t" * 500, "\ud800" * 500, ""])
@pytest.mark.parametrize("place", ["I1/0/0/reply", f"I10/3/12/order-{'f' * 64}"])
def test_the_skeleton_of_an_event_is_below_200_bytes(open_journal, gist, place):
    journal = open_journal()
    journal.step(place, "order_refused", str, lambda: "payload " * 1000, lambda _: gist)
    (row,) = rows(journal.path)
    assert sum(len(str(value).encode()) if isinstance(value, str) else 8 for value in row) <= 200
    assert "\n" not in row[3]
    assert row[3] == " ".join(gist.split()) or row[3].endswith(("…", "?"))


def test_nothing_recorded_is_ever_updated_or_deleted(open_journal):
    journal = open_journal()
    journal.close()
    with contextlib.closing(sqlite3.connect(journal.path)) as db:
        for table in ("events", "blobs"):
            for verb in ("UPDATE", "DELETE"):
                db.execute(
                    f"CREATE TRIGGER {table}_{verb} BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, 'no'); END"
                )
    for value in range(2):
        journal = open_journal()
        journal.keep("text")
        journal.record("I1/0/0/a", "a", value)
        journal.begin_epoch("again")
        before = rows(journal.path)
        journal.record("I1/0/0/a", "a", value)
        assert rows(journal.path)[: len(before)] == before
        journal.close()


def test_a_step_recorded_by_its_own_work_is_not_written_over(open_journal):
    journal = open_journal()
    with pytest.raises(UsageError, match="UNIQUE"):
        journal.step("I1/0/0/a", "a", int, lambda: journal.record("I1/0/0/a", "a", 1) or 2)
    (event,) = journal.events()
    assert journal.load(event, int) == 1


# ---- one writer, many readers


def test_a_second_writer_is_refused_and_disturbs_nothing(open_journal):
    journal = open_journal()
    with pytest.raises(UsageError, match="another process is at work"):
        open_journal()
    elsewhere = (
        f"from l2mac.memory.journal import Journal; from pathlib import Path; Journal(Path({str(journal.path)!r}))"
    )
    done = subprocess.run([sys.executable, "-c", elsewhere], capture_output=True, text=True, check=False)
    assert "another process is at work" in done.stderr
    journal.record("I1/0/0/a", "a", 1)
    journal.close()
    assert len(list(open_journal().events())) == 1


def test_a_reader_sees_the_newest_events_while_the_writer_is_open(open_journal):
    writer = open_journal()
    writer.record("I1/0/0/a", "a", "first")
    reader = open_journal(writable=False)
    assert len(list(reader.events())) == 1
    writer.record("I1/0/0/b", "b", "second")
    assert [reader.load(event, str) for event in reader.events()] == ["first", "second"]
    assert [event.kind for event in reader.events(after=1)] == ["b"]
    assert len(list(open_journal(writable=False).events())) == 2


def test_a_reader_can_not_write(open_journal):
    open_journal().record("I1/0/0/a", "a", 1)
    reader = open_journal(writable=False)
    with pytest.raises(UsageError):
        reader.record("I1/0/0/b", "b", 1)
    with pytest.raises(UsageError):
        reader.keep("text")


def test_the_events_of_a_killed_writer_are_read_from_its_log(open_journal, tmp_path):
    """A copy taken in mid-run, as a crash leaves it: what stands in the write-ahead log counts."""
    writer = open_journal()
    writer.record("I1/0/0/a", "a", 1)
    copy = tmp_path / "copy" / ".l2mac"
    shutil.copytree(writer.path.parent, copy)
    assert (copy / "run.db-wal").stat().st_size
    assert len(list(open_journal(copy / "run.db", writable=False).events())) == 1


READ = """
from l2mac.memory.journal import Journal
print(len(list(Journal(here / ".l2mac" / "run.db", writable=False).events())))
"""


def test_a_cleanly_closed_journal_is_read_where_nothing_can_be_written(open_journal, tmp_path, unprivileged):
    journal = open_journal(tmp_path / ".l2mac" / "run.db")
    journal.record("I1/0/0/a", "a", 1)
    journal.close()
    assert sorted(path.name for path in journal.path.parent.iterdir()) == ["lock", "run.db"]
    journal.path.chmod(0o444)
    journal.path.parent.chmod(0o555)
    try:
        assert unprivileged(READ) == "1\n"
        (journal.path.with_name("run.db-wal")).touch()  # what a reader leaves behind
        assert unprivileged(READ) == "1\n"
    finally:
        journal.path.parent.chmod(0o755)
    assert sorted(path.name for path in journal.path.parent.iterdir()) == ["lock", "run.db", "run.db-wal"]


def test_a_log_that_can_not_be_read_along_is_an_error_and_never_passed_over(open_journal, tmp_path, unprivileged):
    journal = open_journal()
    journal.record("I1/0/0/a", "a", 1)
    shutil.copytree(journal.path.parent, tmp_path / ".l2mac", ignore=shutil.ignore_patterns("*-shm"))
    subprocess.run(["chmod", "-R", "a+rX,a-w", tmp_path / ".l2mac"], check=True)
    said = unprivileged(f"try:\n exec({READ!r})\nexcept Exception as error: print(type(error).__name__, error)")
    assert said.startswith("UsageError the journal ")
    assert "can't be opened" in said


# ---- damage


def test_a_run_that_is_not_there_or_never_began_is_told_so(open_journal, tmp_path):
    with pytest.raises(UsageError, match="there is no run"):
        Journal(tmp_path / "x" / ".l2mac" / "run.db", writable=False)
    (tmp_path / "run.db").touch()
    with pytest.raises(UsageError, match="stopped before it began"):
        open_journal(tmp_path / "run.db", writable=False)


@pytest.fixture
def closed(open_journal) -> Path:
    """A journal of some pages, closed."""
    journal = open_journal()
    for turn in range(50):
        journal.record(f"I1/0/{turn}/reply", "reply", random.Random(turn).randbytes(900).hex())
    journal.close()
    return journal.path


def damage_garbage(data: bytes) -> bytes:
    return b"garbage " * 1000


def damage_torn(data: bytes) -> bytes:
    return data[:-6000]


def damage_short(data: bytes) -> bytes:
    return data[:5000]


def damage_version(data: bytes) -> bytes:
    return data[:60] + (99).to_bytes(4, "big") + data[64:]


@pytest.mark.parametrize("writable", [True, False])
@pytest.mark.parametrize("damage", [damage_garbage, damage_torn, damage_short, damage_version])
def test_a_damaged_journal_is_one_clear_line_and_stays_untouched(closed, open_journal, damage, writable):
    closed.write_bytes(damage(closed.read_bytes()))
    before = closed.read_bytes()
    with pytest.raises(UsageError) as told:
        journal = open_journal(closed, writable=writable)
        for event in journal.events():
            journal.payload(event)
    assert "\n" not in str(told.value)
    assert str(closed) in str(told.value)
    assert closed.read_bytes() == before


@pytest.mark.parametrize("sql", ["UPDATE blobs SET data = x'00ff'", "DELETE FROM blobs"])
def test_a_payload_that_is_lost_is_one_clear_line(closed, open_journal, sql):
    with contextlib.closing(sqlite3.connect(closed)) as db, db:
        db.execute(sql)
    journal = open_journal(closed)
    with pytest.raises(UsageError, match="a payload is lost"):
        journal.payload(next(journal.events()))


# ---- crashes


WRITER = """
import sys
from pathlib import Path
from l2mac.memory.journal import Journal

journal = Journal(Path(sys.argv[1]))
turn = len(list(journal.events()))
while True:
    address = journal.keep(f"text {turn}" * 50)
    journal.record(f"I1/0/{turn}/reply", "reply", [turn, address])
    turn += 1
    print(turn, flush=True)
"""


def test_a_killed_writer_loses_no_acknowledged_step_and_leaves_no_half_one(tmp_path, open_journal):
    path = tmp_path / "run.db"
    chance = random.Random(0)
    for _ in range(15):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
        try:
            first = int(writer.stdout.readline())
            time.sleep(chance.random() * 0.03)
        finally:
            writer.send_signal(signal.SIGKILL)
            told = writer.stdout.read().split("\n")
            writer.wait()
            writer.stdout.close()
        acknowledged = int(told[-2]) if len(told) > 1 else first
        journal = open_journal(path)  # the lease is free at once
        events = list(journal.events())
        assert acknowledged <= len(events) <= acknowledged + 1
        for turn, event in enumerate(events):
            recorded, address = journal.load(event, list)
            assert (recorded, event.place) == (turn, f"I1/0/{turn}/reply")
            assert journal.text(address) == f"text {turn}" * 50
        journal.close()


FILLING = """
import sys
from pathlib import Path
from l2mac.errors import UsageError
from l2mac.memory.journal import Journal

journal, turn = Journal(Path(sys.argv[1])), 0
try:
    while turn < 500:
        kept = journal.keep(__import__("random").Random(turn).randbytes(3000).hex())
        journal.record(f"I1/0/{turn}/reply", "reply", [turn, kept])
        turn += 1
except UsageError as error:
    print(turn, error)
"""


def _limited():
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))


@contextlib.contextmanager
def _small_disk(folder: Path):
    folder.mkdir()
    if (
        os.geteuid()
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", folder], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("a small disk can't be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.parametrize("how", ["the disk is full", "a file may not grow"])
def test_a_full_disk_is_told_and_loses_nothing(tmp_path, open_journal, how):
    path = tmp_path / "disk" / "run.db"
    with _small_disk(path.parent) if how == "the disk is full" else contextlib.nullcontext(path.parent.mkdir()):
        done = subprocess.run(
            [sys.executable, "-c", FILLING, str(path)],
            capture_output=True,
            text=True,
            check=True,
            preexec_fn=None if how == "the disk is full" else _limited,
        )
        acknowledged, said = done.stdout.split(" ", 1)
        assert int(acknowledged) > 5
        assert said.startswith(f"the disk of {path} is full or failing")
        shutil.copytree(path.parent, tmp_path / "larger")
    journal = open_journal(tmp_path / "larger" / "run.db")
    events = list(journal.events())
    assert len(events) == int(acknowledged)
    assert all(len(journal.text(journal.load(event, list)[1])) == 6000 for event in events)
    journal.record(f"I1/0/{acknowledged}/reply", "reply", "goes on")
