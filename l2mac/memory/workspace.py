"""The workspace: the folder in which retired work is laid out for the user."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..errors import UsageError
from .git import Git, demand_git
from .snapshot import Change, Snapshot
from .watch import Watch

STATE = ".l2mac"
"""The machine's own folder inside the workspace."""


@dataclass(frozen=True, slots=True)
class Edits:
    """What the user did to a workspace."""

    change: Change
    kept: frozenset[str]
    """The files that are no text."""
    head: str
    """The newest commit, which may be the user's own."""
    loose: tuple[str, ...]
    """The changed paths that no commit holds."""


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
        self._watch = Watch(path, frozenset({STATE, ".git"}))

    @property
    def state(self) -> Path:
        """The machine's own folder."""
        return self.path / STATE

    def demand_clean(self) -> None:
        """Make sure that the folder is an existing repository, with all its work committed and no run in it.

        Raises:
            UsageError: it is not; the text holds the line that mends it.
        """
        folder = self.path
        if not os.path.isdir(folder):  # noqa: PTH112 - False also for a name that no system takes
            raise UsageError(f"there is no folder {folder}; name an existing git repository with --into")
        if (self.state / "run.db").exists():
            raise UsageError(f"{folder} holds a run already: `l2mac resume {folder}`, or move {self.state} away")
        around = next((it for it in folder.parents if (it / ".git").exists()), None)
        if around and not (folder / ".git").exists():
            raise UsageError(f"{folder} lies in the repository {around}; name that with --into")
        if not (folder / ".git").exists() or not self.git.head():
            raise UsageError(
                f"{folder} is no git repository with a commit; mend that with "
                f"cd {folder} && git init && git add -A && git commit -m start"
            )
        if self.git.look()[1]:
            raise UsageError(f"{folder} has uncommitted changes; put them away with git -C {folder} stash -u")

    def create(self, branch: str = "") -> None:
        """Make the folder and its repository where they do not exist yet; in one that does, begin a branch if named.

        Raises:
            UsageError: the folder can't be made or written, or git is missing.
        """
        demand_git()
        if branch and self.git.run("branch", "--list", branch):
            raise UsageError(f"{self.path} has a branch {branch} already; take another with --name, or delete that one")
        try:
            self.state.mkdir(parents=True, exist_ok=True)
            # `objects` is the last that git makes; without it a crash left half of a repository
            if not (self.path / ".git").is_file() and not (self.path / ".git" / "objects").exists():
                self.git = Git.create(self.path, self._ignored)
            self.git.ignore(self._ignored)
            if branch:
                self.git.run("switch", "--quiet", "--create", branch)
        except OSError as error:
            raise UsageError(
                f"{self.path} can't be written ({error.strerror}); choose another folder with --out"
            ) from None

    def take(self, origin: Path, branch: str, commit: str, files: Mapping[str, str], kept: frozenset[str]) -> None:
        """Become, in a new folder, what another workspace was at a commit.

        Args:
            origin: the other's folder.
            branch: the branch to be on, in both.
            commit: empty before the first.
            files: path to the text that it had then.
            kept: its files that are no text.
        """
        self.create()
        self.git.take(origin, branch, commit)
        for path, text in files.items():
            # What git checks out depends on settings and attributes.
            if commit and (self._text(path) != text):
                self._write(self.path / path, text.encode())
        self.bring(origin, kept)

    def bring(self, origin: Path, kept: Iterable[str]) -> None:
        """Copy the files that are no text, where no commit holds them."""
        for path in kept:
            if not (self.path / path).exists() and (origin / path).is_file():
                (self.path / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(origin / path, self.path / path)

    def read(self) -> Snapshot:
        """Read the whole project from disk."""
        texts: dict[str, str] = {}
        kept = set()
        for path in self.git.paths():
            text = self._text(path)
            if isinstance(text, str):
                texts[path] = text
            elif text is not None:
                kept.add(_listed(path))
        return Snapshot(texts, frozenset(kept))

    def edits(self, trunk: Snapshot, commit: str) -> Edits:
        """What the user changed: where the disk differs from the trunk, whose last commit is given."""
        heard = self._watch.heard()
        if heard is not None and self.git.stands_at(commit) and all(self._text(it) == trunk.get(it) for it in heard):
            return Edits({}, trunk.kept, commit, ())
        if heard is None:
            self._watch.begin()  # before looking, so that nothing happens unheard
        change: dict[str, str | None] = {}
        kept = set(trunk.kept)
        head, loose = self.git.look()
        committed = self.git.between(commit, head) if commit and head != commit else []
        for path in sorted({*loose, *committed}):
            text = self._text(path)
            kept.discard(_listed(path))
            if isinstance(text, bytes):
                kept.add(_listed(path))
                text = None
            if text != trunk.get(path):
                change[path] = text
        return Edits(change, frozenset(kept), head, tuple(path for path in loose if path in change))

    def lay(self, change: Change, before: Mapping[str, str]) -> None:
        """Bring files from the state `before` to their new texts. Doing it twice is doing it once.

        A file that holds neither is the user's, and is left for `edits` to find.
        """
        try:
            self._lay(change, before)
        except OSError as error:
            raise UsageError(
                f"{error.filename2 or error.filename or self.path} can't be written ({error.strerror}); "
                f"mend that and `l2mac resume {self.path}`"
            ) from None

    def _lay(self, change: Change, before: Mapping[str, str]) -> None:
        folders = set()
        for path in sorted(change, key=lambda path: change[path] is not None):  # a file may follow a folder
            text, target = change[path], self.path / path
            if not self._theirs(path, before.get(path)):
                if text is None:
                    target.unlink(missing_ok=True)
                else:
                    self._write(target, text.encode())
                folders.add(target.parent)
            if text is None:
                self._prune(target.parent)
        _sync(folders)

    def _theirs(self, path: str, old: str | None) -> bool:
        """Whether a path must be left alone, because it is the user's or holds the new text already."""
        target = self.path / path
        if target.is_symlink() or (target.exists() and not target.is_file()) or not self._open(path):
            return True
        found = target.read_bytes() if target.exists() else None
        return found != (None if old is None else old.encode())

    def _text(self, path: str) -> str | bytes | None:
        """A file's text; None where there is no file, its bytes (or none of them) where it is no plain text file."""
        target = self.path / path
        try:
            if not self._open(path):
                return None
            if target.is_symlink() or (target / ".git").exists():
                return b""
            data = target.read_bytes() if target.is_file() else None
        except OSError as error:
            raise UsageError(f"{target} can't be read ({error.strerror}); mend its permissions") from None
        if data is None or b"\0" in data or _listed(path) != path:
            return data
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            return data

    def _open(self, path: str) -> bool:
        """Whether only folders stand above a path, so that it can't lead out of the workspace."""
        above = [self.path / parent for parent in PurePosixPath(path).parents][:-1]
        return not any(place.is_symlink() or (place.exists() and not place.is_dir()) for place in above)

    def _write(self, target: Path, data: bytes) -> None:
        """Replace a file in one step, so that no crash leaves half of it."""
        temporary = self.state / "tmp" / f"{os.getpid()}.part"
        temporary.parent.mkdir(exist_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as handle:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
        if target.exists():
            temporary.chmod(target.stat().st_mode & 0o777)
        temporary.replace(target)

    def _prune(self, folder: Path) -> None:
        """Remove folders that deleting a file left empty."""
        while folder != self.path and folder.is_relative_to(self.path):
            try:
                folder.rmdir()
            except OSError:
                return
            folder = folder.parent


def _listed(path: str) -> str:
    """A path as it is listed: a name that is not UTF-8 stands with its bytes spelled out."""
    return os.fsencode(path).decode(errors="backslashreplace")


def _sync(folders: Iterable[Path]) -> None:
    """Make renames outlast a loss of power."""
    for folder in folders:
        if folder.is_dir():
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
