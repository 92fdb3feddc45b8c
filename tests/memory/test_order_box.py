"""Orders arrive as files, whole or not at all; what is none is refused with a reason."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from l2mac.errors import UsageError
from l2mac.memory.orders import BIGGEST, Note, OrderBox, Pause, RaiseBudget, Resume, Stop, SwitchModel

ORDERS = [
    Pause(), Resume(), Stop(), Note(text="é\r\n🙂"), SwitchModel(model="m"), RaiseBudget(limit="cost", value=2.5)
]  # fmt: skip


@pytest.fixture
def box(tmp_path) -> OrderBox:
    """A box whose folder exists."""
    made = OrderBox(tmp_path / "orders")
    made.folder.mkdir()
    return made


def test_orders_are_given_back_in_the_order_in_which_they_were_given(tmp_path):
    box = OrderBox(tmp_path / "not" / "yet")
    assert list(box.waiting()) == []
    ids = [box.give(order) for order in ORDERS * 5]
    for path in box.folder.iterdir():
        os.utime(path, ns=(0, 0))  # as if all were given within one tick of the disk's clock
    assert list(box.waiting()) == list(zip(ids, ORDERS * 5, strict=True))
    for id in ids:
        box.remove(id)
        box.remove(id)
    assert list(box.folder.iterdir()) == []


def test_the_oldest_order_comes_first_whatever_its_name(box):
    for age, name in enumerate(["c", "a", "b"]):
        (box.folder / f"{name}.json").write_text('{"order": "stop"}')
        os.utime(box.folder / f"{name}.json", ns=(age, age))
    assert [id for id, _ in box.waiting()] == ["c", "a", "b"]


def test_an_order_that_is_not_yet_named_is_not_seen(box):
    (box.folder / ".x.part").write_text('{"order": "stop"}')
    (box.folder / ".x.json.swp").write_text('{"order": "stop"}')
    assert list(box.waiting()) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "Expecting value"),
        (b'{"order": "pause"', "Expecting"),
        (b"\xff\xfe", "decode"),
        (b"[" * 100_000, "recursion"),
        (b"9" * 5000, "digits"),
        (b"null", "dictionary"),
        (b"[]", "dictionary"),
        (b"{}", "Unable to extract tag"),
        (b'{"order": "explode"}', "does not match any of the expected tags"),
        (b'{"order": "stop", "now": true}', "Extra inputs"),
        (b'{"order": "note"}', "Field required"),
        (b'{"order": "note", "text": ""}', "at least 1 character"),
        (json.dumps({"order": "note", "text": "x" * 4001}).encode(), "at most 4000"),
        (b'{"order": "note", "text": "\\ud800"}', "unicode"),
        (b'{"order": "budget", "limit": "cost", "value": -1}', "greater than 0"),
        (b'{"order": "budget", "limit": "cost", "value": 1e999}', "finite"),
        (b'{"order": "budget", "limit": "cost", "value": NaN}', "finite|greater"),
        (b'{"order": "budget", "limit": "love", "value": 1}', "'cost', 'tokens', 'calls' or 'minutes'"),
        (b'{"order": "stop"}' + b" " * BIGGEST, "larger than 1,000,000 bytes"),
    ],
)
def test_what_is_no_order_is_refused_with_a_short_reason(box, text, reason):
    (box.folder / "x.json").write_bytes(text)
    ((id, said),) = box.waiting()
    assert id == "x"
    assert isinstance(said, str)
    assert re.search(reason, said)
    assert "\n" not in said
    assert len(said) < 400


def test_a_file_that_an_editor_marked_as_utf8_is_an_order(box):
    (box.folder / "my-order.json").write_bytes(b'\xef\xbb\xbf{"order": "stop"}\r\n')
    assert list(box.waiting()) == [("my-order", Stop())]


def test_what_is_no_plain_file_is_refused_unread_and_hides_no_other(box, tmp_path):
    (tmp_path / "real.json").write_text('{"order": "stop"}')
    (box.folder / "a.json").symlink_to("/dev/zero")
    (box.folder / "b.json").symlink_to(tmp_path / "real.json")
    (box.folder / "c.json").symlink_to("nowhere")
    os.mkfifo(box.folder / "d.json")
    (box.folder / "e.json").mkdir()
    (box.folder / "bad name.json").touch()
    with open(os.fsencode(box.folder) + b"/\xff.json", "wb"):  # noqa: PTH123
        pass
    (box.folder / "f.json").write_text('{"order": "stop"}')
    said = dict(box.waiting())
    assert said.pop("f") == Stop()
    assert said == dict.fromkeys("abcd", "it is no regular file")
    for id in "abcd":
        box.remove(id)
    assert [id for id, _ in box.waiting()] == ["f"]
    assert (tmp_path / "real.json").exists()


def test_an_order_that_can_not_be_read_is_refused(tmp_path, unprivileged):
    (tmp_path / "x.json").write_text('{"order": "stop"}')
    (tmp_path / "x.json").chmod(0)
    said = unprivileged("from l2mac.memory.orders import OrderBox\nprint(list(OrderBox(here).waiting()))")
    assert "Permission denied" in said


def test_an_order_that_can_not_be_left_is_one_clear_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="no order can be left in"):
        OrderBox(tmp_path / "file").give(Stop())


def test_a_reader_never_sees_half_an_order(box):
    """Another process gives large orders while this one looks."""
    giving = (
        "import sys; from pathlib import Path; from l2mac.memory.orders import Note, OrderBox\n"
        "for _ in range(300): OrderBox(Path(sys.argv[1])).give(Note(text='x' * 4000))"
    )
    giver = subprocess.Popen([sys.executable, "-c", giving, str(box.folder)])
    seen = 0
    while giver.poll() is None or seen < 300:
        for id, order in box.waiting():
            assert order == Note(text="x" * 4000)
            box.remove(id)
            seen += 1
    assert giver.wait() == 0
    assert seen == 300
