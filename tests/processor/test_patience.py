"""Waiting out what passes by itself."""

import pytest

from l2mac.errors import ContextOverflow, ProcessorError, TransientError
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
