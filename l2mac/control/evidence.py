"""Evidence: what the model says meets a requirement, looked up by the machine."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache

from ..program.values import Instruction, Program
from ..tools.instruction_set import Evidence
from .ledger import statements


def fault(evidence: Evidence, files: Mapping[str, str], passed: Collection[str] | None) -> str | None:
    """Why a piece of evidence shows nothing; None when all that it names is there.

    Args:
        evidence: what the model named.
        files: the files as they are.
        passed: ids of the tests that passed; None when tests are off.
    """
    if evidence.file not in files:
        return f"there is no file {evidence.file}"
    if evidence.symbol and not _defines(evidence.file, files[evidence.file], evidence.symbol):
        return f"{evidence.file} defines no {evidence.symbol}"
    if evidence.test and passed is None and not _exists(evidence.test, files):
        return f"there is no test {evidence.test}"
    if evidence.test and passed is not None and not _ran(evidence.test, passed):
        return f"no test {evidence.test} ran and passed"
    return None


def missing(instruction: Instruction, program: Program, done: Collection[str], shown: Iterable[Evidence]) -> list[str]:
    """The requirements that an instruction leaves without evidence although nothing after it will bring any.

    Args:
        instruction: the one about to be retired.
        program: what it is part of.
        done: ids of the instructions that have ended.
        shown: the evidence so far, its own included.
    """
    met = {evidence.requirement for evidence in shown}
    ended = {*done, instruction.id}
    return [id for id in instruction.covers if id not in met and all(it.id in ended for it in program.covering(id))]


def place(evidence: Evidence, files: Mapping[str, str]) -> str:
    """Where the evidence stands, `file:line`, and the test that shows it."""
    text, symbol = files.get(evidence.file, ""), evidence.symbol or ""
    if evidence.file.endswith(".md"):
        line = _heading(text, symbol)
    else:
        line = _line(text, symbol) if symbol and evidence.file.endswith(".py") else 0
    where = f"{evidence.file}:{line}" if line else evidence.file
    return f"{where}, {evidence.test}" if evidence.test else where


def _exists(test: str, files: Mapping[str, str]) -> bool:
    """Whether a test that can't be run stands at least in its file."""
    path, _, name = test.split("[")[0].partition("::")
    return path in files and (not name or bool(_line(files[path], name.replace("::", "."))))


def _ran(test: str, passed: Collection[str]) -> bool:
    return any(id == test or id.startswith((f"{test}[", f"{test}::")) for id in passed)


def _defines(path: str, text: str, symbol: str) -> bool:
    return bool(_line(text, symbol)) if path.endswith(".py") else symbol in text


def _heading(text: str, title: str) -> int:
    """The line of the heading in Markdown that holds a title; 0 where none does."""
    lines = enumerate(text.split("\n"), 1) if title else ()
    return next((number for number, line in lines if line.startswith("#") and title.lstrip("# ") in line), 0)


@lru_cache(maxsize=256)
def _line(text: str, symbol: str) -> int:
    """The line that defines a (dotted) name in a Python file; 0 where none does."""
    line, body = 0, statements(text)
    for name in symbol.partition("(")[0].split("."):
        node = next((node for node in _flat(body) if name in _names(node)), None)
        if node is None:
            return 0
        line, body = node.lineno, getattr(node, "body", [])
    return line


def _flat(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements and those that stand under a condition: `if`, `try` and `with` open no scope."""
    waiting = list(body)
    while waiting:
        node = waiting.pop(0)
        yield node
        if isinstance(node, ast.If | ast.Try | ast.With):
            handlers = [it for handler in getattr(node, "handlers", []) for it in handler.body]
            waiting = [*node.body, *handlers, *getattr(node, "orelse", []), *waiting]


def _names(node: ast.stmt) -> list[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            return [it.id for target in targets for it in ast.walk(target) if isinstance(it, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
    return []
