"""What the tests of memory share: workspaces, journals, and processes without privileges."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from l2mac.memory.git import Git
from l2mac.memory.journal import Journal
from l2mac.memory.workspace import Workspace


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    """An empty workspace with its repository."""
    made = Workspace(tmp_path / "work space", ("__pycache__/", "*.pyc"))
    made.create()
    return made


@pytest.fixture
def git(workspace) -> Git:
    """The repository of the workspace."""
    return workspace.git


@pytest.fixture
def open_journal(tmp_path) -> Iterator[Callable[..., Journal]]:
    """Open the journal of one run, as often as wanted; each is closed at the end."""
    opened = []

    def open_(path: Path = tmp_path / "run" / ".l2mac" / "run.db", **options) -> Journal:
        path.parent.mkdir(parents=True, exist_ok=True)
        opened.append(Journal(path, **options))
        return opened[-1]

    yield open_
    for journal in opened:
        journal.close()


@pytest.fixture
def unprivileged(tmp_path) -> Callable[..., str]:
    """Run Python in `tmp_path` as a process that permissions bind, also for root; return what it prints."""
    drop = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"] if os.geteuid() == 0 else []
    if drop and not shutil.which("setpriv"):
        pytest.skip("setpriv, which takes root's privileges away, is not installed")

    def run(code: str, *arguments: object) -> str:
        done = subprocess.run(
            [*drop, sys.executable, "-c", f"from pathlib import Path\nhere = Path.cwd()\n{code}", *map(str, arguments)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
