"""A lane: the working folder of one instruction in flight, where checks and commands run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path, PurePosixPath

from pathspec import GitIgnoreSpec

from ..errors import Fault, UsageError
from .paths import confined
from .snapshot import Change, Snapshot

BIGGEST = 1_000_000
"""Bytes above which a file that a command made does not enter the transaction."""

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

    def lay_out(self, files: Snapshot, kept_in: Path | None = None) -> None:
        """Make the folder hold these files and nothing else but artefacts.

        Args:
            files: the state in flight.
            kept_in: the folder that holds the files which are no text.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            found = dict(self._found(_spec(self.artefacts, files.get(".gitignore", ""))))
            for path in found.keys() - files.keys() - files.kept:
                (self.folder / path).unlink(missing_ok=True)
                self._laid.pop(path, None)
            for path, text in files.items():
                held = self._laid.get(path)
                if held is None or found.get(path) != held[0] or held[1] != text:
                    self._laid[path] = (self._write(path, text.encode()), text)
            if kept_in:
                self._copy_kept(files.kept, kept_in, found)
        except OSError as error:
            raise UsageError(f"the lane {self.folder} can't be written ({error.strerror}); see L2MAC_HOME") from None

    def harvest(self, files: Snapshot) -> tuple[Change, list[str]]:
        """What a command did to the folder since it was laid out.

        Returns:
            the changes that may enter the transaction, and a line for each that may not, saying why.
        """
        change: dict[str, str | None] = {}
        refused: list[str] = []
        found = dict(self._found(_spec(self.artefacts, files.get(".gitignore", ""))))
        for path, stamp in sorted(found.items()):
            if path in files.kept or (path in self._laid and self._laid[path][0] == stamp):
                continue
            text = self._taken(path, stamp[0], refused)
            if text is not None and text != files.get(path):
                change[path] = text
        change.update((path, None) for path in files if path not in found)
        return change, refused

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _taken(self, path: str, size: int, refused: list[str]) -> str | None:
        if size > BIGGEST:
            refused.append(f"{path}: not kept, it is larger than {BIGGEST:,} bytes")
            return None
        try:
            confined(path)
            return (self.folder / path).read_bytes().decode()
        except UnicodeDecodeError:
            refused.append(f"{path}: not kept, it is not UTF-8 text")
        except OSError as error:
            refused.append(f"{path}: not kept, {error.strerror}")
        except Fault as fault:
            refused.append(f"not kept: {fault}")
        return None

    def _found(self, ignored: GitIgnoreSpec) -> Iterator[tuple[str, Stamp]]:
        """Every regular file that is no artefact, with what tells whether it was touched."""
        folders = [""]
        while folders:
            folder = folders.pop()
            with os.scandir(self.folder / folder) as entries:
                for entry in entries:
                    path = f"{folder}{entry.name}"
                    if entry.is_dir(follow_symlinks=False):
                        if not ignored.match_file(f"{path}/"):
                            folders.append(f"{path}/")
                    elif path in self._laid or not ignored.match_file(path):
                        if entry.is_file(follow_symlinks=False):
                            status = entry.stat(follow_symlinks=False)
                            yield path, (status.st_size, status.st_ctime_ns, status.st_ino)
                        else:  # a link, socket or pipe is never part of a project
                            Path(entry.path).unlink(missing_ok=True)

    def _write(self, path: str, data: bytes) -> Stamp:
        target = self.folder / path
        self._clear_way(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{os.getpid()}.part")
        temporary.write_bytes(data)
        temporary.replace(target)  # never through a link or into a file that something still holds open
        status = target.stat()
        return (status.st_size, status.st_ctime_ns, status.st_ino)

    def _clear_way(self, path: str) -> None:
        """Remove a link or file that stands where a folder must be, or a folder where the file must be."""
        for parent in list(PurePosixPath(path).parents)[-2::-1]:
            place = self.folder / parent
            if place.is_symlink() or place.is_file():
                place.unlink()
        if (self.folder / path).is_dir() and not (self.folder / path).is_symlink():
            shutil.rmtree(self.folder / path)

    def _copy_kept(self, kept: frozenset[str], source: Path, found: Mapping[str, Stamp]) -> None:
        for path in kept:
            original = source / path
            if original.is_symlink() or not original.is_file():
                continue
            if path not in found or original.stat().st_size != found[path][0]:
                (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(original, self.folder / path)


@lru_cache(maxsize=8)
def _spec(artefacts: tuple[str, ...], gitignore: str) -> GitIgnoreSpec:
    return GitIgnoreSpec.from_lines([*gitignore.splitlines(), *artefacts])
