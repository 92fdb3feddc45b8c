"""The pytest that ships with the machine, copied once into a folder that every project's environment can see."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

PROBE = "l2mac_probe"
_COMPLETE = "complete"


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


def shipped_folder(environments: Path) -> Path:
    """The folder that holds pytest and all it needs, made on first use.

    Raises:
        OSError: it cannot be written, or pytest was installed without a list of its files.
        importlib.metadata.PackageNotFoundError: pytest or something it needs is not installed.
    """
    versions = shipped_versions()
    digest = hashlib.sha256(repr([sys.version, versions]).encode()).hexdigest()[:8]
    folder = environments / f"shipped-{versions['pytest']}-{digest}"
    complete(folder, lambda: _copy(versions, folder))
    return folder


def probe_folder(environments: Path) -> Path:
    """A folder that holds nothing but our pytest plugin and an empty configuration, made on first use."""
    source = Path(__file__).with_name("probe.py").read_bytes()
    folder = environments / f"probe-{hashlib.sha256(source).hexdigest()[:12]}"

    def fill() -> None:
        folder.mkdir(parents=True)
        (folder / f"{PROBE}.py").write_bytes(source)
        (folder / "pytest.ini").write_text("[pytest]\n", "utf-8")
        compile_all(folder)

    complete(folder, fill)
    return folder


def complete(folder: Path, fill: Callable[[], None]) -> None:
    """Fill a folder once, whoever asks first; one that was left unfinished is removed and filled again.

    Whatever `fill` raises is passed on, and leaves no folder.
    """
    marker = folder / _COMPLETE
    if marker.exists():
        return
    with _locked(folder.with_name(folder.name + ".lock")):
        if marker.exists():
            return
        shutil.rmtree(folder, ignore_errors=True)
        try:
            fill()
        except Exception:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        marker.write_text("", "utf-8")


def compile_all(folder: Path) -> None:
    """Compile every module under a folder: tests see it read-only and could not keep what they compile.

    Our own interpreter does it, so that nothing that was installed runs outside the sandbox.
    """
    command = [sys.executable, "-I", "-m", "compileall", "-q", "-j", "0", str(folder)]
    with suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(command, capture_output=True, timeout=600, check=False)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


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
