"""The first of the README's two commands, in a fresh clone and an empty home, as someone who has never been here."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from .jobs import commits

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_first_command_of_the_readme_sets_up_and_builds_the_snake(tmp_path):
    """It installs from the package registry, so the variables that name one are the only ones that are handed over."""
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("not a git checkout: there is nothing to clone")
    clone, user = tmp_path / "l2mac", tmp_path / "user"
    user.mkdir()
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    command = re.search(r"^python3 -m venv .* && \.venv/bin/l2mac .*$", (ROOT / "README.md").read_text(), re.MULTILINE)
    registry = re.compile(r"(PIP|UV)_|.*_PROXY$|.*_proxy$|SSL_|REQUESTS_CA|CURL_CA")
    kept = {name: value for name, value in os.environ.items() if registry.match(name)}
    ran = subprocess.run(
        ["bash", "-c", command[0]],
        cwd=clone,
        env={**kept, "PATH": os.environ["PATH"], "HOME": str(user), "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=540,
    )
    made = clone / "workspace" / "snake-game"
    assert (ran.returncode, ran.stdout) == (0, f"{made}\n"), ran.stderr
    lines = [re.sub(r"^\S+ +", "", line) for line in ran.stderr.splitlines()]
    assert any("no model is configured" in line for line in lines)
    assert lines[-1].startswith("complete: 3 instructions") and "no model is asked" in lines[-1]
    assert len(commits(made)) == 3 and (made / "main.py").exists()
    assert (user / ".l2mac" / "environments").is_dir() and not (clone / ".l2mac").exists()
    status = subprocess.run(["git", "status", "--porcelain"], cwd=clone, capture_output=True, text=True, check=True)
    assert status.stdout == "", "the clone is as it was: what is made is ignored"
