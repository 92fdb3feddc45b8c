"""Bring what a project depends on: outside the sandbox, with network, and without running anything of the project.

Only the files that say what is needed are laid out, in a folder of their own; sources stand there empty, and the
project's settings of its tools not at all. What is fetched lies in a folder of the machine, which a sandbox shows for
reading only.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path
from posixpath import basename

from ..python.installer import installer_variables
from ..python.shelf import Shelf
from ..report import Finding, Lock, Report
from .projects import Project, suffix
from .recipe import Command, Fetch
from .tools import Tool, fill, filled_in

_BORN = "born"
_RETRY_AFTER = 60.0
_SECONDS = 900.0
_BIGGEST = 1_000_000  # bytes of a lock that is made part of a project
_PASSED_ON = re.compile(
    r"(?i:npm_config_(?:registry|fetch_\w+|cafile|proxy|https_proxy|userconfig))|NODE_EXTRA_CA_CERTS|GOPROXY|GOPRIVATE|GONO\w+"
    r"|GOSUMDB|CARGO_(?:HTTP|NET|SOURCE|REGISTR)\w*|MAVEN_OPTS|JAVA_HOME|RUSTUP_HOME"
)
_UNREACHABLE = re.compile(
    r"ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|\bE5\d\d\b|connection (?:refused|reset|timed out)|"
    r"connect to .* failed|could ?n[o']t connect|could not resolve host|no such host|network is unreachable|"
    r"temporary failure in name resolution|unknown host|transfer failed|i/o timeout|proxyconnect|certificate|"
    r"50[0234] (?:bad gateway|service|gateway)|failed to (?:connect|download from)|spurious network error",
    re.IGNORECASE,
)


class Fetcher:
    """Fetches; what has been fetched once is found again.

    Args:
        home: the machine's folder; what is fetched lies in `toolchains` under it.
        most: bytes that folders of packages may take, and as many the tools' own downloads; those unused for longest
            are removed, never one in use.
        notice: is told before something is fetched.
        variables: of the user's environment.
    """

    def __init__(
        self,
        home: Path,
        *,
        most: float = 10e9,
        notice: Callable[[str], None] = lambda text: None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self._home = home.absolute() / "toolchains"
        self._shelf = Shelf(self._home / "fetched")
        self._downloads = Shelf(self._home / "downloads")
        self._used = False
        self._most = most
        self._notice = notice
        self._variables = dict(os.environ if variables is None else variables)
        self._failed: dict[str, tuple[float, Report]] = {}
        self._lock = threading.RLock()

    def cache(self, project: Project) -> Path:
        """The folder in which a toolchain keeps what it downloads."""
        with self._lock:
            if not self._used:  # what is in use stays, so this comes first
                self._downloads.trim(self._most)
            self._used = True
            return self._downloads.place(project.recipe.program, _begin)

    def fetch(self, project: Project, tool: Tool, files: Mapping[str, str]) -> Path | Report | None:
        """Have what a project depends on.

        Returns:
            The folder of what was fetched for it alone, None where nothing is to be fetched, or the report
            `environment`: `failed` with a finding, or `unavailable` with what to do.
        """
        fetch = project.recipe.fetch
        if fetch is None or not project.marker:
            return None
        asked = {path: text for path, text in project.files(files).items() if _copied(path, fetch)}
        ours = self._ours(asked, fetch)
        if refused := _refused(project, asked, fetch):
            return Report("environment", "failed", tuple(refused))
        with self._lock:
            name = self._name(project, tool, {path: text for path, text in asked.items() if path not in ours})
            if ours and set(ours.values()) != {name}:  # it was made for another manifest
                name = self._name(project, tool, asked)
            since, failed = self._failed.get(name, (0.0, None))
            if failed and (failed.outcome == "failed" or time.monotonic() - since < _RETRY_AFTER):
                return failed
            try:
                folder = self._shelf.place(name, lambda folder: self._fill(folder, project, tool, files, ours))
            except _NotFetchedError as error:
                self._failed[name] = (time.monotonic(), error.report)
                return error.report
            except OSError as error:
                return Report("environment", "unavailable", detail=f"nothing can be fetched to {self._home}: {error}")
        return folder

    def locks(self, project: Project, folder: Path | None, files: Mapping[str, str]) -> tuple[Lock, ...]:
        """The lock files that fetching made or brought into step, where the project has none such."""
        fetch = project.recipe.fetch
        made = []
        for name in fetch.locks if fetch and folder else ():
            place, path = Path(folder or "", name), f"{project.root}{name}"
            if (
                place.is_file()
                and place.stat().st_size <= _BIGGEST
                and (text := place.read_text("utf-8", "replace")) != files.get(path)
            ):
                made.append(Lock(path, text, project.marker))
        return tuple(made)

    def _name(self, project: Project, tool: Tool, asked: Mapping[str, str]) -> str:
        """The name of the folder in which lies what these manifests and locks ask for."""
        texts = (f"{path}\0{text}" for path, text in sorted(asked.items()))
        born = (self.cache(project) / _BORN).read_text(
            "utf-8"
        )  # without the downloads, what was fetched is worth nothing
        meaning = [tool.version, repr(project.recipe.fetch), str(self._home), born, *texts]
        return f"{project.recipe.name}-{_digest(meaning)}"

    def _ours(self, asked: Mapping[str, str], fetch: Fetch) -> dict[str, str]:
        """The locks that fetching made, each with the name of the folder in which it did; others are the project's."""
        found = {}
        for path in asked.keys() & set(fetch.locks):
            with suppress(OSError):
                found[path] = (self._home / "locks" / _digest([asked[path]])).read_text("utf-8")
        return found

    def fetch_missing(self, project: Project, tool: Tool, printed: str) -> bool:
        """Fetch what an offline run said it misses; whether there was anything new to be had."""
        fetch = project.recipe.fetch
        if fetch is None or not fetch.missing:
            return False
        found = {it[0]: it.groupdict() for it in re.finditer(fetch.missing, printed)}
        with self._lock:
            for named in list(found.values())[:10]:
                self._notice(f"fetching {' '.join(named.values())}")
                folder = self.cache(project)
                done, _ = self._run([fill(word, named) for word in fetch.one], folder, project, tool)
                if not done:
                    return False
            self._downloads.grown(project.recipe.program)
        return bool(found)

    def _fill(
        self, folder: Path, project: Project, tool: Tool, files: Mapping[str, str], ours: Mapping[str, str]
    ) -> None:
        fetch = project.recipe.fetch
        assert fetch is not None
        own = project.files(files)
        for path, text in own.items():
            copied = _copied(path, fetch)
            if copied or suffix(path) in project.recipe.sources:
                place = folder / path
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(text.encode("utf-8", "surrogatepass") if copied else b"")
        folder.mkdir(parents=True, exist_ok=True)
        lock = next((path for path in fetch.locks if path in own and path not in ours), "")
        self._notice(f"fetching what {project.marker} needs")
        for command in fetch.locked if lock and fetch.locked else fetch.commands:
            done, printed = self._run(command, folder, project, tool)
            if not done:
                raise _NotFetchedError(_report(project, fetch, printed, lock))
        for made in self.locks(project, folder, files):
            place = self._home / "locks" / _digest([made.text])
            place.parent.mkdir(exist_ok=True)
            place.write_text(folder.name, "utf-8")
        self._downloads.grown(project.recipe.program)
        self._shelf.trim(self._most)

    def _run(self, command: Command | Sequence[str], folder: Path, project: Project, tool: Tool) -> tuple[bool, str]:
        places = {"cache": str(self.cache(project)), "home": str(tool.home)}
        argv = [fill(word, places) for word in command]
        passed = {name: value for name, value in self._variables.items() if _PASSED_ON.fullmatch(name)}
        own = filled_in(project.recipe.fetch.variables if project.recipe.fetch else {}, places)
        variables = {**installer_variables(self._variables), **passed, "PATH": tool.path, "LC_ALL": "C.UTF-8", **own}
        try:
            done = subprocess.run(
                [shutil.which(argv[0], path=tool.path) or argv[0], *argv[1:]], cwd=folder, env=variables,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=_SECONDS,
                check=False, encoding="utf-8", errors="replace",
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return False, f"connection timed out: {argv[0]} did not finish in {_SECONDS:g} s"
        except OSError as error:
            return False, f"{argv[0]} cannot be started: {error.strerror}"
        return done.returncode == 0, done.stdout


class _NotFetchedError(Exception):
    def __init__(self, report: Report) -> None:
        super().__init__(report.detail)
        self.report = report


def _begin(folder: Path) -> None:
    """Begin a folder of downloads; it is told from one that was removed."""
    folder.mkdir(parents=True)
    (folder / _BORN).write_text(os.urandom(8).hex(), "utf-8")


def _copied(path: str, fetch: Fetch) -> bool:
    return any(fnmatch(basename(path), pattern) for pattern in fetch.copies)


def _refused(project: Project, asked: Mapping[str, str], fetch: Fetch) -> list[Finding]:
    found = []
    for pattern, why in fetch.refused.items():
        for path, text in asked.items():
            if hit := re.search(pattern, text):
                line = text.count("\n", 0, hit.start()) + 1
                found.append(Finding(f"{project.root}{path}", line, "dependencies", why))
    return found


def _report(project: Project, fetch: Fetch, printed: str, lock: str) -> Report:
    """What a fetch that failed means."""
    said = " ".join(line.strip() for line in printed.splitlines()[-12:] if line.strip())[-500:]
    if _UNREACHABLE.search(printed):
        todo = "check the network and the registry's settings"
        detail = f"{project.recipe.title}: what {project.marker} needs can't be fetched: {todo}. {said}"
        return Report("environment", "unavailable", detail=detail)
    if lock and fetch.outdated and re.search(fetch.outdated, printed):
        path = f"{project.root}{lock}"
        text = f"it is out of step with {basename(project.marker)}: delete it, or bring it into step. {said}"
        return Report("environment", "failed", (Finding(path, 0, "lock", text[:500]),))
    if fetch.unresolved and (hit := re.search(fetch.unresolved, printed)):
        text = " ".join(hit["text"].split())[:400]
        return Report("environment", "failed", (Finding(project.marker, 0, "dependencies", text),))
    return Report("environment", "unavailable", detail=f"{project.recipe.title}: fetching failed: {said}")


def _digest(meaning: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(meaning).encode("utf-8", "surrogatepass")).hexdigest()[:16]
