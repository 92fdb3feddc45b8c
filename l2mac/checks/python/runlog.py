"""What a test run did, read from the lines that the probe wrote; whatever else stands among them is no result."""

from __future__ import annotations

import json
import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..report import Traced
from .seal import Seal

_MOST_BYTES = 32_000_000
_MASK = re.compile(r"[0-9a-f]{1,100000}")


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
    deselected: list[str] = field(default_factory=list)
    """Found, but not to run, which was said."""
    dropped: list[str] = field(default_factory=list)
    """Found, and then gone without a word."""
    passed: set[str] = field(default_factory=set)
    skipped: set[str] = field(default_factory=set)
    """Skipped tests and expected failures, and modules that skip themselves."""
    failures: dict[str, Failure] = field(default_factory=dict)
    """By id, in the order they came: tests, and files that could not be imported."""
    imported: set[str] = field(default_factory=set)
    """The files that were looked at."""
    current: str = ""
    """The test that is running, or the module that is being imported."""
    finished: bool = False
    """The session came to its end by itself."""
    internal_error: str = ""
    canaries: dict[str, set[str]] = field(default_factory=dict)
    """How the tests of the machine's own were reported, by name: `setup passed`, `call failed` …"""
    compiled: list[list[str]] = field(default_factory=list)
    """What was compiled before the run: path, compiled file, SHA-256."""
    traced: dict[str, Traced] = field(default_factory=dict)
    foreign: bool = False
    """Something else has written between the results."""

    @property
    def unreported(self) -> list[str]:
        """Collected tests of which no result came."""
        return [test for test in self.collected or () if test not in self.passed | self.skipped | set(self.failures)]


def read_log(path: Path, key: bytes) -> RunLog:
    """Read what the probe wrote under its seal; a missing file is an empty log, and what bears none is passed over."""
    log, seal = RunLog(), Seal(key)
    try:
        # Neither followed nor waited for: the code under test may have put a link or a pipe in its place.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            lines = file.read(_MOST_BYTES).split(b"\n")[:-1] if regular else []
    except OSError:
        return log
    for at, marked in enumerate(lines):
        line = seal.opened(marked)
        if line is None:
            log.foreign = True
            continue
        try:  # for all its seal, code in the same process may have had it written
            event = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(event, dict) and (event.get("event") != "compiled" or at == 0):  # before any code of the project
            _take(log, event)
    return log


def _names(event: dict[str, Any], field: str) -> list[str]:
    names = event.get(field)
    return [str(name) for name in names] if isinstance(names, list) else []


def _take(log: RunLog, event: dict[str, Any]) -> None:
    kind, node = event.get("event"), str(event.get("id", ""))
    if kind in ("importing", "start"):
        log.current = node
    elif kind == "collected":
        log.collected, log.deselected, log.dropped = (_names(event, it) for it in ("ids", "deselected", "dropped"))
    elif kind == "compiled":
        log.compiled = event["files"]
    elif kind == "canary":
        log.canaries.setdefault(node, set()).add(f"{event.get('when')} {event.get('outcome')}")
    elif kind == "imported":
        log.current = ""
        log.imported.add(node)
    elif kind == "collect_error":
        log.current = ""
        log.failures[node] = Failure(node, "", str(event.get("trace", "")))
    elif kind == "collect_skip":
        log.current = ""
        log.skipped.add(node)
    elif kind == "lines" and isinstance(files := event.get("files"), dict):
        masks = {str(path): str(mask) for path, mask in files.items() if _MASK.fullmatch(str(mask))}
        log.traced[node] = Traced(masks, str(event.get("why", "")))
    elif kind == "phase":
        _take_phase(log, event, node)
    elif kind == "internal_error":
        log.internal_error = str(event.get("trace", ""))
    elif kind == "finish":
        log.finished = True


def _take_phase(log: RunLog, event: dict[str, Any], node: str) -> None:
    outcome, when, bent = event.get("outcome"), event.get("when"), event.get("bent")
    if outcome == "failed" or bent:
        log.passed.discard(node)
        log.skipped.discard(node)
        message, trace = (bent, bent) if bent else (str(event.get("message", "")), str(event.get("trace", "")))
        log.failures.setdefault(node, Failure(node, message, trace))
    elif node not in log.failures and (outcome == "skipped" or (event.get("xfail") and when == "call")):
        log.skipped.add(node)
    elif outcome == "passed" and when == "call" and node not in log.failures:
        log.passed.add(node)
        log.skipped.discard(node)
    if when == "teardown":
        log.current = ""
