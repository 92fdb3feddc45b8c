"""A lane: the working folder of one instruction in flight, where checks and commands run."""

from __future__ import annotations

import os
import re
import shutil
import time
import warnings
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path, PurePosixPath

from pathspec import GitIgnoreSpec

from ..errors import Fault, UsageError
from .paths import confined
from .snapshot import Change, Snapshot

BIGGEST = 1_000_000
"""Bytes above which a file that a command made does not enter the transaction."""

MOST = 1_000
"""New files of one command above which none of them enters the transaction."""

_LINES = 20  # lines about files that were not kept
_TICK = 20_000_000  # nanoseconds: longer than any file system takes to tell two changes apart

Stamp = tuple[int, int, int]
"""Size, time of the last change and inode: the change time is the one that no program can set back."""


class Lane:
    """A folder kept equal to a snapshot by writing only what differs, so that caches in it stay warm.

    Args:
        folder: belongs to the lane alone, outside every project.
        artefacts: patterns of files that tools leave behind; they stay, and never enter the project.
    """

    def __init__(self, folder: Path, artefacts: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.artefacts = artefacts
        self._laid: dict[str, tuple[Stamp, str]] = {}
        self._kept: dict[str, tuple[Stamp, Stamp]] = {}
        self._sure = 0  # a change time before this one can't hide a later change

    def lay_out(self, files: Snapshot, kept_in: Path | None = None) -> None:
        """Make the folder hold these files and nothing else but artefacts.

        Args:
            files: the state in flight.
            kept_in: the folder that holds the files which are no text.
        """
        try:
            try:
                self._lay_out(files, kept_in)
            except OSError:  # what ran here left something that can't be put right: begin with an empty folder
                self.remove()
                self._lay_out(files, kept_in)
        except OSError as error:
            raise UsageError(f"the lane {self.folder} can't be written ({error.strerror}); see L2MAC_HOME") from None

    def harvest(self, files: Snapshot) -> tuple[Change, list[str]]:
        """What a command did to the folder since it was laid out.

        Returns:
            the changes that may enter the transaction, and a line for each that may not, saying why.
        """
        change: dict[str, str | None] = {}
        refused: list[str] = []
        try:
            found, _ = self._scan(files)
        except OSError as error:
            return {}, [f"nothing was kept: a folder can't be read ({error.strerror})"]
        if len(new := found.keys() - files.keys() - files.kept) > MOST:
            refused.append(f"{len(new):,} new files: not kept, more than {MOST:,}; list what tools make in .gitignore")
            found = {path: stamp for path, stamp in found.items() if path not in new}
        for path, stamp in sorted(found.items()):
            if path not in files.kept and not self._untouched(path, stamp):
                text = self._taken(path, stamp[0], files, refused)
                if text is not None and text != files.get(path):
                    change[path] = text
        change.update((path, None) for path in files if path not in found)
        return change, refused if len(refused) <= _LINES else [*refused[:_LINES], f"… {len(refused)} like these"]

    def ignores(self, files: Snapshot, path: str) -> bool:
        """Whether the project's .gitignore, or what tools leave behind, names a path."""
        return _spec(self.artefacts, files.get(".gitignore", "")).match_file(path)

    def remove(self) -> None:
        """Remove the folder."""
        self._laid.clear()
        self._kept.clear()
        _remove_tree(self.folder)

    def _lay_out(self, files: Snapshot, kept_in: Path | None) -> None:
        found, folders = self._scan(files)
        for path in found.keys() - files.keys() - files.kept:
            (self.folder / path).unlink()
        for folder in reversed(folders):
            with suppress(OSError):  # not empty
                (self.folder / folder).rmdir()
        self._laid = {path: held for path, held in self._laid.items() if path in files}
        for path, text in files.items():
            stamp = found.get(path)
            if not (stamp and self._holds(path, stamp, text)):
                stamp = self._write(path, text.encode())
            self._laid[path] = (stamp, text)
        if kept_in:
            self._copy_kept(files.kept, kept_in, found)
        self._sure = time.time_ns() - _TICK

    def _holds(self, path: str, stamp: Stamp, text: str) -> bool:
        """Whether a file has a text: known because nothing touched it, or seen where that is uncertain."""
        held = self._laid.get(path)
        if held and (held[0] != stamp or held[1] != text):
            return False
        return self._untouched(path, stamp) or (self.folder / path).read_bytes() == text.encode()

    def _untouched(self, path: str, stamp: Stamp) -> bool:
        held = self._laid.get(path)
        return held is not None and held[0] == stamp and stamp[1] < self._sure

    def _taken(self, path: str, size: int, files: Snapshot, refused: list[str]) -> str | None:
        if size > BIGGEST:
            refused.append(f"{path}: not kept, it is larger than {BIGGEST:,} bytes")
            return None
        try:
            confined(path)
            if any(str(parent) in files.kept for parent in PurePosixPath(path).parents):
                raise Fault(f"{path} stands where a file must stay that is not text")
            return (self.folder / path).read_bytes().decode()
        except UnicodeDecodeError:
            refused.append(f"{path}: not kept, it is not UTF-8 text")
        except OSError as error:
            refused.append(f"{path}: not kept, {error.strerror}")
        except Fault as fault:
            refused.append(f"not kept: {fault}")
        return None

    def _scan(self, files: Snapshot) -> tuple[dict[str, Stamp], list[str]]:
        """Every regular file that is no artefact, with what tells whether it was touched; and every such folder."""
        if self.folder.is_symlink():
            self.folder.unlink()
        self.folder.mkdir(parents=True, exist_ok=True)
        ignored = _spec(self.artefacts, files.get(".gitignore", ""))
        ours = {*files, *files.kept}  # a file of the project is one even where a pattern names it
        above = _above(ours)
        found: dict[str, Stamp] = {}
        folders = [""]
        for folder in folders:
            with os.scandir(self.folder / folder) as entries:
                for entry in entries:
                    path = f"{folder}{entry.name}"
                    if entry.is_dir(follow_symlinks=False):
                        if f"{path}/" in above or not ignored.match_file(f"{path}/"):
                            folders.append(f"{path}/")
                    elif path in ours or not ignored.match_file(path):
                        if entry.is_file(follow_symlinks=False):
                            found[path] = _stamp(entry.stat(follow_symlinks=False))
                        else:  # a link, socket or pipe is never part of a project
                            Path(entry.path).unlink()
        return found, folders[1:]

    def _write(self, path: str, data: bytes) -> Stamp:
        """Replace a file: never through a link, nor into a file that something still holds open."""
        temporary = self._beside()
        temporary.write_bytes(data)
        return self._move(temporary, path)

    def _beside(self) -> Path:
        """A file on the same disk that nothing which ran in the lane could have planted."""
        temporary = self.folder.with_name(f"{self.folder.name}.part")
        temporary.unlink(missing_ok=True)
        return temporary

    def _move(self, temporary: Path, path: str) -> Stamp:
        target = self.folder / path
        self._clear_way(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.replace(target)
        return _stamp(target.stat())

    def _clear_way(self, path: str) -> None:
        """Remove what is no folder where a folder must be, and a folder where the file must be."""
        for parent in list(PurePosixPath(path).parents)[-2::-1]:
            place = self.folder / parent
            if place.is_symlink() or (place.exists() and not place.is_dir()):
                place.unlink()
        if (self.folder / path).is_dir() and not (self.folder / path).is_symlink():
            _remove_tree(self.folder / path)

    def _copy_kept(self, kept: frozenset[str], source: Path, found: Mapping[str, Stamp]) -> None:
        for path in kept:
            original = source / path
            if original.is_symlink() or not original.is_file():
                continue
            stamp = _stamp(original.stat())
            if self._kept.get(path) != (stamp, found.get(path)):
                temporary = self._beside()
                shutil.copy2(original, temporary)
                self._kept[path] = (stamp, self._move(temporary, path))


def _remove_tree(folder: Path) -> None:
    """Remove whatever stands at a path, also where what ran in it took away the permission to."""
    if folder.is_symlink() or not folder.is_dir():
        folder.unlink(missing_ok=True)
        return
    folder.chmod(0o700)
    for place, folders, _ in os.walk(folder):
        for below in (Path(place, name) for name in folders):
            with suppress(OSError):  # its path is too long to be named, yet it can be removed
                if not below.is_symlink():
                    below.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


def _stamp(status: os.stat_result) -> Stamp:
    return (status.st_size, status.st_ctime_ns, status.st_ino)


def _above(paths: Iterable[str]) -> set[str]:
    """The folders in which files stand, at every depth."""
    folders: set[str] = set()
    for path in paths:
        while (path := path.rpartition("/")[0]) and f"{path}/" not in folders:
            folders.add(f"{path}/")
    return folders


@lru_cache(maxsize=8)
def _spec(artefacts: tuple[str, ...], gitignore: str) -> GitIgnoreSpec:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about patterns that regular expressions may read otherwise one day
        return GitIgnoreSpec.from_lines(filter(_understood, [*gitignore.splitlines(), *artefacts]))


def _understood(pattern: str) -> bool:
    try:
        GitIgnoreSpec.from_lines([pattern])
    except (ValueError, re.error):  # git passes over what is no pattern, too
        return False
    return True
