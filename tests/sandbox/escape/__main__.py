"""Make the table of the documentation anew: `python -m tests.sandbox.escape docs/sandbox.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from .attack import BARE, RUNGS, USERS, Attack
from .attacks import GROUPS
from .deceiving import BELIEFS, TITLE_OF_BELIEFS

BEGIN, END = "<!-- table -->\n", "<!-- end of table -->"
HEADS = {BARE: "plain child"}


def table() -> str:
    """The table of attacks, rungs and effects, group by group.

    It is made of the attacks alone: what it says of a rung is what the tests demand of it.
    """
    notes: list[str] = []
    lines = [line for group in GROUPS for line in _group(group.TITLE, group.ATTACKS, notes)]
    lines += _beliefs()
    return "\n".join([*lines, *(f"[{number}] {why}." for number, why in enumerate(notes, 1)), ""])


def _group(title: str, attacks: tuple[Attack, ...], notes: list[str]) -> Iterator[str]:
    yield from _heading(
        title, "name", "what it tries", "seen from outside", *(HEADS.get(it, it) for it in (BARE, *RUNGS))
    )
    for attack in attacks:
        does = attack.does + ("" if "plain" in attack.users else " (root)")
        yield _row(attack.id, does, attack.effect, *(_cell(attack, rung, notes) for rung in (BARE, *RUNGS)))
    yield ""


def _cell(attack: Attack, rung: str, notes: list[str]) -> str:
    if rung in attack.leaks:
        whom = "" if attack.leaks_to == USERS else f" ({', '.join(attack.leaks_to)})"
        return f"**through**{whom} {_note(attack.leaks[rung], notes)}"
    return "through" if attack.gets_through(rung, attack.users[0]) else "held"


def _beliefs() -> Iterator[str]:
    yield from _heading(TITLE_OF_BELIEFS, "name", "what it tries", "plain `pytest`", "the machine")
    for belief in BELIEFS:
        yield _row(belief.id, belief.does, "believes it", "is not deceived")
    yield ""


def _note(why: str, notes: list[str]) -> str:
    if why not in notes:
        notes.append(why)
    return f"[{notes.index(why) + 1}]"


def _heading(title: str, *columns: str) -> list[str]:
    return [f"### {title}", "", _row(*columns), _row(*["---"] * len(columns))]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def put_into(page: str) -> str:
    """A page with the table between its two marks.

    Raises:
        ValueError: it lacks a mark.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page has no lines {BEGIN.strip()} and {END}")
    return f"{before}{begin}\n{table()}\n{end}{after}"


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(put_into(file.read_text(encoding="utf-8")), encoding="utf-8")
