"""What the tests of checks share: one empty environment for the session, and a way to lay files out."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from l2mac.checks.environment import Environment, Environments
from l2mac.checks.report import Scene

NOWHERE = "http://127.0.0.1:9/simple"
"""A loopback address at which nothing listens."""


@pytest.fixture(scope="session")
def environments(tmp_path_factory: pytest.TempPathFactory) -> Environments:
    """Environments that cannot reach any registry; whoever uses them shows that none is needed."""
    unreachable = {"UV_DEFAULT_INDEX": NOWHERE, "PIP_INDEX_URL": NOWHERE, "UV_HTTP_RETRIES": "0", "PIP_RETRIES": "0"}
    return Environments(tmp_path_factory.mktemp("home"), variables={"PATH": "/usr/bin:/bin", **unreachable})


@pytest.fixture(scope="session")
def empty_environment(environments: Environments) -> Environment:
    """The environment of a project that needs nothing."""
    made = environments.environment({})
    assert isinstance(made, Environment)
    return made


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
