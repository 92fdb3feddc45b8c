"""The verbs that go back in a run: undo, fork, replay."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import BaseModel

from .assembly import assemble, lane_folder
from .checks.languages import artefacts
from .checks.report import Report
from .config import Settings, load_settings
from .control.control_unit import ControlUnit
from .control.records import Adopted, Command, Forked, Retired, Undone
from .control.state import State, following, state
from .control.trunk import Trunk
from .errors import Differs, UsageError
from .machine import at_home, born, open_journal, remembered, there
from .memory.journal import Event, Journal
from .memory.orders import FOLDER, Note, OrderBox
from .memory.playback import Finished, Playback, Turned
from .memory.rehearsal import Rehearsal
from .memory.workspace import Workspace
from .naming import find_run, new_folder
from .processor.protocol import Listener, Processor, Reply, Request
from .program.flow import Decision
from .program.values import Program
from .providers import Supply
from .watcher import Watcher

_NAMED = 12  # points that are listed one by one


def points(now: State) -> dict[str, int]:
    """Where a run can go back to: `I0`, its program, and every retired instruction, oldest first, with its event."""
    retired = sorted((it.at, id) for id, it in now.instructions.items() if it.retired)
    return {"I0": now.compiled, **{id: at for at, id in retired}} if now.compiled else {}


def point(now: State, wanted: str) -> str:
    """The instruction after which to go on, given as its id or as how many are retired by then.

    Raises:
        UsageError: there is none; the text says which there are.
    """
    found = list(points(now))
    if not found:
        raise UsageError("the run has no program yet, so there is nothing to go back to")
    if wanted in found:
        return wanted
    if wanted.isdecimal() and len(wanted) < 6 and int(wanted) < len(found):
        return found[int(wanted)]
    told = [f"{number} ({id if number else 'the program, nothing done'})" for number, id in enumerate(found)]
    listed = [*told[:2], "…", *told[4 - _NAMED :]] if len(told) > _NAMED else told
    raise UsageError(f"there is no {wanted[:20]!r} to go back to; choose from {', '.join(listed)}")


def undo(run: str | Path, to: str | int, *, settings: Settings | None = None) -> tuple[Path, Undone | None]:
    """Go back to the state after an instruction; `resume` goes on from there.

    Nothing is destroyed: the journal keeps what was undone, the history gets a commit. What the user wrote stays.

    Args:
        run: the run's folder, or its name in the output folder.
        to: the instruction's id, or how many are retired by then; 0 is the program with nothing done.
        settings: by default those of `load_settings`.

    Returns:
        the run's folder, and what was undone; None where nothing came after that instruction.

    Raises:
        UsageError: there is no such run or instruction, or another process is at work on it.
    """
    settings = settings or load_settings()
    workspace = Workspace(find_run(run, settings.run.out), artefacts())
    journal = open_journal(workspace)
    try:
        now = following(journal)
        born(workspace, now)
        at_home(workspace, now)
        id = point(now, str(to))
        trunk = Trunk(journal, workspace, now)
        trunk.catch_up()
        trunk.adopt("-/0/0")
        undone = _undone(journal, now, trunk, id)
        if not undone.dropped and not now.ended:
            return workspace.path, None
        journal.begin_epoch(f"undone to {id}", "undone", undone)
        trunk.catch_up()
        return workspace.path, undone
    finally:
        journal.close()


def fork(
    run: str | Path,
    at: str | int,
    *,
    name: str | None = None,
    out: str | Path | None = None,
    note: str = "",
    settings: Settings | None = None,
) -> Path:
    """Make a new run that is what another was after an instruction; `resume` goes on with it, at no cost so far.

    The other is only read; it may be at work.

    Args:
        run: the other's folder, or its name in the output folder.
        at: the instruction's id, or how many are retired by then; 0 is the program with nothing done.
        name: of the new run's folder; by default the other's and `-fork`.
        out: the folder in which that is made.
        note: what the model is to know from there on.
        settings: by default those of `load_settings`.

    Returns:
        the new run's folder.

    Raises:
        UsageError: there is no such run or instruction, or the folder can't be made.
    """
    settings = settings or load_settings()
    origin = Workspace(find_run(run, settings.run.out))
    orders = [_note(note)] if note else []
    folder = new_folder(Path(out or settings.run.out), name or f"{origin.path.name}-fork")
    # It gets its name when it is whole: what a crash leaves is no run, and is removed by the next.
    part = Workspace(folder.with_name(f".{folder.name}.part"), artefacts())
    shutil.rmtree(part.path, ignore_errors=True)
    journal = Journal(origin.state / "run.db", writable=False)
    try:
        now = state(journal)
        born(origin, now)
        there(origin)
        id = point(now, str(at))
        seq = _settled(journal, points(now)[id])
        past = state(journal, seq)
        before = past.pending[2] if past.pending else past.trunk
        part.take(origin.path, past.branch, past.commit, before, before.kept)
        journal.copy(part.state / "run.db", seq)
    finally:
        journal.close()
    _part(part, Forked(folder.name, origin.path.name, id))
    for order in orders:
        OrderBox(part.state / FOLDER).give(order)
    part.path.rename(folder)
    return folder


def _note(text: str) -> BaseModel:
    try:
        return Note(text=text)
    except ValueError:
        raise UsageError("the note is too long; 4,000 characters are allowed") from None


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay went through."""

    path: Path
    instructions: int
    """Those that were retired."""
    events: int
    complete: bool
    """Whether it got to the run's end; a run that was stopped is gone through as far as it is recorded."""


def replay(run: str | Path, *, checks: bool = False, settings: Settings | None = None) -> Replayed:
    """Execute a run again from its journal, in a scratch folder, without the model; nothing of the run is touched.

    Each instruction's files, each decision and each commit are computed anew and compared with what is recorded.

    Args:
        run: the run's folder, or its name in the output folder.
        checks: run checks and commands again too, and compare their outcomes.
        settings: by default those of `load_settings`; what decides how the run goes is taken from its journal.

    Raises:
        Differs: something came out otherwise; the text names the first such thing.
        UsageError: there is no such run, or its history is gone.
    """
    settings = settings or load_settings()
    origin = Workspace(find_run(run, settings.run.out))
    there(origin)
    journal = Playback(origin.state / "run.db", _again if checks else lambda form: None)
    with closing(journal), TemporaryDirectory(prefix="l2mac-replay-") as folder:
        workspace = Rehearsal(Path(folder, origin.path.name), artefacts())
        now = following(journal)
        try:
            _go_through(journal, now, origin, workspace, settings)
        finally:
            workspace.close()
            shutil.rmtree(lane_folder(workspace.path).parent, ignore_errors=True)
        if now.commit and origin.git.run("rev-list", "--max-count=1", now.commit, f"^refs/heads/{now.branch}"):
            raise Differs(f"the branch {now.branch} of {origin.path} has lost the run's last commit, {now.commit[:10]}")
        retired = sum(1 for event in journal.events() if event.kind == "retired")
        return Replayed(origin.path, retired, len(list(journal.events())), now.ended is not None)


def _go_through(journal: Playback, now: State, origin: Workspace, workspace: Rehearsal, settings: Settings) -> None:
    """Run the machine on a playback until nothing more is recorded."""
    while True:
        for event in journal.go_on():
            if event.kind == "opened" and not workspace.path.exists():
                workspace.take(origin.path, now.branch, now.commit, {}, frozenset())
            elif event.kind == "adopted" and now.commit:
                workspace.bring(origin.path, now.trunk.kept)
                _lay_theirs(journal, event, workspace)
        if journal.left is None or now.setting is None:
            return
        before = list(journal.observers)
        unit = _machine(journal, now, workspace, settings)
        try:
            unit.run()
        except Turned:
            continue
        except Finished:
            return
        finally:
            unit.lanes.close()
            journal.observers[:] = before
        if journal.left:
            raise Differs(f"the run went on with {journal.left.place} ({journal.left.kind}), and now it has ended")


def _lay_theirs(journal: Playback, event: Event, workspace: Workspace) -> None:
    """Put the user's loose files where they stood when the machine committed them: a mode is in no journal."""
    adopted, after = journal.load(event, Adopted), journal.left
    if after and after.kind == "committed":
        there = "\0".join(path for path in adopted.loose if adopted.change[path] is not None)
        git = ("checkout", "--quiet", journal.load(after, str), "--pathspec-from-file=-", "--pathspec-file-nul")
        workspace.git.run("--literal-pathspecs", *git, stdin=there.encode("utf-8", "surrogateescape"))


def _machine(journal: Playback, now: State, workspace: Workspace, settings: Settings) -> ControlUnit:
    """The machine as it was, with a processor that is never asked."""
    assert now.setting is not None
    was = now.setting.machine
    usual = Settings(sandbox=settings.sandbox, checks=settings.checks, packages=settings.packages)
    again = remembered(usual, now)
    again = again.model_copy(
        update={
            "llm": again.llm.model_copy(update={"window": was.get("window") or again.llm.window}),
            "checks": again.checks.model_copy(update={"mutation": was.get("mutation", again.checks.mutation)}),
            "run": again.run.model_copy(
                update={it: was[it] for it in ("turns", "lanes", "candidates", "accept_unverified") if it in was}
            ),
        }
    )
    silent = _Silent(now.setting.processor, frozenset(was.get("forms", ("tools",))))
    return assemble(journal, workspace, again, silent, _Silence(again.llm, workspace.path, print), Watcher(), now)


@dataclass(frozen=True, slots=True)
class _Silent:
    """Stands where a processor stood."""

    name: str
    forms: frozenset[str]

    def complete(self, request: Request, listener: Listener | None = None) -> Reply:
        raise Differs(f"a reply is needed at {request.place} that is not recorded")


class _Silence(Supply):
    """Gives no processors."""

    def switch(self, model: str, temperature: float | None = None) -> Processor:
        return _Silent(model, frozenset({"tools"}))


def _again(form: Any) -> Callable[[Any, Any], str] | None:
    """How the outcomes of checks and commands are compared."""
    if form == list[Report]:
        return lambda told, made: _unlike({it.check: it.outcome for it in told}, {it.check: it.outcome for it in made})
    if form is Decision:
        return lambda told, made: _unlike(asdict(told), asdict(made))
    return (lambda told, made: _unlike(told.change, made.change)) if form is Command else None


def _unlike(told: dict[str, Any], made: dict[str, Any]) -> str:
    found = [name for name in sorted({*told, *made}) if told.get(name) != made.get(name)]
    return ", ".join(f"{name} was {str(told.get(name))[:60]}, is {str(made.get(name))[:60]}" for name in found[:3])


def _settled(journal: Journal, seq: int) -> int:
    """The event with which what an event retired was committed; the event itself where that is missing.

    Only what other lanes did may stand between the two.
    """
    key = next(event.key for event in journal.events(seq - 1))
    return next((event.seq for event in journal.events(seq) if event.key == f"{key}-committed"), seq)


def _part(workspace: Workspace, forked: Forked) -> None:
    """Begin what the copy does on its own."""
    journal = open_journal(workspace)
    try:
        now = following(journal)
        journal.begin_epoch(f"forked from {forked.origin} at {forked.at}", "forked", forked)
        Trunk(journal, workspace, now).catch_up()
    finally:
        journal.close()


def _undone(journal: Journal, now: State, trunk: Trunk, id: str) -> Undone:
    """What leads back to the state after an instruction, with all that the user did since."""
    at = points(now)[id]
    past = state(journal, at)
    theirs, worked, mixed = dict[str, str | None](), set[str](), set[str]()
    for event in journal.events(at):
        if event.kind == "retired":
            worked |= journal.load(event, Retired).change.keys()
        elif event.kind == "adopted":
            change = journal.load(event, Adopted).change
            theirs |= {path: None if it is None else journal.text(it) for path, it in change.items()}
            mixed |= change.keys() & worked
    standing = {path for path, text in theirs.items() if text is not None} | now.trunk.kept
    taken = standing.union(*map(_folders, standing))
    in_the_way = {it for it in past.trunk.keys() - theirs if it in taken or standing.intersection(_folders(it))}
    then = past.trunk.apply(theirs | dict.fromkeys(in_the_way))
    kept = in_the_way | {path for path in mixed if then.get(path) != past.trunk.get(path)}
    paths = {path for path in {*now.trunk, *then} if now.trunk.get(path) != then.get(path)}
    stays = tuple(it for it, progress in past.instructions.items() if progress.state == "retired")
    return Undone(
        to=id,
        change=trunk.addresses({path: then.get(path) for path in paths}),
        program=past.program or Program(),
        retired=stays,
        dropped=tuple(id for id, it in now.instructions.items() if id not in stays and it.state != "gone"),
        kept=tuple(sorted(kept)),
        reports=past.trunk_reports,
    )


def _folders(path: str) -> list[str]:
    return [path[:at] for at, letter in enumerate(path) if letter == "/"]
