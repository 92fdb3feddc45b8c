"""The verb that steers a running machine."""

from __future__ import annotations

import click

from .lookup import folder, reader


@click.command()
@click.argument("run")
@click.argument("order", metavar="ORDER", type=click.Choice(["pause", "resume", "stop", "note", "model", "budget"]))
@click.argument("words", nargs=-1)
def order(run: str, order: str, words: tuple[str, ...]) -> None:
    """Ask something of RUN while it goes on.

    \b
    l2mac order RUN pause|resume|stop
    l2mac order RUN note "Use British spelling."
    l2mac order RUN model NAME
    l2mac order RUN budget cost 25       (or tokens, calls, minutes)
    """
    from ..control.state import state
    from ..errors import UsageError
    from ..memory.journal import in_use
    from ..memory.orders import AT_TURN_ENDS, FOLDER, OrderBox, parse

    told: dict[str, object] = {"order": order}
    match order, words:
        case "note", (text, *more):
            told["text"] = " ".join([text, *more])
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
    path = folder(run) / ".l2mac"
    now = state(reader(run))
    if now.ended and now.ended.outcome == "complete":
        raise UsageError(f"{run} is complete; there is nothing left to steer")
    OrderBox(path / FOLDER).give(given)
    soon = "at the end of this turn" if order in AT_TURN_ENDS else "before the next instruction, if there is one"
    when = soon if in_use(path / "lock") else "when the run is resumed"
    click.echo(f"left for {run}; it is taken {when}", err=True)
