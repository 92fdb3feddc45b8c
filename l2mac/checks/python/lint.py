"""Pylint's errors: run in the sandbox by our own interpreter, its findings sorted into gating ones and advice."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import secrets
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from ...sandbox.seam import Limits, Sandbox, limit_passed
from ..report import Finding, Report, Scene
from .environment import Environment
from .gate import Gate, Message
from .missing import CODE, missing_modules
from .project import Project
from .pytest_run import source_folders
from .shipped import PROBE
from .warmth import Warmth

_BATCH = 300
"""Files given to one process."""
_OUTPUT = 20_000_000
_REMEMBERED = 5_000
_BOOT = f"import sys; sys.path.append(sys.argv.pop(1)); from {PROBE}.lint_child import main; sys.path.pop(); main()"


class _StoppedError(Exception):
    """Pylint gave no result; carries the report that says why."""

    def __init__(self, report: Report) -> None:
        super().__init__(report.detail)
        self.report = report


class LintCheck:
    """Runs pylint. What it said of a file is remembered for as long as the file and all that it imports stay the same.

    Args:
        sandbox: where it runs.
        seconds: the most that one process may take.
        warmth: keeps pylint warm; by default every run starts its own.
    """

    def __init__(self, sandbox: Sandbox, *, seconds: float = 120.0, warmth: Warmth | None = None) -> None:
        self._sandbox = sandbox
        self._warmth = warmth or Warmth(None)
        self._seconds = seconds
        self._seen: dict[str, tuple[Message, ...]] = {}

    def check(self, scene: Scene, project: Project, environment: Environment) -> Report:
        """Judge the changed files and those that import them, or every file when `changed` is None.

        Returns:
            The report `lint`: `failed` when a finding gates (see `gate`), `passed` with or without advice, `absent`
            when there is no Python file to judge, `timed_out`, or `unavailable` when pylint cannot run.
        """
        chosen = set(project.facts)
        if scene.changed is not None:
            chosen &= scene.changed | project.direct_dependants(scene.changed)
        if not chosen:
            return Report("lint", "absent")
        try:
            messages = self._messages(scene, project, environment, sorted(chosen))
        except _StoppedError as stopped:
            return stopped.report
        gate = Gate(project)
        missing = missing_modules(project, environment, sorted(chosen))
        found = [
            Finding(item.path, item.line, item.code, item.text, gate.is_advice(item))
            for item in messages
            if item.code != CODE or (item.path, item.line) not in missing
        ]
        failed = any(not finding.advice for finding in found)
        found = sorted([*found, *missing.values()], key=lambda it: (it.path, it.line)) if missing else found
        return Report("lint", "failed" if failed else "passed", tuple(found))

    def _messages(
        self, scene: Scene, project: Project, environment: Environment, paths: Sequence[str]
    ) -> list[Message]:
        keys = _keys(project, environment, paths)
        seen = {keys[path]: known for path in paths if (known := self._seen.get(keys[path])) is not None}
        asked = [path for path in paths if keys[path] not in seen]
        for start in range(0, len(asked), _BATCH):
            batch = asked[start : start + _BATCH]
            found = self._run(scene, project, environment, batch)
            seen |= {keys[path]: tuple(item for item in found if item.path == path) for path in batch}
        # A new value, because other threads may be reading the old one.
        self._seen = seen if len(self._seen) + len(asked) > _REMEMBERED else self._seen | seen
        return sorted((item for path in paths for item in seen[keys[path]]), key=_order)

    def _run(self, scene: Scene, project: Project, environment: Environment, paths: Sequence[str]) -> list[Message]:
        """Pylint's messages about some files; where it dies, about each half, until the file that kills it is found."""
        lane = scene.folder.resolve()
        mark = secrets.token_hex(16)
        search = [str(lane / folder) for folder in _search_folders(project)] + [str(environment.site)]
        own = [str(folder) for folder in _own_folders()]
        program = [sys.executable, "-I", "-c", _BOOT, str(environment.probe)]
        extra = os.pathsep.join(own + search)
        words = [extra, mark, ",".join(_standard_names(project)), *_options(lane, scene.files), "--", *paths]
        limits = Limits(seconds=self._seconds, output=_OUTPUT, keep=_OUTPUT)
        variables = {"PYLINTHOME": str(lane / ".pylint"), "SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy"}
        readable = (*environment.readable, Path(sys.prefix), *_own_folders())
        outcome = self._warmth.ask(
            "pylint", program, words, lane, limits=limits, variables=variables, readable=readable
        ) or self._sandbox.run([*program, "run", *words], lane, limits=limits, variables=variables, readable=readable)
        if outcome.ended == "timed_out":
            raise _StoppedError(Report("lint", "timed_out", detail=f"pylint did not finish in {self._seconds:g} s"))
        if passed := limit_passed(outcome, limits):
            raise _StoppedError(Report("lint", "unavailable", detail=f"sandbox limit: pylint {passed}"))
        found = _parse(outcome.output, mark)
        if found is not None:
            return found
        if outcome.ended == "exited" and len(paths) > 1:
            half = len(paths) // 2
            return [
                *self._run(scene, project, environment, paths[:half]),
                *self._run(scene, project, environment, paths[half:]),
            ]
        if outcome.ended == "exited" and "Astroid" in outcome.output:
            return [Message(paths[0], "F0002", "pylint itself failed on this file", 0, 0, 0, 0)]
        raise _StoppedError(Report("lint", "unavailable", detail=_why(outcome.output)))


def _options(lane: Path, files: Mapping[str, str]) -> list[str]:
    # The deepest first: pylint takes the first root that a file lies in.
    roots = ",".join(str(lane / folder) for folder in reversed(source_folders(files)))
    return [
        f"--rcfile={os.devnull}", "--persistent=no", "--disable=all", "--enable=E,F", "--score=no", "--jobs=1",
        "--unsafe-load-any-extension=y", "--ignored-modules=pytest", f"--source-roots={roots}",
    ]  # fmt: skip


def _search_folders(project: Project) -> list[str]:
    """The folders that are no packages: pytest and scripts let the files in one import each other by bare names."""
    folders = {path.rpartition("/")[0] for path in project.facts}
    folders = {folder for folder in folders if f"{folder}/__init__.py" not in project.files}
    return sorted(folders.union(source_folders(project.files)) - {".", ""})


def _standard_names(project: Project) -> list[str]:
    """Names of standard modules that files or folders of the project have as well."""
    parts = {part for path in project.facts for part in path.removesuffix(".py").split("/")}
    return sorted(parts & sys.stdlib_module_names)


def _own_folders() -> list[Path]:
    """Where our own interpreter finds pylint and what it needs, without importing it."""
    specs = [importlib.util.find_spec(name) for name in ("pylint", "astroid", "isort", "tomlkit")]
    return list(dict.fromkeys(Path(spec.origin).parent.parent for spec in specs if spec and spec.origin))


def _keys(project: Project, environment: Environment, paths: Iterable[str]) -> dict[str, str]:
    """For each path a digest of all that pylint's judgement of it depends on."""

    @cache
    def digest(path: str) -> str:
        return hashlib.sha256(project.files[path].encode("utf-8", "replace")).hexdigest()

    keys: dict[str, str] = {}
    for path in paths:
        whole = [
            str(environment.folder),
            path,
            *(f"{used}:{digest(used)}" for used in sorted(project.dependencies(path))),
        ]
        keys[path] = hashlib.sha256("\n".join(whole).encode()).hexdigest()
    return keys


def _parse(output: str, mark: str) -> list[Message] | None:
    parts = output.split(mark)
    if len(parts) != 3:
        return None
    found: list[dict[str, Any]] = json.loads(parts[1])
    return [
        Message(
            PurePosixPath(item["path"]).as_posix(),
            item["messageId"],
            " ".join(str(item["message"]).split())[:400],
            int(item["line"] or 0),
            int(item["column"] or 0),
            int(item["endLine"] or 0),
            int(item["endColumn"] or 0),
        )
        for item in found
    ]


def _order(message: Message) -> tuple[str, int, int, str, str]:
    return (message.path, message.line, message.column, message.code, message.text)


def _why(output: str) -> str:
    lines: Iterator[str] = (line.strip() for line in reversed(output.splitlines()) if line.strip())
    return f"pylint cannot run: {next(lines, 'it printed nothing')}. `pip install pylint` beside l2mac mends it"
