"""The index of names says what a search through all files would say."""

from __future__ import annotations

import random

from l2mac.memory.names import Names
from l2mac.memory.paths import folded

PARTS = ("a", "A", "b", "é", "e\u0301", "c.py", "C.py", "Straße", "STRASSE")


def searched(path: str, files: list[str]) -> bool | None:
    """True where a file stands where a folder must be, False where a name differs only nearly, else None."""
    parts = path.split("/")
    for depth in range(1, len(parts) + 1):
        folder, name = "".join(f"{part}/" for part in parts[: depth - 1]), parts[depth - 1]
        beside = {it[len(folder) :].split("/")[0] for it in files if it.startswith(folder)}
        if any(it.startswith(f"{folder}{name}/") for it in files):
            continue
        if name in beside:
            return True
        if folded(name) in map(folded, beside):
            return False
    return None


def test_a_clash_is_found_exactly_where_a_search_finds_one():
    chance = random.Random(9)
    seen = set()
    for _ in range(400):
        names, files = Names(), []
        for _ in range(chance.randrange(8)):
            path = "/".join(chance.choices(PARTS, k=chance.randint(1, 3)))
            found, expected = names.clash(path), searched(path, files)
            if path in files or names.folder(path):
                continue
            seen.add(expected)
            assert (found[1] if found[0] else None) == expected, (path, files)
            assert not found[0] or found[0] in files
            if expected is None:
                before, names, files = names, names.and_also([path]), [*files, path]
                assert before.clash(path) == ("", False), "and_also changes nothing"
        assert {name for name in PARTS if names.folder(name)} == {it.split("/")[0] for it in files if "/" in it}
    assert seen == {None, True, False}
