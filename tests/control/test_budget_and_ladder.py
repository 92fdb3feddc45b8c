"""Every loop has a bound: the budget's limits, and the ladder's measure."""

import random

import pytest

from l2mac.config import Budget
from l2mac.control.budget import allow, nearest
from l2mac.control.ladder import RUNGS, Ladder
from l2mac.errors import BudgetSpent
from l2mac.processor.protocol import Usage

SPENT = Usage(prompt=900, completion=100, cost=1.5)
WORST = Usage(prompt=400, completion=100, cost=0.5)
LIMITS = {
    "cost": (2.0, 1.99, "the budget of 1.99 US dollars does not allow another call (1.5 used); raise it: --max-cost"),
    "tokens": (1_500, 1_499, "the budget of 1,499 tokens does not allow another call (1,000 used); .*--max-tokens"),
    "calls": (8, 7, "the budget of 7 calls does not allow another call (7 used); raise it: --set budget.calls=N"),
    "minutes": (2, 1.9, "the budget of 1.9 minutes does not allow another call (2 used); raise it: --max-minutes"),
}


@pytest.mark.parametrize(("name", "case"), LIMITS.items())
def test_the_worst_case_of_a_call_must_fit_each_limit(name, case):
    enough, too_little, said = case
    allow({name: enough}, SPENT, 7, 120.0, WORST)
    with pytest.raises(BudgetSpent) as spent:
        allow({name: too_little}, SPENT, 7, 120.0, WORST)
    for part in said.split(".*"):
        assert part in str(spent.value)
    assert spent.value.exit_code == 5


def test_a_large_limit_is_written_in_full():
    with pytest.raises(BudgetSpent, match="the budget of 20,000,000 tokens"):
        allow(Budget().model_dump(), Usage(prompt=20_000_000), 1, 0.0, WORST)


@pytest.mark.parametrize("limits", [{}, dict.fromkeys(Budget.model_fields)], ids=["none named", "none set"])
def test_without_a_limit_everything_passes(limits):
    allow(limits, Usage(prompt=10**12, cost=1e9), 10**9, 1e12, WORST)


def test_an_unknown_cost_is_no_claim_and_binds_nothing_but_the_other_limits():
    allow({"cost": 1.0}, Usage(prompt=10), 1, 0.0, Usage(prompt=10))
    allow({"cost": 1.0}, Usage(prompt=10, cost=0.9), 1, 0.0, Usage(prompt=10))
    with pytest.raises(BudgetSpent, match="max-cost"):
        allow({"cost": 0.4}, Usage(prompt=10), 1, 0.0, WORST)
    with pytest.raises(BudgetSpent, match="max-tokens"):
        allow({"cost": 1.0, "tokens": 10}, Usage(prompt=10), 1, 0.0, Usage(prompt=10))


def test_time_for_the_audit_is_kept():
    allow({"minutes": 2}, SPENT, 7, 90.0, WORST, reserve=30)
    with pytest.raises(BudgetSpent, match="minutes"):
        allow({"minutes": 2}, SPENT, 7, 90.0, WORST, reserve=31)


@pytest.mark.parametrize(
    ("limits", "wanted"),
    [
        ({}, (0.0, "")),
        ({"cost": 3.0, "calls": 8, "tokens": None}, (0.875, "calls")),
        ({"cost": 1.5, "calls": 8}, (1.0, "cost")),
        ({"tokens": 1_250, "minutes": 20}, (0.8, "tokens")),
        ({"minutes": 2}, (1.0, "minutes")),
    ],
)
def test_the_nearest_limit_is_the_one_of_which_most_is_used(limits, wanted):
    assert nearest(limits, SPENT, 7, 120.0) == wanted


@pytest.mark.parametrize("seed", range(200))
def test_the_ladder_ends_and_its_measure_falls_whatever_it_sees(seed):
    dice = random.Random(seed)
    ladder = Ladder(turns=dice.randrange(60), patience=dice.randrange(1, 8))
    measure, climbed = (len(ladder.rungs), ladder.turns + 1), []
    for _ in range(61):
        if not ladder.turn():
            break
        rung = ladder.saw(dice.choice([None, None, 0, 1, 2, 3, 5, 50]))
        after = (len(ladder.rungs), ladder.turns)
        assert after < measure
        measure = after
        climbed += [rung] if rung else []
        if rung == "over":
            break
    else:
        pytest.fail("it did not end")
    assert climbed == list(RUNGS[: len(climbed)]), "rungs in order, none twice"


def test_each_rung_is_climbed_after_so_many_turns_without_progress():
    ladder = Ladder(turns=100, patience=3)
    climbed = [ladder.saw(None) for _ in range(12)]
    assert climbed == [None, None, "focus", None, None, "fresh", None, None, "stronger", None, None, "over"]
    assert ladder.saw(None) is None and not ladder.rungs


def test_fewer_failures_than_ever_is_progress_and_so_is_none_at_all():
    ladder = Ladder(turns=100, patience=2)
    assert [ladder.saw(count) for count in (9, 8, 8, 7, 7, 8)] == [None] * 5 + ["focus"]
    ladder = Ladder(turns=100, patience=2)
    assert [ladder.saw(0) for _ in range(20)] == [None] * 20, "writing file after file that passes"
    assert [ladder.saw(count) for count in (5, 4, 3, 3, 3)] == [None] * 4 + ["focus"]


def test_turns_run_out_even_where_every_turn_is_progress():
    ladder = Ladder(turns=3)
    assert [ladder.turn() for _ in range(5)] == [True, True, True, False, False]
