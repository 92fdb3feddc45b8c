"""One thing of a run, looked at closely, as text for a terminal."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from ..control.records import Retired
from ..control.state import State, state
from ..domains.book.manuscript import lengths
from ..domains.length import ANY
from ..errors import UsageError
from ..memory.journal import Event, Journal
from ..program.form import written
from ..program.values import Instruction, Program
from . import views
from .plain import clipped, plain, yaml_lines
from .story import counted, tell
from .turn import in_full, told

_MARKS = {True: "met", False: "not met", None: "not judged yet"}
_SIGNS = {True: "✓", False: "✗", None: "·"}


class Show:
    """What can be shown of one run.

    Args:
        journal: the run's journal.
        name: how the run was named on the command line.
    """

    def __init__(self, journal: Journal, name: str) -> None:
        self.journal = journal
        self.name = name
        self.now: State = state(journal)
        self.words = {
            "program": self.program,
            "requirements": self.requirements,
            "prompt": self.prompt,
            "settings": self.settings,
            "files": self.files,
            "checks": self.checks,
            "audit": self.audit,
        }

    def text(self, what: str) -> str:
        """One thing as text.

        Args:
            what: a word, the id of a requirement or an instruction, or a turn, `I3/2` or `I3/0/2`.

        Raises:
            UsageError: there is no such thing; the text says what there is.
        """
        if not what:
            lines = self.overview()
        elif what in self.words:
            lines = self.words[what]()
        elif "/" in what:
            lines = self.turn(what)
        elif any(it["id"] == what for it in views.requirements(self.now)):
            lines = self.requirements(what)
        else:
            lines = self.instruction(self._known(what))
        return plain("\n".join(lines))

    def data(self, what: str) -> Any:
        """One thing as plain data: the program, the requirements, or one instruction; nothing named, the status.

        Raises:
            UsageError: there is no such thing, or it has no such form.
        """
        match what:
            case "":
                return views.status(self.now)
            case "program":
                return asdict(self._program())
            case "requirements":
                return views.requirements(self.now)
        if what in self.words or "/" in what:
            raise UsageError("--json is for program, requirements and one instruction, such as I1")
        return self._instruction(self._known(what))

    # -- the run as a whole ---------------------------------------------------------------------------------------

    def overview(self) -> Iterator[str]:
        """What can be shown."""
        told, program = views.status(self.now), self.now.program or Program()
        asked = counted(len(program.requirements), "requirement")
        yield f"{told['name']}: {told['outcome']}, {asked}, {counted(told['files'], 'file')}"
        yield ""
        turns = Counter(turn.reply.instruction for turn in views.turns(self.journal))
        for id in self._ids():
            it = self._planned(id)
            yield f"{id:6} {self.now.status(it):8} {clipped(it.title, 60)} ({counted(turns[id], 'turn')})"
        yield ""
        yield f"l2mac show {self.name} WHAT, where WHAT is one of: {self._choice()}"

    def program(self) -> Iterator[str]:
        """The program as the YAML that `--program` reads."""
        yield from yaml_lines(written(self._program()))

    def requirements(self, only: str = "") -> Iterator[str]:
        """The requirements with their evidence, as Markdown: all in a table, or one with its whole text."""
        program, asked = self._program(), views.requirements(self.now)
        if not only:
            yield f"# Requirements of {self.now.birth.name if self.now.birth else self.name}\n"
            yield from _ledger(asked)
            return
        for it in asked:
            if it["id"] == only:
                yield f"# {only}: {_MARKS[it['met']]}\n\n{' '.join(it['text'].split())}\n".replace("<", "\\<")
                covered = (f"{id} {' '.join(program[id].title.split())}" for id in it["covered_by"])
                yield f"- covered by: {'; '.join(covered) or 'nothing'}".replace("<", "\\<")
                yield from (f"- evidence: {_evidence(piece)}" for piece in it["evidence"])
                yield from ([] if it["evidence"] else [f"- evidence: {it['by'] or 'none yet'}"])

    def prompt(self) -> Iterator[str]:
        """What was asked."""
        yield self.now.birth.prompt if self.now.birth else ""

    def settings(self) -> Iterator[str]:
        """With what the run was born, and what it runs with now. Keys are not in the journal, and neither here."""
        birth, setting = self.now.birth, self.now.setting
        if birth:
            fixed = ("name", "domain", "steps", "tests", "version", "branch")
            yield from yaml_lines({name: getattr(birth, name) for name in fixed})
            yield from yaml_lines({"length": asdict(birth.length)} if birth.length != ANY else {})
        if setting:
            llm = {key: _no_secret(key, value) for key, value in setting.llm.items()}
            yield from yaml_lines({"processor": _no_secret("", setting.processor), "sandbox": setting.sandbox})
            yield from yaml_lines({"llm": {"model": self.now.model, **llm}, "budget": self.now.limits})

    def files(self) -> Iterator[str]:
        """The retired files with their lines of code, or with the words of chapters."""
        told, trunk = views.status(self.now), self.now.trunk
        sizes = {path: views.loc([text]) for path, text in trunk.items()} if told["words"] is None else lengths(trunk)
        for path in sorted({*trunk, *trunk.kept}):
            yield f"{sizes.get(path, '' if path in trunk else 'binary'):>6} {path}"
        total = f"{told['loc']:6} lines of code in {counted(told['files'], 'file')}"
        yield total if told["words"] is None else f"{told['words']:6} words in {counted(told['chapters'], 'chapter')}"

    def checks(self) -> Iterator[str]:
        """What was checked last."""
        yield from self._reports("there is no check yet", "baseline", "checks", "audit")

    def audit(self) -> Iterator[str]:
        """What the audit said of the whole, and how the run ended."""
        yield from self._reports("there is no audit yet", "audit")
        if ended := self.now.ended:
            yield f"\n{ended.outcome}, exit code {ended.exit_code}"
            yield from (f"  {reason}" for reason in ended.reasons)
            yield from (f"  failed before and still fails: {it}" for it in ended.tolerated)
            yield from (f"  {it.requirement} {'shown by' if it.met else 'not shown:'} {it.by}" for it in ended.shown)

    def _reports(self, nothing: str, *kinds: str) -> Iterator[str]:
        found = [(event, reports) for event, reports in views.judgements(self.journal) if event.kind in kinds]
        if not found:
            raise UsageError(f"{nothing}; there is: {self._choice()}")
        event, reports = found[-1]
        yield f"{event.kind} at {event.key}"
        yield from in_full(reports)

    # -- one instruction ------------------------------------------------------------------------------------------

    def instruction(self, id: str) -> Iterator[str]:
        """One instruction: its text, how it went, and what it changed."""
        it = self._instruction(id)
        yield f"{id} {it['title']}: {it['state']}"
        yield from (f"{name}: {', '.join(it[name])}" for name in ("covers", "needs", "files") if it[name])
        yield from (f"accepted when this ends well: {plain(command)}" for command in it["acceptance"])
        if it["text"].strip():
            yield f"\n{it['text'].strip()}"
        yield ""
        epoch = 1
        for event in self._events(id):
            if event.epoch != epoch:
                epoch = event.epoch
                yield f"— epoch {epoch} —"
            yield from tell(event, self.journal)
        if it["summary"]:
            yield f"\nhand-over:\n{it['summary']}"
        if it["commit"]:
            yield f"\ncommit {it['commit']}"
        if it["diff"]:
            yield f"\n{it['diff']}"

    def _planned(self, id: str) -> Instruction:
        """An instruction of the program, or what the journal knows of one that is no part of it."""
        program = self.now.program or Program()
        title = next((event.gist for event in self._events(id) if event.kind == "began"), "")
        return next((it for it in program.instructions if it.id == id), Instruction(id, title, ""))

    def _instruction(self, id: str) -> dict[str, Any]:
        planned, events = self._planned(id), self._events(id)
        retired = next((event for event in reversed(events) if event.kind == "retired"), None)
        return {
            **asdict(planned),
            **views.instruction(planned, self.now),
            "replies": [turn.place for turn in views.turns(self.journal) if turn.reply.instruction == id],
            "diff": self._diff(retired) if retired else "",
        }

    def _diff(self, event: Event) -> str:
        before, change = state(self.journal, event.seq - 1).trunk, self.journal.load(event, Retired).change
        parts: list[str] = []
        for path, address in change.items():
            old, new = before.get(path, ""), self.journal.text(address) if address else ""
            names = (f"a/{path}" if path in before else "/dev/null", f"b/{path}" if address else "/dev/null")
            parts += difflib.unified_diff(_lines(old), _lines(new), *names, lineterm="")
        return "\n".join(parts)

    # -- one turn -------------------------------------------------------------------------------------------------

    def turn(self, what: str) -> Iterator[str]:
        """One turn: the reply, and what followed."""
        found = [turn for turn in views.turns(self.journal) if _names(what, turn.place)]
        if not found:
            turns = [
                it.place.split("/", 1)[1] for it in views.turns(self.journal) if _names(what.split("/")[0], it.place)
            ]
            raise UsageError(f"there is no turn {clipped(what, 60)!r}; there is: {_few(turns) or self._choice()}")
        yield from told(found[-1], self.journal)

    # -- what there is --------------------------------------------------------------------------------------------

    def _events(self, id: str) -> list[Event]:
        return [event for event in self.journal.events() if event.instruction == id]

    def _program(self) -> Program:
        if self.now.program is None:
            raise UsageError(f"there is no program yet; there is: {self._choice()}")
        return self.now.program

    def _ids(self) -> list[str]:
        """The instructions, those that were begun first; one dropped from the program is still history."""
        began = [event.instruction for event in self.journal.events() if event.kind == "began"]
        return list(dict.fromkeys([*began, *(it.id for it in (self.now.program or Program()).instructions)]))

    def _known(self, id: str) -> str:
        if id in self._ids():
            return id
        raise UsageError(f"there is no {clipped(id, 60)!r} in this run; there is: {self._choice()}")

    def _choice(self) -> str:
        ids = self._ids()
        turn = [f"a turn such as {ids[-1]}/1"] if ids else []
        return f"{', '.join([*self.words])}, {_few(ids)}{', ' if turn else ''}{', '.join(turn)}"


def _ledger(asked: list[dict[str, Any]]) -> Iterator[str]:
    """What was asked, who did it, where it stands, which test shows it, and what came of that: one line for each."""
    judged = [it["met"] for it in asked if it["met"] is not None]
    if judged:
        yield f"{sum(judged)} of {counted(len(judged), 'requirement')} shown.\n"
    rows = [("", "Requirement", "Instructions", "Where", "Test", "Outcome")]
    for it in asked:
        head = (f"{it['id']} {_SIGNS[it['met']]}", clipped(it["text"], 60), ", ".join(it["covered_by"]) or "none")
        pieces = it["evidence"] or [{"place": "", "test": "", "outcome": it["by"] or "none yet"}]
        for number, piece in enumerate(pieces):
            rows.append((*(("", "", "") if number else head), piece["place"], piece["test"], piece["outcome"]))
    cells = [[re.sub(r"([|<])", r"\\\1", " ".join(it.split())) for it in row] for row in rows]
    widths = [min(max(len(row[at]) for row in cells), 72) for at in range(len(rows[0]))]
    cells.insert(1, ["-" * width for width in widths])
    yield from (f"| {' | '.join(it.ljust(width) for it, width in zip(row, widths, strict=True))} |" for row in cells)


def _evidence(piece: dict[str, Any]) -> str:
    return ", ".join(filter(None, (piece["place"], piece["test"], piece["outcome"]))).replace("<", "\\<")


def _lines(text: str) -> list[str]:
    """The lines of a file as a diff has them."""
    *lines, last = text.split("\n")
    return [*lines, f"{last}\n\\ No newline at end of file"] if last else lines


def _names(what: str, place: str) -> bool:
    """Whether `I3`, `I3/2`, `I3/0/2` or `1/I3/0/2` means the turn at a place; the newest such is meant."""
    _, id, attempt, number = place.split("/")
    return what in (id, f"{id}/{number}", f"{id}/{attempt}/{number}", place)


def _few(ids: list[str], most: int = 12) -> str:
    return ", ".join(ids) if len(ids) <= most else f"{', '.join(ids[: most - 1])} … {ids[-1]}"


def _no_secret(key: str, value: Any) -> Any:
    """A setting without what may be secret in it: an address can hold a password."""
    if re.search("key|secret|password", key):
        return "(hidden)"
    if isinstance(value, list):
        return [_no_secret(key, it) for it in value]
    if isinstance(value, dict):
        return {name: _no_secret(name, it) for name, it in value.items()}
    return re.sub(r"//[^/@\s]+@", "//(hidden)@", value) if isinstance(value, str) else value
