"""Files are heard while their reply is on its way, however it is cut into pieces."""

from __future__ import annotations

import json
import random

import pytest

from l2mac.processor.overheard import Overheard
from l2mac.processor.protocol import Message, ToolCall
from l2mac.processor.text_form import spoken

FILES = {
    "a.py": 'def f():\n    return "\\"}" + \'{"path": "no"}\'\n',
    "deep/ü.md": "# Title\n\n```python\nx = 1\n```\n",
    "empty.txt": "",
    "data.json": '{"path": "x", "content": "y: \\u00e9\\n"}\n',
}
ENTRIES = [{"path": path, "content": text} for path, text in FILES.items()]
SHAPES = {
    "one call": json.dumps({"files": ENTRIES}),
    "loosely written": json.dumps({"files": ENTRIES}, indent=2, ensure_ascii=False),
    "content first": json.dumps({"files": [{"content": it["content"], "path": it["path"]} for it in ENTRIES]}),
    "behind talk": 'I write four files; "here" they are.\n' + json.dumps({"files": ENTRIES}),
    "two calls": json.dumps({"files": ENTRIES[:2]}) + json.dumps({"files": ENTRIES[2:]}),
}


def pieces(text, seed):
    chance = random.Random(seed)
    while text:
        size = chance.choice([1, 2, 7, 40, len(text)])
        yield text[:size]
        text = text[size:]


def heard(text, seed=0):
    found = {}
    overheard = Overheard(found.__setitem__)
    overheard('{"files": [{"path": "half.py", "content": "of another reply')
    overheard.begin()
    for piece in pieces(text, seed):
        overheard(piece)
    return found


def test_pieces_can_be_heard_many_at_once():
    found, text = {}, SHAPES["one call"]
    overheard = Overheard(found.__setitem__, 50)
    for piece in text:
        overheard(piece)
    assert 0 < len(found) <= len(FILES) and found.items() <= FILES.items()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("text", SHAPES.values(), ids=SHAPES)
def test_every_file_of_a_call_is_heard(text, seed):
    assert heard(text, seed) == FILES


@pytest.mark.parametrize("seed", range(5))
def test_every_file_of_the_text_protocol_is_heard_but_for_its_inner_fences(seed):
    calls = (ToolCall("1", "write_files", json.dumps({"files": ENTRIES})),)
    found = heard(spoken(Message("assistant", "Here they are.", calls), ()), seed)
    assert found.items() >= {it: FILES[it] for it in ("a.py", "deep/ü.md", "data.json")}.items()


def test_a_file_is_heard_as_soon_as_it_is_complete():
    found = {}
    overheard = Overheard(found.__setitem__)
    for piece in json.dumps({"files": ENTRIES})[:-40]:
        overheard(piece)
    assert list(found) == list(FILES)[:3]


@pytest.mark.parametrize(
    "text",
    ['{"path": "a", "content": "\\ud8"}', '{"path": "a", "content": "\\q"}', "```file\n```\n", "\\", '"\\', "{" * 9],
)
def test_what_is_no_file_is_none(text):
    assert heard(text) == {}
