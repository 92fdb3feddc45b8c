"""How much the tests of a Python file assert, by their syntax trees: what is reached, can fail, and is not caught.

Counted are `assert` and `raise` statements, calls of `assert…` methods, of `raises`, `warns` and `fail`, and of
functions whose names say that they check, in a test and in the functions of its file that it uses.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

_CATCH_ALL = frozenset({"AssertionError", "Exception", "BaseException"})
_LEAVE = frozenset({"skip", "skipTest", "xfail", "exit", "_exit", "quit", "abort", "importorskip"})
_ASKS = re.compile(r"(?:warns|fail)$|_?(?:check|verify|expect|ensure|equal)")
_Function = ast.FunctionDef | ast.AsyncFunctionDef


@lru_cache(maxsize=256)
def assertions(text: str, *, tests: bool = True) -> dict[str, int]:
    """How many things each test function of a file asserts, by `function` or `Class.function`.

    Args:
        text: of the file.
        tests: False counts all other functions instead: of a file that tests take them from.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return dict(_counts(ast.parse(text).body, tests, {}))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}


def _counts(
    body: Iterable[ast.stmt], tests: bool, around: Mapping[str, _Function], within: str = ""
) -> Iterator[tuple[str, int]]:
    body = list(body)
    around = {**around, **{node.name: node for node in body if isinstance(node, _Function)}}
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _counts(node.body, tests, around, f"{within}{node.name}.")
        elif isinstance(node, _Function) and node.name.startswith("test") == tests:
            wrappers = [around.get(_name(it.func if isinstance(it, ast.Call) else it)) for it in node.decorator_list]
            hidden = any(_catches(it) for wrapper in wrappers if wrapper for it in ast.walk(wrapper))
            yield f"{within}{node.name}", 0 if hidden else _Count(around).of(node)


class _Count:
    """Counts one test; each function that it uses counts once."""

    def __init__(self, around: Mapping[str, _Function]) -> None:
        self._around = dict(around)
        self._used: set[str] = set()

    def of(self, function: _Function) -> int:
        self._used.add(function.name)
        return self._block(function.body)

    def _block(self, body: Iterable[ast.stmt]) -> int:
        """Of statements, those up to the one after which none is reached."""
        total = 0
        for node in body:
            total += self._statement(node)
            if _ends(node):
                break
        return total

    def _statement(self, node: ast.stmt) -> int:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._around[node.name] = node
                return 0
            case ast.ClassDef():
                return 0
            case ast.Assert(test=test):
                return self._expression(test) + _can_fail(test)
            case ast.If(test=test) | ast.While(test=test):
                reached = _truth(test)
                body = 0 if reached is False else self._block(node.body)
                return self._expression(test) + body + (0 if reached else self._block(node.orelse))
            case ast.For(iter=over):
                empty = isinstance(over, ast.List | ast.Tuple) and not over.elts
                return self._expression(over) + (0 if empty else self._block(node.body)) + self._block(node.orelse)
            case ast.Try():
                rest = [*node.orelse, *node.finalbody, *(it for handler in node.handlers for it in handler.body)]
                return (0 if _catches(node) else self._block(node.body)) + self._block(rest)
            case ast.With() | ast.AsyncWith():
                return 0 if _catches(node) else sum(map(self._expression, _managers(node))) + self._block(node.body)
            case ast.Match(cases=cases):
                return sum(self._block(case.body) for case in cases)
        raised = isinstance(node, ast.Raise) and node.exc is not None and "Skip" not in ast.unparse(node.exc)
        return raised + sum(self._expression(it) for it in ast.iter_child_nodes(node) if isinstance(it, ast.expr))

    def _expression(self, node: ast.expr) -> int:
        total = 0
        waiting: list[ast.AST] = [node]
        while waiting:
            it = waiting.pop()
            if isinstance(it, ast.Lambda):
                continue
            used = it.id if isinstance(it, ast.Name) else it.attr if isinstance(it, ast.Attribute) else ""
            if used in self._around and used not in self._used:
                total += self.of(self._around[used])
            total += isinstance(it, ast.Call) and _asserts(it)
            waiting += ast.iter_child_nodes(it)
        return total


def _managers(node: ast.With | ast.AsyncWith) -> list[ast.expr]:
    return [item.context_expr for item in node.items]


def _asserts(call: ast.Call) -> bool:
    name = _name(call.func)
    if name in ("raises", "assertRaises"):
        return not _any_error(call)
    if not name.startswith("assert"):
        return bool(_ASKS.match(name))
    told = [ast.dump(it) for it in call.args]
    return not told or not (all(map(_literal, call.args)) or (len(told) > 1 and told[0] == told[1]))


def _any_error(call: ast.Call) -> bool:
    """Whether a `raises` is content with every error."""
    wanted = call.args[0] if call.args else None
    kinds = wanted.elts if isinstance(wanted, ast.Tuple) else [wanted]
    return not any(it.arg == "match" for it in call.keywords) and any(_name(it) in _CATCH_ALL for it in kinds)


def _catches(node: ast.AST) -> bool:
    """Whether an assertion within a statement that fails goes unheard."""
    if isinstance(node, ast.Try):
        return any(_swallows(it) for it in node.handlers)
    if isinstance(node, ast.With | ast.AsyncWith):
        calls = [it for it in _managers(node) if isinstance(it, ast.Call)]
        quiet = any(_name(it.func) == "suppress" and any(_name(a) in _CATCH_ALL for a in it.args) for it in calls)
        return quiet or any(_name(it.func) in ("raises", "assertRaises") and _any_error(it) for it in calls)
    return False


def _swallows(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    said = [it for statement in handler.body for it in ast.walk(statement)]
    loud = any(isinstance(it, ast.Raise | ast.Assert) or (isinstance(it, ast.Call) and _asserts(it)) for it in said)
    return not loud and any(it is None or _name(it) in _CATCH_ALL for it in kinds)


def _ends(node: ast.stmt) -> bool:
    """Whether nothing after a statement is reached."""
    match node:
        case ast.Return() | ast.Raise() | ast.Break() | ast.Continue():
            return True
        case ast.Expr(value=ast.Call(func=func)):
            return _name(func) in _LEAVE
        case ast.If(test=test, body=body, orelse=orelse):
            taken = {True: [body], False: [orelse], None: [body, orelse]}[_truth(test)]
            return all(any(map(_ends, it)) for it in taken)
        case ast.With(body=body):
            return any(map(_ends, body)) and not _catches(node)
    return False


def _can_fail(test: ast.expr) -> bool:
    match test:
        case ast.BoolOp(op=ast.Or(), values=values):
            return not any(_truth(it) for it in values) and any(map(_can_fail, values))
        case ast.BoolOp(values=values):
            return any(map(_can_fail, values))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not _literal(operand)
        case ast.NamedExpr(value=value):
            return _can_fail(value)
        case ast.Compare(left=left, ops=[ast.Eq() | ast.Is() | ast.LtE() | ast.GtE()], comparators=[right]):
            counted = isinstance(left, ast.Call) and _name(left.func) == "len" and ast.unparse(right) == "0"
            always = counted and isinstance(test.ops[0], ast.GtE)
            return not _literal(test) and ast.dump(left) != ast.dump(right) and not always
        case ast.Call(func=ast.Name(id="isinstance"), args=[_, ast.Name(id="object")]):
            return False
        case ast.Tuple(elts=elts) | ast.List(elts=elts):
            return not elts
    return not _literal(test)


def _literal(node: ast.expr) -> bool:
    """Whether an expression is the same whatever was done before."""
    return not any(isinstance(it, ast.Name | ast.Attribute | ast.Call | ast.Await) for it in ast.walk(node))


def _truth(node: ast.expr) -> bool | None:
    """Whether an expression is true or false as it is written; None where that can't be told."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        inner = _truth(node.operand)
        return None if inner is None else not inner
    return bool(node.value) if isinstance(node, ast.Constant) else None


def _name(node: ast.AST | None) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
