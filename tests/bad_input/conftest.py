"""Yards, and the process that gives commands in them."""

import shutil
from contextlib import closing

import pytest

from l2mac.memory.journal import Journal
from l2mac.panel.tapes import export_tape
from l2mac.testing import calls

from ..jobs import build, done, numbered, shown, write
from .yard import Warm, Yard

JOB = [numbered("I1"), calls(write(a_dot_txt="hello\n"), done(evidence=shown("a.txt")))]


@pytest.fixture(scope="session")
def warm(tmp_path_factory):
    process = Warm(tmp_path_factory.mktemp("warm"))
    yield process
    process.close()


@pytest.fixture(scope="session")
def recorded(tmp_path_factory):
    """A run that is done, with its tape, and one that is only planned."""
    folder = tmp_path_factory.mktemp("recorded")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("L2MAC_HOME", str(folder / "home"))
        codebase, _ = build(JOB, folder / "done", name="run", domain="codebase")
        with closing(Journal(codebase.path / ".l2mac" / "run.db", writable=False)) as journal:
            export_tape(journal, folder / "t.jsonl")
        build(JOB, folder / "planned", name="run", domain="codebase", plan_only=True)
    return folder


@pytest.fixture
def yard(tmp_path, warm, recorded):
    """Gives the yard of a case."""

    def made(case):
        yard = Yard(tmp_path / "yard", warm)
        yard.prepare(case)
        if not (yard.here / "t.jsonl").exists():
            shutil.copy(recorded / "t.jsonl", yard.here)
        if case.run:
            shutil.copytree(recorded / case.run / "run", yard.here / "workspace" / "run", symlinks=True)
        return yard

    return made
