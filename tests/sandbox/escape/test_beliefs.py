"""What a project can do to be believed although a test of it fails."""

import subprocess

import pytest

from l2mac.checks.environment import Environment, Environments
from l2mac.checks.project import ProjectIndex
from l2mac.checks.pytest_run import PytestCheck
from l2mac.checks.report import Scene
from l2mac.sandbox.seam import Limits

from .attack import RUNGS
from .deceiving import BELIEFS, FAILING, FAILS
from .ladder import climb


@pytest.fixture(scope="session")
def environment(tmp_path_factory):
    """The environment of a project that needs nothing; no registry can be reached for it."""
    nowhere = {
        "PATH": "/usr/bin:/bin",
        "UV_DEFAULT_INDEX": "http://127.0.0.1:9/",
        "PIP_INDEX_URL": "http://127.0.0.1:9/",
    }
    made = Environments(tmp_path_factory.mktemp("home"), variables=nowhere).environment({})
    assert isinstance(made, Environment)
    return made


@pytest.fixture
def lane(tmp_path):
    """Lays a belief's project out."""

    def lay_out(belief):
        for path, text in {**FAILING, **belief.files}.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
        return tmp_path

    return lay_out


def _by_name(belief):
    return belief.id


@pytest.mark.parametrize("belief", BELIEFS, ids=_by_name)
def test_a_plain_pytest_is_taken_in(belief, lane, environment):
    folder = lane(belief)
    if belief.first:
        subprocess.run([environment.python, "-c", belief.first], cwd=folder, check=True)
    alone = {"PATH": "/usr/bin:/bin", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": "src"}
    command = [environment.python, "-m", "pytest", "-q", "--rootdir", folder]
    assert subprocess.run(command, cwd=folder, env=alone, capture_output=True).returncode == 0


@pytest.fixture(scope="session")
def sandbox():
    """The highest rung that is to be had here: what the judge believes does not depend on it."""
    return next(sandbox for sandbox, missing in map(climb, reversed(RUNGS)) if not missing)


@pytest.mark.parametrize(
    "belief",
    [
        pytest.param(it, id=it.id, marks=[pytest.mark.xfail(reason=it.leaks, strict=True)] if it.leaks else [])
        for it in BELIEFS
    ],
)
def test_the_machine_is_not(belief, sandbox, lane, environment):
    folder, files = lane(belief), {**FAILING, **belief.files}
    if belief.first:
        command = [str(environment.python), "-c", belief.first]
        assert sandbox.run(command, folder, limits=Limits(), readable=environment.readable).exit == 0
    check = PytestCheck(sandbox, seconds=60.0)
    report = check.check(Scene(files, folder), ProjectIndex().of(files), environment)
    assert FAILS not in report.passed
    assert report.outcome != "passed" or FAILS in report.skipped
