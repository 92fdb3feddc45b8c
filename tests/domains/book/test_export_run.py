"""`l2mac export RUN --format epub|pdf|html|docx|md`: a run's book as a file."""

import os
import zipfile
from pathlib import Path

import pytest

from l2mac.domains.book.export import FORMS
from l2mac.errors import Interrupted, UsageError
from l2mac.memory.journal import Journal
from l2mac.panel.books import export_book
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


def exported(run, form, to=None):
    journal = Journal(run / ".l2mac" / "run.db", writable=False)
    try:
        return export_book(journal, run, form, to)
    finally:
        journal.close()


@pytest.mark.parametrize("form", FORMS)
def test_a_run_becomes_a_file_named_after_it(run, form):
    Path(f"small.{form}").write_text("mine")
    path, notes = exported(run, form)
    assert (path, Path(f"small.{form}").read_text()) == (Path(f"small-2.{form}"), "mine")
    assert path.stat().st_size > 100
    assert ["the picture 'images/cover.png' is not there" in it for it in notes] == [True]


def test_the_command_prints_the_file_and_says_what_is_not_there(run):
    ran = l2mac("export", run, "--format", "md")
    assert (ran.returncode, ran.stdout) == (0, "small.md\n") and "The first words." in Path("small.md").read_text()
    assert ran.stderr == "l2mac: book.yaml: the picture 'images/cover.png' is not there; its text stands in its place\n"
    refused = l2mac("export", run, "--format", "pdf", "--to", "/proc/a.pdf")
    assert refused.returncode == 2 and refused.stderr.count("\n") == 1 and "name another with --to" in refused.stderr


def test_pictures_of_the_folder_come_along_and_links_out_of_it_do_not(run, tmp_path):
    (run / "images").mkdir()
    (tmp_path / "secret.png").write_bytes(png(8, 8))
    (run / "images" / "cover.png").symlink_to(tmp_path / "secret.png")
    assert "is not there" in exported(run, "md", "a.md")[1][0]
    (run / "images" / "cover.png").unlink()
    (run / "images" / "cover.png").write_bytes(png(20, 30))
    assert exported(run, "epub", "b.epub")[1] == []
    with zipfile.ZipFile("b.epub") as archive:
        assert archive.read("book/images/picture-1.png") == png(20, 30)
    (run / "images" / "cover.png").unlink()


def test_the_time_of_a_book_is_the_runs_or_the_one_that_is_asked_for(run, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    exported(run, "epub", "a.epub")
    with zipfile.ZipFile("a.epub") as archive:
        assert {it.date_time for it in archive.infolist()} == {(2001, 9, 9, 1, 46, 40)}
        assert b"2001-09-09T01:46:40Z" in archive.read("book/package.opf")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(UsageError, match="SOURCE_DATE_EPOCH is 'yesterday'"):
        exported(run, "md")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_one_line(run, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(UsageError, match="Permission denied; name another with --to"):
        exported(run, "pdf", str(tmp_path / "locked" / "a.pdf"))


def test_an_unfinished_run_gives_what_is_there_and_says_so(tmp_path):
    replies = [program("I1", "I2"), calls(write(**FILES), done()), KeyboardInterrupt()]
    with pytest.raises(Interrupted):
        build(replies, tmp_path, name="half")
    path, notes = exported(tmp_path / "half", "md", "half.md")
    assert "the run is unfinished: the book holds what is retired, 1 of 2" in notes[0]
    assert "The first words." in path.read_text()
