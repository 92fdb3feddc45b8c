"""The trunk's git history is a function of the journal, and nothing that the user set up changes it."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from l2mac.errors import UsageError
from l2mac.memory.git import Git
from l2mac.memory.workspace import Workspace

NAMES = [
    "plain.py", "with space.txt", " leading", "trailing ", 'a"quote', "it's", "-rf", "--", "ü/名/é.txt", "back\\slash",
    "new\nline", "tab\there", "'", '"', '"q"/"r"', "#x", "~", "$HOME", "a/b/c/d/e", "*", "M 100644 inline x", "🙂",
]  # fmt: skip


def outside(folder: Path, *words: str, **options) -> str:
    """Git as the user runs it."""
    identity = ["-c", "user.name=User", "-c", "user.email=user@example.com"]
    done = subprocess.run(["git", *identity, *words], cwd=folder, capture_output=True, check=True, **options)
    return done.stdout.decode()


def clean(workspace: Workspace) -> bool:
    return outside(workspace.path, "status", "--porcelain") == ""


def sound(workspace: Workspace) -> bool:
    return outside(workspace.path, "fsck", "--strict", "--no-dangling") == ""


def retire(workspace: Workspace, change: dict, before: dict | None = None, parent: str = "", when: int = 10**9) -> str:
    """Lay a change out and commit it."""
    workspace.lay(change, before or {})
    return workspace.git.commit(change, parent, "Title\n\nSummary é\n", when, "main")


def test_the_same_commit_made_twice_has_the_same_hash(workspace, tmp_path):
    change = {"a.py": "1\r\n", "b/c": "no newline"}
    first = retire(workspace, change)
    assert retire(workspace, change) == first
    second = retire(workspace, {"a.py": None}, change, first)
    assert retire(workspace, {"a.py": None}, change, first) == second
    assert workspace.git.commit(change, "", "Title\n\nSummary é\n", 10**9, "main") == first  # long since built upon
    assert workspace.git.head() == second
    twin = Workspace(tmp_path / "twin")
    twin.create()
    assert retire(twin, change) == first
    assert outside(twin.path, "log", "--format=%an <%ae> %at %cn %ct|%B") == (
        f"L2MAC <l2mac@localhost> {10**9} L2MAC {10**9}|Title\n\nSummary é\n\n"
    )
    assert outside(workspace.path, "for-each-ref", "--format=%(refname)") == "refs/heads/main\n"


def test_every_name_and_text_is_committed_to_the_byte_and_leaves_a_clean_status(workspace):
    change = {name: f"{name}\r\n\0\ufeff no newline" for name in NAMES}
    for name in NAMES:  # names that the store refuses can still be the user's
        target = workspace.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(change[name].encode())
    workspace.git.commit(change, "", "Title", 1, "main")
    assert clean(workspace)
    assert sound(workspace)
    assert sorted(workspace.git.paths()) == sorted(NAMES)
    for name in NAMES:
        assert subprocess.check_output(["git", "show", f"HEAD:{name}"], cwd=workspace.path) == change[name].encode()


def test_a_file_is_replaced_by_a_folder_and_a_folder_by_a_file_in_one_commit(workspace):
    before = {"a": "file", "b/c": "in a folder", "b/d/e": "deeper"}
    first = retire(workspace, before)
    change = {"a": None, "a/x": "now in a folder", "b": "now a file", "b/c": None, "b/d/e": None}
    retire(workspace, change, before, first)
    assert outside(workspace.path, "ls-tree", "-r", "--name-only", "HEAD").split() == ["a/x", "b"]
    assert (workspace.path / "b").read_text() == "now a file"
    assert (workspace.path / "a" / "x").read_text() == "now in a folder"
    assert clean(workspace)
    assert sound(workspace)


def test_an_empty_change_is_a_commit_too(workspace):
    first = retire(workspace, {"a": "1"})
    second = retire(workspace, {}, {"a": "1"}, first)
    assert outside(workspace.path, "rev-list", "HEAD").split() == [second, first]
    assert clean(workspace)


def test_executable_bits_are_kept(workspace):
    (workspace.path / "run.sh").write_text("old")
    (workspace.path / "new.sh").write_text("new")
    (workspace.path / "run.sh").chmod(0o755)
    (workspace.path / "new.sh").chmod(0o755)
    outside(workspace.path, "add", "run.sh")
    outside(workspace.path, "commit", "-m", "theirs")
    retire(workspace, {"run.sh": "next", "new.sh": "new", "a": "1"}, {"run.sh": "old"}, workspace.git.head())
    modes = [line.split()[0] for line in outside(workspace.path, "ls-tree", "HEAD").splitlines()]
    assert modes == ["100644", "100755", "100755"]
    assert os.access(workspace.path / "run.sh", os.X_OK)
    assert clean(workspace)


def test_a_message_may_hold_anything(workspace):
    workspace.git.commit({"a": "1"}, "", "Title\n\ncommit refs/heads/x\ndata 3\nNUL \0 end", 1, "main")
    assert outside(workspace.path, "log", "--format=%B").strip() == "Title\n\ncommit refs/heads/x\ndata 3\nNUL  end"
    assert sound(workspace)


# ---- the user's own git


@pytest.mark.parametrize("where", [".git/hooks", "elsewhere"])
def test_no_hook_of_the_user_is_run(workspace, tmp_path, where):
    hooks = workspace.path / where if where == ".git/hooks" else tmp_path / where
    hooks.mkdir(exist_ok=True)
    for name in (
        "pre-commit",
        "post-commit",
        "reference-transaction",
        "post-index-change",
        "commit-msg",
        "post-rewrite",
    ):
        (hooks / name).write_text(f"#!/bin/sh\ntouch '{tmp_path}/ran-{name}'\nexit 1\n")
        (hooks / name).chmod(0o755)
    watcher = hooks / "pre-commit"
    outside(workspace.path, "config", "core.fsmonitor", str(watcher))
    if where == "elsewhere":
        outside(workspace.path, "config", "--global", "core.hooksPath", str(hooks))
    first = retire(workspace, {"a": "1"})
    (workspace.path / "a").write_text("edited")
    assert workspace.git.look() == (first, ["a"])
    assert not list(tmp_path.glob("ran-*"))
    with pytest.raises(subprocess.CalledProcessError):  # the hooks would run
        outside(workspace.path, "commit", "-am", "x")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("commit.gpgSign", "true"),
        ("gpg.program", "/nowhere"),
        ("core.fsmonitor", "/nowhere"),
        ("core.autocrlf", "true"),
        ("core.quotePath", "true"),
        ("status.showUntrackedFiles", "no"),
        ("status.renames", "copies"),
        ("diff.external", "/nowhere"),
        ("init.defaultBranch", "other"),
        ("color.ui", "always"),
        ("core.pager", "/nowhere"),
    ],
)
def test_no_setting_of_the_user_changes_a_commit(tmp_path, name, value):
    hashes = []
    for folder in ("plain", "set"):
        workspace = Workspace(tmp_path / folder)
        workspace.create()
        first = retire(workspace, {"ü.txt": "a\r\nb\r\n", "b": "1"})
        (workspace.path / "new é").write_text("x")
        assert workspace.git.look() == (first, ["new é"])
        hashes.append(first)
        outside(workspace.path, "config", "--global", name, value)
    assert hashes[0] == hashes[1]


def test_git_variables_of_our_environment_lead_nowhere_else(workspace, tmp_path, monkeypatch):
    other = Git.create(_made(tmp_path / "other"), ())
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_AUTHOR_NAME"):
        monkeypatch.setenv(name, str(other.folder / ".git"))
    made = retire(workspace, {"a": "1"})
    for name in list(os.environ):
        if name.startswith("GIT_"):
            monkeypatch.delenv(name)
    assert outside(workspace.path, "rev-parse", "HEAD").strip() == made
    assert other.head() == ""


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def test_a_half_made_repository_is_completed_and_never_taken_for_the_one_around_it(tmp_path):
    around = Git.create(tmp_path, ())
    folder = tmp_path / "run"
    (folder / ".git").mkdir(parents=True)
    (folder / ".git" / "HEAD").write_text("ref: refs/heads/main\n")  # as a kill in the middle of `git init` leaves it
    with pytest.raises(UsageError, match="not a git repository"):
        Git(folder).head()
    workspace = Workspace(folder)
    workspace.create()
    retire(workspace, {"a": "1"})
    assert around.head() == ""
    assert clean(workspace)


def test_the_users_own_ignore_files_stay_as_they_are(tmp_path):
    folder = _made(tmp_path / "x")
    outside(folder, "init", "-q")
    exclude = folder / ".git" / "info" / "exclude"
    exclude.write_bytes(b"# \xff not UTF-8\r\nmine/\x0c")
    (folder / ".gitignore").write_text("*.log")
    for _ in range(2):
        Workspace(folder, ("*.pyc",)).create()
    assert (folder / ".gitignore").read_text() == "*.log"
    assert exclude.read_bytes() == b"# \xff not UTF-8\r\nmine/\x0c\n.l2mac/\n*.pyc\n"
    assert outside(folder, "status", "--porcelain") == "?? .gitignore\n"


def test_a_commit_of_the_users_in_between_is_merged_and_seen_as_an_edit(workspace):
    """The user commits while an instruction is at work, so that the branch is no longer where the journal left it."""
    first = retire(workspace, {"a": "1", "b": "1"})
    (workspace.path / "b").write_text("theirs")
    (workspace.path / "c").write_text("theirs")
    outside(workspace.path, "add", ".")
    outside(workspace.path, "commit", "-m", "theirs")
    theirs = workspace.git.head()
    made = retire(workspace, {"a": "2"}, {"a": "1", "b": "1"}, first)
    merge = workspace.git.head()
    assert retire(workspace, {"a": "2"}, {"a": "1", "b": "1"}, first) == made
    assert workspace.git.head() == merge
    assert outside(workspace.path, "log", "-1", "--format=%P").split() == [theirs, made]
    assert clean(workspace)
    assert sound(workspace)
    assert workspace.git.between(made, merge) == ["b", "c"]


def test_a_branch_that_the_user_went_to_is_not_moved(workspace):
    first = retire(workspace, {"a": "1"})
    outside(workspace.path, "checkout", "-q", "-b", "mine")
    second = retire(workspace, {"a": "2"}, {"a": "1"}, first)
    assert outside(workspace.path, "rev-parse", "mine", "main").split() == [first, second]
    assert workspace.git.branch() == "mine"


def test_a_branch_that_was_deleted_is_made_again(workspace):
    first = retire(workspace, {"a": "1"})
    outside(workspace.path, "checkout", "-q", "-b", "mine")
    outside(workspace.path, "branch", "-D", "main")
    second = retire(workspace, {"a": "2"}, {"a": "1"}, first)
    assert outside(workspace.path, "rev-list", "main").split() == [second, first]


# ---- what goes wrong


@pytest.mark.parametrize("folder", ["plain", 'it\'s "here"'])
@pytest.mark.parametrize("lock", ["index.lock", "HEAD.lock", "refs/heads/main.lock"])
def test_a_lock_that_a_crash_left_is_healed(tmp_path, folder, lock):
    workspace = Workspace(tmp_path / folder)
    workspace.create()
    first = retire(workspace, {"a": "1"})
    stale = workspace.path / ".git" / lock
    stale.touch()
    os.utime(stale, (time.time() - 60,) * 2)
    retire(workspace, {"a": "2"}, {"a": "1"}, first)
    outside(
        workspace.path, "commit", "--allow-empty", "-m", "the user's own git works too"
    ) if lock != "HEAD.lock" else 0
    assert clean(workspace)


def test_a_fresh_lock_is_waited_for_and_not_taken_away(workspace):
    lock = workspace.path / ".git" / "index.lock"
    lock.touch()
    release = subprocess.Popen(["sh", "-c", 'sleep 0.3; test -e "$1" && rm "$1"', "sh", str(lock)])
    retire(workspace, {"a": "1"})
    assert release.wait() == 0
    assert clean(workspace)


def test_a_repository_that_can_not_be_written_is_one_clear_line_at_once(workspace, unprivileged):
    retire(workspace, {"a": "1"})
    subprocess.run(["chmod", "-R", "a-w", workspace.path / ".git"], check=True)
    try:
        said = unprivileged(
            "import sys\nfrom l2mac.memory.git import Git\nfrom l2mac.errors import UsageError\n"
            "git = Git(Path(sys.argv[1]))\n"
            "try:\n git.commit({'a': '2'}, git.head(), 'x', 1, 'main')\nexcept UsageError as error: print(error)",
            workspace.path,
        )
    finally:
        subprocess.run(["chmod", "-R", "u+w", workspace.path / ".git"], check=True)
    assert said.startswith(f"git fast-import failed in {workspace.path}: ")
    assert said.count("\n") == 1


def test_a_repository_of_another_user_is_refused_with_the_line_that_allows_it(workspace, monkeypatch):
    if os.geteuid():
        pytest.skip("only root can give a folder away")
    retire(workspace, {"a": "1"})
    subprocess.run(["chown", "-R", "65534:65534", workspace.path], check=True)
    with pytest.raises(
        UsageError, match=r"dubious ownership.*`git config --global --add safe.directory .*` allows it"
    ) as told:
        workspace.git.head()
    assert "\n" not in str(told.value)
    mend = str(told.value).split("`")[1]
    subprocess.run(mend, shell=True, check=True)
    assert workspace.git.head()


def test_a_missing_git_is_one_clear_line(workspace, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="git is not installed; install it"):
        workspace.git.head()
    with pytest.raises(UsageError, match="git is not installed; install it"):
        Workspace(tmp_path / "new").create()


def test_a_folder_that_is_no_repository_is_one_clear_line(tmp_path):
    with pytest.raises(UsageError, match="not a git repository"):
        Git(tmp_path).branch()


def test_before_the_first_commit_and_away_from_every_branch_there_are_no_names(workspace):
    assert (workspace.git.head(), workspace.git.branch()) == ("", "main")
    retire(workspace, {"a": "1"})
    outside(workspace.path, "checkout", "-q", "--detach")
    assert workspace.git.branch() == ""
