"""Further models in the place of one that does not answer."""

from dataclasses import replace

import pytest

from l2mac.errors import BudgetSpent, ContextOverflow, KeyRefused, ProcessorError, TransientError
from l2mac.processor.fallback import Fallback, Rank
from l2mac.processor.patience import Patient
from l2mac.processor.protocol import Message, Request, forms
from l2mac.processor.text import AutoProtocol, TextProtocol
from l2mac.testing import ScriptedProcessor, says

DOWN = TransientError("overloaded")
GONE = ProcessorError("the quota is exhausted.")


class Desk:
    """Several scripted processors behind one fallback, on a clock that only waiting moves."""

    def __init__(self, *scripts, seconds=10.0, most=1000):
        self.processors = [ScriptedProcessor(script) for script in scripts]
        self.told, self.waits = [], []
        ranks = [Rank(it, f"model-{number}", seconds, most) for number, it in enumerate(self.processors)]
        self.fallback = Fallback(ranks, self.told.append, self.patient)

    def patient(self, processor, seconds):
        return Patient(processor, seconds, self.waits.append, self.told.append, clock=lambda: 0.0)

    def ask(self, place="1/I1/0/1", max_tokens=100, seconds=None):
        return self.fallback.complete(Request(place, (Message("user", "Go."),), (), max_tokens, seconds=seconds))

    @property
    def asked(self):
        return [len(it.requests) for it in self.processors]


def test_the_next_is_asked_when_the_patience_with_the_first_is_spent():
    desk = Desk([DOWN] * 50, [says("from the second")])
    reply = desk.ask()
    assert (reply.message.content, reply.model) == ("from the second", "model-1")
    assert sum(desk.waits) == pytest.approx(10), "the first was waited for"
    assert "overloaded; given up after 10 s and 5 tries; asking scripted in its place" in desk.told[-1]


def test_the_next_is_asked_at_once_where_no_wait_mends_it():
    desk = Desk([GONE], [GONE], [says("third")])
    assert desk.ask().model == "model-2"
    assert desk.waits == [] and desk.asked == [1, 1, 1]


def test_whoever_answers_goes_on_and_the_first_is_tried_once_at_the_next_instruction():
    desk = Desk([GONE, DOWN, says("back"), says("first")], [says("a"), says("b"), says("c")])
    said = [desk.ask(place).message.content for place in ("1/I1/0/1", "1/I1/0/2", "1/I2/0/1", "1/I3/0/1", "1/I3/0/2")]
    assert said == ["a", "b", "c", "back", "first"]
    assert desk.waits == [], "what is known to be down is tried, not waited for"
    assert any("answers again" in it for it in desk.told)


def test_a_fresh_window_of_the_same_instruction_returns_to_the_first():
    desk = Desk([GONE, says("first")], [says("second")])
    assert [desk.ask(place).message.content for place in ("1/I1/0/1", "1/I1/1/1")] == ["second", "first"]


@pytest.mark.parametrize("error", [KeyRefused("wrong key"), ContextOverflow("too long"), KeyboardInterrupt()])
def test_a_refused_key_and_a_request_too_long_are_nobody_elses_business(error):
    desk = Desk([error], [says("never")])
    with pytest.raises(type(error)):
        desk.ask()
    assert desk.asked == [1, 0]


def test_where_none_answers_the_error_tells_of_each_and_the_last_is_waited_for():
    desk = Desk([GONE], [DOWN] * 50)
    with pytest.raises(ProcessorError, match=r"^the quota is exhausted; and overloaded; given up after 10 s"):
        desk.ask()
    assert sum(desk.waits) == pytest.approx(10)


def test_a_wait_that_the_runs_time_does_not_allow_goes_to_the_next_and_ends_the_run_at_the_last():
    limited = TransientError("rate limited", 100)
    assert Desk([limited], [says("second")], seconds=1000).ask(seconds=60).model == "model-1"
    with pytest.raises(BudgetSpent, match="--max-minutes"):
        Desk([GONE], [limited], seconds=1000).ask(seconds=60)


def test_a_fallback_is_asked_for_no_longer_reply_than_it_may_give():
    desk = Desk([GONE], [says("x")], most=50)
    desk.ask(max_tokens=100)
    assert desk.processors[1].requests[0].max_tokens == 50


def test_it_bears_the_name_of_the_first_and_closes_them_all():
    closed = []

    class Closing(ScriptedProcessor):
        def close(self):
            closed.append(self)

    processors = [Closing([]), Closing([])]
    fallback = Fallback([Rank(it, "m", 1, 1) for it in processors], print)
    assert fallback.name == "scripted"
    fallback.close()
    assert closed == processors


def test_each_is_spoken_to_in_its_own_form_and_learns_from_its_own_replies():
    """A program takes only text; what it said before a resume says nothing about the first, which calls functions."""
    ranks = [
        Rank(AutoProtocol(ScriptedProcessor([])), "vendor/gpt", 1, 1),
        Rank(TextProtocol(ScriptedProcessor([])), "gpt-program", 1, 1),
    ]
    fallback = Fallback(ranks, print)
    assert forms(fallback) == {"tools", "text"} and forms(ScriptedProcessor([])) == {"tools"}
    assert forms(Fallback(ranks[1:], print)) == {"text"}
    for model, name in (("gpt-program", "scripted"), ("gpt-2026-01", "scripted (text protocol)")):
        for turn in range(3):
            fallback.learn(f"1/I1/0/{turn}", replace(says("no call"), model=model))
        assert fallback.name == name
