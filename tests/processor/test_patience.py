"""Waiting out what passes by itself."""

import errno
import os
from dataclasses import replace

import httpx
import pytest

from l2mac.errors import BudgetSpent, ContextOverflow, ProcessorError, TransientError
from l2mac.processor.faults import Endpoint, unreachable
from l2mac.processor.openai import OpenAIProcessor
from l2mac.processor.patience import Patient
from l2mac.testing import Failure, ScriptedProcessor, says


def patient(script, seconds=600.0, **options):
    waits: list[float] = []
    told: list[str] = []
    processor = ScriptedProcessor(script)
    return Patient(processor, seconds, waits.append, told.append, clock=lambda: 0.0, **options), waits, told, processor


def test_a_429_is_waited_out_as_long_as_the_provider_says(provide, connect, request_):
    provider = provide([Failure(429, "slow down", headers={"retry-after": "20"}), says("ok")])
    waits: list[float] = []
    told: list[str] = []
    patient = Patient(connect(provider), 600, waits.append, told.append)
    assert patient.complete(request_).message.content == "ok"
    assert waits == [20]
    assert "rate limited" in told[0]
    assert told[0].endswith("waiting 20 s")
    patient.close()


def test_without_a_word_from_the_provider_the_waits_double_up_to_a_minute(request_):
    device, waits, _, _ = patient([TransientError("overloaded")] * 9 + [says("ok")])
    assert device.complete(request_).message.content == "ok"
    assert all(2**n <= wait <= min(2**n * 1.25, 60) for n, wait in enumerate(waits[:6]))
    assert all(59 < wait <= 60 for wait in waits[6:])
    assert len(waits) == 9


def test_the_same_seed_and_place_give_the_same_waits(request_):
    script = [TransientError("x")] * 4 + [says("ok")]
    runs = []
    for seed in (1, 1, 2):
        device, waits, _, _ = patient(script, seed=seed)
        device.complete(request_)
        runs.append(waits)
    assert runs[0] == runs[1] != runs[2]


def test_patience_ends_and_says_how_long_it_tried_and_how_to_go_on(request_):
    device, waits, _, processor = patient([TransientError("overloaded")] * 100, seconds=30)
    with pytest.raises(ProcessorError, match=r"overloaded.*30 s and \d tries") as raised:
        device.complete(request_)
    assert not isinstance(raised.value, TransientError)
    assert sum(waits) == pytest.approx(30)
    assert len(processor.requests) == len(waits) + 1


def test_a_wait_longer_than_the_patience_left_is_cut_to_it(request_):
    device, waits, _, processor = patient([TransientError("x", 3600), TransientError("x", 3600)], seconds=50)
    with pytest.raises(ProcessorError, match="50 s and 2 tries"):
        device.complete(request_)
    assert waits == [50]
    assert len(processor.requests) == 2


def test_a_provider_that_says_at_once_forever_is_given_up_all_the_same(request_):
    device, waits, _, _ = patient([TransientError("x", 0.0001)] * 1000, seconds=10)
    with pytest.raises(ProcessorError, match="given up"):
        device.complete(request_)
    assert len(waits) == 40


def test_the_time_that_failed_tries_take_counts(request_):
    ticks = iter(range(0, 10_000, 100))
    processor = ScriptedProcessor([TransientError("no answer in time")] * 100)
    waits: list[float] = []
    with pytest.raises(ProcessorError, match="given up"):
        Patient(processor, 350, waits.append, clock=lambda: next(ticks)).complete(request_)
    assert len(processor.requests) == 4


@pytest.mark.parametrize("error", [ProcessorError("no"), ContextOverflow("long"), ValueError("bug")])
def test_what_does_not_pass_by_itself_is_not_waited_for(request_, error):
    device, waits, _, _ = patient([error])
    with pytest.raises(type(error)):
        device.complete(request_)
    assert waits == []


def test_no_patience_means_one_try(request_):
    device, waits, _, _ = patient([TransientError("x")], seconds=0)
    with pytest.raises(ProcessorError, match="1 try"):
        device.complete(request_)
    assert waits == []


def test_a_patient_processor_has_the_name_of_the_one_behind_it():
    assert Patient(ScriptedProcessor([]), 1).name == "scripted"


class World:
    """A clock that stands while the computer sleeps, a wall clock that does not, and a network that comes and goes."""

    def __init__(self, back=0.0, naps=()):
        self.clock = self.wall = 0.0
        self.back, self.naps, self.slept, self.tries = back, dict(naps), [], 0

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.clock += seconds
        self.wall += seconds + self.naps.pop(len(self.slept), 0)

    def answer(self, request):
        self.tries += 1
        if self.wall < self.back:
            raise TransientError("the network is unreachable")
        return says("ok")

    def patient(self, script=None, seconds=3600.0):
        processor = ScriptedProcessor(script or [self.answer] * 10_000)
        return Patient(processor, seconds, self.sleep, clock=lambda: self.clock, wall=lambda: self.wall)


def test_a_network_that_is_gone_for_an_hour_is_waited_out(request_):
    world = World(back=3600)
    assert world.patient().complete(request_).message.content == "ok"
    assert world.tries > 60, "it is looked for every minute"


def test_a_computer_that_slept_through_the_wait_asks_at_once_when_it_wakes(request_):
    world = World(naps={2: 50_000})
    script = [TransientError("rate limited", 3600), says("ok")]
    assert world.patient(script).complete(request_).message.content == "ok"
    assert len(world.slept) == 2, "the hour has passed on the wall, two minutes awake"


def test_sleeping_does_not_use_up_patience(request_):
    world = World(back=100_000, naps={3: 50_000, 9: 50_000})
    assert world.patient(seconds=600).complete(request_).message.content == "ok"
    assert world.clock < 600


def test_a_wall_clock_that_is_set_back_does_not_make_a_wait_longer(request_):
    world = World(naps={1: -50_000})
    world.patient([TransientError("x", 300), says("ok")]).complete(request_)
    assert sum(world.slept) == 300


def test_a_wait_that_the_runs_time_does_not_allow_spends_the_budget(request_):
    world = World()
    script = [TransientError("rate limited", 50), TransientError("rate limited", 100)]
    with pytest.raises(BudgetSpent, match=r"another 100 s .*50 s waited.*--max-minutes; rate limited"):
        world.patient(script).complete(replace(request_, seconds=120))
    assert world.slept == [50]


def test_a_name_that_cannot_be_resolved_and_a_port_that_nobody_serves_may_pass(request_):
    for address in ("http://name.invalid/v1", "http://127.0.0.1:9/v1"):
        processor = OpenAIProcessor("m", address, "k", timeout=5)
        with pytest.raises(TransientError, match=r"check llm\.base_url and the network"):
            processor.complete(request_)
        processor.close()


@pytest.mark.parametrize("number", [errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ETIMEDOUT])
def test_a_network_that_is_not_there_may_pass(number):
    raised = httpx.ConnectError("x")
    raised.__cause__ = OSError(number, os.strerror(number))
    assert type(unreachable(raised, Endpoint("m", "http://x/v1"))) is TransientError
