"""The trunk's git history, written so that the same journal always gives the same hashes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from ..errors import UsageError

_IDENTITY = "L2MAC <l2mac@localhost>"
_LOCK = re.compile(r"Unable to create '(.+\.lock)': File exists")
_PATIENCE = 2.0  # seconds that another git may need its lock before it counts as left by a crash
ASIDE = "refs/l2mac/made"

# What a user's settings must not change: hooks would run, signing would ask, a watcher would be started.
_SETTINGS = ("core.hooksPath=/dev/null", "core.fsmonitor=false", "commit.gpgSign=false", "core.quotePath=false")

_FIELDS = {"1": 8, "u": 10, "?": 1}  # how many words stand before the path in each kind of line of the status


class Git:
    """The repository of one trunk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def create(cls, folder: Path, ignored: tuple[str, ...]) -> Git:
        """Make an empty repository; what is `ignored` is listed in its own exclude file, never in the user's."""
        git = cls(folder)
        git.run("init", "--quiet", "--initial-branch=main", "--template=")
        git.ignore(ignored)
        return git

    def take(self, origin: Path, branch: str, commit: str) -> None:
        """Be on a branch that another repository has, at one of its commits, files and all; at none if that is empty.

        The repository must be new.
        """
        self.run("symbolic-ref", "HEAD", f"refs/heads/{branch}")
        if Git(origin).run("branch", "--list", branch):
            self.run("fetch", "--quiet", "--no-tags", str(origin), f"refs/heads/{branch}")
        if commit:
            self.run("update-ref", "HEAD", commit)
            self.run("reset", "--quiet", "--hard")

    def ignore(self, patterns: tuple[str, ...]) -> None:
        """Add patterns to the repository's private exclude file."""
        exclude = Path(self.folder, self.run("rev-parse", "--git-path", "info/exclude").removesuffix("\n"))
        exclude.parent.mkdir(parents=True, exist_ok=True)
        known = exclude.read_bytes() if exclude.exists() else b""
        if missing := [pattern for pattern in patterns if pattern.encode() not in known.splitlines()]:
            with exclude.open("ab") as handle:
                handle.write(b"\n" if known and not known.endswith(b"\n") else b"")
                handle.writelines(f"{pattern}\n".encode() for pattern in missing)

    def branch(self) -> str:
        """The branch that is checked out; empty when none is."""
        return self.run("symbolic-ref", "--quiet", "--short", "HEAD", failing=True).strip()

    def head(self) -> str:
        """The hash of the newest commit; empty before the first."""
        return self.run("rev-parse", "--verify", "--quiet", "HEAD^{commit}", failing=True).strip()

    def stands_at(self, commit: str) -> bool:
        """Whether the newest commit is known, from its usual place and without asking git, to be this one."""
        try:
            kind, _, ref = (self.folder / ".git" / "HEAD").read_text("utf-8").strip().partition(": ")
            return kind == "ref" and (self.folder / ".git" / ref).read_text("utf-8").strip() == commit
        except (OSError, ValueError):
            return False

    def paths(self) -> list[str]:
        """Every file of the project: tracked, or new and not ignored. A repository within it counts as one."""
        return _split(self.run("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"))

    def look(self) -> tuple[str, list[str]]:
        """The hash of the newest commit (empty before the first), and every path on disk that differs from it."""
        listing = self.run("status", "--porcelain=v2", "--branch", "-z", "--untracked-files=all", "--no-renames")
        head, paths = "", []
        for entry in _split(listing):
            if entry.startswith("# branch.oid "):
                head = entry.removeprefix("# branch.oid ").replace("(initial)", "")
            elif fields := _FIELDS.get(entry[0]):
                paths.append(entry.split(" ", fields)[fields])
        return head, sorted(paths)

    def between(self, older: str, newer: str) -> list[str]:
        """Every path in which two commits differ."""
        return _split(self.run("diff", "--name-only", "-z", "--no-renames", older, newer))

    def commit(self, change: Mapping[str, str | None], parent: str, message: str, when: int, branch: str) -> str:
        """Commit a change on top of `parent` and bring it into the branch; return the commit's hash.

        Neither the index nor the texts on disk enter the commit, so making it twice gives the same hash. Where the user
        has committed since, a merge brings the two together.

        Args:
            change: path to new text, or None where the file is deleted.
            parent: hash of the commit below; empty for the first.
            message: title line, and more.
            when: seconds since 1970, UTC.
            branch: the branch to move.
        """
        ref = f"refs/heads/{branch}"
        tip = self.run("rev-parse", "--verify", "--quiet", ref, failing=True).strip()
        if tip in ("", parent):
            made = self._make(ref, change, [parent], message, when)
        else:
            made = self._make(ASIDE, change, [parent], message, when)
            if self.run("rev-list", "--max-count=1", made, f"^{tip}"):
                self._make(ref, change, [tip, made], message, when)
            self.run("update-ref", "-d", ASIDE)
        # The index follows the new commit; the working files are left alone.
        self.run("reset", "--quiet", "--mixed")
        return made

    def _make(self, ref: str, change: Mapping[str, str | None], parents: list[str], message: str, when: int) -> str:
        """Make a commit and let `ref` name it."""
        stream = self.stream(ref, change, parents, message, when, self._modes(parents[0]))
        forced = ["--force"] if ref == ASIDE else []
        return self.run("fast-import", "--quiet", "--date-format=raw", *forced, stdin=stream).strip()

    def stream(
        self,
        ref: str,
        change: Mapping[str, str | None],
        parents: list[str],
        message: str,
        when: int,
        modes: Mapping[str, str],
    ) -> bytes:
        """What makes a commit and prints its hash, in the language of git-fast-import(1).

        Args:
            ref: names the commit afterwards.
            change: path to new text, or None where the file is deleted.
            parents: the commits below; an empty hash for none.
            message: title line, and more.
            when: seconds since 1970, UTC.
            modes: of files that the first parent has.
        """
        parts = [f"commit {ref}\nmark :1\ncommitter {_IDENTITY} {when} +0000\n".encode()]
        parts.append(_data(message.replace("\0", "")))
        words = ("from", "merge")
        parts += [f"{word} {parent}\n".encode() for word, parent in zip(words, parents, strict=False) if parent]
        parts += [f"D {quoted(path)}\n".encode() for path, text in change.items() if text is None]
        for path, text in sorted(change.items()):
            if text is not None:
                mode = modes[path] if path in modes else _mode(self.folder / path)
                parts += [f"M {mode} inline {quoted(path)}\n".encode(), _data(text)]
        return b"".join([*parts, b"get-mark :1\n"])

    def _modes(self, commit: str) -> dict[str, str]:
        """The files of a commit, each with the mode that a new text of it has."""
        listed = _split(self.run("ls-tree", "-r", "-z", commit)) if commit else []
        files = (entry.partition("\t") for entry in listed)
        return {path: "100755" if kind.startswith("100755") else "100644" for kind, _, path in files}

    def run(self, *arguments: str, stdin: bytes = b"", failing: bool = False) -> str:
        """Run git and return what it printed; with `failing`, the answer no (exit code 1) is an empty one.

        Raises:
            UsageError: git is missing, or failed in a way that the user must mend.
        """
        deadline = time.monotonic() + _PATIENCE
        healed: set[str] = set()
        while True:
            done = self._once(arguments, stdin)
            said = done.stderr.decode(errors="surrogateescape").strip()
            if done.returncode == 0:
                return done.stdout.decode(errors="surrogateescape")
            if failing and done.returncode == 1:
                return ""
            lock = _LOCK.search(said)
            if not lock or lock[1] in healed:
                raise UsageError(f"git {arguments[0]} failed in {self.folder}: {_first_line(said)}")
            if time.monotonic() > deadline or _stale(Path(lock[1])):
                Path(lock[1]).unlink(missing_ok=True)
                healed.add(lock[1])
            time.sleep(0.02)

    def command(self, *arguments: str) -> tuple[list[str], dict[str, str]]:
        """The words that run git here, and its environment."""
        settings = [word for setting in _SETTINGS for word in ("-c", setting)]
        # Variables such as GIT_DIR, set when we are called from a hook, would send the commits elsewhere; so would a
        # repository around ours while ours is only half made.
        theirs = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or "SSL" in name}
        ours = {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_CEILING_DIRECTORIES": str(self.folder.resolve().parent)}
        return ["git", *settings, *arguments], theirs | ours

    def _once(self, arguments: tuple[str, ...], stdin: bytes) -> subprocess.CompletedProcess[bytes]:
        command, variables = self.command(*arguments)
        try:
            return subprocess.run(
                command, cwd=self.folder, input=stdin, capture_output=True, env=variables, check=False
            )
        except FileNotFoundError:
            if self.folder.is_dir():
                demand_git()
            raise UsageError(f"the folder {self.folder} is gone") from None


def demand_git() -> None:
    """Make sure that git can be run.

    Raises:
        UsageError: it is not installed.
    """
    if not shutil.which("git"):
        raise UsageError("git is not installed; install it (Debian: `apt install git`) and try again")


def _split(listing: str) -> list[str]:
    return [entry.rstrip("/") for entry in listing.split("\0") if entry]


def _stale(lock: Path) -> bool:
    try:
        return time.time() - lock.stat().st_mtime > _PATIENCE
    except OSError:
        return False


def _mode(file: Path) -> str:
    return "100755" if os.access(file, os.X_OK) and file.is_file() else "100644"


def _data(text: str) -> bytes:
    encoded = text.encode()
    return f"data {len(encoded)}\n".encode() + encoded + b"\n"


def quoted(path: str) -> str:
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _first_line(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    fatal = next((line for line in lines if line.startswith(("fatal:", "error:"))), (lines or ["no reason given"])[0])
    # "dubious ownership": the line that mends it is the last that git prints
    mend = f"; `{lines[-1]}` allows it" if lines and lines[-1].startswith("git config") else ""
    return fatal.removeprefix("fatal: ").removeprefix("error: ") + mend
