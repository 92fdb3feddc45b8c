"""Whether every run ends, says the truth about how, and keeps its trunk green, whatever the model does.

    python benchmarks/survival.py               each fault, at 10 % and at 30 % of the replies, over 20 instructions
    python benchmarks/survival.py --runs 500    short runs with all faults together, for false "complete"

The model (faults.py) is honest but for the faults that a seeded generator puts in place of its replies. What a run says
of itself is compared with what is seen from outside: the generated tests run by plain pytest at every commit, and what
the modules do is compared with what was asked for, by code that the run never saw. The table says how often each fault
was really injected; one that never happened is a failed run. The exit code is 1 where anything is not as it must be.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest
from faults import KINDS, Faulty

from l2mac.testing import LoopbackProvider

SECONDS = 10
"""What a run of the generated tests may take."""
TRUTH = """import importlib
for k in range(1, {n} + 1):
    assert getattr(importlib.import_module(f"module_{{k}}"), f"scale_{{k}}")(7) == 7 * k
"""


def run(kinds, rate, seed, n, folder):
    """Do the job once.

    Returns:
        the folder of the run, its exit code, the policy with what it injected, seconds.
    """
    policy, began = Faulty(n, kinds, rate, seed), time.perf_counter()
    with LoopbackProvider(policy) as provider:
        llm = {"api_type": "openai", "model": "loopback", "base_url": provider.base_url, "api_key": provider.api_key}
        given = [f"llm.{key}={value}" for key, value in llm.items()] + [
            f"checks.seconds={SECONDS}",
            "checks.mutation=off",  # it reports and decides nothing
        ]
        command = [
            sys.executable,
            "-m",
            "l2mac",
            "Write modules that scale.",
            "--quiet",
            "--out",
            folder,
            "--name",
            "run",
        ]
        done = subprocess.run(
            [*command, *(it for pair in given for it in ("--set", pair))], capture_output=True, text=True, timeout=3600
        )
    assert not provider.refused, provider.refused[:1]
    return Path(folder, "run"), done, policy, time.perf_counter() - began


def green(trunk):
    """The commits at which the generated tests do not pass, of how many."""
    commits = subprocess.run(["git", "-C", trunk, "log", "--format=%H", "--reverse"], capture_output=True, text=True)
    hashes = commits.stdout.split()
    return [it for it in hashes if not sound(trunk, it)], len(hashes)


def sound(trunk, commit):
    """Whether the tests that a commit holds pass, if it holds any: plain pytest, in a fork of this process."""
    with tempfile.TemporaryDirectory() as there:
        archive = subprocess.run(["git", "-C", trunk, "archive", commit], capture_output=True, check=True)
        subprocess.run(["tar", "-x", "-C", there], input=archive.stdout, check=True)
        if not (Path(there) / "tests").exists():
            return True
        child = os.fork()
        if child == 0:
            signal.alarm(300)
            os.chdir(there)
            sys.path.insert(0, there)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os._exit(pytest.main(["-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", "."]))
        return os.waitpid(child, 0)[1] == 0


def right(trunk, n):
    """Whether the modules do what was asked for."""
    return subprocess.run([sys.executable, "-c", TRUTH.format(n=n)], cwd=trunk, capture_output=True).returncode == 0


def judged(kinds, rate, seed, n, commits=True):
    """Do the job once and look at it from outside; a row of the table and what is wrong with it."""
    with tempfile.TemporaryDirectory() as folder:
        trunk, done, policy, seconds = run(kinds, rate, seed, n, folder)
        complete, true = done.returncode == 0, right(trunk, n)
        red, count = green(trunk) if commits else ([], 0)
    wrong = []
    if done.returncode not in (0, 4, 5):
        wrong.append(f"exit code {done.returncode}: {done.stderr.strip()[-200:]}")
    if complete and not true:
        wrong.append("a false complete")
    if not complete and true and count >= n:
        wrong.append("all is there, and it does not say so")
    if red:
        wrong.append(f"{len(red)} of {count} commits are red")
    return {"exit": done.returncode, "commits": count, "seconds": seconds, "injected": policy.injected, "wrong": wrong}


def matrix(kinds, rates, n, seed):
    """Each fault at each rate."""
    print("| fault | rate | injected | exit | commits green | seconds | wrong |")
    print("|---|---|---|---|---|---|---|")
    bad = 0
    for kind in kinds:
        for rate in rates:
            row = judged((kind,), rate, f"{seed} {kind} {rate}", n)
            count = row["injected"][kind]
            wrong = "; ".join(row["wrong"]) or ("never injected" if not count else "–")
            bad += wrong != "–"
            cells = (kind, f"{rate:.0%}", count, row["exit"], row["commits"], f"{row['seconds']:.0f}", wrong)
            print("| " + " | ".join(map(str, cells)) + " |", flush=True)
    return bad


def many(runs, n, seed):
    """Short runs with all faults together; Ctrl-C leaves it at those that there are."""
    injected, exits, bad = Counter(), Counter(), []
    for number in range(runs):
        try:
            row = judged(KINDS, 0.3, f"{seed} {number}", n, commits=False)
        except KeyboardInterrupt:
            break
        injected.update(row["injected"])
        exits[row["exit"]] += 1
        bad += [f"run {number}: {it}" for it in row["wrong"]]
        print(f"\r{number + 1} of {runs}", end="", file=sys.stderr, flush=True)
    print(f"\n| runs of {n} instructions, all faults at 30 % | {sum(exits.values())} |\n|---|---|")
    for code, count in sorted(exits.items()):
        print(f"| exit {code} | {count} |")
    print(f"| not as it must be | {len(bad)} |")
    for kind in KINDS:
        print(f"| {kind} | {injected[kind]} |")
    print("\n".join(bad))
    return len(bad) + sum(not injected[kind] for kind in KINDS)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=0, help="so many short runs with all faults, instead of the matrix")
    parser.add_argument("--instructions", type=int, default=0, help="of a run; 20, or 3 with --runs")
    parser.add_argument("--fault", choices=KINDS, action="append", help="only these")
    parser.add_argument("--rate", type=float, action="append", help="only this; 0 to 1")
    parser.add_argument("--seed", default="1")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ.update(L2MAC_HOME=home)
        if given.runs:
            return many(given.runs, given.instructions or 3, given.seed)
        return matrix(given.fault or KINDS, given.rate or (0.1, 0.3), given.instructions or 20, given.seed)


if __name__ == "__main__":
    sys.exit(bool(main()))
