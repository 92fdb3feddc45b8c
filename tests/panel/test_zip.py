"""What `l2mac export --format zip` makes of a run."""

import zipfile
from pathlib import Path

import pytest

from l2mac.testing import calls

from ..jobs import ADD, TEST_ADD, build, done, files, program, write
from ..test_into import repository
from .test_cli import l2mac

__all__ = ["repository"]  # a fixture

ODD = "no end\r\nof line \u2028 é"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A complete run with files of several kinds of text."""
    folder = tmp_path_factory.mktemp("zipped")
    wrote = write(add_dot_py=ADD, tests__test_add_dot_py=TEST_ADD, odd_dot_txt=ODD, empty_dot_txt="")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("L2MAC_HOME", str(folder / "home"))
        codebase, _ = build([program("I1"), calls(wrote, done())], folder, name="made")
    return codebase.path


def contents(path):
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}


def test_a_zip_holds_the_retired_files_byte_for_byte_and_nothing_else(run, tmp_path):
    ran = l2mac("export", run, "--format", "zip", "--to", tmp_path / "a.zip")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"{tmp_path / 'a.zip'}\n", "")
    assert contents(tmp_path / "a.zip") == {f"made/{path}": data for path, data in files(run).items()}
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_the_same_run_gives_the_same_bytes(run, tmp_path):
    for name in ("a.zip", "b.zip"):
        l2mac("export", run, "--format", "zip", "--to", tmp_path / name, TZ="UTC" if name == "a.zip" else "Asia/Tokyo")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        entries = archive.infolist()
    assert {(entry.date_time, entry.external_attr) for entry in entries} == {((1980, 1, 1, 0, 0, 0), 0o100644 << 16)}
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)


def test_what_the_user_changed_since_is_not_in_it(tmp_path):
    codebase, _ = build([program("I1"), calls(write(a_dot_txt="mine"), done())], tmp_path, name="made")
    (codebase.path / "a.txt").write_text("theirs")
    (codebase.path / "new.txt").write_text("theirs")
    l2mac("export", codebase.path, "--format", "zip", "--to", "a.zip")
    assert contents("a.zip") == {"made/a.txt": b"mine"}


def test_files_that_are_no_text_come_along_and_links_out_do_not(tmp_path, repository):
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    (repository / "out.txt").symlink_to(secret)
    for arguments in (["add", "-A"], ["-c", "user.name=A", "-c", "user.email=a@b.org", "commit", "-qm", "link"]):
        from ..jobs import git

        git(repository, *arguments)
    codebase, _ = build([program("I1"), calls(write(more_dot_txt="more"), done())], tmp_path, into=repository, name="m")
    ran = l2mac("export", codebase.path, "--format", "zip")
    packed = contents("theirs.zip")
    assert packed["theirs/picture.png"] == b"\x89PNG\r\n\x1a\n\x00\xff" and packed["theirs/more.txt"] == b"more"
    assert "theirs/out.txt" not in packed and not any(b"secret" in data for data in packed.values())
    assert "out.txt is left out" in ran.stderr and not any(".git" in name or ".l2mac" in name for name in packed)


def test_a_picture_that_was_replaced_by_a_link_is_left_out(tmp_path, repository):
    codebase, _ = build([program("I1"), calls(write(more_dot_txt="more"), done())], tmp_path, into=repository, name="m")
    (repository / "picture.png").unlink()
    (repository / "picture.png").symlink_to("/etc/hostname")
    ran = l2mac("export", codebase.path, "--format", "zip")
    assert "theirs/picture.png" not in contents("theirs.zip") and "picture.png is left out" in ran.stderr


def test_an_unfinished_run_gives_what_is_retired_and_says_so(tmp_path):
    script = [program("I1", "I2"), calls(write(a_dot_txt="a"), done()), KeyboardInterrupt()]
    with pytest.raises(Exception, match="interrupted"):
        build(script, tmp_path, name="half")
    ran = l2mac("export", tmp_path / "half", "--format", "zip")
    assert (ran.returncode, ran.stdout) == (0, "half.zip\n")
    assert ran.stderr == "l2mac: the run is unfinished: the zip holds what is retired, 1 of 2 instructions\n"
    assert contents("half.zip") == {"half/a.txt": b"a"}


def test_a_run_without_files_gives_no_zip(tmp_path):
    build([program("I1")], tmp_path, name="planned", plan_only=True)
    ran = l2mac("export", tmp_path / "planned", "--format", "zip")
    assert ran.returncode == 2 and "nothing is retired yet" in ran.stderr and not list(Path().iterdir())


def test_only_a_file_that_is_named_is_replaced(run):
    Path("made.zip").write_text("precious")
    assert l2mac("export", run, "--format", "zip").stdout == "made-2.zip\n"
    assert l2mac("export", run, "--format", "zip").stdout == "made-3.zip\n"
    assert Path("made.zip").read_text() == "precious"
    assert l2mac("export", run, "--format", "zip", "--to", "made.zip").stdout == "made.zip\n"
    assert Path("made.zip").read_bytes() == Path("made-2.zip").read_bytes()


@pytest.mark.parametrize("to", ["nowhere/a.zip", ".", "/dev/null"])
def test_a_place_that_cannot_be_written_is_one_line_and_leaves_nothing(run, to):
    ran = l2mac("export", run, "--format", "zip", "--to", to)
    assert ran.returncode == 2 and ran.stderr.count("\n") == 1 and not list(Path().iterdir()), ran.stderr
    assert not Path("/dev/null").is_file()
