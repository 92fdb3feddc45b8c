"""Follows the recipes of toolchains: fetches outside the sandbox, builds and tests inside, and says what was found."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from ...sandbox.seam import Limits, Outcome, Sandbox, limit_met, limit_passed
from ..python.failures import clean
from ..report import Finding, Lock, Report, Scene
from ..report import Outcome as Ending
from .fetching import Fetcher
from .others import unjudged
from .projects import Project, find_projects
from .reading import Case, Places, findings, headline, moved, read, visible
from .recipe import FOLDER, Build, Command, Recipe, Test, recipes
from .results import Results, key_of
from .tools import Tool, fill, find

Way = TypeVar("Way", Build, Test)

_OUTPUT = 8_000_000
_MISSING = 8  # times that what an offline run misses is fetched
_FEW = 5  # failed tests that are run a second time
_SOON = 30.0  # seconds that such a run may have taken
_CRASH = re.compile(
    r"(?i)internal compiler error|compiler unexpectedly panicked|fatal error has been detected by the java runtime"
    r"|fatal error: unexpected signal|javascript heap out of memory|please submit a full bug report"
)


class ToolchainChecks:
    """Builds and tests the projects of every toolchain that there is a recipe for; a `Check`.

    Args:
        sandbox: where compilers and tests run.
        fetcher: brings what projects depend on.
        results: where reports are kept to be used again; None keeps none.
        tests: False leaves the tests out.
        seconds: the most that one command may take.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        fetcher: Fetcher,
        results: Results | None = None,
        *,
        tests: bool = True,
        seconds: float = 120.0,
    ) -> None:
        self._sandbox = sandbox
        self._fetcher = fetcher
        self._results = results
        self._tests = tests
        self._seconds = seconds

    def check(self, scene: Scene) -> list[Report]:
        """Judge the projects that the scene's changes lie in, or all of them when `changed` is None.

        Returns:
            For each project in turn: `environment` where what it needs can't be had, and then nothing else; `build`;
            `tests`. A toolchain that is not installed is a report of its own name, `unavailable`.
        """
        projects, advice = find_projects(scene.files)
        reports = [Report("build", "absent", tuple(advice))] if advice else []
        missing: dict[str, Report] = {}
        for project in projects:
            if not _concerns(project, scene):
                continue
            tool = find(project.recipe)
            if isinstance(tool, Tool):
                reports += self._project(project, tool, scene)
            elif project.marker:
                missing.setdefault(project.recipe.name, Report(project.recipe.name, "unavailable", detail=tool))
            else:
                advised = Finding("", 0, project.recipe.name, f"not checked: {tool}", advice=True)
                reports.append(Report("build", "absent", (advised,)))
        return [*reports, *missing.values(), *unjudged(scene.files)]

    def surroundings(self, files: Mapping[str, str], lane: Path) -> tuple[dict[str, str], tuple[Path, ...]]:
        """What a command in a lane finds around it: the projects' toolchains, and what they have fetched."""
        variables: dict[str, str] = {}
        readable: list[Path] = []
        paths: list[str] = []
        for project in find_projects(files)[0]:
            tool = find(project.recipe)
            if isinstance(tool, Tool):
                cache = self._fetcher.cache(project)
                places = {"cache": str(cache), "home": str(tool.home), "root": str(lane / project.root).rstrip("/")}
                found = tool.variables(places)
                paths.append(found.pop("PATH"))
                variables = found | variables
                readable += tool.readable(cache)
                fetched = self._fetcher.fetch(project, tool, files)
                readable += [fetched] if isinstance(fetched, Path) else []
        if paths:
            variables["PATH"] = os.pathsep.join(dict.fromkeys(it for path in paths for it in path.split(os.pathsep)))
        return variables, tuple(readable)

    def _project(self, project: Project, tool: Tool, scene: Scene) -> list[Report]:
        fetched = self._fetcher.fetch(project, tool, scene.files)
        if isinstance(fetched, Report):
            return [fetched]
        # The lane tells one run's files that are no text from another's.
        how = [self._sandbox.name, str(self._tests), str(self._seconds)]
        meaning = [repr(project), tool.version, str(scene.folder), scene.attempt, *how]
        locks = self._fetcher.locks(project, fetched, scene.files)
        told = locks if scene.changed is None else ()
        key = key_of(meaning, {**scene.files, **{it.path: it.text for it in locks}})
        if self._results and (known := self._results.recall(key)) is not None:
            return [replace(known[0], locks=told), *known[1:]]
        began = time.monotonic()
        bench = _Bench(project, tool, scene, self._sandbox, self._fetcher, fetched, self._seconds, locks)
        reports = bench.reports(self._tests)
        if self._results and not any(it.outcome in ("unavailable", "timed_out") for it in reports) and not bench.broke:
            self._results.keep(key, reports, time.monotonic() - began)
        return [replace(reports[0], locks=told), *reports[1:]]


@dataclass(frozen=True, slots=True)
class _Ended:
    """How a series of commands ended."""

    outcome: Outcome
    printed: str
    """What all of them printed."""

    @property
    def well(self) -> bool:
        return self.outcome.ended == "exited" and self.outcome.exit == 0


class _Bench:
    """One project in its lane."""

    def __init__(
        self,
        project: Project,
        tool: Tool,
        scene: Scene,
        sandbox: Sandbox,
        fetcher: Fetcher,
        fetched: Path | None,
        seconds: float,
        locks: Sequence[Lock],
    ) -> None:
        self._project, self._tool, self._scene = project, tool, scene
        self._recipe: Recipe = project.recipe
        self._sandbox, self._fetcher, self._fetched = sandbox, fetcher, fetched
        self._lane = Path(os.path.realpath(scene.folder))
        self._folder = self._lane / project.root
        self._limits = _limits(self._recipe, seconds)
        self._locks = locks
        self.broke = False
        """What happened may be no fault of the project's."""

    def reports(self, tests: bool) -> list[Report]:
        if self._fetched and self._recipe.fetch and self._recipe.fetch.link:
            _link(self._fetched / self._recipe.fetch.link, self._lane, self._folder / self._recipe.fetch.link)
        for lock in self._locks:
            _lay(lock.text, self._lane, self._lane / lock.path)
        wanted = tests and self._project.has_tests(self._scene.files)
        none = [Report("tests", "absent", detail="there are no tests")] if tests and not wanted else []
        if wanted and self._recipe.once:
            return self._test(())
        built = self._build()
        if not wanted or built.outcome not in ("passed", "absent"):
            return [built, *(none if built.outcome in ("passed", "absent") else [])]
        return self._test([built])

    def _build(self) -> Report:
        way = self._way(self._recipe.build)
        if way is None:
            needs = next((it.needs for it in self._recipe.build if it.needs), "")
            return Report("build", "failed", (Finding(self._project.marker, 0, "build", needs),))
        ended = self._fetching(way.commands)
        return self._judged(ended) or Report("build", "passed")

    def _test(self, built: Iterable[Report]) -> list[Report]:
        way = self._way(self._recipe.test)
        if way is None:
            return [*built, Report("tests", "absent", detail="no test runner is there")]
        ended, cases = self._tested(way)
        if self._recipe.once:
            failed = self._judged(ended, cases)
            built = [failed or Report("build", "passed")]
            if failed and not any(it.state == "failed" for it in cases):
                return [failed]
        return [*built, self._told(way, ended, cases)]

    def _tested(self, way: Test) -> tuple[_Ended, list[Case]]:
        self._clear(way.results)
        ended = self._fetching(way.commands)
        return ended, read(way, ended.printed, list(self._left(way.results)), ended.outcome.exit)

    def _told(self, way: Test, ended: _Ended, cases: Sequence[Case]) -> Report:
        """The report `tests`."""
        places = Places(self._project, self._scene.files)
        failed = {places.id(it): it for it in cases if it.state == "failed"}
        found = [self._failure(places, it) for it in failed.values()]
        outcome = ended.outcome
        if outcome.ended == "not_started":
            self.broke = True
            return Report("tests", "unavailable", detail=clean(outcome.output, str(self._lane)))
        if passed := limit_passed(outcome, self._limits):
            found.append(self._whole(f"sandbox limit: the test run {passed}", "tests"))
        elif failed and self._scene.changed is None and len(failed) <= _FEW and outcome.seconds < _SOON:
            found = self._again(way, places, failed, found)
        elif not failed and outcome.exit:
            note = limit_met(ended.printed, outcome, self._limits)
            text = f"the test run ended with exit code {outcome.exit}: {self._last(ended)}"
            found.append(self._whole(f"sandbox limit: {note}: {text}" if note else text, "tests"))
        detail = "\n\n".join(f"FAILED {test}\n{_bounded(it.text)}" for test, it in list(failed.items())[:20])
        well = tuple(sorted({places.id(it) for it in cases if it.state == "passed"} - failed.keys()))
        skipped = tuple(sorted({places.id(it) for it in cases if it.state == "skipped"} - failed.keys()))
        if found:
            said = detail or _bounded(ended.printed.strip())
            kind: Ending = "timed_out" if outcome.ended == "timed_out" else "failed"
            return Report("tests", kind, tuple(found), clean(said, str(self._lane)), well, skipped)
        if not well:
            return Report(
                "tests", "absent", (), "every test was skipped" if skipped else "no test was found", (), skipped
            )
        return Report("tests", "passed", (), "", well, skipped)

    def _failure(self, places: Places, case: Case) -> Finding:
        finding = places.finding(case)
        return replace(finding, text=clean(finding.text, str(self._lane)))

    def _again(self, way: Test, places: Places, failed: Mapping[str, Case], found: Sequence[Finding]) -> list[Finding]:
        """Run once more what failed: a test that passes then is not to be trusted, and its finding says so."""
        _, cases = self._tested(way)
        passed = {places.id(it) for it in cases if it.state == "passed"}
        text = "it failed, and passed when it was run again with nothing changed: make it independent of time and order"
        return [moved(it, text) if it.code in passed else it for it in found]

    def _judged(self, ended: _Ended, cases: Sequence[Case] = ()) -> Report | None:
        """The report `build` where the sources are at fault, or where it can't be told; None where they are not."""
        outcome = ended.outcome
        if outcome.ended == "not_started":
            self.broke = True
            return Report("build", "unavailable", detail=clean(outcome.output, str(self._lane)))
        printed = clean(ended.printed, str(self._lane))
        found = [] if ended.well else findings(printed, self._project, self._scene.files)
        detail = _bounded(printed.strip())
        if crashed := _crash(ended):
            self.broke = True
            found.insert(
                0, self._whole(f"{self._recipe.program} crashed ({crashed}): write it in another way", "crash")
            )
        elif not cases and (passed := limit_passed(outcome, self._limits)):
            kind: Ending = "timed_out" if outcome.ended == "timed_out" else "failed"
            if kind == "timed_out" and self._recipe.once and not found:
                return None
            return Report("build", kind, (self._whole(f"sandbox limit: the build {passed}", "build"),), detail)
        elif not found and not cases and not ended.well:
            if self._recipe.once and _started_tests(ended.printed):
                return None
            note = limit_met(ended.printed, outcome, self._limits)
            text = f"it ended with exit code {outcome.exit}: {self._last(ended)}"
            found = [self._whole(f"sandbox limit: {note}: {text}" if note else text, "build")]
        return Report("build", "failed", tuple(found), detail) if found else None

    def _whole(self, text: str, code: str) -> Finding:
        marker = self._project.marker
        return Finding(marker, 0, f"{marker or self._recipe.name}::{code}" if code == "tests" else code, text[:500])

    def _last(self, ended: _Ended) -> str:
        lines = [it for it in clean(ended.printed, str(self._lane)).splitlines() if it.strip()]
        telling = [it for it in lines if re.search(r"(?i)\berror\b|\bfailed\b|panic|cannot|exception", it)]
        return headline((telling or lines[-1:])[0]) if lines else "it printed nothing"

    def _way(self, ways: Sequence[Way]) -> Way | None:
        return next((it for it in ways if not it.when or (self._folder / it.when).exists()), None)

    def _fetching(self, commands: Sequence[Command]) -> _Ended:
        """Run commands; where one misses what can be fetched, fetch it and run them again."""
        self._clear(self._recipe.stale)
        ended = self._run(commands)
        for _ in range(_MISSING):
            if ended.well or not self._fetcher.fetch_missing(self._project, self._tool, ended.printed):
                break
            ended = self._run(commands)
        return ended

    def _run(self, commands: Sequence[Command]) -> _Ended:
        cache = self._fetcher.cache(self._project)
        places = {
            "cache": str(cache), "home": str(self._tool.home), "root": str(self._folder).rstrip("/"),
            "data": str(FOLDER), "target": _target(self._scene.files.get(self._project.marker, "")),
        }  # fmt: skip
        fetched = [self._fetched] if self._fetched else []
        around = [self._lane] if self._project.root else []  # the rest of the lane can be read, its own part written
        readable = (*around, *self._tool.readable(cache), *fetched)
        printed: list[str] = []
        for command in commands:
            outcome = self._sandbox.run(
                [fill(word, places) for word in command],
                self._folder,
                limits=self._limits,
                variables=self._tool.variables(places),
                readable=readable,
            )
            printed.append(visible(outcome.output))
            if outcome.ended != "exited" or outcome.exit:
                break
        return _Ended(outcome, "\n".join(printed))

    def _left(self, patterns: Iterable[str]) -> Iterator[str]:
        """The texts of the results that a run left, in the lane and nowhere else."""
        for place in self._matching(patterns):
            if place.is_file() and place.stat().st_size < _OUTPUT * 4:
                yield place.read_text("utf-8", "replace")

    def _clear(self, patterns: Iterable[str]) -> None:
        for place in self._matching(patterns):
            shutil.rmtree(place, ignore_errors=True) if place.is_dir() else place.unlink(missing_ok=True)

    def _matching(self, patterns: Iterable[str]) -> list[Path]:
        """Places in the lane: what ran there may have put links to elsewhere in their way."""
        found = [place for pattern in patterns for place in sorted(self._folder.glob(pattern))]
        return [it for it in found if not it.is_symlink() and Path(os.path.realpath(it)).is_relative_to(self._lane)]


def artefacts() -> tuple[str, ...]:
    """Patterns, as in a .gitignore, of what the tools of every recipe leave behind."""
    return tuple(dict.fromkeys(it for recipe in recipes() for it in recipe.artefacts))


def _concerns(project: Project, scene: Scene) -> bool:
    if scene.tests is not None:
        return any(project.owns(test) for test in scene.tests)
    return scene.changed is None or any(project.owns(path) for path in scene.changed)


def _limits(recipe: Recipe, seconds: float) -> Limits:
    usual = Limits(seconds=seconds, output=_OUTPUT, keep=_OUTPUT)
    return replace(usual, **{name: int(value) for name, value in recipe.limits.items()})


def _link(source: Path, lane: Path, target: Path) -> None:
    """Make a folder of links to what was fetched; a link of its own that stays among the project's folders is kept."""
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        target.unlink()
    if not source.is_dir() or not Path(os.path.realpath(target.parent)).is_relative_to(lane):
        return
    wanted = {it.relative_to(source): it for it in _packages(source)}
    for path in [it for it in _packages(target) if it.is_symlink()] if target.is_dir() else []:
        if path.relative_to(target) not in wanted:
            path.unlink()
    for name, it in wanted.items():
        goal = it.readlink() if it.is_symlink() else it
        place = target / name
        if not (place.is_symlink() and place.readlink() == goal):
            _make_way(place, target)
            place.symlink_to(goal)


def _lay(text: str, lane: Path, place: Path) -> None:
    """Put a lock where the tools look for it: what is tested is what the project will hold."""
    if Path(os.path.realpath(place.parent)).is_relative_to(lane):
        _make_way(place, place.parent)
        place.write_text(text, "utf-8")


def _make_way(place: Path, target: Path) -> None:
    for folder in (target, *([place.parent] if place.parent != target else [])):
        if folder.is_symlink():
            folder.unlink()
        folder.mkdir(exist_ok=True)
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place, ignore_errors=True)
    else:
        place.unlink(missing_ok=True)


def _packages(folder: Path) -> Iterator[Path]:
    """What lies in a folder of packages; those of an `@owner` one by one."""
    for place in folder.iterdir():
        if place.name.startswith("@") and place.is_dir() and not place.is_symlink():
            yield from place.iterdir()
        else:
            yield place


def _target(makefile: str) -> str:
    return "check" if re.search(r"(?m)^check\s*:", makefile) and not re.search(r"(?m)^test\s*:", makefile) else "test"


def _started_tests(printed: str) -> bool:
    return bool(re.search(r"(?m)^running \d+ tests?$|T E S T S|^Test project ", printed))


def _crash(ended: _Ended) -> str:
    if hit := _CRASH.search(ended.printed):
        return hit[0].lower()
    return ""


def _bounded(text: str, most: int = 2_500) -> str:
    half = most // 2
    return text if len(text) <= most else f"{text[:half]}\n... {len(text) - most} characters cut ...\n{text[-half:]}"
