"""The trunk's git history, written so that the same journal always gives the same hashes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from ..errors import UsageError

_IDENTITY = "L2MAC <l2mac@localhost>"
_LOCK = re.compile(r"'([^']+\.lock)'")
_PATIENCE = 2.0  # seconds that another git may need its lock before it counts as left by a crash

# What a user's settings must not change: hooks would run, signing would ask, a watcher would be started.
_SETTINGS = ("core.hooksPath=/dev/null", "core.fsmonitor=false", "commit.gpgSign=false", "core.quotePath=false")


class Git:
    """The repository of one trunk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def create(cls, folder: Path, ignored: tuple[str, ...]) -> Git:
        """Make an empty repository; what is `ignored` is listed in its own exclude file, never in the user's."""
        git = cls(folder)
        git.run("init", "--quiet", "--initial-branch=main", "--template=")
        git.ignore(ignored)
        return git

    def ignore(self, patterns: tuple[str, ...]) -> None:
        """Add patterns to the repository's private exclude file."""
        exclude = Path(self.folder, self.run("rev-parse", "--git-path", "info/exclude").strip())
        exclude.parent.mkdir(parents=True, exist_ok=True)
        known = exclude.read_text(encoding="utf-8").splitlines() if exclude.exists() else []
        if missing := [pattern for pattern in patterns if pattern not in known]:
            exclude.write_text("\n".join([*known, *missing]) + "\n", encoding="utf-8")

    def branch(self) -> str:
        """The branch that is checked out; empty when none is."""
        return self.run("symbolic-ref", "--quiet", "--short", "HEAD", failing=True).strip()

    def head(self) -> str:
        """The hash of the newest commit; empty before the first."""
        return self.run("rev-parse", "--verify", "--quiet", "HEAD^{commit}", failing=True).strip()

    def paths(self) -> list[str]:
        """Every file of the project: tracked, or new and not ignored."""
        listing = self.run("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
        return [path for path in listing.split("\0") if path]

    def touched(self, since: str) -> list[str]:
        """Every path that may differ from commit `since`: on disk now, or in commits made after it."""
        status = self.run("status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames")
        paths = {line[3:] for line in status.split("\0") if line}
        if since and since != self.head():
            paths.update(self.run("diff", "--name-only", "-z", "--no-renames", since, "HEAD").split("\0"))
        return sorted(path for path in paths if path)

    def commit(self, change: Mapping[str, str | None], parent: str, message: str, when: int, branch: str) -> str:
        """Commit a change on top of `parent` and move the branch there; return the commit's hash.

        The commit is a function of the arguments alone: neither the index nor the working files enter it, so making it
        twice gives the same hash. The stream is described in git-fast-import(1).

        Args:
            change: path to new text, or None where the file is deleted.
            parent: hash of the commit below; empty for the first.
            message: title line, and more.
            when: seconds since 1970, UTC.
            branch: the branch to move.
        """
        ref = f"refs/heads/{branch}"
        parts = [f"commit {ref}\ncommitter {_IDENTITY} {when} +0000\n".encode(), _data(message)]
        parts.append(f"from {parent}\n".encode() if parent else b"")
        parts += [f"D {_quoted(path)}\n".encode() for path, text in change.items() if text is None]
        for path, text in sorted(change.items()):
            if text is not None:
                parts += [f"M {self._mode(path)} inline {_quoted(path)}\n".encode(), _data(text)]
        self.run("fast-import", "--quiet", "--date-format=raw", stdin=b"".join(parts))
        # Without --hard: the index follows the new commit, the working files are left alone.
        self.run("reset", "--quiet", "--mixed", ref, "--", failing=True) if change else None
        return self.run("rev-parse", "--verify", ref).strip()

    def _mode(self, path: str) -> str:
        try:
            return "100755" if os.access(self.folder / path, os.X_OK) else "100644"
        except OSError:
            return "100644"

    def run(self, *arguments: str, stdin: bytes = b"", failing: bool = False) -> str:
        """Run git and return what it printed; with `failing`, a failure prints nothing.

        Raises:
            UsageError: git is missing, or failed in a way that the user must mend.
        """
        deadline = time.monotonic() + _PATIENCE
        while True:
            done = self._once(arguments, stdin)
            said = done.stderr.decode(errors="replace").strip()
            if done.returncode == 0:
                return done.stdout.decode(errors="surrogateescape")
            if lock := _LOCK.search(said):
                if time.monotonic() > deadline:
                    Path(lock[1]).unlink(missing_ok=True)
                    deadline += _PATIENCE
                time.sleep(0.05)
                continue
            if failing:
                return ""
            raise UsageError(f"git {arguments[0]} failed in {self.folder}: {_first_line(said)}")

    def _once(self, arguments: tuple[str, ...], stdin: bytes) -> subprocess.CompletedProcess[bytes]:
        if shutil.which("git") is None:
            raise UsageError("git is not installed; install it (Debian: `apt install git`) and try again")
        settings = [word for setting in _SETTINGS for word in ("-c", setting)]
        # Variables such as GIT_DIR, set when we are called from a hook, would send the commits elsewhere.
        ours = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or "SSL" in name}
        return subprocess.run(
            ["git", *settings, *arguments],
            cwd=self.folder,
            input=stdin,
            capture_output=True,
            env={**ours, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
            if arguments[0] == "status"
            else {**ours, "LC_ALL": "C"},
            check=False,
        )


def _data(text: str) -> bytes:
    encoded = text.encode()
    return f"data {len(encoded)}\n".encode() + encoded + b"\n"


def _quoted(path: str) -> str:
    if path.startswith('"') or any(character in path for character in '\n\\"'):
        return '"' + path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    return path


def _first_line(said: str) -> str:
    lines = [line for line in said.splitlines() if line.strip()]
    fatal = next(
        (line for line in lines if line.startswith(("fatal:", "error:"))), lines[0] if lines else "no reason given"
    )
    return fatal.removeprefix("fatal: ").removeprefix("error: ")
