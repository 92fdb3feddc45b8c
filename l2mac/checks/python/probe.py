"""A pytest plugin that writes down what a test run does, one sealed JSON object a line (see `seal`).

It runs inside the project's own interpreter, beside code that nobody has read, so it needs nothing but the standard
library and pytest (7 or newer). `launch` starts it before any of that code is imported.

What shares a process can't be kept apart for good: code that looks for this plugin in memory, and knows how it is
made, can have it say anything about the tests that are still to come; so can a patch of pytest that spares our canaries
because it knows by name which test it is after. What code can't do: have it said from outside, change what has been
said, or, by the ways in which tests are usually bent (hooks, patches, files, exits), turn failures into successes
unseen. To run a sample of the tests again in a process of its own, without the project's hooks, would not help: tests
need the fixtures that stand beside those hooks, so the same code would be imported there, at the price of a whole run.
"""

from __future__ import annotations

import inspect
import json
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .canary import Canary
from .release import release
from .seal import Seal

_TRACE = 4_000
_FILE_SIZE = 100_000_000
_recorder: list[Recorder] = []
_tracer: list[Any] = []


class Recorder:
    """Writes events as they happen, so that a run that dies leaves what it did.

    Args:
        path: of the log.
        key: of its seal.
        canaries: the fields of each `Canary`.
    """

    def __init__(self, path: str, key: bytes, canaries: list[list[Any]]) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        self._process = os.getpid()
        self._seal = Seal(key)
        self._canaries = [Canary(*fields) for fields in canaries]
        self._released: dict[Any, str] = {}
        self._seen: dict[str, None] = {}
        self._deselected: dict[str, None] = {}
        self._made: dict[tuple[str, str], str] = {}
        self._unrun: set[str] = set()

    def write(self, event: str, **fields: Any) -> None:
        """Append one event; a forked child is not the run, and stays silent."""
        if os.getpid() == self._process:
            os.write(self._file, self._seal.seal(json.dumps({"event": event, **fields}).encode("ascii")) + b"\n")

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

    @pytest.hookimpl(tryfirst=True)
    def pytest_itemcollected(self, item: Any) -> None:
        """A test was found."""
        self._seen[item.nodeid] = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_deselected(self, items: Any) -> None:
        """Tests were found that will not run, and this was said."""
        self._deselected |= {item.nodeid: None for item in items}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: Any) -> None:
        """The tests that will run are known."""
        ids = [item.nodeid for item in session.items]
        gone = self._seen.keys() - set(ids)
        deselected = [test for test in self._deselected if test in gone]
        dropped = [test for test in self._seen if test in gone and test not in self._deselected]
        self.write("collected", ids=ids, deselected=deselected, dropped=dropped)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: Any) -> None:
        """The tests begin."""
        self._released = release(session.items, self._canaries)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: Any, nextitem: Any) -> bool | None:
        """A test is to be run; a canary is, but nobody else is told."""
        if item not in self._released:
            return None
        from _pytest.runner import runtestprotocol

        for report in runtestprotocol(item, nextitem=nextitem, log=False):
            self._heard(self._released[item], report)
        return True

    def _heard(self, canary: str, report: Any) -> None:
        self.write("canary", id=canary, when=report.when, outcome=report.outcome)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """A test begins."""
        self.write("start", id=nodeid)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: Any) -> Iterator[None]:
        """A test's function is to be called; where the project has a way of its own to do it, see whether it does."""
        function = getattr(pyfuncitem.obj, "__func__", pyfuncitem.obj)
        code = getattr(function, "__code__", None)
        calls = pyfuncitem.ihook.pytest_pyfunc_call.get_hookimpls()
        root = f"{pyfuncitem.config.rootpath}{os.sep}"
        own = any(_written_below(root, it.function) for it in calls)
        if not own or not inspect.isfunction(function) or inspect.iscoroutinefunction(function) or sys.getprofile():
            yield
            return
        called: list[bool] = []

        def look(frame: Any, *_: Any) -> None:
            if frame.f_code is code:
                called.append(True)
            if called:
                sys.setprofile(None)

        threading.setprofile(look)
        sys.setprofile(look)
        yield
        sys.setprofile(None)
        threading.setprofile(None)
        if not called:
            self._unrun.add(pyfuncitem.nodeid)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item: Any, call: Any) -> Iterator[None]:
        """One phase of a test has ended; what its report must say is known."""
        made: Any = yield
        report = made.get_result()
        raised = call.excinfo is not None and report.outcome == "passed"
        self._made[item.nodeid, call.when] = "failed" if raised else report.outcome

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
        """One phase of a test (setup, call, teardown) is reported."""
        canary = next((name for item, name in self._released.items() if item.nodeid == report.nodeid), "")
        if canary:
            self._heard(canary, report)
            return
        fields: dict[str, Any] = {"id": report.nodeid, "when": report.when, "outcome": report.outcome}
        if hasattr(report, "wasxfail"):
            fields["xfail"] = True
        if report.outcome == "failed":
            crash = getattr(report.longrepr, "reprcrash", None)
            fields["message"] = str(getattr(crash, "message", ""))[:_TRACE]
            fields["trace"] = _cut(_trace(report))
        elif report.outcome == "passed":
            fields["bent"] = self._bent(report)
        self.write("phase", **fields)

    def _bent(self, report: Any) -> str:
        """Why a success is none; empty where it is one."""
        made = self._made.get((report.nodeid, report.when))
        if made == "failed":
            return "it failed, and was reported as passed"
        if report.when == "call" and (made is None or report.nodeid in self._unrun):
            return "it was reported as passed without having been run"
        return ""

    def pytest_internalerror(self, excrepr: Any) -> None:
        """Pytest or a plugin of it failed."""
        self.write("internal_error", trace=_cut(str(excrepr)))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """The run came to its end."""
        self.write("finish", exit=int(exitstatus))


def begin(recorder: Recorder, tracer: Any = None) -> None:
    """Have the run that is about to start recorded, and its tests looked at where there is who does it."""
    _recorder.append(recorder)
    _tracer.extend([tracer] if tracer else [])


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: Any) -> None:
    """Take the recorder in before any `conftest.py` is imported."""
    if _recorder:
        early_config.pluginmanager.register(_recorder.pop(), "l2mac_recorder")
    if _tracer:
        early_config.pluginmanager.register(_tracer.pop(), "l2mac_tracer")


def pytest_configure() -> None:
    """Bound what a test can print."""
    # It is captured in a file; without a bound, endless output fills the disk before the time is up.
    try:
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        soft = _FILE_SIZE if hard == resource.RLIM_INFINITY else min(hard, _FILE_SIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    except (ImportError, OSError, ValueError):
        pass


def _written_below(root: str, function: Any) -> bool:
    code = getattr(function, "__code__", None)
    path = str(Path(code.co_filename)) if code else root
    return path.startswith(root)


def _trace(report: Any) -> str:
    text: str | None = getattr(report, "longreprtext", None)
    return str(report.longrepr) if text is None else text


def _cut(text: str) -> str:
    """The head and the tail of a text that is too long, with a line between them that says how much was cut."""
    if len(text) <= 2 * _TRACE:
        return text
    return f"{text[:_TRACE]}\n... {len(text) - 2 * _TRACE} characters cut ...\n{text[-_TRACE:]}"
