"""How much sooner a run ends with several lanes, where the model takes its time.

    python benchmarks/lanes.py                          one, two and four lanes, a model that takes 1 s for each reply
    python benchmarks/lanes.py --seconds 5 --lanes 1 8   another model, other lanes

The program is given: rows of four instructions of the standard job (standard_job.py), where each needs all of the row
above it, so that its width is four. An instruction takes four replies: it looks at what is there, writes its module,
writes its tests, completes. The model answers by the place of a request, after as many seconds, to as many requests at
once as are made. For the first rows a check that passes everything stands in for the real one, so that they show the
lanes alone. For the others checks are real: pylint and pytest in the sandbox, after each write, at each completion, and
once more where a lane's work is brought onto what others retired. These share the cores with one another, as waiting
does not: a row can't be faster than the time that its checks take on the cores there are.

Every row has a fresh home and folder. Files that differ from the first row's void the table: exit code 1.
"""

import argparse
import os
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from standard_job import complete, part, stem, write

from l2mac.testing import calls

WIDTH = 4


class Slow:
    """A model that takes its time, and counts how many wait for it at once."""

    name = "slow"
    window = 48_000

    def __init__(self, seconds):
        self.seconds = seconds
        self.calls = self.most = self._now = 0
        self._lock = threading.Lock()

    def complete(self, request, listener=None):
        with self._lock:
            self.calls += 1
            self._now += 1
            self.most = max(self.most, self._now)
        time.sleep(self.seconds)
        with self._lock:
            self._now -= 1
        _, id, _, turn = request.place.split("/")
        return calls(answer(int(id[1:]), int(turn)))


def answer(number, turn):
    """The call of an instruction's turn."""
    if turn == 1:
        return "list_files", {"glob": f"{stem(number)}*"}
    if turn == 4:
        return complete(number)
    name, arguments = write(number)
    return name, {"files": [arguments["files"][turn - 2]]}


def program(rows):
    """The standard job's instructions in rows of four."""
    from l2mac.program.values import Instruction, Program, Requirement

    plan = part(0, rows * WIDTH, rows * WIDTH)
    steps = []
    for at, it in enumerate(plan["instructions"]):
        first = at // WIDTH * WIDTH
        needs = tuple(f"I{number}" for number in range(max(first - WIDTH, 0) + 1, first + 1))
        steps.append(Instruction(**{**it, "covers": tuple(it["covers"]), "files": tuple(it["files"]), "needs": needs}))
    return Program(tuple(steps), tuple(Requirement(**it) for it in plan["requirements"]))


def all_pass(self, scene):
    """Stands in for the checks."""
    from l2mac.checks.report import Report

    tests = tuple(f"{path}::test_a_record_is_parsed_and_corrected" for path in scene.files if path.startswith("tests/"))
    return [Report("syntax", "passed"), Report("lint", "passed"), Report("tests", "passed", passed=tests)]


def run(lanes, rows, seconds, checks):
    """One run; its files, how long it took, and the model."""
    from l2mac import generate_codebase
    from l2mac.checks import languages
    from l2mac.config import Checks, Run, Settings

    with tempfile.TemporaryDirectory() as folder:
        os.environ["L2MAC_HOME"] = f"{folder}/home"
        if not checks:
            languages.ProjectChecks.check = all_pass
        settings = Settings(run=Run(out=folder, lanes=lanes), checks=Checks(mutation="off"))
        model = Slow(seconds)
        began = time.monotonic()
        codebase = generate_codebase("Stations.", program=program(rows), processor=model, settings=settings, name="run")
        took = time.monotonic() - began
        if not codebase.complete:
            sys.exit(f"{lanes} lanes: {codebase.ended}")
        return dict(codebase), took, model.calls, model.most


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1.0, help="that the model takes for a reply")
    parser.add_argument("--rows", type=int, default=2, help="of four instructions each")
    parser.add_argument("--lanes", type=int, nargs="+", default=[1, 2, 4], help="the first is compared with the others")
    parser.add_argument("--checks", choices=["none", "real", "both"], default="both")
    given = parser.parse_args()
    print("| checks | lanes | wall, s | times as fast | replies | at once | target |")
    print("|---|---|---|---|---|---|---|")
    for checks in {"none": [False], "real": [True], "both": [False, True]}[given.checks]:
        table(given, checks)


def table(given, checks):
    """The rows of one kind, each run in a process of its own."""
    first = None
    for lanes in given.lanes:
        with ProcessPoolExecutor(1, get_context("spawn")) as alone:
            files, took, calls, most = alone.submit(run, lanes, given.rows, given.seconds, checks).result()
        first = first or (files, took)
        if files != first[0]:
            sys.exit(f"void: {lanes} lanes made other files than {given.lanes[0]}")
        faster = f"{first[1] / took:.2f} | {calls} | {most} | {'≥ 3' if lanes == WIDTH else ''}"
        print(f"| {'real' if checks else 'none'} | {lanes} | {took:.1f} | {faster} |", flush=True)


if __name__ == "__main__":
    main()
