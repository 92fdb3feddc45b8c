"""A model that does wrong: a run ends, says the truth, keeps its trunk green. The whole is benchmarks/survival.py."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["failing test", "wrong file", "weakened test", "false completion", "nonsense"])
def test_a_run_survives_what_its_model_does(fault):
    command = [sys.executable, str(ROOT / "benchmarks" / "survival.py"), "--fault", fault]
    done = subprocess.run(
        [*command, "--rate", "0.5", "--instructions", "4"], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].endswith("| – |")
