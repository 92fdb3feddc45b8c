"""The rungs on bubblewrap: namespaces of its own, in which nothing but what is named exists. Source: bwrap(1)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from .guard import FILES, STATUS
from .places import reduced_etc
from .rung import Job, Rung
from .seccomp import ALWAYS, Architecture, program
from .supervise import Confinement

_SHARED_MEMORY: Final = 256_000_000
_TOP: Final = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")


def bubblewrap(architecture: Architecture, kept: Path | None = None, *, proc: bool = True) -> Rung:
    """A rung with namespaces of its own: files, processes, network (loopback alone), IPC, host name, users.

    Args:
        architecture: of this computer's processor.
        proc: False leaves /proc out: in containers it often can't be mounted.
    """
    how = Confinement(files=(program(ALWAYS, architecture),), status=True)

    def enclose(job: Job) -> tuple[list[str], Confinement]:
        # By its full path: the PATH of the command may be the project's.
        path = shutil.which("bwrap")
        if path is None:
            raise FileNotFoundError("bubblewrap (bwrap) is not installed")
        return [path, *_options(job, proc, kept), "--", *job.command], how

    return Rung("bubblewrap" if proc else "bubblewrap without /proc", enclose, parents="alone")


def _options(job: Job, proc: bool, kept: Path | None) -> list[str]:
    """What exists inside. Later options lie on top of earlier ones."""
    folder, size = str(job.folder), str(min(_SHARED_MEMORY, job.limits.memory))
    inside = [place for place in job.readable if place.is_relative_to(job.folder)]
    around = [place for place in job.readable if place not in inside]
    return [
        "--unshare-all", "--die-with-parent", "--cap-drop", "ALL", "--hostname", "sandbox",
        "--json-status-fd", str(STATUS), "--seccomp", str(FILES),
        *_system(), "--ro-bind", str(reduced_etc(kept)), "/etc",
        "--dev", "/dev", "--size", size, "--tmpfs", "/dev/shm", "--remount-ro", "/dev",
        *(["--proc", "/proc", "--remount-ro", "/proc"] if proc else []),  # for root, settings of the kernel are in it
        "--bind", str(job.scratch), "/tmp", "--setenv", "TMPDIR", "/tmp", "--symlink", "/tmp", "/var/tmp",
        *_shown(around), "--bind", folder, folder, *_shown(inside), "--remount-ro", "/", "--chdir", folder,
    ]  # fmt: skip


def _shown(places: Sequence[Path]) -> Iterator[str]:
    for place in places:
        yield from ("--ro-bind-try", str(place), str(place))


@cache
def _system() -> tuple[str, ...]:
    """The system's programs and libraries."""
    options = ["--ro-bind", "/usr", "/usr", "--ro-bind-try", "/nix/store", "/nix/store"]
    for place in (Path("/", name) for name in _TOP):
        if place.is_symlink():
            options += ["--symlink", str(place.readlink()), str(place)]
        elif place.is_dir():
            options += ["--ro-bind", str(place), str(place)]
    return tuple(options)
