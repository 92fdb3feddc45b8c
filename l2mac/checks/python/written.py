"""The tests that stand in files, by their syntax trees, and those of them that a run passed over."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Collection, Iterator
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import PurePosixPath

from .facts import dotted_name

_NOT_ENTERED = ("*.egg", ".*", "_darcs", "build", "CVS", "dist", "node_modules", "venv", "{arch}")
"""Folders that pytest passes over by itself: its setting `norecursedirs`."""


def passed_over(path: str, text: str, told: Collection[str]) -> list[str]:
    """The tests in a file of which a run said nothing.

    Args:
        path: of a test file that it had to look at.
        text: its content.
        told: ids of the tests of which it said anything, without parameters.

    Returns:
        Ids of tests. What may not be a test counts as none; nor do those in folders that pytest does not enter.
    """
    if any(fnmatch(folder, it) for folder in PurePosixPath(path).parts[:-1] for it in _NOT_ENTERED):
        return []
    return [test for name in written_tests(text) if (test := f"{path}::{name}") not in told]


@lru_cache(maxsize=4096)
def written_tests(text: str) -> tuple[str, ...]:
    """The tests that pytest finds in a file whatever happens when it is imported: `test_a`, `TestB::test_c`.

    Left out is what is defined under a condition, bound again, or decorated by anything but a mark; and classes that
    have bases, a metaclass or a constructor.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    return tuple(dict.fromkeys(_tests(body, classes=True)))


def _tests(body: list[ast.stmt], classes: bool = False) -> Iterator[str]:
    rebound = _bound_otherwise(body)
    if "__test__" in rebound:
        return
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if node.name.startswith("test") and node.name not in rebound and all(map(_mark, node.decorator_list)):
                yield node.name
        elif classes and isinstance(node, ast.ClassDef) and node.name not in rebound and _plain(node):
            yield from (f"{node.name}::{name}" for name in _tests(node.body))


def _plain(node: ast.ClassDef) -> bool:
    constructed = any(isinstance(it, ast.FunctionDef) and it.name in ("__init__", "__new__") for it in node.body)
    named = node.name.startswith("Test") and not node.bases and not node.keywords
    return named and not constructed and all(map(_mark, node.decorator_list))


def _mark(decorator: ast.expr) -> bool:
    name = dotted_name(decorator.func if isinstance(decorator, ast.Call) else decorator)
    return name.startswith(("pytest.mark.", "mark."))


def _bound_otherwise(body: list[ast.stmt]) -> set[str]:
    """Names that are bound or deleted at this level by something other than the one definition of a function."""
    found: set[str] = set()
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        found |= {it.id for it in ast.walk(node) if isinstance(it, ast.Name) and not isinstance(it.ctx, ast.Load)}
        found |= {it.name for it in ast.walk(node) if isinstance(it, ast.FunctionDef | ast.ClassDef)}
        found |= {it.asname or it.name for it in ast.walk(node) if isinstance(it, ast.alias)}
    return found
