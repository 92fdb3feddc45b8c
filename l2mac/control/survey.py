"""The survey of an existing codebase: what the compiler must know of it before it plans, within a bound."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from ..checks.report import Report
from ..checks.verdict import label
from ..excerpt import bounded, listing, size

_LANGUAGES = {
    "C": "c h",
    "C#": "cs",
    "C++": "cc cpp cxx hpp hh",
    "CSS": "css scss less",
    "Go": "go",
    "HTML": "html htm",
    "Java": "java",
    "JavaScript": "js mjs cjs jsx",
    "Kotlin": "kt kts",
    "Markdown": "md",
    "PHP": "php",
    "Python": "py pyi",
    "Ruby": "rb",
    "Rust": "rs",
    "SQL": "sql",
    "Scala": "scala",
    "Shell": "sh bash",
    "Swift": "swift",
    "TypeScript": "ts tsx mts",
}
_OF = {suffix: language for language, suffixes in _LANGUAGES.items() for suffix in suffixes.split()}
_TEST = re.compile(r"(^|/)(test_[^/]*|[^/]*(_test|\.test|\.spec|Test|Tests))\.\w+$")
_RULES = ("AGENTS.md", "CONTRIBUTING.md")
_MANIFEST = re.compile(
    r"(^|/)(pyproject\.toml|setup\.(py|cfg)|requirements.*\.txt|tox\.ini|pytest\.ini|package\.json|tsconfig\.json|Cargo\.toml"
    r"|go\.mod|pom\.xml|build\.gradle(\.kts)?|CMakeLists\.txt|Makefile|Dockerfile|composer\.json|Gemfile)$"
)
_FAILURES = 10
_KEEP = "The program changes this codebase. Its own ways hold: say in the texts which of its rules matter, and where."


def survey(files: Mapping[str, str], kept: Iterable[str], baseline: Iterable[Report], room: int) -> str:
    """What stands in a codebase: languages, tests, what the checks say, its rules, its README, its files.

    Args:
        files: path to text.
        kept: the files that are no text.
        baseline: what the checks said before anything was changed.
        room: bytes that the result may have; texts and listing share it.
    """
    kept = list(kept)
    if not files and not kept:
        return "# Files that exist\nNone: the workspace is empty."
    counted = bounded(_counted(files, kept), room // 8)
    parts = [f"# What exists\n{_KEEP}\n\n{counted}", bounded("\n".join(_checks(baseline)), room // 8)]
    for path in _texts(files):
        parts.append(f"## {path}\n{bounded(files[path].strip(), room // 5)}")
    left = max(room - sum(map(size, parts)), room // 8)
    return "\n\n".join([*filter(None, parts), f"## Files\n{listing(sorted([*files, *kept]), left)}"])


def _counted(files: Mapping[str, str], kept: list[str]) -> str:
    """How many files and lines of which language, and where tests and manifests are."""
    languages, lines = Counter[str](), Counter[str]()
    for path, text in files.items():
        language = _OF.get(PurePosixPath(path).suffix.removeprefix("."), "other")
        languages[language] += 1
        lines[language] += text.count("\n")
    by_size = sorted(languages, key=lambda name: (-lines[name], name))
    told = [", ".join(f"{name}: {languages[name]} files, {lines[name]:,} lines" for name in by_size)]
    told += [f"No text: {len(kept)} files"] if kept else []
    tests = [path for path in files if _TEST.search(path)]
    folders = Counter(str(PurePosixPath(path).parent) for path in tests)
    places = ", ".join(name for name, _ in folders.most_common(5))
    told.append(f"Tests: {len(tests)} files, in {places}" if tests else "Tests: none")
    manifests = sorted(path for path in files if _MANIFEST.search(path))
    told += [f"Set up by: {', '.join(manifests[:12])}"] if manifests else []
    return "\n".join(told)


def _checks(baseline: Iterable[Report]) -> list[str]:
    """What failed before; it may go on failing."""
    reports = list(baseline)
    outcomes = ", ".join(f"{report.check} {report.outcome}" for report in reports)
    failures = [label(finding) for report in reports for finding in report.failures]
    shown = [f"- fails already: {' '.join(it.split())[:160]}" for it in failures[:_FAILURES]]
    more = [f"- and {len(failures) - _FAILURES} more"] if len(failures) > _FAILURES else []
    return [f"Checks: {outcomes}", *shown, *more] if reports else []


def _texts(files: Mapping[str, str]) -> list[str]:
    """The files that say how the project wants to be worked on, and what it is."""
    readme = [path for path in sorted(files) if "/" not in path and path.upper().startswith("README")]
    return [*(path for path in _RULES if path in files), *readme[:1]]
