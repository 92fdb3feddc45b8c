"""What the tests of checks share: one empty environment for the session, and a way to lay files out."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from l2mac.checks.python.environment import Environment, Environments
from l2mac.checks.python.installer import Installer, installer_variables
from l2mac.checks.report import Scene


@pytest.fixture(scope="session")
def dead_registry() -> dict[str, str]:
    """Variables that point every installer at a loopback address at which nothing listens."""
    nowhere = "http://127.0.0.1:9/simple"
    quickly = {"UV_HTTP_RETRIES": "0", "PIP_CONFIG_FILE": "/dev/null"}
    return {"PATH": "/usr/bin:/bin", "UV_DEFAULT_INDEX": nowhere, "PIP_INDEX_URL": nowhere, **quickly}


@pytest.fixture(scope="session")
def environments(tmp_path_factory: pytest.TempPathFactory, dead_registry: dict[str, str]) -> Environments:
    """Environments that cannot reach any registry; whoever uses them shows that none is needed."""
    return Environments(tmp_path_factory.mktemp("home"), Installer(installer_variables(dead_registry)))


@pytest.fixture(scope="session")
def empty_environment(environments: Environments) -> Environment:
    """The environment of a project that needs nothing."""
    made = environments.environment({})
    assert isinstance(made, Environment)
    return made


@pytest.fixture
def home(tmp_path: Path, empty_environment: Environment) -> Path:
    """A home of its own in which what ships with us stands already, because copying it anew takes a second."""
    for folder in empty_environment.readable[1:3]:
        shutil.copytree(folder, tmp_path / "home" / "environments" / folder.name)
    return tmp_path / "home"


LayOut = Callable[..., Scene]


@pytest.fixture
def lay_out(tmp_path: Path) -> LayOut:
    """Write files into a lane and describe it as a scene."""

    def write(files: Mapping[str, str], changed: set[str] | None = None, tests: tuple[str, ...] | None = None) -> Scene:
        lane = tmp_path / "lane"
        for path, text in files.items():
            (lane / path).parent.mkdir(parents=True, exist_ok=True)
            (lane / path).write_text(text, "utf-8")
        lane.mkdir(exist_ok=True)
        return Scene(files, lane, None if changed is None else frozenset(changed), tests)

    return write
