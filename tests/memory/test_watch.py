"""The look for the user's edits asks git only where something was heard, and overhears nothing."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from l2mac.memory import watch as watching
from l2mac.memory.snapshot import Snapshot
from l2mac.memory.watch import Watch
from tests.memory.test_workspace import retire, user_commits

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what changes in a folder")

TRUNK = {"a": "1", "d/b": "1", "d/e/c": "1"}


@pytest.fixture
def looked_at(workspace):
    """A workspace at whose files the machine has looked, and the calls of git since then."""
    commit = retire(workspace, TRUNK)
    assert not workspace.edits(Snapshot(TRUNK), commit).change
    asked, run = [], workspace.git.run

    def spy(*arguments, **options):
        asked.append(arguments)
        return run(*arguments, **options)

    workspace.git.run = spy
    return workspace, commit, asked


def replaced(place: Path) -> None:
    place.with_name("other").write_text("2")
    place.with_name("other").replace(place)


def kept_time(place: Path) -> None:
    before = place.stat()
    place.write_text("2")
    os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))


EDITS = {
    "written in place": (lambda at: (at / "d/b").write_text("2"), {"d/b": "2"}),
    "of the same size and time": (lambda at: kept_time(at / "a"), {"a": "2"}),
    "replaced": (lambda at: replaced(at / "d/e/c"), {"d/e/c": "2"}),
    "deleted": (lambda at: (at / "d/e/c").unlink(), {"d/e/c": None}),
    "made": (lambda at: (at / "d/new").write_text("x"), {"d/new": "x"}),
    "made in a new folder": (
        lambda at: ((at / "n/m").mkdir(parents=True), (at / "n/m/x").write_text("x")),
        {"n/m/x": "x"},
    ),
    "a folder is renamed": (lambda at: (at / "d/e").rename(at / "f"), {"d/e/c": None, "f/c": "1"}),
    "a folder is deleted": (lambda at: shutil.rmtree(at / "d"), {"d/b": None, "d/e/c": None}),
    "linked": (lambda at: ((at / "a").unlink(), (at / "a").symlink_to("d/b")), {"a": None}),
}


@pytest.mark.parametrize(("edit", "found"), EDITS.values(), ids=EDITS)
@pytest.mark.parametrize("committed", [False, True])
def test_an_edit_between_two_looks_is_found(looked_at, edit, found, committed):
    workspace, commit, _ = looked_at
    assert not workspace.edits(Snapshot(TRUNK), commit).change
    edit(workspace.path)
    if committed:
        user_commits(workspace)
    assert workspace.edits(Snapshot(TRUNK), commit).change == found


def test_git_is_not_asked_where_nothing_happened_but_what_the_machine_does_itself(looked_at):
    workspace, commit, asked = looked_at
    trunk = Snapshot(TRUNK)
    for number in range(3):
        change = {f"m{number}": "x", f"new/{number}/x": "y", "a": None if number else "2"}
        workspace.lay(change, trunk)
        trunk, commit = trunk.apply(change), workspace.git.commit(change, commit, "T", 10**9, "main")
        asked.clear()
        assert workspace.edits(trunk, commit) == type(workspace.edits(trunk, commit))({}, frozenset(), commit, ())
        assert asked == []
    (workspace.path / "swap").touch()
    (workspace.path / "swap").unlink()
    assert not workspace.edits(trunk, commit).change
    assert asked == [], "a file that came and went is no edit"


def test_a_commit_of_the_users_is_seen_although_no_file_changes(looked_at):
    workspace, commit, asked = looked_at
    (workspace.path / "a").write_text("2")
    user_commits(workspace)
    found = workspace.edits(Snapshot({**TRUNK, "a": "2"}), commit)
    assert (found.change, found.head != commit) == ({}, True)
    assert asked


def test_a_binary_file_and_an_ignored_one_are_no_edits(looked_at):
    workspace, commit, _ = looked_at
    (workspace.path / "logo.png").write_bytes(b"\xff\0")
    (workspace.path / "__pycache__").mkdir()
    (workspace.path / "__pycache__" / "x.pyc").write_bytes(b"x")
    found = workspace.edits(Snapshot(TRUNK), commit)
    assert (found.change, found.kept) == ({}, {"logo.png"})


# ---- the watch itself


def listening(folder: Path, aside: frozenset[str] = frozenset()) -> Watch:
    watch = Watch(folder, aside)
    watch.begin()
    return watch


def test_what_happens_is_heard_once_and_what_lies_aside_never(tmp_path):
    (tmp_path / "machine").mkdir()
    watch = listening(tmp_path, frozenset({"machine"}))
    assert watch.heard() == set()
    (tmp_path / "machine" / "x").touch()
    (tmp_path / "é").touch()
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/c").touch()
    assert watch.heard() == {"é", "a/b/c"}
    (tmp_path / "a/b/c").write_text("more")
    assert watch.heard() == {"a/b/c"}
    assert watch.heard() == set()


def test_whoever_does_not_listen_knows_nothing(tmp_path):
    assert Watch(tmp_path, frozenset()).heard() is None


@pytest.mark.parametrize("what", ["moved", "too much", "another disk", "nowhere"])
def test_what_can_not_be_followed_is_not_known(tmp_path, monkeypatch, what):
    (tmp_path / "w" / "x").mkdir(parents=True)
    if what == "another disk":
        monkeypatch.setattr(watching, "_local", lambda folder: False)
    watch = listening(tmp_path / ("away" if what == "nowhere" else "w"))
    monkeypatch.setattr(watching, "_MOST", 3)
    if what == "moved":
        (tmp_path / "w" / "x").rename(tmp_path / "w" / "y")
    elif what == "too much":
        (tmp_path / "w/a/b/c/d").mkdir(parents=True)
    assert watch.heard() is None
    assert watch.heard() is None
