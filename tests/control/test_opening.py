"""How a window opens: stable, bounded, and true to the user's text."""

import json
import re
from dataclasses import replace

import pytest

from l2mac.assembly import PLANNING_TOOLS, TOOLS
from l2mac.control.opening import Opening
from l2mac.control.sizing import BYTES, Sizes
from l2mac.control.state import State
from l2mac.control.window import Window
from l2mac.domains.domain import load
from l2mac.errors import UsageError
from l2mac.panel.views import loc, status
from l2mac.processor.tokens import TokenCounter
from l2mac.program.values import Instruction, Program, Requirement
from l2mac.tools.instruction_set import InstructionSet

PROGRAM = Program(
    (
        Instruction("I1", "Board", "Write the board.", ("R1",), (), ("board.py",)),
        Instruction("I2", "Moves", "Write the moves.", ("R2",), ("I1",), ("moves.py",)),
        Instruction("I3", "Extra", "Write more.", ("R2",)),
    ),
    (Requirement("R1", "It has a board"), Requirement("R2", "It has moves")),
)
FILES = {"board.py": "class Board:\n    def at(self, x: int) -> str: ...\n", "notes.md": "# x\n"}


def opening(prompt="Write chess.", room=60_000, **measured):
    return Opening(load("codebase"), prompt, room, 50, **measured)


def test_the_first_two_messages_are_the_same_bytes_for_the_whole_of_execution():
    made = opening()
    first = made.instruction(PROGRAM["I1"], PROGRAM, {}, {}, [])
    later = made.instruction(PROGRAM["I2"], PROGRAM, FILES, {"I1": "Board is done"}, ["Be quick"])
    assert first[:2] == later[:2] and first[2] != later[2]
    assert [message.role for message in first] == ["system", "user", "user"]
    assert (
        "Write chess." in first[1].content and "I2 Moves" in first[1].content and "R2 It has moves" in first[1].content
    )


def test_the_files_that_an_instruction_names_are_shown_whole_where_they_fit():
    files = {"board.py": "BOARD = 8\n", "moves.py": "MOVES = 1\n# ```\n", "tests/test_moves.py": "x = 1\n" * 9_000}
    instruction = replace(PROGRAM["I2"], files=("moves.py", "tests/test_moves.py", "new.py"))
    text = opening().instruction(instruction, PROGRAM, files, {"I1": "done"}, [])[2].content
    assert "## Files it will probably write\nmoves.py, tests/test_moves.py, new.py\n" in text
    assert "## Those of them that exist, as they are\nmoves.py\n````\nMOVES = 1\n# ```\n\n````\n" in text
    assert text.count("MOVES") == 1, "what is shown whole needs no interface"
    assert "BOARD = 8" in text.partition("## Interfaces of files")[2] and "x = 1" not in text


def test_an_instruction_sees_what_it_may_rely_on_and_nothing_else():
    text = (
        opening()
        .instruction(PROGRAM["I2"], PROGRAM, FILES, {"I1": "Board is done", "I3": "no"}, ["Be quick"])[2]
        .content
    )
    for part in (
        "# Instruction I2: Moves",
        "## Requirements it covers\nR2",
        "Be quick",
        "I1: Board is done",
        "class Board",
        "notes.md",
    ):
        assert part in text
    assert "R2 It has moves" in opening().instruction(PROGRAM["I2"], PROGRAM, FILES, {}, [])[1].content
    assert "R1" not in text and "I3: no" not in text
    assert "(none yet)" in opening().instruction(PROGRAM["I1"], PROGRAM, {}, {}, [])[2].content


def test_where_there_is_little_room_what_was_planned_gives_way_to_what_was_done():
    planned = replace(PROGRAM["I1"], text="Plan the board. " * 60)
    program = replace(PROGRAM, instructions=(planned, *PROGRAM.instructions[1:]))
    handed, files = "Rows count from the top. " * 30, {"board.py": "def at(x: int) -> str: ...\n" * 20}
    wide, narrow = (
        opening(room=room).instruction(program["I2"], program, files, {"I1": handed}, [])[2].content
        for room in (60_000, 2_000)
    )
    assert all(text in wide for text in ("Plan the board", "Rows count from the top", "at(x: int)"))
    assert "Plan the board" not in narrow and "Rows count from the top" in narrow and "at(x: int)" in narrow


def test_a_plain_list_hands_over_what_was_done_last():
    plain = Program(tuple(Instruction(f"I{n}", "t", "t") for n in range(1, 5)))
    handed = {f"I{n}": f"summary {n}" for n in range(1, 4)}
    text = opening().instruction(plain["I4"], plain, {}, handed, [])[2].content
    assert "summary 1" not in text and "summary 2" in text and "summary 3" in text


@pytest.mark.parametrize("prompt", ["costs $5, ${x} and $prompt", "$", "${", "$$ $outline ${steps}"])
def test_what_the_user_typed_is_shown_as_typed(prompt):
    made = opening(prompt)
    program = Program((Instruction("I1", prompt, prompt),), ())
    assert prompt in made.planning({prompt: ""})[1].content
    messages = made.instruction(program["I1"], program, {prompt: ""}, {"I0": prompt}, [prompt])
    assert prompt in messages[1].content and messages[2].content.count(prompt) >= 4


ALPHABETS = {"english": "Write the board and its moves. ", "chinese": "请编写棋盘及其走法的代码。", "emoji": "♟️🎲 "}


@pytest.mark.parametrize("model", ["gpt-5", "some-local-model"])
@pytest.mark.parametrize("words", ALPHABETS.values(), ids=ALPHABETS)
@pytest.mark.parametrize(("bound", "reserve"), [(48_000, 8_192), (12_000, 3_000)])
def test_the_opening_fits_the_window_however_large_everything_is(bound, reserve, words, model):
    long = words * (200_000 // len(words))
    requirements = tuple(Requirement(f"R{n}", words * 50) for n in range(1_000))
    covers = tuple(it.id for it in requirements)
    instructions = tuple(
        Instruction(f"I{n}", words * 20, long, covers, tuple(f"I{m}" for m in range(n)), (f"src/m{n}.py",))
        for n in range(1_000)
    )
    program = Program(instructions, requirements)
    files = {f"src/m{n}.py": f"def f{n}(x: int) -> int: ...\n" * 20 for n in range(1_000)}
    handed = {it.id: words * 30 for it in instructions}
    counter = TokenCounter(model)
    sizes = Sizes(bound, reserve, 1_900, counter.factor)
    measured = {"measure": lambda text: counter.measure(text) * BYTES}
    made = opening(long, sizes.room, **measured)
    for tools, messages in (
        (PLANNING_TOOLS, opening("Write chess.", sizes.room, **measured).planning(files)),
        (PLANNING_TOOLS, made.splitting(program["I999"], program, files, long)),
        (TOOLS, made.instruction(program["I999"], program, files, handed, [long])),
    ):
        window = Window(InstructionSet(tools).specs, messages, counter, bound, reserve)
        assert window.tokens + reserve <= bound


def test_what_is_cut_from_the_opening_is_said():
    files = {f"src/{n}.py": "" for n in range(1_000)}
    made = opening("a" * 200_000, 12_000)
    assert " more" in made.planning(files)[1].content.splitlines()[-1]
    task = made.instruction(PROGRAM["I1"], PROGRAM, files, {}, [])[1].content
    assert (
        "of 200,000 characters are left out here" in task and "read_files shows it whole as .l2mac/task.txt …]" in task
    )


def test_the_prompt_is_compiled_from_all_of_its_words():
    prompt = "".join(f"- point {number}\n" for number in range(5_000))
    assert prompt in opening(prompt, 12_000).planning({})[1].content


@pytest.mark.parametrize(("window", "prompt"), [(2_000, 0), (4_349, 0), (8_000, 20_000), (48_000, 100_000)])
def test_what_can_not_fit_is_refused_with_the_least_that_can(window, prompt):
    sizes = Sizes(window, 8_000, 1_900)
    with pytest.raises(UsageError) as refused:
        sizes.demand(prompt)
    least = int(re.findall(r"(?:least that works here is|at least) ([\d,]+)", str(refused.value))[0].replace(",", ""))
    replace(sizes, window=least).demand(prompt)
    with pytest.raises(UsageError):
        replace(sizes, window=least - 1).demand(prompt)


def test_the_status_of_a_run_that_has_not_begun_is_plain_data():
    told = json.loads(json.dumps(status(State(program=PROGRAM))))
    assert told["outcome"] == "unfinished" and told["usage"]["cost"] == 0.0 and told["tests"]["outcome"] == "not run"
    assert [it["state"] for it in told["instructions"]] == ["waiting"] * 3


def test_lines_of_code_are_the_lines_that_are_not_blank():
    assert loc(["a\n\n  \nb\n", "", "c"]) == 3
