"""What a test run did, read from the lines that the probe wrote; anyone may have written into them."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_MOST_BYTES = 32_000_000


@dataclass(slots=True)
class Failure:
    """A test or a module that failed, as pytest tells it."""

    id: str
    message: str
    trace: str


@dataclass(slots=True)
class RunLog:
    """One test run, as far as it came."""

    collected: list[str] | None = None
    """The ids of the tests that were to run; None when collection did not end."""
    passed: set[str] = field(default_factory=set)
    skipped: set[str] = field(default_factory=set)
    """Skipped tests and expected failures, and modules that skip themselves."""
    failures: dict[str, Failure] = field(default_factory=dict)
    """By id, in the order they came: tests, and files that could not be imported."""
    current: str = ""
    """The test that is running, or the module that is being imported."""
    finished: bool = False
    """The session came to its end by itself."""
    internal_error: str = ""

    @property
    def unreported(self) -> list[str]:
        """Collected tests of which no result came."""
        return [test for test in self.collected or () if test not in self.passed | self.skipped | set(self.failures)]


def read_log(path: Path) -> RunLog:
    """Read what the probe wrote; a missing file is an empty log, and what is no event of the probe is passed over."""
    log = RunLog()
    try:
        # Neither followed nor waited for: the code under test may have put a link or a pipe in its place.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            lines = file.read(_MOST_BYTES).splitlines() if regular else []
    except OSError:
        return log
    for line in lines:
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(event, dict):
            _take(log, event)
    return log


def _take(log: RunLog, event: dict[str, Any]) -> None:
    kind, node = event.get("event"), str(event.get("id", ""))
    if kind in ("importing", "start"):
        log.current = node
    elif kind == "collected" and isinstance(event.get("ids"), list):
        log.collected = [str(test) for test in event["ids"]]
    elif kind == "imported":
        log.current = ""
    elif kind == "collect_error":
        log.current = ""
        log.failures[node] = Failure(node, "", str(event.get("trace", "")))
    elif kind == "collect_skip":
        log.current = ""
        log.skipped.add(node)
    elif kind == "phase":
        _take_phase(log, event, node)
    elif kind == "internal_error":
        log.internal_error = str(event.get("trace", ""))
    elif kind == "finish":
        log.finished = True


def _take_phase(log: RunLog, event: dict[str, Any], node: str) -> None:
    outcome, when = event.get("outcome"), event.get("when")
    if outcome == "failed":
        log.passed.discard(node)
        log.skipped.discard(node)
        log.failures.setdefault(node, Failure(node, str(event.get("message", "")), str(event.get("trace", ""))))
    elif node not in log.failures and (outcome == "skipped" or (event.get("xfail") and when == "call")):
        log.skipped.add(node)
    elif outcome == "passed" and when == "call" and node not in log.failures:
        log.passed.add(node)
        log.skipped.discard(node)
    if when == "teardown":
        log.current = ""
