"""The names in the folders of a tree: whether a new file can stand among them, on any system."""

from __future__ import annotations

from collections.abc import Iterable

from .paths import folded


class Names:
    """What stands in each folder. Never changes; `and_also` makes the next one, in a time that no tree makes longer.

    Args:
        paths: of files.
    """

    __slots__ = ("_folders",)

    def __init__(self, paths: Iterable[str] = ()) -> None:
        # folder -> what its names are to a system that is careless with them -> name -> a path that has it
        self._folders: dict[str, dict[str, dict[str, str]]] = {}
        self._add(paths)

    def and_also(self, paths: Iterable[str]) -> Names:
        """The names when there are further files."""
        made = Names()
        made._folders = dict(self._folders)
        made._add(paths)
        return made

    def folder(self, path: str) -> bool:
        """Whether a path is a folder's."""
        return f"{path}/" in self._folders

    def clash(self, path: str) -> tuple[str, bool]:
        """What a new file would clash with: a path, and whether it has the same name or only nearly; else nothing."""
        folder = ""
        for name in path.split("/"):
            alike = self._folders.get(folder, {}).get(folded(name), {})
            folder += f"{name}/"
            if alike and folder not in self._folders:
                return (alike[name], True) if name in alike else (next(iter(alike.values())), False)
        return "", False

    def _add(self, paths: Iterable[str]) -> None:
        own: set[str] = set()
        for path in paths:
            folder = ""
            for name in path.split("/"):
                if folder not in own:
                    self._folders[folder] = dict(self._folders.get(folder, {}))
                    own.add(folder)
                alike = self._folders[folder].get(folded(name), {})
                if name not in alike:
                    self._folders[folder][folded(name)] = {**alike, name: path}
                folder += f"{name}/"
