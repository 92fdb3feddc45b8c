"""What makes a program executable, and which instruction is next."""

from itertools import pairwise

import pytest

from l2mac.program.validation import faults
from l2mac.program.values import Flow, Instruction, Program, Requirement


def program(*instructions, requirements=()):
    """A program of `(id, needs, covers)`; what is left out is empty."""
    made = [
        Instruction(id, "title", "text", needs=tuple(needs), covers=tuple(covers))
        for id, needs, covers in ((*it, (), ())[:3] for it in instructions)
    ]
    return Program(tuple(made), tuple(Requirement(id, "text") for id in requirements))


FAULTS = {
    "none": (program(), "the program has no instructions"),
    "too many": (program(*((f"I{n}",) for n in range(1, 52))), "has 51 instructions, and 50 are allowed"),
    "an id twice": (program(("I1",), ("I1",)), "the id 'I1' is used twice"),
    "a requirement twice": (program(("I1", (), ("R1",)), requirements=("R1", "R1")), "the id 'R1' is used twice"),
    "no id": (program(("",)), "the id '' can't be used"),
    "an id that is a path": (program(("../I1",)), "the id '../I1' can't be used"),
    "an id that is an option": (program(("-I1",)), "the id '-I1' can't be used"),
    "an id of two lines": (program(("I1\n",)), "can't be used"),
    "an id without end": (program(("I" * 100_000,)), "can't be used"),
    "the id of the planning": (program(("I0",)), "the id 'I0' can't be used"),
    "a requirement without a usable id": (program(("I1", (), ("R 1",)), requirements=("R 1",)), "the id 'R 1' can't"),
    "no title": (Program((Instruction("I1", " ", "text"),)), "I1 has no title"),
    "no text": (Program((Instruction("I1", "title", ""),)), "I1 has no text"),
    "a requirement without text": (
        Program((Instruction("I1", "t", "t", covers=("R1",)),), (Requirement("R1", "\n"),)),
        "R1 has no text",
    ),
    "an uncovered requirement": (program(("I1",), requirements=("R1",)), "requirement R1 is covered by no instruction"),
    "a need that is not there": (program(("I1", ("I9",))), "I1 needs I9, which does not exist"),
    "a requirement that is not there": (program(("I1", (), ("R9",))), "I1 covers R9, which does not exist"),
    "a need of itself": (program(("I1", ("I1",))), "the needs form a cycle: I1 → I1"),
    "cuts that count down": (Program((Instruction("I1", "t", "t", cuts=-1),)), "can't have been cut -1 times"),
    "rounds that count down": (
        Program((Instruction("I1", "t", "t", flow=Flow("repeat", (Instruction("b", "b", "b"),), (), "True", 2, -9)),)),
        "-9 rounds can't be behind it",
    ),
    "a cycle": (
        program(("I1", ("I3",)), ("I2", ("I1",)), ("I3", ("I2",)), ("I4", ("I1",))),
        "the needs form a cycle: I1 → I3 → I2 → I1",
    ),
}


@pytest.mark.parametrize("case", FAULTS.values(), ids=FAULTS)
def test_a_program_that_cannot_be_executed_is_told_so(case):
    wrong, said = case
    found = faults(wrong)
    assert any(said in fault for fault in found), found
    assert all(len(fault) < 300 and "\n" not in fault for fault in found)


def test_a_cycle_is_named_along_its_needs():
    wrong = program(("a", ("b",)), ("b", ("c",)), ("c", ("a",)))
    (found,) = faults(wrong)
    names = found.removeprefix("the needs form a cycle: ").split(";")[0].split(" → ")
    assert len(names) == 4 and names[0] == names[-1]
    assert all(after in wrong[before].needs for before, after in pairwise(names))


def test_a_good_program_has_no_fault():
    good = program(("I1", (), ("R1",)), ("I2", ("I1",), ("R1",)), ("3.b-x", ("I1", "I2")), requirements=("R1",))
    assert faults(good) == []
    assert faults(program(*((f"I{n}",) for n in range(1, 52))), most=51) == []


def test_a_chain_of_ten_thousand_is_judged_without_delay():
    chain = program(*((f"I{n}", (f"I{n - 1}",) if n > 1 else ()) for n in range(1, 10_001)))
    assert faults(chain, most=10_000) == []


READY = {
    "the first at first": ({}, "I1"),
    "the next in order": ({"I1": "retired"}, "I2"),
    "not what waits for one that is blocked": ({"I1": "blocked"}, "I3"),
    "nothing when all that is left waits": ({"I1": "blocked", "I3": "retired"}, None),
    "what needs more than one": ({"I1": "retired", "I2": "retired", "I3": "retired"}, "I4"),
    "not what needs one of two": ({"I1": "retired", "I2": "blocked", "I3": "retired"}, None),
}


@pytest.mark.parametrize(("states", "expected"), READY.values(), ids=READY)
def test_the_next_instruction_is_the_first_whose_needs_are_retired(states, expected):
    whole = program(("I1",), ("I2", ("I1",)), ("I3",), ("I4", ("I2", "I3")))
    found = whole.ready(states)
    assert (found.id if found else None) == expected
