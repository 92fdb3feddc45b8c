"""The live region as a picture: a pure function of what is known and of the room there is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from .follower import Row, View, short
from .story import clean, counted, money, stamp

_MARKS = {"waiting": ("·", "dim"), "now": ("●", "cyan"), "done": ("✓", "green"), "blocked": ("✗", "red")}
_TITLES = {"waiting": "dim", "now": "bold"}
_GUTTER = 6  # columns before the text, here as in the story above: there it holds the time
_AIRY = 16  # rows of a terminal from which blank lines part the blocks
_GAP = 2  # columns between two columns
_LEAST = (8, 9)  # columns kept for turns and tests
_COUNTS = 60  # columns of a terminal from which turns and tests stand beside an instruction


def picture(view: View, width: int, height: int) -> list[Text]:
    """Draw the live region: the program, what is done now, what it has cost.

    Args:
        view: what is known.
        width: columns of the terminal; every line is narrower by one at least.
        height: rows of the terminal; the region takes at most two thirds of them, so that the story is seen above.

    Returns:
        its lines.
    """
    room = max(height * 2 // 3, 1)
    status = _status(view, width)[: max(room - 2, 0)]
    now = [_action(view, width), _checks(view)][: room - len(status) - 1 or 1]
    gap = [Text()] if height >= _AIRY else []
    program = _program(view.rows, width, room - len(now) - len(status) - 3 * len(gap))
    lines = [line for block in (program, now, status) if block for line in (*gap, *block)]
    for line in lines:
        line.truncate(max(width - 1, 1), overflow="ellipsis")
    return lines


def _program(rows: Sequence[Row], width: int, room: int) -> list[Text]:
    """The instructions; where there are too many, those around the current one and a line that counts the others."""
    if room < 1 or len(rows) <= room:
        return _table(rows, rows[: max(room, 0)], width)
    seen = max(room - 1, 1)
    current = next((at for at, row in enumerate(rows) if row.state in ("now", "waiting")), len(rows) - 1)
    first = min(max(current - seen // 2, 0), len(rows) - seen)
    beyond = [_counts(rows[:first], "above"), _counts(rows[first + seen :], "below")]
    others = Text(f"{'':{_GUTTER}}… {', '.join(filter(None, beyond))}", "dim")
    return [*_table(rows, rows[first : first + seen], width), others][:room]


def _counts(rows: Sequence[Row], where: str) -> str:
    """`12 done above`; empty where there are none."""
    found = Counter(row.state for row in rows)
    return f"{', '.join(f'{count} {state}' for state, count in found.items())} {where}" if rows else ""


def _table(rows: Sequence[Row], shown: Sequence[Row], width: int) -> list[Text]:
    """Some rows in columns, whose widths stay the same while others come into sight and numbers grow."""
    ids = max((cell_len(row.id) for row in rows), default=0)
    counts = [_numbers(row) if width >= _COUNTS else ("", "") for row in shown]
    turns, tests = (
        max(least * (width >= _COUNTS), *(len(it[at]) for it in counts), 0) for at, least in enumerate(_LEAST)
    )
    room = width - 1 - _GUTTER - ids - turns - tests - 4 * _GAP - len("waiting")
    titles = max(min(max((cell_len(row.title) for row in rows), default=0), room), 1)
    return [
        _row(row, ids, titles, it[0].rjust(turns), it[1].rjust(tests)) for row, it in zip(shown, counts, strict=True)
    ]


def _row(row: Row, ids: int, titles: int, turns: str, tests: str) -> Text:
    mark, style = _MARKS[row.state]
    line = Text(" " * (_GUTTER - 2)).append(f"{mark} ", style)
    line.append(f"{set_cell_size(clean(row.id), ids)}  ", "dim")
    title = Text(clean(row.title), _TITLES.get(row.state, ""))
    title.truncate(titles, overflow="ellipsis", pad=True)
    line.append_text(title).append(f"  {row.state:7}", style)
    line.append(f"  {turns}", "dim").append(f"  {tests}", "red" if row.failed else "dim")
    line.rstrip()
    return line


def _numbers(row: Row) -> tuple[str, str]:
    """Turns and tests of an instruction, or the words that it wrote, in words; empty where there are none."""
    ran = row.passed + row.failed
    turns = f"{row.turns} turn{'' if row.turns == 1 else 's'}" if row.turns else ""
    tests = f"{row.passed}/{ran} tests" if row.failed else counted(ran, "test") if ran else ""
    return turns, counted(row.words, "word") if row.words else tests


def _action(view: View, width: int) -> Text:
    line = Text(f"{stamp(view.seconds)} ", "dim")
    said = clean(view.said)
    if not said:
        return line.append(clean(view.action), "bold cyan")
    room = max(width - 1 - _GUTTER, 1)
    while cell_len(said) > room:  # of what is being said, the end is what moves
        said = f"…{said[max(len(said) - room, 0) + 1 :]}" if len(said) > room else f"…{said[2:]}"
    return line.append(said, "cyan")


def _checks(view: View) -> Text:
    mark, style = _MARKS["waiting" if not view.checks else "blocked" if view.failing else "done"]
    line = Text(" " * (_GUTTER - 2)).append(f"{mark} ", style)
    return line.append(clean(view.checks) or "nothing is checked yet", "red" if view.failing else "dim")


def _status(view: View, width: int) -> list[Text]:
    """What the run costs and who serves it, in as many lines as its parts need."""
    prompt, completion = view.tokens
    numbers = [
        view.length,
        f"{short(prompt)} + {short(completion)} tokens",
        money(view.cost),
        stamp(view.elapsed),
        view.left,
    ]
    served = [f"sandbox {view.sandbox}" if view.sandbox else "", view.played or view.processor]
    lines = [""]
    for part in filter(None, map(clean, [*numbers, *served])):
        longer = f"{lines[-1]} · {part}" if lines[-1] else part
        if lines[-1] and cell_len(longer) > width - 1 - _GUTTER:
            lines.append(part)
        else:
            lines[-1] = longer
    return [Text(f"{'':{_GUTTER}}{line}", "dim") for line in lines]
