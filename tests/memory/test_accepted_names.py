"""Which names the file store accepts: all that it takes stay inside, all that could leave are refused."""

import json

import pytest

from l2mac.errors import Fault
from l2mac.memory.paths import LONGEST_NAME, LONGEST_PATH, confined
from l2mac.memory.snapshot import Snapshot, Transaction

LEAVING = [
    "/etc/passwd",
    "//etc/passwd",
    "..",
    "../x",
    "a/../b",
    "a/../../b",
    "a/..",
    "./../x",
    "C:/x",
    "c:x",
    "a\\..\\b",
]
MACHINE = [
    ".git/config", ".GIT/config", "a/.git/x", ".git./x", ".git ./x", ".Git. . /x", ".gi\u200ct/x", ".git\ufeff/x",
    "git~1/x", "GIT~1/config", ".l2mac/run.db", ".L2MAC/x", ".l2mac", ".git",
]  # fmt: skip
RESERVED = [
    "con",
    "NUL",
    "aux.txt",
    "src/Com1.py",
    "lpt9",
    "nul .txt",
    "COM¹",
    "conin$",
    "a:b",
    "a?",
    'a"b',
    "a|b",
    "a*",
]
UNCLEAN = [
    "",
    " ",
    "a\0b",
    "a\nb",
    "a\tb",
    "\x1b[31m",
    "a\x7f",
    "a\u2028b",
    "\ud800",
    " a",
    "a ",
    "a.",
    "b./a",
    "b /a",
    "...",
]
FOLDERS = ["a/", ".", "./", "/", "a/./"]
LONG = ["x" * (LONGEST_NAME + 1), "é" * 128, "/".join(["x" * 200] * 6), "\ud800" * 2_000, "./" * 600 + "a"]


@pytest.mark.parametrize("path", [*LEAVING, *MACHINE, *RESERVED, *UNCLEAN, *FOLDERS, *LONG])
def test_a_path_that_is_not_surely_a_file_of_the_store_is_refused_with_advice(path):
    with pytest.raises(Fault) as refused:
        confined(path)
    said = str(refused.value)
    assert said.isprintable()
    assert len(said) < 4 * LONGEST_PATH


def test_a_refusal_says_what_is_wrong():
    for path, said in {"../x": "leaves the file store", "/x": "absolute", ".git/x": "belongs to the machine"}.items():
        with pytest.raises(Fault, match=said):
            confined(path)


@pytest.mark.parametrize(
    ("path", "canonical"),
    [
        ("a.py", "a.py"),
        ("./a//b/./c.py", "a/b/c.py"),
        ("…/ü/名.txt", "…/ü/名.txt"),
        (".gitignore", ".gitignore"),
        (".github/workflows/x.yml", ".github/workflows/x.yml"),
        ("-rf", "-rf"),
        ("a b/c'd", "a b/c'd"),
        ("x" * LONGEST_NAME, "x" * LONGEST_NAME),
        ("console.py", "console.py"),
        ("auxiliary/com10.py", "auxiliary/com10.py"),
        ("..a", "..a"),
    ],
)
def test_a_harmless_path_is_taken_in_its_canonical_form(path, canonical):
    assert confined(path) == canonical
    assert confined(canonical) == canonical


def _hostile(shared_data):
    yield from (shared_data / "path-traversal" / "traversal_paths.txt").read_text(errors="surrogateescape").split("\n")
    yield from json.loads((shared_data / "blns" / "blns.json").read_text())


def test_every_known_hostile_name_is_refused_or_written_inside_to_the_byte(shared_data, workspace, tmp_path):
    """Both lists of public attack strings, each as a file's name and as its text."""
    outside = sorted(tmp_path.iterdir())
    refused, transaction = 0, Transaction(Snapshot())
    for name in _hostile(shared_data):
        try:
            transaction.write(name, f"{name}\r\n" if name.isprintable() else "plain")
        except Fault:
            refused += 1
    workspace.lay(transaction.change, {})
    assert sorted(tmp_path.iterdir()) == outside
    assert refused > 300
    assert len(transaction.change) > 50
    on_disk = {
        path.relative_to(workspace.path).as_posix(): path.read_bytes()
        for path in workspace.path.rglob("*")
        if path.is_file() and path.relative_to(workspace.path).parts[0] not in (".git", ".l2mac")
    }
    assert on_disk == {path: text.encode() for path, text in transaction.change.items()}
