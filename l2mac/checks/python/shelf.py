"""Folders that are filled once, whoever asks first, shared between processes, and removed when unused for longest."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_MARKER = "complete"
_LOCK = ".lock"
_PAUSE = 0.02


class Shelf:
    """One folder of such folders. What this object has handed out is not removed for as long as it lives.

    Each folder has a lock file beside it: whoever fills the folder locks it alone, whoever uses it shares the lock.
    Scripts of a virtual environment hold its path, so it is filled in place, not renamed; its marker is written last.

    Args:
        home: where the folders lie.
        seconds: how long to wait for another process that fills one.
    """

    def __init__(self, home: Path, *, seconds: float = 1_500.0) -> None:
        self.home = home
        self._seconds = seconds
        self._leases: dict[Path, int] = {}
        self._guard = threading.Lock()
        weakref.finalize(self, _close, self._leases)

    def place(self, name: str, fill: Callable[[Path], None]) -> Path:
        """The folder of this name; `fill` makes it where it is not complete. What `fill` raises leaves no folder.

        Raises:
            OSError: it can't be written, or another process holds it for too long.
        """
        folder = self.home / name
        with self._guard:
            if folder in self._leases and (folder / _MARKER).exists():
                return folder
            lease = self._leases.get(folder) or _opened(folder)
            try:
                self._complete(lease, folder, fill)
            except BaseException:
                self._leases.pop(folder, None)
                os.close(lease)
                raise
            self._leases[folder] = lease
            return folder

    def _complete(self, lease: int, folder: Path, fill: Callable[[Path], None]) -> None:
        marker = folder / _MARKER
        while True:
            self._lock(lease, fcntl.LOCK_SH, folder)
            if marker.exists():
                os.utime(marker)
                return
            self._lock(lease, fcntl.LOCK_EX, folder)
            if marker.exists():
                continue
            shutil.rmtree(folder, ignore_errors=True)
            try:
                fill(folder)
                marker.write_text(str(_size(folder)), "ascii")
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise

    def _lock(self, lease: int, kind: int, folder: Path) -> None:
        # Two that share a lock and both want it alone would wait for each other.
        fcntl.flock(lease, fcntl.LOCK_UN)
        until = time.monotonic() + self._seconds
        while not _locked(lease, kind):
            if time.monotonic() > until:
                raise OSError(errno.EBUSY, "another process holds it", str(folder))
            time.sleep(_PAUSE)

    def grown(self, name: str) -> None:
        """Measure a folder again, to which something was added since it was filled."""
        folder = self.home / name
        (folder / _MARKER).write_text(str(_size(folder)), "ascii")

    def trim(self, most: float) -> list[str]:
        """Remove what was unused for longest, until no more than `most` bytes are left; never what a process uses.

        Returns:
            The names of what was removed. Sizes are those of the files, also where they share their space with others.
        """
        found = sorted(map(_unused_since, self.home.glob(f"*{_LOCK}")), reverse=True)
        removed: list[str] = []
        total = 0
        for since, size, folder in found:
            total += size
            if (total > most or not since) and folder.exists() and _removed(folder):
                total -= size
                removed.append(folder.name)
        return removed


def _unused_since(lock: Path) -> tuple[float, int, Path]:
    """When a folder was last asked for, and its bytes; the time is 0 where it is not complete."""
    folder = lock.with_name(lock.name.removesuffix(_LOCK))
    try:
        marker = folder / _MARKER
        return marker.stat().st_mtime, int(marker.read_text("ascii") or 0), folder
    except (OSError, ValueError):
        return 0.0, 0, folder


def _removed(folder: Path) -> bool:
    with _alone(folder) as mine:
        if mine:
            (folder / _MARKER).unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
        return mine


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    lease = _opened(folder)
    try:
        yield _locked(lease, fcntl.LOCK_EX)
    finally:
        os.close(lease)


def _locked(lease: int, kind: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(lease, kind | fcntl.LOCK_NB)
        return True
    return False


def _opened(folder: Path) -> int:
    folder.parent.mkdir(parents=True, exist_ok=True)
    return os.open(folder.with_name(folder.name + _LOCK), os.O_RDWR | os.O_CREAT, 0o600)


def _close(leases: dict[Path, int]) -> None:
    while leases:
        os.close(leases.popitem()[1])


def _size(folder: Path) -> int:
    """The bytes of all files below a folder; those of modules twice, for what they are compiled to."""
    paths = (Path(root, name) for root, _, names in os.walk(folder) for name in names)
    return sum(path.lstat().st_size * (1 + path.name.endswith(".py")) for path in paths)
