"""The state of a run as a pure fold of its journal. Every view is made from this and from nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from itertools import takewhile
from typing import Any

from pydantic import BaseModel

from ..checks.report import Report
from ..checks.spot import Mutants
from ..memory.journal import Event, Journal
from ..memory.orders import Note, Pause, RaiseBudget, Resume, Retry, Stop, SwitchModel, parse
from ..memory.snapshot import Snapshot
from ..processor.protocol import Reply, Usage
from ..processor.tokens import TokenCounter
from ..program.conditions import Facts
from ..program.patch import patched
from ..program.values import Instruction, Patch, Program
from ..tools.files import matches
from ..tools.instruction_set import Evidence
from .records import Addresses, Adopted, Birth, Ended, Exchange, Forked, Retired, Setting, Tally, Undone
from .revision import patch_of, refusal, settled


@dataclass(frozen=True, slots=True)
class Prefixes:
    """How much of what was sent had been sent before, by our own count."""

    counted: int = 0
    """Tokens of the requests that were measured."""
    before: int = 0
    """Those of them that were the beginning of an earlier request."""
    breaks: dict[str, int] = field(default_factory=dict)
    """How often a request did not go on from the one before it, by reason."""

    def plus(self, exchange: Exchange) -> Prefixes:
        """With one call more."""
        if exchange.prefix is None:
            return self
        breaks, why = self.breaks, exchange.why
        breaks = {**breaks, why: breaks.get(why, 0) + 1} if why else breaks
        return Prefixes(self.counted + exchange.counted, self.before + exchange.prefix, breaks)


@dataclass(slots=True)
class Progress:
    """How far one instruction is."""

    state: str = "begun"
    """`begun`, `retired` or `blocked`; `gone` from the program; `waiting` to be tried again, as if without progress."""
    windows: int = 0
    """How many were opened for it."""
    first: int = 0
    """The number of the first window of the present try."""
    turns: int = 0
    usage: Usage = field(default_factory=lambda: Usage(cost=0.0))
    prefixes: Prefixes = field(default_factory=Prefixes)
    tally: Tally = field(default_factory=Tally)
    """What the checks said last, in numbers: the reports themselves would grow with the square of the program."""
    retired: Retired | None = None
    at: int = 0
    """The event that retired it."""
    commit: str = ""
    reason: str = ""
    """Why it is blocked."""
    conflicts: int = 0
    """How often its work did not go together with what was retired meanwhile."""

    def again(self, conflicts: int = 0) -> Progress:
        """As it is when it waits for another try, in windows of its own."""
        return replace(self, state="waiting", reason="", first=self.windows, conflicts=self.conflicts + conflicts)


@dataclass(slots=True)
class State:
    """What the journal says up to one event."""

    birth: Birth | None = None
    setting: Setting | None = None
    program: Program | None = None
    compiled: int = 0
    """The event with which there was a program."""
    instructions: dict[str, Progress] = field(default_factory=dict)
    trunk: Snapshot = field(default_factory=Snapshot)
    commit: str = ""
    """The newest commit of the trunk that the journal knows."""
    pending: tuple[Event, Addresses, Snapshot] | None = None
    """A change that is journalled but not known to be committed, and the snapshot before it."""
    baseline: tuple[Report, ...] = ()
    origin: Snapshot = field(default_factory=Snapshot)
    """The files that the run began on."""
    mutants: Mutants | None = None
    """What the last spot check by mutation found of the whole."""
    trunk_reports: tuple[Report, ...] = ()
    """What the checks of the whole said of the newest retired state."""
    last_reports: dict[str, tuple[Report, ...]] = field(default_factory=dict)
    """What the checks said last of each instruction in flight."""
    usage: Usage = field(default_factory=lambda: Usage(cost=0.0))
    calls: int = 0
    saved: float = 0.0
    """Seconds of builds and tests that were not needed, because the same had been judged before."""
    prefixes: Prefixes = field(default_factory=Prefixes)
    sent: set[str] = field(default_factory=set)
    """The marks of all beginnings of requests (see `control.prefix`)."""
    reserve: float = 0.0
    """Seconds that the checks of the whole took last: the audit will need as many."""
    seconds: float = 0.0
    """Time spent in steps: replies, checks, commands. What lanes do at once counts once."""
    spans: tuple[tuple[float, float], ...] = ()
    """When that was, as far as it matters."""
    notes: dict[str, str] = field(default_factory=dict)
    """What the user wants the model to know, by the id of the order."""
    model: str = ""
    """The model in use."""
    limits: dict[str, float | None] = field(default_factory=dict)
    """The limits of the budget in force."""
    paused: bool = False
    """Whether an order holds the run."""
    stopped: str = ""
    """Why the machine stopped before the end; empty while it goes on."""
    ended: Ended | None = None

    @property
    def branch(self) -> str:
        """The branch on which the run's commits stand."""
        return self.birth.branch if self.birth else ""

    @property
    def summaries(self) -> dict[str, str]:
        """What the retired instructions handed over, by id, in the order of their retirement."""
        return {id: it.retired.summary for id, it in self.instructions.items() if it.retired}

    @property
    def evidence(self) -> list[Evidence]:
        """What the retired instructions showed."""
        return [evidence for it in self.instructions.values() if it.retired for evidence in it.retired.evidence]

    @property
    def acceptance(self) -> tuple[str, ...]:
        """The commands that show the retired instructions to be done, each once."""
        done = (it for it in (self.program or Program()).instructions if self.status(it) == "retired")
        return tuple(dict.fromkeys(command for it in done for command in it.acceptance))

    @property
    def waived(self) -> list[str]:
        """The lint findings that were accepted as advice."""
        return [label for it in self.instructions.values() if it.retired for label in it.retired.waived]

    @property
    def lanes(self) -> int:
        """How many instructions may be in flight at once."""
        return int(self.setting.machine.get("lanes", 1)) if self.setting else 1

    @property
    def clashing(self) -> frozenset[str]:
        """The instructions whose work did not go together with others' so often that they are executed alone."""
        return frozenset(id for id, it in self.instructions.items() if it.conflicts >= MOST_CONFLICTS)

    def become(self, other: State, instruction: str = "") -> None:
        """Be what another is, and move on apart from it; of the instructions in flight only the named one stays so."""
        for it in fields(State):
            value = getattr(other, it.name)
            setattr(self, it.name, dict(value) if isinstance(value, dict) else value)
        kept = {id: it for id, it in other.instructions.items() if it.state != "begun" or id == instruction}
        self.instructions = kept

    def reopen(self) -> None:
        """Make it what it is when a run that had ended is taken up again: what is not retired is tried anew."""
        self.ended = self.mutants = None
        self.instructions = {id: it for id, it in self.instructions.items() if it.state == "retired"}

    def model_for(self, named: str) -> str:
        """The model to use under settings that name one: an order that switched it holds until they change."""
        return self.model if self.setting and named == self.setting.model else named

    def status(self, instruction: Instruction) -> str:
        """`waiting`, `begun`, `retired` or `blocked`."""
        progress = self.instructions.get(instruction.id)
        return progress.state if progress else "waiting"

    def states(self) -> dict[str, str]:
        """The instructions that have ended, and how."""
        return {id: it.state for id, it in self.instructions.items() if it.state not in ("begun", "waiting")}

    def facts(self) -> Facts:
        """What the conditions of the program are about: the retired files, and what the checks said of them."""
        tally = Tally.of(self.trunk_reports)
        numbers = {f"tests.{name}": getattr(tally, name) for name in ("passed", "failed", "skipped")}
        return Facts(
            self.trunk,
            {report.check: report.outcome for report in self.trunk_reports},
            {**numbers, "errors": tally.errors},
            lambda glob: [path for path in sorted(self.trunk) if matches(path, glob)],
        )

    def settled(self) -> dict[str, str]:
        """The instructions that stay as they are, and why."""
        return settled({id: it.state for id, it in self.instructions.items()})

    def refusal(self, order: BaseModel) -> str:
        """Why an order can't be obeyed now; empty where it can."""
        return refusal(order, self.program, {id: it.state for id, it in self.instructions.items()}, self.trunk)

    def place(self, instruction: Instruction) -> str:
        """Where in the journal an instruction's present try begins."""
        progress = self.instructions.get(instruction.id)
        return f"{instruction.id}/{progress.first if progress else 0}/0"


MOST_CONFLICTS = 2
"""Times that an instruction is executed again beside others before it is alone."""
_SPANS = 32  # stretches of time that are remembered: more than may overlap with what ends now


def state(journal: Journal, at: int | None = None) -> State:
    """Fold the journal, up to and including event number `at`."""
    events: Iterable[Event] = journal.events()
    if at is not None:
        events = takewhile(lambda event: event.seq <= at, events)
    folded = State()
    for event in events:
        fold(folded, event, journal)
    return folded


def following(journal: Journal) -> State:
    """Fold the journal, and fold in whatever is recorded from now on."""
    now = state(journal)
    journal.observers.append(lambda event: fold(now, event, journal))
    return now


def teach(counter: TokenCounter, journal: Journal, events: Iterable[Event]) -> None:
    """Teach a counter what the providers reported, so that it counts as whoever was told that."""
    for event in events:
        if event.kind == "overflow":
            counter.overflowed()
        elif event.kind == "reply":
            exchange = journal.load(event, Exchange)
            counter.calibrate(exchange.counted, exchange.reported)


def replies(journal: Journal) -> list[tuple[str, Reply]]:
    """Every recorded reply of the model that serves now, with the place of its request, oldest first."""
    found: list[tuple[str, Reply]] = []
    serving = ("", "")
    for event in journal.events():
        if event.kind == "reply":
            found.append((event.key.rpartition("/")[0], journal.load(event, Exchange).reply))
        elif event.kind == "opened":
            setting = journal.load(event, Setting)
            before, serving = serving, (setting.processor, setting.model)
            found = found if serving == before else []
        elif event.kind == "order_taken" and isinstance(parse(journal.load(event, dict[str, Any])), SwitchModel):
            found = []
    return found


def fold(now: State, event: Event, journal: Journal) -> None:
    """Take in one event."""
    _pass(now, event)
    now.paused = now.paused and event.kind.startswith("order_")
    now.stopped = ""
    if event.kind == "baseline" or event.key.endswith("/verdict"):
        now.reserve = event.took
    if progress := now.instructions.get(event.instruction):
        now.instructions[event.instruction] = progress = replace(progress)  # another state may hold the old one
    match event.kind:
        case "born":
            now.birth = journal.load(event, Birth)
            now.commit = now.birth.parent
        case "opened":
            _open(now, journal.load(event, Setting))
        case "epoch" | "forked":
            now.reopen()
            if event.kind == "forked" and now.birth:  # what the other has spent is its own
                now.birth = replace(now.birth, name=journal.load(event, Forked).name)
                now.usage, now.calls, now.seconds, now.saved = Usage(cost=0.0), 0, 0.0, 0.0
        case "undone":
            _go_back(now, event, journal)
        case "baseline":
            now.baseline = now.trunk_reports = tuple(journal.load(event, list[Report]))
            now.origin = now.trunk
        case "mutation" if event.instruction == "-":
            now.mutants = journal.load(event, Mutants)
        case "program":
            now.program = journal.load(event, Program)
            now.compiled = now.compiled or event.seq
            if progress:
                progress.state = "retired"
        case "patched":
            _revise(now, journal.load(event, Patch))
        case "began":
            progress = now.instructions.setdefault(event.instruction, Progress())
            progress.state, progress.windows = "begun", progress.windows + 1
        case "reply":
            exchange = journal.load(event, Exchange)
            usage = exchange.reply.usage
            now.usage, now.calls = now.usage + usage, now.calls + 1
            now.prefixes = now.prefixes.plus(exchange)
            now.sent.update(exchange.marks)
            if progress:
                progress.prefixes = progress.prefixes.plus(exchange)
                progress.turns, progress.usage = progress.turns + 1, progress.usage + usage
        case "checks" if progress:
            now.last_reports[event.instruction] = reports = tuple(journal.load(event, list[Report]))
            progress.tally = Tally.of(reports)
            now.saved += sum(report.saved for report in reports)
        case "adopted":
            adopted = journal.load(event, Adopted)
            now.commit, before = adopted.commit, now.trunk
            _advance(now, adopted.change, journal, frozenset(adopted.kept))
            loose = {path: adopted.change[path] for path in adopted.loose}
            now.pending = (event, loose, before if adopted.sent else now.trunk) if loose else None
        case "retired" if progress:
            progress.retired = journal.load(event, Retired)
            progress.state, progress.at = "retired", event.seq
            now.trunk_reports = now.last_reports.pop(event.instruction, ())
            before = now.trunk
            _advance(now, progress.retired.change, journal, before.kept)
            _revise(now, progress.retired.patch)
            now.pending = (event, progress.retired.change, before)
        case "blocked" if progress:
            progress.state, progress.reason = "blocked", journal.load(event, str)
            now.last_reports.pop(event.instruction, None)
        case "conflict" if progress:
            now.instructions[event.instruction] = progress.again(conflicts=1)
            now.last_reports.pop(event.instruction, None)
        case "order_taken":
            obey(now, parse(journal.load(event, dict[str, Any])), event.key.rsplit("-", 1)[1])
        case "committed":
            now.commit, now.pending = journal.load(event, str), None
            if progress and progress.retired:
                progress.commit = now.commit
        case "stopped":
            now.stopped = journal.load(event, str)
        case "ended":
            now.ended = journal.load(event, Ended)


def _open(now: State, setting: Setting) -> None:
    """Take new settings; one that says the same as before leaves what an order made of it."""
    before = now.setting.limits if now.setting else {}
    now.limits |= {name: limit for name, limit in setting.limits.items() if name not in before or before[name] != limit}
    now.model = now.model_for(setting.model)
    now.setting = setting


def _pass(now: State, event: Event) -> None:
    """Add the time that a step took; of what lanes did at once, what nobody else was busy in."""
    if now.lanes == 1 or not event.took:
        now.seconds += event.took
        return
    began, ended = event.time - event.took, event.time
    apart = [it for it in now.spans if it[1] < began or it[0] > ended]
    joined = [it for it in now.spans if it not in apart]
    whole = min([began, *(it[0] for it in joined)]), max([ended, *(it[1] for it in joined)])
    now.seconds += whole[1] - whole[0] - sum(it[1] - it[0] for it in joined)
    now.spans = tuple(sorted([*apart, whole])[-_SPANS:])


def _revise(now: State, patch: Patch | None) -> None:
    """Change the program; what was tried of instructions that are cut or edited is no longer theirs."""
    if patch is None or now.program is None:
        return
    now.program = patched(now.program, patch)
    there = {it.id for it in now.program.instructions}
    for change in patch.changes:
        progress = now.instructions.get(change.id)
        if progress and change.id not in there:
            now.instructions[change.id] = replace(progress, state="gone")
        elif progress and change.change in ("edit", "split"):
            now.instructions[change.id] = progress.again()
    for id in there & now.instructions.keys():  # an id that was gone and is used again
        if now.instructions[id].state == "gone":
            now.instructions[id] = now.instructions[id].again()


def obey(now: State, order: BaseModel, id: str) -> None:
    """Make of the state what an order asks for, which is known not to be refused."""
    _revise(now, patch_of(order, now.program or Program()))
    match order:
        case Retry(id=blocked) if blocked in now.instructions:
            now.instructions[blocked] = now.instructions[blocked].again()
        case Pause():
            now.paused = True
        case Resume() | Stop():
            now.paused = False
        case Note(text=text):
            now.notes[id] = text
        case RaiseBudget(limit=limit, value=value):
            now.limits[limit] = value
        case SwitchModel(model=model):
            now.model = model


def _go_back(now: State, event: Event, journal: Journal) -> None:
    """Be again what the run was, but for what was spent, what the user said, and the user's files."""
    undone = journal.load(event, Undone)
    now.reopen()
    now.program, now.trunk_reports = undone.program, undone.reports
    now.instructions = {id: it for id, it in now.instructions.items() if id in undone.retired}
    now.last_reports.clear()
    before = now.trunk
    _advance(now, undone.change, journal, before.kept)
    now.pending = (event, undone.change, before) if undone.change else None


def _advance(now: State, change: Addresses, journal: Journal, kept: frozenset[str]) -> None:
    texts = {path: None if address is None else journal.text(address) for path, address in change.items()}
    after = now.trunk.apply(texts)
    now.trunk = after if after.kept == kept else Snapshot(after, kept)
