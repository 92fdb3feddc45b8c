"""Everything that judges a Python project, in one check."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from ...sandbox.seam import Sandbox
from ..report import Report, Scene
from ..syntax import SyntaxCheck
from .environment import Environment, Environments
from .lint import LintCheck
from .project import Project, ProjectIndex
from .pytest_run import RESULTS, PytestCheck
from .warmth import Warmth


class PythonChecks:
    """Syntax, environment, lint and tests of a Python project; a `Check`. Safe to ask from several threads at once.

    Args:
        sandbox: where pylint and the tests run.
        environments: where the project's virtual environment comes from.
        tests: False leaves the tests, and their report, out.
        seconds: the most that one run of pylint or of the tests may take.
        warmth: keeps both warm; by default, one of its own.
    """

    artefacts: tuple[str, ...] = (
        "__pycache__/", "*.pyc", "*.pyo", ".pytest_cache/", ".mypy_cache/", ".ruff_cache/", ".coverage", ".coverage.*",
        "htmlcov/", "*.egg-info/", ".eggs/", ".tox/", ".nox/", ".venv/", "venv/", ".hypothesis/",
        ".pylint/", f"{RESULTS}*/",
    )  # fmt: skip
    """Patterns, as in a .gitignore, of what the tools of Python leave behind."""

    def __init__(
        self,
        sandbox: Sandbox,
        environments: Environments,
        *,
        tests: bool = True,
        seconds: float = 120.0,
        warmth: Warmth | None = None,
    ) -> None:
        warmth = warmth or Warmth(sandbox)
        self._environments = environments
        self._tests = tests
        self._syntax = SyntaxCheck()
        self._index = ProjectIndex()
        self._lint = LintCheck(sandbox, seconds=seconds, warmth=warmth)
        self._pytest = PytestCheck(sandbox, seconds=seconds, warmth=warmth)

    def ahead(self, path: str, text: str) -> None:
        """Look at a file that is about to be written, as far as that can be done before it is."""
        self._syntax.ahead(path, text)

    def check(self, scene: Scene) -> list[Report]:
        """Judge the scene: its changes and what they can affect, or the whole of it when `changed` is None.

        Returns:
            Reports in the order syntax, environment, lint, tests. Where the syntax fails it alone is reported; the
            environment is reported only when there is something to say of it; where there is none, neither lint nor
            tests are; tests are left out when they are off.
        """
        syntax = self._syntax.check(scene.files, scene.changed)
        if syntax.outcome == "failed":
            return [syntax]
        if not any(path.endswith(".py") for path in scene.files):
            return [syntax, Report("lint", "absent"), *([Report("tests", "absent")] if self._tests else [])]
        environment = self._environments.environment(scene.files)
        if isinstance(environment, Report):
            return [syntax, environment]
        warned = [Report("environment", "passed", environment.advice)] if environment.advice else []
        return [syntax, *warned, *self._run(scene, self._index.of(scene.files), environment)]

    def _run(self, scene: Scene, project: Project, environment: Environment) -> list[Report]:
        if not self._tests:
            return [self._lint.check(scene, project, environment)]
        with ThreadPoolExecutor(1) as beside:
            tests = beside.submit(self._pytest.check, scene, project, environment)
            return [self._lint.check(scene, project, environment), tests.result()]
