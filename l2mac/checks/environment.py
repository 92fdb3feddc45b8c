"""One virtual environment for each distinct set of requirements, kept between runs and shared between lanes."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import re
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .installer import Installation, find_uv, install, installer_variables, make_environment
from .report import Finding, Report
from .requirements import Requirement, read_requirements
from .shipped import compile_all, complete, probe_folder, shipped_folder, shipped_versions

_RETRY_AFTER = 60.0
"""Seconds after which an unreachable registry is asked again."""


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment that is ready for use."""

    python: Path
    """Its interpreter."""
    folder: Path
    readable: tuple[Path, ...]
    """What a sandbox must let its processes read."""
    probe: Path
    """The folder that holds our pytest plugin and an empty pytest configuration."""

    @property
    def site(self) -> Path:
        """Its folder of installed packages."""
        return _site(self.folder)

    def has_pytest_plugins(self) -> bool:
        """Did the project's requirements bring a plugin that pytest should load?"""
        entries = self.site.glob("*.dist-info/entry_points.txt")
        return any("[pytest11]" in entry.read_text("utf-8", errors="replace") for entry in entries)


class Environments:
    """Makes and finds the environments of projects.

    Args:
        home: the machine's folder; environments live in `environments` under it.
        seconds: the most that one installer may take.
        variables: the user's environment variables; by default those of this process.
    """

    def __init__(self, home: Path, *, seconds: float = 600.0, variables: Mapping[str, str] | None = None) -> None:
        self._home = home.absolute() / "environments"
        self._seconds = seconds
        self._variables = installer_variables(os.environ if variables is None else variables)
        self._failed: dict[str, tuple[float, Installation]] = {}
        self._lock = threading.Lock()

    def environment(self, files: Mapping[str, str]) -> Environment | Report:
        """The environment that these files (path to text) ask for, made if need be.

        Returns:
            The environment, or a report named `environment`: `failed` with findings at the requirements' lines, or
            `unavailable` with one line that says what to do.
        """
        requirements, findings = read_requirements(files)
        if findings:
            return Report("environment", "failed", findings)
        try:
            return self._find_or_make(requirements)
        except importlib.metadata.PackageNotFoundError as error:
            return _unavailable(f"{error.name} is not installed beside l2mac: reinstall l2mac")
        except OSError as error:
            return _unavailable(f"the environment cannot be written under {self._home}: {error}")

    def _find_or_make(self, requirements: Sequence[Requirement]) -> Environment | Report:
        lines = sorted({requirement.text for requirement in requirements})
        key = _key([str(self._home), *lines])
        with self._lock:
            since, failed = self._failed.get(key, (0.0, None))
        if failed and (failed.ending == "unresolved" or time.monotonic() - since < _RETRY_AFTER):
            return _report(failed, requirements)
        folder, shipped = self._home / key, shipped_folder(self._home)
        try:
            complete(folder, lambda: self._make(folder, shipped, lines))
        except _NotInstalledError as error:
            with self._lock:
                self._failed[key] = (time.monotonic(), error.installation)
            return _report(error.installation, requirements)
        probe = probe_folder(self._home)
        interpreter = Path(sys.base_prefix)
        return Environment(folder / "bin" / "python", folder, (folder, shipped, probe, interpreter), probe)

    def _make(self, folder: Path, shipped: Path, lines: Sequence[str]) -> None:
        uv = find_uv()
        _demand(make_environment(folder, uv, self._variables))
        if lines:
            listed = folder / "requirements.txt"
            listed.write_text("".join(f"{line}\n" for line in lines), "utf-8")
            _demand(install(listed, folder, _site(folder), uv, self._variables, self._seconds))
            compile_all(_site(folder))
        # After the installation, so that an installer does not take what ships with us for the project's own.
        (_site(folder) / "zz-l2mac-shipped.pth").write_text(f"{shipped}\n", "utf-8")


class _NotInstalledError(Exception):
    def __init__(self, installation: Installation) -> None:
        super().__init__(installation.said)
        self.installation = installation


def _demand(installation: Installation) -> None:
    if installation.ending != "installed":
        raise _NotInstalledError(installation)


def _key(meaning: Sequence[str]) -> str:
    parts = [platform.python_implementation(), sys.version, sys.base_prefix, *meaning, repr(shipped_versions())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _site(folder: Path) -> Path:
    return folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"


def _unavailable(detail: str) -> Report:
    return Report("environment", "unavailable", detail=" ".join(detail.split()))


def _report(installation: Installation, requirements: Sequence[Requirement]) -> Report:
    if installation.ending == "unresolved":
        return Report("environment", "failed", _blamed(installation.said, requirements))
    if installation.ending == "unreachable":
        todo = "check the network, or set UV_DEFAULT_INDEX / PIP_INDEX_URL, HTTPS_PROXY or SSL_CERT_FILE"
        return _unavailable(f"the package registry cannot be reached: {todo}. {installation.said}")
    return _unavailable(f"no environment could be made: `pip install uv` beside l2mac. {installation.said}")


def _blamed(said: str, requirements: Sequence[Requirement]) -> tuple[Finding, ...]:
    words = set(re.findall(r"[a-z0-9]+(?:-[a-z0-9]+)*", re.sub(r"[_.]+", "-", said.lower())))
    words |= {word.strip("-") for word in re.split(r"[^a-z0-9-]+", re.sub(r"[_.]+", "-", said.lower()))}
    named = [item for item in requirements if item.name in words] or list(requirements[:1])
    todo = "Correct the name or the version, choose a package that has wheels, or do without it."
    return tuple(Finding(item.path, item.line, "requirement", f"{item.text}: {said} {todo}") for item in named[:5])
