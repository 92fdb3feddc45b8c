"""What a project says it needs, read from files that nobody has read: names and versions, nothing that runs or fetches.

Only names, extras, versions, markers and hashes reach the installer, written anew by us. Everything else that an
installer understands (options, paths, addresses, `${VARIABLES}`) is refused as a finding at its line.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from ..report import Finding

FILES = ("requirements.txt", "requirements-dev.txt")
_GROUPS = ("dev", "test", "tests", "testing")
_HASH = re.compile(r"\s--hash[=\s]((?:sha256|sha384|sha512):[0-9a-fA-F]{32,})")
_INCLUDE = re.compile(r"(?:-r|--requirement)[\s=]*(\S.*)")
_MOST = 1_000
_LONGEST = 500  # characters of one requirement without its hashes
_REFUSED = {
    "-e": "editable installs run the project's build: list what it needs by name",
    "--editable": "editable installs run the project's build: list what it needs by name",
    "--index-url": "the package index is the user's choice: remove the line",
    "-i": "the package index is the user's choice: remove the line",
    "--extra-index-url": "the package index is the user's choice: remove the line",
    "--find-links": "packages come from the package index: remove the line",
    "-f": "packages come from the package index: remove the line",
}


@dataclass(frozen=True, slots=True)
class Requirement:
    """One package that the project needs."""

    path: str
    line: int
    name: str
    """Normalized: lower case, with single hyphens."""
    text: str
    """What the installer reads: name, extras, versions, marker and hashes, written by us."""


Found = Requirement | Finding


def read_requirements(files: Mapping[str, str]) -> tuple[tuple[Requirement, ...], tuple[Finding, ...]]:
    """What the project needs, and what in its lists is refused.

    `requirements.txt` and `requirements-dev.txt` count when one of them exists; else pyproject.toml's dependencies
    with its optional dependencies and dependency groups for development and tests.
    """
    present = [path for path in FILES if path in files]
    if present:
        seen: set[str] = set()
        found = [item for path in present for item in _from_list(files, path, seen)]
    else:
        found = list(_from_pyproject(files.get("pyproject.toml", "")))
    requirements = [item for item in found if isinstance(item, Requirement)]
    findings = [item for item in found if isinstance(item, Finding)]
    if len(requirements) > _MOST:
        findings.append(Finding(requirements[_MOST].path, 0, "requirement", f"more than {_MOST} requirements"))
    return tuple(requirements[:_MOST]), tuple(findings)


def normalized(name: str) -> str:
    """A package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _from_list(files: Mapping[str, str], path: str, seen: set[str]) -> Iterator[Found]:
    if path in seen:
        return
    seen.add(path)
    for number, line in _logical_lines(files[path]):
        included = _INCLUDE.fullmatch(line)
        if included is None:
            yield _requirement(path, number, line)
            continue
        target = _inside(path, included.group(1).strip())
        if target in files:
            yield from _from_list(files, target, seen)
        else:
            yield _refusal(path, number, line, "it names no file of the project: list the packages here")


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    waiting, began = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        line = re.sub(r"(^|\s)#.*$", "", line.removeprefix("\ufeff"))
        began = began or number
        if line.endswith("\\"):
            waiting += line[:-1] + " "
            continue
        whole = (waiting + line).strip()
        if whole:
            yield began, whole
        waiting, began = "", 0
    if waiting.strip():
        yield began, waiting.strip()


def _inside(path: str, target: str) -> str:
    """The path, from the root, of a file named relative to another; nothing when it leads outside."""
    parts: list[str] = []
    if target.startswith(("/", "~")) or ":" in target or "\\" in target:
        return ""
    for part in (PurePosixPath(path).parent / target).parts:
        if part == ".." and not parts:
            return ""
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)


def _requirement(path: str, line: int, text: str) -> Found:
    from packaging.requirements import InvalidRequirement
    from packaging.requirements import Requirement as Parsed

    option = re.split(r"[\s=]", text, maxsplit=1)[0]
    if text.startswith("-"):
        known = next((name for name in _REFUSED if option == name or _glued(text, name)), "")
        return _refusal(path, line, text, _REFUSED.get(known, "options are not taken from a project's list: remove it"))
    if "${" in text or re.search(r"\$\w", text):
        return _refusal(path, line, text, "environment variables are not expanded: write the requirement out")
    if re.match(r"(git|hg|svn|bzr)\+|[a-z]+://|file:", text, re.IGNORECASE):
        return _refusal(path, line, text, "packages come from the package index: name the package and its version")
    hashes = _HASH.findall(text)
    bare = _HASH.sub("", text).strip()
    if len(bare) > _LONGEST:
        return _refusal(path, line, text, "it is too long for the name and the version of one package")
    try:
        parsed = Parsed(bare)
    except (InvalidRequirement, RecursionError):
        if re.match(r"[./~\\]|[A-Za-z]:\\", bare) or bare.endswith((".whl", ".tar.gz", ".zip")):
            return _refusal(path, line, text, "paths are not installed: name a package of the index")
        return _refusal(path, line, text, "this is not a requirement such as `name>=1.2`")
    if parsed.url:
        return _refusal(path, line, text, "packages come from the package index: name the package and its version")
    cleaned = " ".join([str(parsed), *(f"--hash={digest}" for digest in hashes)])
    return Requirement(path, line, normalized(parsed.name), cleaned)


def _glued(text: str, option: str) -> bool:
    return len(option) == 2 and text.startswith(option) and not text.startswith("--")


def _refusal(path: str, line: int, text: str, why: str) -> Finding:
    shown = re.sub(r"://[^/@\s]*@", "://…@", text[:120])
    return Finding(path, line, "requirement", f"`{shown}` is refused: {why}")


def _from_pyproject(text: str) -> Iterator[Found]:
    path = "pyproject.toml"
    try:
        document = tomllib.loads(text) if text else {}
    except (ValueError, RecursionError):
        return  # The syntax check says so.
    project = _table(document, "project")
    own = normalized(str(project.get("name", "")))
    optional, groups = _table(project, "optional-dependencies"), _table(document, "dependency-groups")
    wanted = [*_texts(project.get("dependencies"))]
    for group in _GROUPS:
        wanted += _extra(optional, own, group, set())
        wanted += _group(groups, group, set())
    for requirement in dict.fromkeys(wanted):
        yield _requirement(path, _line_of(text, requirement), requirement.strip())


def _table(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def _texts(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _extra(optional: Mapping[str, Any], own: str, name: str, seen: set[str]) -> Iterator[str]:
    """The requirements of one extra; where it names the project itself, those of the extras it asks for."""
    if name in seen:
        return
    seen.add(name)
    for text in _texts(optional.get(name)):
        itself = re.fullmatch(r"\s*([\w.-]+)\s*\[([\w., -]*)\]\s*", text)
        if itself and own and normalized(itself.group(1)) == own:
            for extra in itself.group(2).split(","):
                yield from _extra(optional, own, extra.strip(), seen)
        else:
            yield text


def _group(groups: Mapping[str, Any], name: str, seen: set[str]) -> Iterator[str]:
    if name in seen:
        return
    seen.add(name)
    items = groups.get(name)
    for item in items if isinstance(items, list) else []:
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            yield from _group(groups, str(item.get("include-group", "")), seen)


def _line_of(text: str, requirement: str) -> int:
    lines = text.splitlines()
    quoted = (f'"{requirement}"', f"'{requirement}'")
    return next((number for number, line in enumerate(lines, 1) if any(item in line for item in quoted)), 0)
