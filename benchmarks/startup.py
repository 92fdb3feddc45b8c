"""How long the machine takes to start, and how much memory it holds.

    python benchmarks/startup.py

Each row is a fresh process, started again and again; the first start, which may write byte code, is not counted. What
is printed is the median and the fastest of them, and the row above all is an interpreter that does nothing: the floor
under every Python program here. Memory is the high-water mark that Linux keeps for a process (VmHWM). The last row is a
whole run, of one instruction and with a scripted processor: all that a run loads, but for the HTTP client.
"""

import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TIMES = 25
SHOW_MEMORY = "import atexit, re; atexit.register(lambda: print(open('/proc/self/status').read()))\n"
HELP = "import sys; sys.argv = ['l2mac', '--help']\nfrom l2mac.panel.cli import main\nmain()"
RUN = """
from l2mac import Instruction, Program, Settings, generate_codebase
from l2mac.testing import ScriptedProcessor, calls
files = [{"path": "one.py", "content": "ONE = 1\\n"},
         {"path": "test_one.py", "content": "import one\\n\\n\\ndef test_one():\\n    assert one.ONE == 1\\n"}]
reply = calls(("write_files", {"files": files}), ("complete_instruction", {"summary": "ONE is 1."}))
program = Program((Instruction("I1", "One", "Write one.py with ONE = 1, and its test."),))
made = generate_codebase("One.", program=program, settings=Settings(), processor=ScriptedProcessor([reply]))
assert made.complete, made.ended
"""


def seconds(command):
    """The wall times of `TIMES` starts of a command, after one that does not count."""
    taken = []
    for _ in range(TIMES + 1):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        taken.append(time.perf_counter() - began)
    return taken[1:]


def megabytes(code, folder):
    """The most memory that an interpreter held while it ran `code`."""
    variables = {"PATH": "/usr/local/bin:/usr/bin:/bin", "L2MAC_HOME": f"{folder}/home", "HOME": folder}
    command = [sys.executable, "-c", SHOW_MEMORY + code]
    said = subprocess.check_output(command, text=True, cwd=folder, env=variables)
    return int(re.findall(r"VmHWM:\s+(\d+) kB", said)[-1]) / 1024


def main():
    script = Path(sys.executable).with_name("l2mac")
    python = [sys.executable, "-c"]
    rows = [
        ("python -c pass", [*python, "pass"], "", "pass"),
        ("import l2mac", [*python, "import l2mac"], "< 60 ms", "import l2mac"),
        ("l2mac --help", [script, "--help"], "< 100 ms", HELP),
        ("a run of one instruction", None, "", RUN),
    ]
    folder = tempfile.mkdtemp()
    print("| | median, ms | fastest, ms | target | memory, MB |\n|---|---|---|---|---|")
    for name, command, target, code in rows:
        taken = [1000 * second for second in seconds(command)] if command else []
        times = f"{statistics.median(taken):.0f} | {min(taken):.0f}" if taken else "- | -"
        print(f"| `{name}` | {times} | {target} | {megabytes(code, folder):.0f} |", flush=True)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
