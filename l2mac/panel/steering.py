"""The verb that steers a running machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .lookup import folder, reader

_MACHINE = ("pause", "resume", "stop", "note", "model", "budget")
_WORK = ("add", "edit", "drop", "move", "retry", "write", "delete")


@click.command()
@click.argument("run")
@click.argument("order", metavar="ORDER", type=click.Choice([*_MACHINE, *_WORK]))
@click.argument("words", nargs=-1)
def order(run: str, order: str, words: tuple[str, ...]) -> None:
    """Ask something of RUN while it goes on.

    \b
    l2mac order RUN pause|resume|stop
    l2mac order RUN note "Use British spelling."
    l2mac order RUN model NAME
    l2mac order RUN budget cost 25       (or tokens, calls, minutes)
    l2mac order RUN add "Write a manual page."
    l2mac order RUN edit I4 "What it is to do instead."
    l2mac order RUN move I4 I2           (before I2; without it, to the end)
    l2mac order RUN drop|retry I4
    l2mac order RUN write PATH FILE      (from a file of yours)
    l2mac order RUN delete PATH

    All that is said of instructions is about those that are not begun; `l2mac program edit` changes several at once.
    """
    from ..errors import UsageError
    from ..memory.orders import parse

    told: dict[str, object] = {"order": order}
    match order, words:
        case (("note" | "add"), (text, *more)):
            told["text"] = " ".join([text, *more])
        case "edit", (id, text, *more):
            told |= {"id": id, "text": " ".join([text, *more])}
        case (("drop" | "retry"), (id,)):
            told["id"] = id
        case "move", (id, *more) if len(more) < 2:
            told |= {"id": id, "before": more[0] if more else ""}
        case "write", (path, source):
            told |= {"path": path, "text": _read(source)}
        case "delete", (path,):
            told["path"] = path
        case "model", (name,):
            told["model"] = name
        case "budget", (limit, value):
            told |= {"limit": limit, "value": value}
        case (("pause" | "resume" | "stop"), ()):
            pass
        case _:
            raise UsageError(f"`order {order}` does not take {' '.join(words) or 'nothing'!r}; see l2mac order --help")
    try:
        given = parse(told)
    except ValueError:
        raise UsageError(f"`order {order} {' '.join(words)}` is not understood; see l2mac order --help") from None
    leave(run, given)


def leave(run: str, given: Any) -> None:
    """Leave an order for a run, unless it can be seen now that it will be refused.

    Raises:
        UsageError: it would be.
    """
    from ..control.state import obey, state
    from ..errors import UsageError
    from ..memory.journal import in_use
    from ..memory.orders import AT_TURN_ENDS, FOLDER, OrderBox

    path, now, order = folder(run) / ".l2mac", state(reader(run)), given.order
    if now.ended and now.ended.outcome == "complete":
        raise UsageError(f"{run} is complete; there is nothing left to steer")
    if now.ended and order == "retry":
        raise UsageError(f"{run} has ended; `l2mac resume {run}` tries all again that is blocked")
    if now.ended:
        now.reopen()
    box = OrderBox(path / FOLDER)
    for id, waiting in box.waiting():  # what is left already comes first
        if not isinstance(waiting, str) and not now.refusal(waiting):
            obey(now, waiting, id)
    if why := now.refusal(given):
        raise UsageError(f"that can't be done: {why}")
    box.give(given)
    soon = "at the end of this turn" if order in AT_TURN_ENDS else "before the next instruction, if there is one"
    when = soon if in_use(path / "lock") else "when the run is resumed"
    click.echo(f"left for {run}; it is taken {when}", err=True)


def _read(source: str) -> str:
    """The text of a file of the user's."""
    from ..errors import UsageError

    try:
        return Path(source).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise UsageError(f"{source[:200]} can't be read: {reason}; name another file") from None
