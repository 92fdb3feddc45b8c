"""Whole runs from the command line against a strict provider on this computer."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from l2mac.sandbox.rungs import open_sandbox
from l2mac.testing import LoopbackProvider

from .jobs import commits, events, files, git
from .standard_job import StandardJob, settings

PROMPT = "Twenty small modules."
KILLS = int(os.environ.get("L2MAC_TEST_KILLS", "25"))
"""How often the long run is killed; thousands for a night."""


def l2mac(*arguments, **options):
    """Start the command line in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "l2mac", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def finished(process):
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def configure(provider):
    Path(os.environ["L2MAC_HOME"], "config.yaml").write_text(settings(provider))


def test_twenty_instructions_against_a_strict_provider(tmp_path):
    job = StandardJob(20, mistakes=True)
    with LoopbackProvider(job) as provider:
        configure(provider)
        code, out, err = finished(l2mac(PROMPT, "--out", str(tmp_path)))
        assert code == 0, err
        assert provider.refused == []
        assert provider.calls == 1 + 20 * 2 + 6, "planning, a write and a completion each, and six repairs"
        assert provider.connections == 1
    folder = Path(out.strip())
    assert out.count("\n") == 1 and folder.parent == tmp_path
    assert f"sandbox: {open_sandbox('auto').name}" in err and provider.api_key not in err
    assert len(commits(folder)) == 20
    by_hand = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], cwd=folder, capture_output=True
    )
    assert by_hand.returncode == 0 and b"20 passed" in by_hand.stdout
    assert git(folder, "status", "--porcelain") == "", "what running the tests left is ignored"


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda sent: sent.name)
def test_ctrl_c_ends_with_130_says_how_to_resume_and_resuming_completes(sent, tmp_path):
    with LoopbackProvider(StandardJob(3)) as provider:
        configure(provider)
        process = l2mac(PROMPT, "--out", str(tmp_path), "--name", "run")
        while provider.calls < 3:
            time.sleep(0.01)
        process.send_signal(sent)
        code, _, err = finished(process)
        assert code == 130 and "Traceback" not in err
        assert f"l2mac resume {tmp_path / 'run'}" in err.splitlines()[-1]
        code, _, err = finished(l2mac("resume", str(tmp_path / "run")))
        assert code == 0, err
        assert 7 <= provider.calls <= 8


@pytest.mark.slow
def test_a_run_killed_at_random_moments_ends_as_if_nothing_had_happened(tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800000000")
    chance = random.Random(20)
    with LoopbackProvider(StandardJob(20, mistakes=True)) as provider:
        configure(provider)
        code, _, err = finished(l2mac(PROMPT, "--out", str(tmp_path / "whole"), "--name", "run"))
        assert code == 0, err
        needed, provider_calls = provider.calls, provider.calls
        folder, kills = tmp_path / "killed" / "run", 0
        while True:
            begun = (folder / ".l2mac" / "run.db").exists()
            verb = ["resume", str(folder)] if begun else [PROMPT, "--out", str(folder.parent), "--name", "run"]
            process = l2mac(*verb)
            if kills < KILLS:
                early = (provider.calls - needed) / needed > kills / KILLS
                wait_for_work(provider, process, chance, early)
                if process.poll() is None:
                    process.kill()
                    kills += 1
            code, _, err = finished(process)
            if code != -signal.SIGKILL:
                break
        assert code == 0, err
        assert kills == KILLS, f"the run ended after {kills} kills; make it longer"
        assert provider.refused == []
        provider_calls = provider.calls - needed
    whole = tmp_path / "whole" / "run"
    assert files(folder) == files(whole)
    assert commits(folder) == commits(whole)
    assert events(folder, "key", "kind", "gist", "address") == events(whole, "key", "kind", "gist", "address")
    assert needed <= provider_calls <= needed + kills, "at most one call is repeated for each kill"
    assert git(folder, "fsck", "--strict") == ""


def wait_for_work(provider, process, chance, early):
    """Let a life reach its first call or a little more; where the run is ahead of its kills, perhaps not even that."""
    if early:
        time.sleep(chance.random())
        return
    calls, began = provider.calls, time.monotonic()
    while provider.calls == calls and process.poll() is None and time.monotonic() - began < 20:
        time.sleep(0.005)
    time.sleep(chance.choice([0, 0.01, 0.05, 0.2, 0.5, 0.9]) * chance.random())
