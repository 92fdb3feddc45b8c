"""Making a virtual environment and filling it from wheels: uv first, our own interpreter's venv and pip where uv fails.

Both run outside the sandbox, before any code of the project or of its packages: wheels only, one installation into a
fresh environment, nothing of the project passed but a list that we wrote.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

_PASSED_ON = re.compile(
    r"PATH|HOME|USER|LANG|LC_.*|TMPDIR|XDG_.*|PIP_.*|UV_.*|SSL_.*|CURL_CA_BUNDLE|REQUESTS_CA_BUNDLE|NETRC"
    r"|(HTTPS?|ALL|NO)_PROXY|(https?|all|no)_proxy"
)
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

Ending = Literal["installed", "unresolved", "unreachable", "broken"]


@dataclass(frozen=True, slots=True)
class Installation:
    """How an installation ended: `unresolved` is the project's fault, `unreachable` the network's, `broken` ours."""

    ending: Ending
    said: str = ""
    """What the installer said about it, on one line, without credentials."""


def find_uv() -> str | None:
    """The path of the uv executable: the one that ships with us, else the one on PATH."""
    try:
        import uv

        return str(uv.find_uv_bin())
    except (ImportError, OSError):
        return shutil.which("uv")


def installer_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables that an installer gets of the user's: certificates, proxies, indexes, caches; no other secrets."""
    passed = {name: value for name, value in variables.items() if _PASSED_ON.fullmatch(name)}
    if "PIP_INDEX_URL" in passed and not {"UV_INDEX_URL", "UV_DEFAULT_INDEX"} & set(passed):
        passed["UV_DEFAULT_INDEX"] = passed["PIP_INDEX_URL"]
    if "PIP_EXTRA_INDEX_URL" in passed and not {"UV_EXTRA_INDEX_URL", "UV_INDEX"} & set(passed):
        passed["UV_INDEX"] = passed["PIP_EXTRA_INDEX_URL"]
    if "PIP_CERT" in passed and "SSL_CERT_FILE" not in passed:
        passed["SSL_CERT_FILE"] = passed["PIP_CERT"]
    fixed = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PYTHONNOUSERSITE": "1", "NO_COLOR": "1"}
    return passed | fixed | {"UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"}


def make_environment(folder: Path, uv: str | None, variables: Mapping[str, str]) -> Installation:
    """Make an empty virtual environment on the interpreter that runs us."""
    if uv:
        command = [uv, "venv", "--quiet", "--offline", "--no-project", "--python", sys.executable, str(folder)]
        if _run(command, variables, 60).ending == "installed":
            return Installation("installed")
        shutil.rmtree(folder, ignore_errors=True)
    return _run([sys.executable, "-I", "-m", "venv", "--without-pip", str(folder)], variables, 120)


def install(
    listed: Path, folder: Path, site: Path, uv: str | None, variables: Mapping[str, str], seconds: float
) -> Installation:
    """Install the packages of a list into a fresh environment, from wheels only.

    Args:
        listed: the cleaned list of requirements.
        folder: the environment.
        site: its folder of packages.
        uv: the uv executable, None when there is none.
        variables: what the installer gets, see `installer_variables`.
        seconds: the most that each of the two installers may take.
    """
    names = tuple(re.split(r"[^\w.-]", line)[0] for line in listed.read_text("utf-8").splitlines())
    ended = Installation("broken", "uv is not installed")
    if uv:
        python = str(folder / "bin" / "python")
        command = [
            uv,
            "pip",
            "install",
            "--system-certs",
            "--only-binary",
            ":all:",
            "--python",
            python,
            "-r",
            str(listed),
        ]
        ended = _run(command, variables, seconds)
        if ended.ending in ("installed", "unresolved"):
            return ended
    pip = _find_pip()
    if not pip:
        return ended
    # With no retry pip does not say that the network failed, only that nothing was found.
    options = [
        "--retries",
        "2",
        "--only-binary=:all:",
        "--no-compile",
        "--no-warn-conflicts",
        "--target",
        str(site),
        "-r",
        str(listed),
    ]
    second = _run([sys.executable, *pip, "install", *options], variables, seconds, names)
    return ended if second.ending == "broken" and uv else second


def _find_pip() -> list[str]:
    """The arguments that make our own interpreter run pip: its installed one, else the wheel that Python bundles."""
    if importlib.util.find_spec("pip"):
        return ["-I", "-m", "pip"]
    bundled = importlib.util.find_spec("ensurepip")
    folder = Path(bundled.origin).parent / "_bundled" if bundled and bundled.origin else Path(os.devnull)
    wheel = next(iter(sorted(folder.glob("pip-*.whl"))), None)
    return [f"{wheel}/pip"] if wheel else []


def _run(
    command: Sequence[str], variables: Mapping[str, str], seconds: float, names: Sequence[str] = ()
) -> Installation:
    try:
        # From the root folder: settings of projects above the working folder are not the user's.
        done = subprocess.run(
            command, env=dict(variables), cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=seconds, check=False, encoding="utf-8", errors="replace",
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Installation("unreachable", f"the installer did not finish in {seconds:g} s")
    except OSError as error:
        return Installation("broken", f"{Path(command[0]).name} cannot be started: {error.strerror}")
    if done.returncode == 0:
        return Installation("installed")
    return Installation(classify(done.stdout, names), _summary(done.stdout))


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
    return _CREDENTIALS.sub("//…@", text)[-600:]
