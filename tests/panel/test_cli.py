"""What a person sees on the command line."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from l2mac.memory.journal import Journal
from l2mac.panel.tapes import export_tape
from l2mac.sandbox.rungs import open_sandbox
from l2mac.testing import calls

from ..jobs import ADD, TEST_ADD, WRONG_ADD, build, done, git, program, write

RUNG = open_sandbox("auto").name
SUM = {"id": "R1", "text": "It adds two numbers."}
SHOWN = [{"requirement": "R1", "file": "add.py", "symbol": "add", "test": "tests/test_add.py::test_add"}]
ADDING = {"id": "I1", "title": "Write add", "text": "Write add(a, b) in add.py.", "covers": ["R1"]}
JOB = [
    program(ADDING, requirements=[SUM]),
    calls(write(add_dot_py=WRONG_ADD, tests__test_add_dot_py=TEST_ADD)),
    calls(write(add_dot_py=ADD), done("add(a, b) adds.", evidence=SHOWN)),
]


def l2mac(*arguments, **variables):
    command = [sys.executable, "-m", "l2mac", *map(str, arguments)]
    return subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run that is complete, and its tape."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("L2MAC_HOME", str(folder / "home"))
        codebase, _ = build(JOB, folder, name="adder")
    journal = Journal(codebase.path / ".l2mac" / "run.db", writable=False)
    tape = export_tape(journal, folder / "tape.jsonl")
    journal.close()
    return codebase.path, tape


def playing(tape):
    return ["--set", "llm.api_type=tape", "--set", f"llm.tape={tape}"]


def test_progress_goes_to_standard_error_and_the_folder_alone_to_standard_output(finished, tmp_path):
    _, tape = finished
    ran = l2mac("Make an adder.", "--out", tmp_path, *playing(tape))
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == f"{tmp_path / 'adder'}\n"
    lines = [re.sub(r"^\d\d:\d\d ", "", line) for line in ran.stderr.splitlines()]
    assert f"processor: tape adder, sandbox: {RUNG}" in lines
    assert "  checks: syntax passed, lint passed, tests failed" in lines
    assert lines[-1].startswith("complete: 1 instruction, 1 of 1 requirement shown")


def test_quiet_says_nothing_and_json_says_everything_in_lines(finished, tmp_path):
    _, tape = finished
    quiet = l2mac("Make an adder.", "--out", tmp_path, "--quiet", *playing(tape))
    assert (quiet.returncode, quiet.stderr) == (0, "")
    ran = l2mac("Make an adder.", "--out", tmp_path, "--json", "--quiet", *playing(tape))
    told = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [line["kind"] for line in told[:2]] == ["opened", "run"] and told[1]["gist"] == str(tmp_path / "adder-2")
    numbers = [line["seq"] for line in told if "seq" in line]
    assert numbers == sorted(numbers) and len(told) == len(numbers) + 1
    assert told[-1]["kind"] == "ended" and told[-1]["gist"] == "complete"


def test_status_tells_lines_errors_and_tests_of_each_instruction(finished):
    folder, _ = finished
    told = json.loads(l2mac("status", folder, "--json").stdout)
    assert (told["outcome"], told["exit_code"], told["sandbox"], told["loc"]) == ("complete", 0, RUNG, 5)
    (only,) = told["instructions"]
    assert (only["id"], only["state"], only["turns"], only["loc"], only["errors"]) == ("I1", "retired", 2, 5, 0)
    assert only["tests"] == {"outcome": "passed", "passed": 1, "failed": 0, "skipped": 0}
    assert told["requirements"] == [{"id": "R1", "met": True, "by": "add.py:1, tests/test_add.py::test_add"}]
    shown = l2mac("status", folder).stdout
    assert "adder: complete" in shown and f"sandbox {RUNG}" in shown
    assert max(map(len, shown.splitlines())) <= 100


def test_the_log_reads_like_a_story(finished):
    folder, _ = finished
    story = l2mac("log", folder).stdout
    order = [
        "asked:",
        "I0 Compile",
        "program:",
        "I1 Write add",
        "wrote add.py",
        "tests failed",
        "retired:",
        "\ncomplete",
    ]
    places = [story.index(part) for part in order]
    assert places == sorted(places), story
    assert len(l2mac("log", folder, "--verbose").stdout) > len(story)


def test_a_reader_that_goes_away_is_no_fault(finished):
    folder, _ = finished
    ran = subprocess.run(
        f"{sys.executable} -m l2mac log {folder} | head -n 1", shell=True, capture_output=True, text=True
    )
    assert ran.stdout.startswith("asked:") and ran.stderr == ""


def test_a_tape_is_exported_and_plays_to_the_same_files(finished, tmp_path):
    folder, _ = finished
    exported = l2mac("export", folder, "--format", "tape", "--to", tmp_path / "t.jsonl")
    assert exported.stdout == f"{tmp_path / 't.jsonl'}\n"
    ran = l2mac("Do something small.", "--out", tmp_path, "--quiet", *playing(tmp_path / "t.jsonl"))
    assert (Path(ran.stdout.strip()) / "add.py").read_text() == ADD


def test_an_endpoint_that_nobody_serves_ends_with_3_and_can_be_resumed(tmp_path):
    nobody = ["--set", "llm.base_url=http://127.0.0.1:9/v1", "--model", "m", "--set", "llm.patience=1"]
    ran = l2mac("Make an adder.", "--out", tmp_path, "--name", "run", *nobody)
    assert ran.returncode == 3 and "Traceback" not in ran.stderr
    assert ran.stdout == f"{tmp_path / 'run'}\n"
    assert "l2mac resume" in ran.stderr.splitlines()[-1]


def test_the_settings_file_is_written_once_and_for_its_owner_alone():
    first = l2mac("--init-config")
    path = Path(os.environ["L2MAC_HOME"], "config.yaml")
    assert first.stdout == f"{path}\n" and path.stat().st_mode & 0o777 == 0o600
    assert "left as it is" in l2mac("--init-config").stderr


def test_help_and_version_are_verbs_too_and_common_words_build_nothing(tmp_path):
    assert l2mac("help").stdout == l2mac("--help").stdout and l2mac("version").stdout == l2mac("--version").stdout
    for word in ("list", "ls", "init", "stauts"):
        refused = l2mac(word)
        assert refused.returncode == 2 and f"l2mac run {word}" in refused.stderr
    assert not (tmp_path / "workspace").exists()


def test_why_a_run_stopped_is_found_the_next_morning(finished, tmp_path):
    """A tape that ends in the middle stands for a model that can't be reached."""
    _, tape = finished
    lines = Path(tape).read_text().splitlines(keepends=True)
    (tmp_path / "short.jsonl").write_text("".join(lines[:-1]))
    ran = l2mac("Make an adder.", "--out", tmp_path, "--quiet", *playing(tmp_path / "short.jsonl"))
    assert ran.returncode == 3
    told = l2mac("status", tmp_path / "adder").stdout.splitlines()[0]
    assert told.startswith("adder: unfinished (tape adder has no reply for I1/0/2")
    assert "stopped: tape adder has no reply" in l2mac("log", tmp_path / "adder").stdout
    again = l2mac("resume", tmp_path / "adder", *playing(tape))
    assert again.returncode == 0 and l2mac("status", tmp_path / "adder").stdout.startswith("adder: complete")


def test_what_is_made_inside_a_run_is_not_taken_for_an_edit(finished, tmp_path, monkeypatch):
    _, tape = finished
    assert l2mac("Make an adder.", "--out", tmp_path, "--quiet", *playing(tape)).returncode == 0
    monkeypatch.chdir(tmp_path / "adder")
    assert l2mac("report", ".").stdout == ".l2mac/adder.html\n"
    assert git(tmp_path / "adder", "status", "--porcelain") == ""


def test_a_run_without_tests_says_so_to_the_end(finished, tmp_path):
    _, tape = finished
    ran = l2mac("Make an adder.", "--out", tmp_path, "--no-tests", *playing(tape))
    assert ran.stderr.splitlines()[-1].partition(" ")[2].startswith("complete") and ", tests off" in ran.stderr


def test_settings_of_another_program_are_left_alone(tmp_path, monkeypatch):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.yaml").write_text("database: {host: localhost}\n")
    monkeypatch.chdir(tmp_path)
    assert l2mac("config", "show").returncode == 0
    (tmp_path / "config" / "config.yaml").write_text("llm: {modle: x}\n")
    assert "llm.modle" in l2mac("config", "show").stderr
