"""Starts pytest as `python -m pytest` would, having seen to it first that it can be believed.

It is run by the project's interpreter, `python -P -m l2mac_probe.launch run ORDER …`, with nothing of the project
on the path yet; or with `wait` in place of `run …`, to do the same in a fork for each order (see `waiting`). The
order, a JSON file that is removed before any of the project's code can read it, has

    log         the file to which results are appended,
    key         the secret of its seal, in hexadecimal,
    lane        the project's root,
    folders     further folders of the project from which modules are imported,
    canaries    see `canary.Canary`,
    asked       the test files (relative to the root) that are asked for; none for all,
    modules     Python files (relative to the root) that have no compiled form to be trusted,
    rewritten   those of them whose `assert` statements pytest rewrites,
    trace       perhaps: the sources and tests that a `tracing.Tracer` is told of.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import json
import os
import sys
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

from .waiting import wait

_UNREAD: Any = None
"""In place of pytest's configuration, which is not read yet."""


def main() -> None:
    """Take the order, compile, and become pytest."""
    import pytest  # noqa: F401  # before a file of the project could take its place

    from . import probe

    way, where, *words = sys.argv[1:]
    if way == "wait":
        _prepare()
        where, *words = wait(where)
    sys.argv[1:] = words
    path = Path(where)
    order = json.loads(path.read_bytes())
    path.unlink()
    import runpy

    recorder = probe.Recorder(order["log"], bytes.fromhex(order.pop("key")), order["canaries"])
    recorder.write("compiled", files=compiled(order["lane"], order["modules"], set(order["rewritten"])))
    probe.begin(recorder, _tracer(recorder, order))
    _look_into(order["lane"], order["folders"])
    if order["asked"]:
        _look_only_at(Path(order["lane"]), order["asked"])
    del recorder, order
    runpy.run_module("pytest", run_name="__main__", alter_sys=True)


def _tracer(recorder: Any, order: dict[str, Any]) -> Any:
    if "trace" not in order:
        return None
    from .tracing import Tracer

    return Tracer(recorder.write, order["lane"], *order["trace"])


def _prepare() -> None:
    """Load what every run of pytest loads."""
    from _pytest.config import default_plugins

    for name in (*default_plugins, "_argcomplete"):
        with suppress(ImportError):
            importlib.import_module(f"_pytest.{name}")
    inspect.getmodule(compile("", "", "exec"))  # it remembers where all modules lie, for the first test that fails


def _look_into(lane: str, folders: list[str]) -> None:
    """Let modules be imported from where `python -m pytest` would, here and in the processes that tests start."""
    sys.path[:] = [lane, sys.path[0], *folders, *sys.path[1:]]
    os.environ["PYTHONPATH"] = os.pathsep.join([os.environ["PYTHONPATH"], *folders])


def _look_only_at(lane: Path, asked: list[str]) -> None:
    """Let pytest see nothing but the files asked for: it offers all in a folder to its plugins, for each of them."""
    listing: list[Any] = [importlib.import_module(f"_pytest.{name}") for name in ("main", "python")]
    shown = {str(lane / place) for path in asked for place in (path, *map(str, PurePosixPath(path).parents))}
    whole = getattr(listing[0], "scandir", None)
    if whole is None:  # before pytest 8
        return

    def scandir(*arguments: Any, **options: Any) -> list[os.DirEntry[str]]:
        return [entry for entry in whole(*arguments, **options) if entry.path in shown]

    for module in listing:
        module.scandir = scandir


def compiled(lane: str, modules: list[str], rewritten: set[str]) -> list[list[str]]:
    """Compile modules where Python and pytest will look for their compiled forms.

    Returns:
        For each that could be: its path, the compiled file, and the SHA-256 of its content.
    """
    found = []
    for module in modules:
        with suppress(Exception):  # the syntax of the file, or a pytest that does it otherwise: compiled when imported
            source = Path(lane, module)
            target = _rewritten(source) if module in rewritten else _compiled(source)
            found.append([module, str(target), hashlib.sha256(target.read_bytes()).hexdigest()])
    return found


def _compiled(source: Path) -> Path:
    import py_compile

    target = importlib.util.cache_from_source(str(source))
    py_compile.compile(str(source), cfile=target, doraise=True)
    return Path(target)


def _rewritten(source: Path) -> Path:
    from _pytest.assertion import rewrite

    known, code = rewrite._rewrite_test(source, _UNREAD)
    target = rewrite.get_cache_dir(source) / f"{source.stem}{rewrite.PYC_TAIL}"
    target.parent.mkdir(exist_ok=True)
    rewrite._write_pyc(_UNREAD, code, known, target)
    return target


if __name__ == "__main__":
    main()
