"""Tests whose results are known beforehand: what comes of them tells whether a run's reports can be believed.

Used on both sides: where the tests run (standard library) and where their results are read.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Canary:
    """A test of the machine's own."""

    name: str
    """Of its function; nobody could guess it."""
    fails: bool
    """Whether it fails, or passes."""
    place: float
    """From 0, before all tests, to 1, after them."""


def draw_canaries() -> list[Canary]:
    """Two that fail and one that passes, in an order that nobody knows: first, last, and somewhere between."""
    chance = random.SystemRandom()
    kinds = chance.sample([True, True, False], 3)
    places = (0.0, chance.random(), 1.0)
    return [Canary(f"test_{secrets.token_hex(6)}", fails, at) for fails, at in zip(kinds, places, strict=True)]


def doubted(canaries: Sequence[Canary], heard: Mapping[str, set[str]], complete: bool) -> str:
    """Why the reports of a run can't be believed; empty when they can.

    That a hook skips them all, or refuses in the setup tests that are not as it wants them, is no deceit: the project's
    own tests show as much.

    Args:
        canaries: those that were in the run.
        heard: how each was reported: `setup passed`, `call failed` …
        complete: whether all other tests of the run were reported.
    """
    for canary in canaries:
        phases = heard.get(canary.name, set())
        if canary.fails and phases and phases <= {"setup passed", "call passed", "teardown passed"}:
            return "one that fails was reported as passed"
        if not canary.fails and "call failed" in phases:
            return "one that passes was reported as failed"
        if complete and not phases:
            return "one of the machine's own was not reported"
    return ""
