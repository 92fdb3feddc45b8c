"""The host's process table, read from /proc."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Process:
    """One process of the host."""

    pid: int
    parent: int
    name: str
    state: str
    """`R`, `S`, `T` …; `Z` is dead."""
    threads: int

    def link(self, name: str) -> str:
        """Where a link below /proc/PID leads: `ns/user`, `cwd`, `fd/3`; empty when it cannot be read."""
        with suppress(OSError):
            return str(Path(f"/proc/{self.pid}/{name}").readlink())
        return ""

    def text(self, name: str) -> str:
        """The content of a file below /proc/PID; empty when it cannot be read."""
        with suppress(OSError):
            return Path(f"/proc/{self.pid}/{name}").read_text(errors="replace")
        return ""

    def resident(self) -> int:
        """Bytes of memory that are its own, not a file's: anonymous and shared."""
        lines = dict(line.split(":", 1) for line in self.text("status").splitlines() if ":" in line)
        return sum(int(lines.get(name, "0 kB").split()[0]) * 1024 for name in ("RssAnon", "RssShmem"))

    def processor(self) -> float:
        """Seconds of processor time that it has used."""
        fields = self.text("stat").rpartition(")")[2].split()
        return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK") if fields else 0.0

    def open_files(self) -> Iterator[tuple[str, os.stat_result]]:
        """Every open descriptor: where its link leads (empty where that is too long to say), and its status."""
        with suppress(OSError):
            for name in os.listdir(f"/proc/{self.pid}/fd"):  # noqa: PTH208
                with suppress(OSError):
                    yield self.link(f"fd/{name}"), os.stat(f"/proc/{self.pid}/fd/{name}")  # noqa: PTH116


def read_table() -> dict[int, Process]:
    """Every process that is not dead. Source: proc(5), /proc/pid/stat."""
    found = {}
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdigit() and (line := _content(f"/proc/{name}/stat")):
            head, _, rest = line.rpartition(b")")
            state, parent, *more = rest.split()
            if state not in b"ZX":
                title = head.partition(b"(")[2].decode(errors="replace")
                found[int(name)] = Process(int(name), int(parent), title, state.decode(), int(more[15]))
    return found


def _content(path: str) -> bytes:
    with suppress(OSError):
        file = os.open(path, os.O_RDONLY)
        try:
            return os.read(file, 4096)
        finally:
            os.close(file)
    return b""


def below(root: int) -> dict[int, Process]:
    """Every living descendant of a process."""
    everyone = read_table()
    children: dict[int, list[int]] = {}
    for process in everyone.values():
        children.setdefault(process.parent, []).append(process.pid)
    found: dict[int, Process] = {}
    waiting = children.get(root, [])
    while waiting:
        pid = waiting.pop()
        found[pid] = everyone[pid]
        waiting += children.get(pid, [])
    return found


def shared_memory() -> int:
    """Bytes of the computer's memory that are shared, or files. Source: proc(5), /proc/meminfo."""
    lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    return int(lines["Shmem"].split()[0]) * 1024


def on_disk(processes: Mapping[int, Process]) -> int:
    """Bytes held in open files: on the disk, deleted or not, or in memory that is a file; each file once."""
    sizes = {}
    for process in processes.values():
        for _, status in process.open_files():
            if stat.S_ISREG(status.st_mode):
                sizes[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(sizes.values())
