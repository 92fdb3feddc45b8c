"""`l2mac export RUN --format epub|pdf|html|docx|md`: a run's book as a file."""

import os
import zipfile
from pathlib import Path

import pytest

from l2mac.domains.book.export import FORMS
from l2mac.errors import Interrupted
from l2mac.testing import calls

from ...jobs import build, done, program, write
from ...panel.test_cli import l2mac
from .sample import png

ABOUT = "title: Small Book\nlanguage: en\ncover: images/cover.png\n"
FILES = {"book_dot_yaml": ABOUT, "chapters__one_dot_md": "# One\n\nThe first words.\n"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A complete run that wrote a chapter."""
    folder = tmp_path_factory.mktemp("small")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("L2MAC_HOME", str(folder / "home"))
        return build([program("I1"), calls(write(**FILES), done())], folder, name="small")[0].path


@pytest.mark.parametrize("form", FORMS)
def test_a_run_becomes_a_file_named_after_it(run, form):
    Path(f"small.{form}").write_text("mine")
    ran = l2mac("export", run, "--format", form)
    assert (ran.returncode, ran.stdout, Path(f"small.{form}").read_text()) == (0, f"small-2.{form}\n", "mine")
    assert Path(f"small-2.{form}").stat().st_size > 100
    assert "the picture 'images/cover.png' is not there" in ran.stderr and "Traceback" not in ran.stderr


def test_pictures_of_the_folder_come_along_and_links_out_of_it_do_not(run, tmp_path):
    (run / "images").mkdir()
    (tmp_path / "secret.png").write_bytes(png(8, 8))
    (run / "images" / "cover.png").symlink_to(tmp_path / "secret.png")
    assert "is not there" in l2mac("export", run, "--format", "md", "--to", "a.md").stderr
    (run / "images" / "cover.png").unlink()
    (run / "images" / "cover.png").write_bytes(png(20, 30))
    assert l2mac("export", run, "--format", "epub", "--to", "b.epub").stderr == ""
    with zipfile.ZipFile("b.epub") as archive:
        assert archive.read("book/images/picture-1.png") == png(20, 30)
    (run / "images" / "cover.png").unlink()


def test_the_time_of_a_book_is_the_runs_or_the_one_that_is_asked_for(run):
    l2mac("export", run, "--format", "epub", "--to", "a.epub", SOURCE_DATE_EPOCH="1000000000", TZ="Asia/Tokyo")
    with zipfile.ZipFile("a.epub") as archive:
        assert {it.date_time for it in archive.infolist()} == {(2001, 9, 9, 1, 46, 40)}
        assert b"2001-09-09T01:46:40Z" in archive.read("book/package.opf")
    refused = l2mac("export", run, "--format", "md", SOURCE_DATE_EPOCH="yesterday")
    assert refused.returncode == 2 and "SOURCE_DATE_EPOCH is 'yesterday'" in refused.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_one_line(run, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    refused = l2mac("export", run, "--format", "pdf", "--to", tmp_path / "locked" / "a.pdf")
    assert refused.returncode == 2 and "Permission denied; name another with --to" in refused.stderr


def test_a_place_that_can_not_be_written_is_one_line_and_leaves_nothing(run, tmp_path):
    refused = l2mac("export", run, "--format", "pdf", "--to", "/proc/a.pdf")
    assert refused.returncode == 2 and refused.stderr.count("\n") == 1 and "name another with --to" in refused.stderr


def test_an_unfinished_run_gives_what_is_there_and_says_so(tmp_path):
    replies = [program("I1", "I2"), calls(write(**FILES), done()), KeyboardInterrupt()]
    with pytest.raises(Interrupted):
        build(replies, tmp_path, name="half")
    ran = l2mac("export", tmp_path / "half", "--format", "md", "--to", "half.md")
    assert ran.returncode == 0 and "the run is unfinished: the book holds what is retired, 1 of 2" in ran.stderr
    assert "The first words." in Path("half.md").read_text()
