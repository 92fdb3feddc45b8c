"""Pictures by a program of the user's own: `book.painter`."""

import io
import re
import sys
import time
import zipfile
from pathlib import Path

import pytest

from l2mac.domains.book.export import export
from l2mac.domains.book.export.painter import CommandPainter
from l2mac.domains.book.manuscript import read
from l2mac.errors import UsageError
from l2mac.testing import calls

from ...jobs import build, done, program, write
from ...panel.test_cli import l2mac
from .sample import png

BOOK = {"book.yaml": "title: Boats\n", "chapters/1.md": "# One\n\n![A boat at night](images/boat.png)\n\nText.\n"}


@pytest.fixture
def painter(tmp_path):
    """Makes a program that paints: what it does with `prompt`, `file` and the `picture`, as Python."""

    def made(does="file.write_bytes(picture); Path('asked.txt').open('a').write(prompt + '\\n')"):
        script = tmp_path / "paint.py"
        text = "import os, sys, time\nfrom pathlib import Path\nprompt, file = sys.stdin.read(), Path(sys.argv[-1])\n"
        script.write_text(f"{text}picture = {png(30, 20)!r}\n{does}\n")
        return f"{sys.executable} {script} --out"

    return made


def painted(command, tmp_path, files=BOOK, form="md"):
    return export(read(files), form, lambda path: None, paint=CommandPainter(command, tmp_path / "kept"))


def test_a_picture_is_asked_for_once_and_kept(painter, tmp_path):
    command = painter()
    for _ in range(2):
        data, notices = painted(command, tmp_path, form="epub")
        assert notices == []
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.read("book/images/picture-1.png") == png(30, 20)
    asked = Path("asked.txt").read_text().splitlines()
    assert len(asked) == 2 and "Boats" in asked[0] and asked[1] == "A boat at night"
    painted(f"{command}=", tmp_path)
    assert len(Path("asked.txt").read_text().splitlines()) == 4, "another program paints anew"


@pytest.mark.parametrize(
    ("does", "why"),
    [
        ("print('no\\nquota left', file=sys.stderr); sys.exit(3)", "ended with 3: quota left"),
        ("pass", "left no picture of at most 20 MB"),
        ("file.mkdir()", "left no picture of at most 20 MB"),
        ("file.open('wb').truncate(20_000_001)", "left no picture of at most 20 MB"),
        ("file.write_text('<svg/>')", "is no PNG or JPEG"),
        ("file.write_bytes(picture[:60])", "is no PNG or JPEG"),
        ("os.kill(os.getpid(), 9)", "ended with -9"),
    ],
)
def test_what_is_no_picture_is_refused_and_not_kept(does, why, painter, tmp_path):
    with pytest.raises(OSError, match=why):
        CommandPainter(painter(does), tmp_path / "kept")("A boat")
    assert not (tmp_path / "kept").exists()


def test_a_painter_that_takes_too_long_ends_with_all_that_it_began(painter, tmp_path):
    slow = painter("Path('pid').write_text(str(os.fork() or os.getpid())); time.sleep(60)")
    with pytest.raises(OSError, match="took longer than 1 s"):
        CommandPainter(slow, tmp_path, 1)("A boat")
    for _ in range(100):
        if not Path("/proc", Path("pid").read_text()).exists():
            break
        time.sleep(0.05)
    else:
        pytest.fail("a child lives on")


def test_a_painter_that_fails_twice_and_one_that_is_missing_are_left_in_peace(painter, tmp_path):
    many = {**BOOK, "chapters/1.md": "# One\n\n" + "".join(f"![Boat {n}](images/{n}.png)\n\n" for n in range(9))}
    _, notices = painted(painter("Path('asked.txt').open('a').write('x'); sys.exit(1)"), tmp_path, many)
    assert Path("asked.txt").read_text() == "xx" and any("not asked again: it failed before" in it for it in notices)
    data, notices = painted("/nonexistent/painter", tmp_path)
    assert any("no picture was made for the cover" in it and "No such file" in it for it in notices)
    assert b"A boat at night" in data, "and the book is made"


@pytest.mark.parametrize("command", ["", "  ", "paint 'it"])
def test_a_command_that_is_none_is_refused(command, tmp_path):
    with pytest.raises(UsageError, match=r"book\.painter"):
        CommandPainter(command, tmp_path)


def test_the_setting_reaches_the_export_and_a_found_folder_can_not_set_it(painter, tmp_path):
    replies = [
        program("I1"),
        calls(write(book_dot_yaml=BOOK["book.yaml"], chapters__1_dot_md=BOOK["chapters/1.md"]), done()),
    ]
    run = build(replies, tmp_path, name="boats")[0].path
    said = l2mac("export", run, "--format", "epub", "--set", f"book.painter={painter()}")
    assert (said.returncode, said.stdout, said.stderr) == (0, "boats.epub\n", "")
    assert len(list((run / ".l2mac" / "pictures").iterdir())) == 2
    Path("config").mkdir()
    Path("config", "config.yaml").write_text("book: {painter: 'touch stolen'}\n")
    refused = l2mac("export", run, "--format", "epub")
    assert refused.returncode == 2 and re.search("sets book.painter, which a file that is only found", refused.stderr)
    assert not any("stolen" in it.name for it in Path().iterdir())
