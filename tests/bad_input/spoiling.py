"""What is done to a yard before a command is given in it."""

import fcntl
import shutil
import sqlite3

from ..jobs import git


def database(data, sql=""):
    """The journal holds these bytes, or has undergone this statement."""

    def spoil(yard):
        path = yard.here / "workspace" / "run" / ".l2mac" / "run.db"
        if data is not None:
            path.write_bytes(data)
            return
        db = sqlite3.connect(path)
        db.executescript(sql)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.close()

    return spoil


def another_at_work(yard):
    """Another process holds the run's lock; it is kept for as long as what this returns lives."""
    handle = (yard.here / "workspace" / "run" / ".l2mac" / "lock").open("a")
    fcntl.flock(handle, fcntl.LOCK_EX)
    return handle


def branch_left(yard):
    """Someone looked at another branch and did not come back."""
    git(yard.here / "workspace" / "run", "switch", "--quiet", "--create", "mine")


def git_gone(yard):
    """Someone tidied up."""
    shutil.rmtree(yard.here / "workspace" / "run" / ".git")


def repository(*commands):
    """There is a repository with one commit, to which this has been done."""

    def spoil(yard):
        app = yard.here / "app"
        app.mkdir()
        (app / "a.txt").write_text("a\n")
        named = ("-c", "user.name=someone", "-c", "user.email=someone@example.com")
        for command in (["init", "-q", "-b", "main"], ["add", "-A"], [*named, "commit", "-q", "-m", "start"]):
            git(app, *command)
        for command in commands:
            git(app, *command)

    return spoil


def uncommitted(yard):
    """A repository in which someone is at work."""
    repository()(yard)
    (yard.here / "app" / "a.txt").write_text("b\n")


def within(yard):
    """A folder in a repository."""
    repository()(yard)
    (yard.here / "app" / "src").mkdir()


def folder_in_the_way(yard):
    """Where orders arrive there is a file."""
    place = yard.here / "workspace" / "run" / ".l2mac" / "orders"
    shutil.rmtree(place, ignore_errors=True)
    place.write_text("in the way")


def link_in_a_circle(yard):
    """A link points at itself."""
    (yard.here / "loop").symlink_to("loop")
