"""A rung whose commands are forks of a parent that waits in it: whatever holds for a command must hold for them."""

import sys
from pathlib import Path

import l2mac
from l2mac.sandbox.seam import Outcome

PYTHON = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
WAITING = Path(l2mac.__file__).parent / "checks" / "python" / "waiting.py"
PROGRAM = """
import importlib.util, os, sys
spec = importlib.util.spec_from_file_location("waiting", sys.argv[1])
waiting = importlib.util.module_from_spec(spec)
spec.loader.exec_module(waiting)
how, *words = waiting.wait(sys.argv[2])
exec(words[0]) if how == "python" else os.execvp(how, [how, *words])
"""
"""What waits: a fork of it runs Python as it is, with all that the parent has loaded, or becomes a command."""


def start(sandbox, folder, *, readable=(), **options):
    """A parent that waits in a folder."""
    command = [str(PYTHON), "-I", "-c", PROGRAM, str(WAITING)]
    parent = sandbox.start(command, folder, readable=(*readable, WAITING.parent), **options)
    assert parent is not None and parent.ready(60)
    return parent


class Forked:
    """Runs every command in a fork."""

    def __init__(self, rung):
        self.name = f"{rung.name}, forked"
        self._rung = rung

    def run(self, command, folder, *, limits, **options):
        """As `Sandbox.run`."""
        parent = start(self._rung, folder, limits=limits, **options)
        try:
            return parent.ask(command, limits) or Outcome("exited", -9, "the parent was lost")
        finally:
            parent.close()


def processes(lane):
    """Processes at work in the lane, seen from outside."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink().is_relative_to(lane):
                found.append(process.name)
        except OSError:
            continue
    return found
