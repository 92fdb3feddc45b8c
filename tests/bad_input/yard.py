"""A folder with a home, a place to work and things that nobody may touch, in which commands are given."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from l2mac.errors import UsageError
from l2mac.memory.journal import Journal

SECONDS = 60
"""After which a command counts as hanging."""
_PROGRESS = re.compile(r"\d\d:\d\d ")


@dataclass(frozen=True)
class Seen:
    """What a command left to see."""

    code: int
    out: str
    err: str


class Warm:
    """Gives commands through `tests.bad_input.warm`."""

    def __init__(self, folder):
        self._folder = folder
        command = [sys.executable, "-m", "tests.bad_input.warm"]
        here = Path(__file__).parents[2]
        self._process = subprocess.Popen(
            command, cwd=here, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=plain(folder), text=True
        )

    def __call__(self, arguments, cwd, variables):
        out, err = self._folder / "out", self._folder / "err"
        order = {"arguments": arguments, "cwd": cwd, "variables": variables, "out": out, "err": err}
        self._process.stdin.write(json.dumps({**order, "seconds": SECONDS}, default=str) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        return Seen(code, out.read_text("utf-8", "replace"), err.read_text("utf-8", "replace"))

    def close(self):
        """End the process."""
        self._process.communicate(timeout=SECONDS)


def plain(home):
    """The variables of a user who has set none."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"}


class Yard:
    """The folder of one case.

    Args:
        path: an empty folder.
        warm: gives the commands.
    """

    def __init__(self, path, warm):
        self.path, self._warm = path, warm
        self.here, self.home, self.temporary = path / "here", path / "home", path / "tmp"
        for folder in (self.here, self.home / ".l2mac", self.temporary):
            folder.mkdir(parents=True)
        (path / "precious.txt").write_text("Nobody touches this.")
        (self.here / "mine.txt").write_text("Nor this.")

    def prepare(self, case):
        """Lay out what the case needs."""
        for name, text in case.files.items():
            target = self.here / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(text.encode() if isinstance(text, str) else text)
        if case.home is not None:
            (self.home / ".l2mac" / "config.yaml").write_text(case.home)

    def variables(self, **more):
        """The environment of a command."""
        return {**plain(self.home), "TMPDIR": str(self.temporary), **more}

    def give(self, arguments, **variables):
        """Give a command."""
        return self._warm(arguments, self.here, self.variables(**variables))

    def start(self, *arguments, variables=None, **options):
        """Start a command in an interpreter of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "l2mac", *arguments],
            cwd=self.here,
            env=self.variables(**(variables or {})),
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        )

    def snapshot(self, makes=()):
        """Everything that is there, but for the machine's own folder (not its settings) and what may be made."""
        open_to_change = [self.here / name for name in makes]
        found = {}
        for path in sorted(self.path.rglob("*")):
            if any(path == it or it in path.parents for it in open_to_change):
                continue
            if self.home / ".l2mac" in path.parents and path.name != "config.yaml":
                continue
            if path.name in ("run.db-shm", "run.db-wal"):
                continue  # SQLite's, made by whoever reads
            kind = path.lstat()
            found[str(path.relative_to(self.path))] = (
                kind.st_mode,
                path.read_bytes() if path.is_file() else b"",
            )
        return found

    def normal(self, text):
        """A text without what differs from time to time."""
        text = text.replace(str(self.here), "…").replace(str(self.home), "~").replace(str(self.path), "(above)")
        text = re.sub(r"127\.0\.0\.1:\d{4,}", "127.0.0.1:PORT", text)
        text = re.sub(r"(lanes/\S+)-[0-9a-f]{8}\b", r"\1-HASH", text)
        text = re.sub(r"a{60,}", "aaa…", text)
        return re.sub(r"after [\d.e-]+ s\b", "after N s", text)

    def told(self, err):
        """What stands on standard error but progress, without what differs from time to time."""
        lines = self.normal(err).splitlines()
        return "\n".join(line for line in lines if not _PROGRESS.match(line))

    def texts(self):
        """Everything that runs here have recorded, as one text."""
        found = []
        for path in self.path.rglob("run.db"):
            try:
                with closing(Journal(path, writable=False)) as journal:
                    found += [f"{event.gist}\n{journal.payload(event).decode()}" for event in journal.events()]
            except UsageError:
                continue  # the case has spoilt it
        return "\n".join(found)
