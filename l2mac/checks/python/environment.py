"""One virtual environment for each distinct set of requirements, kept between runs and shared between lanes."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import re
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ..report import Finding, Report
from .installer import Installation, Installer, installer_variables
from .names import Admission, lookalike, lookalikes
from .pins import Pin, from_uv, kept
from .requirements import Requirement, read_requirements
from .shelf import Shelf
from .shipped import probe_folder, shipped_folder, shipped_versions

_RETRY_AFTER = 60.0
"""Seconds after which an unreachable registry is asked again."""
_FRESH = 7 * 86_400.0
"""Seconds for which a resolution holds; an older one serves where the registry can't be reached."""
_KEPT = 90 * 86_400.0
"""Seconds for which one is kept."""
_COMPILE = """
import compileall, os, pathlib, sys
os.nice(10)
compileall.compile_dir(sys.argv[1], quiet=2)
pathlib.Path(sys.argv[2]).touch()
"""


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
    advice: tuple[Finding, ...] = ()
    """What the project's author should think about, though it was installed."""

    @property
    def site(self) -> Path:
        """Its folder of installed packages."""
        return _site(self.folder)

    def has_pytest_plugins(self) -> bool:
        """Did the project's requirements bring a plugin that pytest should load?"""
        entries = self.site.glob("*.dist-info/entry_points.txt")
        return any("[pytest11]" in entry.read_text("utf-8", errors="replace") for entry in entries)

    def modules(self) -> frozenset[str]:
        """The names at the top of what can be imported from it, beside the standard library."""
        return _modules(self.site) | self.shipped()

    def shipped(self) -> frozenset[str]:
        """The same names of what ships with us: pytest and what it needs."""
        return _modules(self.readable[1])


@dataclass(frozen=True, slots=True)
class Making:
    """How an environment came to be, or why not; for the journal."""

    requirements: tuple[str, ...]
    ending: str
    packages: tuple[str, ...] = ()
    """`name==version` of all that is in it."""
    log: str = ""
    """What the installers printed; empty where the environment stood already."""

    @property
    def gist(self) -> str:
        what = f"{len(self.packages)} packages installed" if self.ending == "installed" else self.ending
        return f"{what} for {', '.join(self.requirements)}"

    @property
    def digest(self) -> str:
        """The same for the same outcome."""
        return _digest([*self.requirements, self.ending, *self.packages])


class Environments:
    """Makes and finds the environments of projects.

    Args:
        home: the machine's folder; environments live in `environments` under it.
        installer: resolves and installs; by default with the variables of this process.
        admission: which packages may be installed.
        most: bytes that environments may take; those unused for longest are removed, never one in use.
        notice: is told before something is installed.
        record: is handed how each environment with packages came to be.
    """

    def __init__(
        self,
        home: Path,
        installer: Installer | None = None,
        *,
        admission: Admission | None = None,
        most: float = 10e9,
        notice: Callable[[str], None] = lambda text: None,
        record: Callable[[Making], None] = lambda making: None,
    ) -> None:
        self._shelf = Shelf(home.absolute() / "environments")
        self._installer = installer or Installer(installer_variables(os.environ))
        self._admission = admission or Admission()
        self._most = most
        self._notice = notice
        self._record = record
        self._told: set[str] = set()
        self._failed: dict[str, tuple[float, Installation]] = {}
        self._resolved: dict[str, tuple[Pin, ...]] = {}
        self._lock = threading.RLock()
        self._compiling: dict[Path, subprocess.Popen[bytes]] = {}
        weakref.finalize(self, _stop, self._compiling)

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
            with self._lock:
                return self._find_or_make(requirements)
        except importlib.metadata.PackageNotFoundError as error:
            return _unavailable(f"{error.name} is not installed beside l2mac: reinstall l2mac")
        except OSError as error:
            return _unavailable(f"the environment cannot be written under {self._shelf.home}: {error}")

    def _find_or_make(self, requirements: Sequence[Requirement]) -> Environment | Report:
        lines = tuple(sorted({requirement.text for requirement in requirements}))
        asked = _digest([*lines, *self._origin()])
        since, failed = self._failed.get(asked, (0.0, None))
        if failed and (failed.ending == "unresolved" or time.monotonic() - since < _RETRY_AFTER):
            return _report(failed, requirements)
        try:
            pins = self._pins(asked, lines)
            if refused := tuple(self._admission.refusals(pins, requirements)):
                return Report("environment", "failed", refused)
            return self._environment(lines, pins, tuple(lookalikes(requirements)))
        except _NotInstalledError as error:
            self._failed[asked] = (time.monotonic(), error.installation)
            self._tell(Making(lines, error.installation.ending, (), error.installation.log))
            self._forget(asked)
            return _report(error.installation, requirements)

    def _origin(self) -> list[str]:
        """What besides the requirements decides what is installed."""
        names = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "PIP_INDEX_URL")
        told = [f"{name}={self._installer.variables.get(name, '')}" for name in names]
        return [*_interpreter(), *told, *self._installer.source]

    def _pins(self, asked: str, lines: Sequence[str]) -> tuple[Pin, ...]:
        """What is to be installed: as resolved before, unless that is old; a wheelhouse is looked through each time."""
        if not lines or asked in self._resolved:
            return self._resolved.get(asked, ())
        remembered = self._remembered(asked)
        age = time.time() - remembered.stat().st_mtime if remembered.exists() else _FRESH
        if age < _FRESH and not self._installer.wheelhouse:
            pins = from_uv(remembered.read_text("utf-8"))
        else:
            self._notice(f"looking for what {', '.join(lines)[:200]} need")
            ended, pins = self._installer.resolve(lines)
            if ended.ending == "unreachable" and remembered.exists():
                pins = from_uv(remembered.read_text("utf-8"))
            elif ended.ending != "installed":
                raise _NotInstalledError(ended)
            else:
                _replaced(remembered, kept(pins))
        self._resolved[asked] = pins
        return pins

    def _remembered(self, asked: str) -> Path:
        return self._shelf.home / f"resolved-{asked}.txt"

    def _forget(self, asked: str) -> None:
        """What can't be installed may have been resolved long ago: the next time it is resolved anew."""
        self._resolved.pop(asked, None)
        self._remembered(asked).unlink(missing_ok=True)

    def _environment(self, lines: tuple[str, ...], pins: Sequence[Pin], advice: tuple[Finding, ...]) -> Environment:
        shipped = shipped_folder(self._shelf)
        logs: list[str] = []
        meaning = [str(self._shelf.home), self._installer.links, repr(shipped_versions()), *(pin.line for pin in pins)]
        name = _digest([*_interpreter(), *meaning])
        folder = self._shelf.place(name, lambda folder: logs.append(self._make(folder, shipped, pins)))
        if pins:
            self._compile(folder)
            self._tell(Making(lines, "installed", tuple(f"{pin.name}=={pin.version}" for pin in pins), "".join(logs)))
        probe = probe_folder(self._shelf)
        if logs:
            self._tidy()
        readable = (folder, shipped, probe, Path(sys.base_prefix))
        return Environment(folder / "bin" / "python", folder, readable, probe, advice)

    def _tidy(self) -> None:
        self._shelf.trim(self._most)
        for remembered in self._shelf.home.glob("resolved-*.txt"):
            if time.time() - remembered.stat().st_mtime > _KEPT:
                remembered.unlink(missing_ok=True)

    def _tell(self, making: Making) -> None:
        if making.digest not in self._told:
            self._told.add(making.digest)
            self._record(making)

    def _make(self, folder: Path, shipped: Path, pins: Sequence[Pin]) -> str:
        _demand(self._installer.make(folder))
        log = ""
        if pins:
            self._notice(f"installing {', '.join(f'{pin.name} {pin.version}' for pin in pins)[:200]}")
            log = _demand(self._installer.install(pins, folder, _site(folder))).log
        # After the installation, so that an installer does not take what ships with us for the project's own.
        (_site(folder) / "zz-l2mac-shipped.pth").write_text(f"{shipped}\n", "utf-8")
        return log

    def _compile(self, folder: Path) -> None:
        """Have the packages compiled beside what goes on, because tests could not keep what they compile.

        Our own interpreter does it, so that nothing that was installed runs outside the sandbox.
        """
        for process in self._compiling.values():
            process.poll()
        done = folder / "compiled"
        if folder in self._compiling or done.exists():
            return
        command = [sys.executable, "-I", "-c", _COMPILE, str(_site(folder)), str(done)]
        quiet = subprocess.DEVNULL
        with suppress(OSError):
            self._compiling[folder] = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet)


def _stop(processes: dict[Path, subprocess.Popen[bytes]]) -> None:
    """What is left uncompiled is compiled the next time."""
    for process in processes.values():
        process.kill()
        process.wait()


class _NotInstalledError(Exception):
    def __init__(self, installation: Installation) -> None:
        super().__init__(installation.said)
        self.installation = installation


def _demand(installation: Installation) -> Installation:
    if installation.ending != "installed":
        raise _NotInstalledError(installation)
    return installation


def _interpreter() -> list[str]:
    return [platform.python_implementation(), sys.version, sys.base_prefix]


def _digest(meaning: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(meaning).encode()).hexdigest()[:16]


def _replaced(path: Path, text: str) -> None:
    """Write a file so that whoever reads it finds the whole of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    beside.write_text(text, "utf-8")
    beside.replace(path)


@lru_cache(maxsize=64)
def _modules(folder: Path) -> frozenset[str]:
    """The names of the modules and packages in a folder that does not change."""
    names = (entry.name for entry in os.scandir(folder) if not entry.name.endswith((".dist-info", ".data", ".pth")))
    return frozenset(name.partition(".")[0] for name in names)


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
    return tuple(
        Finding(item.path, item.line, "requirement", f"{item.text}: {said} {todo}{_meant(item.name)}")
        for item in named[:5]
    )


def _meant(name: str) -> str:
    return f" Did you mean {meant}?" if (meant := lookalike(name)) else ""
