"""The rung of the standard library alone: landlock, a seccomp filter, limits, no capabilities."""

from __future__ import annotations

from typing import Final

from .places import SYSTEM, of_etc
from .rung import Job, Rung
from .seccomp import SHARED, SIGNALS, Architecture, program
from .supervise import Confinement

_DEVICES: Final = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_FACTS: Final = ("/proc/cpuinfo", "/proc/meminfo", "/proc/filesystems", "/proc/version", "/proc/sys/vm")


def landlock(architecture: Architecture) -> Rung:
    """A rung that shares the host's namespaces but may touch little of them: no sockets, no /proc, few devices.

    Raises:
        ImportError: this Python cannot call the C library.
    """
    from .landlock import version

    # Before version 6 it can't keep signals inside, so there are none.
    filter = program(SHARED if version() >= 6 else (*SHARED, *SIGNALS), architecture)

    def enclose(job: Job) -> tuple[list[str], Confinement]:
        read = [*SYSTEM, *map(str, of_etc()), *map(str, job.readable), *_FACTS]
        write = [str(job.folder), str(job.scratch), *_DEVICES]
        return list(job.command), Confinement(landlock=(read, write), seccomp=filter)

    return Rung("landlock", enclose, sockets=False, parents="among")
