"""However a run with several lanes ends, nothing is lost, and it goes on from there."""

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from l2mac import Interrupted, past
from l2mac.control.state import state
from l2mac.errors import ProcessorError, TransientError
from l2mac.memory.git import Git
from l2mac.memory.journal import Journal
from l2mac.memory.orders import OrderBox, Pause, RaiseBudget, Stop
from l2mac.memory.orders import Resume as GoOn
from l2mac.processor.patience import Gate, Patient
from l2mac.processor.protocol import Request, Usage
from l2mac.testing import calls, says
from l2mac.watcher import Watcher

from .jobs import done, events, files, git, write
from .test_crash import Death, die_after
from .test_lanes import FOUR, ONE, append, assert_sound, go_on, kinds, make, meeting, program, step, wide

CHILD = """
import sys, threading
from pathlib import Path
from l2mac import generate_codebase, load_settings, resume
from tests.jobs import PLAIN
from tests.test_lanes import Placed
from tests.test_lanes_ending import killable

out = Path(sys.argv[1])
settings = load_settings(changes=["run.lanes=4", "llm.window=32000"])
processor = Placed(killable(float(sys.argv[2])))
if (out / "run" / ".l2mac" / "run.db").exists():
    resume(out / "run", processor=processor, settings=settings)
else:
    generate_codebase("Do something small.", out=out, name="run", processor=processor, settings=settings, domain=PLAIN)
"""


def killable(delay=0.0):
    """Sixteen instructions, of which twelve change one file in lines of their own and four the same line of another."""
    lines = "".join(f"line {number}\n\n\n\n" for number in range(12))

    def slowly(answer):
        def wait(request):
            time.sleep(delay)
            return answer(request) if callable(answer) else answer

        return wait

    def edited(number):
        edit = {"find": f"line {number}\n", "replace": f"line {number} is done\n"}
        return [calls(("edit_file", {"path": "lines.txt", "edits": [edit]})), calls(done(f"Line {number}."))]

    parts = {f"E{number}": edited(number) for number in range(12)}
    parts |= {f"S{number}": append(f"{number}\n") for number in range(4)}
    plan = program(step("I1"), *(step(id, ["I1"]) for id in parts))
    base = [calls(write(lines_dot_txt=lines, shared_dot_txt="0\n"), done())]
    script = {"I0": [plan], "I1": base, **parts}
    return {id: [slowly(it) for it in replies] for id, replies in script.items()}


def assert_killable(codebase):
    assert codebase["lines.txt"].count("is done") == 12
    assert sorted(codebase["shared.txt"].split()) == ["0", "0", "1", "2", "3"]


@pytest.mark.slow
def test_a_run_that_is_killed_twenty_times_ends_in_the_same_files(tmp_path):
    """Each kill comes at a random moment of a real process; whatever it left, the next one goes on with."""
    dice = random.Random(9)
    child = [sys.executable, "-c", CHILD, str(tmp_path), "0.05"]
    journal = tmp_path / "run" / ".l2mac" / "run.db"
    killed = 0
    for _ in range(20):
        process = subprocess.Popen(child, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)
        before = touched(journal)
        while process.poll() is None and touched(journal) == before:  # until it has begun to record
            time.sleep(0.01)
        time.sleep(dice.uniform(0, 0.15))
        process.kill()
        killed += process.wait() == -signal.SIGKILL
    assert killed >= 15  # the last ones may find it ended
    folder = tmp_path / "run"
    codebase, _ = go_on(folder, killable(), FOUR, "llm.window=32000")
    assert codebase.complete, codebase.ended
    assert_killable(codebase)
    places = [key for key, kind in kinds(folder, "retired")]
    assert len(places) == len(set(places)) == 17
    assert git(folder, "fsck", "--no-dangling") == "" and git(folder, "status", "--porcelain") == ""
    assert past.replay(folder).complete


ROOT = Path(__file__).parents[1]


def touched(journal):
    """When something was recorded last."""
    log = journal.with_name("run.db-wal")
    return log.stat().st_mtime_ns if log.exists() else 0


SMALL = meeting(append("two\n"), append("three\n"), shared_dot_txt="one\n")


def test_a_death_at_any_event_resumes_to_the_same_files(tmp_path):
    whole, _ = make(SMALL, tmp_path, name="whole")
    for number in range(3, len(events(whole.path)) + 1, 2):
        out = tmp_path / f"at-{number}"
        asked = []
        with pytest.raises(Death):
            make(SMALL, out, FOUR, watcher=die_after(number))
        lanes = random.Random(number).choice([ONE, FOUR])
        before = [key for key, _ in kinds(out / "run", "reply")]
        codebase, processor = go_on(out / "run", SMALL, lanes)
        assert codebase.complete
        assert sorted(codebase["shared.txt"].split()) == ["one", "three", "two"]
        asked = [f"{it.place.partition('/')[2]}/reply" for it in processor.requests]
        assert not set(asked) & set(before)  # what was recorded is not asked again
        assert_sound(codebase)
        shutil.rmtree(out)


def test_an_instruction_in_flight_goes_on_from_the_base_it_began_with(tmp_path):
    """The other is retired before the death; what is left was begun before that, and is resumed in one lane."""
    held = threading.Event()

    def late(request):
        held.wait(30)
        raise Death

    script = wide(2, I2=[calls(write(I2_dot_txt="x")), late])
    with pytest.raises(Death):
        make(script, tmp_path, watcher=Watcher(event=lambda it: held.set() if it.kind == "committed" else None))
    codebase, processor = go_on(tmp_path / "run", wide(2), ONE)
    assert codebase.complete and codebase.keys() == {"I1.txt", "I2.txt"}
    assert [it.place for it in processor.requests] == ["1/I2/0/2"]
    assert any("/onto-" in key for key, _ in kinds(codebase.path, "checks"))
    assert_sound(codebase)


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (ProcessorError("the model is gone"), ProcessorError),
        (KeyboardInterrupt(), Interrupted),
        (ZeroDivisionError(), ZeroDivisionError),
    ],
    ids=["the model is gone", "Ctrl-C", "a fault of ours"],
)
def test_an_exception_in_one_lane_ends_the_run_and_it_goes_on(error, raised, tmp_path):
    before = threading.active_count()
    with pytest.raises(raised):
        make(wide(I3=[error]), tmp_path)
    assert threading.active_count() <= before + 1  # nothing goes on behind it
    codebase, processor = go_on(tmp_path / "run", wide())
    assert codebase.complete and len(codebase) == 4
    assert processor.count("I3") == 2
    assert_sound(codebase)


def test_ctrl_c_while_every_lane_waits_for_the_model_ends_at_once(tmp_path):
    """SIGINT comes to the main thread, which waits for lanes that wait for replies."""
    asked, hold = threading.Barrier(5), threading.Event()

    def wait(request):
        asked.wait(30)
        hold.wait(30)
        return says("too late")

    def interrupt():
        asked.wait(30)
        os.kill(os.getpid(), signal.SIGINT)

    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        pytest.skip("SIGINT is ignored here")
    threading.Thread(target=interrupt, daemon=True).start()
    try:
        with pytest.raises(Interrupted):
            make(wide(**{f"I{number}": [wait] for number in range(1, 5)}), tmp_path)
        assert not kinds(tmp_path / "run", "reply")[1:]
    finally:
        hold.set()
    codebase, _ = go_on(tmp_path / "run", wide())
    assert codebase.complete
    assert_sound(codebase)


# -- budgets, waits, orders ------------------------------------------------------------------------------------------


def used(*asked):
    return calls(*asked, usage=Usage(prompt=2_000, completion=100))


def spending(width=4):
    ids = [f"I{number}" for number in range(1, width + 1)]
    parts = {id: [used(write(**{f"{id}_dot_txt": id})), used(done())] for id in ids}
    return {"I0": [program(*map(step, ids))], **parts}


@pytest.mark.parametrize("limit", ["calls=4", "calls=7", "tokens=60000"])
def test_calls_in_flight_never_exceed_the_budget_together(limit, tmp_path):
    name, most = limit.split("=")
    codebase, _ = make(spending(), tmp_path, FOUR, f"budget.{limit}")
    spent = {"calls": len(kinds(codebase.path, "reply")), "tokens": codebase.usage.tokens}
    assert spent[name] <= int(most)
    if limit != "tokens=60000":  # all of it was used
        assert codebase.ended.outcome == "budget" and spent["calls"] == int(most)
    assert_sound(codebase)
    again, _ = go_on(codebase.path, spending(), FOUR, "budget.calls=99", "budget.tokens=999999")
    assert again.complete and len(again) == 4
    assert_sound(again)


def test_what_is_done_when_the_budget_ends_is_not_lost(tmp_path):
    """One lane is refused a call while others have been allowed theirs: what these complete is retired."""
    script = {f"I{number}": [used(write(**{f"I{number}_dot_txt": "x"}), done())] for number in range(1, 5)}
    script["I0"] = [program(*map(step, script))]
    codebase, _ = make(script, tmp_path, FOUR, "budget.calls=4")
    assert codebase.ended.outcome == "budget" and len(codebase) == 3
    assert_sound(codebase)


def test_time_that_lanes_spend_at_once_counts_once(tmp_path):
    def slow(request):
        time.sleep(0.5)
        return calls(write(**{f"{request.place.split('/')[1]}_dot_txt": "x"}), done())

    codebase, _ = make({**wide(), **{f"I{number}": [slow] for number in range(1, 5)}}, tmp_path, meet=4)
    journal = Journal(codebase.path / ".l2mac" / "run.db", writable=False)
    replies = sum(event.took for event in journal.events() if event.kind == "reply")
    whole = sum(event.took for event in journal.events())
    assert replies >= 2.0 and state(journal).seconds <= whole - 1.0
    journal.close()


def test_a_wait_that_one_lane_is_told_holds_up_the_others():
    now, slept, gate = [0.0], [], Gate()

    def sleep(seconds):
        slept.append(seconds)
        now[0] += seconds

    class Limited:
        name = "limited"

        def __init__(self):
            self.times = []

        def complete(self, request, listener=None):
            self.times.append(now[0])
            if now[0] < 7:
                raise TransientError("slow down", 7.0)
            return says("ok")

    limited = Limited()
    lanes = [Patient(limited, 60, sleep, clock=lambda: now[0], wall=lambda: now[0], gate=gate) for _ in range(2)]
    gate.shut(7.0)  # as the first lane does when it is told to wait
    for number, it in enumerate(lanes):
        it.complete(Request(f"1/I{number}/0/1", ()))
    assert limited.times == [7.0, 7.0] and slept == [7.0]


def test_an_order_to_pause_holds_every_lane_and_one_to_stop_ends_all(tmp_path):
    box, taken = OrderBox(tmp_path / "run" / ".l2mac" / "orders"), threading.Event()

    def event(it):
        if it.kind == "began" and it.instruction == "I4":
            box.give(Pause())
        if it.kind == "order_taken":
            taken.set()

    def give():
        taken.wait(30)
        time.sleep(0.5)
        seen.append(len(kinds(tmp_path / "run", "reply")))
        time.sleep(0.5)
        seen.append(len(kinds(tmp_path / "run", "reply")))
        box.give(GoOn())
        box.give(RaiseBudget(limit="calls", value=77))
        box.give(Stop())

    seen = []
    thread = threading.Thread(target=give)
    thread.start()
    with pytest.raises(Interrupted):
        make(wide(), tmp_path, watcher=Watcher(event=event))
    thread.join()
    assert seen[0] == seen[1] < 9
    assert len(kinds(tmp_path / "run", "order_taken")) == 4
    codebase, _ = go_on(tmp_path / "run", wide())
    assert codebase.complete and len(codebase) == 4
    assert_sound(codebase)


def test_what_is_retired_is_committed_before_any_lane_goes_on(tmp_path, monkeypatch):
    """Else an order that a lane takes in between, as orders are, would stand where no replay can take it."""
    commit = Git.commit

    def slowly(self, *args):
        time.sleep(0.05)
        return commit(self, *args)

    monkeypatch.setattr(Git, "commit", slowly)
    codebase, _ = make(wide(12), tmp_path)
    recorded = [kind for _, kind in kinds(codebase.path, "retired", "committed", "reply", "checks", "began")]
    assert all(recorded[at + 1] == "committed" for at, kind in enumerate(recorded) if kind == "retired")
    assert recorded.count("retired") == 12
    assert_sound(codebase)


def test_undo_and_fork_go_back_in_a_run_made_in_lanes(tmp_path):
    codebase, _ = make(wide(6), tmp_path, meet=4)
    order = [key.split("/")[0] for key, _ in kinds(codebase.path, "retired")]
    fork = past.fork(codebase.path, 3, out=tmp_path, name="fork")
    assert {Path(it).stem for it in files(fork)} == set(order[:3])
    past.undo(codebase.path, 2)
    assert {Path(it).stem for it in files(codebase.path)} == set(order[:2])
    for folder in (fork, codebase.path):
        again, _ = go_on(folder, wide(6))
        assert again.complete and len(again) == 6
        assert past.replay(folder).complete
