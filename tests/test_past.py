"""Going back in a run: nothing is destroyed, and what the user wrote stays."""

import os
import shutil
import signal
import subprocess
import sys

import pytest

from l2mac import load_settings, past, resume
from l2mac.control.state import state
from l2mac.errors import UsageError
from l2mac.memory.journal import Journal
from l2mac.testing import ScriptedProcessor, calls, says

from .jobs import build, commits, done, events, files, git, program, write
from .test_crash import Death

JOB = [
    program("I1", "I2", "I3"),
    calls(write(a_dot_txt="one\n"), done("a is there.")),
    calls(write(sub__b_dot_txt="b\n"), ("edit_file", {"path": "a.txt", "edits": [{"find": "one", "replace": "two"}]})),
    calls(done("b is there.")),
    calls(("delete_files", {"paths": ["a.txt"]}), write(c_dot_txt="c\n"), done("c is there.")),
]
AFTER = {
    "0": {},
    "1": {"a.txt": b"one\n"},
    "2": {"a.txt": b"two\n", "sub/b.txt": b"b\n"},
    "3": {"c.txt": b"c\n", "sub/b.txt": b"b\n"},
}
AGAIN = {"0": JOB[1:], "1": JOB[2:], "2": JOB[4:], "3": []}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A run that is complete, which no test may touch."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("L2MAC_HOME", str(tmp_path_factory.mktemp("home")))
        return build(JOB, tmp_path_factory.mktemp("recorded"), name="run")[0].path


@pytest.fixture
def run(recorded, tmp_path):
    """A run that is complete."""
    return shutil.copytree(recorded, tmp_path / "run")


def now(folder):
    journal = Journal(folder / ".l2mac" / "run.db", writable=False)
    try:
        return state(journal)
    finally:
        journal.close()


def l2mac(*arguments):
    return subprocess.run([sys.executable, "-m", "l2mac", *map(str, arguments)], capture_output=True, text=True)


@pytest.mark.parametrize("to", ["0", "1", "2", "I2"])
def test_undo_restores_the_files_and_resume_does_again_what_was_undone(to, run):
    before = commits(run)
    path, undone = past.undo(run, to)
    number = to.removeprefix("I")
    assert path == run and files(run) == AFTER[number] == {it: text.encode() for it, text in now(run).trunk.items()}
    assert undone.dropped == ("I1", "I2", "I3")[int(number) :] and undone.kept == ()
    assert commits(run)[1:] == before, "the old commits stay, one below the new one"
    assert git(run, "status", "--porcelain") == ""
    processor = ScriptedProcessor(AGAIN[number])
    resumed = resume(run, processor=processor)
    assert resumed.complete and files(run) == AFTER["3"]
    assert len(processor.requests) == len(AGAIN[number])


def test_a_run_can_be_taken_back_again_and_again(run):
    for to in ("2", "1", "0"):
        past.undo(run, to)
        assert files(run) == AFTER[to]
    assert resume(run, processor=ScriptedProcessor(AGAIN["0"])).complete
    past.undo(run, 2)
    assert resume(run, processor=ScriptedProcessor(AGAIN["2"])).complete
    assert files(run) == AFTER["3"]


def test_what_was_undone_stays_in_the_journal_and_in_the_history(run):
    before = events(run)
    past.undo(run, 1)
    assert events(run)[: len(before)] == before
    assert git(run, "show", "HEAD~1:c.txt") == "c\n"
    assert "undone to I1: I2, I3" in l2mac("log", run).stdout
    assert [it["state"] for it in json_status(run)["instructions"]] == ["retired", "waiting", "waiting"]


def json_status(run):
    import json

    return json.loads(l2mac("status", run, "--json").stdout)


def mine(folder, name, text):
    path = folder / name
    if text is None:
        path.unlink()
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text)


EDITS = {
    "a file of the user's own": ("1", {"notes.md": b"mine"}, {"notes.md": b"mine"}, ()),
    "an edit in what is undone": ("1", {"c.txt": b"c, and mine\n"}, {"c.txt": b"c, and mine\n"}, ("c.txt",)),
    "an edit in what stays": (
        "2",
        {"sub/b.txt": b"b, and mine\n"},
        {"sub/b.txt": b"b, and mine\n"},
        (),
    ),
    "a file that was deleted by the user too": ("2", {"sub/b.txt": None}, {"sub/b.txt": None}, ()),
    "a file that comes back is there already": ("1", {"a.txt": b"mine\n"}, {"a.txt": b"mine\n"}, ("a.txt",)),
    "a file that comes back is no text now": ("1", {"a.txt": b"\0\xff"}, {"a.txt": b"\0\xff"}, ("a.txt",)),
    "a folder where a file comes back": ("1", {"a.txt/x.md": b"x"}, {"a.txt": None, "a.txt/x.md": b"x"}, ("a.txt",)),
    "a file where a folder goes": ("1", {"sub/b.txt": None, "sub": b"x"}, {"sub": b"x"}, ()),
}


@pytest.mark.parametrize("committed", [False, True], ids=["dirty", "committed"])
@pytest.mark.parametrize(("to", "edits", "left", "kept"), EDITS.values(), ids=EDITS)
def test_what_the_user_wrote_stays(to, edits, left, kept, committed, run):
    for name, text in edits.items():
        if name == "sub":
            (run / "sub").rmdir()
        mine(run, name, text)
    if committed:
        git(run, "add", "-A")
        git(run, "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-qm", "mine")
    _, undone = past.undo(run, to)
    assert undone.kept == kept
    wanted = AFTER[to] | left
    assert files(run) == {name: text for name, text in wanted.items() if text is not None}
    texts = {name for name, text in files(run).items() if b"\0" not in text}
    assert set(now(run).trunk) == texts
    again, nothing = past.undo(run, to)
    assert nothing is None and not past.undo(again, to)[1]


def test_an_edit_made_between_two_undone_instructions_stays_as_it_was_made(tmp_path):
    from l2mac.watcher import Watcher

    def event(it):
        if it.kind == "committed" and it.instruction == "I2":
            (tmp_path / "run" / "a.txt").write_text("mine\n")

    folder = build(JOB, tmp_path, name="run", watcher=Watcher(event=event))[0].path
    assert "a.txt" not in files(folder)
    _, undone = past.undo(folder, 1)
    assert files(folder)["a.txt"] == b"mine\n" and undone.kept == ("a.txt",)


def test_what_is_in_flight_or_blocked_is_begun_anew(tmp_path):
    script = [*JOB[:2], *[says("No.")] * 7, JOB[4]]
    settings = load_settings(changes=["run.turns=3"])
    blocked = build(script, tmp_path, name="run", settings=settings)[0]
    assert blocked.ended.outcome == "partial"
    _, undone = past.undo(blocked.path, "I1")
    assert undone.dropped == ("I2", "I3") and files(blocked.path) == AFTER["1"]
    assert resume(blocked.path, processor=ScriptedProcessor(AGAIN["1"])).complete


def test_going_back_to_where_the_run_is_does_nothing(tmp_path):
    folder = build(JOB, tmp_path, name="run", plan_only=True)[0].path
    before = events(folder), commits(folder) if (folder / ".git/refs/heads/main").exists() else []
    assert past.undo(folder, 0)[1] is None
    assert events(folder) == before[0]


def kill_before(monkeypatch, number):
    """Make the machine die just before its event `number` is recorded."""

    class Dying(Journal):
        def _append(self, *arguments):
            if len(self._events) == number - 1:
                raise Death
            super()._append(*arguments)

    from l2mac import machine

    monkeypatch.setattr(machine, "Journal", Dying)


@pytest.mark.parametrize("after", ["undo", "resume"])
def test_an_undo_that_died_anywhere_is_repaired(after, run, tmp_path, monkeypatch):
    (run / "notes.md").write_text("mine")
    whole = shutil.copytree(run, tmp_path / "whole" / "run")
    total = len(events(run))
    past.undo(whole, 1)
    grown = len(events(whole)) - total
    assert grown == 4, "the user's file is adopted and committed, what was done is undone and committed"
    for number in range(1, grown + 1):
        folder = shutil.copytree(run, tmp_path / str(number) / "run")
        with monkeypatch.context() as context, pytest.raises(Death):
            kill_before(context, total + number)
            past.undo(folder, 1)
        if after == "undo":
            past.undo(folder, 1)
            assert files(folder) == AFTER["1"] | {"notes.md": b"mine"}
            assert git(folder, "status", "--porcelain") == ""
            assert resume(folder, processor=ScriptedProcessor(AGAIN["1"])).complete
        else:
            processor = ScriptedProcessor(AGAIN["1"])
            assert resume(folder, processor=processor).complete
            assert len(processor.requests) == (3 if number == grown else 0), "before that, nothing was undone"
        assert files(folder) == AFTER["3"] | {"notes.md": b"mine"}
        if number == grown:
            assert git(folder, "status", "--porcelain") == ""


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_undo_killed_between_files_and_git_is_caught_up(when, run, tmp_path):
    real, tools = shutil.which("git"), tmp_path / "tools"
    tools.mkdir()
    made = f'{real} "$@"' if when == "after" else ":"
    (tools / "git").write_text(
        f'#!/bin/sh\ncase "$*" in *fast-import*) {made}; kill -9 $PPID; exit 1;; esac\nexec {real} "$@"\n'
    )
    (tools / "git").chmod(0o755)
    killed = subprocess.run(
        [sys.executable, "-m", "l2mac", "undo", str(run), "--to", "2"],
        env={**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"},
    )
    assert killed.returncode == -signal.SIGKILL
    assert resume(run, processor=ScriptedProcessor(AGAIN["2"])).complete
    assert files(run) == AFTER["3"] and git(run, "status", "--porcelain") == ""
    assert [title for _, title in commits(run)] == ["Do I3", "Go back to I2", "Do I3", "Do I2", "Do I1"]


@pytest.mark.parametrize("to", ["4", "-1", "I9", "", "99999999999999999999", "²"])
def test_a_number_that_does_not_exist_is_refused_with_those_that_do(to, run):
    before = events(run)
    with pytest.raises(UsageError, match=r"choose from 0 \(the program, nothing done\), 1 \(I1\), 2 \(I2\), 3 \(I3\)"):
        past.undo(run, to)
    assert events(run) == before


def forked(run, at, **more):
    """A fork beside the run, and what the run was before."""
    return past.fork(run, at, out=more.pop("out", run.parent), **more)


def every(folder):
    """All that a folder holds but what SQLite makes for whoever reads."""
    skipped = ("run.db-shm", "run.db-wal")
    return {it: it.read_bytes() for it in folder.rglob("*") if it.is_file() and it.name not in skipped}


@pytest.mark.parametrize("at", ["0", "1", "2", "3"])
def test_a_fork_has_the_files_and_the_history_up_to_there_and_goes_on_at_no_cost_so_far(at, run):
    before = every(run)
    folder = forked(run, at)
    assert folder == run.parent / "run-fork" and files(folder) == AFTER[at]
    assert git(folder, "status", "--porcelain") == ""
    if at != "0":
        assert commits(folder) == commits(run)[3 - int(at) :]
    processor = ScriptedProcessor(AGAIN[at])
    resumed = resume(folder, processor=processor)
    assert resumed.complete and files(folder) == AFTER["3"] and len(processor.requests) == len(AGAIN[at])
    status = json_status(folder)
    assert status["name"] == "run-fork" and status["calls"] == len(AGAIN[at])
    assert every(run) == before, "the run itself is only read"


def test_forks_get_names_of_their_own(run, tmp_path):
    assert [forked(run, 1).name for _ in range(2)] == ["run-fork", "run-fork-2"]
    assert forked(run, 1, name="other", out=tmp_path / "deep" / "er") == tmp_path / "deep" / "er" / "other"
    assert [it.name for it in run.parent.iterdir() if it.name.startswith(".")] == []


def test_a_note_and_what_was_undone_or_forked_before_are_part_of_a_fork(run):
    past.undo(run, 2)
    resume(run, processor=ScriptedProcessor(AGAIN["2"]))
    first = forked(run, "I3")
    past.undo(first, 1)
    second = forked(first, 1, note="Use British spelling.")
    processor = ScriptedProcessor(AGAIN["1"])
    assert resume(second, processor=processor).complete and files(second) == AFTER["3"]
    assert all("Use British spelling." in it.messages[2].content for it in processor.requests)


@pytest.mark.parametrize("at", ["A", "I2.1", "r.1", "r.2", "I5.1"])
def test_a_program_that_decides_goes_on_from_where_it_is_forked(at, tmp_path):
    from .test_programs import FLOW, replies

    (tmp_path / "flow.yaml").write_text(FLOW)
    whole = build(replies(), tmp_path, program=tmp_path / "flow.yaml", name="run")[0]
    order = ["A", "I2.1", "I2.2", "r.1", "r.2", "I4.1", "I5", "I5.1", "I5.2"]
    copy = forked(whole.path, at)
    assert [it.id for it in whole.program.instructions] == [it for it in order if it != "I5"]
    again = resume(copy, processor=ScriptedProcessor(replies()[order.index(at) + 1 :]))
    assert again.complete and again.program == whole.program and files(copy) == files(whole.path)


def test_files_that_no_commit_holds_and_edits_up_to_there_are_forked_too(tmp_path):
    from l2mac.watcher import Watcher

    def event(it):
        if it.kind == "committed" and it.instruction == "I1":
            (tmp_path / "run" / "logo.png").write_bytes(b"\0\xff")
            (tmp_path / "run" / "crlf.txt").write_bytes(b"a\r\nb\n")
            (tmp_path / "run" / "start").write_text("#!/bin/sh\n")
            (tmp_path / "run" / "start").chmod(0o755)

    folder = build(JOB, tmp_path, name="run", watcher=Watcher(event=event))[0].path
    copy = forked(folder, 2)
    assert files(copy) == AFTER["2"] | {
        "logo.png": b"\0\xff",
        "crlf.txt": b"a\r\nb\n",
        "start": b"#!/bin/sh\n",
    }
    assert os.access(copy / "start", os.X_OK)
    assert resume(copy, processor=ScriptedProcessor(AGAIN["2"])).complete
    assert git(copy, "status", "--porcelain") == "?? logo.png\n"


def test_an_existing_codebase_is_forked_with_its_history_into_a_folder_of_its_own(tmp_path):
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "shop.txt").write_text("open\n")
    for command in (["init", "-qb", "main"], ["add", "-A"], ["-c", "user.name=A", "-c", "user.email=a@b.c", "commit"]):
        git(shop, *command, *(["-qm", "start"] if command[-1] == "commit" else []))
    build(JOB, tmp_path, into=shop, name="run")
    before = every(shop)
    copy = forked(shop, 1, out=tmp_path, name="other")
    assert files(copy) == AFTER["1"] | {"shop.txt": b"open\n"} and commits(copy)[-1][1] == "start"
    assert resume(copy, processor=ScriptedProcessor(AGAIN["1"])).complete
    assert every(shop) == before


def test_a_run_that_goes_on_can_be_forked(tmp_path):
    copies = []

    def answer(request):
        copies.append(forked(tmp_path / "run", 1))
        return JOB[4]

    codebase, _ = build([*JOB[:4], answer], tmp_path, name="run")
    assert codebase.complete and files(copies[0]) == AFTER["1"]
    assert resume(copies[0], processor=ScriptedProcessor(AGAIN["1"])).complete


def test_a_fork_goes_on_with_the_settings_that_it_is_given(run, tmp_path):
    from l2mac.testing import LoopbackProvider

    def answer(request):
        return JOB[4]

    with LoopbackProvider(answer, api_key="k", models=("stronger",)) as provider:
        seen = l2mac(
            *("fork", run, "--at", "2", "--model", "stronger", "--out", tmp_path, "--quiet"),
            *("--set", f"llm.base_url={provider.base_url}", "--set", "llm.api_key=k", "--set", "budget.calls=1"),
        )
    assert (seen.returncode, seen.stdout) == (0, f"{tmp_path / 'run-fork'}\n"), seen.stderr
    assert json_status(tmp_path / "run-fork")["model"] == "stronger"


def test_a_fork_that_died_leaves_no_run_and_is_done_again(run, monkeypatch):
    from l2mac import machine

    class Dying(Journal):
        def _append(self, *arguments):
            raise Death

    with monkeypatch.context() as context, pytest.raises(Death):
        context.setattr(machine, "Journal", Dying)
        forked(run, 1)
    assert not (run.parent / "run-fork").exists()
    folder = forked(run, 1)
    assert files(folder) == AFTER["1"] and sorted(it.name for it in run.parent.iterdir()) == ["run", "run-fork"]


def test_a_retirement_that_git_never_saw_is_part_of_a_fork(run, tmp_path):
    """Killed between journal and git, and forked before anyone resumed."""
    short = past.fork(run, 1, out=tmp_path, name="short")
    journal, copy = Journal(run / ".l2mac" / "run.db", writable=False), tmp_path / "cut" / "run"
    at = next(it.seq for it in journal.events() if it.kind == "retired")
    shutil.copytree(run, copy)
    (copy / ".l2mac" / "run.db").unlink()
    journal.copy(copy / ".l2mac" / "run.db", at)
    journal.close()
    folder = forked(copy, 1)
    assert files(folder) == AFTER["1"] and commits(folder) == commits(short)
