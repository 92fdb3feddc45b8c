"""What a program will take: a range that says what it rests on."""

import json
import subprocess
import sys

import pytest

from l2mac.panel.estimate import USUAL, Sample, estimate
from l2mac.testing import calls

from ..jobs import build, done, numbered, program, write


def price(usage):
    return usage.prompt / 1e6 + usage.completion / 1e5


def test_without_earlier_runs_the_usual_is_stated():
    made = estimate(10, [], lambda usage: None)
    assert made.calls == tuple(10 * it.calls for it in USUAL)
    assert made.cost == (None, None, None)
    told = list(made.told({}, {}))
    assert told[0] == (
        "estimate: 10–60 (likely 20) calls, 60,000–480,000 (likely 120,000) tokens, cost unknown, "
        "2–40 (likely 7) minutes"
    )
    assert "10 instructions" in told[1] and "no earlier run" in told[1] and len(told) == 2


@pytest.mark.parametrize(
    ("seen", "wanted"),
    [
        ([2], (1, 2, 4)),
        ([1, 3], (0.5, 2, 6)),
        ([1, 2, 5], (1, 2, 5)),
    ],
)
def test_the_range_is_that_of_earlier_runs_and_wider_where_these_are_few(seen, wanted):
    made = estimate(10, [Sample(it, it * 1e5, it * 1e4, it * 60) for it in seen], price, "m")
    assert made.calls == made.minutes == tuple(10 * it for it in wanted)
    assert made.tokens == tuple(pytest.approx(1.1e6 * it) for it in wanted)
    assert made.cost == tuple(pytest.approx(2 * it) for it in wanted)
    assert f"{len(seen)} earlier run" in made.rests_on and "with m" in made.rests_on


def test_a_limit_that_may_not_do_is_named():
    made = estimate(10, [Sample(1, 1e5, 1e4, 60)], price)
    told = list(made.told({"cost": 3.9, "calls": 20, "tokens": None}, {"cost": 0, "calls": 0}))
    assert told[2:] == ["at worst that is more than the budget (cost: 3.9)"]
    told = list(made.told({"cost": 40, "calls": 20, "tokens": None}, {"calls": 1}))
    assert told[2:] == ["at worst that is more than the budget (calls: 20)"]


def test_plan_only_says_what_the_rest_will_take_and_learns_from_runs_beside_it(tmp_path):
    job = [program("I1"), calls(write(a_dot_txt="a")), calls(done())]
    build(job, tmp_path / "workspace", name="earlier")
    build(job[:1], tmp_path / "workspace", name="planned", plan_only=True)
    from l2mac.panel.estimate import of

    made, told = of(tmp_path / "workspace" / "planned")
    assert made.calls == (1, 2, 4) and "1 earlier run with the same model" in told[1]
    _, alone = of(tmp_path / "workspace" / "earlier")
    assert "0 instructions" in alone[1]


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["lines", "json"])
def test_the_command_line_tells_it(form, tmp_path):
    from l2mac.testing import LoopbackProvider

    with LoopbackProvider(lambda body: numbered("I1", "I2"), models=("m",), api_key="k") as provider:
        settings = {"llm": {"model": "m", "base_url": provider.base_url, "api_key": "k", "api_type": "openai"}}
        (tmp_path / "config.yaml").write_text(json.dumps(settings))
        seen = subprocess.run(
            [sys.executable, "-m", "l2mac", "A thing.", "--plan-only", "--config", "config.yaml", "--out", "w", *form],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
    assert seen.returncode == 0, seen.stderr
    if form:
        last = json.loads(seen.stdout.splitlines()[-1])
        assert last["kind"] == "estimate" and last["calls"] == [2, 4, 12] and last["cost"] == [None] * 3
    else:
        assert "estimate: 2–12 (likely 4) calls" in seen.stderr and len(seen.stdout.splitlines()) == 1
