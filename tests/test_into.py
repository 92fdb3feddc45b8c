"""Existing codebases."""

import pytest

from l2mac import UsageError
from l2mac.testing import calls

from .jobs import ADD, TEST_ADD, WRONG_ADD, build, commits, done, files, git, program, told, write


@pytest.fixture
def repository(tmp_path):
    """A repository with a test that fails, one that passes, and a picture."""
    folder = tmp_path / "theirs"
    (folder / "tests").mkdir(parents=True)
    (folder / "add.py").write_text(ADD)
    (folder / "tests" / "test_add.py").write_text(TEST_ADD)
    (folder / "tests" / "test_old.py").write_text("def test_old():\n    assert 'old' == 'new'\n")
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\x00\xff")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "-c", "user.name=A", "-c", "user.email=a@example.org", "add", "-A")
    git(folder, "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-qm", "start")
    return folder


def test_an_existing_codebase_is_worked_on_in_a_branch_and_judged_against_what_failed_before(tmp_path, repository):
    before = files(repository)
    broken = write(add_dot_py=WRONG_ADD)
    codebase, processor = build(
        [program("I1"), calls(broken, done()), calls(write(add_dot_py=ADD, more_dot_txt="more"), done())],
        tmp_path,
        into=repository,
        name="more",
    )
    assert told(processor.requests[-1])[1].startswith("error: completion refused: a check fails")
    assert "test_old" not in told(processor.requests[-1])[1].split("\n\n")[0], "what failed before does not block"
    assert codebase.complete, codebase.ended
    assert [name.split()[1] for name in codebase.ended.tolerated] == ["tests/test_old.py::test_old"]
    assert files(repository) == {**before, "more.txt": b"more"}
    assert git(repository, "branch", "--show-current").strip() == "l2mac/more"
    assert [title for _, title in commits(repository)] == ["Do I1", "start"]
    assert git(repository, "status", "--porcelain") == ""
    assert "picture.png" in processor.requests[0].messages[1].content


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        (lambda folder: (folder / "new.txt").write_text("x"), "git -C .* stash -u"),
        (lambda folder: (folder / ".git").rename(folder.parent / "elsewhere"), "git init && git add -A && git commit"),
        (lambda folder: (folder / ".l2mac").mkdir() or (folder / ".l2mac" / "run.db").touch(), "l2mac resume"),
    ],
    ids=["dirty", "no repository", "holds a run"],
)
def test_a_folder_that_cannot_be_worked_on_is_refused_with_the_line_that_mends_it(tmp_path, repository, spoil, line):
    spoil(repository)
    before = files(repository)
    with pytest.raises(UsageError, match=line):
        build([], tmp_path, into=repository)
    assert files(repository) == before
