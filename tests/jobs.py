"""Small jobs that tests give the machine, and ways to look at what it left."""

import os
import random
import subprocess
from itertools import pairwise
from pathlib import Path

from l2mac import generate_codebase
from l2mac.memory.journal import Journal
from l2mac.testing import ScriptedProcessor, calls

ADD = "def add(a, b):\n    return a + b\n"
WRONG_ADD = "def add(a, b):\n    return a - b\n"
TEST_ADD = "from add import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n"
PLAIN, PLAIN_BOOK = (str(Path(__file__).parent / "cases" / "domains" / f"{it}.yaml") for it in ("plain", "plain-book"))
"""Domains as the machine's own, but that their plans need not number what is asked for."""


MOMENTS = int(os.environ.get("L2MAC_TEST_MOMENTS", "8"))
"""At how many events a run is cut off where that is tried at any; thousands for a night."""


def moments(first, last, seed=0):
    """Some of the events from the first to the last: one of each stretch, the last of all among them."""
    chance, parts = random.Random(seed), min(MOMENTS, last - first + 1)
    edges = [first + (last + 1 - first) * part // parts for part in range(parts + 1)]
    return sorted({*(chance.randrange(start, end) for start, end in pairwise(edges)), last})


def program(*instructions, requirements=()):
    """A reply that submits a program: instructions as ids, or as whole mappings."""
    whole = [
        it if isinstance(it, dict) else {"id": it, "title": f"Do {it}", "text": f"Do {it}."} for it in instructions
    ]
    return calls(("submit_program", {"requirements": list(requirements), "instructions": whole}))


def numbered(*ids):
    """A reply that submits a program of instructions that all cover R1."""
    steps = [{"id": it, "title": f"Do {it}", "text": f"Do {it}.", "covers": ["R1"]} for it in ids]
    return program(*steps, requirements=[{"id": "R1", "text": "It is done."}])


def shown(file):
    """What shows R1."""
    return [{"requirement": "R1", "file": file}]


def write(**files):
    """A call that writes files; in the names `__` stands for a slash and `_dot_` for a dot."""
    texts = [{"path": name.replace("__", "/").replace("_dot_", "."), "content": text} for name, text in files.items()]
    return ("write_files", {"files": texts})


def done(summary="Done.", **more):
    """A call that asks to complete the instruction."""
    return ("complete_instruction", {"summary": summary, **more})


def build(script, tmp_path, **options):
    """Run a script through the whole machine; return the codebase and the processor.

    The domain is PLAIN where no other is asked for: most scripts are about something else than requirements.
    """
    options.setdefault("domain", PLAIN)
    processor = ScriptedProcessor(script)
    options.setdefault("out", tmp_path)
    return generate_codebase("Do something small.", processor=processor, **options), processor


def told(request):
    """The texts of the tool results in a request, oldest first."""
    return [message.content for message in request.messages if message.role == "tool"]


def events(folder, *fields):
    """The events of a run as tuples of the given fields; without fields, all that must not differ between two runs."""
    journal = Journal(folder / ".l2mac" / "run.db", writable=False)
    try:
        fields = fields or ("seq", "key", "kind", "gist", "address")
        return [tuple(getattr(event, field) for field in fields) for event in journal.events()]
    finally:
        journal.close()


def git(folder, *arguments):
    """What git prints in a folder."""
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout


def commits(folder):
    """The hashes and titles of the history, newest first."""
    return [tuple(line.split(" ", 1)) for line in git(folder, "log", "--format=%H %s").splitlines()]


def files(folder):
    """Every file below a folder but git's and the machine's own, as bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not {".git", ".l2mac", "__pycache__"} & set(path.relative_to(folder).parts)
    }
