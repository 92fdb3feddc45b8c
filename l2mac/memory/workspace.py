"""The workspace: the folder in which retired work is laid out for the user."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..errors import UsageError
from .git import Git
from .snapshot import Change, Snapshot

STATE = ".l2mac"
"""The machine's own folder inside the workspace."""


class Workspace:
    """One trunk on disk: files, git history and, in `.l2mac`, the machine's state.

    Nothing that the machine did not write is ever overwritten or deleted here.

    Args:
        path: the folder.
        ignored: patterns of files that are no part of the project.
    """

    def __init__(self, path: Path, ignored: tuple[str, ...] = ()) -> None:
        self.path = path
        self.git = Git(path)
        self._ignored = (f"{STATE}/", *ignored)

    @property
    def state(self) -> Path:
        """The machine's own folder."""
        return self.path / STATE

    def create(self) -> None:
        """Make the folder and its repository where they do not exist yet.

        Raises:
            UsageError: the folder can't be made or written, or git is missing.
        """
        try:
            self.state.mkdir(parents=True, exist_ok=True)
            if not (self.path / ".git").exists():
                self.git = Git.create(self.path, self._ignored)
        except OSError as error:
            raise UsageError(
                f"{self.path} can't be written ({error.strerror}); choose another folder with --out"
            ) from None
        self.git.ignore(self._ignored)

    def read(self) -> Snapshot:
        """Read the whole project from disk."""
        texts: dict[str, str] = {}
        kept = set()
        for path in self.git.paths():
            text = self._text(path)
            if isinstance(text, str):
                texts[path] = text
            elif (self.path / path).exists():
                kept.add(path)
        return Snapshot(texts, frozenset(kept))

    def edits(self, trunk: Snapshot, commit: str) -> tuple[Change, frozenset[str]]:
        """What the user changed: where the disk differs from the trunk, whose last commit is given.

        Returns:
            the changed texts, and the paths of the files that are no text.
        """
        change: dict[str, str | None] = {}
        kept = set(trunk.kept)
        for path in self.git.touched(commit):
            text = self._text(path)
            if isinstance(text, bytes):
                kept.add(path)
            elif text != trunk.get(path):
                change[path] = text
        return change, frozenset(kept)

    def lay(self, change: Change, before: Mapping[str, str]) -> None:
        """Bring files from the state `before` to their new texts. Doing it twice is doing it once.

        A file that holds neither is the user's, and is left for `edits` to find.
        """
        folders = set()
        for path, text in change.items():
            if self._theirs(path, text, before.get(path)):
                continue
            target = self.path / path
            if text is None:
                target.unlink(missing_ok=True)
                self._prune(target.parent)
            else:
                self._write(target, text.encode())
            folders.add(target.parent)
        _sync(folders)

    def _theirs(self, path: str, new: str | None, old: str | None) -> bool:
        """Whether a path must be left alone, because it is the user's or already as it should be."""
        if any(parent.is_symlink() for parent in (self.path / path).parents if parent.is_relative_to(self.path)):
            return True
        found = self._text(path)
        return found == new or found != old

    def _text(self, path: str) -> str | bytes | None:
        """A file's text; None where there is no file, its bytes (or none of them) where it is no plain text file."""
        target = self.path / path
        if target.is_symlink() or target.is_dir():
            return b""
        try:
            data = target.read_bytes()
            text = data.decode("utf-8")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise UsageError(f"{target} can't be read ({error.strerror}); mend its permissions") from None
        except UnicodeDecodeError:
            return data
        return data if "\0" in text else text

    def _write(self, target: Path, data: bytes) -> None:
        """Replace a file in one step, so that no crash leaves half of it."""
        temporary = self.state / "tmp" / f"{os.getpid()}.part"
        try:
            temporary.parent.mkdir(exist_ok=True)
            target.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as handle:
                handle.write(data)
                handle.flush()
                os.fsync(handle.fileno())
            if target.exists():
                temporary.chmod(target.stat().st_mode & 0o777)
            temporary.replace(target)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise UsageError(
                f"{target} can't be written ({error.strerror}); mend that and `l2mac resume {self.path}`"
            ) from None

    def _prune(self, folder: Path) -> None:
        """Remove folders that deleting a file left empty."""
        while folder != self.path and folder.is_relative_to(self.path):
            try:
                folder.rmdir()
            except OSError:
                return
            folder = folder.parent


def _sync(folders: Iterable[Path]) -> None:
    """Make renames outlast a loss of power."""
    for folder in folders:
        if folder.is_dir():
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
