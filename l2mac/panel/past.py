"""The verbs that go back in a run."""

from __future__ import annotations

import click

from .lookup import echo


@click.command()
@click.argument("run")
@click.option("--to", required=True, metavar="N", help="An instruction (I3), or how many are done by then; 0 for none.")
def undo(run: str, to: str) -> None:
    """Take RUN back to the state after instruction N.

    Files and history go back; nothing is destroyed, and what you wrote yourself stays. `l2mac resume RUN` goes on from
    there and asks the model anew for what was undone.
    """
    from ..past import undo as go_back
    from .story import clean

    path, undone = go_back(run, to)
    if undone is None:
        click.echo(f"nothing came after {to}; there is nothing to undo", err=True)
    else:
        told = f"undone: {', '.join(undone.dropped) or 'the end of the run'}"
        kept = f"; kept as you have them: {clean(', '.join(undone.kept))}" if undone.kept else ""
        click.echo(f"{told}{kept}; `l2mac resume {run}` goes on after {undone.to}", err=True)
    echo(str(path))


@click.command()
@click.argument("run")
@click.option("--checks", is_flag=True, help="Run checks and commands again too, and compare their outcomes.")
def replay(run: str, checks: bool) -> None:
    """Execute RUN again from its journal, without the model, and compare.

    Files, decisions and commits of every instruction are computed anew in a scratch folder. The first difference
    ends it, with exit code 4.
    """
    from ..past import replay as go_through
    from .story import counted

    done = go_through(run, checks=checks)
    end = "" if done.complete else "; the run itself has not ended"
    click.echo(f"the same: {counted(done.instructions, 'retirement')} in {done.events:,} events{end}", err=True)
    echo(str(done.path))
