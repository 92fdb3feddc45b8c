"""Run the project's tests with its own pytest in the sandbox, and believe only what was seen to happen."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
import tempfile
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from ...sandbox.seam import Limits, Outcome, Sandbox, limit_met, limit_passed
from ..report import Finding, Report, Scene
from ..report import Outcome as Ending
from .ahead import Ahead, told
from .bytecode import Bytecode
from .canary import Canary, doubted, draw_canaries
from .environment import Environment
from .failures import clean, describe, failure_finding
from .project import Project, is_test
from .runlog import Failure, RunLog, read_log
from .seal import new_key
from .shipped import PROBE
from .warmth import Warmth
from .written import passed_over

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
        warmth: keeps pytest warm; by default every run starts its own.
    """

    def __init__(self, sandbox: Sandbox, *, seconds: float = 120.0, warmth: Warmth | None = None) -> None:
        self._sandbox = sandbox
        self._warmth = warmth or Warmth(None)
        self._seconds = seconds
        self._bytecode = Bytecode()
        self._ahead = Ahead()

    def check(self, scene: Scene, project: Project, environment: Environment) -> Report:
        """Run the tests that the scene asks for, those that its changes can affect, or all of them.

        Returns:
            The report `tests`. `passed` means that the run came to its end, that every collected test gave a result,
            and that one at least passed and none failed. Its findings carry the test's id, or the file's for a file
            that could not be imported, and the place in the project where it failed.
        """
        custom = _named_otherwise(scene.files)
        selected = self._select(scene, project, custom)
        if isinstance(selected, Report):
            return selected
        if not project.tests and not custom and not selected:
            return Report("tests", "absent", detail="there are no tests")
        if known := self._ahead.known(scene, environment):
            self._ahead.asked(scene)
            return known
        if scene.tests is None:
            self._ahead.asked(scene)
            if selected and self._ahead.pays():
                whole = replace(scene, changed=None, traced=frozenset(selected))
                report = self._timed(whole, project, environment, ())
                if some := told(report, selected):
                    self._ahead.keep(whole, environment, report)
                    return some
        return self._timed(scene, project, environment, selected)

    def _timed(self, scene: Scene, project: Project, environment: Environment, selected: tuple[str, ...]) -> Report:
        """Run tests, and take note of how long that took."""
        began = time.monotonic()
        report = self._judged(scene, project, environment, selected)
        if scene.tests is None:
            self._ahead.took("some" if selected else "all", time.monotonic() - began)
        return report

    def _judged(self, scene: Scene, project: Project, environment: Environment, selected: tuple[str, ...]) -> Report:
        """Run the selected tests, all where none is, and judge the run."""
        configuration, custom = find_configuration(scene.files), _named_otherwise(scene.files)
        lane = scene.folder.resolve()
        settings = str(lane / configuration) if configuration else str(environment.probe / "pytest.ini")
        limits = Limits(seconds=self._seconds)
        # What pytest loads before the project is on the path would be there already in one that waits.
        warm = not project.shadows(environment.shipped() | sys.stdlib_module_names)
        outcome: Outcome | None = None
        while outcome is None:
            order = _Order(scene, project, lane, self._bytecode.clean(lane, scene.files), selected)
            results = Path(tempfile.mkdtemp(prefix=RESULTS, dir=lane))
            words = [order.write(results), *options(lane, settings), *selected]
            try:
                outcome = self._run(environment, words, lane, limits, warm)
                log = read_log(results / "log", order.key)
            finally:
                shutil.rmtree(results, ignore_errors=True)
            warm = False
        self._bytecode.trust(lane, scene.files, log.compiled)
        expected = [] if custom else [path for path in selected or project.tests if "::" not in path]
        return _Judgement(scene, outcome, log, limits, order.canaries, expected, configuration).report()

    def _run(
        self, environment: Environment, words: Sequence[str], lane: Path, limits: Limits, warm: bool
    ) -> Outcome | None:
        """Run pytest, in a fork of one that waits or in a process of its own; None where there is none that waits."""
        program = [str(environment.python), "-P", "-m", f"{PROBE}.launch"]
        surroundings = variables(environment)
        if warm:
            return self._warmth.ask(
                "pytest", program, words, lane, limits=limits, variables=surroundings, readable=environment.readable
            )
        command = [*program, "run", *words]
        return self._sandbox.run(command, lane, limits=limits, variables=surroundings, readable=environment.readable)

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


class _Order:
    """What a run is told before it starts; see `launch`."""

    def __init__(
        self, scene: Scene, project: Project, lane: Path, compiled: frozenset[str], selected: tuple[str, ...]
    ) -> None:
        self.key = new_key()
        self.canaries = draw_canaries()
        tests = [_file(test) for test in selected]
        wanted = {path for test in tests for path in project.dependencies(test)} if tests else set(project.facts)
        self._fields: dict[str, Any] = {
            "lane": str(lane),
            "asked": tests if all(test in project.facts for test in tests) else [],
            "folders": [str(lane / folder) for folder in source_folders(scene.files) if folder != "."],
            "modules": sorted(wanted - compiled) if _usual(scene.files) else [],
            "rewritten": [path for path in wanted if rewritten(path)],
        }
        if scene.traced:
            sources = {path: text.encode() for path, text in scene.files.items() if path in project.facts}
            digests = {path: hashlib.sha256(text).hexdigest() for path, text in sources.items() if not rewritten(path)}
            self._fields["trace"] = [digests, sorted(scene.traced)]

    def write(self, results: Path) -> str:
        """Lay it down beside the results; return its path."""
        canaries = [[canary.name, canary.fails, canary.place] for canary in self.canaries]
        order = {**self._fields, "log": str(results / "log"), "key": self.key.hex(), "canaries": canaries}
        path = results / "order"
        path.write_text(json.dumps(order), "utf-8")
        return str(path)


class _Judgement:
    """What one finished run means."""

    def __init__(
        self,
        scene: Scene,
        outcome: Outcome,
        log: RunLog,
        limits: Limits,
        canaries: Sequence[Canary],
        expected: Sequence[str],
        configuration: str | None,
    ) -> None:
        self._scene, self._outcome, self._log, self._limits = scene, outcome, log, limits
        self._canaries, self._expected, self._configuration = canaries, expected, configuration
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
        if log.passed and (
            doubt := doubted(self._canaries, log.canaries, complete=log.finished and not log.unreported)
        ):
            log.passed.clear()
            found.insert(0, self._disbelief(doubt))
        unrun = self._unrun() if log.finished and log.collected is not None else []
        found += [finding for finding in unrun if not finding.advice]
        if found:
            return self._made("failed", found)
        if not log.passed:
            return self._made("absent", unrun, "every test was skipped" if log.skipped else "no test was collected")
        return self._made("passed", unrun)

    def _finding(self, failure: Failure) -> Finding:
        finding = failure_finding(failure, self._scene.files, self._lane)
        note = limit_met(failure.trace, self._outcome, self._limits)
        return replace(finding, text=f"sandbox limit: {note}: {finding.text}") if note else finding

    def _disbelief(self, doubt: str) -> Finding:
        path = min((path for path in self._scene.files if PurePosixPath(path).name == "conftest.py"), default="")
        return Finding(path, 0, "tests", f"the tests change how tests are judged: {doubt}; leave pytest as it is")

    def _unrun(self) -> list[Finding]:
        """Tests that are there and were not run; they count as skipped where that was said, or is a setting."""
        log = self._log
        told = {test.partition("[")[0] for test in (*(log.collected or ()), *log.deselected, *log.dropped)}
        found = [_not_run(test, "it was dropped after it was found") for test in log.dropped]
        found += [_not_run(test, "it is deselected", advice=True) for test in log.deselected]
        log.skipped.update(log.deselected)
        for path in self._expected:
            silent = passed_over(path, self._scene.files.get(path, ""), told)
            if silent and path in log.imported:
                found += [_not_run(test, "it was not found where it stands", advice=True) for test in silent]
                log.skipped.update(silent)
            elif silent and path not in log.failures and path not in log.skipped:
                found.append(_not_run(path, "the file was not looked at", advice=self._configuration is not None))
                log.skipped.update(silent)
        return found

    def _anomalies(self, explained: bool) -> list[Finding]:
        """Why the run must not be believed although no test failed, or beside those that did."""
        log, code = self._log, self._outcome.exit
        if log.internal_error:
            return [self._stopped(f"it broke the test run off: {_last_line(log.internal_error)}")]
        if not log.finished or log.collected is None:
            if log.collected is None and not log.current:
                return [self._stopped(f"pytest did not run (exit {code}): {_said(self._outcome.output)}")]
            return [self._stopped(f"the process ended by itself (exit {code}): tests must not end the process")]
        if log.foreign:
            return [self._stopped("something in the tests wrote into their results")]
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
        if not detail and outcome != "passed" and findings:
            detail = describe(list(log.failures.values()), self._lane)
            if len(findings) > len(log.failures) or not detail:
                detail = "\n\n".join(filter(None, [detail, self._printed()]))
        passed, skipped = tuple(sorted(log.passed)), tuple(sorted(log.skipped))
        traced = {test: lines for test, lines in log.traced.items() if not test or test in log.passed}
        return Report("tests", outcome, tuple(findings), detail, passed, skipped, traced=traced)


def find_configuration(files: Mapping[str, str]) -> str | None:
    """The file at the project's root in which pytest would find its settings, None when there is none."""
    for name, head in _HEADS.items():
        if name in files and (_pytest_table(files[name]) if name == "pyproject.toml" else head in files[name]):
            return name
    return None


def source_folders(files: Mapping[str, str]) -> tuple[str, ...]:
    """The folders, relative to the root, from which the project's modules are imported."""
    src = any(path.startswith("src/") and path.endswith(".py") for path in files) and "src/__init__.py" not in files
    return (".", "src") if src else (".",)


def options(lane: Path, configuration: str) -> list[str]:
    """The arguments of pytest."""
    return [
        "-c", configuration, f"--rootdir={lane}", f"--confcutdir={lane}", "-p", f"{PROBE}.probe",
        "-p", "no:cacheprovider",
        "--tb=short", "--color=no", "--maxfail=0", "--continue-on-collection-errors", "-q",
    ]  # fmt: skip


def variables(environment: Environment) -> dict[str, str]:
    """What stands in the environment of tests."""
    found = {
        "PYTHONPATH": str(environment.probe), "PYTHONHASHSEED": "0",
        "SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy", "MPLBACKEND": "Agg",
    }  # fmt: skip
    if not environment.has_pytest_plugins():
        found["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    return found


def _named_otherwise(files: Mapping[str, str]) -> bool:
    """Is there a setting that says which files are tests?"""
    configuration = find_configuration(files)
    return configuration is not None and "python_files" in files[configuration]


def _usual(files: Mapping[str, str]) -> bool:
    """Is nothing set that would have pytest compile tests otherwise?"""
    configuration = find_configuration(files)
    return configuration is None or "assert" not in files[configuration]


def rewritten(path: str) -> bool:
    """Does pytest make something else of a file's `assert` statements?"""
    return is_test(path) or PurePosixPath(path).name == "conftest.py"


def _not_run(test: str, why: str, advice: bool = False) -> Finding:
    return Finding(_file(test), 0, test, f"was not run: {why}", advice)


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
