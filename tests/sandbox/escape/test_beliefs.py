"""What a project can do to be believed although a test of it fails."""

import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from l2mac.checks.python.environment import Environment, Environments
from l2mac.checks.python.installer import Installer, installer_variables
from l2mac.checks.python.project import ProjectIndex
from l2mac.checks.python.pytest_run import PytestCheck
from l2mac.checks.python.warmth import Warmth
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
    made = Environments(tmp_path_factory.mktemp("home"), Installer(installer_variables(nowhere))).environment({})
    assert isinstance(made, Environment)
    return made


def lay_out(folder, files):
    """Write a project into a folder; return it."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def _by_name(belief):
    return belief.id


@pytest.mark.parametrize("belief", BELIEFS, ids=_by_name)
def test_a_plain_pytest_is_taken_in(belief, tmp_path, environment):
    folder = lay_out(tmp_path, {**FAILING, **belief.files})
    if belief.first:
        subprocess.run([environment.python, "-c", belief.first], cwd=folder, check=True)
    alone = {"PATH": "/usr/bin:/bin", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": "src"}
    command = [environment.python, "-m", "pytest", "-q", "--rootdir", folder]
    assert subprocess.run(command, cwd=folder, env=alone, capture_output=True).returncode == 0


@pytest.fixture(scope="session")
def sandbox():
    """The highest rung that is to be had here: what the judge believes does not depend on it."""
    return next(sandbox for sandbox, missing in map(climb, reversed(RUNGS)) if not missing)


@pytest.fixture(scope="session", params=["cold", "warm"])
def reports(request, tmp_path_factory, sandbox, environment):
    """What the machine says of each belief's project, by the belief's name; found two at a time."""
    warmth = Warmth(sandbox if request.param == "warm" else None, patience=120.0)

    def judge(belief):
        files = {**FAILING, **belief.files}
        folder = lay_out(tmp_path_factory.mktemp("lane"), files)
        if belief.first:
            command = [str(environment.python), "-c", belief.first]
            assert sandbox.run(command, folder, limits=Limits(), readable=environment.readable).exit == 0
        check = PytestCheck(sandbox, seconds=60.0, warmth=warmth)
        return belief.id, check.check(Scene(files, folder), ProjectIndex().of(files), environment)

    with ThreadPoolExecutor(2) as pool:
        found = dict(pool.map(judge, BELIEFS))
    warmth.close()
    return found


@pytest.mark.parametrize("belief", BELIEFS, ids=_by_name)
def test_the_machine_is_not(belief, reports):
    report = reports[belief.id]
    assert FAILS not in report.passed
    assert report.outcome != "passed" or FAILS in report.skipped
