"""Dying at every step, and going on as if nothing had happened."""

import os
import shutil
import signal
import subprocess
import sys

import pytest

from l2mac import generate_codebase, machine, resume
from l2mac.memory.journal import Journal
from l2mac.panel.tapes import export_tape
from l2mac.processor.tape import TapeProcessor
from l2mac.testing import calls, says
from l2mac.watcher import Watcher

from .jobs import ADD, PLAIN, TEST_ADD, WRONG_ADD, build, commits, done, events, files, git, moments, program, write

pytestmark = pytest.mark.slow
TEXT_JOB = [
    program("I1", "I2", "I3"),
    calls(write(a_dot_txt="one\n", data_dot_json="{broken")),
    calls(done("Not yet.")),
    calls(write(data_dot_json="{}"), ("run_command", {"command": "printf made > made.txt"})),
    calls(done("a, data and made are there.")),
    calls(("edit_file", {"path": "a.txt", "edits": [{"find": "one", "replace": "two"}]}), done()),
    calls(("delete_files", {"paths": ["made.txt"]}), write(sub__c_dot_txt="c"), done()),
]
PYTHON_JOB = [
    program("I1"),
    calls(write(add_dot_py=WRONG_ADD, tests__test_add_dot_py=TEST_ADD), done()),
    calls(write(add_dot_py=ADD), done()),
]
LADDER_JOB = [
    program("I1", "I2"),
    calls(write(a_dot_txt="one\n")),
    *[says("I would rather not.")] * 12,
    says("Decided: the file is called a.txt."),
    *[says("Still not.")] * 6,
    program("A", "B"),
    calls(write(b_dot_txt="b"), done("b is there.")),
    calls(write(c_dot_txt="c"), done("c is there.")),
    calls(write(d_dot_txt="d"), done("d is there.")),
]
"""Climbs every rung: what fails again, a fresh window from the processor's notes, a split."""


class Death(BaseException):
    """Stands for the power going out: not an Exception, so nothing may swallow it."""


class Counted:
    """A processor that plays a tape and counts its calls."""

    name = "tape"

    def __init__(self, tape):
        self.calls = 0
        self._tape = TapeProcessor(tape, notify=self._differs)

    window = TapeProcessor.window

    def complete(self, request, listener=None):
        self.calls += 1
        return self._tape.complete(request, listener)

    def _differs(self, text):
        raise AssertionError(f"a resumed run asks for something else: {text}")


class Reference:
    """A run that nothing interrupted, as a tape and as what it left."""

    def __init__(self, script, folder):
        first, processor = build(script, folder / "first")
        journal = Journal(first.path / ".l2mac" / "run.db", writable=False)
        self.tape = export_tape(journal, folder / "tape.jsonl")
        journal.close()
        whole = self.play(folder / "whole")
        assert whole.complete, whole.ended
        self.events, self.commits, self.files = events(whole.path), commits(whole.path), files(whole.path)
        self.calls = len(processor.requests)

    def play(self, out, watcher=None):
        return generate_codebase(
            "Do something small.", domain=PLAIN, out=out, name="run", processor=Counted(self.tape), watcher=watcher
        )


def die_after(number):
    """A watcher that dies when event `number` has been recorded."""

    def event(it):
        if it.seq >= number:
            raise Death

    return Watcher(event=event)


def assert_same(reference, folder, first, again):
    assert files(folder) == reference.files
    assert commits(folder) == reference.commits
    assert events(folder) == reference.events
    assert git(folder, "status", "--porcelain") == ""
    assert reference.calls <= first + again <= reference.calls + 1


@pytest.mark.parametrize(
    ("job", "when"),
    [(TEXT_JOB, "before"), (TEXT_JOB, "after"), (PYTHON_JOB, "after"), (LADDER_JOB, "before")],
    ids=["before", "after", "after, with real tests", "before, on the ladder"],
)
def test_a_death_at_any_event_resumes_to_the_same_files_commits_and_journal(job, when, tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800000000")
    reference = Reference(job, tmp_path)
    last = len(reference.events)
    for number in range(2, last + 1) if job is TEXT_JOB else moments(2, last):
        out = tmp_path / f"{when}-{number}"
        processor = Counted(reference.tape)
        watcher = die_after(number) if when == "after" else None
        with monkeypatch.context() as context, pytest.raises(Death):
            if when == "before":
                kill_before(context, number)
            began = {"domain": PLAIN, "out": out, "name": "run"}
            generate_codebase("Do something small.", **began, processor=processor, watcher=watcher)
        again = Counted(reference.tape)
        resume(out / "run", processor=again)
        assert_same(reference, out / "run", processor.calls, again.calls)
        shutil.rmtree(out)


def kill_before(context, number):
    """Make the machine die just before its event `number` is recorded, when the work for it has been done."""

    class Dying(Journal):
        def _append(self, *arguments):
            if len(self._events) == number - 1:
                raise Death
            super()._append(*arguments)

    context.setattr(machine, "Journal", Dying)


def die_and_resume(reference, number, out, monkeypatch):
    """Die before an event, and end as the run that nothing interrupted."""
    processor, again = Counted(reference.tape), Counted(reference.tape)
    with monkeypatch.context() as context, pytest.raises(Death):
        kill_before(context, number)
        generate_codebase("Do something small.", domain=PLAIN, out=out, name="run", processor=processor)
    resume(out / "run", processor=again)
    assert_same(reference, out / "run", processor.calls, again.calls)


def test_dying_again_and_again_still_ends_in_the_same_place(tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800000000")
    reference = Reference(TEXT_JOB, tmp_path)
    folder, asked = tmp_path / "again" / "run", 0
    for number in range(2, len(reference.events) + 1):
        processor = Counted(reference.tape)
        with monkeypatch.context() as context, pytest.raises(Death):
            kill_before(context, number)
            if folder.exists():
                resume(folder, processor=processor)
            else:
                began = {"domain": PLAIN, "out": folder.parent, "name": "run"}
                generate_codebase("Do something small.", **began, processor=processor)
        asked += processor.calls
    last = Counted(reference.tape)
    resume(folder, processor=last)
    assert files(folder) == reference.files and commits(folder) == reference.commits
    assert events(folder) == reference.events
    assert asked + last.calls <= 2 * reference.calls, "each reply is asked for once, and once more where it was lost"


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_kill_between_files_and_git_is_caught_up_on_resume(when, number, tmp_path, monkeypatch):
    """A git that kills the machine which calls it: the files are laid, the commit is missing or not yet recorded."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800000000")
    reference = Reference(TEXT_JOB, tmp_path)
    counter = tmp_path / "commits"
    real = shutil.which("git")
    script = f"""#!/bin/sh
case "$*" in *fast-import*)
    echo x >> {counter}
    if [ "$(wc -l < {counter})" = {number} ]; then
        {real + ' "$@"' if when == "after" else ":"}
        kill -9 $PPID
        exit 1
    fi
esac
exec {real} "$@"
"""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "git").write_text(script)
    (tools / "git").chmod(0o755)
    out = tmp_path / "out"
    command = [
        sys.executable,
        "-m",
        "l2mac",
        "Do something small.",
        "--domain",
        PLAIN,
        "--name",
        "run",
        "--out",
        str(out),
        "--quiet",
    ]
    command += ["--set", "llm.api_type=tape", "--set", f"llm.tape={reference.tape}"]
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    killed = subprocess.run(command, env={**os.environ, "PATH": path}, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    resumed = resume(out / "run", processor=Counted(reference.tape))
    assert resumed.complete
    assert files(out / "run") == reference.files
    assert commits(out / "run") == reference.commits
