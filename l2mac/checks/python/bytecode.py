"""Compiled files in a lane: only those are left there that nobody but the machine can have written.

Python runs a compiled file in place of its source and asks only whether size and time, or a digest of the source in its
head, fit. Any command could leave one that does something else.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

Signature = tuple[int, ...]


class Bytecode:
    """Remembers which compiled files were made of which source before any code of the project ran."""

    def __init__(self) -> None:
        self._trusted: dict[str, tuple[str, str, Signature]] = {}
        """By compiled file: the source's path in the lane, its text, and what nobody can set back."""

    def clean(self, lane: Path, files: Mapping[str, str]) -> frozenset[str]:
        """Remove every compiled file of a lane's sources that is not to be trusted.

        Args:
            lane: its folder, without links in its path.
            files: path to text.

        Returns:
            The paths of the sources that have a compiled file now.
        """
        kept = set()
        for folder in {str(PurePosixPath(path).parent) for path in files if path.endswith(".py")}:
            cache = lane / folder / "__pycache__"
            if cache.is_symlink():
                cache.unlink()
            if os.path.realpath(cache) != str(cache):
                continue  # a folder above is a link, to where nothing is ours to remove
            with suppress(OSError), os.scandir(cache) as entries:
                for entry in entries:
                    source = self._source(entry, files)
                    if source:
                        kept.add(source)
                    elif not entry.is_dir(follow_symlinks=False):
                        Path(entry.path).unlink()
        return frozenset(kept)

    def _source(self, entry: os.DirEntry[str], files: Mapping[str, str]) -> str:
        """Of what a compiled file was made; empty when it is not to be trusted, or the source has changed."""
        source, text, signature = self._trusted.get(entry.path, ("", "", ()))
        trusted = source and files.get(source) == text and signature == _signature(entry.path)
        return source if trusted else ""

    def trust(self, lane: Path, files: Mapping[str, str], compiled: Iterable[Sequence[str]]) -> None:
        """Remember what was compiled: path, compiled file and its SHA-256; unless it has been changed since."""
        for source, path, digest in compiled:
            cache = lane / PurePosixPath(source).parent / "__pycache__"
            if Path(path).parent != cache or os.path.realpath(path) != path or source not in files:
                continue
            with suppress(OSError):
                signature = _signature(path)
                if hashlib.sha256(Path(path).read_bytes()).hexdigest() == digest:
                    self._trusted[path] = (source, files[source], signature)


def _signature(path: str) -> Signature:
    """What tells a file from one put in its place or written anew; programs can't set the last of it."""
    try:
        status = os.lstat(path)
    except OSError:
        return ()
    return (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
