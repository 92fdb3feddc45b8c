"""What the processor changes of the program while it works."""

import pytest

from l2mac import resume
from l2mac.testing import ScriptedProcessor, calls, says

from .jobs import build, commits, done, events, files, moments, program, told, write
from .test_crash import Death, die_after
from .test_programs import BOUNDARY, FIRST, PLAN, REST, SHOWN, build_with, ids


def revise(*changes, reason="It turned out so."):
    """A call that changes the program."""
    return ("revise_program", {"reason": reason, "changes": list(changes)})


def step(id, **more):
    return {"id": id, "title": f"Do {id}", "text": f"Do {id}.", **more}


SPLIT = {"change": "split", "id": "I2", "instructions": [step("a"), step("b", needs=["a"])]}
MORE = {"change": "add", "before": "I3", "instructions": [step("X")]}


def test_a_revision_holds_when_its_instruction_retires(tmp_path):
    first = calls(revise(SPLIT, MORE), write(a_dot_txt="a"), done(evidence=SHOWN))
    codebase, processor = build([PLAN, first, *[calls(done())] * 4], tmp_path)
    assert codebase.complete and ids(codebase) == ["I1", "I2.1", "I2.2", "X", "I3"]
    assert "X Do X" in processor.requests[2].messages[1].content, "later instructions see it"
    assert BOUNDARY in [kind for (kind,) in events(codebase.path, "kind")]


def test_revisions_of_one_instruction_add_up(tmp_path):
    again = revise({"change": "drop", "id": "X"}, {"change": "move", "id": "I2"})
    script = [PLAN, calls(revise(MORE)), calls(again), FIRST, *[calls(done())] * 2]
    codebase, processor = build(script, tmp_path)
    assert codebase.complete and ids(codebase) == ["I1", "I3", "I2"]
    assert told(processor.requests[2])[-1] == "ok\nwhen this instruction is done, the program has 4 instructions"


FAULTS = {
    "itself": ({"change": "drop", "id": "I1"}, "I1 is begun, and stays as it is"),
    "what is not there": ({"change": "drop", "id": "I9"}, "there is no instruction I9"),
    "a cover": ({"change": "edit", "id": "I3", "instructions": [step("I3")]}, "R2 would be covered by nothing"),
    "too much": (
        {"change": "add", "instructions": [step(f"X{n}") for n in range(60)]},
        "has 63 instructions, and 50 are allowed",
    ),
    "a text that fits no window": ({"change": "add", "instructions": [step("X", text="x" * 60_000)]}, "at most"),
}  # fmt: skip


@pytest.mark.parametrize("case", FAULTS.values(), ids=FAULTS)
def test_a_revision_that_would_harm_is_a_fault_to_the_model(case, tmp_path):
    change, said = case
    requirements = [{"id": "R1", "text": "a"}, {"id": "R2", "text": "c"}]
    plan = program(step("I1", covers=["R1"]), step("I2"), step("I3", covers=["R2"]), requirements=requirements)
    last = calls(done(evidence=[{"requirement": "R2", "file": "a.txt"}]))
    codebase, processor = build([plan, calls(revise(change)), FIRST, calls(done()), last], tmp_path)
    assert codebase.complete and ids(codebase) == ["I1", "I2", "I3"]
    (result,) = told(processor.requests[2])
    assert result.startswith("error: ") and said in result


def test_commands_that_a_person_wrote_stay(tmp_path):
    (tmp_path / "p.yaml").write_text("- Write a.\n- {text: Write b., acceptance: [test -f b.txt]}\n")
    loses = revise({"change": "edit", "id": "I2", "instructions": [step("I2")]})
    keeps = revise({"change": "edit", "id": "I2", "instructions": [step("I2", acceptance=["test -f b.txt"])]})
    script = [calls(loses), calls(keeps, write(a_dot_txt="a"), done()), REST[0]]
    codebase, processor = build(script, tmp_path, program=tmp_path / "p.yaml")
    assert "'test -f b.txt' shows what was asked for" in told(processor.requests[1])[0]
    assert codebase.complete and codebase.program["I2"].title == "Do I2"


def test_a_step_that_decides_is_for_a_person_to_change(tmp_path):
    (tmp_path / "p.yaml").write_text('- Write a.\n- {when: exists("a.txt"), then: [Write b.]}\n')
    script = [calls(revise({"change": "drop", "id": "I2"})), calls(write(a_dot_txt="a"), done()), calls(done())]
    codebase, processor = build(script, tmp_path, program=tmp_path / "p.yaml")
    assert codebase.complete and "I2 is a step that decides, and stays as it is" in told(processor.requests[1])[0]


def test_what_a_blocked_instruction_revised_is_dropped_with_it_and_revising_has_an_end(tmp_path):
    edits = [{"change": "edit", "id": "I2", "instructions": [step("I2", title=f"{n}")]} for n in range(8)]
    rest = [lambda request: calls(done()) if "/I2/" in request.place else says("No.")] * 40
    processor = ScriptedProcessor([program("I1", "I2"), *(calls(revise(edit)) for edit in edits), *rest])
    codebase = build_with(processor, tmp_path, None, None)
    assert codebase.ended.exit_code == 4 and codebase.program["I2"].title == "Do I2"
    assert any("revised 6 times here" in it for request in processor.requests for it in told(request))


def test_a_death_at_any_event_around_a_revision_resumes_to_the_same_program(tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800000000")
    script = [PLAN, calls(revise(SPLIT, MORE)), FIRST, *REST, *[calls(done())] * 2]
    whole, _ = build(script, tmp_path / "whole", name="run")
    assert whole.complete and ids(whole) == ["I1", "I2.1", "I2.2", "X", "I3"]
    expected = events(whole.path)
    for number in moments(2, len(expected)):
        first = ScriptedProcessor(script)
        with pytest.raises(Death):
            build_with(first, out := tmp_path / str(number), None, die_after(number))
        resumed = resume(out / "run", processor=ScriptedProcessor(script[len(first.requests) :]))
        assert resumed.program == whole.program and events(resumed.path) == expected
        assert files(resumed.path) == files(whole.path) and commits(resumed.path) == commits(whole.path)
