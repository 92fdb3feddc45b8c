"""Breaks lines of a project one by one and sees whether its tests notice: run in the sandbox, beside the tests.

`python -P -m l2mac_probe.breaking ORDER ARGUMENTS…`, where the arguments are pytest's. The order, a JSON file, has

    lane, folders   as in `launch`,
    sources         the SHA-256 of each file whose lines count, by path,
    tests           the tests that may notice,
    lines           of each file the lines that may be broken: an integer with a bit for each, in hexadecimal,
    seed            decides which of them are,
    number, seconds how many at most, and how long all of it may take.

The process itself imports nothing of the project. Each run of the tests is a fork of it; what it finds is printed as
its last line.
"""

from __future__ import annotations

import ast
import gc
import importlib.machinery
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from .tracing import Tracer

_SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
}  # fmt: skip
_LEAST = 2.0  # seconds that a run of the tests may take, however quick they usually are
Edit = tuple[ast.AST, str, Any]
"""A node, one of its fields, and what that becomes."""


def main() -> None:
    """Take the order, look which lines the tests execute, break some, and tell."""
    path = Path(sys.argv.pop(1))
    order = json.loads(path.read_bytes())
    path.unlink()
    import pytest

    lane, arguments = order["lane"], sys.argv[1:]
    sys.path[:] = [lane, sys.path[0], *order["folders"], *sys.path[1:]]
    os.environ["PYTHONPATH"] = os.pathsep.join([os.environ["PYTHONPATH"], *order["folders"]])
    until = time.monotonic() + order["seconds"]
    gc.freeze()

    def run(tests: list[str], *plugins: Any) -> int:
        return int(pytest.main([*arguments, *tests], plugins=list(plugins)))

    began = time.monotonic()
    executed: dict[str, dict[str, str]] = {}
    ended = _forked(lambda say: run(order["tests"], _tracer(order, say)), until - began, executed)
    if ended != 0 or not executed:
        return _tell({"why": "the tests take too long" if ended is None else "the tests do not pass"})
    usual = time.monotonic() - began
    told: list[list[Any]] = []
    for name, line, edit in _chosen(order, executed):
        if len(told) == order["number"] or time.monotonic() > until:
            break
        broken = Broken(Path(lane, name), edit)
        wanted = [test for test, lines in executed.items() if test and int(lines.get(name, "0"), 16) >> line & 1]
        heard: dict[str, Any] = {}
        ended = _forked(
            partial(_noticing, broken, partial(run, ["-x", *wanted])),
            min(max(until - time.monotonic(), _LEAST), max(5 * usual, _LEAST)),
            heard,
        )
        if heard or ended is None:
            told.append([name, line, broken.what, ended != 0])
    return _tell({"lines": told})


def _noticing(broken: Broken, run: Callable[[], int], say: Callable[[str, Any], None]) -> int:
    broken.install(say)
    return run()


class Broken:
    """A file of which one expression or statement is another.

    Args:
        path: of the file.
        edit: what is changed.
    """

    def __init__(self, path: Path, edit: tuple[ast.Module, Edit]) -> None:
        self._path = path
        self._tree, (node, field, value) = edit
        was, before = getattr(node, field), _said(node)
        setattr(node, field, value)
        self.what = f"{before} became {_said(node)}"
        setattr(node, field, was)
        self._edit = node, field, value

    def install(self, say: Callable[[str, Any], None]) -> None:
        """Have this process import the file so."""
        setattr(*self._edit)
        code = compile(ast.fix_missing_locations(self._tree), str(self._path), "exec", dont_inherit=True)
        usual, path = importlib.machinery.SourceFileLoader.get_code, str(self._path)

        def get_code(loader: Any, name: str) -> Any:
            if loader.path != path:
                return usual(loader, name)
            say("imported", True)
            return code

        importlib.machinery.SourceFileLoader.get_code = get_code  # type: ignore[method-assign, assignment]


def _chosen(
    order: dict[str, Any], executed: dict[str, dict[str, str]]
) -> Iterator[tuple[str, int, tuple[ast.Module, Edit]]]:
    """Lines that may be broken and are executed, each with one way to break it, in the order that the seed gives."""
    chance = random.Random(order["seed"])
    lines = []
    for name, mask in sorted(order["lines"].items()):
        bits = 0
        for test, seen in executed.items():
            bits |= int(seen.get(name, "0"), 16) if test else 0
        bits &= int(mask, 16)
        lines += [(name, line) for line in range(bits.bit_length()) if bits >> line & 1]
    chance.shuffle(lines)
    trees: dict[str, ast.Module] = {}
    for name, line in lines:
        if name not in trees:
            trees[name] = ast.parse(Path(order["lane"], name).read_bytes())
        if ways := list(edits(trees[name], line)):
            yield name, line, (trees[name], chance.choice(ways))


def edits(tree: ast.Module, line: int) -> Iterator[Edit]:
    """The ways in which a line can be broken so that what it does is another."""
    for node in ast.walk(tree):
        if getattr(node, "lineno", 0) != line:
            continue
        match node:
            case ast.Compare(ops=[op, *_]) if type(op) in _SWAPS:
                yield node, "ops", [_SWAPS[type(op)](), *node.ops[1:]]
            case ast.BoolOp() | ast.BinOp() | ast.AugAssign() if type(node.op) in _SWAPS:
                yield node, "op", _SWAPS[type(node.op)]()
            case ast.If() | ast.While() | ast.IfExp():
                yield node, "test", ast.UnaryOp(ast.Not(), node.test)
            case ast.Return(value=value) if value is not None and not _nothing(value):
                yield node, "value", ast.Constant(None)
            case ast.Constant(value=bool() as value):
                yield node, "value", not value
            case ast.Constant(value=int() | float() as value):
                yield node, "value", value + 1
            case ast.Expr(value=ast.Call()):
                yield node, "value", ast.Constant(None)


def _nothing(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def _said(node: ast.AST) -> str:
    """A node in a few words; of a statement that holds others, its head."""
    text = ast.unparse(node).split("\n")[0]
    return f"`{text if len(text) <= 80 else f'{text[:79]}…'}`"


def _tracer(order: dict[str, Any], say: Callable[[str, Any], None]) -> Tracer:
    def write(event: str, *, id: str, files: dict[str, str], why: str) -> None:
        say(id, files)

    files = sorted({test.partition("::")[0] for test in order["tests"]})
    return Tracer(write, order["lane"], order["sources"], files)


def _forked(work: Callable[[Callable[[str, Any], None]], int], seconds: float, heard: dict[str, Any]) -> int | None:
    """Do some work in a process of its own, and silently.

    Args:
        work: gives an exit code, and is handed what tells this process something.
        seconds: that it may take.
        heard: takes what it told.

    Returns:
        The exit code, negative for a signal; None where it took too long.
    """
    ear, mouth = os.pipe()
    process = os.fork()
    if not process:
        code = 70
        try:
            os.setsid()
            nowhere = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(nowhere, stream)
            told: dict[str, Any] = {}
            code = work(told.__setitem__)
            with os.fdopen(mouth, "w") as out:
                json.dump(told, out)
        finally:
            os._exit(code)
    os.close(mouth)
    alarm = signal.signal(signal.SIGALRM, lambda *_: _end(process))
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.05))
    try:
        with os.fdopen(ear) as file:
            text = file.read(50_000_000)
        status = os.waitpid(process, 0)[1]
    finally:
        late = signal.setitimer(signal.ITIMER_REAL, 0)[0] == 0
        signal.signal(signal.SIGALRM, alarm)
        _end(process)
    try:
        heard.update(json.loads(text))
    except ValueError:
        heard.clear()
    return None if late else os.waitstatus_to_exitcode(status)


def _end(process: int) -> None:
    with suppress(OSError):
        os.killpg(process, signal.SIGKILL)


def _tell(found: dict[str, Any]) -> None:
    sys.stdout.write(f"\n{json.dumps(found)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
