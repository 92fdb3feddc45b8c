"""The rung on a container engine, taken only when asked for: an empty image with the host's programs bound into it."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Final

from .places import SYSTEM, real, reduced_etc
from .rung import Job, Rung
from .supervise import Confinement

IMAGE: Final = "l2mac-empty"
_EMPTY_ARCHIVE: Final = bytes(10_240)


def container(engine: str, kept: Path | None = None) -> Rung:
    """A rung that runs commands by `docker run` or `podman run`. The image is made here: nothing is downloaded."""

    def enclose(job: Job) -> tuple[list[str], Confinement]:
        program = shutil.which(engine)
        if program is None:
            raise FileNotFoundError(f"{engine} is not installed")
        make_image(program)
        job.afterwards.callback(_ask, program, "rm", "--force", job.scratch.name)
        return [program, *options(job, kept), IMAGE, *job.command], Confinement()

    return Rung(engine, enclose)


def options(job: Job, kept: Path | None = None) -> list[str]:
    """The engine's command line between its name and the image."""
    shown = [*(Path(place) for place in SYSTEM if Path(place).is_dir()), *job.readable]
    mounts = [f"type=bind,source={real(place)},target={place},readonly" for place in shown]
    mounts += [f"type=bind,source={reduced_etc(kept)},target=/etc,readonly"]
    mounts += [f"type=bind,source={job.scratch},target=/tmp", f"type=bind,source={job.folder},target={job.folder}"]
    memory = str(job.limits.memory)
    return [
        "run", "--rm", "--name", job.scratch.name, "--network", "none", "--read-only", "--cap-drop", "ALL",
        "--security-opt", "no-new-privileges", "--user", f"{os.getuid()}:{os.getgid()}",
        "--pids-limit", str(job.limits.processes), "--memory", memory, "--memory-swap", memory,
        "--ulimit", "core=0", "--ulimit", f"fsize={job.limits.file_size}", "--workdir", str(job.folder),
        *(word for mount in mounts for word in ("--mount", mount)),
        *(word for item in ({**job.variables, "TMPDIR": "/tmp"}).items() for word in ("--env", "=".join(item))),
    ]  # fmt: skip


@cache
def make_image(program: str) -> None:
    """Make an image with nothing in it.

    Raises:
        OSError: the engine does not answer.
    """
    done = _ask(program, "import", "-", IMAGE, given=_EMPTY_ARCHIVE)
    if done.returncode:
        raise OSError(done.stderr.decode("utf-8", "replace").strip() or f"{program} import failed")


def _ask(program: str, *words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run([program, *words], input=given, capture_output=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        raise OSError(f"{program} does not answer") from None
