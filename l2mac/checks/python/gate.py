"""Which of pylint's errors stand in the way of completion, and which are advice.

Syntax and undefined names always gate. Errors about imports, members and calls gate when what they are about lies in
the project itself and is all there to be read: pylint knows other people's packages too little to be believed about
them, and neither about a project's class that inherits from one. Every other error is advice.
"""

from __future__ import annotations

import ast
import builtins
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass

from .facts import ClassFacts, FunctionFacts, dotted_name
from .project import Project, resolve_import

SYNTAX = frozenset({"E0001"})
NAMES = frozenset({"E0601", "E0602", "E0603"})
MEMBERS = frozenset({"E1101"})
CALLS = frozenset({"E1120", "E1121", "E1123", "E1124", "E1125"})

_QUOTED = re.compile(r"'([^']*)'")
_NO_MEMBER = re.compile(r"(Module|Instance of|Class|Super of) '([^']*)' has no '([^']*)' member")
_DYNAMIC_STANDARD = frozenset(
    {"argparse", "ctypes", "configparser", "http", "tkinter", "types", "unittest.mock", "xmlrpc"}
)
_SAFE_ON_CLASSES = frozenset({"dataclass", "final", "runtime_checkable", "total_ordering", "unique"})
_SAFE_ON_FUNCTIONS = frozenset(
    {
        "abstractmethod",
        "asynccontextmanager",
        "cache",
        "classmethod",
        "contextmanager",
        "final",
        "lru_cache",
        "override",
    }
    | {"staticmethod"}
)


@dataclass(frozen=True, slots=True)
class Message:
    """One message of pylint."""

    path: str
    code: str
    text: str
    line: int
    column: int
    end_line: int
    end_column: int


class Gate:
    """Tells gating errors from advice, for one state of a project."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._calls: dict[str, dict[tuple[int, int, int, int], ast.Call]] = {}

    def is_advice(self, message: Message) -> bool:
        """May the instruction be completed in spite of this error?"""
        code = message.code
        if code in SYNTAX or code == "E0402":
            return False
        if code in NAMES:
            return self._foreign_names(message.path) or (code == "E0603" and self._lazy([message.path]))
        if code == "E0401":
            module = _quoted(message.text)
            return not (module.startswith(".") or self._project.owns(module))
        if code == "E0611":
            return not self._whole_module(_quoted(message.text, 1))
        if code in MEMBERS:
            return not self._known_member_missing(message)
        return code not in CALLS or not self._known_call_wrong(message)

    def _foreign_names(self, path: str) -> bool:
        """Do names come into this file by a wildcard import of something that is not in the project?"""
        facts = self._project.facts.get(path)
        modules = [
            resolve_import(path, item.module, item.level)
            for item in (facts.imports if facts else ())
            if item.name == "*"
        ]
        return any(not self._project.owns(module) for module in modules)

    def _lazy(self, paths: Iterable[str]) -> bool:
        return any(self._project.facts[path].lazy for path in paths if path in self._project.facts)

    def _whole_module(self, module: str) -> bool:
        """Is this a module of the project whose names can all be read from its text?"""
        paths = self._project.lookup(module)
        if not paths:
            return module == "" or (self._project.owns(module) and module not in sys.stdlib_module_names)
        return not self._lazy(paths) and not any(self._foreign_names(path) for path in paths)

    def _known_member_missing(self, message: Message) -> bool:
        found = _NO_MEMBER.match(message.text)
        if not found:
            return False
        kind, name, member = found.groups()
        if kind == "Module":
            return self._project.is_module(name) and self._whole_module(name)
        if self._foreign_binding(message.path, name) or not self._closed(name, frozenset()):
            return False
        return not self._in_subclass(name, member)

    def _closed(self, name: str, above: frozenset[str]) -> bool:
        """Are all members of the project's class of this name visible in the project, or in plain standard classes?"""
        defined = self._project.classes.get(name, [])
        return bool(defined) and name not in above and all(self._is_closed(*item, above | {name}) for item in defined)

    def _is_closed(self, path: str, item: ClassFacts, above: frozenset[str]) -> bool:
        if item.open or item.decorators - _SAFE_ON_CLASSES:
            return False
        return all(self._base_closed(path, base, above) for base in item.bases)

    def _base_closed(self, path: str, base: str, above: frozenset[str]) -> bool:
        first, _, last = base.partition(".")[0], "", base.rpartition(".")[2]
        for bound in self._project.facts[path].imports:
            if bound.bound != first:
                continue
            module = resolve_import(path, bound.module, bound.level)
            if not bound.level and not self._project.owns(module):
                top = module.partition(".")[0]
                return top in sys.stdlib_module_names and not {top, module} & _DYNAMIC_STANDARD
        return self._closed(last, above) or (base == first and hasattr(builtins, base))

    def _in_subclass(self, name: str, member: str) -> bool:
        use = re.compile(rf"\b{re.escape(member)}\b\s*[(:=]")
        return any(
            use.search(self._project.files[path])
            for items in self._project.classes.values()
            for path, item in items
            if any(base.rpartition(".")[2] == name for base in item.bases)
        )

    def _foreign_binding(self, path: str, name: str) -> bool:
        facts = self._project.facts.get(path)
        return any(
            item.bound == name and not item.level and not self._project.owns(item.module)
            for item in (facts.imports if facts else ())
        )

    def _known_call_wrong(self, message: Message) -> bool:
        call = self._call(message)
        if call is None:
            return False
        called = dotted_name(call.func.func if isinstance(call.func, ast.Call) else call.func)
        name = call.func.attr if isinstance(call.func, ast.Attribute) else called
        if self._foreign_binding(message.path, called.partition(".")[0]):
            return False
        if "constructor call" in message.text:
            makers = [item for _, item in self._project.functions.get("__init__", []) if item.owner == name]
            return self._closed(name, frozenset()) and (not makers or _any_refuses(makers, message, call))
        candidates = [item for _, item in self._project.functions.get(name, [])]
        return _any_refuses(candidates, message, call)

    def _call(self, message: Message) -> ast.Call | None:
        if message.path not in self._calls:
            try:
                nodes = list(ast.walk(ast.parse(self._project.files.get(message.path, ""))))
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                nodes = []
            self._calls[message.path] = {_span(node): node for node in nodes if isinstance(node, ast.Call)}
        return self._calls[message.path].get((message.line, message.column, message.end_line, message.end_column))


def _any_refuses(functions: Iterable[FunctionFacts], message: Message, call: ast.Call) -> bool:
    return any(_refuses(item, message, call) for item in functions if not item.decorators - _SAFE_ON_FUNCTIONS)


def _refuses(function: FunctionFacts, message: Message, call: ast.Call) -> bool:
    """Does the function's own text agree that this call is wrong? Then it is the function that pylint means."""
    if message.code == "E1121":
        given = len(call.args) + (1 if function.owner and "staticmethod" not in function.decorators else 0)
        if "unbound" in message.text:
            given = len(call.args)
        return not function.takes_any and given > function.positional
    if message.code == "E1123":
        return not function.takes_any and _quoted(message.text) not in function.parameters
    return _quoted(message.text) in function.parameters


def _span(node: ast.Call) -> tuple[int, int, int, int]:
    return (node.lineno, node.col_offset, node.end_lineno or 0, node.end_col_offset or 0)


def _quoted(text: str, index: int = 0) -> str:
    found = _QUOTED.findall(text)
    return found[index] if index < len(found) else ""
