"""What the sandbox costs per command, on every rung that works here.

    python benchmarks/sandbox.py

Each row is `true`, run again and again in a lane of 20 files, the rungs in turn so that other work on the same cores
hits all alike; the first round is not counted. The floor is the same command without guard or sandbox.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from l2mac.errors import UsageError
from l2mac.sandbox.rungs import open_sandbox

ROUNDS = 60
RUNGS = ("none", "bubblewrap", "bubblewrap without /proc", "landlock", "docker", "podman")
COMMAND = ["/bin/true"]


def main():
    sandboxes = {}
    for rung in RUNGS:
        try:
            sandboxes[rung] = open_sandbox(rung)
        except UsageError as error:
            print(f"{rung}: {error}", file=sys.stderr)
    taken = {"floor": [], **{rung: [] for rung in sandboxes}}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(20):
            Path(folder, f"{number}.py").write_text("X = 1\n" * 100)
        for _ in range(ROUNDS + 1):
            for rung, times in taken.items():
                began = time.perf_counter()
                if rung == "floor":
                    subprocess.run(COMMAND, cwd=folder, check=True)
                else:
                    outcome = sandboxes[rung].run(COMMAND, Path(folder), readable=(Path(sys.prefix),))
                    assert outcome.exit == 0, outcome
                times.append(1000 * (time.perf_counter() - began))
    print("| a command on | median, ms | fastest, ms | target |\n|---|---|---|---|")
    for rung, times in taken.items():
        goal = "" if rung in ("floor", "docker", "podman") else "≤ 30"
        print(f"| {rung} | {statistics.median(times[1:]):.1f} | {min(times[1:]):.1f} | {goal} |")


if __name__ == "__main__":
    main()
