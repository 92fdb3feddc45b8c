"""The tools that read and change the file store."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from ..errors import Fault
from ..memory.snapshot import Transaction
from .instruction_set import Argument, Effect
from .listing import listed
from .reading import part, shown
from .searching import found

_LONGEST_LINE = 400  # characters of a line that is compared with a text not found
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
    pages: dict[str, str] = field(default_factory=dict)
    """What is no file and too long to be shown whole, by the path under which read_files shows it."""

    def text(self, path: str) -> str:
        """What read_files shows under a path."""
        if path.startswith(".l2mac/") and path not in self.pages:
            there = ", ".join(self.pages) or "nothing"
            raise Fault(f"{path} is not there now; what can be read besides files: {there}")
        return self.pages[path] if path in self.pages else self.transaction.read(path)


def list_files(bench: Bench, glob: str | None = None) -> Effect:
    """List the project's files with their line counts; glob (such as src/**/*.py) narrows the list."""
    chosen = _chosen(bench, glob)
    kept = [path for path in bench.transaction.base.kept if glob is None or matches(path, glob)]
    if not chosen and not kept:
        return Effect("ok\n(no files)" if glob is None else f"ok\n(no file matches {glob})")
    return Effect(f"ok\n{listed(dict(chosen), kept, bench.room)}")


def read_files(bench: Bench, requests: list[FileRange]) -> Effect:
    """Read files, whole or from line start to line end (1-based, inclusive)."""
    if not requests:
        raise Fault("requests is empty; name at least one path")
    parts = [part(it.path, bench.text(it.path), it.start, it.end) for it in requests]
    return Effect(f"ok\n{shown(parts, bench.room)}")


def search_files(bench: Bench, pattern: str, glob: str | None = None) -> Effect:
    """Search all files, or those that match glob, for a regular expression; shows path:line: text."""
    return Effect(f"ok\n{found(pattern, _chosen(bench, glob), bench.room)}")


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


def _chosen(bench: Bench, glob: str | None) -> list[tuple[str, str]]:
    """The text files that a glob names, or all of them, by path."""
    files = bench.transaction.files
    return [(path, files[path]) for path in sorted(files) if glob is None or matches(path, glob)]


def matches(path: str, glob: str) -> bool:
    """Whether a glob names a path: `**/` is any number of folders, `*` crosses them too."""
    # With every slash doubled, `/*/` stands for no folder in between as well as for many.
    doubled = f"/{glob.removeprefix('./')}".replace("/", "//").replace("//**//", "/*/")
    return fnmatch.fnmatchcase("//" + path.replace("/", "//"), doubled)


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
