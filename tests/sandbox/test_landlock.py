"""What landlock's part of the guard does to a process that is a fork of this one."""

import os
import sys

import pytest

from l2mac.sandbox import landlock

pytestmark = pytest.mark.skipif(sys.platform != "linux" or landlock.version() < 1, reason="this kernel has no landlock")


def confined(readable, writable, attempt):
    """What an attempt comes to in a process that gave up all else: its result's text, or the error's."""
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            landlock.confine([str(path) for path in readable], [str(path) for path in writable])
            said = str(attempt())
        except OSError as error:
            said = error.strerror
        os.write(tell, said.encode())
        os._exit(0)
    os.close(tell)
    os.waitpid(child, 0)
    with os.fdopen(told) as file:
        return file.read()


@pytest.fixture
def places(tmp_path):
    for name in ("read", "write", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    return tmp_path / "read", tmp_path / "write", tmp_path / "other"


def test_only_what_is_named_can_be_read_or_written(places):
    read, write, other = places

    def tried(attempt):
        return confined([read, read / "missing"], [write], attempt)

    assert tried(lambda: (read / "file").read_text()) == "read"
    assert tried(lambda: (write / "file").write_text("new")) == "3"
    assert tried(lambda: (write / "sub").mkdir()) == "None"
    for attempt in (
        lambda: (other / "file").read_text(),
        lambda: list(other.iterdir()),
        lambda: (other / "file").write_text("x"),
        lambda: (read / "file").write_text("x"),
        lambda: (read / "new").write_text("x"),
        lambda: (read / "file").unlink(),
        lambda: os.truncate(other / "file", 0),
        lambda: os.link(other / "file", write / "link"),
        lambda: (write / "file").rename(other / "moved"),
        lambda: os.mknod(write / "device", 0o60600),
    ):
        assert tried(attempt) in ("Permission denied", "Operation not permitted", "Invalid cross-device link")
    assert (other / "file").read_text() == "other" and (read / "file").read_text() == "read"


def test_a_link_leads_nowhere(places):
    read, write, other = places
    (write / "link").symlink_to(other / "file")
    assert confined([read], [write], lambda: (write / "link").read_text()) == "Permission denied"


def test_one_file_can_be_named(places):
    read, _, other = places
    assert confined([other / "file"], [], lambda: (other / "file").read_text()) == "other"
    assert confined([other / "file"], [], lambda: (read / "file").read_text()) == "Permission denied"


@pytest.mark.skipif(landlock.version() < 6, reason="this kernel keeps no signals inside")
def test_signals_stay_inside():
    assert confined([], [], lambda: os.kill(os.getppid(), 0)) == "Operation not permitted"
