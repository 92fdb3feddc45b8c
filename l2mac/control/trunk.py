"""The trunk: the retired state, in the journal first, then on disk, then in git."""

from __future__ import annotations

from ..memory.journal import Event, Journal
from ..memory.snapshot import Change, Snapshot
from ..memory.workspace import Workspace
from .records import Addresses, Adopted, Retired, Undone
from .state import State


class Trunk:
    """Moves the retired state forward, in the order that a crash can't tear: journal, files, git.

    Laying files and committing are idempotent, so that what a crash cut off is simply done again.

    Args:
        journal: where every change stands before it stands anywhere else.
        workspace: the folder and its history.
        now: follows the journal.
    """

    def __init__(self, journal: Journal, workspace: Workspace, now: State) -> None:
        self._journal = journal
        self._workspace = workspace
        self._now = now

    @property
    def snapshot(self) -> Snapshot:
        """The retired state."""
        return self._now.trunk

    def catch_up(self) -> None:
        """Lay out and commit what was journalled when a crash came."""
        if self._now.pending:
            event, change, before = self._now.pending
            self._workspace.lay(self._texts(change), before)
            self._commit(event, change)

    def take_over(self, place: str) -> None:
        """Take in the project that a run finds when it begins."""
        if not self._journal.recorded(f"{place}/adopted"):
            found = self._workspace.read()
            adopted = Adopted(self.addresses(found), tuple(sorted(found.kept)), self._now.commit)
            self._journal.record(f"{place}/adopted", "adopted", adopted, f"{len(found)} files that were there")

    def adopt(self, place: str) -> None:
        """Take in what the user did to the files since the machine last looked."""
        edits, now = self._workspace.edits(self._now.trunk, self._now.commit), self._now
        if not edits.change and edits.kept == now.trunk.kept and edits.head == now.commit:
            return
        adopted = Adopted(self.addresses(edits.change), tuple(sorted(edits.kept)), edits.head, edits.loose)
        gist = ", ".join(sorted(edits.change)) or "the user's own commit"
        looks = self._journal.count(f"{place}/adopted-")
        self._move(f"{place}/adopted-{looks}", "adopted", adopted, gist)

    def take_in(self, place: str, change: Change, gist: str) -> None:
        """Take in files that the user sent, and did not lay into the workspace."""
        kept = tuple(sorted(self._now.trunk.kept))
        adopted = Adopted(self.addresses(change), kept, self._now.commit, tuple(sorted(change)), sent=True)
        self._move(place, "adopted", adopted, gist)

    def retire(self, place: str, retired: Retired, title: str) -> None:
        """Make an instruction's change part of the trunk."""
        self._move(f"{place}/retired", "retired", retired, title)

    def addresses(self, change: Change) -> Addresses:
        """Keep the texts of a change in the journal; the form in which events hold it."""
        return {path: None if text is None else self._journal.keep(text) for path, text in sorted(change.items())}

    def _move(self, place: str, kind: str, change: Adopted | Retired, gist: str) -> None:
        """Record a change and commit it. An order that a lane takes in between would part the two for a replay."""
        with self._journal.alone():
            self._journal.record(place, kind, change, gist)
            self.catch_up()

    def _texts(self, change: Addresses) -> dict[str, str | None]:
        return {path: None if address is None else self._journal.text(address) for path, address in change.items()}

    def _commit(self, event: Event, change: Addresses) -> None:
        """Commit what an event changed. Everything that enters the hash stands in the journal."""
        texts, parent, message, branch = self._texts(change), self._now.commit, self._message(event), self._now.branch
        self._journal.step(
            f"{event.place}-committed",
            "committed",
            str,
            lambda: self._workspace.git.commit(texts, parent, message, int(event.time), branch),
            gist=lambda commit: commit[:10],
            redoable=True,  # made again it is the same
        )

    def _message(self, event: Event) -> str:
        if event.kind == "adopted":
            return "Adopt the user's changes"
        if event.kind == "undone":
            return f"Go back to {self._journal.load(event, Undone).to}\n"
        return f"{event.gist}\n\n{self._journal.load(event, Retired).summary}\n"
