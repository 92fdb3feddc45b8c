"""Recipes are data: each is read strictly and small, and reads what its tools are known to print."""

import tomllib
from pathlib import Path

import pytest

from l2mac.checks.python.failures import clean
from l2mac.checks.toolchains.projects import find_projects
from l2mac.checks.toolchains.reading import Places, findings, read
from l2mac.checks.toolchains.recipe import FOLDER, recipes
from l2mac.checks.toolchains.recipe import read as read_recipe
from l2mac.checks.toolchains.strength import assertions

CASES = Path(__file__).parents[2] / "cases" / "toolchains" / "recorded"
RECORDED = sorted(it.stem for it in CASES.glob("*.toml"))
SMALLEST = """
title = "X"
sources = ["x"]
markers = ["x.mk"]
program = "x"
install = "install x"
artefacts = []
finding = []
tests = "t"
define = "(?P<name>t)"
asserts = "a"
build = []
test = []
"""


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.toml")), ids=lambda it: it.stem)
def test_a_recipe_is_at_most_eighty_lines_and_names_what_installs_it(path):
    assert len(path.read_text("utf-8").splitlines()) <= 80
    recipe = next(it for it in recipes() if it.name == path.stem)
    assert "install" in recipe.install and recipe.build and recipe.test and recipe.version


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nonsense = 1\n" + SMALLEST, "Recipe has no nonsense"),
        (SMALLEST.replace('program = "x"', ""), "program"),
        (SMALLEST.replace('tests = "t"', 'tests = "("'), "unterminated"),
        (SMALLEST + "[fetch]\ncopies = []\ncommands = []\nrun = []", "Fetch has no run"),
    ],
)
def test_what_is_no_recipe_is_refused(text, why):
    read_recipe("x", SMALLEST)
    with pytest.raises(Exception, match=why):
        read_recipe("x", text)


@pytest.fixture(params=RECORDED)
def recorded(request):
    told = tomllib.loads((CASES / f"{request.param}.toml").read_text("utf-8"))
    files = dict.fromkeys(told["files"], "")
    files[told["files"][-1]] = told["defines"]
    [project] = find_projects(files)[0]
    assert project.recipe.name == request.param
    return told, project, files


def test_what_a_compiler_printed_becomes_findings_in_their_places(recorded):
    told, project, files = recorded
    found = findings(clean(told["printed"], "/lane"), project, files)
    assert sorted([it.path, it.line, it.text] for it in found) == sorted(told["findings"])


def test_what_a_test_run_left_becomes_results(recorded):
    told, project, files = recorded
    places = Places(project, files)
    results = [told["results"].replace("/lane/", "")] if "results" in told else []
    cases = read(project.recipe.test[-1], clean(told.get("tested", ""), "/lane"), results, 1)
    by_state = {state: [it for it in cases if it.state == state] for state in ("passed", "failed", "skipped")}
    assert [places.id(it) for it in by_state["passed"]] == told["passed"]
    assert [places.id(it) for it in by_state["skipped"]] == told["skipped"]
    found = [places.finding(it) for it in by_state["failed"]]
    assert [[it.path, it.line, it.code] for it in found] == told["failed"]


def test_the_assertions_of_tests_are_counted(recorded):
    told, _, files = recorded
    assert assertions(told["files"][-1], files[told["files"][-1]]) == told["assertions"]
