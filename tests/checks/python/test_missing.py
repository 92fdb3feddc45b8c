"""What a project imports and nobody provides: which package to name, and where."""

from dataclasses import replace

import pytest

from l2mac.checks.python.missing import missing_modules
from l2mac.checks.python.names import lookalike, package_of
from l2mac.checks.python.project import ProjectIndex


def told(files, environment, path="app.py"):
    found = missing_modules(ProjectIndex().of(files), environment, [path])
    assert all(item.advice and item.code == "E0401" for item in found.values())
    return [(item.line, item.text.partition(": ")[2]) for item in found.values()]


@pytest.mark.parametrize(
    ("lists", "where"),
    [
        ({}, "requirements.txt"),
        ({"requirements.txt": "six\n"}, "requirements.txt"),
        ({"requirements-dev.txt": "six\n"}, "requirements-dev.txt"),
        ({"pyproject.toml": "[project]\nname = 'x'\n"}, "pyproject.toml"),
        ({"requirements.txt": "", "pyproject.toml": ""}, "requirements.txt"),
    ],
)
def test_a_missing_module_is_told_with_its_package_and_where_to_name_it(lists, where, empty_environment):
    files = {"app.py": "import os\nimport yaml, sys\nfrom PIL.Image import open\n", **lists}
    assert told(files, empty_environment) == [(2, f"add PyYAML to {where}"), (3, f"add Pillow to {where}")]


SOUP = "add beautifulsoup4 to requirements.txt"
YAML = "add PyYAML to requirements.txt"
UNKNOWN = "no requirement provides it. Name the package that holds it in requirements.txt, or do without it"


@pytest.mark.parametrize(
    ("text", "expect"),
    [
        ("import nobody_knows_it\n", [(1, UNKNOWN)]),
        ("import requests\n", [(1, "add requests to requirements.txt")]),
        ("def f():\n    import bs4.element\n", [(2, "add beautifulsoup4 to requirements.txt")]),
        ("try:\n    import yaml\nexcept ImportError:\n    yaml = None\n", []),
        ("try:\n    import yaml\nexcept (KeyError, ModuleNotFoundError):\n    import cv2\n", []),
        ("try:\n    import yaml\nexcept:\n    pass\nelse:\n    import bs4\n", [(6, SOUP)]),
        ("try:\n    import yaml\nexcept KeyError:\n    pass\n", [(2, "add PyYAML to requirements.txt")]),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import yaml\n", []),
        ("import pytest, _pytest, sys, own, pkg.deep\nfrom . import x\nfrom .y import z\nimport helper\n", []),
        ("import yaml\nimport yaml.nodes\n", [(1, YAML), (2, YAML)]),
    ],
)  # fmt: skip
def test_only_what_must_fail_is_told(text, expect, empty_environment):
    files = {"app.py": text, "own.py": "", "pkg/__init__.py": "", "pkg/deep.py": "", "tools/lib/helper.py": ""}
    assert told(files, empty_environment) == expect


def test_a_package_that_is_named_already_does_not_hold_it(empty_environment):
    files = {"app.py": "import yaml\n", "requirements.txt": "pyyaml\n"}
    assert told(files, empty_environment) == [(1, UNKNOWN)]


def test_what_is_installed_is_not_missing(empty_environment, tmp_path):
    environment = replace(empty_environment, folder=tmp_path / "env")
    for name in ("yaml/__init__.py", "PIL.py", "cv2.abi3.so", "other-1.dist-info/METADATA"):
        (environment.site / name).parent.mkdir(parents=True, exist_ok=True)
        (environment.site / name).touch()
    assert told({"app.py": "import yaml, PIL\nimport cv2\nimport other\n"}, environment) == [(3, UNKNOWN)]


@pytest.mark.parametrize(
    ("module", "package"),
    [("sklearn.svm", "scikit-learn"), ("dateutil", "python-dateutil"), ("numpy", "numpy"), ("nothing_known", "")],
)
def test_a_module_is_held_by_a_package(module, package):
    assert package_of(module) == package


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("reqeusts", "requests"),
        ("request", "requests"),
        ("requestss", "requests"),
        ("Numpi", "numpy"),
        ("python_dateutils", "python-dateutil"),
        ("requests", ""),
        ("urllib3", ""),
        ("pypdf2", ""),
        ("psycopg2", ""),
        ("ply", ""),
        ("my-own-thing", ""),
        ("stseuqer", ""),
        ("", ""),
    ],
)
def test_a_name_one_edit_from_a_popular_one_looks_like_it(name, meant):
    assert lookalike(name) == meant
