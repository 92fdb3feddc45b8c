"""The tools that read and change the file store."""

from __future__ import annotations

import difflib
import fnmatch
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import regex

from ..errors import Fault
from ..memory.snapshot import Transaction
from .instruction_set import Argument, Effect

_SEARCH_SECONDS = 1.0  # a pattern written by a model may backtrack for ever
_LONGEST_LINE = 400  # characters shown of one line of a search


class FileRange(Argument):
    """A file, or lines of it."""

    path: str
    start: int | None = None
    end: int | None = None


class FileText(Argument):
    """A file and its complete text."""

    path: str
    content: str


class Edit(Argument):
    """A text that occurs once, and what replaces it."""

    find: str
    replace: str


@dataclass(slots=True)
class Bench:
    """What the tools of an instruction work on."""

    transaction: Transaction
    room: int = 16_000
    """Characters that one result may have."""


def list_files(bench: Bench, glob: str | None = None) -> Effect:
    """List the project's files with their line counts; glob (such as src/**/*.py) narrows the list."""
    files, kept = bench.transaction.files, bench.transaction.base.kept
    paths = sorted(path for path in [*files, *kept] if glob is None or _matches(path, glob))
    if not paths:
        return Effect("ok\n(no files)" if glob is None else f"ok\n(no file matches {glob})")
    lines = [f"{path} ({_lines(files[path])})" if path in files else f"{path} (not text)" for path in paths]
    if sum(map(len, lines)) + len(lines) > bench.room:
        lines = _folders(paths)
    return Effect(_bounded("ok", lines, bench.room, "narrow it with glob"))


def read_files(bench: Bench, requests: list[FileRange]) -> Effect:
    """Read files, whole or from line start to line end (1-based, inclusive)."""
    shown = []
    room = bench.room
    for request in requests:
        text = bench.transaction.read(request.path)
        part = _excerpt(text, request, room)
        room = max(room - len(part), 400)
        shown.append(part)
    if not shown:
        raise Fault("requests is empty; name at least one path")
    return Effect("\n".join(["ok", *shown]))


def search_files(bench: Bench, pattern: str, glob: str | None = None) -> Effect:
    """Search all files, or those that match glob, for a regular expression; shows path:line: text."""
    try:
        expression = regex.compile(pattern)
    except regex.error as error:
        raise Fault(f"{pattern[:80]!r} is not a valid regular expression: {error}") from None
    lines = []
    try:
        for path, text in sorted(bench.transaction.files.items()):
            if glob is None or _matches(path, glob):
                lines += _hits(expression, path, text)
    except TimeoutError:
        raise Fault(f"searching for {pattern[:80]!r} took too long; use a simpler pattern") from None
    return Effect(_bounded("ok", lines or ["(nothing found)"], bench.room, "narrow the pattern or the glob"))


def write_files(bench: Bench, files: list[FileText]) -> Effect:
    """Create or replace whole files. Each content is the complete text of its file."""
    if not files:
        raise Fault("files is empty; give at least one path with its content")
    return _together(bench, [(file.path, file.content) for file in files])


def edit_file(bench: Bench, path: str, edits: list[Edit]) -> Effect:
    """Change parts of a file. Each find must occur exactly once in it: copy it character by character."""
    text = bench.transaction.read(path)
    if not edits:
        raise Fault("edits is empty; give at least one find with its replace")
    for number, edit in enumerate(edits, 1):
        found = text.count(edit.find) if edit.find else 0
        if found != 1:
            raise Fault(
                f"edit {number}: find {_why(found)} {path}; nothing was changed{_nearest(text, edit.find, found)}"
            )
        text = text.replace(edit.find, edit.replace)
    return Effect(changed=frozenset({bench.transaction.write(path, text)}))


def delete_files(bench: Bench, paths: list[str]) -> Effect:
    """Delete files."""
    if not paths:
        raise Fault("paths is empty; name at least one file")
    return _together(bench, [(path, None) for path in paths])


def _together(bench: Bench, changes: list[tuple[str, str | None]]) -> Effect:
    """Make all changes or, where one faults, none."""
    trial = Transaction(bench.transaction.snapshot)
    for path, text in changes:
        trial.delete(path) if text is None else trial.write(path, text)
    bench.transaction.adopt(trial.change)
    return Effect(changed=frozenset(trial.change))


def _matches(path: str, glob: str) -> bool:
    return fnmatch.fnmatchcase(path, glob) or fnmatch.fnmatchcase(path, glob.replace("**/", ""))


def _lines(text: str) -> str:
    count = text.count("\n") + (not text.endswith("\n") and bool(text))
    return f"{count} line{'' if count == 1 else 's'}"


def _folders(paths: Iterable[str]) -> list[str]:
    """A listing too long to show, as the number of files below each folder."""
    counts = Counter(path.rsplit("/", 1)[0] + "/" if "/" in path else "./" for path in paths)
    return [f"{folder} ({count} files)" for folder, count in sorted(counts.items())]


def _excerpt(text: str, request: FileRange, room: int) -> str:
    """The lines asked for, as far as there is room, under a line that says which they are."""
    lines = text.splitlines(keepends=True)
    first = max(request.start or 1, 1)
    last = min(request.end or len(lines), len(lines))
    if first > max(last, 1):
        raise Fault(f"{request.path} has {_lines(text)}; there is no line {first} to {request.end or first}")
    end, size = first - 1, 0
    while end < last and (size + len(lines[end]) <= room or end < first):
        size += len(lines[end])
        end += 1
    part = "".join(lines[first - 1 : end])
    if len(part) > room:
        part = f"{part[:room]}\n[the rest of this line, {len(part) - room:,} characters, is not shown]\n"
    whole = first == 1 and end == len(lines)
    where = _lines(text) if whole else f"lines {first}-{end} of {len(lines)}"
    more = f"[cut for length; read on from line {end + 1}]\n" if end < last else ""
    return f"--- {request.path} ({where})\n{part}{'' if part.endswith(chr(10)) or not part else chr(10)}{more}".rstrip(
        "\n"
    )


def _hits(expression: regex.Pattern[str], path: str, text: str) -> list[str]:
    found: list[str] = []
    for match in expression.finditer(text, timeout=_SEARCH_SECONDS):
        number = text.count("\n", 0, match.start()) + 1
        begin = text.rfind("\n", 0, match.start()) + 1
        end = text.find("\n", begin)
        line = text[begin : len(text) if end < 0 else end]
        hit = f"{path}:{number}: {line[:_LONGEST_LINE]}"
        if not found or found[-1] != hit:
            found.append(hit)
        if len(found) == 200:
            return [*found, f"{path}: [more than 200 hits]"]
    return found


def _bounded(head: str, lines: list[str], room: int, advice: str) -> str:
    """As many lines as there is room for, and how many were left out."""
    shown: list[str] = []
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            return "\n".join([head, *shown, f"[{len(lines) - len(shown):,} more lines; {advice}]"])
        shown.append(line)
    return "\n".join([head, *shown])


def _why(found: int) -> str:
    return "does not occur in" if found == 0 else f"occurs {found} times in"


def _nearest(text: str, find: str, found: int) -> str:
    """What the file holds that looks most like the text that was not found."""
    if found > 1:
        return "; add lines around it until it is unique"
    wanted = [line for line in find.splitlines() if line.strip()]
    lines = text.splitlines()
    if not wanted or not lines:
        return ""
    near = difflib.get_close_matches(wanted[0], lines[:3000], 1, cutoff=0.5)
    if not near:
        return "; read the file again"
    at = lines.index(near[0])
    excerpt = "\n".join(lines[max(at - 1, 0) : at + len(wanted) + 1])
    return f". The nearest text is, at line {at + 1}:\n{excerpt[:1500]}"
