"""The tools that read and change the file store."""

from __future__ import annotations

import difflib
import fnmatch
import io
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import regex

from ..errors import Fault
from ..memory.snapshot import Transaction
from .instruction_set import Argument, Effect

_SEARCH_SECONDS = 2.0  # for all files together: a pattern written by a model may backtrack for ever
_LONGEST_PATTERN = 1_000  # characters: compiling takes time too
_LONGEST_LINE = 400  # characters shown of one line of a search
_BARE = re.compile(r"(?<!\r)\n")
_COMPARED = 2_000  # lines among which the one nearest to a text not found is looked for


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
        lines = [f"({len(paths):,} files, too many to name; by folder)", *_folders(paths)]
    return Effect(_bounded("ok", lines, bench.room, "narrow it with glob"))


def read_files(bench: Bench, requests: list[FileRange]) -> Effect:
    """Read files, whole or from line start to line end (1-based, inclusive)."""
    if not requests:
        raise Fault("requests is empty; name at least one path")
    texts = [bench.transaction.read(request.path) for request in requests]
    shown = ["ok"]
    room = bench.room
    for request, text in zip(requests, texts, strict=True):
        if room < _LONGEST_LINE and shown[1:]:
            shown.append(f"[no room for {request.path} and what was asked for after it; ask for it again]")
            break
        shown.append(_excerpt(text, request, room))
        room -= len(shown[-1])
    return Effect("\n".join(shown))


def search_files(bench: Bench, pattern: str, glob: str | None = None) -> Effect:
    """Search all files, or those that match glob, for a regular expression; shows path:line: text."""
    expression = _expression(pattern)
    files = bench.transaction.files
    chosen = [(path, files[path]) for path in sorted(files) if glob is None or _matches(path, glob)]
    shown, room = ["ok"], bench.room
    try:
        for hit in _hits(expression, chosen):
            room -= len(hit) + 1
            if room < 0:
                shown.append("[there are more; narrow the pattern or the glob]")
                break
            shown.append(hit)
    except (TimeoutError, MemoryError, RecursionError):
        raise Fault(f"searching for {pattern[:80]!r} took too long; use a simpler pattern") from None
    return Effect("\n".join(shown if shown[1:] else ["ok", "(nothing found)"]))


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
    ended = _line_ends(text)
    for number, edit in enumerate(edits, 1):
        find = ended(edit.find)
        if wrong := _ambiguity(text, find):
            raise Fault(f"edit {number}: find {wrong} {path}; nothing was changed{_nearest(text, find)}")
        text = text.replace(find, ended(edit.replace))
    return _together(bench, [(path, text)])


def delete_files(bench: Bench, paths: list[str]) -> Effect:
    """Delete files."""
    if not paths:
        raise Fault("paths is empty; name at least one file")
    return _together(bench, [(path, None) for path in paths])


def _together(bench: Bench, changes: list[tuple[str, str | None]]) -> Effect:
    """Make all changes or, where one faults, none."""
    trial = Transaction(bench.transaction.snapshot)
    done: set[str] = set()
    for wanted, text in changes:
        path = trial.delete(wanted) if text is None else trial.write(wanted, text)
        if path in done:
            raise Fault(f"{path} is named twice in one call, so nothing was changed; give each path once")
        done.add(path)
    bench.transaction.adopt(trial.change)
    text = "ok" if trial.change else "ok\nnothing was changed: that is already what the files hold"
    return Effect(text, changed=frozenset(trial.change))


def _matches(path: str, glob: str) -> bool:
    """Whether a glob names a path: `**/` is any number of folders, `*` crosses them too."""
    # With every slash doubled, `/*/` stands for no folder in between as well as for many.
    doubled = f"/{glob.removeprefix('./')}".replace("/", "//").replace("//**//", "/*/")
    return fnmatch.fnmatchcase("//" + path.replace("/", "//"), doubled)


def _lines(text: str) -> str:
    return _many(text.count("\n") + (not text.endswith("\n") and bool(text)), "line")


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _folders(paths: Iterable[str]) -> list[str]:
    """A listing too long to show, as the number of files in each folder."""
    counts = Counter(path.rsplit("/", 1)[0] + "/" if "/" in path else "./" for path in paths)
    return [f"{folder} ({_many(count, 'file')})" for folder, count in sorted(counts.items())]


def _excerpt(text: str, request: FileRange, room: int) -> str:
    """The lines asked for, as far as there is room, under a line that says which they are."""
    lines = list(io.StringIO(text))  # ends lines at \n alone, as editors and compilers count them
    first = max(request.start or 1, 1)
    last = len(lines) if request.end is None else min(request.end, len(lines))
    if first > last and (lines or request.start or request.end):
        raise Fault(f"{request.path} has {_lines(text)}; there is no line {first} to {request.end or first}")
    end, size = first - 1, 0
    while end < last and (size + len(lines[end]) <= room or end < first):
        size += len(lines[end])
        end += 1
    part = "".join(lines[first - 1 : end]).removesuffix("\n")
    if len(part) > room:
        part = f"{part[:room]}\n[the rest of this line, {len(part) - room:,} characters, is not shown]"
    whole = first == 1 and end == len(lines)
    where = _lines(text) if whole else f"lines {first}-{end} of {len(lines)}"
    more = f"[cut for length; read on from line {end + 1}]" if end < last else ""
    return "\n".join(filter(None, (f"--- {request.path} ({where})", part, more)))


def _expression(pattern: str) -> regex.Pattern[str]:
    if len(pattern) > _LONGEST_PATTERN:
        raise Fault(
            f"the pattern has {len(pattern):,} characters, and {_LONGEST_PATTERN:,} are allowed; use a part of it"
        )
    try:
        return regex.compile(pattern, regex.MULTILINE)
    except (regex.error, ValueError, OverflowError, RecursionError, MemoryError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise Fault(f"{pattern[:80]!r} is not a valid regular expression: {reason}") from None


def _hits(expression: regex.Pattern[str], files: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Every line that holds a match, once, as `path:line: text`."""
    until = time.monotonic() + _SEARCH_SECONDS
    for path, text in files:
        number, at = 1, 0
        while at < len(text):
            left = max(until - time.monotonic(), 0.001)
            match = expression.search(text, at, timeout=left)
            if not match or (match.start() == len(text) and text.endswith("\n")):
                break
            number += text.count("\n", at, match.start())
            begin = text.rfind("\n", at, match.start()) + 1 or at
            end = text.find("\n", match.start())
            end = len(text) if end < 0 else end
            yield f"{path}:{number}: {_around(text, begin, match.start(), end)}"
            number, at = number + 1, end + 1


def _around(text: str, begin: int, at: int, end: int) -> str:
    """A line of a text; of a long one, the part around the match."""
    if end - begin <= _LONGEST_LINE:
        return text[begin:end].rstrip("\r")
    left = max(begin, min(at - _LONGEST_LINE // 4, end - _LONGEST_LINE))
    right = min(left + _LONGEST_LINE, end)
    return f"{'…' if left > begin else ''}{text[left:right]}{'…' if right < end else ''}"


def _bounded(head: str, lines: list[str], room: int, advice: str) -> str:
    """As many lines as there is room for, and how many were left out."""
    shown: list[str] = []
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            return "\n".join([head, *shown, f"[{len(lines) - len(shown):,} more lines; {advice}]"])
        shown.append(line)
    return "\n".join([head, *shown])


def _line_ends(text: str) -> Callable[[str], str]:
    """What makes the lines of an edit end as those of the file do: models write \\n where it has \\r\\n throughout."""
    windows = "\r\n" in text and not _BARE.search(text)
    return (lambda part: _BARE.sub("\r\n", part)) if windows else str


def _ambiguity(text: str, find: str) -> str:
    """What stands against replacing a text; nothing where it occurs exactly once."""
    first = text.find(find)
    if not find or first < 0:
        return "does not occur in" if find else "is empty: copy what is to be replaced in"
    return "occurs more than once in" if first != text.rfind(find) else ""


def _nearest(text: str, find: str) -> str:
    """What the file holds that looks most like the text that was not found."""
    wanted = [line.strip()[:_LONGEST_LINE] for line in find.split("\n") if line.strip()]
    if not wanted:
        return ""
    if find in text:
        return "; add lines around it until it is unique"
    lines = text.split("\n")
    bare = [line[:_LONGEST_LINE].strip() for line in lines]
    near = [wanted[0]] if wanted[0] in bare else difflib.get_close_matches(wanted[0], bare[:_COMPARED], 1, cutoff=0.5)
    if not near:
        return "; read the file again"
    at = bare.index(near[0])
    excerpt = "\n".join(lines[max(at - 1, 0) : at + len(wanted) + 1])
    return f". The nearest text is, around line {at + 1}:\n{excerpt[:1500]}"
