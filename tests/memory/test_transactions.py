"""Snapshots are values; a transaction holds exactly what differs from its own."""

import pytest

from l2mac.errors import Fault
from l2mac.memory.snapshot import Snapshot, Transaction

TEXTS = ["", "a\r\nb\r\n", "no newline at the end", "\ufeffmark", "nul \0 inside", "\r", "tab\t  \n\n\n", "🙂\u2028é"]


def test_applying_a_change_leaves_the_snapshot_as_it_was():
    before = Snapshot({"a": "1", "b": "2"}, frozenset({"logo.png"}))
    after = before.apply({"a": None, "b": "3", "c": "4", "never": None})
    assert dict(before) == {"a": "1", "b": "2"}
    assert dict(after) == {"b": "3", "c": "4"}
    assert after.kept == before.kept


def test_a_snapshot_does_not_follow_the_mapping_it_was_made_from():
    files = {"a": "1"}
    snapshot = Snapshot(files)
    files["a"] = "2"
    transaction = Transaction(snapshot)
    transaction.write("b", "3")
    taken = transaction.snapshot
    transaction.write("b", "4")
    assert (dict(snapshot), dict(taken)) == ({"a": "1"}, {"a": "1", "b": "3"})


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_kept_to_the_character(text):
    transaction = Transaction(Snapshot())
    transaction.write("./a.txt", text)
    assert transaction.read("a.txt") == text
    assert transaction.change == {"a.txt": text}


def test_half_a_surrogate_pair_is_refused_as_a_text():
    transaction = Transaction(Snapshot())
    with pytest.raises(Fault, match="surrogate pair at 2"):
        transaction.write("a", "ab\ud83d")
    assert not transaction.change


def test_only_what_differs_from_the_base_is_a_change():
    transaction = Transaction(Snapshot({"a": "1", "b": "2"}))
    transaction.write("a", "changed")
    transaction.write("a", "1")
    transaction.delete("b")
    transaction.write("b", "2")
    transaction.write("c", "new")
    transaction.delete("c")
    assert transaction.change == {}
    transaction.delete("b")
    assert transaction.change == {"b": None}
    assert dict(transaction.snapshot) == {"a": "1"}


@pytest.mark.parametrize("act", ["read", "delete", "write"])
def test_a_file_that_is_no_text_is_never_shown_replaced_or_deleted(act):
    transaction = Transaction(Snapshot({}, frozenset({"logo.png"})))
    with pytest.raises(Fault, match="not text"):
        getattr(transaction, act)("logo.png", *["x"] * (act == "write"))
    with pytest.raises(Fault, match="is a file"):
        transaction.write("logo.png/x", "x")
    assert transaction.snapshot.kept == {"logo.png"}
    assert not transaction.change


def test_reading_or_deleting_what_is_not_there_says_so():
    transaction = Transaction(Snapshot())
    for act in (transaction.read, transaction.delete):
        with pytest.raises(Fault, match="there is no file a"):
            act("a")
    assert not transaction.reads


COMPOSED, DECOMPOSED = "caf\u00e9.txt", "cafe\u0301.txt"


@pytest.mark.parametrize(
    ("existing", "new", "said"),
    [
        ("a/b.py", "a", "is a folder"),
        ("a", "a/b.py", "a is a file, not a folder"),
        ("a/b", "a/b/c/d", "a/b is a file, not a folder"),
        ("README.md", "readme.md", "only in case"),
        ("src/a.py", "SRC/b.py", "only in case"),
        ("src/a.py", "SRC", "only in case"),
        ("x/Src/a.py", "x/src/y/b.py", "only in case"),
        ("STRASSE", "straße", "only in case"),
        (COMPOSED, DECOMPOSED, "letters are composed"),
        (f"d/{DECOMPOSED}/x", f"d/{COMPOSED}/y", "letters are composed"),
    ],
)
def test_two_names_that_some_system_can_not_hold_side_by_side_are_refused(existing, new, said):
    transaction = Transaction(Snapshot({existing: ""}))
    with pytest.raises(Fault, match=said):
        transaction.write(new, "")
    assert not transaction.change


def test_twins_that_exist_already_can_be_written_and_added_to():
    twins = {"Docs/a": "", "docs/a": "", "Makefile": "", "makefile": "", "ab": ""}
    transaction = Transaction(Snapshot(twins))
    for path in (*twins, "Docs/b", "docs/b", "a/c", "abc", "a!"):
        transaction.write(path, "new")
    assert len(transaction.change) == 10


def test_a_file_may_become_a_folder_and_a_folder_a_file_once_the_old_is_deleted():
    transaction = Transaction(Snapshot({"a": "", "b/c": ""}))
    transaction.delete("a")
    transaction.write("a/x", "")
    transaction.delete("b/c")
    transaction.write("b", "")
    assert transaction.change == {"a": None, "a/x": "", "b/c": None, "b": ""}
