"""The pytest that ships with the machine, copied once into a folder that every project's environment can see."""

from __future__ import annotations

import hashlib
import importlib.metadata
import shutil
import subprocess
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

from .shelf import Shelf

PROBE = "l2mac_probe"
"""The package that stands in the probe's folder; pytest is started by its module `launch`."""
_MODULES = ("launch", "probe", "release", "canary", "seal", "tracing", "breaking", "waiting", "lint_child")


@cache
def shipped_versions() -> dict[str, str]:
    """The versions of pytest and of all it needs on this interpreter, by distribution name.

    Raises:
        importlib.metadata.PackageNotFoundError: one of them is not installed.
    """
    from packaging.requirements import Requirement

    found: dict[str, str] = {}
    waiting = ["pytest"]
    while waiting:
        distribution = importlib.metadata.distribution(waiting.pop())
        name = distribution.metadata["Name"]
        if name in found:
            continue
        found[name] = distribution.version
        needed = [Requirement(text) for text in distribution.requires or ()]
        waiting += [item.name for item in needed if not item.marker or item.marker.evaluate({"extra": ""})]
    return dict(sorted(found.items()))


def shipped_folder(shelf: Shelf) -> Path:
    """The folder that holds pytest and all it needs, made on first use.

    Raises:
        OSError: it cannot be written, or pytest was installed without a list of its files.
        importlib.metadata.PackageNotFoundError: pytest or something it needs is not installed.
    """
    versions = shipped_versions()
    digest = hashlib.sha256(repr([sys.version, versions]).encode()).hexdigest()[:8]
    return shelf.place(f"shipped-{versions['pytest']}-{digest}", lambda folder: _copy(versions, folder))


def probe_folder(shelf: Shelf) -> Path:
    """A folder that holds what of ours runs beside a project, and an empty configuration; made on first use."""
    sources = {f"{name}.py": Path(__file__).with_name(f"{name}.py").read_bytes() for name in _MODULES}

    def fill(folder: Path) -> None:
        (folder / PROBE).mkdir(parents=True)
        for name, source in {"__init__.py": b"", **sources}.items():
            (folder / PROBE / name).write_bytes(source)
        (folder / "pytest.ini").write_text("[pytest]\n", "utf-8")
        compile_all(folder)

    return shelf.place(f"probe-{hashlib.sha256(repr(sources).encode()).hexdigest()[:12]}", fill)


def compile_all(folder: Path) -> None:
    """Compile every module under a folder: tests see it read-only and could not keep what they compile."""
    command = [sys.executable, "-I", "-m", "compileall", "-q", "-j", "0", str(folder)]
    with suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(command, capture_output=True, timeout=600, check=False)


def _copy(versions: dict[str, str], folder: Path) -> None:
    for name in versions:
        distribution = importlib.metadata.distribution(name)
        files = distribution.files
        if not files:
            raise OSError(f"{name} was installed without a list of its files: reinstall it with pip or uv")
        for file in files:
            if ".." in file.parts or "__pycache__" in file.parts:
                continue
            target = folder / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(distribution.locate_file(file)), target)
    compile_all(folder)
