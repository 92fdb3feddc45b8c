"""Conditions: a small closed language over checks, files and variables, such as `lines("README.md") < 20`.

    "and", "or", "not", brackets      == != < <= > >=      numbers      "texts"      variables
    checks.NAME (an outcome)          tests.passed tests.failed tests.skipped errors (numbers)
    exists("GLOB")  count("GLOB")     lines("PATH")  contains("PATH", "TEXT")

It is written as Python writes expressions, and read by its parser; what is named here is all that it may hold, and
nothing is ever compiled or evaluated by Python itself.
"""

from __future__ import annotations

import ast
import difflib
import keyword
import operator
import re
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from ..checks.report import Outcome

LONGEST = 300
"""Characters of a condition."""
_VARIABLE = re.compile(r"\$\{([^{}$]*)\}")
_COMPARE: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_NUMBERS = ("tests.passed", "tests.failed", "tests.skipped", "errors")
_CHECKS = ("syntax", "environment", "lint", "build", "tests", "acceptance")


@dataclass(frozen=True, slots=True)
class Facts:
    """What conditions are about."""

    files: Mapping[str, str] = field(default_factory=dict)
    checks: Mapping[str, str] = field(default_factory=dict)
    """The outcome of each check that ran last."""
    numbers: Mapping[str, int] = field(default_factory=dict)
    """`tests.passed`, `tests.failed`, `tests.skipped` and `errors`."""
    named: Callable[[str], Sequence[str]] = lambda glob: ()
    """The paths that a glob names."""
    variables: Mapping[str, str] = field(default_factory=dict)


_FUNCTIONS: Mapping[str, tuple[int, str, Callable[..., Any]]] = {
    "exists": (1, "truth", lambda facts, glob: bool(facts.named(glob))),
    "count": (1, "number", lambda facts, glob: len(facts.named(glob))),
    "lines": (1, "number", lambda facts, path: len(facts.files.get(path, "").splitlines())),
    "contains": (2, "truth", lambda facts, path, text: text in facts.files.get(path, "")),
}


def holds(condition: str, facts: Facts) -> bool:
    """Whether a condition holds. Variables are values to it: no text in one can be more than a text.

    Raises:
        ValueError: it can't be read.
    """
    return bool(_value(_read(condition, facts.variables), facts))


def fault(condition: str, variables: Collection[str] = ()) -> str:
    """What is wrong with a condition, and at which column; empty when it can be evaluated."""
    try:
        _read(condition, variables)
    except ValueError as error:
        return str(error)
    return ""


def fill(text: str, variables: Mapping[str, str]) -> str:
    """A text in which the variables `${name}` are replaced by theirs; what is no variable stays."""
    return _VARIABLE.sub(lambda it: variables.get(it[1], it[0]), text)


def unknown(text: str, variables: Collection[str]) -> str:
    """The variable that a text names and that is not there; empty where there is none, or none could be."""
    wrong = next((it for it in _VARIABLE.findall(text) if it not in variables), None) if variables else None
    return "" if wrong is None else f"there is no variable ${{{wrong[:40]}}}{near(wrong, variables)}"


def nameable(name: str) -> bool:
    """Whether a variable can be called so."""
    taken = keyword.iskeyword(name) or name in ("checks", "tests", "errors", *_FUNCTIONS)
    return re.fullmatch(r"[A-Za-z_]\w{0,31}", name, re.ASCII) is not None and not taken


def near(name: str, known: Collection[str]) -> str:
    """What is said of a name that is not known."""
    found = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {found[0]}?" if found else f"; there is {', '.join(list(known)[:12])}"


def _parsed(condition: str) -> ast.expr:
    if len(condition) > LONGEST:
        raise ValueError(f"it has {len(condition):,} characters, and {LONGEST} are allowed")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes in texts
            return ast.parse(condition.strip(), mode="eval").body
    except SyntaxError as error:
        if error.offset == 0:
            raise ValueError(f"column {len(condition.strip()) + 1}: it ends too early") from None
        raise ValueError(f"column {error.offset or 1}: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError):
        raise ValueError("it can't be read: a NUL character, or too many brackets within brackets") from None


def _read(condition: str, variables: Collection[str]) -> ast.expr:
    tree = _parsed(condition)
    if (kind := _kind(tree, variables)) != "truth":
        raise _wrong(tree, f"it is a {kind}, and nothing that holds or does not; compare it with something")
    return tree


def _kind(node: ast.expr, variables: Collection[str]) -> str:
    """What a part is: truth, number, text, or a variable. Raises ValueError for what does not belong there."""

    def demand(part: ast.expr, wanted: str) -> None:
        if (kind := _kind(part, variables)) != wanted and (kind, wanted) != ("variable", "text"):
            raise _wrong(part, f"this is a {kind}, and a {wanted} is needed")

    match node:
        case ast.BoolOp(values=parts):
            for part in parts:
                demand(part, "truth")
            return "truth"
        case ast.UnaryOp(op=ast.Not(), operand=part):
            demand(part, "truth")
            return "truth"
        case ast.Compare(left=left, ops=[sign], comparators=[right]) if type(sign) in _COMPARE:
            kinds = {_kind(left, variables), _kind(right, variables)} - {"variable"}
            ordered = isinstance(sign, ast.Lt | ast.LtE | ast.Gt | ast.GtE)
            if len(kinds) > 1 or (ordered and kinds != {"number"}):
                raise _wrong(node, f"{' and '.join(sorted(kinds)) or 'variables'} can't be compared so")
            _demand_outcome(left, right)
            return "truth"
        case ast.Call(func=ast.Name(id=name), args=given, keywords=[]) if name in _FUNCTIONS:
            count, kind, _ = _FUNCTIONS[name]
            if len(given) != count:
                raise _wrong(node, f"{name} takes {count} {'text' if count == 1 else 'texts'}")
            for part in given:
                demand(part, "text")
            return kind
        case ast.Attribute(value=ast.Name(id="checks"), attr=check):
            if check not in _CHECKS and difflib.get_close_matches(check, _CHECKS, 1):
                raise _wrong(node, f"there is no check {check}{near(check, _CHECKS)}")
            return "text"
        case ast.Constant(value=bool()):
            return "truth"
        case ast.Constant(value=int()):
            return "number"
        case ast.Constant(value=str(text)):
            if said := unknown(text, variables):
                raise _wrong(node, said)
            return "text"
    name = ast.unparse(node)
    if name in variables or name in _NUMBERS:
        return "number" if name in _NUMBERS else "variable"
    raise _wrong(node, f"{name[:40]} does not belong here{near(name, (*_NUMBERS, *_FUNCTIONS, *variables))}")


def _demand_outcome(*sides: ast.expr) -> None:
    """Refuse to compare a check with what no check ever says."""
    for side, other in (sides, sides[::-1]):
        match side, other:
            case ast.Attribute(), ast.Constant(value=str(text)) if text not in get_args(Outcome):
                raise _wrong(other, f"no check says {text[:40]!r}{near(text, get_args(Outcome))}")


def _value(node: ast.expr, facts: Facts) -> Any:
    """What a part is worth; its kinds are known to fit."""
    match node:
        case ast.BoolOp(op=op, values=parts):
            return (any if isinstance(op, ast.Or) else all)(_value(part, facts) for part in parts)
        case ast.UnaryOp(operand=part):
            return not _value(part, facts)
        case ast.Compare(left=left, ops=[sign], comparators=[right]):
            return _compared(type(sign), _value(left, facts), _value(right, facts))
        case ast.Call(func=ast.Name(id=name), args=given):
            return _FUNCTIONS[name][2](facts, *(_value(part, facts) for part in given))
        case ast.Attribute(value=ast.Name(id="checks"), attr=check):
            return facts.checks.get(check, "absent")
        case ast.Constant(value=value):
            return fill(value, facts.variables) if isinstance(value, str) else value
    name = ast.unparse(node)
    return facts.variables[name] if name in facts.variables else facts.numbers.get(name, 0)


def _compared(sign: type[ast.cmpop], left: Any, right: Any) -> bool:
    """Compare two values; a variable beside a number is a number too, where it is one."""
    if isinstance(left, int) != isinstance(right, int):
        left, right = (int(it) if _number(it) else it for it in (left, right))
        if isinstance(left, int) != isinstance(right, int):
            return sign is ast.NotEq
    return _COMPARE[sign](left, right)


def _number(value: Any) -> bool:
    """Whether a value is a number, or a text that is one; Python reads none with more than 4,300 digits."""
    return isinstance(value, int) or (len(value) <= LONGEST and value.isdecimal())


def _wrong(node: ast.expr, what: str) -> ValueError:
    return ValueError(f"column {node.col_offset + 1}: {what}")
