"""The file store: immutable snapshots, and transactions over them."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from typing import Any

from ..errors import Fault
from .names import Names
from .paths import confined

Change = Mapping[str, str | None]
"""Path to its new text, or to None where the file is deleted."""


class Snapshot(Mapping[str, str]):
    """The text files at one moment, by path. Never changes; `apply` makes the next one.

    Args:
        files: path to text.
        kept: paths that exist but are no text: listed, never shown, never touched.
    """

    __slots__ = ("_files", "_names", "kept")

    def __init__(self, files: Mapping[str, str] | None = None, kept: frozenset[str] = frozenset()) -> None:
        self._files: dict[str, str] = dict(files._files if isinstance(files, Snapshot) else files or {})
        self._names: Names | None = None
        self.kept = kept

    @property
    def names(self) -> Names:
        """The names in its folders."""
        self._names = self._names or Names((*self._files, *self.kept))
        return self._names

    def __getitem__(self, path: str) -> str:
        return self._files[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def __contains__(self, path: object) -> bool:
        return path in self._files

    # What `Mapping` gives, several times as fast.
    def get(self, path: str, default: Any = None) -> Any:
        return self._files.get(path, default)

    def keys(self) -> KeysView[str]:
        return self._files.keys()

    def values(self) -> ValuesView[str]:
        return self._files.values()

    def items(self) -> ItemsView[str, str]:
        return self._files.items()

    def apply(self, change: Change) -> Snapshot:
        """Return the snapshot in which the change has been made."""
        made = Snapshot(self, self.kept)
        for path in change:
            made._files.pop(path, None)
        made._files.update((path, text) for path, text in change.items() if text is not None)
        if self._names and None not in change.values():
            made._names = self._names.and_also(change)
        return made


class Transaction:
    """The changes of one instruction, on top of the snapshot it began with.

    Every method takes paths as the model wrote them and faults where the store refuses them.
    """

    def __init__(self, base: Snapshot) -> None:
        self.base = base
        self.change: dict[str, str | None] = {}
        self.reads: set[str] = set()
        self._files: dict[str, str] = dict(base._files)
        self._names = base.names

    @property
    def files(self) -> Mapping[str, str]:
        """The text files as they are now."""
        return self._files

    @property
    def snapshot(self) -> Snapshot:
        """The files as they are now, as a value of their own."""
        made = Snapshot(self._files, self.base.kept)
        made._names = self._names
        return made

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
            self._names = Names((*self._files, *self.base.kept))
        else:
            self._names = self._names if path in self._files else self._names.and_also([path])
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
        if self._names.folder(path):
            raise Fault(f"{path} can't be written: it is a folder")
        other, same = self._names.clash(path)
        if other and same:
            raise Fault(f"{path} can't be written: {other} is a file, not a folder")
        if other:
            raise Fault(
                f"{path} differs from {other} only in case or in how its letters are composed, which many systems "
                "can't hold; choose another name"
            )
        return path
