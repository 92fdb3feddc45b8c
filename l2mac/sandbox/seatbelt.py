"""The rung on macOS: a seatbelt profile, run by sandbox-exec; without any network, for loopback there is the host's.

Source: sandbox-exec(1) and the profiles in /System/Library/Sandbox/Profiles.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from .rung import Job, Rung
from .supervise import Confinement

_READ: Final = (
    "/usr", "/bin", "/sbin", "/System", "/Library/Apple", "/Library/Developer", "/Library/Frameworks", "/opt/homebrew",
    "/private/etc/localtime", "/private/etc/ssl", "/private/var/db/timezone", "/private/var/db/dyld",
    "/Applications/Xcode.app", "/dev/null", "/dev/zero", "/dev/random", "/dev/urandom",
)  # fmt: skip
_WRITE: Final = ("/dev/null", "/dev/zero", "/dev/dtracehelper")
_HEAD: Final = """(version 1)
(deny default)
(allow process-fork)
(allow signal (target same-sandbox))
(allow process-info* (target same-sandbox))
(allow sysctl-read)
(allow file-read-metadata)
(allow ipc-posix-sem)
"""


def seatbelt() -> Rung:
    """A rung that runs commands under a seatbelt profile."""

    def enclose(job: Job) -> tuple[list[str], Confinement]:
        text = profile(job.readable, [job.folder, job.scratch])
        return ["/usr/bin/sandbox-exec", "-p", text, *job.command], Confinement()

    return Rung("seatbelt", enclose, sockets=False)


def profile(readable: Sequence[Path], writable: Sequence[Path]) -> str:
    """The profile as text: everything is denied but what it names."""
    read, write = [*_READ, *map(str, (*readable, *writable))], [*_WRITE, *map(str, writable)]
    return _HEAD + _rule("file-read* process-exec*", read) + _rule("file-write*", write)


def _rule(operations: str, places: Sequence[str]) -> str:
    quoted = (place.replace("\\", "\\\\").replace('"', '\\"') for place in places)
    return f"(allow {operations}\n" + "".join(f'  (subpath "{place}")\n' for place in quoted) + ")\n"
