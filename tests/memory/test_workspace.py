"""The workspace takes what is retired and never costs the user a byte of theirs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from l2mac.errors import UsageError
from l2mac.memory.snapshot import Snapshot
from l2mac.memory.workspace import Workspace

TEXTS = {"crlf": "a\r\nb", "bom": "\ufeffx\n", "empty": "", "nul": "a\0b", "deep/er/x.py": "  \t\n\n", "ü": "é\u2028"}


def edits(workspace, trunk, commit):
    """What the user changed, and which files are no text."""
    found = workspace.edits(trunk, commit)
    return found.change, found.kept


def retire(workspace: Workspace, change: dict, before: dict | None = None) -> str:
    workspace.lay(change, before or {})
    return workspace.git.commit(change, workspace.git.head(), "Title", 10**9, "main")


def user_commits(workspace: Workspace) -> None:
    identity = ["-c", "user.name=User", "-c", "user.email=user@example.com"]
    subprocess.run(["git", "add", "-A"], cwd=workspace.path, check=True)
    subprocess.run(["git", *identity, "commit", "-qm", "theirs"], cwd=workspace.path, check=True)


def on_disk(workspace: Workspace) -> dict[str, bytes]:
    machine = (".git", ".l2mac")
    files = (path for path in workspace.path.rglob("*") if path.is_file())
    named = ((path.relative_to(workspace.path), path) for path in files)
    return {name.as_posix(): path.read_bytes() for name, path in named if name.parts[0] not in machine}


# ---- laying out


def test_what_is_laid_out_is_on_disk_to_the_byte_and_laying_it_again_changes_nothing(workspace):
    workspace.lay(TEXTS, {})
    assert on_disk(workspace) == {path: text.encode() for path, text in TEXTS.items()}
    before = {path: path.lstat() for path in workspace.path.rglob("*")}
    workspace.lay(TEXTS, {})
    assert {path: path.lstat() for path in workspace.path.rglob("*")} == before


@pytest.mark.parametrize("path", TEXTS)
def test_every_text_can_be_replaced_and_deleted(workspace, path):
    workspace.lay(TEXTS, {})
    workspace.lay({path: "new"}, TEXTS)
    assert on_disk(workspace)[path] == b"new"
    workspace.lay({path: None}, TEXTS | {path: "new"})
    assert path not in on_disk(workspace)


def test_folders_that_become_empty_go_and_others_stay(workspace):
    before = {"a/b/c": "1", "d/e": "1"}
    workspace.lay(before, {})
    (workspace.path / "d" / "theirs").touch()
    workspace.lay({"a/b/c": None, "d/e": None}, before)
    assert on_disk(workspace) == {"d/theirs": b""}
    assert not (workspace.path / "a").exists()


@pytest.mark.parametrize(
    ("before", "change"),
    [
        ({"a": "1"}, {"a": None, "a/b": "2"}),
        ({"a/b": "1", "a/c/d": "1"}, {"a": "2", "a/b": None, "a/c/d": None}),
    ],
)
@pytest.mark.parametrize("done", [0, 1, 2, 3])
def test_a_file_becomes_a_folder_or_the_reverse_also_when_a_crash_came_in_the_middle(workspace, before, change, done):
    workspace.lay(before, {})
    gone = [path for path, text in change.items() if text is None]
    for path in gone[:done]:
        (workspace.path / path).unlink()
    workspace.lay(change, before)
    assert on_disk(workspace) == {path: text.encode() for path, text in change.items() if text is not None}


KILLED = """
import os, sys
from pathlib import Path
from l2mac.memory.workspace import Workspace

def die(event, arguments):
    if event == "os.rename":
        os._exit(9)

workspace = Workspace(Path(sys.argv[1]))
sys.addaudithook(die)
workspace.lay({"a": "new" * 10_000}, {"a": "old"})
"""


def test_a_crash_before_the_rename_leaves_the_old_file_and_is_caught_up(workspace):
    workspace.lay({"a": "old"}, {})
    done = subprocess.run([sys.executable, "-c", KILLED, str(workspace.path)], check=False)
    assert done.returncode == 9
    assert on_disk(workspace) == {"a": b"old"}
    assert workspace.git.paths() == ["a"]  # the half of the new one is nobody's file
    workspace.lay({"a": "new" * 10_000}, {"a": "old"})
    assert on_disk(workspace) == {"a": b"new" * 10_000}


def test_permissions_of_a_file_outlast_its_text(workspace):
    workspace.lay({"run.sh": "1"}, {})
    (workspace.path / "run.sh").chmod(0o750)
    workspace.lay({"run.sh": "2"}, {"run.sh": "1"})
    assert (workspace.path / "run.sh").stat().st_mode & 0o777 == 0o750


# ---- what is the user's


@pytest.mark.parametrize("new", ["new", None])
@pytest.mark.parametrize("old", ["old", None])
@pytest.mark.parametrize("theirs", [b"theirs", b"\xff\0", b""])
def test_a_file_that_holds_neither_the_old_nor_the_new_text_is_left_alone(workspace, theirs, old, new):
    (workspace.path / "a").write_bytes(theirs)
    workspace.lay({"a": new, "b": "ours"}, {} if old is None else {"a": old})
    assert on_disk(workspace) == {"a": theirs, "b": b"ours"}


def test_a_file_that_the_user_deleted_is_not_written_again(workspace):
    workspace.lay({"a": "new"}, {"a": "old"})
    assert on_disk(workspace) == {}


@pytest.mark.parametrize("path", ["link", "folder/x", "deep/folder/x"])
@pytest.mark.parametrize("text", ["new", None])
def test_nothing_is_written_or_deleted_through_a_link(workspace, tmp_path, path, text):
    away = tmp_path / "away"
    away.mkdir()
    (away / "x").write_text("old")
    (workspace.path / "link").symlink_to(away / "x")
    (workspace.path / "deep").mkdir()
    for folder in ("folder", "deep/folder"):
        (workspace.path / folder).symlink_to(away)
    workspace.lay({path: text, f"{path}y": "new"}, {path: "old"})
    assert (away / "x").read_text() == "old"
    assert [file.name for file in away.iterdir()] == ["x"]


def test_what_the_user_put_in_the_way_of_a_folder_or_file_stays_and_is_found_as_an_edit(workspace):
    retire(workspace, {"x": "1"})
    (workspace.path / "pkg").write_text("theirs")
    (workspace.path / "mod").mkdir()
    (workspace.path / "mod" / "theirs").write_text("theirs")
    commit = retire(workspace, {"pkg/a": "1", "mod": "1"})
    trunk = Snapshot({"x": "1", "pkg/a": "1", "mod": "1"})
    change, _ = edits(workspace, trunk, commit)
    assert change == {"pkg/a": None, "pkg": "theirs", "mod": None, "mod/theirs": "theirs"}


def test_a_pipe_in_place_of_a_file_is_neither_read_nor_replaced(workspace):
    commit = retire(workspace, {"a": "1"})
    (workspace.path / "a").unlink()
    os.mkfifo(workspace.path / "a")
    workspace.lay({"a": "2"}, {"a": "1"})
    assert (workspace.path / "a").is_fifo()
    assert edits(workspace, Snapshot({"a": "1"}), commit)[0] == {"a": None}


# ---- reading and finding edits


BINARY = {"logo.png": b"\x89PNG\xff\xfe", "nul.bin": b"text \0 text", "latin.txt": "é".encode("latin-1")}


def test_files_that_are_no_text_are_listed_and_stay_to_the_byte(workspace):
    for name, data in BINARY.items():
        (workspace.path / name).write_bytes(data)
    (workspace.path / "link").symlink_to("a.txt")
    (workspace.path / "a.txt").write_bytes(b"text\r\n")
    subprocess.run(["git", "init", "-q", "nested"], cwd=workspace.path, check=True)
    (workspace.path / "nested" / "file").touch()
    snapshot = workspace.read()
    assert dict(snapshot) == {"a.txt": "text\r\n"}
    assert snapshot.kept == {*BINARY, "link", "nested"}
    retire(workspace, {"b.txt": "1"})
    assert {name: data for name, data in on_disk(workspace).items() if name in BINARY} == BINARY


def test_a_name_that_is_not_utf8_is_listed_and_its_file_stays(workspace):
    raw = os.fsencode(workspace.path) + b"/caf\xe9.txt"
    with open(raw, "wb") as handle:  # noqa: PTH123
        handle.write(b"text")
    snapshot = workspace.read()
    assert (dict(snapshot), snapshot.kept) == ({}, {"caf\\xe9.txt"})
    assert edits(workspace, Snapshot(), "") == ({}, {"caf\\xe9.txt"})
    commit = retire(workspace, {"a": "1"})
    assert edits(workspace, Snapshot({"a": "1"}, snapshot.kept), commit) == ({}, snapshot.kept)
    with open(raw, "rb") as handle:  # noqa: PTH123
        assert handle.read() == b"text"


def test_every_edit_of_the_users_is_found_whether_committed_or_not(workspace):
    trunk = Snapshot({"a": "1", "b": "1", "c": "1", "d/e": "1", "same": "1"})
    commit = retire(workspace, dict(trunk))
    (workspace.path / "a").write_text("committed")
    (workspace.path / "b").unlink()
    (workspace.path / "new é").write_text("x\r\n")
    user_commits(workspace)
    (workspace.path / "c").write_text("not committed")
    (workspace.path / "d" / "e").unlink()
    (workspace.path / "same").write_text("1")
    (workspace.path / "n").mkdir()
    (workspace.path / "n" / "w").write_bytes(b"\xff")
    change, kept = edits(workspace, trunk, commit)
    assert change == {"a": "committed", "b": None, "c": "not committed", "d/e": None, "new é": "x\r\n"}
    assert kept == {"n/w"}


def test_without_edits_nothing_is_found(workspace):
    commit = retire(workspace, TEXTS)
    assert edits(workspace, Snapshot(TEXTS), commit) == ({}, frozenset())


def test_an_edit_that_is_undone_is_none(workspace):
    commit = retire(workspace, {"a": "1"})
    (workspace.path / "a").write_text("2")
    user_commits(workspace)
    (workspace.path / "a").write_text("1")
    assert edits(workspace, Snapshot({"a": "1"}), commit)[0] == {}


def test_text_becomes_binary_and_binary_becomes_text_or_goes(workspace):
    for name in ("one.bin", "two.bin", "three.bin"):
        (workspace.path / name).write_bytes(b"\xff")
    user_commits(workspace)
    commit = retire(workspace, {"a": "1"})
    (workspace.path / "a").write_bytes(b"\0")
    (workspace.path / "one.bin").write_text("now text")
    (workspace.path / "two.bin").unlink()
    trunk = Snapshot({"a": "1"}, frozenset({"one.bin", "two.bin", "three.bin"}))
    change, kept = edits(workspace, trunk, commit)
    assert change == {"a": None, "one.bin": "now text"}
    assert kept == {"a", "three.bin"}


def test_ignored_files_are_the_users_alone(workspace):
    (workspace.path / "lib").mkdir()
    for name in (".env", "lib/x.pyc", "debug.log", ".l2mac/x"):
        (workspace.path / name).write_text("secret")
    (workspace.path / ".gitignore").write_text(".env\n*.log\n")
    assert set(workspace.read()) == {".gitignore"}
    change, kept = edits(workspace, Snapshot(), "")
    assert (set(change), kept) == ({".gitignore"}, frozenset())


def test_nothing_is_read_through_a_folder_that_became_a_link(workspace, tmp_path):
    commit = retire(workspace, {"d/a": "1"})
    (tmp_path / "away").mkdir()
    (tmp_path / "away" / "a").write_text("secret")
    (workspace.path / "d" / "a").unlink()
    (workspace.path / "d").rmdir()
    (workspace.path / "d").symlink_to(tmp_path / "away")
    assert edits(workspace, Snapshot({"d/a": "1"}), commit) == ({"d/a": None}, {"d"})


# ---- what goes wrong


DENIED = """
import sys
from l2mac.errors import UsageError
from l2mac.memory.workspace import Workspace
workspace = Workspace(Path(sys.argv[1]))
try:
    {}
except UsageError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("shut", "act", "said"),
    [
        (
            "d",
            "workspace.lay({'d/b': '1'}, {})",
            "d/b can't be written (Permission denied); mend that and `l2mac resume",
        ),
        ("d", "workspace.lay({'d/a': None}, {'d/a': '1'})", "d/a can't be written (Permission denied)"),
        ("d/a", "workspace.read()", "d/a can't be read (Permission denied); mend its permissions"),
        ("d/a", "workspace.lay({'d/a': '2'}, {'d/a': '1'})", "d/a can't be written (Permission denied)"),
        (".git/info/exclude", "workspace.create()", "can't be written (Permission denied); choose another folder"),
    ],
)
def test_what_permissions_forbid_is_one_clear_line(workspace, unprivileged, shut, act, said):
    workspace.lay({"d/a": "1"}, {})
    place = workspace.path / shut
    place.chmod(0o555 if place.is_dir() else 0)
    try:
        told = unprivileged(DENIED.format(act), workspace.path)
    finally:
        place.chmod(0o755)
    assert said in told
    assert told.count("\n") == 1
    assert on_disk(workspace) == {"d/a": b"1"}


def test_a_folder_that_can_not_be_made_is_one_clear_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="choose another folder with --out"):
        Workspace(tmp_path / "file" / "run").create()
