"""Charts of a run as inline SVG. Words stand beside them in HTML, where they keep their size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeVar

from ..processor.protocol import Usage
from .markup import Html, tag

T = TypeVar("T")
_MOST = 200  # columns of a chart; where there is more to show, several share one


@dataclass(frozen=True, slots=True)
class Cell:
    """One place of a strip."""

    kind: str
    """The class that gives its colour."""
    title: str
    weight: int = 0
    """Of several cells that share a place, the heaviest is shown."""


def strip(cells: Sequence[Cell], title: str, high: dict[str, int]) -> Html:
    """Cells side by side; kinds differ in height too, for those who can't tell their colours apart.

    Args:
        cells: in the order of time.
        title: what the strip says as a whole.
        high: the height of each kind, of 10; others have all of it.
    """
    shown = [max(group, key=lambda cell: cell.weight) for group in _shared(cells)]
    bars = [
        tag("rect", tag("title", it.title), class_=it.kind, x=at + 0.06, width=0.88, y=10 - height, height=height)
        for at, it in enumerate(shown)
        for height in (high.get(it.kind, 10),)
    ]
    return _picture(title, len(shown), 10, 20, *bars)


def usage_bars(calls: Sequence[tuple[str, Usage]]) -> Html:
    """The tokens of each call: cached, read anew, written."""
    groups = _shared(calls)
    sums = [(group[0][0], group[-1][0], _total([usage for _, usage in group])) for group in groups]
    top = max((usage.tokens for *_, usage in sums), default=0) or 1
    bars = []
    for at, (first, last, usage) in enumerate(sums):
        told = f"{first if first == last else f'{first} to {last}'}: {usage.prompt:,} read, {usage.cached:,} of them "
        told += f"from the cache; {usage.completion:,} written"
        parts = (("cached", usage.cached), ("read", usage.prompt - usage.cached), ("written", usage.completion))
        bottom, pile = 100.0, []
        for kind, tokens in parts:
            height = round(100 * tokens / top, 2)
            bottom -= height
            pile.append(tag("rect", class_=kind, x=at + 0.06, width=0.88, y=round(bottom, 2), height=height))
        bars.append(tag("g", tag("title", told), *pile))
    return _picture("Tokens of each call", len(sums), 100, 36, *bars, class_="tall")


def cost_area(costs: Sequence[float]) -> Html:
    """What the calls cost, added up."""
    points = [group[-1] for group in _shared(list(accumulate(costs)))]
    top = points[-1] or 1
    heights = [100 - round(100 * it / top, 2) for it in points]
    steps = "".join(f"V{height}H{at + 1}" for at, height in enumerate(heights))
    return _picture("Cost, added up", len(points), 100, 36, tag("path", class_="cost", d=f"M0 100{steps}V100Z"))


def _picture(title: str, columns: int, height: int, wide: int, *shapes: Html, class_: str = "") -> Html:
    """An image as wide as the page at most, and no wider than its columns need."""
    box = f"0 0 {columns} {height}"
    size = {"width": columns * wide, "viewBox": box, "preserveAspectRatio": "none"}
    return tag("svg", tag("title", title), *shapes, role="img", class_=class_, **size)


def _shared(items: Sequence[T]) -> list[Sequence[T]]:
    """Items in at most `_MOST` groups of neighbours."""
    size = -(-len(items) // _MOST) or 1
    return [items[at : at + size] for at in range(0, len(items), size)]


def _total(usages: Sequence[Usage]) -> Usage:
    return sum(usages[1:], usages[0])
