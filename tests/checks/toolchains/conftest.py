"""What the tests of toolchains share: the tools of this computer, a home for what is fetched, warm lanes."""

import os
import pwd
import shutil
from pathlib import Path

import pytest

from l2mac.checks.report import Scene
from l2mac.checks.toolchains.checks import ToolchainChecks, artefacts
from l2mac.checks.toolchains.fetching import Fetcher
from l2mac.memory.lane import Lane
from l2mac.memory.snapshot import Snapshot
from l2mac.sandbox.rungs import open_sandbox

RUSTUP = os.environ.get("RUSTUP_HOME") or str(Path(pwd.getpwuid(os.getuid()).pw_dir) / ".rustup")


@pytest.fixture(autouse=True)
def rust_is_where_it_was(monkeypatch):
    """The guard rails move HOME, by which rustup finds what it has installed."""
    monkeypatch.setenv("RUSTUP_HOME", RUSTUP)


@pytest.fixture(scope="session")
def toolchains_home(tmp_path_factory):
    return tmp_path_factory.mktemp("toolchains")


@pytest.fixture
def bench(toolchains_home):
    """Judges files in a lane that is the same for each name."""

    def judge(name, files, *, seconds=60.0, results=None, **scene):
        lane = Lane(toolchains_home / "lanes" / name, artefacts())
        lane.lay_out(Snapshot(files))
        fetcher = Fetcher(toolchains_home, variables=scene.pop("variables", None))
        checks = ToolchainChecks(open_sandbox("auto"), fetcher, results, seconds=seconds)
        reports = checks.check(Scene(files, lane.folder, **scene))
        unreachable = [it.detail for it in reports if it.check == "environment" and it.outcome == "unavailable"]
        return {it.check: it for it in reports} | ({"unreachable": unreachable[0]} if unreachable else {})

    return judge


def needed(*programs):
    """Skip a test where one of its programs is not installed."""
    missing = [it for it in programs if not shutil.which(it)]
    return pytest.mark.skipif(bool(missing), reason=f"{', '.join(missing)} is not installed here")
