"""The interface ledger: what a file offers to others, from its syntax tree."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from .interfaces import interfaces, readable

_LARGEST = 1_000_000  # characters of a file that is parsed
_WIDEST = 300  # characters of one line
_TOGETHER = 32  # files of other languages that are read at once: each time costs the start of a process
_TEST = re.compile(r"(^|/)(test_[^/]*|[^/]*(_test|\.test|\.spec)\.\w+|\w+Tests?\.(java|kt|cs))$")


def statements(text: str) -> list[ast.stmt]:
    """The syntax tree of a Python file, without a word on standard error; empty where it does not parse."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text).body if len(text) <= _LARGEST else []
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def interface(path: str, text: str) -> str:
    """The signatures of a file's public names, one to a line; empty where it has none or can't be read."""
    if not path.endswith(".py"):
        return interfaces({path: text})[path] if readable(path) else ""
    try:
        body = statements(text)
        return "\n".join(
            line[:_WIDEST] for line in [*_imports(body), *(it for node in body for it in _lines(node, "  "))]
        )
    except RecursionError:  # what can be parsed may still be too deep to be written out
        return ""


def ledger(files: Mapping[str, str], paths: Iterable[str], room: int, *, lean: bool = False) -> str:
    """The interfaces of the given files, as many as there is room for.

    Args:
        files: path to text.
        paths: the files wanted, nearest first; those that do not exist are passed over.
        room: characters that the result may have.
        lean: leave out what is no signature: imports, and the first lines of docstrings.
    """
    parts: list[str] = []
    wanted = [path for path in dict.fromkeys(paths) if path in files and not is_test(path)]
    ready: dict[str, str] = {}
    for at, path in enumerate(wanted):
        if readable(path) and path not in ready:
            ready |= _together(files, wanted[at:])
        told = ready[path] if path in ready else interface(path, files[path])
        told = _lean(told) if lean else told
        part = f"{path}\n{told}".rstrip()
        if len(part) > room:
            shown = part[: max(room, 0)].rpartition("\n")[0]
            parts += [shown] if shown else []
            parts.append(f"[{len(wanted) - at} more files, in whole or in part; read_files shows them]")
            break
        room -= len(part) + 1
        parts.append(part)
    return "\n".join(parts)


def _lean(told: str) -> str:
    return "\n".join(it.partition("  # ")[0] for it in told.splitlines() if not it.startswith("  imports "))


def is_test(path: str) -> bool:
    """Whether nothing in a file is there for others to use."""
    return bool(_TEST.search(path))


def _together(files: Mapping[str, str], paths: Sequence[str]) -> dict[str, str]:
    return interfaces({path: files[path] for path in islice(filter(readable, paths), _TOGETHER)})


def _imports(body: Iterable[ast.stmt]) -> list[str]:
    """The modules that a file imports, in one line."""
    names: list[str] = []
    for node in body:
        match node:
            case ast.Import(names=imported):
                names += [alias.name for alias in imported]
            case ast.ImportFrom(module=module, level=level) if module != "__future__":
                names.append(f"{'.' * level}{module or ''}")
    return [f"  imports {', '.join(dict.fromkeys(names))}"] if names else []


def _lines(node: ast.stmt, indent: str) -> list[str]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() if _public(node.name):
            return [f"{indent}{_decorated(node)}{_signature(node)}"]
        case ast.ClassDef() if _public(node.name):
            bases = ", ".join(map(_flat, [*node.bases, *node.keywords]))
            head = f"{indent}{_decorated(node)}class {node.name}{f'({bases})' if bases else ''}"
            inner = [line for item in node.body for line in _lines(item, f"{indent}  ")]
            return [head, *_attributes(node, f"{indent}  "), *inner]
        case ast.Assign(targets=[ast.Name() | ast.Tuple() as target]) if any(map(_public, _named(target))):
            return [f"{indent}{', '.join(_named(target))} = {_flat(node.value)[:60]}"]
        case ast.AnnAssign(target=ast.Name(id=name)) if _public(name):
            return [f"{indent}{name}: {_flat(node.annotation)}{f' = {_flat(node.value)[:60]}' if node.value else ''}"]
    return []


def _named(target: ast.expr) -> list[str]:
    """The names that an assignment gives a value."""
    items = target.elts if isinstance(target, ast.Tuple) else [target]
    return [item.id for item in items if isinstance(item, ast.Name)]


def _attributes(node: ast.ClassDef, indent: str) -> list[str]:
    """The public attributes that a class's methods set on `self`, in one line, but for those that it declares."""
    declared = {name for item in node.body if isinstance(item, ast.AnnAssign) for name in _named(item.target)}
    stores = (it for method in node.body if isinstance(method, ast.FunctionDef) for it in ast.walk(method))
    names = {
        it.attr
        for it in stores
        if isinstance(it, ast.Attribute) and isinstance(it.ctx, ast.Store)
        if isinstance(it.value, ast.Name) and it.value.id == "self" and _public(it.attr)
    }
    shown = sorted(names - declared)
    return [f"{indent}attributes: {', '.join(shown)}"] if shown else []


def _decorated(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> str:
    return "".join(f"@{_flat(decorator)[:40]} " for decorator in node.decorator_list)


def _signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    head = "async " if isinstance(node, ast.AsyncFunctionDef) else ""
    returns = f" -> {_flat(node.returns)}" if node.returns else ""
    doc = (ast.get_docstring(node) or "").split("\n")[0]
    return f"{head}{node.name}({_flat(node.args)}){returns}{f'  # {doc}' if doc else ''}"


def _flat(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())


def _public(name: str) -> bool:
    return name == "__init__" or not name.startswith("_")
