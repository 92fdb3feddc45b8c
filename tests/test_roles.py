"""Several plans, plans that are criticised, work that is reviewed, and roles with models and texts of their own."""

import json

import pytest

from l2mac import generate_codebase, load_settings, past, resume
from l2mac.control.reflection import merit
from l2mac.control.roles import Roles, findings
from l2mac.program.values import Instruction, Program, Requirement
from l2mac.testing import LoopbackProvider, ScriptedProcessor, calls, says
from l2mac.watcher import Watcher

from .jobs import PLAIN, build, done, events, moments, program, told, write
from .test_crash import Death, Reference, die_and_resume

ONE = {"id": "R1", "text": "It adds."}
TWO = {"id": "R2", "text": "It subtracts."}


def step(id, *covers, needs=()):
    return {"id": id, "title": f"Do {id}", "text": f"Do {id}.", "covers": covers, "needs": list(needs)}


COARSE = program(step("I1", "R1"), requirements=[ONE])
FINE = program(step("I1", "R1"), step("I2", "R2", needs=["I1"]), requirements=[ONE, TWO])
WIDE = program(step("A", "R1"), step("B", "R2"), requirements=[ONE, TWO])
EVIDENCE = [{"requirement": it, "file": "a.txt"} for it in ("R1", "R2")]
WORK = [
    calls(write(a_dot_txt="a"), done(evidence=EVIDENCE[:1])),
    calls(write(b_dot_txt="b"), done(evidence=EVIDENCE[1:])),
]


def kinds(folder):
    return [kind for (kind,) in events(folder, "kind")]


def titles(codebase):
    return [it.id for it in codebase.program.instructions]


def with_(*changes):
    return load_settings(changes=changes)


def test_of_several_plans_the_best_is_taken_and_each_is_told_of_the_others(tmp_path):
    script = [COARSE, FINE, WIDE, *WORK]
    codebase, processor = build(script, tmp_path, name="run", settings=with_("run.plans=3"))
    assert titles(codebase) == ["A", "B"] and codebase.complete, codebase.ended
    assert [request.place for request in processor.requests[:3]] == ["1/I0/0/1", "1/I0/1/1", "1/I0/2/1"]
    last = [request.messages[-1].content for request in processor.requests[:3]]
    assert "already" not in last[0] and "- Do I1\n- Do I1; Do I2" in last[2]
    assert [gist for kind, gist in events(codebase.path, "kind", "gist") if kind == "plans"] == ["plan 3 of 3 is taken"]
    assert past.replay(codebase.path).complete


def test_a_plan_that_does_not_come_off_is_no_candidate_and_ties_go_to_the_first(tmp_path):
    script = [FINE, *[says("No.")] * 4, FINE, *WORK]
    codebase, _ = build(script, tmp_path, settings=with_("run.plans=3"))
    assert titles(codebase) == ["I1", "I2"]
    assert ("plan 1 of 2 is taken",) in events(codebase.path, "gist")


def test_criticism_changes_the_plan_until_it_stands(tmp_path):
    script = [COARSE, FINE, says("good: 1. It is good.\n2. Very."), *WORK]
    codebase, processor = build(script, tmp_path, name="run", settings=with_("run.reflect=5"))
    assert titles(codebase) == ["I1", "I2"] and codebase.complete
    assert "I1 Do I1 (covers R1)" in processor.requests[1].messages[-1].content
    assert [kind for kind in kinds(codebase.path) if kind in ("reflection", "program")] == ["reflection"] * 2 + [
        "program"
    ]
    assert past.replay(codebase.path).complete
    past.undo(codebase.path, 0)
    assert titles(resume(codebase.path, processor=ScriptedProcessor(WORK))) == ["I1", "I2"]


@pytest.mark.parametrize("worse", [COARSE, program(step("I1", "R9"), requirements=[ONE, TWO]), FINE])
def test_criticism_never_makes_it_worse(worse, tmp_path):
    script = [FINE, worse, *[says("good")] * 1, *WORK]
    codebase, processor = build(script, tmp_path, settings=with_("run.reflect=1"))
    assert titles(codebase) == ["I1", "I2"]
    assert len(processor.requests) <= len(script)


def test_a_budget_that_is_spent_while_plans_are_compared_leaves_the_first(tmp_path):
    settings = with_("run.plans=3", "run.reflect=2", "budget.calls=2")
    codebase, _ = build([COARSE, FINE], tmp_path, name="run", settings=settings)
    assert codebase.ended.exit_code == 5 and titles(codebase) == ["I1"]
    assert past.replay(codebase.path).complete
    evidence = done(evidence=EVIDENCE[:1])
    processor = ScriptedProcessor([calls(write(a_dot_txt="a"), evidence)])
    assert resume(codebase.path, processor=processor, settings=with_("budget.calls=9")).complete


def plan(*instructions, requirements=2):
    return Program(
        tuple(Instruction(id, id, id, tuple(covers), tuple(needs)) for id, covers, needs in instructions),
        tuple(Requirement(f"R{number}", "") for number in range(requirements)),
    )


def test_the_rubric_prefers_more_requirements_then_narrow_ones_then_short_chains_then_few_instructions():
    base = plan(("A", "12", ""), ("B", "3", "A"))
    better = [
        plan(("A", "1", ""), ("B", "2", ""), ("C", "3", "")),
        plan(("A", "1", ""), ("B", "2", "")),
        plan(("A", "123", ""), ("B", "4", "A"), requirements=3),
    ]
    ranked = sorted([better[2], base, better[1], better[0]], key=merit)
    assert ranked == [base, better[0], better[1], better[2]]


# -- the reviewer -----------------------------------------------------------------------------------------------------

JOB = [
    program("I1", "I2"),
    calls(write(a_dot_txt="a"), done("a is there.")),
    says("Two things:\n- a.txt: it says a, and should say b\n* a.txt: no end of line\nThat is all."),
    calls(write(a_dot_txt="b\n"), done("b is there.")),
    calls(write(c_dot_txt="c"), done("c is there.")),
    says("none"),
]


def test_what_a_reviewer_finds_is_shown_once_and_never_declares_done(tmp_path):
    codebase, processor = build(JOB, tmp_path, name="run", settings=with_("roles.review=true"))
    assert codebase.complete and codebase["a.txt"] == "b\n"
    review, again = processor.requests[2], processor.requests[3]
    assert review.tools == () and "Do I1." in review.messages[1].content and "## a.txt" in review.messages[1].content
    answers = told(again)[-2:]
    assert answers[0] == "ok" or answers[0].startswith("checks"), answers
    assert answers[1].startswith("error: completion refused: a reviewer objects")
    assert "- a.txt: it says a, and should say b\n- a.txt: no end of line" in answers[1]
    assert kinds(codebase.path).count("review") == 2
    assert past.replay(codebase.path).complete


def test_a_reviewer_that_praises_what_fails_changes_nothing(tmp_path):
    script = [program("I1"), calls(write(a_dot_json="{"), done()), calls(write(a_dot_json="{}"), done()), says("none")]
    codebase, processor = build(script, tmp_path, settings=with_("roles.review=true"))
    assert codebase.complete and len(processor.requests) == 4, "work that fails is not reviewed"


def test_a_review_that_can_not_be_paid_does_not_hold_up_good_work(tmp_path):
    settings = with_("roles.review=true", "budget.calls=2", "run.turns=9")
    codebase, _ = build([program("I1", "I2"), JOB[1]], tmp_path, name="run", settings=settings)
    assert codebase.ended.exit_code == 5 and codebase["a.txt"] == "a"
    assert past.replay(codebase.path).complete


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("none", []),
        ("", []),
        ("I like it - really.", []),
        ("- one\n- two", ["one", "two"]),
        ("1. one\n2) two\n  * three", ["one", "two", "three"]),
        ("- x\n" * 50, ["x"] * 8),
        (f"- {'x' * 1000}", ["x" * 300]),
        ("-\n- \n-no", []),
    ],
)
def test_findings_are_the_lines_of_a_list(said, wanted):
    assert findings(said) == wanted


def test_a_death_at_any_event_of_planning_and_reviewing_resumes_to_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800000000")
    for name, value in (("RUN_PLANS", "2"), ("RUN_REFLECT", "2"), ("ROLES_REVIEW", "true")):
        monkeypatch.setenv(f"L2MAC_{name}", value)
    job = [program("I1"), program("I1", "I2"), program("I2", "I1"), says("good"), *JOB[1:]]
    reference = Reference(job, tmp_path)
    for number in moments(3, len(reference.events)):
        die_and_resume(reference, number, tmp_path / str(number), monkeypatch)


# -- who is asked -----------------------------------------------------------------------------------------------------


def test_an_instruction_that_names_only_tests_is_the_testers():
    roles = Roles()
    assert roles.of(Instruction("I1", "", "", files=("tests/test_a.py",))) is not None
    named = {name: Roles({name: "x"}) for name in ("coder", "tester")}
    assert named["tester"].of(Instruction("I1", "", "", files=("tests/test_a.py", "test_b.py"))) == "x"
    assert named["coder"].of(Instruction("I1", "", "", files=("tests/test_a.py", "b.py"))) == "x"
    assert named["coder"].of(Instruction("I1", "", "")) == "x"


def test_each_role_has_a_model_a_temperature_and_a_text_of_its_own(tmp_path):
    asked = []
    tests = {"id": "I2", "title": "Test", "text": "Test.", "files": ["tests/test_a.txt"]}
    replies = iter(
        [
            program("I1", tests),
            calls(write(a_dot_txt="a"), done()),
            says("- a.txt: too short"),
            calls(write(a_dot_txt="aa"), done()),
            calls(write(tests__test_a_dot_txt="a"), done()),
            says("none"),
        ]
    )

    def policy(body):
        asked.append((body["model"], body.get("temperature"), body["messages"][0]["content"].split("\n")[-1]))
        return next(replies)

    models = ("usual", "wise", "keen", "strict")
    with LoopbackProvider(policy, models=models, api_key="k") as provider:
        data = {
            "llm": {"api_type": "openai", "model": "usual", "base_url": provider.base_url, "api_key": "k"},
            "roles": {
                "review": True,
                "planner": {"model": "wise", "prompt": "Plan for $5."},
                "coder": {"prompt": "Use British spelling."},
                "tester": {"model": "keen", "temperature": 0.5},
                "reviewer": {"model": "strict", "temperature": 0.0, "prompt": "Be strict."},
            },
        }
        (tmp_path / "config.yaml").write_text(json.dumps(data))
        settings = load_settings(tmp_path / "config.yaml")
        codebase = generate_codebase("Two files.", domain=PLAIN, out=tmp_path, name="run", settings=settings)
    assert codebase.complete
    assert [it[:2] for it in asked] == [
        ("wise", None),
        ("usual", None),
        ("strict", 0.0),
        ("usual", None),
        ("keen", 0.5),
        ("strict", 0.0),
    ]
    texts = [it[2] for it in asked]
    assert texts[0] == "Plan for $5." and texts[1] == texts[3] == "Use British spelling."
    assert texts[2] == texts[5] == "Be strict." and "Use British spelling." not in texts[4]
    assert past.replay(codebase.path).complete


def test_roles_are_remembered_by_a_resume(tmp_path):
    def event(it):
        if it.kind == "program":
            raise Death

    settings = with_("roles.review=true", "roles.coder.prompt=Use British spelling.")
    with pytest.raises(Death):
        build(JOB, tmp_path, name="run", settings=settings, watcher=Watcher(event=event))
    processor = ScriptedProcessor(JOB[1:])
    assert resume(tmp_path / "run", processor=processor).complete
    assert processor.requests[0].messages[0].content.endswith("\n\nUse British spelling.")


def test_without_roles_every_request_is_as_it_was(tmp_path):
    plain, usual = (build([program("I1"), JOB[1]], tmp_path, settings=it)[1].requests for it in (None, with_()))
    assert [it.digest for it in plain] == [it.digest for it in usual]
