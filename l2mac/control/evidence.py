"""Evidence: what the model says meets a requirement, looked up by the machine."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import PurePosixPath

from ..checks.report import Report, Traced
from ..program.values import Instruction, Program
from ..tools.instruction_set import Evidence
from .interfaces import names, readable
from .ledger import is_test, statements
from .records import Piece

NOT_HERE = "not verifiable here"
_WHY = 300


@dataclass(frozen=True, slots=True)
class Ran:
    """What is known of the tests."""

    passed: Collection[str] = ()
    """The ids of those that passed."""
    traced: Mapping[str, Traced] = field(default_factory=dict)
    """What they executed, as far as it was looked at; what was done for all of them by an empty id."""

    @classmethod
    def told(cls, reports: Iterable[Report]) -> Ran | None:
        """What reports say; None where tests are off or can't run here, so that nothing is known of any."""
        ran = [it for it in reports if it.check == "tests" and it.outcome != "unavailable"]
        traced = {test: lines for it in ran for test, lines in it.traced.items()}
        return cls(frozenset(test for it in ran for test in it.passed), traced) if ran else None


def wanted(evidence: Iterable[Evidence]) -> frozenset[str]:
    """The tests of which it must be known what they execute."""
    return frozenset(it.test for it in evidence if it.test and _python(it))


def fault(evidence: Evidence, files: Mapping[str, str], ran: Ran | None) -> str | None:
    """Why a piece of evidence shows nothing; None when all that it names is there.

    Args:
        evidence: what the model named.
        files: the files as they are.
        ran: what is known of the tests.
    """
    if evidence.file not in files:
        return f"there is no file {evidence.file}"
    if evidence.symbol and not _defines(evidence.file, files[evidence.file], evidence.symbol):
        return f"{evidence.file} defines no {evidence.symbol}"
    if not evidence.test:
        shown = ran is None or evidence.not_verifiable or is_test(evidence.file)
        return None if shown or not _code(evidence.file) else f"{evidence.file} is code, and no test of it is named"
    if ran is None:
        return None if _exists(evidence.test, files) else f"there is no test {evidence.test}"
    if evidence.test not in ran.passed and not any(_is(evidence.test, id) for id in ran.passed):
        return f"no test {evidence.test} ran and passed"
    if executes(evidence, files, ran) is False:
        what = evidence.symbol or evidence.file
        others = [id for id, it in ran.traced.items() if id and _lines(it, evidence.file) & _span(evidence, files)[0]]
        named = f"; of the tests named, {', '.join(others[:3])} does" if others else ""
        return f"the test {evidence.test} passes and executes no line of {what}{named}"
    return None


def executes(evidence: Evidence, files: Mapping[str, str], ran: Ran) -> bool | str:
    """Whether a test executes lines of what it is to show; where that can't be told, why not.

    What has no functions (a constant, a class of fields, a script) counts as executed by a test that says its name, or
    executes a line that does. Of a class or file with functions that is told as what it is.
    """
    if not _python(evidence):
        return "what a test executes is measured in Python only"
    found = [it for id, it in ran.traced.items() if _is(evidence.test or "", id)]
    if not found:
        return "not measured"
    found += [ran.traced[""]] if "" in ran.traced else []
    lines, function = _span(evidence, files)
    if any(_lines(it, evidence.file) & lines for it in found):
        return True
    symbol = (evidence.symbol or "").partition("(")[0]
    name = symbol.rpartition(".")[2] or PurePosixPath(evidence.file.removesuffix("/__init__.py")).stem
    told = [_own(evidence.test or "", files), *(line for it in found for _, line in executed(it, files))]
    if not function and any(re.search(rf"\b{re.escape(name)}\b", it) for it in told):
        return "it names it, and executes no line of its functions" if _acts(evidence, files) else True
    return next((it.why for it in found if it.why), False)


def executed(traced: Traced, files: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The lines that a test executed: path and text."""
    for path, mask in traced.lines.items():
        bits = int(mask, 16)
        yield from ((path, it) for at, it in enumerate(files.get(path, "").split("\n"), 1) if bits >> at & 1)


def _lines(traced: Traced, path: str) -> int:
    return int(traced.lines.get(path, "0"), 16)


def _code(path: str) -> bool:
    return path.endswith(".py") or readable(path)


def _python(evidence: Evidence) -> bool:
    return evidence.file.endswith(".py") and not is_test(evidence.file) and not evidence.file.endswith("conftest.py")


def _span(evidence: Evidence, files: Mapping[str, str]) -> tuple[int, bool]:
    """The lines of a symbol, or of its file, a bit for each; and whether it is a function."""
    text = files[evidence.file]
    if not evidence.symbol:
        return ~0, False
    node = _node(text, evidence.symbol)
    if node is None:
        return 0, False
    end = node.end_lineno or node.lineno
    return (1 << (end + 1)) - (1 << node.lineno), isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def _acts(evidence: Evidence, files: Mapping[str, str]) -> bool:
    """Whether there are functions in what is to be shown."""
    text = files[evidence.file]
    inside = [_node(text, evidence.symbol)] if evidence.symbol else statements(text)
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return any(isinstance(it, functions) for part in inside if part for it in ast.walk(part))


def _own(test: str, files: Mapping[str, str]) -> str:
    """What a test, or the class or file of tests that is named, says in names and texts; comments say nothing."""
    path, _, name = test.split("[")[0].partition("::")
    text = files.get(path, "")
    node = _node(text, name.replace("::", ".")) if name else None
    return "\n".join(word for it in ([node] if node else statements(text)) for word in _words(it))


def _words(node: ast.stmt) -> Iterator[str]:
    """The names and texts of a statement, but for texts that stand alone, which nothing is done with."""
    alone = {id(it.value) for it in ast.walk(node) if isinstance(it, ast.Expr)}
    for it in ast.walk(node):
        match it:
            case ast.Name(id=word) | ast.Attribute(attr=word) | ast.arg(arg=word) | ast.alias(name=word):
                yield word
            case ast.ImportFrom(module=str(word)) | ast.keyword(arg=str(word)):
                yield word
            case ast.Constant(value=str(word)) if id(it) not in alone:
                yield word


def missing(instruction: Instruction, program: Program, done: Collection[str], shown: Iterable[Evidence]) -> list[str]:
    """The requirements that an instruction leaves without evidence although nothing after it will bring any.

    Args:
        instruction: the one about to be retired.
        program: what it is part of.
        done: ids of the instructions that have ended.
        shown: the evidence so far, its own included.
    """
    met = {evidence.requirement for evidence in shown}
    left = [id for id in instruction.covers if id not in met]
    return [id for id in left if all(it.id == instruction.id or it.id in done for it in program.covering(id))]


def piece(evidence: Evidence, files: Mapping[str, str], ran: Ran | None) -> Piece:
    """What becomes of a piece of evidence when it is looked up."""
    where, test, why = place(evidence, files), evidence.test or "", fault(evidence, files, ran)
    if not why and evidence.not_verifiable:
        return Piece(where, test, f"{NOT_HERE}: {' '.join(evidence.not_verifiable.split())[:_WHY]}", False)
    if why or not test:
        return Piece(where, test, why or "it is there; no test was named", not why)
    known = executes(evidence, files, ran) if ran else "it did not run"
    told = "passed, and executes it" if known is True else f"passed; {known}" if ran else "tests did not run"
    return Piece(where, test, told, True)


def place(evidence: Evidence, files: Mapping[str, str]) -> str:
    """Where the evidence stands, `file:line`."""
    text, symbol = files.get(evidence.file, ""), evidence.symbol or ""
    if evidence.file.endswith(".md"):
        line = _heading(text, symbol)
    elif symbol:
        known = names(evidence.file, text) if readable(evidence.file) else {}
        line = _line(text, symbol) if evidence.file.endswith(".py") else known.get(_last(symbol), 0)
    else:
        line = 0
    return f"{evidence.file}:{line}" if line else evidence.file


def _exists(test: str, files: Mapping[str, str]) -> bool:
    """Whether a test that can't be run stands at least in its file."""
    path, _, name = test.split("[")[0].partition("::")
    return path in files and (not name or bool(_line(files[path], name.replace("::", "."))))


def _is(test: str, id: str) -> bool:
    """Whether an id is of a test, or of one of those that a name means; outside Python groups may be left out."""
    path, _, title = test.partition("::")
    grouped = bool(title) and not path.endswith(".py") and id.endswith((f" > {title}", f"::{title}"))
    return id == test or id.startswith((f"{test}[", f"{test}::")) or (grouped and id.startswith(f"{path}::"))


def _defines(path: str, text: str, symbol: str) -> bool:
    if path.endswith(".py"):
        return bool(_line(text, symbol))
    if not (known := names(path, text) if readable(path) else {}):
        return symbol in text
    # A name that no declaration gives may be a key, or a property that is set from outside.
    return (name := _last(symbol)) in known or bool(name and re.search(rf"\b{re.escape(name)}\b\s*[:=]", text))


def _last(symbol: str) -> str:
    """The last of the names that a symbol is made of, in whichever language: `shop.add(x)`, `Shop::add`, `fn add`."""
    bare = re.split(r"[(<]", symbol.removeprefix("("), maxsplit=1)[0]
    return re.split(r"[^\w$]+", bare.strip(" *&:.#"))[-1]


def _heading(text: str, title: str) -> int:
    """The line of the heading in Markdown that holds a title; 0 where none does."""
    lines = enumerate(text.split("\n"), 1) if title else ()
    return next((number for number, line in lines if line.startswith("#") and title.lstrip("# ") in line), 0)


def _line(text: str, symbol: str) -> int:
    """The line that defines a (dotted) name in a Python file; 0 where none does."""
    node = _node(text, symbol)
    return node.lineno if node else 0


@lru_cache(maxsize=256)
def _node(text: str, symbol: str) -> ast.stmt | None:
    """What defines a (dotted) name in a Python file."""
    node, body = None, statements(text)
    for name in symbol.partition("(")[0].split("."):
        node = next((node for node in _flat(body) if name in _names(node)), None)
        if node is None:
            return None
        body = getattr(node, "body", [])
    return node


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
