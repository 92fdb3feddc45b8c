"""What a person asks of a running machine."""

import json
import subprocess
import sys
import threading
import time

import pytest

from l2mac import Interrupted, generate_codebase, load_settings, resume
from l2mac.memory.orders import Note, OrderBox, Pause, RaiseBudget, Resume, Stop, SwitchModel
from l2mac.testing import LoopbackProvider, ScriptedProcessor, calls
from l2mac.watcher import Watcher

from .jobs import PLAIN, build, done, events, program, write
from .standard_job import settings

JOB = [program("I1", "I2"), calls(write(a_dot_txt="a"), done()), calls(write(b_dot_txt="b"), done())]


def ordering(folder, at, *orders):
    """A watcher that leaves orders when the first event of a kind has been recorded."""
    given = []

    def event(it):
        if it.kind == at and not given:
            given.extend(OrderBox(folder / ".l2mac" / "orders").give(order) for order in orders)

    return Watcher(event=event)


def l2mac_status(*arguments):
    """What another terminal shows."""
    command = [sys.executable, "-m", "l2mac", "status", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def kinds(folder):
    return [kind for (kind,) in events(folder, "kind")]


def test_a_note_reaches_the_model_with_the_next_instruction_and_those_after_it(tmp_path):
    watcher = ordering(tmp_path / "run", "reply", Note(text="Use British spelling."))
    codebase, processor = build(JOB, tmp_path, name="run", watcher=watcher)
    assert codebase.complete
    assert all("Use British spelling." in request.messages[2].content for request in processor.requests[1:])
    assert kinds(codebase.path).count("order_taken") == 1
    assert list((codebase.path / ".l2mac" / "orders").glob("*.json")) == []


def test_stop_ends_with_130_and_the_run_goes_on_where_it_was(tmp_path):
    watcher = ordering(tmp_path / "run", "committed", Stop())
    with pytest.raises(Interrupted):
        build(JOB, tmp_path, name="run", watcher=watcher)
    assert resume(tmp_path / "run", processor=ScriptedProcessor(JOB[2:])).complete


def test_a_pause_lasts_until_resume(tmp_path):
    box, taken, seen, told = OrderBox(tmp_path / "run" / ".l2mac" / "orders"), threading.Event(), [], []

    def event(it):
        seen.append(it.kind)
        if it.kind == "program":
            box.give(Pause())
        if it.kind == "order_taken" and it.gist == "pause":
            taken.set()

    def go_on():
        taken.wait(20)
        time.sleep(0.5)
        paused = json.loads(l2mac_status(tmp_path / "run", "--json"))
        assert paused["paused"] and paused["working"]
        told.append(l2mac_status(tmp_path / "run").splitlines()[0])
        seen.append("resumed")
        box.give(Resume())

    thread = threading.Thread(target=go_on)
    thread.start()
    codebase, _ = build(JOB, tmp_path, name="run", watcher=Watcher(event=event))
    thread.join()
    assert codebase.complete
    at = seen.index("resumed")
    assert seen[at - 1 : at + 2] == ["order_taken", "resumed", "order_taken"], "nothing is done while it is paused"
    assert told == ["run: paused by order"]
    assert not json.loads(l2mac_status(tmp_path / "run", "--json"))["paused"]


def test_a_raised_budget_is_in_force_at_once_and_after_a_resume(tmp_path):
    tight = load_settings(changes=["budget.calls=2"])
    watcher = ordering(tmp_path / "run", "reply", RaiseBudget(limit="calls", value=3))
    codebase, _ = build(JOB, tmp_path, name="run", watcher=watcher, settings=tight)
    assert codebase.complete


def test_the_model_can_be_switched_while_it_runs(tmp_path):
    asked, taken, replies, box = [], [], iter(JOB), OrderBox(tmp_path / "run" / ".l2mac" / "orders")

    def policy(body):
        asked.append(body["model"])
        return next(replies)

    def event(it):
        if it.kind == "committed" and it.instruction == "I1":
            box.give(SwitchModel(model="stronger"))
        if it.kind == "order_taken":
            taken.append(len(asked))

    with LoopbackProvider(policy, models=("loopback", "stronger")) as provider:
        (tmp_path / "config.yaml").write_text(settings(provider))
        chosen = load_settings(tmp_path / "config.yaml")
        began = {"domain": PLAIN, "out": tmp_path, "name": "run"}
        codebase = generate_codebase("Two files.", **began, settings=chosen, watcher=Watcher(event=event))
    assert codebase.complete and taken == [2]
    assert asked == ["loopback", "loopback", "stronger"]


def test_an_order_that_is_none_is_refused_with_the_reason_and_stops_nothing(tmp_path):
    def event(it):
        folder = tmp_path / "run" / ".l2mac" / "orders"
        if it.kind == "program":
            folder.mkdir()
            (folder / "x.json").write_text(json.dumps({"order": "dance"}))
            (folder / "y.json").write_text("{")

    codebase, _ = build(JOB, tmp_path, name="run", watcher=Watcher(event=event))
    assert codebase.complete and kinds(codebase.path).count("order_refused") == 2
    assert list((codebase.path / ".l2mac" / "orders").glob("*.json")) == []


def test_an_order_is_taken_once_even_if_its_file_comes_back(tmp_path):
    folder = tmp_path / "run" / ".l2mac" / "orders"
    text = Note(text="Once.").model_dump_json()

    def event(it):
        folder.mkdir(exist_ok=True)
        (folder / "same.json").write_text(text)

    codebase, _ = build(JOB, tmp_path, name="run", watcher=Watcher(event=event))
    assert codebase.complete and kinds(codebase.path).count("order_taken") == 1
