"""What the machine itself costs on the standard job: time, tokens, disk and memory.

    python benchmarks/overhead.py              every row, in about three minutes
    python benchmarks/overhead.py --profile    in which functions the time goes

The standard job (standard_job.py) runs through `generate_codebase` with the openai processor, streaming, against a
provider on this computer that answers at once. Provider and run have a process each, and each run a fresh one.

**Own time per call.** The journal says of each event when it was written (`time`) and how long its work took (`took`).
So the time of an instruction falls into its steps and the gaps between them, each gap reaching from one event to the
beginning of the next one's work, and nothing of it is lost:

    own = (sum of gaps, but for retired -> committed) + (sum of the replies' took) - (sum of the floors)

divided by the instruction's replies. Left aside are the steps `checks` and `committed`, and the gap from `retired` to
`committed`, in which files are laid out: checks and retirement. What stays is the window, the request's digest, the
client, the tools, the verdict, the journal's writing, and, between `committed` and the next `began`, the look for the
user's edits, which waits for three processes of git; the row below it leaves that gap out too. The floor of a reply is
what `OpenAIProcessor` alone takes to stream the very same request from the same provider, again in a fresh process. It
is the lowest that a client that parses its stream reaches here, so that nothing is hidden behind it; the rows below
take the `openai` package's own client, and HTTP with the answer read but not parsed, as the floor instead. For these
rows a check that passes everything stands in for the real one. Figures are medians over instructions. The wall time is
with the real checks; beside it stands what it would be were each write judged the plain way, measured right after.

**Tokens** are counted in o200k_base: tools as JSON, messages as role, content and calls. Fresh is what is not a prefix
of an earlier request of the run. **Disk** is the size of all files in `.l2mac` when the run is over; **memory** is the
high-water mark of the run's process (VmHWM), which counts up to 1,000 files with the stand-in for the checks.
"""

import argparse
import cProfile
import os
import pstats
import re
import statistics
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from checks import plain, timed
from floors import floors
from prompt_tokens import report_tokens, tokens
from standard_job import MODULE, PROMPT, TESTS, about, in_own_process, part, provider, stem

WAITING = ("poll", "select", "recv", "read", "acquire", "fork_exec", "fsync", "waitpid", "sleep", "commit")
PLANNED = 200  # longer programs are given: a plan of so many parts does not fit into the planning window
EDGE = 40  # instructions at either end that are compared


def run(url, count, checks, profile=False):
    """Do the standard job; the result says how long it took and what it left behind."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["L2MAC_HOME"] = f"{folder}/home"
        os.environ.pop("SOURCE_DATE_EPOCH", None)
        from l2mac import machine
        from l2mac.checks import languages
        from l2mac.config import LLM, Run, Settings
        from l2mac.memory.journal import Journal
        from l2mac.program.values import Instruction, Program, Requirement

        if not checks:
            languages.ProjectChecks.check = all_pass
        given = None
        if count > PLANNED:
            plan = part(0, count, count)
            steps = [{**it, "covers": tuple(it["covers"]), "files": tuple(it["files"])} for it in plan["instructions"]]
            wanted = [Requirement(**it) for it in plan["requirements"]]
            given = Program(tuple(Instruction(**it) for it in steps), tuple(wanted))
        llm = LLM(base_url=url, model="loopback", api_key="sk-loopback")
        settings = Settings(llm=llm, run=Run(steps=count, out=folder))
        profiler = cProfile.Profile()
        began = time.perf_counter()
        if profile:
            profiler.enable()
        made = machine.generate_codebase(PROMPT.format(count=count), settings=settings, program=given)
        profiler.disable()
        wall = time.perf_counter() - began
        assert made.complete, made.ended
        memory = int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024
        journal = Journal(made.path / ".l2mac" / "run.db", writable=False)
        events = [
            (it.key.rsplit("/", 1)[1] if it.kind == "checks" else it.kind, it.instruction, it.time, it.took)
            for it in journal.events()
        ]
        journal.close()
        disk = sum(path.stat().st_size for path in (made.path / ".l2mac").rglob("*") if path.is_file())
        if profile:
            show_profile(profiler)
        return {"wall": wall, "events": events, "memory": memory, "disk": disk}


def all_pass(self, scene):
    """Say of every check, and of every test, that it passed: as long a report as the real one's, made at once."""
    from l2mac.checks.report import Report

    paths = sorted(scene.files if scene.changed is None else scene.changed)
    found = [f"{path}::{name}" for path in paths for name in re.findall(r"^def (test_\w+)", scene.files[path], re.M)]
    return [Report("syntax", "passed"), Report("lint", "passed"), Report("tests", "passed", passed=tuple(found))]


def job(count, checks=False, one_reply=False, floored=False):
    """Run the standard job in processes of its own; add the requests and, if asked, the floors of all of them."""
    with provider(one_reply) as (url, requests):
        result = in_own_process(run, url, count, checks)
        result["requests"] = requests()
        if floored:
            result["floors"] = in_own_process(floors, url, result["requests"])
    return result


def instructions(result, floor="adapter"):
    """For each instruction: its replies, and the milliseconds of its gaps and of what its replies took above floor."""
    found, left = {}, iter(result["floors"][floor])
    for (before, _, then, _), (kind, instruction, now, took) in pairwise(result["events"]):
        parts = found.setdefault(instruction, {"replies": 0, "client, digest": 0.0})
        name = f"{before} → {kind}"
        parts[name] = parts.get(name, 0.0) + 1000 * (now - took - then)
        if kind == "reply":
            parts["replies"] += 1
            parts["client, digest"] += 1000 * (took - next(left))
    return [parts for id, parts in found.items() if id not in ("I0", "-")]


def own(parts, aside):
    """Own milliseconds per call of one instruction, some parts left aside."""
    return sum(ms for name, ms in parts.items() if name not in ("replies", *aside)) / parts["replies"]


def report_time(result):
    """Print own time per call, whether it stays flat, and where it goes."""
    everything, retirement, edits = instructions(result), "retired → committed", "committed → began"
    print(f"\n| own time per call, ms, N = {len(everything)} | all | first {EDGE} | last {EDGE} | ratio | target |")
    print("|---|---|---|---|---|---|")
    for name, floor, aside in (
        ("own time", "adapter", [retirement]),
        ("without the look for edits", "adapter", [retirement, edits]),
        ("the same, floor: `openai` package", "openai", [retirement, edits]),
        ("the same, floor: HTTP unread", "http", [retirement, edits]),
    ):
        times = [own(parts, aside) for parts in instructions(result, floor)]
        first, last = statistics.median(times[:EDGE]), statistics.median(times[-EDGE:])
        target = "< 3, ratio ≤ 1.30" if name == "own time" else ""
        print(f"| {name} | {statistics.median(times):.2f} | {first:.2f} | {last:.2f} | {last / first:.2f} | {target} |")
    print(f"\n| milliseconds per instruction | all | first {EDGE} | last {EDGE} |\n|---|---|---|---|")
    for name in everything[-1]:
        values = [parts.get(name, 0.0) for parts in everything]
        cells = (statistics.median(part) for part in (values, values[:EDGE], values[-EDGE:]))
        print(f"| {name} | " + " | ".join(f"{cell:.2f}" for cell in cells) + " |")
    print("\n| floor, ms | write | completion |\n|---|---|---|")
    for name, seconds in result["floors"].items():
        kinds = (statistics.median(seconds[-2 * len(everything) + at :: 2]) for at in (0, 1))
        print(f"| {name} | " + " | ".join(f"{1000 * kind:.2f}" for kind in kinds) + " |")


def report_wall(result):
    """Print the wall time of a run with checks on, and what it was spent on."""
    spent, numbers = {}, {}
    for (before, _, then, _), (kind, _, now, took) in pairwise(result["events"]):
        gap = "retirement: files" if (before, kind) == ("retired", "committed") else "own, replies aside"
        for name, seconds in ((kind, took), (gap, now - took - then)):
            spent[name] = spent.get(name, 0.0) + seconds
            numbers.setdefault(name, []).append(1000 * seconds)
    judging = sum(spent.get(name, 0.0) for name in ("checks", "audit", "mutation"))
    plainly = result["wall"] - judging + plain_way(50)
    print("\n| N = 50, checks on | seconds | times | median, ms |\n|---|---|---|---|")
    print(f"| wall (target < 15) | {result['wall']:.1f} | | |")
    print(f"| the same, judged the plain way | {plainly:.1f} | ({plainly / result['wall']:.1f} ×, target ≥ 6) | |")
    for name, seconds in sorted(spent.items(), key=lambda item: -item[1]):
        if seconds >= 0.05:
            print(f"| {name} | {seconds:.2f} | {len(numbers[name])} | {statistics.median(numbers[name]):.1f} |")


def plain_way(count):
    """Seconds for judging the job the plain way (see checks.py): once after each write, which is the least.

    Every tenth state is judged, the sixth first, and stands for ten.
    """
    taken = []
    for done in range(6, count + 1, 10):
        files = {}
        for number in range(done):
            files[f"{stem(number)}.py"] = MODULE.format(**about(number))
            files[f"tests/test_{stem(number)}.py"] = TESTS.format(**about(number))
        (milliseconds,), told = timed(plain, [(files, frozenset(files))], 1)
        assert told == [([], [])], f"the plain way finds something: {told}"
        taken.append(milliseconds / 1000)
    return 10 * sum(taken)


def report_growth(small, large):
    """Print memory and the size of requests from few files to many."""
    sizes = tokens(large["requests"])[3]
    first, last = (statistics.mean(part) for part in (sizes[10:30], sizes[-20:]))
    print("\n| | 10 files | 1,000 files | target |\n|---|---|---|---|")
    growth = large["memory"] - small["memory"]
    print(f"| memory, MB | {small['memory']:.0f} | {large['memory']:.0f} (+{growth:.0f}) | < 250, + < 30 |")
    print(f"| prompt tokens per request | {first:,.0f} | {last:,.0f} ({last / first - 1:+.0%}) | within 10 % |")


def show_profile(profiler):
    """Print the functions with the most time of their own, those that wait left out."""
    rows = [
        (own, calls, f"{Path(file).name}:{line} {name}")
        for (file, line, name), (_, calls, own, _, _) in pstats.Stats(profiler).stats.items()
        if not any(word in name for word in WAITING)
    ]
    for seconds, calls, name in sorted(rows, reverse=True)[:25]:
        print(f"{seconds:8.3f} s {calls:9,} calls  {name}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--count", type=int, default=200, help="instructions of the row on own time")
    chosen = parser.parse_args()
    if chosen.profile:
        with provider() as (url, _):
            return in_own_process(run, url, chosen.count, False, True)
    report_time(job(chosen.count, floored=True))
    whole, single = job(50, checks=True), job(50, one_reply=True)
    report_tokens({"two replies": (whole, "< 300,000", "< 60,000"), "one": (single, "< 120,000", "< 20,000")})
    report_wall(whole)
    sizes = {count: job(count)["disk"] / 1e6 for count in (25, 100)}
    sizes = {25: sizes[25], 50: whole["disk"] / 1e6, 100: sizes[100]}
    print("\n| bytes in .l2mac, MB | N = 25 | N = 50 | N = 100 | target |\n|---|---|---|---|---|")
    print(f"| | {' | '.join(f'{size:.2f}' for size in sizes.values())} | < 3 at 50, linear |")
    return report_growth(job(5), job(500))


if __name__ == "__main__":
    main()
