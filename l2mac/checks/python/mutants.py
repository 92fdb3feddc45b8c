"""The spot check of tests by mutation."""

from __future__ import annotations

import difflib
import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...sandbox.seam import Limits, Sandbox
from ..report import Scene
from ..spot import Mutants
from .environment import Environment, Environments
from .project import Project, ProjectIndex
from .pytest_run import RESULTS, find_configuration, options, rewritten, source_folders, variables
from .shipped import PROBE

_LATE = 5.0  # seconds beyond its own time after which a run is ended from outside


class MutationCheck:
    """Breaks lines of Python projects; a `SpotCheck`.

    Args:
        sandbox: where the tests run.
        environments: where the project's virtual environment comes from.
        number: how many lines are broken at most.
        seconds: how long that may take.
    """

    def __init__(self, sandbox: Sandbox, environments: Environments, *, number: int, seconds: float) -> None:
        self._sandbox = sandbox
        self._environments = environments
        self._index = ProjectIndex()
        self._number = number
        self._seconds = seconds

    def check(self, scene: Scene, before: Mapping[str, str], seed: str) -> Mutants:
        """Break some of the changed lines that tests execute, one after the other; see `breaking`."""
        project = self._index.of(scene.files)
        lines = {
            path: _changed(before.get(path, ""), scene.files[path]) for path in project.facts if not rewritten(path)
        }
        lines = {path: mask for path, mask in lines.items() if mask}
        tests = project.tests_affected(frozenset(lines)) if lines else ()
        tests = tuple(project.tests) if tests is None else tests
        if not lines or not tests:
            return Mutants(why="there is no Python that tests could notice")
        environment = self._environments.environment(scene.files)
        if not isinstance(environment, Environment):
            return Mutants(why="the tests can't run here")
        found = self._run(scene, project, environment, {"lines": lines, "tests": tests, "seed": seed})
        told = [it for it in found.get("lines", ()) if isinstance(it, list) and len(it) == 4]
        missed = tuple(f"{path}:{line}: {what}" for path, line, what, noticed in told if not noticed)
        return Mutants(len(told) - len(missed), missed, str(found.get("why", "")) or "no line could be broken")

    def _run(self, scene: Scene, project: Project, environment: Environment, order: dict[str, Any]) -> dict[str, Any]:
        lane, configuration = scene.folder.resolve(), find_configuration(scene.files)
        settings = str(lane / configuration) if configuration else str(environment.probe / "pytest.ini")
        sources = {path: scene.files[path].encode() for path in project.facts if not rewritten(path)}
        order |= {
            "lane": str(lane),
            "folders": [str(lane / folder) for folder in source_folders(scene.files) if folder != "."],
            "sources": {path: hashlib.sha256(text).hexdigest() for path, text in sources.items()},
            "number": self._number,
            "seconds": self._seconds,
        }
        results = Path(tempfile.mkdtemp(prefix=RESULTS, dir=lane))
        try:
            (results / "order").write_text(json.dumps(order), "utf-8")
            outcome = self._sandbox.run(
                [
                    str(environment.python),
                    "-P",
                    "-m",
                    f"{PROBE}.breaking",
                    str(results / "order"),
                    *options(lane, settings),
                ],
                lane,
                limits=Limits(seconds=self._seconds + _LATE),
                variables=variables(environment),
                readable=environment.readable,
            )
        finally:
            shutil.rmtree(results, ignore_errors=True)
        try:
            found = json.loads(outcome.output.strip().rpartition("\n")[2])
        except (ValueError, RecursionError):
            found = None
        return found if isinstance(found, dict) else {"why": "the tests could not be run in this way"}


def _changed(before: str, after: str) -> str:
    """The lines of a text that the one before has not, a bit for each, in hexadecimal; empty where there are none."""
    old, new = before.split("\n"), after.split("\n")
    steps = (
        difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes() if before else [("", 0, 0, 0, len(new))]
    )
    mask = sum((1 << (end + 1)) - (1 << (start + 1)) for kind, _, _, start, end in steps if kind != "equal")
    return f"{mask:x}" if mask else ""
