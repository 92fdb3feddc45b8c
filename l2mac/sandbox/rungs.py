"""The ladder: the highest rung that this computer can stand on, proved by a canary and never by a version."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Final, Literal, cast

from ..errors import UsageError
from .bare import BareSandbox
from .bubblewrap import bubblewrap
from .canary import fault
from .confined import landlock
from .container import container
from .seam import Sandbox
from .seatbelt import seatbelt
from .seccomp import AUDIT, Architecture

Wanted = Literal["auto", "bubblewrap", "landlock", "docker", "podman", "none"]
_EXHAUSTED: Final = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC, errno.EDQUOT, errno.EAGAIN)
_BARE: Final = "or take `--sandbox none`, which lets generated code see and change whatever you can"
_INSTALL: Final = "install bubblewrap (Debian, Ubuntu, Fedora, Arch: the package `bubblewrap`)"
_PROGRAMS: Final = {"bubblewrap": "bwrap", "bubblewrap without /proc": "bwrap", "docker": "docker", "podman": "podman"}


def open_sandbox(wanted: Wanted, kept: Path | None = None) -> Sandbox:
    """The highest rung that is wanted and works here; makes this process one that its children can't look into.

    Args:
        wanted: the rung, or `auto`.
        kept: a folder for what is made once and serves the next process as well.

    Raises:
        UsageError: none works; the text says why, and what to do.
    """
    if wanted == "none":
        return BareSandbox()
    if sys.platform == "win32":
        raise UsageError(f"there is no sandbox on Windows itself: run l2mac inside WSL2 (`wsl --install`), {_BARE}")
    _hide()
    faults: dict[str, None] = {}
    for name in _ladder(wanted):
        sandbox, why = _proved(name, shutil.which(_PROGRAMS.get(name, "")) or "", kept)
        if sandbox is not None:
            return sandbox
        faults[why] = None
    todo = _INSTALL if wanted in ("auto", "bubblewrap") and not shutil.which("bwrap") else "see docs/sandbox.md"
    raise UsageError(f"generated code can't be isolated here ({'; '.join(faults)}): {todo}, {_BARE}")


def _ladder(wanted: str) -> tuple[str, ...]:
    if wanted == "auto":
        return ("seatbelt",) if sys.platform == "darwin" else (*_ladder("bubblewrap"), "landlock")
    return ("bubblewrap", "bubblewrap without /proc") if wanted == "bubblewrap" else (wanted,)


@cache
def _proved(name: str, program: str, kept: Path | None = None) -> tuple[Sandbox | None, str]:
    """A rung in which the canary lives, or why it does not; asked once in the life of this process."""
    if name in _PROGRAMS and not program:
        return None, f"{_PROGRAMS[name]} is not installed"
    architecture = os.uname().machine
    if name != "seatbelt" and (architecture not in AUDIT or sys.platform != "linux"):
        return None, f"{name} is not made for {sys.platform} on {architecture}"
    sandbox: Sandbox | None = None
    try:
        sandbox = _MAKERS[name](cast(Architecture, architecture), kept)
        why = fault(sandbox, loopback=name not in ("landlock", "seatbelt"))
    except (OSError, ImportError) as error:
        why = str(error)
    for exhausted in _EXHAUSTED:  # it says nothing of the rung
        if os.strerror(exhausted) in why:
            raise OSError(exhausted, os.strerror(exhausted))
    return (None, f"{name}: {why}") if why else (sandbox, "")


_MAKERS: Final[Mapping[str, Callable[[Architecture, Path | None], Sandbox]]] = {
    "bubblewrap": bubblewrap,
    "bubblewrap without /proc": lambda architecture, kept: bubblewrap(architecture, kept, proc=False),
    "landlock": lambda architecture, kept: landlock(architecture),
    "docker": lambda architecture, kept: container("docker", kept),
    "podman": lambda architecture, kept: container("podman", kept),
    "seatbelt": lambda architecture, kept: seatbelt(),
}


def _hide() -> None:
    """Close /proc/PID/environ and the like of this process to others of the same user; it dumps no core either."""
    if sys.platform == "linux":
        from .kernel import DUMPABLE, prctl

        prctl(DUMPABLE, 0)
