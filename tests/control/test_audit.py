"""The audit: "done" is the machine's word, and what is missing is said."""

import pytest

from l2mac.checks.report import Finding, Report, Traced
from l2mac.control.audit import audit
from l2mac.control.records import Retired
from l2mac.control.state import Progress, State
from l2mac.memory.snapshot import Snapshot
from l2mac.program.values import Instruction, Program, Requirement
from l2mac.tools.instruction_set import Evidence

PROGRAM = Program(
    (Instruction("I1", "Board", "x", ("R1",)), Instruction("I2", "Moves", "x", (), ("I1",))),
    (Requirement("R1", "A board"),),
)
TEST = "tests/test_b.py::test_b"
PASSED = Report("tests", "passed", passed=(TEST,), traced={TEST: Traced({"board.py": "2"})})
EVIDENCE = Evidence(requirement="R1", file="board.py", symbol="Board", test=TEST)

BEYOND = Evidence(requirement="R1", file="board.py", not_verifiable="it needs  a screen")


def state(first="retired", second="retired", evidence=(EVIDENCE,), baseline=()):
    progress = {
        id: Progress(
            how, reason="24 turns", retired=Retired("done", {}, evidence=tuple(shown)) if how == "retired" else None
        )
        for id, how, shown in (("I1", first, evidence), ("I2", second, ()))
        if how
    }
    trunk = Snapshot({"board.py": "class Board: ...\n", "tests/test_b.py": "def test_b(): ...\n"})
    return State(program=PROGRAM, instructions=progress, trunk=trunk, baseline=tuple(baseline))


FAILED = Report("tests", "failed", (Finding("a.py", 1, "t::x", "it failed"),), passed=(TEST,))
NO_PYTEST = Report("tests", "unavailable", detail="uv pip install pytest")
ENDINGS = {
    "complete": (state(), [PASSED], {}, "complete", []),
    "blocked": (state("blocked", None), [PASSED], {}, "partial", ["I1 Board: blocked: 24 turns", "needs I1", "R1 has"]),
    "not begun": (state(second=None), [PASSED], {}, "partial", ["I2 Moves: not begun"]),
    "failing": (state(), [FAILED], {}, "partial", ["fails: a.py t::x it failed"]),
    "failing as before": (state(baseline=[FAILED]), [FAILED], {}, "complete", []),
    "no evidence": (state(evidence=()), [PASSED], {}, "partial", ["R1 has no evidence: none was given"]),
    "evidence that is gone": (
        state(evidence=[Evidence(requirement="R1", file="gone.py")]),
        [PASSED],
        {},
        "partial",
        ["R1 has no evidence: there is no file gone.py"],
    ),
    "evidence that did not pass": (state(), [Report("tests", "absent")], {}, "partial", [f"no test {TEST} ran"]),
    "code without a test": (
        state(evidence=[Evidence(requirement="R1", file="board.py")]),
        [PASSED],
        {},
        "partial",
        ["R1 has no evidence: board.py is code, and no test of it is named"],
    ),
    "not verifiable": (
        state(evidence=[EVIDENCE, BEYOND]),
        [PASSED],
        {},
        "partial",
        ["R1 is not verifiable here: it needs a screen"],
    ),
    "not verifiable, accepted": (state(evidence=[BEYOND]), [PASSED], {"accept_unverified": True}, "complete", []),
    "not verifiable, and not there": (
        state(evidence=[Evidence(requirement="R1", file="gone.py", not_verifiable="x")]),
        [PASSED],
        {"accept_unverified": True},
        "partial",
        ["R1 has no evidence: there is no file gone.py"],
    ),
    "tests off": (state(), [Report("syntax", "passed")], {}, "complete", []),
    "unverified": (state(), [NO_PYTEST], {}, "partial", ["not verified: tests: uv pip install pytest"]),
    "unverified, accepted": (state(), [NO_PYTEST], {"accept_unverified": True}, "complete", []),
    "spent": (state(), [PASSED], {"spent": "the budget is spent"}, "budget", ["the budget is spent"]),
    "no program": (State(), [], {}, "partial", ["no program was compiled"]),
    "no program and spent": (State(), [], {"spent": "the budget is spent"}, "budget", ["the budget is spent"]),
}


@pytest.mark.parametrize("case", ENDINGS.values(), ids=ENDINGS)
def test_a_run_is_complete_only_when_nothing_is_left_to_say(case):
    now, reports, options, outcome, said = case
    ended = audit(now, reports, **options)
    assert (ended.outcome, ended.exit_code) == (outcome, {"complete": 0, "partial": 4, "budget": 5}[outcome])
    assert len(ended.reasons) == len(said)
    assert all(part in reason for part, reason in zip(said, ended.reasons, strict=True))


def test_reasons_are_bounded():
    program = Program(tuple(Instruction(f"I{n}", "t", "t") for n in range(1_000)))
    ended = audit(State(program=program), [])
    assert len(ended.reasons) == 21 and ended.reasons[-1] == "and 980 more"


def test_what_meets_a_requirement_is_named_by_place_and_test():
    assert audit(state(), [PASSED]).shown[0].by == f"board.py:1, {TEST}"
