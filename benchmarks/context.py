"""Whether a request ever outgrows its window, whatever the model asks for and however large the project is.

    python benchmarks/context.py [--instructions 50 1000] [--windows 8000 16000 48000]

The model is `LoopbackProvider` with a greedy policy: before an instruction is written it lists all files, reads a file
of 1 MB, searches for what stands on every line, and runs a command that prints 5 MB. Requests are counted as the
provider receives them, by tiktoken over the text of their messages and tools, not by the counter that the window uses.
The largest and the reply's reserve together must stay within the window. No check
runs: what they take is not measured here, and at 1,000 instructions it would be most of an hour.
"""

import argparse
import json
import re
import subprocess
import tempfile
import time
from pathlib import Path

from l2mac import generate_codebase, load_settings
from l2mac.checks.python.checks import PythonChecks
from l2mac.control.opening import Opening
from l2mac.domains.domain import load
from l2mac.processor.tokens import vocabulary
from l2mac.program.values import Instruction, Program, Requirement
from l2mac.testing import LoopbackProvider, calls

PART = 20  # instructions of one submit_program
COUNT = vocabulary("gpt-4o")
MODULE = '''"""Module {k}."""


def scale_{k}(value: float) -> float:
    """Return the value times {k}."""
    return value * {k}
'''
GREED = (
    ("list_files", {}),
    ("read_files", {"requests": [{"path": "large.txt"}]}),
    ("search_files", {"pattern": "line"}),
    ("run_command", {"command": "head -c 5000000 /dev/zero | tr '\\0' 'x'"}),
)


class Greedy:
    """Plans `n` modules; looks at everything before it writes each; keeps the largest request.

    Args:
        n: how many instructions.
        every: be greedy at every so-manieth instruction; running a command that prints 5 MB takes a while.
    """

    def __init__(self, n, every):
        self.n, self.every = n, every
        self.largest, self.bytes, self.per_instruction, self.requests = 0, 0, {}, 0

    def __call__(self, body):
        messages = body["messages"]
        planning = "submit_program" in {tool["function"]["name"] for tool in body["tools"]}
        number = 0 if planning else int(re.search(r"# Instruction I(\d+):", messages[2]["content"])[1])
        self.measure(body, number)
        turn = sum(message["role"] == "assistant" for message in messages)
        if planning:
            said = " ".join(message.get("content") or "" for message in messages[2:])
            done = re.findall(r"(\d+) instructions (?:so far|are submitted)", said)
            return calls(("submit_program", self.plan(int(done[-1]) if done else 0)))
        if number % self.every == 0 and turn < len(GREED):
            return calls(GREED[turn])
        path = f"module_{number:04}.py"
        shown = [{"requirement": "R1", "file": path}] if number == self.n else []
        return calls(
            ("write_files", {"files": [{"path": path, "content": MODULE.format(k=number)}]}),
            ("complete_instruction", {"summary": f"scale_{number} scales by {number}.", "evidence": shown}),
        )

    def measure(self, body, number):
        """Count what may be the largest so far; counting all of it would take longer than the run."""
        size = len(json.dumps([body["messages"], body["tools"]], ensure_ascii=False))
        self.requests += 1
        greedy = number % self.every == 0
        if size > self.bytes * 0.9 or (not greedy and (number <= 40 or number > self.n - 40)):
            tokens = independent(body)
            self.largest = max(self.largest, tokens)
            if not greedy:
                self.per_instruction[number] = tokens
        self.bytes = max(self.bytes, size)

    def plan(self, start):
        numbers = range(start + 1, min(start + PART, self.n) + 1)
        return {
            "requirements": [] if start else [{"id": "R1", "text": "Every module scales."}],
            "instructions": [
                {
                    "id": f"I{k}",
                    "title": f"Module {k}",
                    "text": f"Write module_{k:04}.py with scale_{k}(value).",
                    "files": [f"module_{k:04}.py"],
                    "covers": ["R1"],
                    "needs": [f"I{k - 1}"] if k > 1 else [],
                }
                for k in numbers
            ],
            "more": start + PART < self.n,
        }


def independent(body):
    """The tokens of a request, counted from what arrived: every text of it, three a message, and the tools as JSON."""
    total = 3 + COUNT(json.dumps(body["tools"], ensure_ascii=False, separators=(",", ":")))
    for message in body["messages"]:
        said = [message["role"], message.get("content") or ""]
        for call in message.get("tool_calls") or ():
            said += [call["function"]["name"], call["function"]["arguments"]]
        total += 3 + sum(map(COUNT, said))
    return total


def run(window, n, every):
    """One program under one window; a repository with a large file is there before."""
    policy = Greedy(n, every)
    with tempfile.TemporaryDirectory() as folder, LoopbackProvider(policy) as provider:
        project = Path(folder, "project")
        project.mkdir()
        (project / "large.txt").write_text(
            "".join(f"line {k} of a large file, as long as others\n" for k in range(23_000))
        )
        for command in ("init -q", "add -A", "-c user.name=A -c user.email=a@example.org commit -qm start"):
            subprocess.run(["git", *command.split()], cwd=project, check=True)
        changes = [f"llm.base_url={provider.base_url}", f"llm.api_key={provider.api_key}", "llm.model=loopback"]
        limits = [f"llm.window={window}", f"llm.max_tokens={min(8000, window // 3)}", "run.steps=10000"]
        settings = load_settings(changes=[*changes, *limits, "budget.calls=100000", "budget.tokens=1000000000"])
        began = time.perf_counter()
        made = generate_codebase("Many modules.", into=project, settings=settings, run_tests=False)
        seconds = time.perf_counter() - began
        done = sum(path.startswith("module_") for path in made)
    reserve = min(8000, window // 3)
    early = [tokens for number, tokens in policy.per_instruction.items() if 10 <= number <= 40]
    late = [tokens for number, tokens in policy.per_instruction.items() if number > n - 30]
    flat = (sum(late) / len(late)) / (sum(early) / len(early))
    print(
        f"| {window:,} | {n:,} | {done:,} | {policy.requests:,} | {policy.largest:,} | {window - reserve:,} "
        f"| {'yes' if policy.largest <= window - reserve else 'NO'} | {flat:.2f} | {seconds:.0f} |",
        flush=True,
    )


def assembly(files=1_000):
    """How long it takes to assemble the opening of an instruction in a project of so many files."""
    program = Program(
        tuple(
            Instruction(
                f"I{k}", f"Module {k}", "Write it.", ("R1",), (f"I{k - 1}",) if k > 1 else (), (f"module_{k}.py",)
            )
            for k in range(1, files + 1)
        ),
        (Requirement("R1", "It works."),),
    )
    texts = {f"module_{k}.py": MODULE.format(k=k) for k in range(1, files + 1)}
    summaries = {f"I{k}": f"scale_{k} is there." for k in range(1, files)}
    opening = Opening(load("codebase"), "Many modules.", 60_000, files)
    taken = []
    for k in range(files - 100, files):
        began = time.perf_counter()
        opening.instruction(program[f"I{k}"], program, texts, summaries, [])
        taken.append(time.perf_counter() - began)
    median = sorted(taken)[len(taken) // 2] * 1000
    print(f"\nAssembling the opening of an instruction among {files:,} files: {median:.2f} ms (median of {len(taken)})")


def main():
    """Print the table."""
    PythonChecks.check = lambda self, scene: []
    parser = argparse.ArgumentParser()
    parser.add_argument("--windows", type=int, nargs="*", default=[8_000, 16_000, 48_000])
    parser.add_argument("--instructions", type=int, nargs="*", default=[50, 1_000])
    chosen = parser.parse_args()
    print("| window | instructions | done | requests | largest request | bound | within | late / early | s |")
    print("|---|---|---|---|---|---|---|---|---|")
    for window in chosen.windows:
        for n in chosen.instructions:
            run(window, n, every=5 if n <= 50 else 50)
    assembly()


if __name__ == "__main__":
    main()
