"""A person as the processor."""

import json
import threading
from dataclasses import replace

import pytest

from l2mac.processor.manual import ManualProcessor
from l2mac.processor.manual_page import render
from l2mac.processor.manual_reply import read_json, read_text
from l2mac.processor.protocol import Message, ToolSpec
from l2mac.testing import calls

WRITE = {"files": [{"path": "a.py", "content": "x = 1\n"}]}


class Stop(Exception):
    """Ends a wait in which nobody answers."""


class Desk:
    """A person who does the next thing of a list at each look of the processor, and then leaves."""

    def __init__(self, folder, *acts):
        self.folder = folder
        self.acts = list(acts)
        self.told: list[str] = []

    def processor(self):
        return ManualProcessor(self.folder, 0.0, self.told.append, self.sleep)

    def sleep(self, seconds):
        if not self.acts:
            raise Stop
        act = self.acts.pop(0)
        if act is not None:
            name, text = act
            (self.folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())

    def answers(self, request):
        return self.processor().complete(request)

    def names(self):
        return sorted(path.name for path in self.folder.iterdir())


def save(name, text):
    """Save a file, and give the processor time for the second look that finds it unchanged."""
    return [(name, text), None, None]


def test_a_request_is_a_page_to_read_and_a_file_for_programs(tmp_path, request_):
    desk = Desk(tmp_path / "desk")
    with pytest.raises(Stop):
        desk.answers(request_)
    assert desk.names() == ["0001.request.json", "0001.request.md"]
    page = (desk.folder / "0001.request.md").read_text()
    for text in ("instruction I1", "Go.", "**read_files**(path: string)", "0001.reply.md", "100 tokens"):
        assert text in page
    data = json.loads((desk.folder / "0001.request.json").read_text())
    assert (data["place"], data["digest"], data["max_tokens"]) == ("1/I1/0/0", request_.digest, 100)
    assert [message["content"] for message in data["messages"]] == ["You are a processor.", "Go."]
    assert data["tools"][0]["name"] == "read_files"
    assert "0001.request.md" in desk.told[0]


def test_the_examples_on_the_page_are_read_as_what_they_show(request_):
    offered = replace(request_, tools=(ToolSpec("write_files", "", {}), *request_.tools))
    page = render("0001", offered)
    assert "````file" not in render("0001", request_), "only what is offered is explained"
    examples = page[page.index("## How to answer") : page.index("## Tools")]
    write, read = read_text(examples, "p").message.tool_calls
    assert json.loads(write.arguments) == {"files": [{"path": "path/to/file.py", "content": 'print("hello")\n'}]}
    assert (read.name, json.loads(read.arguments)) == ("read_files", {"argument": "value"})


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"content": "done", "tool_calls": [{"name": "write_files", "arguments": WRITE}]}),
        json.dumps({"content": "done", "tool_calls": [{"name": "write_files", "arguments": json.dumps(WRITE)}]}),
        json.dumps(
            {"content": "done", "tool_calls": [{"id": "x", "function": {"name": "write_files", "arguments": WRITE}}]}
        ),
    ],
)
def test_a_reply_in_json_is_read_in_every_usual_form(tmp_path, request_, text):
    reply = Desk(tmp_path, *save("0001.reply.json", text)).answers(request_)
    assert (reply.message.content, reply.ending, reply.usage.cost) == ("done", "called", None)
    assert [(call.name, json.loads(call.arguments)) for call in reply.message.tool_calls] == [("write_files", WRITE)]


def test_a_bare_list_of_calls_is_a_reply(tmp_path, request_):
    text = json.dumps([{"name": "a", "arguments": {}}, {"name": "b"}])
    reply = Desk(tmp_path, *save("0001.reply.json", text)).answers(request_)
    assert [(call.name, call.arguments) for call in reply.message.tool_calls] == [("a", "{}"), ("b", "{}")]
    assert len({call.id for call in reply.message.tool_calls}) == 2


@pytest.mark.parametrize("kind", ["md", "txt"])
def test_a_reply_in_text_holds_files_without_any_escaping(tmp_path, request_, kind):
    text = (
        "Here it is.\n\n"
        '```file src/a.py\nprint("\\n")\n\n```\n'
        "````file README.md\n# A\n```sh\nls\n```\n````\n"
        '```tool complete_instruction\n{"summary": "done"}\n```\n'
        "```file empty.txt\n```\n"
        "That was all.\n```python\nnot_a_call()\n```\n"
    )
    reply = Desk(tmp_path, *save(f"0001.reply.{kind}", text)).answers(request_)
    write, complete = reply.message.tool_calls
    assert json.loads(write.arguments)["files"] == [
        {"path": "src/a.py", "content": 'print("\\n")\n\n'},
        {"path": "README.md", "content": "# A\n```sh\nls\n```\n"},
        {"path": "empty.txt", "content": ""},
    ]
    assert (write.name, complete.name, json.loads(complete.arguments)) == (
        "write_files",
        "complete_instruction",
        {"summary": "done"},
    )
    assert reply.message.content.startswith("Here it is.")
    assert reply.message.content.endswith("That was all.\n```python\nnot_a_call()\n```")
    assert "README" not in reply.message.content


def test_text_without_blocks_is_what_is_said(tmp_path, request_):
    reply = Desk(tmp_path, *save("0001.reply.md", "I do not\nunderstand `this`.\n")).answers(request_)
    assert (reply.ending, reply.message) == ("said", Message("assistant", "I do not\nunderstand `this`."))


def test_line_ends_of_a_file_block_are_kept():
    reply = read_text("```file a.bat\r\necho\r\n```\r\n", "p")
    assert json.loads(reply.message.tool_calls[0].arguments)["files"][0] == {"path": "a.bat", "content": "echo\r\n"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"content": "half', "not JSON"),
        ('"text"', "must be an object"),
        ('{"contents": "x"}', "unknown key 'contents'"),
        ('{"content": 1}', "`content` must be a string"),
        ('{"tool_calls": {}}', "`tool_calls` must be a list"),
        ('{"tool_calls": [{}]}', r"tool_calls\[0\] needs a `name`"),
        ('[{"name": "a", "arguments": 1}]', "arguments must be an object"),
        ('[{"name": "a", "arguments": "{"}]', "a string that is not JSON"),
        ("{}", "empty"),
    ],
)
def test_a_json_reply_in_the_wrong_form_is_refused_with_the_reason(text, why):
    with pytest.raises(ValueError, match=why):
        read_json(text, "p")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x\n```tool a\n{broken\n```", "line 2: the arguments of a are not JSON"),
        ("```tool a\n[]\n```", "must be a JSON object"),
        ("```tool\n{}\n```", "a name after it"),
        ("```file\nx\n```", "a name after it"),
        ("````file a\nx\n```\n", "line 1: .* never closed"),
        ("\n \n", "empty"),
    ],
)
def test_a_text_reply_in_the_wrong_form_is_refused_with_the_reason(text, why):
    with pytest.raises(ValueError, match=why):
        read_text(text, "p")


def test_a_bad_reply_is_moved_aside_and_the_wait_goes_on(tmp_path, request_):
    bad, worse = '{"content": "half', b"\xff\xfe"
    acts = save("0001.reply.json", bad) + save("0001.reply.json", worse) + save("0001.reply.md", "```tool a\n{\n```")
    desk = Desk(tmp_path, *acts)
    with pytest.raises(Stop):
        desk.answers(request_)
    assert (tmp_path / "0001.reply.bad-1.json").read_text() == bad
    assert (tmp_path / "0001.reply.bad-2.json").read_bytes() == worse
    assert "0001.reply.bad-1.md" in desk.names()
    assert "line 1" in (tmp_path / "0001.reply.error.txt").read_text()
    assert len(desk.told) == 4
    desk.acts = save("0001.reply.json", '{"content": "whole"}')
    assert desk.answers(request_).message.content == "whole"
    assert "0001.reply.error.txt" not in desk.names()


def test_a_reply_that_is_still_being_saved_is_not_taken(tmp_path, request_):
    acts = [("0001.reply.md", ""), ("0001.reply.md", "one"), ("0001.reply.md", "one two"), None]
    assert Desk(tmp_path, *acts).answers(request_).message.content == "one two"


def test_a_run_that_was_killed_does_not_ask_again(tmp_path, request_):
    first = Desk(tmp_path)
    with pytest.raises(Stop):
        first.answers(request_)
    second = Desk(tmp_path, *save("0001.reply.md", "here"))
    assert second.answers(request_).message.content == "here"
    third = Desk(tmp_path, None)
    assert third.answers(request_).message.content == "here"
    assert len(second.told) == 1 and "0001.request.md" in second.told[0], "it says what it is waiting for"
    assert third.told == []


def test_numbers_go_on_after_those_in_the_folder(tmp_path, request_):
    for turn in range(3):
        with pytest.raises(Stop):
            Desk(tmp_path).answers(replace(request_, place=f"1/I1/0/{turn}"))
    changed = replace(request_, messages=(Message("user", "other"),))
    with pytest.raises(Stop):
        Desk(tmp_path).answers(changed)
    assert [name for name in Desk(tmp_path).names() if name.endswith("json")] == [
        f"000{number}.request.json" for number in (1, 2, 3, 4)
    ]


def test_what_is_new_stands_before_what_was_shown(tmp_path, request_):
    with pytest.raises(Stop):
        Desk(tmp_path).answers(request_)
    asked = calls(("read_files", {"path": "a"}))
    more = (asked.message, Message("tool", "ok\n```\nx\n```", tool_call_id=asked.message.tool_calls[0].id))
    second = replace(request_, place="1/I1/0/1", messages=request_.messages + more)
    with pytest.raises(Stop):
        Desk(tmp_path).answers(second)
    page = (tmp_path / "0002.request.md").read_text()
    new, how, before = (
        page.index(text) for text in ("New since request 0001", "## How to answer", "## Before that: 2")
    )
    assert (
        new < page.index("your answer to 0001, with the calls read_files") < page.index("````\nok\n```") < how < before
    )
    assert page.index("You are a processor.") > before
    # Another attempt is another conversation: everything is new there.
    with pytest.raises(Stop):
        Desk(tmp_path).answers(replace(second, place="1/I1/1/0"))
    page = (tmp_path / "0003.request.md").read_text()
    assert "fresh window" in page
    assert "Before that" not in page


def test_a_tool_is_one_line_with_its_arguments(request_):
    items = {
        "type": "object",
        "properties": {"path": {"type": "string"}, "start": {"type": "integer"}},
        "required": ["path"],
    }
    schema = {
        "type": "object",
        "properties": {
            "requests": {"type": "array", "items": items},
            "how": {"enum": ["a", "b"]},
            "x": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        },
        "required": ["requests"],
    }
    page = render("0001", replace(request_, tools=(ToolSpec("read", "Reads.\nMuch.", schema),)))
    assert (
        '- **read**(requests: [{path: string, start?: integer}], how?: "a" | "b", x?: string | null): Reads. Much.'
        in page
    )


def test_a_person_in_another_thread_can_answer(tmp_path, request_):
    asked = threading.Event()
    processor = ManualProcessor(tmp_path, 0.01, lambda text: asked.set())
    heard: list[str] = []

    def person():
        asked.wait(5)
        (tmp_path / "0001.reply.txt").write_text("hello")

    thread = threading.Thread(target=person)
    thread.start()
    assert processor.complete(request_, heard.append).message.content == "hello"
    assert (heard, processor.name) == (["hello"], "manual")
    thread.join()
