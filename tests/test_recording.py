"""A run whose every request was really answered, with nothing to go by but what the request showed.

`recordings/todo` holds the requests as they were written and the replies as they were given (see its README).
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from l2mac import generate_codebase
from l2mac.processor.manual import ManualProcessor
from l2mac.processor.tape import TapeProcessor, read_tape

from .jobs import commits, files

RECORDING = Path(__file__).parent / "recordings" / "todo"
PROMPT = read_tape(RECORDING / "todo.tape.jsonl")[0].prompt


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def played(tmp_path_factory, told):
    """The recording, played through the whole machine."""
    processor = TapeProcessor(RECORDING / "todo.tape.jsonl", notify=told.append)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("L2MAC_HOME", str(tmp_path_factory.mktemp("home")))
        return generate_codebase(PROMPT, out=tmp_path_factory.mktemp("out"), processor=processor)


def test_the_recorded_run_is_complete_and_every_requirement_is_shown(played):
    assert played.complete, played.ended
    assert all(it.met for it in played.ended.shown) and len(played.ended.shown) >= 5
    assert len(commits(played.path)) == len(played.program.instructions)


def test_the_machine_still_asks_what_it_asked_when_it_was_recorded(played, told):
    assert told == [], "the prompts have changed since: record again"


def test_the_tests_that_it_wrote_pass_by_hand_in_its_folder(played):
    by_hand = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=played.path,
        capture_output=True,
        text=True,
    )
    assert by_hand.returncode == 0, by_hand.stdout


def test_the_program_that_it_wrote_does_what_the_prompt_asks(played, tmp_path):
    def todo(*arguments, **variables):
        command = [sys.executable, str(played.path / "todo.py"), *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env={**os.environ, **variables}, capture_output=True, text=True, timeout=20
        )

    assert todo("add", "buy milk").returncode == todo("add", "call home").returncode == 0
    assert "tasks.json" in files(tmp_path) and "milk" in json.dumps(json.loads((tmp_path / "tasks.json").read_text()))
    assert todo("done", "1").returncode == 0 and todo("remove", "2").returncode == 0
    listed = todo("list").stdout
    assert "buy milk" in listed and "call home" not in listed
    elsewhere = todo("add", "x", TODO_FILE=str(tmp_path / "other.json"))
    assert elsewhere.returncode == 0 and (tmp_path / "other.json").exists()
    for wrong in ([], ["dance"], ["done", "9"], ["remove", "one"]):
        failed = todo(*wrong)
        assert (failed.returncode, len(failed.stderr.splitlines()), failed.stdout) == (2, 1, ""), wrong


def test_the_replies_are_read_again_from_the_folder_as_they_were_given(tmp_path):
    """The desk itself is an answering processor: nobody is asked a second time."""
    desk = tmp_path / "desk"
    desk.mkdir()
    for path in (RECORDING / "desk").iterdir():
        (desk / path.name).write_bytes(path.read_bytes())
    before = files(desk)

    def refuse(text):
        raise AssertionError(f"it asks what it did not ask when it was recorded: {text}")

    codebase = generate_codebase(PROMPT, out=tmp_path, processor=ManualProcessor(desk, poll=0.01, notify=refuse))
    assert codebase.complete
    assert files(desk) == before, "every request was there already, and so was its reply"
