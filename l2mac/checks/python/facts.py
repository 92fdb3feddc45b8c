"""What one Python file says about itself, read from its syntax tree: imports, classes, functions."""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass, field

_DOTTED = re.compile(r"[A-Za-z_]\w*(?:[.:][A-Za-z_]\w*)*|[\w./-]+\.py\Z", re.ASCII)
_IN_TEXT = re.compile(
    r"[\w./-]+\.py\b|[A-Za-z_]\w*(?:[.:][A-Za-z_]\w*)+|(?<=-m )\w+|(?<=import )\w+|(?<=from )\w+", re.ASCII
)
"""What may name a module or a file in a longer text: a command, a program."""
_BY_NAME = frozenset({"import_module", "__import__", "run_module", "run_path", "exec", "eval"})
_DYNAMIC = frozenset(
    {"walk_packages", "iter_modules", "spec_from_file_location", "SourceFileLoader", "exec_module", "load_module"}
    | {"glob", "iglob", "rglob", "listdir", "scandir", "iterdir", "walk"}
)
_PROCESSES = frozenset(
    {"Popen", "check_output", "check_call", "getoutput", "system", "popen", "subprocess.run", "subprocess.call"}
    | {"create_subprocess_exec", "create_subprocess_shell"}
)
_OPEN_MEMBERS = frozenset({"__getattr__", "__getattribute__", "__class_getitem__"})


@dataclass(frozen=True, slots=True)
class Imported:
    """One imported name: `from module import name as bound`, or `import module as bound` when `name` is empty."""

    module: str
    name: str
    bound: str
    level: int
    """Dots before the module: 0 for an absolute import."""


@dataclass(frozen=True, slots=True)
class FunctionFacts:
    """A function or method as it is defined."""

    name: str
    owner: str
    """The class it is defined in, or nothing."""
    parameters: frozenset[str]
    """Every named parameter."""
    positional: int
    """How many positional arguments it takes, `self` included."""
    takes_any: bool
    """It has `*args` or `**kwargs`."""
    decorators: frozenset[str]
    """Last parts of the decorators' names."""


@dataclass(frozen=True, slots=True)
class ClassFacts:
    """A class as it is defined."""

    name: str
    bases: tuple[str, ...]
    """The dotted names of its bases, and of its metaclass; `?` for what is not a name."""
    decorators: frozenset[str]
    open: bool
    """Members may come into being that its text does not show."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What one file says about itself; empty when it does not parse."""

    imports: tuple[Imported, ...] = ()
    functions: tuple[FunctionFacts, ...] = ()
    classes: tuple[ClassFacts, ...] = ()
    strings: frozenset[str] = field(default_factory=frozenset)
    """String constants that could name a module or a Python file."""
    dynamic: bool = False
    """It imports by a computed name, looks at what files there are, or starts programs: it may depend on anything."""
    lazy: bool = False
    """It has a module-level `__getattr__`."""


def read_facts(text: str) -> Facts:
    """The facts of one file's text; never raises for what the text contains."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return Facts(dynamic=True)
    imports: list[Imported] = []
    functions: list[FunctionFacts] = []
    classes: list[ClassFacts] = []
    strings: set[str] = set()
    dynamic = False
    owners: dict[int, str] = {}
    prose: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports.extend(_imported(node))
        elif isinstance(node, ast.ClassDef):
            classes.append(_class(node))
            owners.update({id(member): node.name for member in node.body})
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            functions.append(_function(node, owners.get(id(node), "")))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if len(node.value) < 200 and _DOTTED.fullmatch(node.value):
                strings.add(node.value)
            elif id(node) not in prose:
                strings.update(_IN_TEXT.findall(node.value))
        elif isinstance(node, ast.Expr):
            prose.add(id(node.value))  # a docstring; walked through before what it holds
        elif isinstance(node, ast.Call):
            dynamic |= _is_dynamic(node)
    lazy = any(isinstance(node, ast.FunctionDef) and node.name == "__getattr__" for node in tree.body)
    return Facts(tuple(imports), tuple(functions), tuple(classes), frozenset(strings), dynamic, lazy)


def _is_dynamic(call: ast.Call) -> bool:
    """May what it does depend on files that its text does not name?"""
    name, first = _last_name(call.func), next(iter(call.args), None)
    if name in _BY_NAME:
        return not (isinstance(first, ast.Constant) and not str(first.value).startswith("."))
    if name in _PROCESSES or dotted_name(call.func) in _PROCESSES:
        return first is None or any(
            isinstance(it, ast.Name | ast.JoinedStr) and not _fixed(it) for it in ast.walk(first)
        )
    return name in _DYNAMIC


def _fixed(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "sys"


def dotted_name(node: ast.expr) -> str:
    """`a.b.c` for the names and attributes that spell it, `?` for anything else; a subscript is looked through."""
    parts: list[str] = []
    while True:
        if isinstance(node, ast.Subscript):
            node = node.value
        elif isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        elif isinstance(node, ast.Name):
            return ".".join([node.id, *reversed(parts)])
        else:
            return "?"


def _imported(node: ast.Import | ast.ImportFrom) -> list[Imported]:
    if isinstance(node, ast.Import):
        return [Imported(alias.name, "", alias.asname or alias.name.partition(".")[0], 0) for alias in node.names]
    module, level = node.module or "", node.level
    return [Imported(module, alias.name, alias.asname or alias.name, level) for alias in node.names]


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef, owner: str) -> FunctionFacts:
    spec = node.args
    positional = [*spec.posonlyargs, *spec.args]
    return FunctionFacts(
        node.name,
        owner,
        frozenset(argument.arg for argument in [*positional, *spec.kwonlyargs]),
        len(positional),
        bool(spec.vararg or spec.kwarg),
        frozenset(_last_name(decorator) for decorator in node.decorator_list),
    )


def _class(node: ast.ClassDef) -> ClassFacts:
    bases = [dotted_name(base) for base in node.bases]
    bases += [dotted_name(word.value) if word.arg == "metaclass" else "?" for word in node.keywords]
    decorators = frozenset(_last_name(decorator) for decorator in node.decorator_list)
    return ClassFacts(node.name, tuple(bases), decorators, _is_open(node))


def _is_open(node: ast.ClassDef) -> bool:
    for inner in ast.walk(node):
        if isinstance(inner, ast.FunctionDef) and inner.name in _OPEN_MEMBERS:
            return True
        if isinstance(inner, ast.Name) and inner.id in ("setattr", "vars"):
            return True
        if isinstance(inner, ast.Attribute) and inner.attr in ("__dict__", "__setattr__"):
            return True
    return False


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Call):
        node = node.func
    return dotted_name(node).rpartition(".")[2]
