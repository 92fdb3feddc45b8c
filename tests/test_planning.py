"""Instruction zero: how a prompt, a file or a list becomes the program."""

import pytest

from l2mac import Instruction, Interrupted, Program, UsageError, generate_codebase, load_settings, resume
from l2mac.testing import ScriptedProcessor, calls, says
from l2mac.watcher import Watcher

from .jobs import build, done, events, program, told, write

ADDING = {"id": "I1", "title": "Write add", "text": "Write add(a, b) in add.py.", "covers": ["R1"]}
SUM = {"id": "R1", "text": "It adds two numbers."}
SHOWN = [{"requirement": "R1", "file": "add.py", "symbol": "add", "test": "tests/test_add.py::test_add"}]


def test_a_plan_that_cannot_be_executed_is_sent_back_twice_and_then_given_up(tmp_path):
    cyclic = program({"id": "I1", "title": "a", "text": "a", "needs": ["I1"]})
    codebase, processor = build([cyclic] * 3, tmp_path)
    assert "cycle" in told(processor.requests[1])[0]
    assert len(processor.requests) == 3
    assert codebase.ended.exit_code == 4 and "no program was compiled" in codebase.ended.reasons[0]


def test_a_plan_may_come_in_several_calls_and_be_repaired(tmp_path):
    first = calls(("submit_program", {"requirements": [SUM], "instructions": [], "more": True}))
    uncovered = program("I1")
    codebase, processor = build([first, uncovered, program("I1"), calls(write(a_dot_txt="a"), done())], tmp_path)
    results = told(processor.requests[2])
    assert results[0].startswith("ok\n0 instructions so far")
    assert "requirement R1 is covered by no instruction" in results[1]
    assert codebase.complete


ONE = {"id": "I1", "title": "One", "text": "One.", "covers": ["R1"]}
IDLE = {
    "no requirements": (program("I1"), "the program has no requirements; number what is asked for"),
    "an instruction for nothing": (program(ONE, "I2", requirements=[SUM]), "I2 covers no requirement"),
    "two that only need one another": (
        program(ONE, "I2", {"id": "I3", "title": "c", "text": "c", "needs": ["I1", "I2"]}, requirements=[SUM]),
        "I2 covers no requirement, and none that does needs it",
    ),
}


@pytest.mark.parametrize(("plan", "told_so"), IDLE.values(), ids=IDLE)
def test_a_plan_that_covers_nothing_is_sent_back_and_one_that_is_needed_for_something_is_not(plan, told_so, tmp_path):
    last, between = {**ONE, "id": "I2", "needs": ["I3"]}, {**ONE, "id": "I3", "covers": [], "needs": ["I1"]}
    useful = program("I1", last, between, requirements=[SUM])
    codebase, processor = build([plan, useful], tmp_path, plan_only=True, domain="codebase")
    assert told_so in told(processor.requests[1])[0]
    assert [it.id for it in codebase.program.instructions] == ["I1", "I2", "I3"]
    codebase, _ = build([plan] * 3, tmp_path, domain="codebase")
    assert codebase.ended.exit_code == 4 and "no program was compiled" in codebase.ended.reasons[0]


def test_a_plan_in_many_parts_outlasts_every_rung_of_the_ladder(tmp_path):
    part = {"requirements": [], "more": True}
    parts = [
        calls(("submit_program", {**part, "instructions": [{"id": f"I{k}", "title": f"Do {k}", "text": "x" * 900}]}))
        for k in range(1, 21)
    ]
    small = load_settings(changes=["llm.window=9000", "llm.max_tokens=2000"])
    last = calls(("submit_program", {"requirements": [], "instructions": []}))
    codebase, _ = build([*parts, last], tmp_path, plan_only=True, settings=small)
    assert [it.id for it in codebase.program.instructions] == [f"I{k}" for k in range(1, 21)]


def test_a_plan_written_as_a_numbered_list_is_accepted(tmp_path):
    plan = says("Here is my plan:\n1. Write a.\n2. Write b.\n")
    codebase, _ = build([plan, calls(write(a_dot_txt="a"), done()), calls(write(b_dot_txt="b"), done())], tmp_path)
    assert codebase.complete and [it.title for it in codebase.program.instructions] == ["Write a", "Write b"]


def test_each_item_of_a_plan_in_prose_is_a_requirement(tmp_path):
    shown = [{"requirement": "R1", "file": "a.txt"}, {"requirement": "R2", "file": "b.txt"}]
    script = [says("1. Write a.\n2. Write b."), calls(write(a_dot_txt="a"), done()), calls(done(evidence=shown[:1]))]
    script += [calls(write(b_dot_txt="b"), done(evidence=shown[1:]))]
    codebase, processor = build(script, tmp_path, domain="codebase")
    assert codebase.complete and [it.text for it in codebase.program.requirements] == ["Write a.", "Write b."]
    assert "R1 has no evidence" in told(processor.requests[2])[-1]


def test_a_program_from_a_file_skips_planning(tmp_path):
    (tmp_path / "plan.yaml").write_text("- Write a.\n- Write b.\n")
    script = [calls(write(a_dot_txt="a"), done("A is there.")), calls(write(b_dot_txt="b"), done())]
    codebase, processor = build(script, tmp_path, program=tmp_path / "plan.yaml")
    assert codebase.complete and len(processor.requests) == 2
    assert "A is there." in processor.requests[1].messages[2].content, "in a plain list the order is all there is"


def test_plan_only_stops_and_resume_executes(tmp_path):
    codebase, _ = build([program("I1")], tmp_path, plan_only=True)
    assert codebase.ended is None and len(codebase.program.instructions) == 1
    resumed = resume(codebase.path, processor=ScriptedProcessor([calls(write(a_dot_txt="a"), done())]))
    assert resumed.complete


def test_more_steps_than_allowed_are_refused(tmp_path):
    _, processor = build([program("I1", "I2"), program("I1"), calls(write(a_dot_txt="a"), done())], tmp_path, steps=1)
    assert "the program has 2 instructions, and 1 are allowed" in told(processor.requests[1])[0]


def test_a_brought_program_outlives_a_death_at_birth(tmp_path):
    def die(event):
        if event.kind == "opened":
            raise KeyboardInterrupt

    brought = Program((Instruction("I1", "Write a", "Write a.", files=["a.txt"]),))
    with pytest.raises(Interrupted):
        build([], tmp_path, name="run", program=brought, watcher=Watcher(event=die))
    resumed = resume(tmp_path / "run", processor=ScriptedProcessor([calls(write(a_dot_txt="a"), done())]))
    assert resumed.complete and resumed.program.instructions[0].files == ("a.txt",)


def test_a_brought_program_that_cannot_be_executed_is_refused(tmp_path):
    with pytest.raises(UsageError, match="I1 needs I9, which does not exist"):
        build([], tmp_path, program=Program((Instruction("I1", "a", "a", needs=("I9",)),)))
    assert list(tmp_path.iterdir()) == []


def test_a_list_that_is_not_kept_one_to_one_is_sent_back_once(tmp_path):
    merged = [{"id": "R1", "text": "It adds numbers and subtracts numbers."}]
    apart = [{"id": "R1", "text": "Add two numbers"}, {"id": "R2", "text": "Subtract two numbers"}]
    work = {"id": "I1", "title": "Write", "text": "Write.", "covers": ["R1"]}
    prompt = "A calculator:\n- Add two numbers\n- Subtract two numbers\n"
    for number, second in enumerate((program({**work, "covers": ["R1", "R2"]}, requirements=apart), None)):
        first = program(work, requirements=merged)
        processor = ScriptedProcessor([first, second or first])
        codebase = generate_codebase(prompt, processor=processor, plan_only=True, out=tmp_path, name=f"run{number}")
        refused = told(processor.requests[1])[0]
        assert refused.startswith("error: the program was not accepted: each point of a list")
        assert refused.endswith("submit the whole program again:\n- Add two numbers")
        assert len(codebase.program.requirements) == (2 if second else 1), "the second time it is accepted"
        assert ("unkept" in {kind for (kind,) in events(codebase.path, "kind")}) == (second is None)
