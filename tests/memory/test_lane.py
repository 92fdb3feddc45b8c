"""A lane equals its transaction before every check, whatever ran in it before; little of what ran leaves it."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from l2mac.errors import UsageError
from l2mac.memory.lane import BIGGEST, MOST, Lane
from l2mac.memory.snapshot import Snapshot

FILES = Snapshot({"a.py": "1\r\n", "pkg/b.py": "2", "pkg/deep/c.txt": "\ufeff3\0"})


@pytest.fixture
def lane(tmp_path) -> Lane:
    """A lane in which FILES are laid out."""
    made = Lane(tmp_path / "lanes" / "0", ("__pycache__/", "*.pyc"))
    made.lay_out(FILES)
    return made


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def whole(files: Snapshot) -> dict[str, bytes]:
    return {path: text.encode() for path, text in files.items()}


def marks(lane: Lane) -> dict[str, tuple]:
    found = ((path, path.lstat()) for path in lane.folder.rglob("*") if path.is_file())
    return {path.relative_to(lane.folder).as_posix(): (it.st_ino, it.st_ctime_ns) for path, it in found}


# ---- laying out


def test_the_folder_holds_the_files_to_the_byte(lane):
    assert tree(lane.folder) == whole(FILES)
    assert [path.name for path in lane.folder.parent.iterdir()] == ["0"]


def test_only_what_differs_is_written(lane):
    before = marks(lane)
    lane.lay_out(FILES)
    assert marks(lane) == before
    lane.lay_out(FILES.apply({"a.py": "new"}))
    after = marks(lane)
    assert {path for path in before if after[path] != before[path]} == {"a.py"}
    Lane(lane.folder).lay_out(FILES.apply({"a.py": "new"}))  # the next process finds them as they are
    assert marks(lane) == after


def test_what_a_test_changed_is_restored_also_with_its_time_set_back_and_its_size_kept(lane):
    target = lane.folder / "a.py"
    status = target.stat()
    target.write_bytes(b"9\r\n")
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
    (lane.folder / "pkg" / "b.py").unlink()
    (lane.folder / "pkg" / "deep" / "c.txt").rename(lane.folder / "moved")
    lane.lay_out(FILES)
    assert tree(lane.folder) == whole(FILES)


def test_a_change_within_one_tick_of_the_clock_is_seen(lane):
    """As git's "racily clean" files: a change right after laying out may keep size, inode and change time."""
    _, text = lane._laid["a.py"]
    (lane.folder / "a.py").write_bytes(b"9\r\n")
    found = (lane.folder / "a.py").stat()
    lane._laid["a.py"] = ((found.st_size, found.st_ctime_ns, found.st_ino), text)  # what a coarse clock would show
    assert lane.harvest(FILES)[0] == {"a.py": "9\r\n"}
    lane.lay_out(FILES)
    assert tree(lane.folder) == whole(FILES)


def test_strangers_and_empty_folders_go_and_artefacts_stay(lane):
    for name in ("__pycache__/a.pyc", "pkg/__pycache__/b.pyc", "stranger.py", "new/folder/x", ".hidden"):
        (lane.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (lane.folder / name).write_bytes(b"x")
    (lane.folder / "empty" / "er").mkdir(parents=True)
    lane.lay_out(FILES)
    artefacts = {"__pycache__/a.pyc": b"x", "pkg/__pycache__/b.pyc": b"x"}
    assert tree(lane.folder) == whole(FILES) | artefacts
    assert sorted(path.name for path in lane.folder.iterdir()) == ["__pycache__", "a.py", "pkg"]


def test_what_the_projects_gitignore_names_stays_and_is_not_harvested(lane):
    files = FILES.apply({".gitignore": "*.log\n/build/\n!keep.log\n"})
    lane.lay_out(files)
    for name in ("x.log", "build/out.txt", "keep.log"):
        (lane.folder / name).parent.mkdir(exist_ok=True)
        (lane.folder / name).write_text("x")
    assert lane.harvest(files) == ({"keep.log": "x"}, [])
    lane.lay_out(files)
    assert set(tree(lane.folder)) == {*files, "x.log", "build/out.txt"}


@pytest.mark.parametrize("path", ["build/x.py", "__pycache__/x.py", "a/b/build/deep/x.log", "x.pyc"])
def test_a_file_of_the_project_is_one_also_where_a_pattern_names_it(lane, path):
    files = FILES.apply({".gitignore": "build/\n*.log\n", path: "1"})
    lane.lay_out(files)
    before = marks(lane)
    assert lane.harvest(files) == ({}, [])
    lane.lay_out(files)
    assert marks(lane) == before
    (lane.folder / path).write_text("2")
    assert lane.harvest(files) == ({path: "2"}, [])
    lane.lay_out(files)
    assert (lane.folder / path).read_text() == "1"


@pytest.mark.parametrize(
    "line", ["!", "/", "//", "***", "[", "[z-a]", "a\\", "\\", "!/", "**foo**", "[[:alpha:]", " ", "\x00"]
)
def test_a_gitignore_with_a_line_that_is_no_pattern_does_no_harm(lane, line):
    files = FILES.apply({".gitignore": f"{line}\n*.log\n"})
    lane.lay_out(files)
    (lane.folder / "x.log").touch()
    assert lane.harvest(files) == ({}, [])


@pytest.mark.parametrize(
    "after",
    [
        {"a.py": None, "a.py/x": "1"},
        {"pkg": "1", "pkg/b.py": None, "pkg/deep/c.txt": None},
        dict.fromkeys(FILES),
    ],
)
def test_files_become_folders_and_folders_files(lane, after):
    lane.lay_out(FILES.apply(after))
    assert tree(lane.folder) == whole(FILES.apply(after))
    lane.lay_out(FILES)
    assert tree(lane.folder) == whole(FILES)


def test_a_link_that_a_pattern_shelters_is_not_written_through(lane, tmp_path):
    files = FILES.apply({"x.pyc/a.py": "1"})
    (tmp_path / "away").mkdir()
    (lane.folder / "x.pyc").symlink_to(tmp_path / "away")
    lane.lay_out(files)
    assert list((tmp_path / "away").iterdir()) == []
    assert tree(lane.folder) == whole(files)


# ---- files that are no text


def test_files_that_are_no_text_are_copied_and_restored(lane, tmp_path):
    source = tmp_path / "trunk"
    (source / "img").mkdir(parents=True)
    (source / "img" / "logo.png").write_bytes(b"\xff\xfe")
    (source / "link").symlink_to("/etc/passwd")
    files = Snapshot(FILES, frozenset({"img/logo.png", "link", "gone"}))
    lane.lay_out(files, source)
    copied = whole(FILES) | {"img/logo.png": b"\xff\xfe"}
    assert tree(lane.folder) == copied
    before = marks(lane)
    lane.lay_out(files, source)
    assert marks(lane) == before
    (lane.folder / "img" / "logo.png").write_bytes(b"\xff\xff")  # as large as before
    assert lane.harvest(files) == ({}, [])
    lane.lay_out(files, source)
    assert tree(lane.folder) == copied
    (source / "img" / "logo.png").write_bytes(b"\xfe\xff")
    lane.lay_out(files, source)
    assert tree(lane.folder) == copied | {"img/logo.png": b"\xfe\xff"}
    assert (source / "img" / "logo.png").read_bytes() == b"\xfe\xff"


def test_a_folder_in_the_place_of_a_file_that_is_no_text_is_not_taken_in(lane, tmp_path):
    source = tmp_path / "trunk"
    source.mkdir()
    (source / "logo").write_bytes(b"\xff")
    files = Snapshot(FILES, frozenset({"logo"}))
    lane.lay_out(files, source)
    (lane.folder / "logo").unlink()
    (lane.folder / "logo").mkdir()
    (lane.folder / "logo" / "x").touch()
    change, refused = lane.harvest(files)
    assert change == {}
    assert refused == ["not kept: logo/x stands where a file must stay that is not text"]
    lane.lay_out(files, source)
    assert (lane.folder / "logo").read_bytes() == b"\xff"


# ---- what hostile code leaves


def plant_link_to_file(folder: Path, away: Path) -> None:
    (folder / "a.py").unlink()
    (folder / "a.py").symlink_to(away / "a.py")


def plant_link_to_folder(folder: Path, away: Path) -> None:
    subprocess.run(["rm", "-r", folder / "pkg"], check=True)
    (folder / "pkg").symlink_to(away)


def plant_dangling_link(folder: Path, away: Path) -> None:
    (folder / "a.py").unlink()
    (folder / "a.py").symlink_to(away / "new")


def plant_link_as_artefact(folder: Path, away: Path) -> None:
    (folder / "__pycache__").symlink_to(away)
    (folder / "pkg" / "__pycache__").symlink_to(away)


def plant_link_to_itself(folder: Path, away: Path) -> None:
    subprocess.run(["rm", "-r", folder / "pkg"], check=True)
    (folder / "pkg").symlink_to("pkg")


def plant_hard_link(folder: Path, away: Path) -> None:
    (folder / "a.py").unlink()
    os.link(away / "a.py", folder / "a.py")


def plant_pipe(folder: Path, away: Path) -> None:
    (folder / "a.py").unlink()
    os.mkfifo(folder / "a.py")
    os.mkfifo(folder / "stranger")


def plant_socket(folder: Path, away: Path) -> None:
    subprocess.run(["rm", "-r", folder / "pkg"], check=True)
    here = Path.cwd()
    os.chdir(folder)  # the path of a socket is at most 108 bytes long
    with socket.socket(socket.AF_UNIX) as left:
        left.bind("pkg")
    os.chdir(here)


def plant_folder(folder: Path, away: Path) -> None:
    (folder / "a.py").unlink()
    (folder / "a.py" / "x").mkdir(parents=True)
    (folder / "a.py" / "x" / "__pycache__").symlink_to(away)


def plant_root_link(folder: Path, away: Path) -> None:
    subprocess.run(["rm", "-r", folder], check=True)
    folder.symlink_to(away)


def plant_nothing(folder: Path, away: Path) -> None:
    subprocess.run(["rm", "-r", folder], check=True)


def plant_root_file(folder: Path, away: Path) -> None:
    subprocess.run(["rm", "-r", folder], check=True)
    folder.touch()


def plant_odd_names(folder: Path, away: Path) -> None:
    for name in (b"new\nline", b"caf\xe9", b"-rf", b" ", b"a\\b", b"con", b"\x1b[31m", b"x" * 255, "é\u0301".encode()):
        with open(os.fsencode(folder) + b"/" + name, "wb"):  # noqa: PTH123
            pass
        os.mkdir(os.fsencode(folder) + b"/pkg/" + name)  # noqa: PTH102
        with open(os.fsencode(folder) + b"/pkg/" + name + b"/x", "wb"):  # noqa: PTH123
            pass


def plant_repository(folder: Path, away: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    subprocess.run(["git", "add", "."], cwd=folder, check=True)


def plant_deep_folders(folder: Path, away: Path) -> None:
    subprocess.run(
        ["sh", "-c", 'for i in $(seq 40); do mkdir "$0" && cd -P "$0"; done', "x" * 200], cwd=folder, check=True
    )


PLANTS = [value for name, value in globals().items() if name.startswith("plant_")]


@pytest.mark.parametrize("plant", PLANTS)
@pytest.mark.parametrize("harvested", [True, False])
def test_whatever_is_left_in_a_lane_is_put_right_and_nothing_outside_is_touched(lane, tmp_path, plant, harvested):
    away = tmp_path / "away"
    (away / "deep").mkdir(parents=True)
    for name in ("a.py", "b.py", "deep/c.txt"):
        (away / name).write_text("outside")
    before = tree(away)
    plant(lane.folder, away)
    if harvested:
        change, refused = lane.harvest(FILES)
        assert all(path in FILES or text in ("", "outside") for path, text in change.items())
        assert len(refused) <= 21
        assert all(line.isprintable() for line in refused)
    lane.lay_out(FILES)
    assert tree(away) == before
    assert {path: data for path, data in tree(lane.folder).items() if "__pycache__" not in path} == whole(FILES)


SHUT = """
import sys
from l2mac.memory.lane import Lane
from l2mac.memory.snapshot import Snapshot
lane = Lane(here / "shut" / "0", ("__pycache__/",))
files = Snapshot({"a.py": "1", "pkg/b.py": "2", "__pycache__/c.py": "3"})
lane.lay_out(files)
for name, mode in (("pkg", 0), ("", 0o555), ("", 0), ("a.py", 0), ("pkg", 0o555), ("__pycache__", 0)):
    (lane.folder / "pkg" / "new").touch()
    (lane.folder / "__pycache__").mkdir(exist_ok=True)
    (lane.folder / name).chmod(mode)
    change, refused = lane.harvest(files)
    assert all(path == "pkg/new" for path in change), change
    lane.lay_out(files)
    for path, text in files.items():
        assert (lane.folder / path).read_text() == text
    assert not (lane.folder / "pkg" / "new").exists()
(lane.folder / "pkg").chmod(0)
lane.remove()
print(lane.folder.exists())
"""


def test_what_code_shut_is_opened_again(unprivileged):
    assert unprivileged(SHUT) == "False\n"


def test_a_lane_that_can_not_be_made_is_one_clear_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="see L2MAC_HOME"):
        Lane(tmp_path / "file" / "0").lay_out(FILES)


# ---- harvest


def test_what_a_command_did_enters_the_transaction(lane):
    (lane.folder / "a.py").write_bytes(b"changed\r\n")
    (lane.folder / "pkg" / "b.py").unlink()
    (lane.folder / "new").mkdir()
    (lane.folder / "new" / "é").write_bytes(b"")
    (lane.folder / "pkg" / "deep" / "c.txt").touch()
    assert lane.harvest(FILES) == ({"a.py": "changed\r\n", "new/é": "", "pkg/b.py": None}, [])


def test_what_is_too_large_or_no_text_is_listed_and_not_taken(lane):
    (lane.folder / "large").write_bytes(b"x" * (BIGGEST + 1))
    (lane.folder / "just").write_bytes(b"x" * BIGGEST)
    (lane.folder / "binary").write_bytes(b"\xff")
    (lane.folder / "a.py").write_bytes(b"\xff")
    change, refused = lane.harvest(FILES)
    assert list(change) == ["just"]
    assert refused == [
        "a.py: not kept, it is not UTF-8 text",
        "binary: not kept, it is not UTF-8 text",
        "large: not kept, it is larger than 1,000,000 bytes",
    ]


def test_a_flood_of_new_files_is_not_taken_in_and_what_changed_is(lane):
    for number in range(MOST + 1):
        (lane.folder / f"{number}.txt").touch()
    (lane.folder / "a.py").write_text("changed")
    change, refused = lane.harvest(FILES)
    assert change == {"a.py": "changed"}
    assert refused == ["1,001 new files: not kept, more than 1,000; list what tools make in .gitignore"]
    (lane.folder / "0.txt").unlink()
    assert len(lane.harvest(FILES)[0]) == MOST + 1


def test_the_lines_about_what_was_not_taken_are_few(lane):
    for number in range(100):
        (lane.folder / f"{number}.bin").write_bytes(b"\xff")
    change, refused = lane.harvest(FILES)
    assert change == {}
    assert len(refused) == 21
    assert refused[-1] == "… 100 like these"
