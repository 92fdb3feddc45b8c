"""What executing a program will take: a range, and what it rests on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from ..control.records import Exchange, Setting
from ..errors import UsageError
from ..memory.journal import Journal
from ..processor.protocol import Usage
from ..program.validation import size
from .story import counted

_RUNS = 20  # earlier runs that are looked at
_FEW = 3  # runs below which their range is widened


@dataclass(frozen=True, slots=True)
class Sample:
    """What one instruction of a run took, on average."""

    calls: float
    prompt: float
    """Tokens."""
    completion: float
    seconds: float

    def times(self, factor: float) -> Sample:
        """So many times as much."""
        return Sample(*(factor * it for it in (self.calls, self.prompt, self.completion, self.seconds)))


USUAL = (Sample(1, 5_000, 1_000, 10), Sample(2, 10_000, 2_000, 40), Sample(6, 40_000, 8_000, 240))
"""Least, likely and most, where nothing better is known: one reply that does it all, two, or repairs besides."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Least, likely and most of everything."""

    calls: tuple[float, ...]
    tokens: tuple[float, ...]
    cost: tuple[float | None, ...]
    """US dollars; None where the price is not known."""
    minutes: tuple[float, ...]
    rests_on: str

    def told(self, limits: Mapping[str, float | None], used: Mapping[str, float]) -> Iterator[str]:
        """The lines that tell it, with a word where a limit may not do.

        Args:
            limits: of the budget, by name.
            used: what of them is used.
        """
        parts = [f"{_range(self.calls)} calls", f"{_range(self.tokens, 1_000)} tokens"]
        costs = [it for it in self.cost if it is not None]
        parts.append(f"${costs[0]:.2f}–{costs[-1]:.2f} (likely {costs[1]:.2f})" if costs else "cost unknown")
        yield f"estimate: {', '.join(parts)}, {_range(self.minutes)} minutes"
        yield f"it rests on {self.rests_on}"
        most: dict[str, tuple[float | None, ...]] = {"calls": self.calls, "tokens": self.tokens}
        for name, values in {**most, "cost": self.cost, "minutes": self.minutes}.items():
            limit, worst = limits.get(name), values[-1]
            if limit is not None and worst is not None and used.get(name, 0) + worst > limit:
                yield f"at worst that is more than the budget ({name}: {limit:,.12g})"


def estimate(
    instructions: int, samples: Iterable[Sample], price: Callable[[Usage], float | None], model: str = ""
) -> Estimate:
    """Say what so many instructions will take.

    Args:
        instructions: how many are to be executed.
        samples: what instructions of earlier runs took.
        price: what some tokens cost in US dollars, None where unknown; what a cache saves is left out.
        model: that served the earlier runs.
    """
    seen = list(samples)
    if seen:
        columns = list(zip(*((it.calls, it.prompt, it.completion, it.seconds) for it in seen), strict=True))
        low, likely, high = (Sample(*(float(how(it)) for it in columns)) for how in (min, median, max))
        found = (low, likely, high) if len(seen) >= _FEW else (low.times(0.5), likely, high.times(2))
        rests = f"{counted(len(seen), 'earlier run')} with {model} beside this one"
    else:
        found, rests = USUAL, "what is usual: 1 to 6 calls for each instruction (no earlier run is known here)"
    needed = [it.times(instructions) for it in found]
    return Estimate(
        calls=tuple(it.calls for it in needed),
        tokens=tuple(it.prompt + it.completion for it in needed),
        cost=tuple(price(Usage(prompt=round(it.prompt), completion=round(it.completion))) for it in needed),
        minutes=tuple(it.seconds / 60 for it in needed),
        rests_on=f"{counted(instructions, 'instruction')} to execute, and {rests}",
    )


def earlier(out: Path, beside: Path, model: str) -> Iterator[Sample]:
    """What the newest other runs of a folder took that the same model served."""
    found = sorted(out.glob("*/.l2mac/run.db"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in [it for it in found if it.parent.parent != beside][:_RUNS]:
        try:
            journal = Journal(path, writable=False)
        except UsageError:
            continue
        try:
            yield from sample(journal, model)
        finally:
            journal.close()


def sample(journal: Journal, model: str) -> Iterator[Sample]:
    """What an instruction of a run took; nothing where it was served by another model, or retired none."""
    models, retired, calls, seconds, usage = set[str](), 0, 0, 0.0, Usage()
    for event in journal.events():
        if event.kind == "opened":
            setting = journal.load(event, Setting)
            models.add(f"tape {setting.model}" if setting.processor.startswith("tape ") else setting.model)
        elif event.instruction not in ("I0", "-"):
            seconds += event.took
            retired += event.kind == "retired"
            if event.kind == "reply":
                calls, usage = calls + 1, usage + journal.load(event, Exchange).reply.usage
    if retired and models == {model}:
        yield Sample(calls, usage.prompt, usage.completion, seconds).times(1 / retired)


def of(path: Path) -> tuple[Estimate, list[str]]:
    """The estimate for a run that is only planned, and the lines that tell it."""
    from ..config import LLM
    from ..control.state import state
    from ..processor import prices
    from ..providers import price

    journal = Journal(path / ".l2mac" / "run.db", writable=False)
    try:
        now = state(journal)
    finally:
        journal.close()
    setting, program = now.setting, now.program
    assert setting is not None and program is not None, "it is planned"
    llm: dict[str, Any] = {**setting.llm, "model": setting.model}
    known = price(LLM.model_validate(llm))
    left, _ = size(
        replace(program, instructions=tuple(it for it in program.instructions if now.status(it) == "waiting"))
    )
    seen = earlier(path.parent, path, setting.model)
    made = estimate(left, seen, lambda usage: prices.cost(usage, known), setting.model or "the same model")
    used = {"calls": now.calls, "tokens": now.usage.tokens, "cost": now.usage.cost or 0, "minutes": now.seconds / 60}
    return made, list(made.told(now.limits, used))


def _range(values: tuple[float, ...], step: int = 1) -> str:
    low, likely, high = (max(1, round(it / step)) * step for it in values)
    return f"{low:,}–{high:,} (likely {likely:,})"
