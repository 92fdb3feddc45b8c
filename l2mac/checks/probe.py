"""A pytest plugin that writes down what a test run does, one JSON object a line.

It runs inside the project's own interpreter, beside code that nobody has read, so it needs nothing but the standard
library (Python 3.9 or newer) and pytest (7 or newer). The environment variable `L2MAC_PROBE` names the file it
appends to; without it the plugin does nothing.
"""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

_TRACE = 4_000
_FILE_SIZE = 100_000_000


class Recorder:
    """Writes events as they happen, so that a run that dies leaves what it did."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        self._process = os.getpid()

    def write(self, event: str, **fields: Any) -> None:
        """Append one event; a forked child is not the run, and stays silent."""
        if os.getpid() == self._process:
            os.write(self._file, (json.dumps({"event": event, **fields}) + "\n").encode("ascii"))

    @pytest.hookimpl(tryfirst=True)
    def pytest_collectstart(self, collector: Any) -> None:
        """A module is about to be imported."""
        if isinstance(collector, pytest.Module):
            self.write("importing", id=collector.nodeid)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collectreport(self, report: Any) -> None:
        """A module has been imported, could not be, or skips itself."""
        if report.outcome == "failed":
            self.write("collect_error", id=report.nodeid, trace=_cut(_trace(report)))
        elif report.outcome == "skipped":
            self.write("collect_skip", id=report.nodeid)
        elif report.nodeid.endswith(".py"):
            self.write("imported", id=report.nodeid)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: Any) -> None:
        """The tests that will run are known."""
        self.write("collected", ids=[item.nodeid for item in session.items])

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """A test begins."""
        self.write("start", id=nodeid)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
        """One phase of a test (setup, call, teardown) has ended."""
        fields: dict[str, Any] = {"id": report.nodeid, "when": report.when, "outcome": report.outcome}
        if hasattr(report, "wasxfail"):
            fields["xfail"] = True
        if report.outcome == "failed":
            crash = getattr(report.longrepr, "reprcrash", None)
            fields["message"] = str(getattr(crash, "message", ""))[:_TRACE]
            fields["trace"] = _cut(_trace(report))
        self.write("phase", **fields)

    def pytest_internalerror(self, excrepr: Any) -> None:
        """Pytest or a plugin of it failed."""
        self.write("internal_error", trace=_cut(str(excrepr)))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """The run came to its end."""
        self.write("finish", exit=int(exitstatus))


def pytest_configure(config: Any) -> None:
    """Begin to record, if a file is named."""
    path = os.environ.pop("L2MAC_PROBE", None)
    if path:
        _bound_file_size()
        config.pluginmanager.register(Recorder(path), "l2mac_recorder")


def _bound_file_size() -> None:
    # What a test prints is captured in a file; without a bound, endless output fills the disk before the time is up.
    try:
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        soft = _FILE_SIZE if hard == resource.RLIM_INFINITY else min(hard, _FILE_SIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    except (ImportError, OSError, ValueError):
        pass


def _trace(report: Any) -> str:
    text: str | None = getattr(report, "longreprtext", None)
    return str(report.longrepr) if text is None else text


def _cut(text: str) -> str:
    """The head and the tail of a text that is too long, with a line between them that says how much was cut."""
    if len(text) <= 2 * _TRACE:
        return text
    return f"{text[:_TRACE]}\n... {len(text) - 2 * _TRACE} characters cut ...\n{text[-_TRACE:]}"
