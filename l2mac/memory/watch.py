"""Hears from the system which files of a folder change, so that nobody has to look through all of them."""

from __future__ import annotations

import os
import struct
import sys
import weakref
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

# What inotify(7) tells of, from <sys/inotify.h>.
_MODIFY, _CLOSE_WRITE, _MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x2, 0x8, 0x40, 0x80, 0x100, 0x200
_DELETE_SELF, _MOVE_SELF, _UNMOUNT, _OVERFLOW, _IGNORED, _IS_FOLDER = 0x400, 0x800, 0x2000, 0x4000, 0x8000, 0x40000000
_ONLY_FOLDERS, _NO_LINKS = 0x01000000, 0x02000000
_WANTED: Final = (
    _MODIFY | _CLOSE_WRITE | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _MOVE_SELF | _ONLY_FOLDERS | _NO_LINKS
)
_HEAD: Final = struct.Struct("iIII")  # watch, mask, cookie, length of the name
_MOST: Final = 2_000  # folders
_LOCAL: Final = frozenset({0xEF53, 0x58465342, 0x9123683E, 0x01021994, 0x794C7630, 0x2FC12FC1, 0xF2F52010})
"""Where only this system writes, so that it knows of every change: ext, xfs, btrfs, tmpfs, overlay, zfs, f2fs."""


class Watch:
    """Listens to a folder and all below it.

    It knows nothing on other systems than Linux, on disks that others write to, of folders with too much below them,
    and where folders were moved about; then one has to look.

    Args:
        folder: the folder.
        aside: names in it that do not matter.
    """

    def __init__(self, folder: Path, aside: frozenset[str]) -> None:
        self._folder = os.path.abspath(folder)  # noqa: PTH100 - links stay
        self._aside = aside
        self._places: dict[int, str] = {}
        self._line = -1
        self._end: Callable[[], object] = lambda: None

    def begin(self) -> None:
        """Hear of everything from now on."""
        self._end()
        self._places, self._line = {}, -1
        if sys.platform == "linux" and _local(self._folder):
            self._line = _system().inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._line >= 0:
            self._end = weakref.finalize(self, os.close, self._line)
            try:
                list(self._listen(""))
            except OSError:
                self._line = -1

    def heard(self) -> set[str] | None:
        """The paths of files that may have changed since it was last asked; None where that isn't known."""
        if self._line < 0:
            return None
        try:
            return {path for event in self._events() for path in self._changed(*event)}
        except OSError:
            self._line = -1
            return None

    def _events(self) -> Iterator[tuple[int, int, str]]:
        """Watch, mask and name of everything that happened."""
        while True:
            try:
                data = os.read(self._line, 1 << 16)
            except BlockingIOError:
                return
            at = 0
            while at < len(data):
                watch, mask, _, length = _HEAD.unpack_from(data, at)
                at += _HEAD.size + length
                yield watch, mask, os.fsdecode(data[at - length : at].rstrip(b"\0"))

    def _changed(self, watch: int, mask: int, name: str) -> Iterator[str]:
        """The files that an event is about."""
        moved = mask & _IS_FOLDER and mask & (_MOVED_FROM | _MOVED_TO)
        if mask & (_MOVE_SELF | _UNMOUNT | _OVERFLOW) or moved:
            raise OSError("what lies where is no longer known")
        if mask & _IGNORED:
            self._places.pop(watch, None)
        elif name and (watch in self._places):
            path = f"{self._places[watch]}{name}"
            if path in self._aside:
                return
            if not mask & _IS_FOLDER:
                yield path
            elif mask & _CREATE:
                yield from self._listen(f"{path}/")

    def _listen(self, folder: str) -> Iterator[str]:
        """Listen to a folder and those below it; the files that are there."""
        waiting = [folder]
        while waiting:
            folder = waiting.pop()
            whole = os.path.join(self._folder, folder)  # noqa: PTH118 - one of many
            watch = _system().inotify_add_watch(self._line, os.fsencode(whole), _WANTED)
            if watch < 0 and not os.path.lexists(whole):
                continue  # gone again
            if watch < 0 or len(self._places) >= _MOST or not self._same_disk(whole):
                raise OSError("not every folder can be listened to")
            self._places[watch] = folder
            with os.scandir(whole) as entries:
                for entry in entries:
                    path = f"{folder}{entry.name}"
                    if entry.is_dir(follow_symlinks=False):
                        waiting += [] if path in self._aside else [f"{path}/"]
                    else:
                        yield path

    def _same_disk(self, folder: str) -> bool:
        return Path(folder).stat().st_dev == Path(self._folder).stat().st_dev


@cache
def _system() -> Any:
    import ctypes  # on first use: it takes as long as starting the interpreter

    return ctypes.CDLL(None, use_errno=True)


def _local(folder: str) -> bool:
    """Whether a folder lies on a disk of this system alone."""
    import ctypes

    told = ctypes.create_string_buffer(512)  # struct statfs, which begins with the kind of file system
    if _system().statfs(os.fsencode(folder), told):
        return False
    return int.from_bytes(told.raw[: ctypes.sizeof(ctypes.c_long)], sys.byteorder) in _LOCAL
