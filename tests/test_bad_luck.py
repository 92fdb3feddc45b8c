"""What is missing, full or in the way: one clear line, and nothing lost."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from l2mac import resume
from l2mac.memory.journal import Journal
from l2mac.panel.tapes import export_tape
from l2mac.testing import ScriptedProcessor, calls

from .jobs import build, commits, done, events, files, numbered, shown, write

JOB = [
    numbered("I1", "I2"),
    calls(write(a_dot_txt="a" * 20), done()),
    calls(write(b_dot_txt="".join(chr(33 + i * 7919 % 90) for i in range(400_000))), done(evidence=shown("a.txt"))),
]


@pytest.fixture
def tape(tmp_path):
    """A recording of the job."""
    codebase, _ = build(JOB, tmp_path / "recorded", domain="codebase")
    journal = Journal(codebase.path / ".l2mac" / "run.db", writable=False)
    yield export_tape(journal, tmp_path / "tape.jsonl")
    journal.close()


def l2mac(tape, *arguments, **variables):
    command = [sys.executable, "-m", "l2mac", *map(str, arguments)]
    command += ["--set", "llm.api_type=tape", "--set", f"llm.tape={tape}", "--quiet"]
    return subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, timeout=120)


def one_line(done, code):
    """A failed command said one line and no more; return it."""
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("l2mac: "), done.stderr
    return lines[0]


def without(tmp_path, *missing):
    """A PATH on which some programs are not to be found."""
    folder = tmp_path / "path"
    folder.mkdir()
    for place in os.environ["PATH"].split(os.pathsep):
        for tool in Path(place).iterdir() if Path(place).is_dir() else ():
            if tool.name not in missing and not (folder / tool.name).exists():
                (folder / tool.name).symlink_to(tool)
    return str(folder)


def test_without_git_nothing_begins_and_the_line_says_what_to_install(tmp_path, tape):
    done = l2mac(tape, "Do it.", "--out", tmp_path / "out", PATH=without(tmp_path, "git"))
    assert "git is not installed" in one_line(done, 2) and "apt install git" in one_line(done, 2)


def test_git_that_is_gone_at_resume_loses_nothing(tmp_path, tape):
    codebase, _ = build(JOB[:1], tmp_path / "out", plan_only=True, name="run")
    assert "git is not installed" in one_line(l2mac(tape, "resume", codebase.path, PATH=without(tmp_path, "git")), 2)
    assert l2mac(tape, "resume", codebase.path).returncode == 0


def test_without_uv_environments_are_made_all_the_same(tmp_path, monkeypatch):
    code = (
        "import sys; sys.modules['uv'] = None\n"  # as if the package were not there
        "from tests.jobs import *; from l2mac.testing import calls\n"
        "from pathlib import Path; out = Path(sys.argv[1])\n"
        "work = [calls(write(add_dot_py=ADD, tests__test_add_dot_py=TEST_ADD), done())]\n"
        "codebase, _ = build([program('I1'), *work], out)\n"
        "print(codebase.complete, *codebase.ended.reports[-1].passed)"
    )
    (tmp_path / "fresh-home").mkdir()
    variables = {
        **os.environ,
        "PATH": without(tmp_path, "uv"),
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "L2MAC_HOME": str(tmp_path / "fresh-home"),
    }
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "out")], env=variables, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.strip() == "True tests/test_add.py::test_add", done.stderr


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path, tape):
    (tmp_path / "file").write_text("in the way")
    line = one_line(l2mac(tape, "Do it.", "--out", tmp_path / "file"), 2)
    assert "can't be written" in line and "--out" in line
    assert (tmp_path / "file").read_text() == "in the way"


def in_own_mounts(script, tape, *arguments):
    """Run a shell script that may mount; skip where that is not allowed."""
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0:
        pytest.skip("mounting needs root")
    machine = f'"{sys.executable}" -m l2mac "$@" --quiet --set llm.api_type=tape --set llm.tape={tape}'
    text = f"l2mac() {{ {machine}; echo exit $?; }}\n{script}"
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", text, "-", *map(str, arguments)], capture_output=True, text=True
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_a_full_disk_is_one_clear_line_and_when_there_is_room_the_run_goes_on(tmp_path, tape):
    (tmp_path / "small").mkdir()
    script = """
        mount -t tmpfs -o size=420k tmpfs small && l2mac "Do it." --out small --name run
        mount -o remount,size=20m small && l2mac resume small/run
        git -C small/run log --format=%s; git -C small/run status --porcelain; git -C small/run fsck --strict
        wc -c < small/run/b.txt
    """
    done = in_own_mounts(f"cd {tmp_path}\n{script}", tape)
    assert done.stdout.split("\n")[1:2] == ["exit 2"] or "exit 2" in done.stdout, done.stdout + done.stderr
    lines = done.stderr.splitlines()
    assert (len(lines) == 1 and "full" in lines[0]) or "space" in lines[0].lower(), done.stderr
    assert done.stdout.rstrip().endswith("exit 0\nDo I2\nDo I1\n400000"), done.stdout + done.stderr


def test_a_read_only_workspace_is_one_clear_line(tmp_path, tape):
    codebase, _ = build(JOB[:1], tmp_path / "out", plan_only=True, name="run")
    before = events(codebase.path)
    script = f"mount --bind {tmp_path}/out {tmp_path}/out && mount -o remount,ro,bind {tmp_path}/out && l2mac"
    done = in_own_mounts(f'{script} "$@"', tape, "resume", codebase.path)
    assert "exit 2" in done.stdout and len(done.stderr.splitlines()) == 1, done.stderr
    assert "can't be written" in done.stderr or "can't be opened for writing" in done.stderr
    assert events(codebase.path) == before


def test_a_torn_journal_is_one_clear_line_and_is_left_as_it_is(tmp_path, tape):
    codebase, _ = build(JOB[:1], tmp_path / "out", plan_only=True, name="run")
    database = codebase.path / ".l2mac" / "run.db"
    whole = database.read_bytes()
    database.write_bytes(whole[:4096] + b"\xff" * 4096 + whole[8192:])
    torn = database.read_bytes()
    assert "restore it from a copy" in one_line(l2mac(tape, "resume", codebase.path), 2)
    assert database.read_bytes()[4096:] == torn[4096:], "what can be saved of it is not made worse"
    database.write_bytes(whole)
    assert l2mac(tape, "resume", codebase.path).returncode == 0


def test_a_stale_lock_of_git_is_healed(tmp_path):
    codebase, _ = build(JOB[:1], tmp_path, plan_only=True)
    for name in ("index.lock", "HEAD.lock", "refs/heads/main.lock"):
        (codebase.path / ".git" / name).touch()
    assert resume(codebase.path, processor=ScriptedProcessor(JOB[1:])).complete
    assert [title for _, title in commits(codebase.path)] == ["Do I2", "Do I1"]


def test_a_tape_that_ends_too_early_ends_with_3_and_resumes_elsewhere(tmp_path, tape):
    lines = tape.read_text().splitlines(keepends=True)
    (tmp_path / "short.jsonl").write_text("".join(lines[:-1]))
    done = l2mac(tmp_path / "short.jsonl", "Do it.", "--out", tmp_path / "out", "--name", "run")
    assert "has no reply for I2/0/1" in one_line(done, 3)
    assert l2mac(tape, "resume", tmp_path / "out" / "run").returncode == 0
    assert set(files(tmp_path / "out" / "run")) == {"a.txt", "b.txt"}
