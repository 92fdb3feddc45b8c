"""Run pylint and print what it found as JSON after a mark; in the sandbox, in our own interpreter.

It is run as `run EXTRA MARK STEMS …`, or as `wait`, to do the same in a fork for each order (see `waiting`):

    EXTRA   folders to search for modules after our own, separated like PATH,
    MARK    what stands before and after the messages,
    STEMS   names of files of the project that are names of standard modules too, separated by commas,

and then pylint's own arguments.
"""

from __future__ import annotations

import io
import json
import os
import sys
from contextlib import suppress
from typing import Any

from .waiting import wait

_SAMPLE = """
import collections, dataclasses, datetime, enum, functools, itertools, json, math, os, pathlib, re, sys, typing
from collections.abc import Iterable
@dataclasses.dataclass(frozen=True)
class A:
    a: int = 1
    def f(self) -> list[int]:
        return sorted([self.a])
print(A(1).f(), f"{sys.argv!r}", re.compile("a"), json.dumps({}), os.path.join("a", "b"), pathlib.Path("a").name)
"""
"""What most files use, so that it is known before a file is asked about."""


def main() -> None:
    """Lint, and print the mark, the messages and the mark again."""
    way, *words = sys.argv[1:]
    if way == "wait":
        known = _prepare()
        extra, mark, stems, *arguments = wait(words[0])
        if known.intersection(stems.split(",")):
            from astroid.manager import AstroidManager  # type: ignore[import-untyped,unused-ignore]

            AstroidManager().clear_cache()
    else:
        extra, mark, stems, *arguments = words
    from pylint.lint import Run  # type: ignore[import-untyped,unused-ignore]
    from pylint.reporters.json_reporter import JSON2Reporter  # type: ignore[import-untyped,unused-ignore]

    # After pylint's own imports, and at the end: its own dependencies win over the project's versions of them.
    sys.path += [folder for folder in extra.split(os.pathsep) if folder and folder not in sys.path]
    _make_opaque("pytest")
    found = io.StringIO()
    Run(arguments, reporter=JSON2Reporter(found), exit=False)
    messages = json.loads(found.getvalue())["messages"]
    # The project's C extensions may have printed something as they were imported.
    sys.stdout.write(f"\n{mark}{json.dumps(messages)}{mark}\n")
    sys.stdout.flush()


def _prepare() -> set[str]:
    """Have pylint load its checkers and look at what most files use; return the names of the modules that it read."""
    from astroid.manager import AstroidManager
    from pylint.lint import Run
    from pylint.reporters.json_reporter import JSON2Reporter

    sys.stdin = io.TextIOWrapper(io.BytesIO(_SAMPLE.encode()))
    options = [f"--rcfile={os.devnull}", "--persistent=no", "--disable=all", "--enable=E,F", "--from-stdin"]
    Run([*options, "l2mac_sample"], reporter=JSON2Reporter(io.StringIO()), exit=False)
    sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115
    _begin_ahead(Run)
    read = AstroidManager().astroid_cache
    read.pop("l2mac_sample", None)
    return {name.partition(".")[0] for name in read} - {"", "builtins"}


def _begin_ahead(run: Any) -> None:
    """Make the linter with its checkers now; the next run takes it as it would have made it, where it can be had so."""
    make = run.LinterClass
    made: list[Any] = []

    class Made(Exception):
        """That is all that was wanted."""

    class Linter(make):  # type: ignore[misc,valid-type]
        def load_default_plugins(self) -> None:
            if not made:
                super().load_default_plugins()
                made.append(self)
                raise Made

    run.LinterClass = Linter
    with suppress(Made):
        run(["-"], exit=False)
    run.LinterClass = (lambda *_, **__: made[0]) if made else make


def _make_opaque(name: str) -> None:
    """Let a module stand for itself without being read: its names are there, and nothing is known about them."""
    from astroid import builder  # type: ignore[import-untyped,unused-ignore]
    from astroid.manager import AstroidManager  # type: ignore[import-untyped,unused-ignore]

    manager = AstroidManager()
    # Reading the whole of pytest takes two seconds, and says nothing that the tests do not say.
    module = builder.AstroidBuilder(manager, apply_transforms=False).string_build("def __getattr__(name): ...\n", name)
    manager.cache_module(module)
