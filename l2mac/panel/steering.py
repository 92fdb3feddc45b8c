"""The verb that steers a running machine."""

from __future__ import annotations

import click

from .lookup import folder


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
    from ..errors import UsageError
    from ..memory.journal import in_use
    from ..memory.orders import FOLDER, OrderBox, parse

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
    state = folder(run) / ".l2mac"
    OrderBox(state / FOLDER).give(given)
    when = "at the end of the turn or of the instruction" if in_use(state / "lock") else "when the run is resumed"
    click.echo(f"left for {run}; it is taken {when}", err=True)
