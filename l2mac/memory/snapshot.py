"""The file store: immutable snapshots, and transactions over them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..errors import Fault
from .paths import confined, folded

Change = Mapping[str, str | None]
"""Path to its new text, or to None where the file is deleted."""


class Snapshot(Mapping[str, str]):
    """The text files at one moment, by path. Never changes; `apply` makes the next one.

    Args:
        files: path to text.
        kept: paths that exist but are no text: listed, never shown, never touched.
    """

    __slots__ = ("_files", "kept")

    def __init__(self, files: Mapping[str, str] | None = None, kept: frozenset[str] = frozenset()) -> None:
        self._files = dict(files or {})
        self.kept = kept

    def __getitem__(self, path: str) -> str:
        return self._files[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def __contains__(self, path: object) -> bool:
        return path in self._files

    def apply(self, change: Change) -> Snapshot:
        """Return the snapshot in which the change has been made."""
        files = {path: text for path, text in self._files.items() if path not in change}
        files.update((path, text) for path, text in change.items() if text is not None)
        return Snapshot(files, self.kept)


class Transaction:
    """The changes of one instruction, on top of the snapshot it began with.

    Every method takes paths as the model wrote them and faults where the store refuses them.
    """

    def __init__(self, base: Snapshot) -> None:
        self.base = base
        self.change: dict[str, str | None] = {}
        self.reads: set[str] = set()
        self._files: dict[str, str] = dict(base)

    @property
    def files(self) -> Mapping[str, str]:
        """The text files as they are now."""
        return self._files

    @property
    def snapshot(self) -> Snapshot:
        """The files as they are now, as a value of their own."""
        return Snapshot(self._files, self.base.kept)

    def read(self, path: str) -> str:
        """Return the text of a file."""
        path = confined(path)
        if path in self.base.kept:
            raise Fault(f"{path} is not text and can't be shown")
        if path not in self._files:
            raise Fault(f"there is no file {path}; list_files shows what there is")
        self.reads.add(path)
        return self._files[path]

    def write(self, path: str, text: str) -> str:
        """Create or replace a file, byte for byte; return its canonical path."""
        path = self._free(confined(path))
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise Fault(f"the content of {path} has half a surrogate pair at {error.start}; write valid text") from None
        self._set(path, text)
        return path

    def delete(self, path: str) -> str:
        """Remove a file; return its canonical path."""
        path = confined(path)
        if path in self.base.kept:
            raise Fault(f"{path} is not text, so it is kept as it is")
        if path not in self._files:
            raise Fault(f"there is no file {path}, so nothing was deleted")
        self._set(path, None)
        return path

    def adopt(self, change: Change) -> None:
        """Take in what a command left in the lane."""
        for path, text in change.items():
            self._set(path, text)

    def _set(self, path: str, text: str | None) -> None:
        if text is None:
            self._files.pop(path, None)
        else:
            self._files[path] = text
        if self.base.get(path) == text:
            self.change.pop(path, None)
        else:
            self.change[path] = text

    def _free(self, path: str) -> str:
        """Fault unless a file may stand at this path."""
        if path in self._files:
            return path
        if path in self.base.kept:
            raise Fault(f"{path} exists and is not text, so it is kept as it is; choose another name")
        existing = [*self._files, *self.base.kept]
        if any(other.startswith(f"{path}/") for other in existing):
            raise Fault(f"{path} can't be written: it is a folder")
        folders = [path[: at + 1] for at, character in enumerate(path) if character == "/"]
        known = [folder for folder in folders if any(other.startswith(folder) for other in existing)]
        deepest = len(known[-1]) if known else 0
        name = path[deepest:].split("/", 1)[0]
        for other in existing:
            if other.startswith(path[:deepest]):
                self._compare(path, name, other, other[deepest:].split("/", 1)[0])
        return path

    @staticmethod
    def _compare(path: str, name: str, other: str, existing: str) -> None:
        """Fault if a new name is one with an existing one beside it, or looks so to many systems."""
        if name == existing:
            raise Fault(f"{path} can't be written: {other} is a file, not a folder")
        if folded(name) == folded(existing):
            raise Fault(
                f"{path} differs from {other} only in case or in how its letters are composed, which many systems "
                "can't hold; choose another name"
            )
