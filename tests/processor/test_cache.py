"""Replies kept across runs."""

import json
import os
from dataclasses import replace

import pytest

from l2mac.errors import TransientError
from l2mac.processor.cache import Cached
from l2mac.processor.patience import Patient
from l2mac.processor.protocol import Message, Reply, Request, Usage
from l2mac.testing import ScriptedProcessor, calls, says

USED = says("first", Usage(10, 2, 3, 1, 0.5))


@pytest.fixture
def run(tmp_path):
    """A processor as each run has its own, over the same folder: `run(script, …)`; the scripted one is `.behind`."""

    def make(*script, **options):
        behind = ScriptedProcessor(script)
        made = Cached(behind, tmp_path / "replies", **options)
        made.behind = behind
        return made

    return make


def at(place, text="Go.", **options):
    return Request(place, (Message("user", text),), **options)


def test_another_run_gets_the_reply_and_it_costs_nothing_and_says_so(run):
    told, heard = [], []
    assert run(USED).complete(at("1/I1/0/1")) == USED
    second = run(notify=told.append)
    kept = second.complete(at("1/I1/0/1"), heard.append)
    assert kept.message == USED.message and kept.usage == replace(USED.usage, cost=0.0)
    assert kept.model == "scripted (kept)" and heard == ["first"] and "kept from an earlier run" in told[0]
    assert second.behind.requests == []


@pytest.mark.parametrize("place", ["1/I1/1/1", "2/I1/0/1", "1/I1/2/9"])
def test_a_fresh_window_and_a_later_epoch_are_retries_and_ask_the_model(run, place):
    run(USED).complete(at("1/I1/0/1"))
    second = run(says("anew"), says("again"))
    assert second.complete(at(place)).message.content == "anew"
    run(says("x")).complete(at(place))
    assert run(says("never kept")).complete(at(place)).message.content == "never kept"


def test_the_same_place_or_request_twice_in_one_run_is_a_retry(run):
    run(USED).complete(at("1/I1/0/1"))
    second = run(says("anew"), says("anew"))
    assert second.complete(at("1/I1/0/1")).message.content == "first"
    assert second.complete(at("1/I1/0/1")).message.content == "anew"
    assert second.complete(at("1/I2/0/1")).message.content == "anew", "another place, but asked with the same words"


@pytest.mark.parametrize(
    "change", [{"text": "Stop."}, {"max_tokens": 7}], ids=["another request", "another bound of the reply"]
)
def test_what_decides_a_reply_is_part_of_the_key(run, change):
    run(USED).complete(at("1/I1/0/1"))
    assert run(says("other")).complete(at("1/I1/0/1", **change)).message.content == "other"
    assert run(says("hot"), settings="temperature 2").complete(at("1/I1/0/1")).message.content == "hot"


@pytest.mark.parametrize("ending", ["cut", "refused"])
def test_a_reply_that_is_no_answer_is_not_kept(run, ending):
    run(Reply(Message("assistant", "ha"), ending)).complete(at("1/I1/0/1"))
    assert run(says("whole")).complete(at("1/I1/0/1")).message.content == "whole"


def test_a_call_that_failed_first_is_kept_when_it_is_answered(run):
    Patient(run(TransientError("x"), USED), 9, lambda seconds: None).complete(at("1/I1/0/1"))
    assert run().complete(at("1/I1/0/1")).message == USED.message


def test_calls_come_back_as_they_were_and_files_are_text_that_only_the_user_reads(run, tmp_path):
    reply = calls(("write_files", {"files": [{"path": "ä.py", "content": "x\n"}]}))
    run(reply).complete(at("1/I1/0/1"))
    (path,) = (tmp_path / "replies").iterdir()
    assert path.stat().st_mode & 0o77 == 0 and "ä.py" in path.read_text()
    assert run().complete(at("1/I1/0/1")).message == reply.message


@pytest.mark.parametrize("spoilt", [b"", b"{", b"[]", b"\xff", b'{"digest": "x", "reply": {}}', None])
def test_a_file_that_is_spoilt_or_another_requests_counts_as_none(run, tmp_path, spoilt):
    run(USED).complete(at("1/I1/0/1"))
    (path,) = (tmp_path / "replies").iterdir()
    other = json.dumps({**json.loads(path.read_text()), "digest": "other"}).encode()
    path.write_bytes(other if spoilt is None else spoilt)
    assert run(says("anew")).complete(at("1/I1/0/1")).message.content == "anew"


def test_a_folder_that_cannot_be_written_loses_no_reply(run, tmp_path):
    (tmp_path / "replies").write_text("in the way")
    assert run(USED).complete(at("1/I1/0/1")) == USED


def test_the_folder_is_bounded_and_the_oldest_go_first(run, tmp_path):
    first = run(*[says("x" * 1_000)] * 10)
    for number in range(10):
        first.complete(at(f"1/I{number}/0/1", f"ask {number}"))
    for age, path in enumerate(sorted((tmp_path / "replies").iterdir(), key=lambda it: it.stat().st_mtime_ns)):
        os.utime(path, (age, age))
    run(says("new"), most=5_000).complete(at("1/I99/0/1", "new"))
    kept = list((tmp_path / "replies").iterdir())
    assert sum(it.stat().st_size for it in kept) <= 5_000 and len(kept) >= 3
    assert run().complete(at("1/I99/0/1", "new")).message.content == "new"
    assert run().complete(at("1/I9/0/1", "ask 9")).message.content == "x" * 1_000
