"""A run that is gone through again comes out as it did, without the model; what came out otherwise is named."""

import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
import zlib

import pytest

from l2mac import L2MACError, load_settings, past, resume
from l2mac.errors import Differs
from l2mac.memory.journal import Journal
from l2mac.memory.orders import Add, Drop, Edit, Note, OrderBox, RaiseBudget, Retry, Write
from l2mac.testing import ScriptedProcessor, calls, says
from l2mac.watcher import Watcher

from .jobs import build, done, git, write
from .test_crash import LADDER_JOB, PYTHON_JOB, TEXT_JOB, Death, die_after
from .test_past import AGAIN, JOB, every, mine, now
from .test_programs import FIRST, FLOW, PLAN, REST, SHOWN, replies
from .test_revision import MORE, SPLIT, revise


def stopped(tmp_path, number, script=TEXT_JOB):
    """A run in which the power went out after an event."""
    with pytest.raises(Death):
        build(script, tmp_path, name="run", watcher=die_after(number))
    return tmp_path / "run"


def resumed(tmp_path):
    """A run that was stopped in the middle of an instruction and has ended since, with other settings."""
    folder = stopped(tmp_path, 14)
    asked = sum(1 for it in kinds(folder) if it == "reply")
    resume(folder, processor=ScriptedProcessor(TEXT_JOB[asked:]), settings=load_settings(changes=["run.turns=9"]))
    return folder


def undone(tmp_path):
    folder = build(JOB, tmp_path, name="run")[0].path
    (folder / "notes.md").write_text("mine")
    past.undo(folder, 1)
    resume(folder, processor=ScriptedProcessor(AGAIN["1"]))
    past.undo(folder, 2)
    return folder


def forked(tmp_path):
    folder = past.fork(undone(tmp_path / "one"), 1, out=tmp_path, note="Be brief.")
    resume(folder, processor=ScriptedProcessor(AGAIN["1"]))
    return folder


def edited(tmp_path):
    """A run in which the user takes part: loose files, a commit, no text, an executable, orders."""
    folder, seen = tmp_path / "run", []

    def event(it):
        if it.kind == "committed":
            seen.append(it)
            mine(folder, f"loose-{len(seen)}.txt", b"loose\n")
            if len(seen) == 1:
                mine(folder, "run.sh", b"#!/bin/sh\n")
                (folder / "run.sh").chmod(0o755)
                mine(folder, "logo.png", b"\0\xff")
                OrderBox(folder / ".l2mac" / "orders").give(Note(text="Be brief."))
            if len(seen) == 3:
                git(folder, "add", "-A")
                git(folder, "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-qm", "mine")
                OrderBox(folder / ".l2mac" / "orders").give(RaiseBudget(limit="calls", value=99))

    build(JOB, tmp_path, name="run", watcher=Watcher(event=event))
    return folder


def spent(tmp_path):
    """A run whose budget was spent, and raised."""
    folder = build(JOB, tmp_path, name="run", settings=load_settings(changes=["budget.calls=3"]))[0].path
    resume(folder, processor=ScriptedProcessor(AGAIN["1"]), settings=load_settings(changes=["budget.calls=30"]))
    return folder


def blocked(tmp_path):
    settings = load_settings(changes=["run.turns=3"])
    folder = build([*JOB[:2], *[says("No.")] * 7, JOB[4]], tmp_path, name="run", settings=settings)[0].path
    resume(folder, processor=ScriptedProcessor([*JOB[2:4]]))
    return folder


def into(tmp_path):
    shop = tmp_path / "shop"
    shop.mkdir()
    mine(shop, "shop.txt", b"open\n")
    mine(shop, "logo.png", b"\0\xff")
    git(shop, "init", "-qb", "main")
    git(shop, "add", "-A")
    git(shop, "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-qm", "start")
    return build(JOB, tmp_path, into=shop, name="run")[0].path


def deciding(tmp_path):
    """A run whose program decides; a part of it is undone and done again, in the middle of a loop."""
    path = tmp_path / "flow.yaml"
    path.write_text(FLOW)
    folder = build(replies(), tmp_path, program=path, name="run")[0].path
    past.undo(folder, "r.1")
    resume(folder, processor=ScriptedProcessor(replies()[4:]))
    return folder


def steered(tmp_path):
    """A run in which the processor and the user change the program, the user the files too."""
    box, script = OrderBox(tmp_path / "run" / ".l2mac" / "orders"), [PLAN, FIRST, *REST]
    script[1] = calls(revise(SPLIT, MORE), write(a_dot_txt="a"), done(evidence=SHOWN))

    def event(it):
        if it.kind == "retired" and it.instruction == "I1":
            for order in (Drop(id="X"), Add(text="Write z.", before="I3"), Write(path="n.md", text="mine\n")):
                box.give(order)
            box.give(Edit(id="I9", text="There is none."))

    blocked = [says("No.")] * 7  # four of them where it was to be cut
    codebase, _ = build(
        [*script[:3], *blocked, *[calls(done())] * 2],
        tmp_path,
        name="run",
        watcher=Watcher(event=event),
        settings=load_settings(changes=["run.turns=3"]),
    )
    box.give(Retry(id=next(id for id, it in now(codebase.path).instructions.items() if it.state == "blocked")))
    resume(codebase.path, processor=ScriptedProcessor([calls(done())] * 4))
    assert {"order_taken", "order_refused", "adopted", "blocked"} <= {*kinds(codebase.path)}
    assert now(codebase.path).ended.outcome == "complete"
    return codebase.path


RUNS = {
    "complete": lambda tmp_path: build(TEXT_JOB, tmp_path, name="run")[0].path,
    "up the ladder": lambda tmp_path: build(LADDER_JOB, tmp_path, name="run")[0].path,
    "with real tests": lambda tmp_path: build(PYTHON_JOB, tmp_path, name="run")[0].path,
    "stopped": lambda tmp_path: stopped(tmp_path, 17),
    "stopped at once": lambda tmp_path: stopped(tmp_path, 2),
    "only planned": lambda tmp_path: build(JOB, tmp_path, name="run", plan_only=True)[0].path,
    "resumed": resumed,
    "undone": undone,
    "forked": forked,
    "edited": edited,
    "budget spent": spent,
    "blocked": blocked,
    "existing codebase": into,
    "deciding": deciding,
    "steered": steered,
}


def kinds(folder):
    journal = Journal(folder / ".l2mac" / "run.db", writable=False)
    try:
        return [event.kind for event in journal.events()]
    finally:
        journal.close()


@pytest.mark.parametrize("made", RUNS.values(), ids=RUNS)
def test_a_replay_comes_out_the_same_and_touches_nothing(made, tmp_path):
    folder = made(tmp_path)
    before = every(folder)
    replayed = past.replay(folder)
    total = kinds(folder)
    assert (replayed.events, replayed.instructions) == (len(total), total.count("retired"))
    assert every(folder) == before
    last = [it for it in total if it in ("ended", "undone")]
    assert replayed.complete == (last[-1:] == ["ended"])


def test_checks_and_commands_can_be_run_again(tmp_path):
    folder = build([*PYTHON_JOB[:2], calls(("run_command", {"command": "echo > made.txt"})), PYTHON_JOB[2]], tmp_path)[
        0
    ].path
    assert past.replay(folder, checks=True).complete


def test_a_replay_needs_no_file_of_the_workspace(tmp_path):
    folder = RUNS["complete"](tmp_path)
    for path in folder.iterdir():
        if path.name not in (".git", ".l2mac"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert past.replay(folder).complete


def tampered(folder, kind, change, number=0):
    """Change what the journal says of the first event of a kind."""
    db = sqlite3.connect(folder / ".l2mac" / "run.db")
    rows = db.execute("SELECT seq, payload FROM events WHERE kind = ? ORDER BY seq", (kind,)).fetchall()
    seq, address = rows[number]
    data = zlib.decompress(db.execute("SELECT data FROM blobs WHERE hash = ?", (address,)).fetchone()[0])
    new = json.dumps(change(json.loads(data))).encode()
    digest = hashlib.sha256(new).hexdigest()[:32]
    db.execute("INSERT OR IGNORE INTO blobs VALUES (?, ?)", (digest, zlib.compress(new)))
    db.execute("UPDATE events SET payload = ? WHERE seq = ?", (digest, seq))
    db.commit()
    db.close()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A run in which a check failed and was mended."""
    broken = [calls(write(b_dot_json="{")), calls(write(b_dot_json="{}"))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("L2MAC_HOME", str(tmp_path_factory.mktemp("home")))
        return build([*JOB[:2], *broken, *JOB[2:]], tmp_path_factory.mktemp("recorded"), name="run")[0].path


def other_reply(told):
    first = told["reply"]["message"]["tool_calls"][0]
    first["arguments"] = first["arguments"].replace("one", "1")
    return told


def failed(told):
    finding = {"path": "a.txt", "line": 1, "code": "odd", "text": "It is odd."}
    return [{**told[0], "outcome": "failed", "findings": [finding]}]


def passed(told):
    return [{**it, "outcome": "passed"} for it in told]


TAMPERED = {
    "a reply": ("reply", other_reply, 1, "change, a.txt"),
    "a retired file": ("retired", lambda told: {**told, "change": {"a.txt": None}}, 0, "I1/0/1/retired .* change, a"),
    "a commit": ("committed", lambda told: "0" * 40, 1, r"I2/0/\d/retired-committed .* recorded was '0000"),
    "the base": ("began", lambda told: {"base": "f" * 40}, 2, "I2/0/0/began"),
    "a verdict": ("checks", failed, 0, r"I1/0/1/retired \(retired\), comes next in the journal, and now it is I1/0/2"),
    "the program": ("program", lambda told: {**told, "requirements": [{"id": "R", "text": "x"}]}, 0, "I0/0/1/program"),
    "the end": ("ended", lambda told: {**told, "outcome": "partial"}, 0, "outcome, recorded was 'partial'"),
}


@pytest.mark.parametrize(("kind", "change", "number", "says"), TAMPERED.values(), ids=TAMPERED)
def test_what_came_out_otherwise_is_named(kind, change, number, says, recorded, tmp_path):
    folder = shutil.copytree(recorded, tmp_path / "run")
    tampered(folder, kind, change, number)
    with pytest.raises(Differs, match=says):
        past.replay(folder)
    seen = subprocess.run([sys.executable, "-m", "l2mac", "replay", str(folder)], capture_output=True, text=True)
    assert seen.returncode == 4 and seen.stderr.startswith("l2mac: event "), seen.stderr


def test_a_report_that_was_forged_is_found_when_checks_run_again(recorded, tmp_path):
    folder = shutil.copytree(recorded, tmp_path / "run")
    journal = Journal(folder / ".l2mac" / "run.db", writable=False)
    place = next(
        it for it, event in enumerate(e for e in journal.events() if e.kind == "checks") if "failed" in event.gist
    )
    journal.close()
    tampered(folder, "checks", passed, place)
    with pytest.raises(Differs, match="syntax was passed, is failed"):
        past.replay(folder, checks=True)


@pytest.mark.parametrize("kind", ["reply", "retired", "began", "committed"])
def test_an_event_that_is_missing_is_noticed(kind, tmp_path):
    folder = RUNS["complete"](tmp_path)
    db = sqlite3.connect(folder / ".l2mac" / "run.db")
    db.execute("DELETE FROM events WHERE seq = (SELECT MIN(seq) FROM events WHERE kind = ? AND seq > 9)", (kind,))
    db.commit()
    db.close()
    with pytest.raises(L2MACError) as error:
        past.replay(folder)
    assert error.value.exit_code == 4


def test_a_history_that_has_lost_the_last_commit_is_noticed(tmp_path):
    folder = RUNS["complete"](tmp_path)
    git(folder, "reset", "--hard", "-q", "HEAD~1")
    with pytest.raises(Differs, match="has lost the run's last commit"):
        past.replay(folder)
