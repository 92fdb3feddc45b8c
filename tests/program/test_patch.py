"""Changes of a program: what they make of it, and which are refused."""

import random

import pytest

from l2mac.program.patch import apply, difference, splittable
from l2mac.program.validation import faults
from l2mac.program.values import Change, Instruction, Patch, Program, Requirement


def step(id, covers=(), needs=(), **more):
    return Instruction(id, f"Do {id}", f"Do {id}.", tuple(covers), tuple(needs), **more)


PROGRAM = Program(
    (step("I1", ["R1"]), step("I2", ["R1"], ["I1"]), step("I3", ["R2"], ["I2"]), step("I4")),
    (Requirement("R1", "one"), Requirement("R2", "two")),
)
SETTLED = {"I1": "retired"}


def changed(*changes, settled=SETTLED, program=PROGRAM, most=10, requirements=()):
    return apply(program, settled, Patch(changes, "", requirements), most)


MADE = {
    "add at the end": ([Change("add", instructions=(step(""),))], "I1 I2 I3 I4 I5"),
    "add before another": (
        [Change("add", before="I3", instructions=(step("X"), step("Y", needs=["X"])))],
        "I1 I2 X Y I3 I4",
    ),
    "drop": ([Change("drop", "I4")], "I1 I2 I3"),
    "drop, and cover what it covered": (
        [Change("drop", "I3"), Change("edit", "I4", instructions=(step("I4", ["R2"]),))],
        "I1 I2 I4",
    ),
    "move to the end": ([Change("move", "I2")], "I1 I3 I4 I2"),
    "move before another": ([Change("move", "I4", "I2")], "I1 I4 I2 I3"),
    "edit": ([Change("edit", "I2", instructions=(step("other", ["R1"]),))], "I1 I2 I3 I4"),
    "split": ([Change("split", "I2", instructions=(step("a"), step("b", needs=["a"])))], "I1 I2.1 I2.2 I3 I4"),
    "split in one": ([Change("split", "I2", instructions=(step("a"),))], "I1 I2.1 I3 I4"),
    "several at once": (
        [Change("drop", "I4"), Change("add", instructions=(step("I4"),)), Change("move", "I4", "I2")],
        "I1 I4 I2 I3",
    ),
}


@pytest.mark.parametrize("case", MADE.values(), ids=MADE)
def test_a_change_makes_another_program(case):
    changes, ids = case
    made = changed(*changes)
    assert isinstance(made, Program), made
    assert " ".join(it.id for it in made.instructions) == ids
    assert faults(made) == []


def test_pieces_take_the_place_of_the_whole():
    made = changed(Change("split", "I2", instructions=(step("a", ["R2"]), step("b", needs=["a"]))))
    one, two, after = made["I2.1"], made["I2.2"], made["I3"]
    assert (one.needs, two.needs, after.needs) == (("I1",), ("I1", "I2.1"), ("I2.1", "I2.2"))
    assert (one.covers, two.covers) == ((), ("R1",)), "no more than the whole covered, and no less"
    assert (one.cuts, splittable(one), splittable(step("I1", cuts=2))) == (1, True, False)


REFUSED = {
    "nothing": ([], "there are 0 changes"),
    "too many": ([Change("drop", "I4")] * 1_001, "there are 1,001 changes"),
    "what is done": ([Change("edit", "I1", instructions=(step("I1"),))], "I1 is retired, and stays as it is"),
    "what is not there": ([Change("drop", "I9")], "there is no instruction I9; there is I1, I2, I3, I4"),
    "before what is not there": ([Change("move", "I4", "I9")], "there is no instruction I9"),
    "before itself": ([Change("move", "I4", "I4")], "I4 can't be moved before itself"),
    "nothing named": ([Change("drop")], "drop takes the id of an instruction"),
    "an id where none belongs": ([Change("add", "I2", instructions=(step("X"),))], "add takes no id"),
    "nothing added": ([Change("add")], "add takes instructions"),
    "nothing to edit": ([Change("edit", "I2")], "edit takes instructions"),
    "a split into nothing": ([Change("split", "I4")], "split takes instructions"),
    "an id that is there": ([Change("add", instructions=(step("I2"),))], "the id 'I2' is used twice"),
    "the last cover": ([Change("drop", "I3")], "R2 would be covered by nothing that is still to be done"),
    "a cover that only what is done has": (
        [Change("edit", "I2", instructions=(step("I2"),))],
        "R1 would be covered by nothing that is still to be done",
    ),
    "what others need": ([Change("drop", "I2")], "I3 needs I2, which does not exist"),
    "a circle": ([Change("edit", "I2", instructions=(step("I2", ["R1"], ["I3"]),))], "the needs form a cycle"),
    "more than there may be": (
        [Change("add", instructions=tuple(step(f"X{n}") for n in range(7)))],
        "has 11 instructions",
    ),
    "pieces with one id": ([Change("split", "I4", instructions=(step("a"), step("a")))], "have the same id"),
    "pieces that need what is elsewhere": (
        [Change("split", "I4", instructions=(step("a", needs=["I3"]), step("b")))],
        "neither among them nor needed by I4",
    ),
    "no text": ([Change("add", instructions=(Instruction("X", "x", " "),))], "X has no text"),
    "the planning": ([Change("add", instructions=(step("I0"),))], "the id 'I0' can't be used"),
    "all of it": ([Change("drop", it) for it in ("I2", "I3", "I4")], "R1 would be covered by nothing"),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_a_change_that_would_harm_is_refused_with_the_reason(case):
    changes, said = case
    found = changed(*changes)
    assert isinstance(found, list) and any(said in it for it in found), found
    assert all(len(it) < 300 and "\n" not in it for it in found)


def test_what_is_longer_than_allowed_already_may_still_be_changed():
    assert isinstance(changed(Change("drop", "I4"), most=2), Program)


def test_an_edited_program_gives_the_changes_between():
    wanted = Program(
        (PROGRAM["I1"], step("new", ["R3"]), PROGRAM["I4"], step("I3", ["R2"], ["I2"], files=("x.py",)), PROGRAM["I2"]),
        (*PROGRAM.requirements, Requirement("R3", "three")),
    )
    patch = difference(PROGRAM, wanted, SETTLED)
    assert {it.change for it in patch.changes} == {"add", "move", "edit"}
    assert apply(PROGRAM, SETTLED, patch, 10) == wanted
    assert difference(PROGRAM, PROGRAM, SETTLED) == Patch()


LOST = {
    "a requirement that is dropped": (
        Program(PROGRAM.instructions, PROGRAM.requirements[:1]),
        "R2 is what was asked for",
    ),
    "an instruction that is done": (Program(PROGRAM.instructions[1:], PROGRAM.requirements), "I1 is retired"),
}


@pytest.mark.parametrize("case", LOST.values(), ids=LOST)
def test_an_edit_that_takes_away_what_stays_is_refused(case):
    wanted, said = case
    found = difference(PROGRAM, wanted, SETTLED)
    assert isinstance(found, list) and said in found[0]


def test_a_requirement_may_say_something_else_while_nothing_that_was_begun_rests_on_it():
    less, other = Requirement("R2", "less"), Requirement("R1", "other")
    wanted = Program(PROGRAM.instructions, (PROGRAM.requirements[0], less))
    patch = difference(PROGRAM, wanted, SETTLED)
    assert patch == Patch(reworded=(less,))
    assert apply(PROGRAM, SETTLED, patch, 10) == wanted
    for reworded, settled, said in (
        (other, SETTLED, "R1 is what I1 was for, which is retired: it stays"),
        (less, {"I3": "begun"}, "R2 is what I3 was for, which is begun"),
        (Requirement("R9", "x"), {}, "there is no requirement R9"),
        (Requirement("R2", " "), {}, "R2 has no text"),
    ):
        found = apply(PROGRAM, settled, Patch(reworded=(reworded,)), 10)
        assert isinstance(found, list) and said in found[0]


def drawn(dice):
    """A program that can be executed, and what of it is settled."""
    wanted = [f"R{n}" for n in range(1, dice.randint(1, 4))]
    ids = [f"I{n}" for n in range(1, dice.randint(2, 9))]
    steps = [
        step(id, dice.sample(wanted, dice.randint(0, len(wanted))), dice.sample(ids[:at], dice.randint(0, min(at, 2))))
        for at, id in enumerate(ids)
    ]
    steps.append(step("last", wanted))
    program = Program(tuple(steps), tuple(Requirement(id, id) for id in wanted))
    done = dice.randint(0, len(steps) - 1)
    return program, {it.id: "retired" for it in steps[:done]}


def test_whatever_is_changed_a_patch_leaves_a_program_that_can_be_executed_and_loses_nothing():
    dice, accepted = random.Random(3), 0
    for _ in range(2_000):
        program, settled = drawn(dice)
        ids = [it.id for it in program.instructions] + ["I9"]
        changes = []
        for _ in range(dice.randint(1, 4)):
            kind = dice.choice(["add", "split", "drop", "move", "edit"])
            new = tuple(
                step(dice.choice([f"N{n}", ""]), dice.sample([it.id for it in program.requirements], 0))
                for n in range(dice.randint(0, 3))
            )
            changes.append(Change(kind, "" if kind == "add" else dice.choice(ids), dice.choice(["", *ids]), new))
        made = apply(program, settled, Patch(tuple(changes)), 12)
        if isinstance(made, list):
            assert made
            continue
        accepted += 1
        assert faults(made, 12) == []
        assert [it for it in made.instructions if it.id in settled] == [program[id] for id in settled]
        for it in program.requirements:
            open_before = any(part.id not in settled for part in program.covering(it.id))
            assert not open_before or any(part.id not in settled for part in made.covering(it.id))
    assert accepted > 200


def test_the_difference_of_any_two_programs_leads_from_one_to_the_other():
    dice = random.Random(5)
    for _ in range(500):
        program, settled = drawn(dice)
        kept = [it for it in program.instructions if it.id in settled]
        rest = [it for it in program.instructions if it.id not in settled and (dice.random() < 0.8 or it.id == "last")]
        dice.shuffle(rest)
        gone = {it.id for it in program.instructions} - {it.id for it in (*kept, *rest)}
        rest = [step(it.id, it.covers, [id for id in it.needs if id not in gone]) for it in rest]
        for n in range(dice.randint(0, 2)):
            rest.insert(dice.randint(0, len(rest)), step(f"N{n}"))
        wanted = Program((*kept, *rest), program.requirements)
        patch = difference(program, wanted, settled)
        assert isinstance(patch, Patch)
        if patch != Patch():
            assert apply(program, settled, patch, 99) == wanted
