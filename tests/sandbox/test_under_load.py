"""A fork bomb and memory hogs go off beside the machine's own run, which must not notice."""

import sys
import textwrap
import threading
from pathlib import Path

import pytest

from l2mac import Instruction, Program, Settings, generate_codebase
from l2mac.errors import UsageError
from l2mac.sandbox.rungs import open_sandbox
from l2mac.sandbox.seam import Limits
from l2mac.testing import ScriptedProcessor, calls

FILES = [
    {"path": "add.py", "content": "def add(a, b):\n    return a + b\n"},
    {"path": "test_add.py", "content": "from add import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n"},
]
PYTHON = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
# Each ends by itself some time, should nothing stop it.
BOMBS = {
    "forks": """
        while time.monotonic() < end:
            if os.fork() == 0 and os.getpid() % 2:
                os.setsid()
    """,
    "memory": """
        held = []
        while time.monotonic() < end:
            if len(held) < 4:
                os.fork()
            held.append(b"x" * 20_000_000)
    """,
}
LIMITS = Limits(seconds=15.0, memory=500_000_000, processes=64)


@pytest.mark.parametrize("rung", ["bubblewrap", "landlock"])
def test_what_goes_off_in_one_lane_does_not_disturb_the_run(rung, tmp_path):
    try:
        sandbox = open_sandbox(rung)
    except UsageError as error:
        pytest.skip(str(error))
    outcomes = {}

    def explode(name):
        folder = tmp_path / name
        folder.mkdir()
        code = f"import os, time\nend = time.monotonic() + 3\n{textwrap.dedent(BOMBS[name])}"
        outcomes[name] = sandbox.run([str(PYTHON), "-I", "-S", "-c", code], folder, limits=LIMITS)

    threads = [threading.Thread(target=explode, args=(name,)) for name in BOMBS]
    for thread in threads:
        thread.start()
    reply = calls(("write_files", {"files": FILES}), ("complete_instruction", {"summary": "add adds."}))
    program = Program((Instruction("I1", "Add", "Write add.py with add(a, b), and its test."),))
    settings = Settings(sandbox=rung)
    made = generate_codebase(
        "Make an adder.", program=program, out=tmp_path, settings=settings, processor=ScriptedProcessor([reply])
    )
    for thread in threads:
        thread.join()
    assert made.complete and made["add.py"] == FILES[0]["content"]
    assert outcomes["forks"].ended == "too_many_processes"
    assert outcomes["memory"].ended in ("too_much_memory", "too_many_processes")
