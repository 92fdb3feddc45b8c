"""Modules that a project imports and nobody provides, each with the package that holds it."""

from __future__ import annotations

import ast
import sys
import warnings
from collections.abc import Iterable, Iterator

from ..report import Finding
from .environment import Environment
from .names import package_of
from .project import Project
from .requirements import FILES, normalized, read_requirements

CODE = "E0401"


def missing_modules(project: Project, environment: Environment, paths: Iterable[str]) -> dict[tuple[str, int], Finding]:
    """The imports, by path and line, that must fail: of a module that is not the project's, the standard library's or
    an installed package's. One that is tried (`except ImportError`) or meant for type checkers is none.
    """
    found: dict[tuple[str, int], Finding] = {}
    for path in paths:
        tops = {item.module.partition(".")[0] for item in project.facts[path].imports if not item.level}
        lacking = {top for top in tops if top and not _provided(top, project, environment)}
        for line, module in sorted(_imports(project.files[path])) if lacking else ():
            if module.partition(".")[0] in lacking and (path, line) not in found:
                text = f"Unable to import '{module}': {_todo(module, project)}"
                found[path, line] = Finding(path, line, CODE, text, advice=True)
    return found


def _provided(top: str, project: Project, environment: Environment) -> bool:
    return top in sys.stdlib_module_names or top in environment.modules() or project.answers_to(top)


def _todo(module: str, project: Project) -> str:
    listed = [path for path in FILES if path in project.files]
    requirements, _ = read_requirements(project.files)
    where = listed[0] if listed else "pyproject.toml" if "pyproject.toml" in project.files else FILES[0]
    package = package_of(module)
    if not package or normalized(package.partition("[")[0]) in {item.name for item in requirements}:
        return f"no requirement provides it. Name the package that holds it in {where}, or do without it"
    return f"add {package} to {where}"


def _imports(text: str) -> Iterator[tuple[int, str]]:
    """The modules that a file cannot do without, each after its line."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        waiting: list[ast.AST] = [ast.parse(text)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module
        elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            waiting += node.orelse
        elif isinstance(node, ast.Try) and any(map(_excuses, node.handlers)):
            waiting += [*node.orelse, *node.finalbody]
        else:
            waiting += ast.iter_child_nodes(node)


def _excuses(handler: ast.ExceptHandler) -> bool:
    """Does it take up an import that failed?"""
    names = (
        {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)} if handler.type else {"Exception"}
    )
    return bool(names & {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
