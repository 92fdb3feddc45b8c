"""What the machine is doing now, followed from its events, as plain values that another thread may paint."""

from __future__ import annotations

import json
import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from ..control.attempt import PLANNING
from ..control.records import Exchange
from ..control.state import Progress, State
from ..memory.journal import Event, Journal
from ..processor.protocol import Reply, ToolCall, Usage
from ..program.values import Instruction
from . import views
from .story import measure, played
from .tail import Tail

_STATES = {"begun": "now", "retired": "done"}
_WAIT = re.compile(r"(.*); waiting ([\d.e+]+) s", re.DOTALL)
_CHANGES = frozenset(["write_files", "edit_file", "delete_files"])
_ASKING = "waiting for the model"
_PLAYING = "playing the tape"


@dataclass(frozen=True, slots=True)
class Row:
    """How far one instruction is."""

    id: str
    title: str
    state: str
    """`waiting`, `now`, `done` or `blocked`."""
    turns: int = 0
    passed: int = 0
    failed: int = 0
    words: int = 0
    """Of the chapters that it wrote, once it is done; 0 of code."""


@dataclass(frozen=True, slots=True)
class View:
    """All that the live region shows at one moment."""

    rows: tuple[Row, ...] = ()
    action: str = ""
    """What is being done."""
    said: str = ""
    """The last line of what the model is saying."""
    seconds: int = 0
    """For how long it has been done."""
    checks: str = ""
    """What the checks said last."""
    failing: bool = False
    tokens: tuple[int, int] = (0, 0)
    """Of prompts and of completions."""
    length: str = ""
    """How long the text is so far; empty of code."""
    cost: float | None = None
    elapsed: int = 0
    """Seconds since this process began."""
    left: str = ""
    """What is left of the limit that is nearest."""
    processor: str = ""
    sandbox: str = ""
    played: str = ""
    """Says that no model is asked, where a tape plays."""


class Follower:
    """Follows a run. Everything but `view` is called where the machine works; `view` reads nothing that it changes.

    Args:
        clock: gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = self._since = clock()
        self._until = 0.0
        self._now: State | None = None
        self._still = View(action="starting")
        self._action = "starting"
        self._ahead: deque[str] = deque()
        self._tail = Tail()
        self._checks, self._failing = "", False
        self._length, self._words = "", dict[str, int]()

    def opened(self, now: State) -> None:
        """A run was opened."""
        self._now = now
        self._measure()
        self._turn_to("looking at the project" if _surveys(now) else self._next())

    def event(self, event: Event, journal: Journal) -> None:
        """An event was recorded, and the state has followed it."""
        match event.kind:
            case "reply":
                self._ahead = deque(expected(journal.load(event, Exchange).reply))
            case "command":
                self._done("running")
            case "checks" | "baseline" | "audit":
                self._checks, self._failing = event.gist, " failed" in event.gist or " timed_out" in event.gist
                self._done("checking")
            case "committed":
                self._measure()
            case _:
                self._ahead.clear()
        if event.kind == "order_taken" and event.gist == "pause":
            return self._turn_to("paused by order")
        if event.kind == "adopted" and event.instruction == "-" and event.key.endswith("/adopted"):
            return self._turn_to("checking the project as it is")
        return self._turn_to(self._next())

    def asked(self) -> None:
        """The processor is asked: what was expected before, and did not come, will not come."""
        self._ahead.clear()
        self._turn_to(_ASKING)

    def text(self, piece: str) -> None:
        """A piece of a reply arrived."""
        if self._action != _ASKING:  # a wait is over, or a step that was expected did not come
            self._ahead.clear()
            self._turn_to(_ASKING)
        self._tail.hear(piece)

    def notice(self, text: str) -> None:
        """Something was said that is no event: a wait, a request that lies ready."""
        if wait := _WAIT.fullmatch(text):
            self._turn_to(f"waiting: {wait[1]}")
            self._until = self._since + float(wait[2])
        elif text.startswith("answer "):
            self._turn_to(f"waiting for you: {text}")

    def view(self) -> View:
        """What is to be shown now."""
        time = self._clock()
        if self._until and time >= self._until:  # what was waited for is tried again, and no event says so
            self._turn_to(_ASKING, self._until)
        action = _PLAYING if self._still.played and self._action == _ASKING else self._action
        left = f", {int(self._until - time + 1)} s left" if self._until else ""
        flying = [it.id for it in self._still.rows if it.state == "now"]
        many = len(flying) > 1 and not self._until and not action.startswith(("paused", "waiting for you"))
        if many:
            action = f"working on {', '.join(flying)}"
        return replace(
            self._still,
            length=self._length,
            rows=tuple(replace(it, words=self._words.get(it.id, 0)) for it in self._still.rows),
            action=action if many else self._tail.done or f"{action}{left}",
            said="" if many else self._tail.said,
            seconds=int(time - self._since),
            checks=self._checks,
            failing=self._failing,
            elapsed=int(time - self._began),
        )

    def _measure(self) -> None:
        """Count the words of a text; what is counted stays until more of it is committed."""
        if self._now and self._now.birth and self._now.birth.measured:
            told = views.status(self._now)
            self._length = measure(told["words"], told["chapters"], told["words_asked"])
            self._words = {it["id"]: it["words"] for it in told["instructions"]}

    def _next(self) -> str:
        """What the machine turns to, as far as its events tell."""
        now = self._now
        if self._ahead:
            return self._ahead[0]
        if now and now.ended:
            return "ending"
        planned = now and now.program and not now.program.ready(now.states())
        if planned or (now and not now.program and now.status(PLANNING) == "blocked"):
            return "checking the whole"
        return _ASKING

    def _done(self, step: str) -> None:
        """Strike what was expected, up to the first step that begins so."""
        while self._ahead and not self._ahead.popleft().startswith(step):
            pass

    def _turn_to(self, action: str, since: float | None = None) -> None:
        self._action, self._until, self._tail = action, 0.0, Tail()
        self._since = self._clock() if since is None else since
        if self._now:
            self._still = _snapshot(self._now)


def expected(reply: Reply) -> Iterator[str]:
    """The steps that a reply asks for, in the order in which the machine takes them."""
    names = [call.name for call in reply.message.tool_calls]
    for call in reply.message.tool_calls:
        if call.name == "run_command":
            yield f"running {_command(call)}"
        elif call.name == "run_tests":
            yield "checking: the tests that were asked for"
    if "complete_instruction" in names:
        yield "checking everything"
    elif _CHANGES & set(names):
        yield "checking what was written"


def _command(call: ToolCall) -> str:
    try:
        return str(json.loads(call.arguments)["command"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return "a command"


def remaining(limits: Mapping[str, float | None], usage: Usage, calls: int, seconds: float) -> str:
    """What is left of the limit that will be reached first: `$18.20 of $20 left`; empty where there is none."""
    if not calls:  # what a call costs is not known before the first
        return ""
    used = {"cost": usage.cost, "tokens": usage.tokens, "calls": calls, "minutes": seconds / 60}
    found = [
        (spent / limit if limit > 0 else 1.0, name, max(limit - spent, 0.0), limit)
        for name, spent in used.items()
        if spent is not None and (limit := limits.get(name)) is not None
    ]
    if not found:
        return ""
    _, name, left, limit = max(found, key=lambda it: it[0])
    if name == "cost":
        return f"${left:,.2f} of ${limit:,.12g} left"
    return (
        f"{short(left)} of {short(limit)} {name} left"
        if name == "tokens"
        else f"{left:,.0f} of {limit:,.12g} {name} left"
    )


def short(number: float) -> str:
    """A count in at most five characters or so: `999`, `12.3k`, `4.5M`."""
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if number >= size * 0.99995:
            return f"{number / size:.1f}".removesuffix(".0") + unit
    return f"{number:.0f}"


def _surveys(now: State) -> bool:
    return bool(now.birth and now.birth.parent and not now.baseline and not now.program)


def _snapshot(now: State) -> View:
    """What of the state is shown, copied, so that it may be read while the state moves on."""
    instructions = now.program.instructions if now.program else (PLANNING,)
    setting = now.setting
    return View(
        rows=tuple(_row(it, now.instructions.get(it.id)) for it in instructions),
        tokens=(now.usage.prompt, now.usage.completion),
        cost=now.usage.cost,
        left=remaining(now.limits, now.usage, now.calls, now.seconds),
        processor=setting.processor if setting else "",
        sandbox=setting.sandbox if setting else "",
        played=played(setting.processor) if setting else "",
    )


def _row(instruction: Instruction, progress: Progress | None) -> Row:
    if progress is None:
        return Row(instruction.id, instruction.title, "waiting")
    tally = progress.tally
    state = _STATES.get(progress.state, progress.state)
    return Row(instruction.id, instruction.title, state, progress.turns, tally.passed, tally.failed)
