"""Run the project's tests with its own pytest in the sandbox, and believe only what was seen to happen."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from ..sandbox.seam import Limits, Outcome, Sandbox, limit_met, limit_passed
from .environment import Environment
from .failures import clean, describe, failure_finding
from .project import Project
from .report import Finding, Report, Scene
from .report import Outcome as Ending
from .runlog import Failure, RunLog, read_log
from .shipped import PROBE

RESULTS = ".l2mac-results-"
"""How the folder begins in which a run leaves its results; in the lane, because a sandbox may write nowhere else."""

_HEADS = {
    "pytest.toml": "", ".pytest.toml": "", "pytest.ini": "", ".pytest.ini": "",
    "pyproject.toml": "[tool.pytest", "tox.ini": "[pytest]", "setup.cfg": "[tool:pytest]",
}  # fmt: skip


class PytestCheck:
    """Runs tests.

    Args:
        sandbox: where they run.
        seconds: the most that one run may take.
    """

    def __init__(self, sandbox: Sandbox, *, seconds: float = 120.0) -> None:
        self._sandbox = sandbox
        self._seconds = seconds

    def check(self, scene: Scene, project: Project, environment: Environment) -> Report:
        """Run the tests that the scene asks for, those that its changes can affect, or all of them.

        Returns:
            The report `tests`. `passed` means that the run came to its end, that every collected test gave a result,
            and that one at least passed and none failed. Its findings carry the test's id, or the file's for a file
            that could not be imported, and the place in the project where it failed.
        """
        configuration = find_configuration(scene.files)
        custom = configuration is not None and "python_files" in scene.files[configuration]
        selected = self._select(scene, project, custom)
        if isinstance(selected, Report):
            return selected
        if not project.tests and not custom and not selected:
            return Report("tests", "absent", detail="there are no tests")
        drop_stale_bytecode(scene)
        lane = scene.folder.resolve()
        results = Path(tempfile.mkdtemp(prefix=RESULTS, dir=lane))
        try:
            settings = str(lane / configuration) if configuration else str(environment.probe / "pytest.ini")
            command = [str(environment.python), "-m", "pytest", *_options(lane, settings), *selected]
            variables = _variables(scene.files, lane, environment, results / "log")
            limits = Limits(seconds=self._seconds)
            outcome = self._sandbox.run(
                command,
                lane,
                limits=limits,
                variables=variables,
                readable=environment.readable,
            )
            return _Judgement(scene, outcome, read_log(results / "log"), limits).report()
        finally:
            shutil.rmtree(results, ignore_errors=True)

    def _select(self, scene: Scene, project: Project, custom: bool) -> tuple[str, ...] | Report:
        if scene.tests is not None:
            unknown = [test for test in scene.tests if not _exists(test, scene.files)]
            if unknown:
                findings = tuple(Finding(_file(test), 0, test, "there is no such test file") for test in unknown)
                return Report("tests", "failed", findings)
            return tuple(dict.fromkeys(scene.tests)) or Report("tests", "absent", detail="no test was asked for")
        affected = None if scene.changed is None or custom else project.tests_affected(scene.changed)
        if affected is None:
            return ()
        return affected or Report("tests", "absent", detail="no test depends on what changed")


class _Judgement:
    """What one finished run means."""

    def __init__(self, scene: Scene, outcome: Outcome, log: RunLog, limits: Limits) -> None:
        self._scene, self._outcome, self._log, self._limits = scene, outcome, log, limits
        self._lane = str(scene.folder.resolve())

    def report(self) -> Report:
        log, ended = self._log, self._outcome.ended
        if ended == "not_started":
            return Report("tests", "unavailable", detail=clean(self._outcome.output, self._lane))
        found = [self._finding(item) for item in log.failures.values()]
        if ended == "timed_out":
            return self._made("timed_out", [*found, self._stopped(f"did not finish within {self._limits.seconds:g} s")])
        if passed := limit_passed(self._outcome, self._limits):
            return self._made("failed", [*found, self._stopped(f"sandbox limit: the test run {passed}: do with less")])
        found += self._anomalies(bool(found))
        if found:
            return self._made("failed", found)
        if not log.passed:
            return self._made("absent", [], "every test was skipped" if log.skipped else "no test was collected")
        return self._made("passed", [])

    def _finding(self, failure: Failure) -> Finding:
        finding = failure_finding(failure, self._scene.files, self._lane)
        note = limit_met(failure.trace, self._outcome, self._limits)
        return replace(finding, text=f"sandbox limit: {note}: {finding.text}") if note else finding

    def _anomalies(self, explained: bool) -> list[Finding]:
        """Why the run must not be believed although no test failed, or beside those that did."""
        log, code = self._log, self._outcome.exit
        if log.internal_error:
            return [self._stopped(f"it broke the test run off: {_last_line(log.internal_error)}")]
        if not log.finished or log.collected is None:
            if log.collected is None and not log.current:
                return [self._stopped(f"pytest did not run (exit {code}): {_said(self._outcome.output)}")]
            return [self._stopped(f"the process ended by itself (exit {code}): tests must not end the process")]
        found = [Finding(_file(test), 0, test, "collected, but it gave no result") for test in log.unreported[:20]]
        if not found and not explained and code not in (0, 5):
            found = [self._stopped(f"pytest ended with exit code {code}: {_said(self._outcome.output)}")]
        if code == 5 and log.passed:
            found.append(self._stopped("pytest ended with exit code 5 although tests passed"))
        return found

    def _stopped(self, text: str) -> Finding:
        code = self._log.current or next(iter(sorted(self._log.unreported)), "") or "tests"
        path = _file(code) if _file(code) in self._scene.files else ""
        return Finding(path, 0, code, clean(text, self._lane)[:400])

    def _printed(self) -> str:
        text = "\n".join(self._log.internal_error.splitlines()[-8:]) or self._outcome.output
        return _tail(clean(text, self._lane).strip())

    def _made(self, outcome: Ending, findings: Sequence[Finding], detail: str = "") -> Report:
        log = self._log
        if not detail and findings:
            detail = describe(list(log.failures.values()), self._lane)
            if len(findings) > len(log.failures) or not detail:
                detail = "\n\n".join(filter(None, [detail, self._printed()]))
        passed, skipped = tuple(sorted(log.passed)), tuple(sorted(log.skipped))
        return Report("tests", outcome, tuple(findings), detail, passed, skipped)


def find_configuration(files: Mapping[str, str]) -> str | None:
    """The file at the project's root in which pytest would find its settings, None when there is none."""
    for name, head in _HEADS.items():
        if name in files and (_pytest_table(files[name]) if name == "pyproject.toml" else head in files[name]):
            return name
    return None


def drop_stale_bytecode(scene: Scene) -> None:
    """Remove compiled files that are not newer than their source.

    Python trusts them by the source's size and second of change; a file written twice within a second keeps both.
    """
    for folder in {str(PurePosixPath(path).parent) for path in scene.files if path.endswith(".py")}:
        place = scene.folder / folder
        try:
            entries = list(os.scandir(place / "__pycache__"))
        except OSError:
            continue
        for entry in entries:
            source = place / f"{entry.name.partition('.')[0]}.py"
            try:
                if entry.stat(follow_symlinks=False).st_mtime_ns <= source.lstat().st_mtime_ns:
                    Path(entry.path).unlink()
            except OSError:
                continue


def source_folders(files: Mapping[str, str]) -> tuple[str, ...]:
    """The folders, relative to the root, from which the project's modules are imported."""
    src = any(path.startswith("src/") and path.endswith(".py") for path in files) and "src/__init__.py" not in files
    return (".", "src") if src else (".",)


def _options(lane: Path, configuration: str) -> list[str]:
    return [
        "-c", configuration, f"--rootdir={lane}", f"--confcutdir={lane}", "-p", PROBE, "-p", "no:cacheprovider",
        "--tb=short", "--color=no", "--maxfail=0", "--continue-on-collection-errors", "-q",
    ]  # fmt: skip


def _variables(files: Mapping[str, str], lane: Path, environment: Environment, log: Path) -> dict[str, str]:
    folders = [str(environment.probe), *(str(lane / folder) for folder in source_folders(files) if folder != ".")]
    variables = {
        "L2MAC_PROBE": str(log), "PYTHONPATH": os.pathsep.join(folders), "PYTHONHASHSEED": "0",
        "SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy", "MPLBACKEND": "Agg",
    }  # fmt: skip
    if not environment.has_pytest_plugins():
        variables["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    return variables


def _pytest_table(text: str) -> bool:
    try:
        tool = tomllib.loads(text).get("tool", {})
    except (ValueError, RecursionError):
        return False
    return isinstance(tool, dict) and "pytest" in tool


def _file(test: str) -> str:
    return test.partition("::")[0]


def _exists(test: str, files: Mapping[str, str]) -> bool:
    path = _file(test).rstrip("/")
    return not test.startswith("-") and (path in files or any(name.startswith(f"{path}/") for name in files))


def _said(output: str) -> str:
    """The line of pytest's output that says most: its first error, else its last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    first = next((line for line in lines if re.match(r"(ERROR|\S*Error|__main__\.py: error|.*: error:)", line)), "")
    return first or (lines[-1] if lines else "it printed nothing")


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def _tail(text: str, most: int = 3_000) -> str:
    return text if len(text) <= most else f"... {len(text) - most} characters cut ...\n{text[-most:]}"
