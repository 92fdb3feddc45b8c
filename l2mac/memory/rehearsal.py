"""A workspace in which a run is gone through again: its commits are made, its files are not laid out."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from .git import ASIDE, Git, quoted
from .snapshot import Change, Snapshot
from .workspace import Edits, Workspace


class Rehearsal(Workspace):
    """A scratch workspace with the history of another.

    Args:
        path: a new folder.
        ignored: patterns of files that are no part of the project.
    """

    def __init__(self, path: Path, ignored: tuple[str, ...] = ()) -> None:
        super().__init__(path, ignored)
        self._stream: _Stream | None = None

    def take(self, origin: Path, branch: str, commit: str, files: Mapping[str, str], kept: frozenset[str]) -> None:
        """Become what another workspace was at a commit."""
        super().take(origin, branch, commit, files, kept)
        self.git = self._stream = _Stream(self.path)

    def lay(self, change: Change, before: Mapping[str, str]) -> None:
        """Nobody looks at the files."""

    def edits(self, trunk: Snapshot, commit: str) -> Edits:
        """What users did is given back by the journal."""
        return Edits({}, trunk.kept, commit, ())

    def close(self) -> None:
        """End git."""
        if self._stream:
            self._stream.close()


class _Stream(Git):
    """Makes all commits in one process: starting git four times for each takes longer than everything else."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._last = ""
        words, variables = self.command("fast-import", "--quiet", "--date-format=raw", "--force")
        self._process = subprocess.Popen(
            words, cwd=folder, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )

    def commit(self, change: Mapping[str, str | None], parent: str, message: str, when: int, branch: str) -> str:
        """Make a commit on top of `parent`; return its hash."""
        base = ":1" if parent and parent == self._last else parent  # what it made itself it knows by its mark alone
        modes = {path: self._mode(base, path) for path in change} if parent else {}
        known = {path: mode for path, mode in modes.items() if mode}
        self._last = self._ask(self.stream(ASIDE, change, [base], message, when, known)).strip()
        return self._last

    def _mode(self, commit: str, path: str) -> str:
        """The mode of a file of a commit; empty where it has none."""
        mode = self._ask(f"ls {commit} {quoted(path)}\n".encode()).partition(" ")[0]
        return "" if mode == "missing" else "100755" if mode == "100755" else "100644"

    def _ask(self, said: bytes) -> str:
        assert self._process.stdin and self._process.stdout
        try:
            self._process.stdin.write(said)
            self._process.stdin.flush()
        except BrokenPipeError:
            return ""
        return self._process.stdout.readline().decode(errors="surrogateescape")

    def close(self) -> None:
        """End the process."""
        self._process.communicate()
