"""Programs that decide and change, in whole runs."""

import json
import os
import subprocess
import sys

import pytest

from l2mac import Interrupted, UsageError, generate_codebase, resume
from l2mac.control.state import state
from l2mac.memory.journal import Journal
from l2mac.memory.orders import Add, Delete, Drop, Edit, Move, OrderBox, Pause, Resume, Retry, Revise, Stop, Write
from l2mac.program.reading import read
from l2mac.program.values import Change, Flow, Instruction
from l2mac.testing import ScriptedProcessor, calls, says
from l2mac.watcher import Watcher

from .jobs import PLAIN, build, commits, done, events, files, moments, program, write
from .test_orders import kinds, ordering

REQUIREMENT = [{"id": "R1", "text": "It is."}]
ONE = {"id": "I1", "title": "One", "text": "Write a.", "covers": ["R1"]}
PLAN = program(ONE, "I2", "I3", requirements=REQUIREMENT)
SHOWN = [{"requirement": "R1", "file": "a.txt"}]
FIRST = calls(write(a_dot_txt="a"), done(evidence=SHOWN))
REST = [calls(write(b_dot_txt="b"), done()), calls(write(c_dot_txt="c"), done())]
BOUNDARY = "retired"
FLOW = """
requirements: [{id: R1, text: it is}]
instructions:
  - {id: A, text: Write a., covers: [R1]}
  - {for each: file, in: "*.txt", at most: 5, needs: [A], do: ["Look at ${file}."]}
  - {id: r, repeat: [Grow.], until: count("*.md") >= 2, at most: 3}
  - {when: exists("nope"), then: [Never.], else: [Else.]}
  - {plan: Plan what is left., at most: 3, needs: [r]}
"""


def replies():
    """What a model answers to that program."""
    planned = program({"id": "I1", "title": "P", "text": "p"}, {"id": "I2", "title": "Q", "text": "q", "needs": ["I1"]})
    return [
        calls(write(a_dot_txt="a", b_dot_txt="b"), done(evidence=SHOWN)),
        *[calls(done())] * 2,
        calls(write(x_dot_md="x"), done()),
        calls(write(y_dot_md="y"), done()),
        calls(done()),
        planned,
        *[calls(done())] * 2,
    ]


@pytest.fixture
def flow(tmp_path):
    path = tmp_path / "flow.yaml"
    path.write_text(FLOW)
    return path


def l2mac(*arguments, **variables):
    command = [sys.executable, "-m", "l2mac", *map(str, arguments)]
    return subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, timeout=120)


def ids(codebase):
    return [it.id for it in codebase.program.instructions]


def events_of(folder, kind):
    return [gist for name, gist in events(folder, "kind", "gist") if name == kind]


def test_a_program_decides_as_it_goes_and_the_model_fills_what_is_left_to_it(flow, tmp_path):
    codebase, processor = build(replies(), tmp_path, program=flow, name="run")
    assert codebase.complete, codebase.ended
    assert ids(codebase) == ["A", "I2.1", "I2.2", "r.1", "r.2", "I4.1", "I5.1", "I5.2"]
    assert codebase.program["I5.1"].needs == ("r.2",) or codebase.program["I5.1"].needs
    asked = processor.requests[6].messages
    assert "You compile a task" in asked[0].content and "A Write a" in asked[-1].content
    assert "Plan now what stands at I5, and only that: at most 3 instructions\nPlan what is left." in asked[-1].content
    assert [title for _, title in commits(codebase.path)][::-1][1:3] == ["Look at a.txt", "Look at b.txt"]
    assert kinds(codebase.path).count("patched") == 1 + 3 + 1 + 1


def test_a_death_at_any_event_of_a_program_that_decides_resumes_to_the_same(flow, tmp_path, monkeypatch):
    """Dies after each event, and before the file or commit that follows it."""
    from .test_crash import Death, die_after

    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800000000")
    whole, _ = build(replies(), tmp_path / "whole", program=flow, name="run")
    expected = events(whole.path)
    for number in moments(2, len(expected)):
        out, first = tmp_path / str(number), ScriptedProcessor(replies())
        with pytest.raises(Death):
            build_with(first, out, flow, die_after(number))
        again = ScriptedProcessor(replies()[len(first.requests) :])
        resumed = resume(out / "run", processor=again)
        assert events(resumed.path) == expected and files(resumed.path) == files(whole.path)
        assert commits(resumed.path) == commits(whole.path)


def build_with(processor, out, program, watcher):
    return generate_codebase(
        "Do something small.", domain=PLAIN, out=out, name="run", program=program, processor=processor, watcher=watcher
    )


def test_a_loop_that_does_not_reach_its_end_is_blocked_and_what_needs_it_waits(tmp_path):
    (tmp_path / "p.yaml").write_text(
        '- {id: r, repeat: [Grow.], until: exists("x"), at most: 2}\n- {text: After., needs: [r]}\n- Beside.\n'
    )
    codebase, _ = build([calls(done())] * 3, tmp_path, program=tmp_path / "p.yaml")
    assert codebase.ended.exit_code == 4
    assert (
        'r repeat until exists("x"): blocked: after 2 rounds this does not hold: exists("x")' in codebase.ended.reasons
    )
    assert "I2 After: not begun, it needs r" in codebase.ended.reasons and codebase.program["I3"]


@pytest.mark.parametrize(
    ("orders", "expected"),
    [
        ([Add(text="Write d.\nWith care.")], ["I1", "I2", "I3", "I4"]),
        ([Add(text="Write d.", id="X", before="I3", needs=("I2",))], ["I1", "I2", "X", "I3"]),
        ([Drop(id="I2")], ["I1", "I3"]),
        ([Move(id="I3", before="I2")], ["I1", "I3", "I2"]),
        ([Move(id="I2")], ["I1", "I3", "I2"]),
        ([Edit(id="I3", text="Write c anew.", title="Anew")], ["I1", "I2", "I3"]),
        ([Drop(id="I2"), Add(text="Again.", id="I2")], ["I1", "I3", "I2"]),
    ],
)
def test_what_a_person_asks_of_the_program_holds_from_the_next_instruction_on(orders, expected, tmp_path):
    watcher = ordering(tmp_path / "run", BOUNDARY, *orders)
    script = [PLAN, FIRST, *[calls(done())] * (len(expected) - 1)]
    codebase, processor = build(script, tmp_path, name="run", watcher=watcher)
    assert codebase.complete, codebase.ended
    assert ids(codebase) == expected
    assert len(events_of(codebase.path, "order_taken")) == len(orders)
    begun = [gist.split(":")[0] for name, gist in events(codebase.path, "kind", "key") if name == "began"]
    assert [it.split("/")[1] for it in begun][1:] == expected, "in that order"
    if any(isinstance(it, Edit) for it in orders):
        assert "# Instruction I3: Anew\nWrite c anew." in processor.requests[-1].messages[-1].content


DEEP = Instruction("X", "x", "x")
for level in range(200):
    DEEP = Instruction(f"X{level}", "x", "x", flow=Flow("parallel", (DEEP,)))
REFUSED = {
    "steps without end": (Revise(changes=(Change("add", instructions=(DEEP,)),)), "within one another"),
    "what is done": (Drop(id="I1"), "I1 is retired, and stays as it is"),
    "what is not there": (Drop(id="I9"), "there is no instruction I9"),
    "edit what is not there": (Edit(id="I9", text="x"), "I9 does not exist"),
    "retry what waits": (Retry(id="I2"), "I2 is not blocked; only what is blocked is tried again"),
    "a file outside": (Write(path="../x", text="x"), "leaves the file store"),
    "a file that is not there": (Delete(path="x.txt"), "there is no file x.txt"),
    "a circle": (Edit(id="I2", needs=("I2",)), "the needs form a cycle"),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_an_order_that_cannot_be_obeyed_is_refused_with_the_reason_and_stops_nothing(case, tmp_path):
    order, said = case
    codebase, _ = build([PLAN, FIRST, *REST], tmp_path, name="run", watcher=ordering(tmp_path / "run", BOUNDARY, order))
    assert codebase.complete and ids(codebase) == ["I1", "I2", "I3"]
    (why,) = events_of(codebase.path, "order_refused")
    assert said in why
    journal = Journal(codebase.path / ".l2mac" / "run.db", writable=False)
    assert state(journal).program == codebase.program
    journal.close()


def test_files_that_are_ordered_enter_as_the_users_edits(tmp_path):
    watcher = ordering(tmp_path / "run", BOUNDARY, Write(path="docs/n.md", text="mine\n"), Delete(path="a.txt"))
    plan = program("I1", "I2")
    codebase, processor = build(
        [plan, calls(write(a_dot_txt="a"), done()), REST[0]], tmp_path, name="run", watcher=watcher
    )
    assert codebase.complete and files(codebase.path) == {"b.txt": b"b", "docs/n.md": b"mine\n"}
    assert [title for _, title in commits(codebase.path)].count("Adopt the user's changes") == 2
    assert "docs/n.md" in processor.requests[-1].messages[-1].content


def test_orders_that_come_while_it_is_paused_hold_before_the_next_instruction(tmp_path):
    box = OrderBox(tmp_path / "run" / ".l2mac" / "orders")

    def event(it):
        if it.kind == BOUNDARY and it.instruction == "I1":
            box.give(Pause())
        if it.kind == "order_taken" and it.gist == "pause":
            box.give(Drop(id="I2"))
            box.give(Resume())

    codebase, _ = build([PLAN, FIRST, REST[1]], tmp_path, name="run", watcher=Watcher(event=event))
    assert codebase.complete and ids(codebase) == ["I1", "I3"]


@pytest.mark.parametrize("order", [Retry(id="I1"), Edit(id="I1", text="Write a, simply.")], ids=["retry", "edit"])
def test_what_is_blocked_is_tried_again_when_a_person_asks_or_edits_it(order, tmp_path):
    def answer(request):
        _, id, window, _ = request.place.split("/")
        return says("No.") if id == "I1" and int(window) < 3 else calls(done())

    (tmp_path / "p.yaml").write_text("- {id: I1, text: Write a.}\n- {id: I2, text: b, needs: [I1]}\n- Write c.\n")
    processor = ScriptedProcessor([answer] * 60)
    codebase = build_with(processor, tmp_path, tmp_path / "p.yaml", ordering(tmp_path / "run", "blocked", order))
    assert codebase.complete, codebase.ended
    assert processor.requests[-3].place == "1/I1/3/1" and kinds(codebase.path).count("blocked") == 1
    assert [title for _, title in commits(codebase.path)] == ["Write c", "b", codebase.program["I1"].title]


def test_an_order_left_for_a_run_that_has_stopped_or_ended_is_taken_when_it_goes_on(tmp_path):
    with pytest.raises(Interrupted):
        build([PLAN, FIRST], tmp_path, name="run", watcher=ordering(tmp_path / "run", "committed", Stop()))
    told = l2mac("order", tmp_path / "run", "drop", "I2")
    assert told.returncode == 0 and "when the run is resumed" in told.stderr
    codebase = resume(tmp_path / "run", processor=ScriptedProcessor([REST[1]]))
    assert codebase.complete and ids(codebase) == ["I1", "I3"]
    assert "is complete; there is nothing left to steer" in l2mac("order", tmp_path / "run", "add", "More.").stderr


def test_a_run_that_ended_partial_goes_on_with_what_is_added(tmp_path):
    lacking = program(ONE, requirements=REQUIREMENT)
    codebase, _ = build([lacking, *[calls(write(a_dot_txt="a"), done())] * 3], tmp_path, name="run")
    assert codebase.ended.exit_code == 4 and "R1 has no evidence" in codebase.ended.reasons[0]
    OrderBox(codebase.path / ".l2mac" / "orders").give(Add(text="Show it.", covers=("R1",)))
    codebase = resume(codebase.path, processor=ScriptedProcessor([calls(done(evidence=SHOWN))]))
    assert codebase.complete and ids(codebase) == ["I1", "I2"]


def test_a_death_at_any_event_around_orders_loses_none_and_obeys_none_twice(tmp_path, monkeypatch):
    from .test_crash import Death, die_after

    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800000000")
    orders = [Add(text="Write d."), Write(path="n.md", text="mine\n"), Drop(id="I2"), Edit(id="I3", text="Other.")]
    script = [PLAN, FIRST, REST[1], calls(done())]

    def both(folder, number):
        order, die = ordering(folder, "retired", *orders), die_after(number)
        return Watcher(event=lambda it: (order.event(it), die.event(it)))

    whole, _ = build(script, tmp_path, name="whole", watcher=ordering(tmp_path / "whole", "retired", *orders))
    assert whole.complete and ids(whole) == ["I1", "I3", "I4"] and files(whole.path)["n.md"] == b"mine\n"
    length = len(events(whole.path))
    for number in moments(2, length):
        first, folder = ScriptedProcessor(script), tmp_path / f"run-{number}"
        with pytest.raises(Death):
            generate_codebase(
                "Do something small.",
                domain=PLAIN,
                out=tmp_path,
                name=folder.name,
                processor=first,
                watcher=both(folder, number),
            )
        again = ScriptedProcessor(script[len(first.requests) :])
        resumed = resume(folder, processor=again, watcher=ordering(folder, "retired", *orders) if number < 9 else None)
        assert resumed.program == whole.program and files(folder) == files(whole.path)
        assert len(events(folder)) == length and commits(folder) == commits(whole.path)


# -- the verbs ----------------------------------------------------------------------------------------------------


@pytest.fixture
def stopped(tmp_path):
    """A run of which one instruction is done."""
    with pytest.raises(Interrupted):
        build([PLAN, FIRST], tmp_path, name="run", watcher=ordering(tmp_path / "run", "committed", Stop()))
    return tmp_path / "run"


def test_a_program_is_shown_edited_in_the_editor_and_goes_on_as_it_was_saved(stopped, tmp_path):
    shown = l2mac("program", "show", stopped)
    assert [line.split()[:2] for line in shown.stdout.splitlines()] == [
        ["I1", "retired"],
        ["I2", "waiting"],
        ["I3", "waiting"],
    ]
    text = l2mac("program", "show", stopped, "--yaml").stdout
    assert "  # retired\n  - id: I1\n" in text
    file = tmp_path / "mine.yaml"
    file.write_text(text.replace("Do I3.", "Write c, in French.") + "  - {text: Write d., needs: [I3]}\n")
    told = l2mac("program", "edit", stopped, "--file", file)
    assert told.returncode == 0 and "it is taken when the run is resumed" in told.stderr, told.stderr
    codebase = resume(stopped, processor=ScriptedProcessor([*REST, calls(done())]))
    assert codebase.complete and codebase.program["I3"].text == "Write c, in French." and len(ids(codebase)) == 4
    assert events_of(stopped, "order_taken")[-1] == "edit I3 add"


def test_a_requirement_is_reworded_and_what_is_done_for_it_is_told_so(tmp_path):
    two = [*REQUIREMENT, {"id": "R2", "text": "It speaks French."}]
    plan = program(ONE, {**ONE, "id": "I2", "covers": ["R2"]}, requirements=two)
    with pytest.raises(Interrupted):
        build([plan, FIRST], tmp_path, name="run", watcher=ordering(tmp_path / "run", "committed", Stop()))
    file = tmp_path / "mine.yaml"
    text = l2mac("program", "show", tmp_path / "run", "--yaml").stdout
    for old, new, said in (("It is.", "It was.", "R1 is what I1 was for"), ("French", "Dutch", "left for")):
        file.write_text(text.replace(old, new))
        assert said in l2mac("program", "edit", tmp_path / "run", "--file", file).stderr
    processor = ScriptedProcessor(
        [calls(write(b_dot_txt="b"), done(evidence=[{"requirement": "R2", "file": "b.txt"}]))]
    )
    codebase = resume(tmp_path / "run", processor=processor)
    assert codebase.complete and [it.text for it in codebase.program.requirements] == ["It is.", "It speaks Dutch."]
    assert "Dutch" in processor.requests[0].messages[1].content
    assert events_of(codebase.path, "order_taken") == ["stop", "R2 reworded"]


EDITS = {
    "nothing": (("", ""), 0, "nothing is changed"),
    "a requirement dropped": (("  - id: R1\n    text: \"It is.\"\n", ""), 2, "R1 is what was asked for, and can't"),
    "what is done": (("Write a.", "Write x."), 2, "I1 is retired, and stays as it is"),
    "a field that is not there": (("title: \"Do I3\"", "titel: \"Do I3\""), 2, "did you mean title?"),
    "no YAML": (("instructions:", "instructions: ["), 2, "is no valid YAML: line"),
    "a need of nothing": (("Do I3.\"", "Do I3.\"\n    needs: [I7]"), 2, "I3 needs I7, which does not exist"),
}  # fmt: skip


@pytest.mark.parametrize("case", EDITS.values(), ids=EDITS)
def test_an_edit_that_cannot_be_had_is_refused_with_the_reason_and_kept(case, stopped, tmp_path):
    (old, new), code, said = case
    text = l2mac("program", "show", stopped, "--yaml").stdout
    assert old in text
    file = tmp_path / "mine.yaml"
    file.write_text(text.replace(old, new, 1))
    told = l2mac("program", "edit", stopped, "--file", file)
    assert told.returncode == code and said in told.stderr and "Traceback" not in told.stderr
    assert file.read_text() == text.replace(old, new, 1)
    assert not list((stopped / ".l2mac").glob("orders/*"))


def test_the_editor_is_opened_on_a_terminal_and_a_faulty_text_is_kept_with_its_fault(stopped, tmp_path):
    import pty

    def edited(script):
        editor = tmp_path / "editor"
        editor.write_text(f"#!/bin/sh\n{script}\n")
        editor.chmod(0o755)
        lead, follow = pty.openpty()
        command = [sys.executable, "-m", "l2mac", "program", "edit", str(stopped)]
        ran = subprocess.run(
            command, stdin=follow, stdout=follow, stderr=subprocess.PIPE, env={**os.environ, "VISUAL": str(editor)}
        )
        os.close(lead), os.close(follow)
        return ran.returncode, ran.stderr.decode()

    code, said = edited('sed -i "s/Write a/Write x/" "$1"')
    kept = stopped / ".l2mac" / "program.yaml"
    assert code == 2 and "I1 is retired" in said and str(kept) in said
    assert kept.read_text().startswith("# not taken: can't be had: I1 is retired")
    for script in (': > "$1"', 'rm "$1"', 'rm "$1"'):
        assert edited(script) == (0, "nothing is changed\n") and not kept.exists()
    code, said = edited('sed -i "s/Do I2/Make I2/" "$1"')
    assert code == 0 and "left for" in said and not kept.exists()
    told = l2mac("program", "edit", stopped)
    assert told.returncode == 2 and "there is no terminal to edit on" in told.stderr


def test_what_is_shown_of_a_program_that_decides_is_read_as_the_same(flow, tmp_path):
    codebase, _ = build([], tmp_path, program=flow, name="run", plan_only=True)
    for words in (("show", "run", "program"), ("program", "show", "run", "--yaml")):
        text = l2mac(*(str(tmp_path / "run") if it == "run" else it for it in words)).stdout
        assert read(text) == codebase.program
    shown = l2mac("program", "show", tmp_path / "run").stdout
    assert "    I4-1   Never\n  else:\n    I4-2   Else\n" in shown
    assert all(" (needs " in line for line in shown.splitlines() if "(needs " in line)


def test_a_run_that_has_ended_is_changed_as_a_resume_will_find_it(tmp_path):
    (tmp_path / "p.yaml").write_text("- {id: I1, text: Write a.}\n- {text: Write b., needs: [I1]}\n")
    answer = [lambda request: says("No.") if int(request.place.split("/")[2]) < 3 else calls(done())] * 60
    codebase = build_with(ScriptedProcessor(answer), tmp_path, tmp_path / "p.yaml", None)
    assert codebase.ended.exit_code == 4
    told = l2mac("order", tmp_path / "run", "retry", "I1")
    assert told.returncode == 2 and "tries all again that is blocked" in told.stderr
    assert l2mac("order", tmp_path / "run", "edit", "I1", "Write a, simply.").returncode == 0
    codebase = resume(tmp_path / "run", processor=ScriptedProcessor([calls(done())] * 2))
    assert codebase.complete and codebase.program["I1"].text == "Write a, simply."


def test_programs_are_checked_and_listed(stopped, flow, tmp_path):
    assert l2mac("program", "check", flow).stdout == "ok: 5 steps, at most 13 when all is decided, 1 requirement\n"
    assert l2mac("program", "check", stopped).stdout == "ok: 3 steps, 1 requirement\n"
    own = tmp_path / "home"
    (own / "programs").mkdir(parents=True)
    (own / "programs" / "mine.yaml").write_text(
        "about: Mine.\nparameters: {x: {about: an x}}\ninstructions: ['Do ${x}.']\n"
    )
    listed = l2mac("program", "list", L2MAC_HOME=str(own)).stdout
    assert "mine                 Mine." in listed and "--with x=…  an x" in listed and "web-service" in listed
    told = l2mac("program", "check", "mine", L2MAC_HOME=str(own))
    assert told.returncode == 2 and "needs a text for x: --with x=…; its parameters are x (an x)" in told.stderr
    assert l2mac("program", "check", "mine", "--with", "x=y", L2MAC_HOME=str(own)).stdout.startswith("ok: 1 step")
    assert json.loads(l2mac("program", "schema").stdout)["title"] == "_Program"


def test_a_blueprint_shapes_the_flow_and_the_model_plans_the_modules(tmp_path):
    planned = program(
        {"id": "I1", "title": "Orders", "text": "Take orders.", "covers": ["R1"]}, requirements=REQUIREMENT
    )
    script = [calls(done()), planned, FIRST, calls(done())]
    codebase, processor = build(script, tmp_path, program="web-service", parameters={"name": "shop"})
    assert codebase.complete and ids(codebase) == ["frame", "modules.1", "guide"]
    assert codebase.program["guide"].needs == ("modules.1",) and codebase.program["modules.1"].needs == ("frame",)
    assert "shop/app.py: create_app(settings)" in processor.requests[0].messages[2].content
    assert [it.id for it in codebase.program.requirements] == ["R1"] and "R1 It is." in processor.requests[2].messages[
        1
    ].content


def test_a_plan_that_is_too_long_or_covers_nothing_is_sent_back(tmp_path):
    (tmp_path / "p.yaml").write_text("- {plan: Plan it., at most: 2}\n")
    long, uncovered = program("I1", "I2", "I3"), program("I1", requirements=REQUIREMENT)
    right = program(ONE, requirements=REQUIREMENT)
    codebase, processor = build([long, uncovered, right, FIRST], tmp_path, program=tmp_path / "p.yaml")
    results = [it.content for it in processor.requests[2].messages if it.role == "tool"]
    assert "I1 was cut into 3 instructions; cut it into 1 to 2" in results[0]
    assert "R1 would be covered by nothing" in results[1] or "requirement R1 is covered by no instruction" in results[1]
    assert codebase.complete and ids(codebase) == ["I1.1"]


def test_parameters_without_a_program_are_refused(tmp_path):
    with pytest.raises(UsageError, match="name one with --program"):
        build([], tmp_path, parameters={"name": "x"})


def test_the_programs_of_the_page_are_programs():
    from l2mac.program.validation import faults

    from .test_documentation import blocks

    texts = [text for _, text in blocks("docs/programs.md", "yaml")]
    assert len(texts) == 2 and all(faults(read(text)) == [] for text in texts)
