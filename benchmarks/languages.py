"""Do the toolchains judge rightly, and how fast? The reference solutions of HumanEval-X, and the same ones broken.

`python benchmarks/languages.py [--number N] [--seed S] [--languages python,go,…] [--data FOLDER]`; `--number 0` takes
all 164. Each solution with its tests is a project of its language; they follow each other in one folder, as the states
of a run do, so all but the first are warm. A reference must pass, a broken one (it throws at once) must fail. Times are
those of judging one good solution, build and tests together.
"""

import argparse
import gzip
import json
import random
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from l2mac.checks.languages import ProjectChecks, artefacts
from l2mac.checks.python.checks import PythonChecks
from l2mac.checks.python.environment import Environments
from l2mac.checks.report import Scene
from l2mac.checks.toolchains.checks import ToolchainChecks
from l2mac.checks.toolchains.fetching import Fetcher
from l2mac.config import home
from l2mac.memory.lane import Lane
from l2mac.memory.snapshot import Snapshot
from l2mac.sandbox.rungs import open_sandbox

DATA = Path(__file__).parents[2] / "shared" / "data" / "humaneval-x"
TARGETS = {"python": 0.3, "js": 0.5, "go": 2, "rust": 3, "cpp": 3, "java": 6}
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>x</groupId><artifactId>x</artifactId><version>1</version><properties>
<maven.compiler.source>17</maven.compiler.source><maven.compiler.target>17</maven.compiler.target>
<project.build.sourceEncoding>UTF-8</project.build.sourceEncoding></properties><dependencies><dependency>
<groupId>org.junit.jupiter</groupId><artifactId>junit-jupiter</artifactId><version>5.10.2</version><scope>test</scope>
</dependency></dependencies><build><plugins><plugin><artifactId>maven-surefire-plugin</artifactId>
<version>3.2.5</version></plugin></plugins></build></project>
"""
GO = ("bytes", "crypto/md5", "fmt", "math", "math/rand", "regexp", "sort", "strconv", "strings", "time")
CMAKE = "cmake_minimum_required(VERSION 3.16)\nproject(x CXX)\nenable_testing()\nadd_executable(reference main.cpp)\n"


def python(task, breaks):
    body = ("    if True: raise ValueError('broken')\n" if breaks else "") + task["canonical_solution"]
    name = re.findall(r"^def (\w+)\(", task["declaration"], re.M)[-1]
    test = re.sub(rf"^check\({name}\)\s*$", "", task["test"], flags=re.M)
    test = f"from solution import *\n{test}\n\ndef test_reference():\n    check({name})\n"
    return {"solution.py": f"{task['prompt']}{body}", "test_solution.py": test}


def js(task, breaks):
    body = ("  if (true) throw new Error('broken');\n" if breaks else "") + task["canonical_solution"]
    start = 'const test = require("node:test");\nconsole.assert = require("node:assert").ok;\n'
    return {"test/solution.test.js": f'{start}test("reference", () => {{\n{task["prompt"]}{body}{task["test"]}}});\n'}


def go(task, breaks):
    body = ('\n    if true { panic("broken") }\n' if breaks else "") + task["canonical_solution"]
    module = "module x\n\ngo 1.20\n\nrequire github.com/stretchr/testify v1.8.4\n"
    before = re.sub(r"^import \(.*?^\)", "", task["prompt"], flags=re.M | re.S)  # what is defined there is used
    text = f"{before}{body}\n{task['test']}"
    used = [it for it in GO if re.search(rf"\b{it.rpartition('/')[2]}\.\w", text)]  # their own harness guesses so too
    imports = sorted({*re.findall(r'"([\w./-]+)"', task["test_setup"]), *used})
    listed = "".join(f'"{it}"\n' for it in imports)
    return {"go.mod": module, "solution_test.go": f"package x\nimport (\n{listed})\n{text}"}


def rust(task, breaks):
    body = ('\n    if true { panic!("broken") }\n' if breaks else "") + task["canonical_solution"]
    manifest = '[package]\nname = "x"\nversion = "0.1.0"\nedition = "2018"\n'
    manifest += '[dependencies]\nrand = "0.4"\nregex = "1"\nmd5 = "0.7"\n'
    return {"Cargo.toml": manifest, "src/lib.rs": f"{task['declaration']}{body}{task['test']}"}


def java(task, breaks):
    body = ('        if (true) throw new RuntimeException("broken");\n' if breaks else "") + task["canonical_solution"]
    start = "".join(re.findall(r"^import .*\n", task["prompt"], re.M))  # a test names what its solution imports
    runs = "class ReferenceTest { @org.junit.jupiter.api.Test void reference() { Main.main(new String[0]); } }\n"
    runs = runs.replace("void reference()", "void reference() throws Exception")
    return {
        "pom.xml": POM,
        "src/main/java/Solution.java": f"{task['prompt']}{body}",
        "src/test/java/Main.java": f"{start}{task['test']}",
        "src/test/java/ReferenceTest.java": runs,
    }


def cpp(task, breaks):
    body = ("\n    if (true) throw 1;\n" if breaks else "") + task["canonical_solution"]
    # The rest of a declaration is not everywhere whole.
    included = "".join(re.findall(r"^#include.*\n", task["declaration"], re.M))
    return {
        "CMakeLists.txt": f"{CMAKE}add_test(NAME reference COMMAND reference)\n",
        "main.cpp": f"{included}{task['prompt']}{body}{task['test']}",
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--languages", default=",".join(TARGETS))
    parser.add_argument("--data", type=Path, default=DATA)
    asked = parser.parse_args()
    print("| language | references | passed | broken ones that failed | seconds, median | largest | target |")
    print("|---|---|---|---|---|---|---|")
    for language in asked.languages.split(","):
        with gzip.open(asked.data / f"humaneval_{language}.jsonl.gz", "rt", encoding="utf-8") as file:
            tasks = [json.loads(line) for line in file]
        chosen = sorted(random.Random(asked.seed).sample(range(len(tasks)), asked.number or len(tasks)))
        measure(language, [tasks[it] for it in chosen])


def measure(language, tasks):
    """One row, and a line for each surprise."""
    sandbox = open_sandbox("auto")
    checks = ProjectChecks(PythonChecks(sandbox, Environments(home())), ToolchainChecks(sandbox, Fetcher(home())))
    good, bad, seconds = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        lane = Lane(Path(folder) / "lane", artefacts())
        for task in tasks:
            outcome, taken, why = judged(checks, lane, globals()[language](task, False))
            seconds.append(taken)
            (good if outcome == "passed" else bad).append(f"{task['task_id']}: {why}")
        broken = [it for it in tasks if judged(checks, lane, globals()[language](it, True))[0] == "failed"]
    warm = seconds[1:] or seconds
    taken = f"{statistics.median(warm):.2f} | {max(warm):.2f}"
    print(f"| {language} | {len(tasks)} | {len(good)} | {len(broken)} | {taken} | ≤ {TARGETS[language]} |", flush=True)
    for name in bad:
        print(f"  not passed: {name}", file=sys.stderr, flush=True)


def judged(checks, lane, files):
    """What the tests came to, the seconds it took, and the first thing that was found."""
    lane.lay_out(Snapshot(files))
    began = time.perf_counter()
    reports = checks.check(Scene(files, lane.folder, frozenset(files)))
    taken = time.perf_counter() - began
    found = next((it for it in reports if it.check == "tests"), reports[0])
    return found.outcome, taken, next((finding.text for it in reports for finding in it.failures), found.detail)


if __name__ == "__main__":
    main()
