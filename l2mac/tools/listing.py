"""The project's files as a list or, where there are too many to name, as a tree that opens where there is room."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


def listed(files: Mapping[str, str], kept: Iterable[str], room: int) -> str:
    """Every path with its number of lines; of too many, the folders with what is below them.

    Args:
        files: path to text.
        kept: paths of files that are no text.
        room: characters that the result may have.
    """
    lines = {path: length(text) for path, text in files.items()} | dict.fromkeys(kept, -1)
    if sum(map(len, lines)) + 10 * len(lines) <= 2 * room:  # may fit
        shown = "\n".join(_file(path, lines[path]) for path in sorted(lines))
        if len(shown) <= room:
            return shown
    return _tree(lines, room)


def length(text: str) -> int:
    """How many lines a text has."""
    return text.count("\n") + (not text.endswith("\n") and bool(text))


def many(count: int, what: str) -> str:
    """A number of things, in words."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


@dataclass(slots=True)
class _Folder:
    """A folder, and what is in it and below it."""

    path: str
    """With a slash at its end; the root's is empty."""
    folders: dict[str, _Folder] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    count: int = 0
    lines: int = 0

    @property
    def line(self) -> str:
        return f"{self.path} ({many(self.count, 'file')}, {many(self.lines, 'line')})"


def _tree(lines: Mapping[str, int], room: int) -> str:
    """Folders, opened level by level, those with the fewest entries first, as far as there is room."""
    root = _single(_folders(lines))
    example = max(root.folders.values(), key=lambda it: (it.count, it.path), default=None)
    hint = f", such as {example.path}**," if example else ""
    head = f"({many(root.count, 'file')}, {many(root.lines, 'line')}: too many to name; a glob{hint} narrows)"
    room -= len(head)
    shown = _inner(root, lines)
    if _size(shown) > room:
        return "\n".join([head, *_part(root, shown, room)])
    room -= _size(shown)
    level = [root]
    while level := sorted(map(_single, (it for folder in level for it in folder.folders.values())), key=_entries):
        opened = []
        for left, folder in enumerate(level):
            share = room // (len(level) - left)  # or one of many folders that are alike would have it all
            inner = _inner(folder, lines) if _entries(folder)[0] * len(folder.path) <= share else {}
            cost = _size(inner) - len(shown[folder.path]) - 1
            if inner and cost <= share:
                del shown[folder.path]
                shown |= inner
                room -= cost
                opened.append(folder)
        level = opened
    return "\n".join([head, *(shown[path] for path in sorted(shown))])


def _entries(folder: _Folder) -> tuple[int, str]:
    """How many lines opening a folder adds, to sort by."""
    return len(folder.folders) + len(folder.files), folder.path


def _size(shown: Mapping[str, str]) -> int:
    return sum(map(len, shown.values())) + len(shown)


def _folders(lines: Mapping[str, int]) -> _Folder:
    root = _Folder("")
    for path, count in lines.items():
        here, at = root, 0
        while True:
            here.count += 1
            here.lines += max(count, 0)
            end = path.find("/", at) + 1
            if not end:
                break
            if path[at:end] not in here.folders:
                here.folders[path[at:end]] = _Folder(path[:end])
            here, at = here.folders[path[at:end]], end
        here.files.append(path)
    return root


def _inner(folder: _Folder, lines: Mapping[str, int]) -> dict[str, str]:
    """What an open folder shows: its folders, closed, and its files."""
    inside = map(_single, folder.folders.values())
    return {it.path: it.line for it in inside} | {path: _file(path, lines[path]) for path in folder.files}


def _part(folder: _Folder, inner: Mapping[str, str], room: int) -> list[str]:
    """What is shown of a folder whose entries are too many: its folders before its files, and how many more."""
    shown: list[str] = []
    room -= 80  # for the last line
    ordered = [*sorted(path for path in inner if path.endswith("/")), *sorted(folder.files)]
    for path in ordered:
        room -= len(inner[path]) + 1
        if room < 0:
            break
        shown.append(inner[path])
    left = ordered[len(shown) :]
    folders = sum(path.endswith("/") for path in left)
    named = [many(folders, "folder")] if folders else []
    named += [many(len(left) - folders, "file")] if len(left) > folders else []
    return [*shown, f"[and {' and '.join(named)} more in {folder.path[-40:] or './'}]"]


def _single(folder: _Folder) -> _Folder:
    """A folder, or the one below it where it holds nothing else."""
    while len(folder.folders) == 1 and not folder.files:
        (folder,) = folder.folders.values()
    return folder


def _file(path: str, lines: int) -> str:
    # The number without separators, as for a file in a short list.
    return f"{path} (not text)" if lines < 0 else f"{path} ({lines} line{'' if lines == 1 else 's'})"
