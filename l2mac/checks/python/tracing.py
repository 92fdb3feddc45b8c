"""Notes which lines of a project's functions a test executes: a pytest plugin beside `probe`, where somebody asks.

Only frames of functions count: what a module or the body of a class executes, it executes for whoever imports it. And
only code counts that the project's own sources compile to, not what merely names one of them as its file.
"""

from __future__ import annotations

import hashlib
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

_EACH = 100_000  # events of one test, or of one of its fixtures, that are looked at: a fifth of a second at worst
_ALL = 2_000_000
_FUNCTION = 1  # CO_OPTIMIZED: neither a module nor the body of a class
_PROCESSES = frozenset({"subprocess.Popen", "os.system", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec"})


@dataclass
class _Seen:
    """What was seen of one test."""

    lines: dict[int, set[int]] = field(default_factory=dict)
    """By the identity of their code."""
    why: str = ""
    """Why that may not be all."""


class Tracer:
    """Looks at tests while they run.

    Args:
        write: takes what was seen of a test.
        lane: the project's root.
        sources: the SHA-256 of each file whose lines count, by path.
        asked: the ids of the tests; without their parameters, or of a class or a file, they mean every one of it.
    """

    def __init__(self, write: Callable[..., None], lane: str, sources: dict[str, str], asked: list[str]) -> None:
        self._write = write
        self._lane, self._sources = lane, sources
        self._asked = set(asked)
        self._compiled: dict[str, set[CodeType]] = {}
        self._known: dict[int, tuple[CodeType, str, int]] = {}
        self._all = _ALL
        self._left = 0
        self._now = self._shared = _Seen()
        self._test: _Seen | None = None
        sys.addaudithook(self._heard)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: Any) -> Iterator[None]:
        """A test, from its setup to its teardown."""
        parts = item.nodeid.partition("[")[0].split("::")
        above = {"::".join(parts[: at + 1]) for at in range(len(parts))}
        self._test = _Seen() if self._asked & {item.nodeid, *above} else None
        yield
        if self._test:
            self._write("lines", id=item.nodeid, files=self._masks(self._test), why=self._test.why)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_call(self) -> Iterator[None]:
        """The test itself."""
        with self._looking(self._test):
            yield

    @pytest.hookimpl(hookwrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Iterator[None]:
        """A fixture; what one does that serves several tests, it does for all of them."""
        with self._looking(self._test if fixturedef.scope == "function" else self._shared):
            yield

    def pytest_sessionfinish(self) -> None:
        """The run came to its end."""
        self._write("lines", id="", files=self._masks(self._shared), why=self._shared.why)

    @contextmanager
    def _looking(self, seen: _Seen | None) -> Iterator[None]:
        traced = sys.gettrace()
        if seen is None or traced not in (None, self._called):
            if seen:
                seen.why = "something else looks at what it executes"
            yield
            return
        before, left = self._now, self._left
        given = self._left = min(_EACH, self._all)
        self._now = seen
        threading.settrace(self._called)
        sys.settrace(self._called)
        try:
            yield
        finally:
            if sys.gettrace() in (None, self._called):
                sys.settrace(traced)
            self._all -= given - max(self._left, 0)
            if self._left <= 0:
                seen.why = "it goes on for longer than it is looked at"
            if left <= 0:
                threading.settrace(None)
            self._now, self._left = before, left

    def _heard(self, event: str, _: Any) -> None:
        if event in _PROCESSES and self._left > 0:
            self._now.why = "it starts a process, and nobody looks into that"

    def _called(self, frame: FrameType, event: str, arg: Any) -> Any:
        code = frame.f_code
        _, path, lines = self._known.get(id(code)) or self._meet(code)
        if self._enough() or not path or len(self._now.lines.get(id(code), ())) >= lines:
            return None
        return self._stepped

    def _stepped(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "line" and not self._enough():
            code = id(frame.f_code)
            seen = self._now.lines.setdefault(code, set())
            seen.add(frame.f_lineno)
            frame.f_trace_lines = len(seen) < self._known[code][2]
        return self._stepped

    def _enough(self) -> bool:
        """Count one event; end the looking at the last."""
        self._left -= 1
        if self._left <= 0:
            sys.settrace(None)
        return self._left <= 0

    def _meet(self, code: CodeType) -> tuple[CodeType, str, int]:
        """Code that is seen for the first time: itself, so that none takes its place; its path; how many lines."""
        path = code.co_filename.removeprefix(f"{self._lane}/")
        if not code.co_flags & _FUNCTION or code not in self._functions(path):
            path = ""
        self._known[id(code)] = (code, path, len({line for _, _, line in code.co_lines() if line}))
        return self._known[id(code)]

    def _functions(self, path: str) -> set[CodeType]:
        """What a source compiles to."""
        if path not in self._compiled:
            found = self._compiled[path] = set()
            with suppress(OSError, SyntaxError, ValueError, RecursionError):
                text = Path(self._lane, path).read_bytes() if path in self._sources else b""
                if text and hashlib.sha256(text).hexdigest() == self._sources[path]:
                    found.update(_inner(compile(text, path, "exec", dont_inherit=True)))
        return self._compiled[path]

    def _masks(self, seen: _Seen) -> dict[str, str]:
        """The lines seen, by path: an integer with a bit for each, in hexadecimal."""
        masks: dict[str, int] = {}
        for code, lines in seen.lines.items():
            path = self._known[code][1]
            masks[path] = masks.get(path, 0) | sum(1 << line for line in lines)
        return {path: f"{mask:x}" for path, mask in masks.items()}


def _inner(code: CodeType) -> Iterator[CodeType]:
    for it in code.co_consts:
        if isinstance(it, CodeType):
            yield it
            yield from _inner(it)
