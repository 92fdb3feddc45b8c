"""Tapes, and replies as JSON."""

import json
from dataclasses import replace

import pytest

from l2mac.errors import ProcessorError, UsageError
from l2mac.processor.codec import call_id, decode_reply, encode_reply
from l2mac.processor.protocol import Message, Reply, Usage
from l2mac.processor.tape import TapeEntry, TapeHeader, TapeProcessor, read_tape, write_tape
from l2mac.testing import calls, says

HEADER = TapeHeader("snake", "gpt-5", "Write snake.\nWell.")
WRITE = replace(calls(("write_files", {"files": []}), content="ä\u2028"), usage=Usage(10, 2, 3, 1, 0.5), model="gpt-5")


def tape(path, *entries):
    write_tape(path, HEADER, entries)
    return path


def test_what_is_written_on_a_tape_is_read_from_it(tmp_path):
    entries = [TapeEntry("1/I1/0/0", "d1", WRITE), TapeEntry("1/I1/0/1", "d2", says("ok"))]
    assert read_tape(tape(tmp_path / "a.jsonl", *entries)) == (HEADER, entries)
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]
    assert json.loads((tmp_path / "a.jsonl").read_text().split("\n")[0])["tape"] == 1


def test_a_tape_answers_by_place_in_any_epoch_and_costs_nothing(tmp_path, request_):
    processor = TapeProcessor(tape(tmp_path / "a.jsonl", TapeEntry("1/I1/0/0", request_.digest, WRITE)))
    told: list[str] = []
    reply = processor.complete(replace(request_, place="7/I1/0/0"), told.append)
    assert reply == replace(WRITE, usage=replace(WRITE.usage, cost=0.0))
    assert (told, processor.name) == (["ä\u2028"], "tape snake")


def test_a_missing_answer_ends_the_run_and_names_the_place(tmp_path, request_):
    processor = TapeProcessor(tape(tmp_path / "a.jsonl", TapeEntry("1/I1/0/0", request_.digest, WRITE)))
    with pytest.raises(ProcessorError, match="I1/0/1") as raised:
        processor.complete(replace(request_, place="1/I1/0/1"))
    assert raised.value.exit_code == 3


def test_another_request_than_the_recorded_one_is_told_once_for_each_reply(tmp_path, request_):
    told: list[str] = []
    path = tape(tmp_path / "a.jsonl", TapeEntry("1/I1/0/0", "other", WRITE), TapeEntry("1/I1/0/1", "other", WRITE))
    processor = TapeProcessor(path, told.append)
    for place in ("1/I1/0/0", "1/I1/0/0", "1/I1/0/1"):
        processor.complete(replace(request_, place=place))
    assert [text.split(" at ")[1].split(" ")[0] for text in told] == ["I1/0/0", "I1/0/1"]


def test_the_last_answer_to_a_place_counts(tmp_path, request_):
    path = tape(tmp_path / "a.jsonl", TapeEntry("1/I1/0/0", "", WRITE), TapeEntry("2/I1/0/0", "", says("later")))
    assert TapeProcessor(path).complete(request_).message.content == "later"


HEAD = '{"tape": 1, "name": "x"}\n'
LINE = {"place": "1/I1/0/0", "digest": "", "reply": encode_reply(says("x"))}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "line 1"),
        ("hello", "line 1"),
        ('{"tape": 2}', '"tape": 1'),
        (HEAD + "{", "line 2"),
        (HEAD + json.dumps({**LINE, "place": 1}), 'line 2: a reply needs "place"'),
        (HEAD + json.dumps(LINE) + "\n" + json.dumps({**LINE, "reply": {}}), "line 3: reply lacks"),
    ],
)
def test_a_file_that_is_no_tape_is_refused_with_its_line(tmp_path, text, why):
    (tmp_path / "a").write_text(text)
    with pytest.raises(UsageError, match=why):
        TapeProcessor(tmp_path / "a")


def test_a_tape_that_is_not_there_is_a_mistake_of_the_user(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        TapeProcessor(tmp_path / "none")


@pytest.mark.parametrize(
    "reply",
    [
        says("x"),
        WRITE,
        Reply(Message("assistant", "no"), "refused"),
        replace(WRITE, ending="cut", usage=Usage(cost=None)),
    ],
)
def test_a_reply_survives_json(reply):
    assert decode_reply(json.loads(json.dumps(encode_reply(reply)))) == reply


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"ending": "done"}, "ending is 'done'"),
        ({"extra": 1}, "unknown key 'extra'"),
        ({"content": None}, "content has the wrong type"),
        ({"tool_calls": [{"id": "a", "name": "b"}]}, r"tool_calls\[0\] lacks 'arguments'"),
        ({"usage": {"prompt": 1}}, "usage lacks"),
        ({"usage": {**encode_reply(says(""))["usage"], "prompt": True}}, "prompt has the wrong type"),
    ],
)
def test_a_reply_in_the_wrong_form_is_refused_by_the_name_of_what_is_wrong(change, why):
    with pytest.raises(ValueError, match=why):
        decode_reply({**encode_reply(says("x")), **change})


def test_made_ids_depend_on_place_and_index_only():
    ids = [call_id("1/I1/0/0", 0), call_id("1/I1/0/0", 1), call_id("1/I1/0/1", 0)]
    assert len(set(ids)) == 3
    assert ids[0] == call_id("1/I1/0/0", 0)
    assert all(len(id) == 9 and id.isalnum() for id in ids)
