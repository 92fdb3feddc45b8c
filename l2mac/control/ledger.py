"""The interface ledger: what a file offers to others, from its syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping


def interface(path: str, text: str) -> str:
    """The signatures of a Python file's public names, one to a line; empty where it is none or does not parse."""
    if not path.endswith(".py"):
        return ""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    return "\n".join(line for node in tree.body for line in _lines(node, ""))


def ledger(files: Mapping[str, str], paths: Iterable[str], room: int) -> str:
    """The interfaces of the given files, as many as there is room for.

    Args:
        files: path to text.
        paths: the files wanted, nearest first; those that do not exist are passed over.
        room: characters that the result may have.
    """
    parts: list[str] = []
    wanted = [path for path in dict.fromkeys(paths) if path in files]
    for at, path in enumerate(wanted):
        part = f"{path}\n{interface(path, files[path])}".rstrip()
        room -= len(part) + 1
        if room < 0:
            parts.append(f"[{len(wanted) - at} more files; read_files shows them]")
            break
        parts.append(part)
    return "\n".join(parts)


def _lines(node: ast.stmt, indent: str) -> list[str]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() if _public(node.name):
            return [f"{indent}  {_signature(node)}"]
        case ast.ClassDef() if _public(node.name):
            bases = ", ".join(ast.unparse(base) for base in node.bases)
            head = f"{indent}  class {node.name}({bases})" if bases else f"{indent}  class {node.name}"
            return [head, *(line for item in node.body for line in _lines(item, f"{indent}  "))]
        case ast.Assign(targets=[ast.Name(id=name)]) if name.isupper():
            return [f"{indent}  {name} = {ast.unparse(node.value)[:60]}"]
        case ast.AnnAssign(target=ast.Name(id=name)) if _public(name):
            return [f"{indent}  {name}: {ast.unparse(node.annotation)}"]
    return []


def _signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    doc = (ast.get_docstring(node) or "").split("\n")[0]
    return f"{node.name}({ast.unparse(node.args)}){returns}{f'  # {doc}' if doc else ''}"


def _public(name: str) -> bool:
    return name == "__init__" or not name.startswith("_")
