"""Resolving what a project needs and filling a virtual environment: uv first, our own interpreter's pip where uv fails.

Both run outside the sandbox, before any code of the project or of its packages: wheels only, a fresh environment,
nothing of the project passed but a list that we wrote.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from .pins import Pin, as_asked, from_pip, from_uv

_PASSED_ON = re.compile(
    r"PATH|HOME|USER|LANG|LC_.*|TMPDIR|XDG_.*|PIP_.*|UV_.*|SSL_.*|CURL_CA_BUNDLE|REQUESTS_CA_BUNDLE|NETRC"
    r"|(HTTPS?|ALL|NO)_PROXY|(https?|all|no)_proxy"
)
_BUILDING = re.compile(
    r"(UV|PIP)_(NO_BINARY|NO_BUILD|ONLY_BINARY)\w*|PIP_(TARGET|PREFIX|ROOT|USER|REQUIREMENT|EDITABLE)"
)
"""Variables that could let an installer build, or install elsewhere or something else."""
_CREDENTIALS = re.compile(r"//[^/@\s]+@")
_UNREACHABLE = re.compile(
    r"failed to fetch|error sending request|connection (refused|reset|aborted|timed out)|dns error"
    r"|network is unreachable"
    r"|name or service not known|name resolution|newconnectionerror|new connection|max retries exceeded|unknownissuer"
    r"|certificate|proxyerror|connect to proxy|sslerror|read timed out|connecttimeout|operation timed out"
    r"|network connectivity is disabled|could not be queried|authentication|forbidden|unauthorized|server error",
    re.IGNORECASE,
)
_UNRESOLVED = re.compile(
    r"no solution found|unsatisfiable|no matching distribution|resolutionimpossible|conflicting dependencies"
    r"|could not find a version|not found in the package registry|no usable wheels|hash(es)? (mismatch|do not match)"
    r"|no wheels|have no wheels|package versions have conflict|do not match the hashes|in --require-hashes mode",
    re.IGNORECASE,
)
_NOISE = re.compile(r"^(Using Python|WARNING: Retrying|\[notice\]|Looking in|Collecting|Resolved|error: No solution)")
_HUSHED = re.compile(r"Could not fetch URL|\d     .* depends on |The user requested ")
_LOG = 20_000

Ending = Literal["installed", "unresolved", "unreachable", "broken"]


@dataclass(frozen=True, slots=True)
class Installation:
    """How an installer ended: `unresolved` is the project's fault, `unreachable` the network's, `broken` ours."""

    ending: Ending
    said: str = ""
    """What the installer said about it, on one line, without credentials."""
    log: str = ""
    """All that it printed, bounded, without credentials."""
    printed: str = ""
    """Its standard output, whole: a resolution."""


def find_uv() -> str | None:
    """The path of the uv executable: the one that ships with us, else the one on PATH."""
    try:
        import uv

        return str(uv.find_uv_bin())
    except (ImportError, OSError):
        return shutil.which("uv")


def installer_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables that an installer gets of the user's: certificates, proxies, indexes, caches; no other secrets."""
    passed = {
        name: value for name, value in variables.items() if _PASSED_ON.fullmatch(name) and not _BUILDING.fullmatch(name)
    }
    if "PIP_INDEX_URL" in passed and not {"UV_INDEX_URL", "UV_DEFAULT_INDEX"} & set(passed):
        passed["UV_DEFAULT_INDEX"] = passed["PIP_INDEX_URL"]
    if "PIP_EXTRA_INDEX_URL" in passed and not {"UV_EXTRA_INDEX_URL", "UV_INDEX"} & set(passed):
        passed["UV_INDEX"] = passed["PIP_EXTRA_INDEX_URL"]
    if "PIP_FIND_LINKS" in passed and "UV_FIND_LINKS" not in passed:
        passed["UV_FIND_LINKS"] = ",".join(passed["PIP_FIND_LINKS"].split())
    if "PIP_CERT" in passed and "SSL_CERT_FILE" not in passed:
        passed["SSL_CERT_FILE"] = passed["PIP_CERT"]
    fixed = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PYTHONNOUSERSITE": "1", "NO_COLOR": "1"}
    return passed | fixed | {"UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"}


@dataclass(frozen=True, slots=True)
class Installer:
    """Whoever resolves and installs.

    Args:
        variables: what the installers get, see `installer_variables`.
        seconds: the most that one of their commands may take.
        uv: the uv executable, None when there is none.
        wheelhouse: a folder of wheels that takes the registry's place.
        links: how files come from uv's cache into an environment. With hard links, who writes into an environment
            writes into the cache and into all others: only for environments that the code sees read-only.
    """

    variables: Mapping[str, str]
    seconds: float = 600.0
    uv: str | None = field(default_factory=find_uv)
    wheelhouse: Path | None = None
    links: Literal["hardlink", "copy"] = "copy"

    @property
    def source(self) -> list[str]:
        """The options that say where packages come from, the same for both."""
        if self.wheelhouse:
            return ["--no-index", "--find-links", str(self.wheelhouse)]
        never = {self.variables.get(name, "").lower() for name in ("UV_NO_INDEX", "PIP_NO_INDEX")}
        return ["--no-index"] if never & {"1", "true", "yes", "on", "y", "t"} else []

    def make(self, folder: Path) -> Installation:
        """Make an empty virtual environment on the interpreter that runs us."""
        if self.uv:
            command = [self.uv, "venv", "--quiet", "--offline", "--no-project", "--python", sys.executable, str(folder)]
            if self._run(command, seconds=60).ending == "installed":
                return Installation("installed")
            shutil.rmtree(folder, ignore_errors=True)
        return self._run([sys.executable, "-I", "-m", "venv", "--without-pip", str(folder)], seconds=120)

    def resolve(self, lines: Sequence[str]) -> tuple[Installation, tuple[Pin, ...]]:
        """Find the versions of all that these requirements need. Nothing is installed."""
        uv = ["compile", "--generate-hashes", "--no-header", "--python", sys.executable]
        with _listed(lines) as listed:
            told = listed.with_name("report.json")
            pip = ["--dry-run", "--ignore-installed", "--report", str(told)]
            ended = self._either(uv, pip, listed)
            if ended.ending != "installed":
                return ended, ()
            pins = from_pip(told.read_text("utf-8")) if told.exists() else from_uv(ended.printed)
        try:
            return ended, as_asked(pins, lines)
        except ValueError as error:
            return Installation("unresolved", str(error), ended.log), ()

    def install(self, pins: Sequence[Pin], folder: Path, site: Path) -> Installation:
        """Install what was resolved into a fresh environment with this folder of packages."""
        python = str(folder / "bin" / "python")
        uv = ["install", "--no-deps", "--link-mode", self.links, "--python", python, "-r"]
        pip = ["--no-deps", "--no-compile", "--no-warn-conflicts", "--target", str(site)]
        with _listed([pin.line for pin in pins]) as listed:
            # What was resolved a moment ago, or long ago, may lie in uv's cache; then the registry is not asked.
            return self._either(uv, pip, listed, cached=True)

    def _either(self, uv: Sequence[str], pip: Sequence[str], listed: Path, cached: bool = False) -> Installation:
        """Run uv, then pip if that has not settled it."""
        ended = Installation("broken", "uv is not installed")
        names = [re.split(r"[^\w.-]", line)[0] for line in listed.read_text("utf-8").splitlines()]
        if self.uv:
            command = [self.uv, "pip", uv[0], "--system-certs", "--only-binary", ":all:", *self.source, *uv[1:]]
            ended = self._uv([*command, str(listed)], names, cached)
            if ended.ending in ("installed", "unresolved"):
                return ended
        if not (found := _find_pip()):
            return ended
        log = listed.with_name("pip.log")
        # With no retry pip does not say that the network failed, only that nothing was found.
        options = ["--retries", "2", "--only-binary=:all:", "--log", str(log), *self.source, *pip, "-r", str(listed)]
        second = self._run([sys.executable, *found, "install", *options], names, log=log)
        return ended if second.ending == "broken" and self.uv else second

    def _uv(self, command: list[str], names: Sequence[str], cached: bool) -> Installation:
        """Run uv with the registry and with its cache alone, the likelier first."""
        if cached and (ended := self._run([*command, "--offline"], names)).ending == "installed":
            return ended
        ended = self._run(command, names)
        if ended.ending == "unreachable" and not cached:
            offline = self._run([*command, "--offline"], names)
            return offline if offline.ending == "installed" else ended
        return ended

    def _run(
        self, command: Sequence[str], names: Sequence[str] = (), seconds: float | None = None, log: Path | None = None
    ) -> Installation:
        seconds = seconds or self.seconds
        try:
            # From the root folder: settings of projects above the working folder are not the user's.
            done = subprocess.run(
                command, env=dict(self.variables), cwd="/", stdin=subprocess.DEVNULL, capture_output=True,
                timeout=seconds, check=False, encoding="utf-8", errors="replace",
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return Installation("unreachable", f"the installer did not finish in {seconds:g} s")
        except OSError as error:
            return Installation("broken", f"{Path(command[0]).name} cannot be started: {error.strerror}")
        said = f"{done.stderr}{_hushed(log)}"
        shown = _CREDENTIALS.sub("//…@", said or done.stdout)[-_LOG:]
        if done.returncode == 0:
            return Installation("installed", log=shown, printed=done.stdout)
        return Installation(classify(said, names), _summary(said), shown)


@contextmanager
def _listed(lines: Sequence[str]) -> Iterator[Path]:
    """A list of requirements, alone in a folder."""
    with tempfile.TemporaryDirectory(prefix="l2mac-") as folder:
        listed = Path(folder, "requirements.txt")
        listed.write_text("".join(f"{line}\n" for line in lines), "utf-8")
        yield listed


def _hushed(log: Path | None) -> str:
    """What pip writes into its log alone: what is in conflict, and that a page of the registry could not be had."""
    lines = log.read_text("utf-8", "replace").splitlines() if log and log.exists() else []
    return "\n".join(line for line in lines if _HUSHED.search(line) and ": 404 " not in line)


def _find_pip() -> list[str]:
    """The arguments that make our own interpreter run pip: its installed one, else the wheel that Python bundles."""
    if importlib.util.find_spec("pip"):
        return ["-I", "-m", "pip"]
    bundled = importlib.util.find_spec("ensurepip")
    folder = Path(bundled.origin).parent / "_bundled" if bundled and bundled.origin else Path(os.devnull)
    wheel = next(iter(sorted(folder.glob("pip-*.whl"))), None)
    return [f"{wheel}/pip"] if wheel else []


def classify(output: str, names: Sequence[str] = ()) -> Ending:
    """Why an installer failed, from what it printed.

    Args:
        output: what it printed.
        names: the packages that were asked for; one called `certificate` says nothing about the network.
    """
    for name in filter(None, names):
        output = re.sub(
            rf"(?<![\w.-]){re.escape(name).replace('_', '[-_.]')}(?![\w.-])", "…", output, flags=re.IGNORECASE
        )
    # A network that fails also looks like a package that is missing, so it is looked for first.
    if _UNREACHABLE.search(output):
        return "unreachable"
    return "unresolved" if _UNRESOLVED.search(output) else "broken"


def _summary(output: str) -> str:
    lines = [line for line in map(str.strip, output.splitlines()) if line and not _NOISE.match(line)]
    text = " ".join(
        re.sub(r"^(error|cause|ERROR)[: ]+", "", line.lstrip("\u00d7\u2502\u2570\u2500\u25b6 ")) for line in lines
    )
    text = re.sub(r"-r \S+requirements\.txt", "the list", text)
    return _CREDENTIALS.sub("//…@", text)[-600:]
