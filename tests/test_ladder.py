"""What the machine does when an instruction does not get on."""

import subprocess
import sys

from l2mac import Instruction, Program, generate_codebase, load_settings
from l2mac.testing import LoopbackProvider, calls, says

from .jobs import ADD, TEST_ADD, WRONG_ADD, build, commits, done, events, files, program, told, write

IDLE = 6  # turns without progress before the next rung
TALK = says("Let me think about it.")
REQUIREMENTS = [{"id": "R1", "text": "It has a."}, {"id": "R2", "text": "It has b."}]
BIG = {"id": "I1", "title": "Big", "text": "Write a and b.", "covers": ["R1", "R2"]}
AFTER = {"id": "I2", "title": "After", "text": "Write c.", "covers": ["R2"], "needs": ["I1"]}
PIECES = program(
    {"id": "a", "title": "First", "text": "Write a.", "covers": ["R1"]},
    {"id": "b", "title": "Second", "text": "Write b.", "needs": ["a"]},
)
UP_TO_SPLIT = [TALK] * (2 * IDLE) + [says("Notes.")] + [TALK] * IDLE


def shown(requirement, file):
    return [{"requirement": requirement, "file": file}]


def log(folder):
    done = subprocess.run(
        [sys.executable, "-m", "l2mac", "log", str(folder)], capture_output=True, text=True, check=True
    )
    return done.stdout


def test_what_fails_is_shown_again_then_a_fresh_window_goes_on_from_the_processors_own_notes(tmp_path):
    wrong = calls(write(add_dot_py=WRONG_ADD, tests__test_add_dot_py=TEST_ADD), done())
    again = calls(done())
    notes = says("Decided: add stays in add.py. The sign is wrong somewhere.")
    script = [program("I1"), wrong, *[again] * (2 * IDLE), notes, calls(write(add_dot_py=ADD), done())]
    codebase, processor = build(script, tmp_path)
    assert codebase.complete, codebase.ended
    focused = processor.requests[IDLE + 2].messages[-1]
    assert focused.role == "user" and "test_add" in focused.content and "nothing else" in focused.content
    asked, fresh = processor.requests[-2], processor.requests[-1]
    assert "fresh one" in asked.messages[-1].content and asked.place == "1/I1/0/14"
    so_far = fresh.messages[-1].content
    assert fresh.place == "1/I1/1/1" and len(fresh.messages) == 4
    for part in ("changed so far: add.py, tests/test_add.py", "Decided: add stays in add.py", "test_add"):
        assert part in so_far, so_far
    story = log(codebase.path)
    assert story.index("what fails is shown again, alone") < story.index("goes on in a fresh window")


def test_an_instruction_that_is_too_much_is_split_and_the_whole_still_completes(tmp_path):
    codebase, processor = build(
        [
            program(BIG, AFTER, requirements=REQUIREMENTS),
            calls(write(lost_dot_txt="x")),
            *UP_TO_SPLIT,
            PIECES,
            calls(write(a_dot_txt="a"), done("a.", evidence=shown("R1", "a.txt"))),
            calls(write(b_dot_txt="b"), done("b.", evidence=shown("R2", "b.txt"))),
            calls(write(c_dot_txt="c"), done("c.", evidence=shown("R2", "c.txt"))),
        ],
        tmp_path,
    )
    assert codebase.complete, codebase.ended
    assert [it.id for it in codebase.program.instructions] == ["I1.1", "I1.2", "I2"]
    first, second, after = codebase.program.instructions
    assert (second.needs, after.needs) == (("I1.1",), ("I1.1", "I1.2"))
    assert (first.covers, second.covers) == (("R1",), ("R2",)), "what no piece covers, the last does"
    assert files(codebase.path) == {"a.txt": b"a", "b.txt": b"b", "c.txt": b"c"}, "what was tried is dropped"
    assert [title for _, title in commits(codebase.path)] == ["After", "Second", "First"]
    splitting = next(it for it in processor.requests if "cut one instruction" in it.messages[0].content)
    assert {tool.name for tool in splitting.tools} >= {"submit_program"} and "Write a and b." in splitting.messages[
        1
    ].content
    story = log(codebase.path)
    assert "split" in story and "I1.2 Second" in story


def test_pieces_that_cannot_be_executed_are_sent_back_and_in_the_end_the_instruction_is_blocked(tmp_path):
    one = program({"id": "a", "title": "All", "text": "All of it."})
    script = [program(BIG, requirements=REQUIREMENTS), *UP_TO_SPLIT, one, TALK, one, one]
    codebase, processor = build(script, tmp_path)
    assert codebase.ended.outcome == "partial" and codebase.ended.exit_code == 4
    assert "cut it into 2 to 4" in told(processor.requests[-1])[0]
    assert [it.id for it in codebase.program.instructions] == ["I1"]


def test_a_piece_of_a_piece_is_split_no_further(tmp_path):
    """The measure falls: two levels of at most four pieces, each with its own turns, then blocked."""
    pieces = program("a", "b")
    script = [program("I1"), *UP_TO_SPLIT, pieces, *UP_TO_SPLIT, pieces, *UP_TO_SPLIT]
    finish = [calls(done())] * 2
    codebase, processor = build([*script, *finish], tmp_path)
    assert codebase.ended.outcome == "partial"
    assert [it.id for it in codebase.program.instructions] == ["I1.1.1", "I1.1.2", "I1.2"]
    blocked = [gist for kind, gist in events(codebase.path, "kind", "gist") if kind == "blocked"]
    assert len(blocked) == 1 and len(processor.requests) == len(script) + len(finish)


def test_a_stronger_model_goes_on_where_the_usual_one_is_stuck_and_the_usual_one_comes_back(tmp_path):
    asked = []

    def policy(body):
        asked.append(body["model"])
        if body["model"] == "stronger" and "notes from the last window" in body["messages"][-1]["content"]:
            return calls(write(a_dot_txt="a"), done())
        return calls(write(b_dot_txt="b"), done()) if "# Instruction I2" in body["messages"][2]["content"] else TALK

    two = Program((Instruction("I1", "One", "Write a."), Instruction("I2", "Two", "Write b.")))
    with LoopbackProvider(policy, models=("loopback", "stronger")) as provider:
        changes = [f"llm.base_url={provider.base_url}", f"llm.api_key={provider.api_key}", "llm.model=loopback"]
        settings = load_settings(changes=[*changes, "llm.escalation=stronger", "llm.protocol=tools"])
        codebase = generate_codebase("Two files.", out=tmp_path, program=two, settings=settings)
    assert codebase.complete, codebase.ended
    assert asked.count("stronger") == 1 and asked[-1] == "loopback"
    assert "goes on with a stronger model, stronger" in log(codebase.path)


def test_looking_again_at_what_has_not_changed_is_said_to_the_model(tmp_path):
    text = "\n".join(f"line {number} of a file that is long enough" for number in range(40))
    look = ("read_files", {"requests": [{"path": "a.txt"}]})
    codebase, processor = build(
        [
            program("I1"),
            calls(write(a_dot_txt=text)),
            calls(look),
            calls(look),
            calls(write(a_dot_txt=f"{text}!")),
            calls(look, done()),
        ],
        tmp_path,
    )
    assert codebase.complete
    results = told(processor.requests[-1])
    assert "line 39" in results[1] and "nothing has changed since" in results[2] and "line 39" not in results[2]
    codebase, processor = build(
        [program("I1"), calls(look, write(a_dot_txt=text)), calls(look), calls(done())], tmp_path
    )
    assert "line 39" in told(processor.requests[-1])[-1], "a change in between makes it worth another look"


def test_a_reader_that_never_stops_ends(tmp_path):
    look = calls(("list_files", {}))
    codebase, processor = build([program("I1"), *[look] * 40], tmp_path)
    assert codebase.ended.outcome == "partial" and len(processor.requests) <= 1 + 3 * IDLE + 1 + 4
