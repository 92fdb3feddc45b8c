"""The state of a run is a fold of its journal, at any event."""

import pytest

from l2mac.control.state import following, state
from l2mac.memory.journal import Journal
from l2mac.panel.views import status
from l2mac.testing import calls

from .jobs import build, done, events, program, write


@pytest.fixture
def journal(tmp_path):
    script = [
        program("I1", "I2"),
        calls(write(a_dot_txt="1"), done("a")),
        calls(write(a_dot_txt="2", b_dot_txt="b")),
        calls(("delete_files", {"paths": ["b.txt"]}), done("still a")),
    ]
    codebase, _ = build(script, tmp_path)
    opened = Journal(codebase.path / ".l2mac" / "run.db", writable=False)
    yield opened
    opened.close()


def test_the_state_at_an_event_is_what_it_was_then(journal):
    trunks = {}
    for event in journal.events():
        now = state(journal, at=event.seq)
        trunks[event.seq, event.kind] = dict(now.trunk)
        assert (now.ended is not None) == (event.kind == "ended")
        assert (now.pending is not None) == (event.kind == "retired"), "only between the two is a commit owed"
    changes = [trunk for (_, kind), trunk in trunks.items() if kind == "retired"]
    assert changes == [{"a.txt": "1"}, {"a.txt": "2"}]
    assert next(trunk for (_, kind), trunk in trunks.items() if kind == "checks") == {}


def test_following_a_journal_gives_what_folding_it_gives(tmp_path):
    journal = Journal(tmp_path / "run.db")
    try:
        now = following(journal)
        journal.record("I1/0/0/began", "began", {"base": ""}, "I1")
        journal.record("I1/0/1/blocked", "blocked", "no reason", "no reason")
        journal.begin_epoch("again")
        assert now == state(journal)
        assert now.states() == {}, "what was blocked is tried again in the next epoch"
    finally:
        journal.close()


def test_a_view_needs_nothing_but_the_state(journal):
    told = [status(state(journal, at=event.seq)) for event in journal.events()]
    assert [it["outcome"] for it in told[-2:]] == ["unfinished", "complete"]
    assert told[-1]["loc"] == 1 and [it["commit"] != "" for it in told[-1]["instructions"]] == [True, True]


def test_every_event_stays_below_two_hundred_bytes(tmp_path):
    long = "ß" * 500
    codebase, _ = build(
        [program({"id": "I1", "title": long, "text": long}), calls(write(a_dot_txt=""), done(long))], tmp_path
    )
    for line in events(codebase.path, "key", "kind", "gist", "address"):
        numbers = 3 * 8  # sequence number, time, duration
        assert len("".join(line).encode()) + numbers <= 200, line
