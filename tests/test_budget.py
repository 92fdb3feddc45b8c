"""What the machine does when little of the budget is left."""

from l2mac import past
from l2mac.testing import calls, says

from .jobs import build, done, events, moments, program, write
from .test_crash import Reference, die_and_resume

JOB = [
    program("I1", "I2", "I3"),
    calls(write(a_dot_txt="a")),
    calls(done("a is there.")),
    calls(write(b_dot_txt="b"), done("b is there.")),
    calls(write(c_dot_txt="c")),
    calls(done("c is there.")),
]


def frugal(folder):
    return [(key, gist) for key, kind, gist in events(folder, "key", "kind", "gist") if kind == "frugal"]


def test_from_four_fifths_on_each_instruction_is_begun_frugally_and_the_model_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("L2MAC_BUDGET_CALLS", "5")
    codebase, processor = build(JOB[:5], tmp_path, name="run")
    assert [key for key, _ in frugal(codebase.path)] == ["1/I3/0/0/frugal"]
    assert "80% of the budget (calls) is used" in frugal(codebase.path)[0][1]
    said = ["nearly spent" in request.messages[-1].content for request in processor.requests]
    assert said == [False, False, False, False, True]
    assert codebase.ended.outcome == "budget" and codebase.ended.exit_code == 5
    assert list(codebase) == ["a.txt", "b.txt"], "the trunk holds what was retired, and nothing else"
    assert past.replay(codebase.path).complete


def test_a_frugal_instruction_has_half_the_turns_and_is_not_split(tmp_path, monkeypatch):
    monkeypatch.setenv("L2MAC_BUDGET_TOKENS", "1000000")
    monkeypatch.setenv("L2MAC_RUN_TURNS", "6")
    script = [program("I1"), *[says("No.")] * 3]

    def dear(request):
        reply = script[0]
        return type(reply)(reply.message, reply.ending, type(reply.usage)(completion=850_000), reply.model)

    codebase, processor = build([dear, *script[1:]], tmp_path, name="run")
    assert codebase.ended.outcome == "partial" and len(processor.requests) == 4
    assert "rung" not in [kind for (kind,) in events(codebase.path, "kind")]


def test_a_death_at_any_event_of_a_frugal_run_resumes_to_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800000000")
    job = [*JOB[:4], calls(write(c_dot_txt="c"), done("c is there."))]
    monkeypatch.setenv("L2MAC_BUDGET_CALLS", "5")
    reference = Reference(job, tmp_path)
    assert len(frugal(tmp_path / "whole" / "run")) == 1
    for number in moments(15, len(reference.events)):
        die_and_resume(reference, number, tmp_path / str(number), monkeypatch)
