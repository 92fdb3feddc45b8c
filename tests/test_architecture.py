"""The house is part of the design, so it is tested like one."""

import ast
from collections import Counter
from pathlib import Path

import pytest

import l2mac

ROOT = Path(l2mac.__file__).parent

# A module may import from the rows above its own, and from its own package; never from another unit.
LAYERS = (
    (
        "errors",
        "program.values",
        "processor.protocol",
        "checks.report",
        "sandbox.seam",
        "terminal",
        "wording",
        "excerpt",
        "__init__",
    ),
    ("program", "processor", "memory", "sandbox", "domains"),
    ("tools", "checks", "control.window", "control.budget", "control.ladder", "control.ledger"),
    ("control",),
    ("testing", "config", "gallery", "naming", "watcher"),
    ("discovery",),
    ("providers",),
    ("judges",),
    ("assembly",),
    ("machine",),
    ("function", "past"),
    ("panel",),
    ("__main__",),
)
# Third-party packages that are heavy or special, and the one place that may import each.
HOMES = {
    "openai": "processor",
    "litellm": "processor",
    "tiktoken": "processor.tokens",
    "sqlite3": "memory.journal",
    "pathspec": "memory.lane",
    "yaml": ("config", "program.reading", "domains"),
    "typst": "domains.book.export",
    "docx": "domains.book.export.docx",
    "fontTools": "domains.book.export.fonts",
    "click": "panel",
    "rich": "panel",
    "regex": "tools.searching",
    "tree_sitter": "control.outline",
    "markdown_it": "domains.book",
    "py3langid": "domains.book.checks.language",
    "spellchecker": "domains.book.checks.language",
}
RUN_ONLY = ("pylint", "astroid", "pytest", "_pytest", "coverage")
MODULES = sorted(ROOT.rglob("*.py"))
NAMES = {path: ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in MODULES}
# Run in the project's interpreter or beside it, not in the machine's own process.
FOREIGN = (
    "checks.python.probe",
    "checks.python.launch",
    "checks.python.release",
    "checks.python.tracing",
    "checks.python.breaking",
    "checks.python.lint_child",
    "checks.python.waiting",
    "sandbox.guard",
    "sandbox.canary_child",
)


def rank(module):
    """The row of a module, found by its longest prefix in the layers."""
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        prefix = ".".join(parts[:length])
        for row, names in enumerate(LAYERS):
            if prefix in names:
                return row, prefix
    raise AssertionError(f"{module} has no place in the house")


def imported(path):
    """Every import of a file: of the project's own modules by their dotted names, of others by their first part."""
    name = NAMES[path]
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], False) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield (node.module or "").split(".")[0], False
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1]
            base = ".".join([*above, *((node.module or "").split(".") if node.module else [])])
            for alias in node.names:
                full = f"{base}.{alias.name}".strip(".")
                yield (full if full in NAMES.values() else base or "__init__"), True


@pytest.mark.parametrize("path", MODULES, ids=NAMES.values())
def test_imports_run_downward_only(path):
    name = NAMES[path] or "__init__"
    if name in ("__init__", "testing"):
        return  # the public face names its members lazily
    row, home = rank(name)
    for module, own in imported(path):
        if own and module != "__init__":
            below, other = rank(module)
            same_house = other.split(".")[0] == home.split(".")[0]
            assert below < row or same_house, f"{name} imports {module}, which stands beside or above it"


@pytest.mark.parametrize("path", MODULES, ids=NAMES.values())
def test_a_third_party_package_has_one_home(path):
    name = NAMES[path]
    if name in FOREIGN:
        return
    for module, own in imported(path):
        if not own:
            assert module != "l2mac", f"{name} imports its own package by its absolute name"
            assert module not in RUN_ONLY, f"{name} imports {module}, which is run and never imported"
            if module in HOMES:
                homes = HOMES[module] if isinstance(HOMES[module], tuple) else (HOMES[module],)
                assert any(name == home or name.startswith(f"{home}.") for home in homes), f"{name} imports {module}"


# Lines of code, without comments and docstrings, that each part may have. The engine is what executes a program and
# judges it: everything but the ways to reach a model, what knows single languages, what is special to one domain, what
# people look at, and doubles.
BUDGETS = {"engine": 10_000, "models": 3_500, "languages": 5_500, "domains": 4_500, "panel": 3_000, "testing": 1_200}
PARTS = {
    "processor": "models",
    "discovery": "models",
    "providers": "models",
    "checks.python": "languages",
    "checks.toolchains": "languages",
    "checks.languages": "languages",
    "control.outline": "languages",
    "control.interfaces": "languages",
    "function": "domains",
    "gallery": "panel",
}


def test_every_part_stays_small_enough_to_audit():
    sizes = Counter()
    for path, name in NAMES.items():
        part = next((PARTS[it] for it in PARTS if name == it or name.startswith(f"{it}.")), name.partition(".")[0])
        sizes[part if part in BUDGETS else "engine"] += lines_of_code(path)
    assert sizes["engine"] > 5_000, "the lines are counted"
    assert not {part: size for part, size in sizes.items() if size > BUDGETS[part]}


def lines_of_code(path):
    text = path.read_text(encoding="utf-8")
    nodes = ast.walk(ast.parse(text))
    said = [it for it in nodes if isinstance(it, ast.Expr) and isinstance(it.value, ast.Constant)]
    silent = {line for it in said for line in range(it.lineno, it.end_lineno + 1)}
    numbered = enumerate(text.splitlines(), 1)
    return sum(1 for at, line in numbered if at not in silent and line.strip() and not line.lstrip().startswith("#"))


def test_everything_public_can_be_imported_and_nothing_heavy_is_imported_for_it():
    import subprocess
    import sys

    code = "import sys, l2mac; print(sorted({m.split('.')[0] for m in sys.modules} & set(sys.argv[1:])))"
    heavy = ["openai", "litellm", "tiktoken", "pydantic", "yaml", "rich", "click", "sqlite3", "asyncio"]
    done = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert all(getattr(l2mac, name) is not None for name in l2mac.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = l2mac.nonsense
