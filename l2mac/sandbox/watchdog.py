"""The watchdog: what all processes of a command use together, held against its limits. Part of the guard."""

from __future__ import annotations

import os
import time
from errno import EACCES, ENAMETOOLONG

PAGE = os.sysconf("SC_PAGE_SIZE")
CLOCK = os.sysconf("SC_CLK_TCK")
LOOK = 1.0
"""Seconds after which the folders are looked through again even where their disk has not become fuller."""
SHARE = 50
"""Looking through them takes at most one part in so many of the time."""


class Watchdog:
    """Measures, and says which limit has been passed.

    Args:
        limits: the fields of `seam.Limits` by name.
        folders: those in which the command may write, without the links in their paths.
        own: the processes that were there before, by process id: what they have used does not count.
    """

    def __init__(self, limits: dict[str, float], folders: list[str], own: dict[int, int] = {}) -> None:  # noqa: B006
        self.most = limits["processes"]
        """Processes that there may be at once."""
        self._limits = limits
        self._folders = folders
        self._began = time.time() - 0.02  # file systems tell the time by the tick of a clock
        self._free = [_free(folder) for folder in folders]
        self._memory_free, self._memory_shared = memory_available(), memory_shared()
        self._cpu, self._memory, self._disk, self._files = 0.0, 0, 0, 0
        self._before = _spent(own) if own else 0.0
        self._walked, self._pause, self._seen = time.monotonic(), LOOK, 0

    def look(self, alive: dict[int, int]) -> str:
        """Measure once; return the word for the limit that was passed, or nothing.

        Args:
            alive: the number of threads of each process, by process id.
        """
        limits = self._limits
        if sum(alive.values()) > limits["processes"]:
            return "too_many_processes"
        self._cpu = max(self._cpu, _spent(alive) - self._before)
        if self._cpu > limits["cpu"]:
            return "too_much_cpu"
        if self._too_much_memory(alive):
            return "too_much_memory"
        return self._look_at_disks(alive)

    def last_look(self, own: dict[int, int] = {}) -> str:  # noqa: B006
        """Measure when every other process is gone: what was written may have passed a limit since the last look."""
        self._cpu = max(self._cpu, _spent(own) - self._before)
        self._walk((), 0.1)
        return self._disk_excess()

    def used(self) -> str:
        """Seconds of processor time, the most bytes of memory, bytes and files written: four numbers."""
        import resource

        biggest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
        return f"{self._cpu:.3f} {max(self._memory, biggest)} {self._disk} {self._files}"

    def _too_much_memory(self, alive: dict[int, int]) -> bool:
        most = self._limits["memory"]
        used = sum(map(_resident, alive))
        if used > most:  # what they share was counted for each of them
            used = sum(map(_own, alive))
        free, total = memory_available(), _TOTAL[0]
        fallen = self._memory_free - free
        if fallen - used > most // 8:  # more is gone than they have mapped
            used += sum(_unlinked(pid, b"/memfd:") for pid in alive)
        self._memory = max(self._memory, used)
        if used > most:
            return True
        # What follows belongs to no process that could be asked: files in memory and shared segments that none has open
        # or has looked at, and memory of the kernel.
        if memory_shared() - self._memory_shared > most and (fallen > most // 4 or _mapped(alive) > most):
            return True
        return total > 0 and free < total // 20 and fallen > min(most, total // 4)

    def _look_at_disks(self, alive: dict[int, int]) -> str:
        now = time.monotonic()
        size, count = self._fallen()
        fallen = max(size, count * PAGE)
        bound = min(self._limits["disk"], self._limits["files"] * PAGE)
        if fallen - self._seen > bound / 4 or now > self._walked + self._pause:
            self._walk(tuple(alive), 1.0)
            self._seen, self._walked = fallen, time.monotonic()
            self._pause = max(LOOK, SHARE * (self._walked - now))
        return self._disk_excess()

    def _fallen(self) -> tuple[int, int]:
        """By how many bytes and files the fullest of the folders' disks has become fuller, whoever wrote them."""
        now = map(_free, self._folders)
        fallen = [(size - left, count - room) for (size, count), (left, room) in zip(self._free, now, strict=True)]
        return max(size for size, _ in fallen), max(count for _, count in fallen)

    def _disk_excess(self) -> str:
        if self._disk > self._limits["disk"]:
            return "too_much_disk"
        return "too_many_files" if self._files > self._limits["files"] else ""

    def _walk(self, alive: tuple[int, ...], patience: float) -> None:
        """Count what was written since the beginning, at most for so many seconds.

        Where something can't be looked at (no leave to, or its path is too long), as much as is gone from the disk
        counts: who hides what he writes answers for all of it.
        """
        deadline = time.monotonic() + patience
        size = files = 0
        hidden = False
        waiting = list(self._folders)
        while waiting and time.monotonic() < deadline:
            try:
                entries = list(os.scandir(waiting.pop()))
            except OSError as error:
                hidden |= error.errno in (EACCES, ENAMETOOLONG)
                continue
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                try:
                    status = entry.stat(follow_symlinks=False)
                except OSError as error:
                    hidden |= error.errno in (EACCES, ENAMETOOLONG)
                    continue
                if status.st_ctime >= self._began:
                    files += 1
                    size += status.st_blocks * 512
        size += sum(map(_unlinked, alive))
        if hidden:
            gone, taken = self._fallen()
            size, files = max(size, gone), max(files, taken)
        self._disk, self._files = max(self._disk, size), max(self._files, files)


def _free(folder: str) -> tuple[int, int]:
    """Bytes and files that the disk of a folder still has room for."""
    try:
        room = os.statvfs(folder)
    except OSError:
        return 0, 0
    return room.f_bavail * room.f_frsize, room.f_favail


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            return file.read()
    except OSError:
        return b""


def _spent(alive: dict[int, int]) -> float:
    """Processor time of all children that have ended, and of those that are alive."""
    times = os.times()
    return times.children_user + times.children_system + sum(map(_seconds, alive))


def _seconds(pid: int) -> float:
    """Processor time of a process and of its ended children. Source: proc(5), /proc/pid/stat, fields 14 to 17."""
    fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return sum(map(int, fields[11:15])) / CLOCK


def _resident(pid: int) -> int:
    """Bytes in memory, those shared with others included. Source: proc(5), /proc/pid/statm."""
    fields = _read(f"/proc/{pid}/statm").split()
    return int(fields[1]) * PAGE if len(fields) > 1 else 0


def _own(pid: int) -> int:
    """Its share of the bytes in memory that are no files. Source: proc(5), /proc/pid/smaps_rollup."""
    lines = _read(f"/proc/{pid}/smaps_rollup").splitlines()
    found = [int(line.split()[1]) * 1024 for line in lines if line.startswith((b"Pss_Anon:", b"Pss_Shmem:"))]
    return sum(found) if found else _resident(pid)


def _mapped(alive: dict[int, int]) -> int:
    """Bytes of the files in memory and shared segments that processes have mapped. Source: proc(5), /proc/pid/maps."""
    sizes: dict[bytes, int] = {}
    for pid in alive:
        own: dict[bytes, int] = {}
        for line in _read(f"/proc/{pid}/maps").splitlines():
            place, _, _, _, inode, *name = line.split(None, 5)
            if name and name[0].startswith((b"/memfd:", b"/SYSV", b"/dev/zero")):
                start, _, end = place.partition(b"-")
                own[inode] = own.get(inode, 0) + int(end, 16) - int(start, 16)
        sizes |= {inode: max(size, sizes.get(inode, 0)) for inode, size in own.items()}
    return sum(sizes.values())


def _unlinked(pid: int, kind: bytes = b"") -> int:
    """Bytes in files without a name that a process holds open: all, or those of a kind, such as files in memory."""
    size = 0
    try:
        names = os.listdir(f"/proc/{pid}/fd")  # noqa: PTH208
    except OSError:
        return 0
    for name in names:
        try:
            link = os.fsencode(os.readlink(f"/proc/{pid}/fd/{name}"))  # noqa: PTH115
            status = os.stat(f"/proc/{pid}/fd/{name}")  # noqa: PTH116
        except OSError:
            continue
        if status.st_nlink == 0 and link.startswith(kind):
            size += status.st_blocks * 512
    return size


def memory_available() -> int:
    """Bytes of memory that programs can still have; 0 where it can't be told. Source: proc(5), /proc/meminfo."""
    return _meminfo().get(b"MemAvailable", 0)


def memory_shared() -> int:
    """Bytes of memory that are shared, or files in memory, whoever's; 0 where it can't be told. Source: proc(5)."""
    return _meminfo().get(b"Shmem", 0)


def _meminfo() -> dict[bytes, int]:
    fields = (line.split() for line in _read("/proc/meminfo").splitlines()[:30])
    return {field[0].rstrip(b":"): int(field[1]) * 1024 for field in fields}


_TOTAL = (_meminfo().get(b"MemTotal", 0),)
