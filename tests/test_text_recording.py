"""A run that was really answered in the text protocol, in a window of 8,000 tokens, one request at a time.

`recordings/budget` holds the requests as the command got them and the replies as they were said. A program that knows
nothing but these answers again here, so that what is read out of the replies is read out of real ones.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from l2mac import generate_codebase
from l2mac.config import load_settings
from l2mac.processor.tape import TapeProcessor, read_tape
from l2mac.processor.tokens import vocabulary

from .jobs import commits, files

RECORDING = Path(__file__).parent / "recordings" / "budget"
TAPE = RECORDING / "budget.tape.jsonl"
PROMPT = read_tape(TAPE)[0].prompt
REQUESTS = sorted((RECORDING / "desk").glob("*.request.txt"))
WINDOW = 8_000
DESK = """import pathlib, sys
asked = sys.stdin.read()
for page in sorted(pathlib.Path(sys.argv[1]).glob("*.request.txt")):
    if page.read_text(encoding="utf-8") == asked:
        print(page.with_name(page.name.replace("request", "reply")).read_text(encoding="utf-8"), end="")
        break
else:
    sys.exit("nobody was asked this: the prompts have changed since, record again")
"""


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    """The run again, with a program at the desk that gives the recorded replies to exactly the recorded requests."""
    desk = tmp_path_factory.mktemp("desk") / "desk.py"
    desk.write_text(DESK)
    command = f"{sys.executable} {desk} {RECORDING / 'desk'}"
    changes = {"llm.api_type": "command", "llm.command": command, "llm.window": WINDOW, "llm.patience": 0}
    return generate_codebase(PROMPT, out=tmp_path_factory.mktemp("out"), settings=load_settings(flags=changes))


def test_the_recorded_replies_are_read_and_the_run_completes(answered):
    assert answered.complete, answered.ended
    assert all(it.met for it in answered.ended.shown) and len(answered.ended.shown) >= 7
    assert len(commits(answered.path)) == len(answered.program.instructions) >= 3


def test_no_request_outgrew_its_window():
    count = vocabulary("gpt-4o")
    assert len(REQUESTS) >= 5
    for page in REQUESTS:
        assert count(page.read_text(encoding="utf-8")) + WINDOW // 3 <= WINDOW, page.name


def test_its_tape_gives_the_same_files(answered, tmp_path):
    told = []
    settings = load_settings(flags={"llm.window": WINDOW, "llm.protocol": "text"})
    played = generate_codebase(
        PROMPT, out=tmp_path, processor=TapeProcessor(TAPE, notify=told.append), settings=settings
    )
    assert told == [] and played.complete and files(played.path) == files(answered.path)


def test_the_program_that_it_wrote_does_what_the_prompt_asks(answered, tmp_path):
    def budget(*arguments):
        done = subprocess.run(
            [sys.executable, str(answered.path / "budget.py"), *arguments],
            cwd=tmp_path,
            env={**os.environ, "BUDGET_FILE": str(tmp_path / "data.json")},
            capture_output=True,
            text=True,
            timeout=20,
        )
        return done.returncode, done.stdout, done.stderr

    assert budget("add", "2026-01-05", "12.30", "food", "bread")[0] == 0
    assert budget("add", "2026-01-09", "0.10", "food")[0] == budget("add", "2026-01-31", "37.20", "rent")[0] == 0
    assert budget("limit", "food", "10")[0] == 0
    code, table, _ = budget("month", "2026-01")
    food = next(line for line in table.splitlines() if "food" in line)
    rent = next(line for line in table.splitlines() if "rent" in line)
    assert code == 0 and "12.40" in food and "25" in food and "37.20" in rent and "75" in rent and "49.60" in table
    assert len(food.split()) > len(rent.split()) or food.strip()[0] != rent.strip()[0], (
        "what is over its limit is marked"
    )
    assert budget("export", "all.csv")[0] == 0 and "12.30" in (tmp_path / "all.csv").read_text()
    for wrong in ([], ["dance"], ["add", "2026-13-01", "1", "x"], ["add", "2026-01-01", "a", "x"], ["month", "x"]):
        code, out, said = budget(*wrong)
        assert (code, out, len(said.splitlines())) == (2, "", 1), wrong
    assert json.loads((tmp_path / "data.json").read_text())
