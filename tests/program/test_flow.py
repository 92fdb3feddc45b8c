"""Steps that decide: the form in which they are written, what is wrong with one, and what stands in its place."""

import random
import time
from dataclasses import replace

import pytest

from l2mac.program.conditions import Facts
from l2mac.program.flow import Decision, decide, unrolled
from l2mac.program.form import program_of, schema, written
from l2mac.program.patch import patched
from l2mac.program.reading import BLUEPRINTS, read
from l2mac.program.validation import MOST_EVER, faults, size

EVERY = """
requirements: [{id: R1, text: it grows}]
instructions:
  - {id: A, text: Write a., covers: [R1], files: [a.py]}
  - id: modules
    for each: file
    in: "src/*.py"
    at most: 5
    needs: [A]
    do:
      - {id: look, text: "Look at ${file}.", files: ["${file}"]}
      - {text: "Mend ${file}.", needs: [look, A]}
      - when: lines(file) > 10 and contains("${file}", "x")
        then: [{text: "Cut ${file}.", needs: [look]}]
        else: [Leave it.]
  - {for each: name, in: [one, two], do: ["Write ${name}."]}
  - {repeat: [Grow., Look.], until: tests.failed == 0, at most: 3}
  - {parallel: [Left., Right.]}
  - {call: crud, with: {entity: order, at: src}, needs: [modules]}
  - {plan: Plan the rest., at most: 4, title: Plan}
programs:
  crud:
    parameters: [entity, at]
    instructions:
      - "Store ${entity} in ${at}."
      - for each: verb
        in: [make, read]
        do: ["${verb} ${entity}."]
"""
WORLD = Facts({"src/a.py": "x\n" * 20, "src/b.py": ""}, named=lambda glob: ["src/a.py", "src/b.py"])


def grown(program, facts=WORLD):
    """The program when all that needs no model is decided, in order."""
    for _ in range(1_000):
        due = next((it for it in program.instructions if it.flow and it.flow.kind != "plan"), None)
        if due is None:
            return program
        made = unrolled(program, due, decide(due, facts))
        if isinstance(made, str):
            return made
        program = patched(program, made)
        assert faults(program, 100) == [] or not program.instructions
    raise AssertionError("it does not end")


def test_every_kind_of_step_becomes_instructions():
    facts = Facts(WORLD.files, named=WORLD.named, numbers={"tests.failed": 1})
    program = read(EVERY)
    assert faults(program) == [] and size(program) == (1 + 5 * 3 + 2 + 6 + 2 + 3 + 4, 2)
    steps = [it for it in program.instructions if not it.flow or it.flow.kind != "repeat"]
    told = [
        (it.id, it.title, it.needs) for it in grown(replace(program, instructions=tuple(steps)), facts).instructions
    ]
    assert told == [
        ("A", "Write a", ()),
        ("modules.1", "Look at src/a.py", ("A",)),
        ("modules.2", "Mend src/a.py", ("A", "modules.1")),
        ("modules.3.1", "Cut src/a.py", ("A", "modules.1")),
        ("modules.4", "Look at src/b.py", ("A",)),
        ("modules.5", "Mend src/b.py", ("A", "modules.4")),
        ("modules.6.1", "Leave it", ("A",)),
        ("I3.1", "Write one", ()),
        ("I3.2", "Write two", ()),
        ("I5.1", "Left", ()),
        ("I5.2", "Right", ()),
        ("I6.1", "Store order in src", told[11][2]),
        ("I6.2.1", "make order", told[11][2]),
        ("I6.2.2", "read order", told[11][2]),
        ("I7", "Plan", ()),
    ]
    assert told[11][2] == tuple(f"modules.{n}" for n in ("1", "2", "3.1", "4", "5", "6.1"))


def test_a_repeat_goes_round_until_its_condition_holds_and_is_blocked_at_its_bound():
    program = read(
        "- {id: a, text: a}\n- {id: r, repeat: [One., Two.], until: errors == 0, at most: 2, needs: [a]}\n"
        "- {text: z, needs: [r]}\n"
    )
    wrong, right = Facts(numbers={"errors": 1}), Facts(numbers={"errors": 0})

    def due(facts):
        return unrolled(program, program["r"], decide(program["r"], facts))

    assert due(right).changes[0].instructions == (), "it holds from the beginning"
    program = patched(program, due(wrong))
    assert [(it.id, it.needs) for it in program.instructions] == [
        ("a", ()),
        ("r.1", ("a",)),
        ("r.2", ("a",)),
        ("r", ("r.1", "r.2")),
        ("I3", ("r",)),
    ]
    after = patched(program, due(right))
    assert after["I3"].needs == ("r.1", "r.2"), "what needed it needs the last round"
    program = patched(program, due(wrong))
    assert [it.id for it in program.instructions] == ["a", "r.1", "r.2", "r.3", "r.4", "r", "I3"]
    assert due(wrong) == "after 2 rounds this does not hold: errors == 0"


def test_a_step_that_becomes_nothing_hands_on_what_it_needed():
    program = read(
        '- {id: a, text: a}\n- {id: w, when: exists("x"), then: [b], needs: [a]}\n- {id: c, text: c, needs: [w]}\n'
    )
    assert [(it.id, it.needs) for it in grown(program, Facts()).instructions] == [("a", ()), ("c", ("a",))]


def test_files_that_are_too_many_or_oddly_named_block_a_step():
    program = read('- {for each: f, in: "*", at most: 1, do: ["${f}"]}')
    (step,) = program.instructions
    assert "there are 2 items, and at most 1 are allowed: *" in unrolled(program, step, Decision(items=("a", "b")))
    assert "can't stand for a variable" in unrolled(program, step, Decision(items=("${x}",)))
    hostile = '") or exists("'
    (made,) = patched(program, unrolled(program, step, Decision(items=(hostile,)))).instructions
    assert made.title == hostile


@pytest.mark.parametrize("name", ["a;exit 0;.md", "$(id).md", "a b.md", "`id`", "-x", "a\nb", "'"])
@pytest.mark.parametrize(
    "text",
    [
        '- {for each: f, in: "*", do: [{text: x, acceptance: ["test -s ${f}"]}]}',
        'instructions: [{for each: f, in: "*", do: [{call: s, with: {g: "${f}"}}]}]\n'
        'programs: {s: {parameters: [g], instructions: [{text: x, acceptance: ["test -s ${g}"]}]}}',
    ],
    ids=["in a step", "in a sub-program"],
)
def test_a_file_name_that_a_shell_would_read_does_not_enter_a_command(text, name):
    program = read(text)
    (step,) = program.instructions
    assert "can't stand in a command" in unrolled(program, step, Decision(items=("a.md", name)))
    assert not isinstance(unrolled(program, step, Decision(items=("docs/ä-1_b.md",))), str)


WRONG = {
    "a loop without an end": (
        "- {repeat: [a], until: errors == 0}",
        "`repeat` needs `at most`; nothing may go on without end",
    ),
    "a loop without a condition": ("- {repeat: [a], at most: 3}", "`repeat` needs `until`"),
    "a loop of too many rounds": (
        "- {repeat: [a], until: errors == 0, at most: 1001}",
        "`at most` must be a number from 1 to 1,000",
    ),
    "a loop of no rounds": ("- {repeat: [a], until: errors == 0, at most: -1}", "`at most` must be a number from 1"),
    "a bound in words": ("- {repeat: [a], until: errors == 0, at most: many}", "at most must be a whole number"),
    "a condition that can't be read": ("- {when: tests.faild > 0, then: [a]}", "did you mean tests.failed?"),
    "a condition without a branch": ("- {when: errors == 0}", "`when` needs `then`"),
    "two kinds at once": ("- {when: errors == 0, then: [a], plan: b}", "`when` takes no `plan`"),
    "a key of another kind": ("- {text: a, until: errors == 0}", "an instruction takes no `until`"),
    "a key that is nearly right": ("- {for_each: x, in: [a], do: [b]}", "did you mean for each?"),
    "nothing in parallel": ("- {parallel: []}", "it holds no instructions"),
    "parallel that is not": (
        "- {parallel: [{id: x, text: a}, {text: b, needs: [x]}]}",
        "needs another of those that are parallel",
    ),
    "a variable that is not there": ('- {for each: f, in: [a], do: ["${g}"]}', "there is no variable ${g}; there is f"),
    "a variable within a condition": (
        "- {for each: f, in: [a], do: [{when: exists(g), then: [b]}]}",
        "g does not belong here",
    ),
    "a variable twice": (
        "- {for each: f, in: [a], do: [{for each: f, in: [b], do: [c]}]}",
        "'f' can't name a variable here",
    ),
    "a variable that is a word": ("- {for each: tests, in: [a], do: [b]}", "'tests' can't name a variable here"),
    "a call of nothing": ("- {call: x}", "there is no sub-program x"),
    "a call that is nearly right": (
        "instructions: [{call: curd}]\nprograms: {crud: {instructions: [a]}}",
        "there is no sub-program curd; did you mean crud?",
    ),
    "a call without a parameter": (
        "instructions: [{call: x}]\nprograms: {x: {parameters: [a], instructions: [b]}}",
        "x needs a text for a: with: {a: …}",
    ),
    "a call with too many": (
        "instructions: [{call: x, with: {b: c}}]\nprograms: {x: {instructions: [b]}}",
        "x has no parameter b",
    ),
    "calls in a circle": (
        "instructions: [{call: x}]\nprograms: {x: {instructions: [{call: y}]}, y: {instructions: [{call: x}]}}",
        "sub-programs call one another without end: ",
    ),
    "a need of what stands within": (
        "- {parallel: [{id: x, text: a}]}\n- {text: b, needs: [x]}",
        "I2 needs x, which does not exist",
    ),
    "a need of what stands around": ("- {id: p, parallel: [{text: a, needs: [p]}]}", "the needs form a cycle: p → p"),
    "a circle through what stands within": (
        "- {id: a, text: a, needs: [p]}\n- {id: p, parallel: [{text: b, needs: [a]}]}",
        "the needs form a cycle",
    ),
    "the id of what is around": (
        '- {id: a, repeat: [{id: a, repeat: [b], until: "errors == 1", at most: 2}], until: "errors == 1", at most: 2}',
        "the id 'a' is used twice",
    ),
    "an id that is taken around": ("- {id: x, text: a}\n- {parallel: [{id: x, text: b}]}", "the id 'x' is used twice"),
    "an id too long to derive from": ("- {id: " + "x" * 40 + ", parallel: [a]}", "its id is longer than 31"),
    "steps too deep": ("- " + "{parallel: [" * 6 + "a" + "]}" * 6, "6 deep, and 5 are allowed"),
    "loops that multiply": (
        "- {repeat: [{repeat: [{repeat: [a], until: errors == 0, at most: 100}], until: errors == 0, at most: 100}], "
        "until: errors == 0, at most: 100}",
        "may come to 1,000,000 instructions, and 10,000 are allowed",
    ),
    "calls that multiply": (
        "instructions: [{call: p9}]\nprograms:\n  p0: {instructions: [a, b, c, d]}\n"
        + "".join(f"  p{n}: {{instructions: [{', '.join([f'{{call: p{n - 1}}}'] * 9)}]}}\n" for n in range(1, 10)),
        "10 deep, and 5 are allowed",
    ),
    "a requirement that nothing covers": (
        "requirements: [{id: R1, text: x}]\ninstructions: [{when: errors == 0, then: [a]}]",
        "requirement R1 is covered by no instruction",
    ),
}


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG)
def test_what_could_not_be_executed_is_told_before_anything_runs(case):
    text, said = case
    try:
        found = faults(read(text))
    except ValueError as error:
        found = [str(error)]
    assert any(said in it for it in found), found
    assert all("\n" not in it and "_Instruction" not in it for it in found)


def test_what_is_written_is_read_as_the_same():
    for program in (read(EVERY), *(program_of(written(read(EVERY)))[0] for _ in range(1))):
        assert program_of(written(program))[0] == program
    middle = read(EVERY)
    middle = patched(middle, unrolled(middle, middle["modules"], decide(middle["modules"], WORLD)))
    again = program_of(written(middle))[0]
    assert again == middle and faults(again) == [], "what is bound stays bound"


def test_any_program_of_steps_ends_within_its_size_and_reads_back():
    """Seeded: random programs are unrolled to the end under random facts."""
    dice = random.Random(9)

    def steps(depth, prefix):
        return [step(depth, f"{prefix}{n}") for n in range(dice.randint(1, 3))]

    def step(depth, name):
        kind = dice.choice(["text", "when", "repeat", "for each", "parallel"]) if depth else "text"
        condition = dice.choice(["errors == 0", "tests.failed > 0", 'exists("src/*")'])
        inner = steps(depth - 1, f"{name}v") if kind != "text" else []
        return {
            "text": {"text": f"Do {name}."},
            "when": {"when": condition, "then": inner, "else": ["Or this."]},
            "repeat": {"repeat": inner, "until": condition, "at most": dice.randint(1, 3)},
            "for each": {"for each": name, "in": dice.choice(["src/*", ["a", "b"]]), "do": inner, "at most": 2},
            "parallel": {"parallel": inner},
        }[kind]

    for _ in range(150):
        program, _ = program_of({"instructions": steps(2, "v")})
        assert faults(program) == []
        assert program_of(written(program))[0] == program
        numbers = {"errors": dice.randint(0, 1), "tests.failed": dice.randint(0, 1)}
        end = grown(program, Facts(WORLD.files, {}, numbers, WORLD.named))
        if not isinstance(end, str):
            assert len(end.instructions) <= size(program)[0] and not any(it.flow for it in end.instructions)


def test_ten_thousand_instructions_load_without_delay():
    text = "instructions:\n" + "".join(
        f"  - {{id: I{n}, title: Write {n}, text: Write it., needs: [I{max(n - 1, 1)}]}}\n"
        for n in range(2, MOST_EVER + 1)
    )
    began = time.process_time()
    program = read(text.replace("needs: [I1]", "needs: []"))
    assert faults(program, MOST_EVER) == [] and time.process_time() - began < 60
    assert faults(read("- {for each: f, in: [" + "a, " * 9_999 + "a], do: [x]}")) == [
        "I1: `at most` must be a number from 1 to 1,000"
    ]


def test_the_schema_takes_what_is_read_and_refuses_what_is_not():
    import yaml
    from jsonschema import Draft202012Validator

    check = Draft202012Validator(schema())
    for text in (EVERY, *(path.read_text() for path in BLUEPRINTS.glob("*.yaml"))):
        assert [it.message for it in check.iter_errors(yaml.safe_load(text))] == []
    assert not check.is_valid({"instructions": [{"txt": "a"}]}) and not check.is_valid({"instructions": [3]})


@pytest.mark.parametrize("path", sorted(BLUEPRINTS.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_blueprint_is_a_program_whose_modules_are_planned(path):
    with pytest.raises(ValueError, match="needs a text for name: --with name=…"):
        read(path.read_text())
    program = read(path.read_text(), {"name": "shop"})
    assert faults(program) == [] and [it.flow.kind for it in program.instructions if it.flow] == ["plan"]
    assert not any("${" in it.text + it.title + str(it.files) for it in program.instructions)
    with pytest.raises(ValueError, match="has no parameter 'nmae'; it has name"):
        read(path.read_text(), {"nmae": "shop"})
