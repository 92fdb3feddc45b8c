"""What judging takes after a write, and at completion, beside the plain way.

    python benchmarks/checks.py [--files 100 1000] [--times 20]

A project of so many Python files (modules of the standard job, and as many tests; each module but one in ten imports
the one before it) lies in a lane. Each time one module and its test are written anew, and the machine's checks are
asked: the lane brought up to date, syntax, `pylint` on what the change reaches, the tests that it can affect.

- warm: judges that wait and fork.
- cold: the same checks, each by a process of its own.
- plain: a fresh copy of the whole, `pylint -E` on every file, `pytest` over everything, neither isolated nor limited;
  as a tool does that keeps nothing.

All three judge the same states, some of which are broken: a name that is not defined, a test that fails. What they
find, the tests that fail and the errors of pylint in what was written, is compared; where it differs, the row is void.
"""

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from standard_job import MODULE, TESTS, about, stem

from l2mac.checks.languages import artefacts
from l2mac.checks.python.checks import PythonChecks
from l2mac.checks.python.environment import Environments
from l2mac.checks.python.warmth import Warmth
from l2mac.checks.report import Scene
from l2mac.config import home
from l2mac.memory.lane import Lane
from l2mac.memory.snapshot import Snapshot
from l2mac.sandbox.rungs import open_sandbox

COLD, PLAIN = 8, 4
"""How many of the states are judged by the slower ways."""
CODE = re.compile(r"^(\S+?\.py):\d+:\d+: (E\d+)", re.MULTILINE)
FAILED = re.compile(r"^FAILED (\S+)", re.MULTILINE)


def project(count):
    """The files of a project: path to text."""
    files = {}
    for number in range(count // 2):
        before = f"from {stem(number - 1)} import SCALE as BEFORE\n" if number % 10 else "BEFORE = 1\n"
        files[f"{stem(number)}.py"] = f"{MODULE.format(**about(number))}\n\n{before}"
        files[f"tests/test_{stem(number)}.py"] = TESTS.format(**about(number))
    return files


def writes(files, times):
    """States of the project, each with the paths that were written: one is broken, the next mends it."""
    for turn in range(times):
        number = turn // 2 * 37 % (len(files) // 2)
        module, test = f"{stem(number)}.py", f"tests/test_{stem(number)}.py"
        body = "1" if turn % 2 else ("no_such_name", "2")[turn // 2 % 2]
        added = f"\n\ndef added():\n    return {body}\n"
        tested = f"\n\ndef test_added():\n    from {stem(number)} import added\n\n    assert added() == 1\n"
        changed = {module: files[module] + added, test: files[test] + tested}
        if not turn % 2:  # what was written before stays, mended
            state = {**files, **changed}
        else:
            state = files = {**files, **changed}
        yield state, frozenset(changed)


def found(reports):
    """The errors of pylint and the tests that failed."""
    by_name = {report.check: report for report in reports}
    lint = sorted((it.path, it.code) for it in by_name["lint"].failures)
    return lint, sorted(it.code for it in by_name["tests"].failures)


class Ours:
    """The machine's checks."""

    def __init__(self, folder, warm):
        sandbox = open_sandbox("auto")
        self.lane = Lane(folder, artefacts())
        self.warmth = Warmth(sandbox if warm else None, patience=60.0, notice=print)
        self.checks = PythonChecks(sandbox, Environments(home()), warmth=self.warmth)

    def judge(self, files, changed):
        self.lane.lay_out(Snapshot(files))
        return self.checks.check(Scene(files, self.lane.folder, changed))


def plain(files, changed):
    """Copy, lint and test everything; return what was found in what was written."""
    with tempfile.TemporaryDirectory() as folder:
        for path, text in files.items():
            place = Path(folder, path)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        paths = [path for path in files if path.endswith(".py")]
        lint = subprocess.run(
            [sys.executable, "-m", "pylint", "-E", *paths], cwd=folder, capture_output=True, text=True
        ).stdout
        tests = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], cwd=folder, capture_output=True, text=True
        ).stdout
    return sorted(it for it in CODE.findall(lint) if it[0] in changed), sorted(FAILED.findall(tests))


def timed(judge, states, most):
    """Milliseconds, and what was found, for each of some states."""
    taken, told = [], []
    for files, changed in states[:most]:
        began = time.perf_counter()
        told.append(judge(files, changed))
        taken.append((time.perf_counter() - began) * 1000)
    return taken, told


def measure(count, times):
    """The rows of a table for a project of so many files."""
    files = project(count)
    states = list(writes(files, times))
    with tempfile.TemporaryDirectory(dir=home()) as folder:
        warm, cold = (Ours(Path(folder, name), name == "warm") for name in ("warm", "cold"))
        for ours in (warm, cold):
            ours.judge(files, frozenset({f"{stem(0)}.py"}))  # environment, lane and what waits come into being
        rows = {
            "warm": timed(warm.judge, states, times),
            "cold": timed(cold.judge, states, COLD),
            "plain": timed(plain, states, PLAIN),
        }
        whole = {
            name: timed(ours.judge, [(states[-1][0], None)] * 3, 3) for name, ours in (("warm", warm), ("cold", cold))
        }
        warm.warmth.close()
    return rows, whole


def differences(rows, whole):
    """Where two ways found something else."""
    pairs = [("cold", a, b) for a, b in zip(rows["warm"][1], rows["cold"][1], strict=False)]
    pairs += [("plain", found(a), b) for a, b in zip(rows["warm"][1], rows["plain"][1], strict=False)]
    pairs += [("completion", a, b) for a, b in zip(whole["warm"][1], whole["cold"][1], strict=True)]
    return [f"{name}: {a} != {b}" for name, a, b in pairs if a != b]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--times", type=int, default=20)
    asked = parser.parse_args()
    print(f"sandbox: {open_sandbox('auto').name}\n")
    print("| files | check after a write, ms (median) | fastest | slowest | plain / this | the whole, ms | findings |")
    print("|---|---|---|---|---|---|---|")
    for count in asked.files:
        rows, whole = measure(count, asked.times)
        void = differences(rows, whole)
        base = statistics.median(rows["plain"][0])
        for name, (taken, told) in rows.items():
            middle = statistics.median(taken)
            completion = f"{statistics.median(whole[name][0]):,.0f}" if name in whole else ""
            same = "void" if void else "equal"
            print(
                f"| {count:,} {name} | {middle:,.0f} | {min(taken):,.0f} | {max(taken):,.0f} "
                f"| {base / middle:.1f} | {completion} | {same} in {len(told)} |",
                flush=True,
            )
        for line in void:
            print(line[:2000], file=sys.stderr)


if __name__ == "__main__":
    main()
