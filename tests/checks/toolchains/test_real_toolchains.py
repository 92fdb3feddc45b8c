"""Real compilers and test runners on small projects: good, with an error, with a failing test, with a hang."""

import tomllib
from pathlib import Path

import pytest

from l2mac.checks.toolchains.recipe import recipes
from l2mac.checks.toolchains.tools import find

CASES = Path(__file__).parents[2] / "cases" / "toolchains" / "real"
LANGUAGES = sorted(it.stem for it in CASES.glob("*.toml"))
RECIPES = {it.name: it for it in recipes()}


@pytest.fixture(params=LANGUAGES)
def case(request):
    tool = find(RECIPES[request.param])
    if isinstance(tool, str):
        pytest.skip(tool)
    told = tomllib.loads((CASES / f"{request.param}.toml").read_text("utf-8"))
    return {"name": request.param} | told


@pytest.fixture
def judged(bench, case):
    def judge(change=None, **options):
        files = dict(case["files"])
        if change:
            path, old, new = change[:3]
            assert old in files[path]
            files[path] = files[path].replace(old, new, 1)
        reports = bench(case["name"], files, **options)
        if "unreachable" in reports:
            pytest.skip(reports["unreachable"])
        return reports

    return judge


@pytest.mark.slow
def test_a_good_project_builds_and_its_tests_pass(judged, case):
    reports = judged()
    assert reports["build"].outcome == "passed", reports["build"]
    assert reports["tests"].outcome == "passed", reports["tests"]
    assert list(reports["tests"].passed) == case["passed"]
    assert list(reports["tests"].skipped) == case["skipped"]


@pytest.mark.slow
def test_what_a_compiler_objects_to_is_found_in_its_place(judged, case):
    path, _, _, line = case["syntax"]
    reports = judged(case["syntax"])
    assert (path, line) in {(it.path, it.line) for it in reports["build"].failures}, reports["build"]
    assert reports["build"].outcome == "failed" and "tests" not in reports


@pytest.mark.slow
def test_a_failing_test_is_found_in_its_place(judged, case):
    path, _, _, line, test = case["failing"]
    reports = judged(case["failing"])
    assert reports["tests"].outcome == "failed"
    [finding] = reports["tests"].failures
    assert (finding.path, finding.line, finding.code) == (path, line, test)
    assert test not in reports["tests"].passed and f"FAILED {test}" in reports["tests"].detail


@pytest.mark.slow
def test_a_test_that_never_ends_is_stopped(judged, case):
    reports = judged(case["hang"], seconds=case["seconds"], changed=frozenset(case["files"]))
    assert reports["tests"].outcome == "timed_out", reports
    assert any("did not finish within" in it.text for it in reports["tests"].failures)
