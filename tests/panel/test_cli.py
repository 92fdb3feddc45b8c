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
from l2mac.testing import calls

from ..jobs import ADD, TEST_ADD, WRONG_ADD, build, done, program, write

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
    assert "processor: tape adder, sandbox: none" in lines
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
    assert (told["outcome"], told["exit_code"], told["sandbox"], told["loc"]) == ("complete", 0, "none", 5)
    (only,) = told["instructions"]
    assert (only["id"], only["state"], only["turns"], only["loc"], only["errors"]) == ("I1", "retired", 2, 5, 0)
    assert only["tests"] == {"outcome": "passed", "passed": 1, "failed": 0, "skipped": 0}
    assert told["requirements"] == [{"id": "R1", "met": True, "by": "add.py:1, tests/test_add.py::test_add"}]
    shown = l2mac("status", folder).stdout
    assert "adder: complete" in shown and "sandbox none" in shown
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
