"""What compilers and test runners print, read into findings and the results of tests."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from posixpath import basename, normpath
from typing import Any, Literal
from xml.etree import ElementTree

from ..report import Finding
from .projects import Project, suffix
from .recipe import Test

_INVISIBLE = re.compile(r"\x1b\[[\d;?]*[A-Za-z]|\r(?=\n)")
_PLACE = re.compile(r"(?:file://)?((?:[\w.@+-]*/)*[\w.@+-]+\.\w+):(?:line )?(\d+)")
_MARK = "::l2mac:: "
_MOST = 20_000  # tests
_XML = 20_000_000  # characters of a file of results


@dataclass(frozen=True, slots=True)
class Case:
    """The result of one test, as its runner names it."""

    name: str
    state: Literal["passed", "failed", "skipped"]
    group: str = ""
    """The class, the suite, the package or the file that it stands in."""
    file: str = ""
    line: int = 0
    text: str = ""
    """What was said of its failure."""


def visible(text: str) -> str:
    """Output without colours, with line ends of one kind."""
    return _INVISIBLE.sub("", text)


def findings(printed: str, project: Project, files: Mapping[str, str]) -> list[Finding]:
    """The errors that a compiler printed, each once, in the order of their appearance."""
    found: dict[Finding, int] = {}
    for pattern in project.recipe.finding:
        for hit in re.finditer(pattern, printed):
            said = {name: value for name, value in hit.groupdict().items() if value}
            path = within(said.get("path", ""), project, files)
            line = int(said.get("line", 0)) if path else 0
            text = " ".join(said.get("text", "it failed").split())[:400]
            found.setdefault(Finding(path or project.marker, line, said.get("code", "build"), text), hit.start())
    return sorted(found, key=lambda it: found[it])[:100]


def within(path: str, project: Project, files: Mapping[str, str]) -> str:
    """The path in the tree of files that a tool means, which names it from its folder or whole; empty where none is."""
    for candidate in (f"{project.root}{path}", path):
        named = normpath(candidate).lstrip("/") if candidate else ""
        if named in files:
            return named
    return ""


def read(test: Test, printed: str, results: Sequence[str], ended: int | None) -> list[Case]:
    """The results of a run.

    Args:
        test: how it was run.
        printed: what it printed, whole or cut.
        results: the texts of the files that it left.
        ended: its exit code.
    """
    if test.reader == "junit":
        return [case for result in results for case in _junit(result)][:_MOST]
    if test.reader == "exit":
        return [Case(test.commands[-1][0], "failed" if ended else "passed", text=printed[-2_000:] if ended else "")]
    if test.reader == "pattern":
        return list(_pattern(test, printed))[:_MOST]
    return list((_go if test.reader == "go" else _lines)(printed))[:_MOST]


def _junit(text: str) -> Iterator[Case]:
    """Source: the schema of Ant's JUnit reports, which Surefire, ctest, vitest and PHPUnit write."""
    if len(text) > _XML or "<!DOCTYPE" in text or "<!ENTITY" in text:
        return
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, RecursionError):
        return
    for case in root.iter("testcase"):
        wrong = next((it for it in case if it.tag in ("failure", "error")), None)
        told = "" if wrong is None else f"{wrong.get('message') or ''}\n{wrong.text or ''}".strip()
        if wrong is not None and not told.strip():
            told = case.findtext("system-out") or ""
        state: Any = "failed" if wrong is not None or case.get("status") == "fail" else "passed"
        if case.find("skipped") is not None or case.get("status") in ("disabled", "notrun"):
            state = "skipped"
        line = int(found) if (found := case.get("line", "")).isdigit() else 0
        if state == "failed" and not told:
            told = (case.findtext("system-out") or "it failed")[-2_000:]
        name, group = case.get("name", ""), case.get("classname", "")
        yield Case(name, state, "" if group == name else group, case.get("file", ""), line, told)


def _lines(text: str) -> Iterator[Case]:
    """What our own reporters print."""
    for line in text.splitlines():
        if line.startswith(_MARK):
            told = _object(line.removeprefix(_MARK))
            if told.get("state") in ("passed", "failed", "skipped"):
                place = int(told["line"]) if str(told.get("line", "")).isdigit() else 0
                name, file = str(told.get("name", "")), str(told.get("file", ""))
                yield Case(name, told["state"], "", file, place, str(told.get("text", "")))


def _go(text: str) -> Iterator[Case]:
    """Source: `go doc test2json`."""
    printed: dict[tuple[str, str], list[str]] = {}
    failed: set[tuple[str, str]] = set()
    for line in text.splitlines():
        event = _object(line)
        package, name = str(event.get("Package", "")), str(event.get("Test", ""))
        state: Any = {"pass": "passed", "fail": "failed", "skip": "skipped"}.get(str(event.get("Action")))
        if event.get("Action") == "output":
            printed.setdefault((package, name), []).append(str(event.get("Output", "")))
        elif state and name:
            if state == "failed":
                below = any(it[0] == package and it[1].startswith(f"{name}/") for it in failed)
                failed.add((package, name))
                if below:  # its part has said what is wrong
                    continue
            yield Case(name, state, f"{package}/", text="".join(printed.get((package, name), [])))


def _pattern(test: Test, text: str) -> Iterator[Case]:
    traces = {hit["name"]: hit["text"].strip() for hit in re.finditer(test.trace, text)} if test.trace else {}
    for state, pattern in (("passed", test.passed), ("failed", test.failed), ("skipped", test.skipped)):
        for hit in re.finditer(pattern, text) if pattern else ():
            name, group = hit["name"], hit.groupdict().get("group") or ""
            said: Any = state
            yield Case(name, said, group, text=traces.get(name, "") if state == "failed" else "")


def _object(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


class Places:
    """Says in which file of a project a test is defined, so that its id begins with the file as pytest's do."""

    def __init__(self, project: Project, files: Mapping[str, str]) -> None:
        self._project, self._files = project, files
        self._named: dict[str, str] = {}
        for path in files:
            self._named[basename(path)] = "" if basename(path) in self._named else path
        self._defined: dict[str, list[str]] = {}
        for path, text in files.items():
            if (project.owns(path) and suffix(path) in project.recipe.sources) or path == project.marker:
                for key in definitions(project.recipe.define, text):
                    self._defined.setdefault(key, []).append(path)

    def id(self, case: Case) -> str:
        """`path::name`, with the class where it is not the one that the file is named after."""
        path = self._path(case)
        of_class = re.split(r"[.\\]", case.group)[-1] if re.fullmatch(r"[\w.$\\]+", case.group) else ""
        own = not of_class or of_class == basename(path).partition(".")[0] or case.name.startswith(of_class)
        return f"{path}::{' '.join((case.name if own else f'{of_class}.{case.name}').split())[:300]}"

    def finding(self, case: Case) -> Finding:
        """Where a test failed: the first place of the project that its trace names, else where it is defined."""
        test = self.id(case)
        path, line = next(self._places(case), (test.partition("::")[0], case.line))
        return Finding(path, line, test, headline(case.text))

    def _path(self, case: Case) -> str:
        for path in (case.file, case.group):
            if found := within(path, self._project, self._files):
                return found
        of_class = "/" + re.sub(r"[.\\]", "/", case.group.partition("$")[0])
        package, module = basename(case.group.rstrip("/")), case.name.split("::")[0]
        defined = sorted(self._defined.get(key(case.name), []))
        choices = (
            [path for path in defined if _stem(path).endswith(of_class)],
            [path for path in defined if basename(path.rpartition("/")[0]) == package],
            [path for path in defined if module in _stem(path).split("/")],
            defined,
            [path for path in sorted(self._files) if of_class != "/" and basename(_stem(path)) == basename(of_class)],
        )
        return next((found[0] for found in choices if found), self._project.marker or self._project.root or ".")

    def _places(self, case: Case) -> Iterator[tuple[str, int]]:
        for hit in _PLACE.finditer(case.text):
            path = within(hit[1], self._project, self._files) or self._named.get(basename(hit[1]), "")
            if path and "node_modules/" not in hit[1] and self._project.owns(path):
                yield path, int(hit[2])


def _stem(path: str) -> str:
    return f"/{path.rpartition('.')[0]}"


def key(name: str) -> str:
    """What is the same in a test's name as its runner prints it and as its file has it."""
    last = re.split(r"::| > ", name)[-1].strip()
    return re.split(r"[/(\[{$]", last)[0].strip() or last


def definitions(pattern: str, text: str) -> dict[str, int]:
    """Where the tests of a file are defined, by `key`."""
    found: dict[str, int] = {}
    for hit in re.finditer(pattern, text):
        said = {name: value for name, value in hit.groupdict().items() if value}
        name = said.get("name") or said.get("test") or said.get("case") or ""
        found.setdefault(key(f"{said['group']}.{name}" if "group" in said else name), hit.start())
    return found


def headline(text: str) -> str:
    """The line of a failure's text that says most."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    dull = re.compile(r"=== |--- |Running |Note: |note: |at |#|\[|thread '.*panicked at|\S+:\d+: Failure$")
    telling = [line for line in lines if not dull.match(line)]
    shown = " ".join((telling or lines or ["it failed"])[:3])
    return shown[:300]


def moved(finding: Finding, text: str) -> Finding:
    """A finding that says more."""
    return replace(finding, text=f"{text}: {finding.text}")
