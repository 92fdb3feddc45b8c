"""The verbs that look at a recorded run: they read its journal and change nothing."""

from __future__ import annotations

from pathlib import Path

import click

from .lookup import echo, reader


@click.command()
@click.argument("run")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def status(run: str, as_json: bool) -> None:
    """Show how far RUN is: its instructions, tests, errors, lines, cost."""
    import json

    from ..control.state import state
    from ..control.views import status as view
    from .table import rendered

    journal = reader(run)
    told = view(state(journal))
    echo(json.dumps(told, indent=2) if as_json else rendered(told))


@click.command()
@click.argument("run")
@click.option("--verbose", is_flag=True, help="Whole texts, token counts and bookkeeping too.")
def log(run: str, verbose: bool) -> None:
    """Tell RUN as a story: what was asked, done, checked, repaired."""
    from .story import tell

    journal = reader(run)
    for event in journal.events():
        for line in tell(event, journal, verbose=verbose):
            echo(line)


@click.command()
@click.argument("run")
@click.option("--format", "form", type=click.Choice(["tape"]), required=True, help="What to make of it.")
@click.option("--to", metavar="FILE", help="The file to write. Default: NAME.tape.jsonl in this folder.")
def export(run: str, form: str, to: str | None) -> None:
    """Write RUN in another form; `tape` holds its replies, to be played back by `llm.api_type: tape`."""
    from .tapes import export_tape

    click.echo(export_tape(reader(run), Path(to) if to else None))
