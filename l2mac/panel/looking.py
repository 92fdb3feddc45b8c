"""The verbs that look at a recorded run: they read its journal and change nothing."""

from __future__ import annotations

from pathlib import Path

import click

from .lookup import echo, folder, reader

_FORMS = ["epub", "pdf", "html", "docx", "md", "tape", "zip"]


@click.command()
@click.argument("run")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def status(run: str, as_json: bool) -> None:
    """Show how far RUN is: its instructions, tests, errors, lines, cost."""
    import json

    from ..control.state import state
    from ..memory.journal import in_use
    from .table import rendered
    from .views import status as view

    told = view(state(reader(run)))
    told["working"] = in_use(folder(run) / ".l2mac" / "lock")
    echo(json.dumps(told, indent=2) if as_json else rendered(told))


@click.command()
@click.argument("run")
@click.option("--verbose", is_flag=True, help="Whole texts, token counts and bookkeeping too.")
def log(run: str, verbose: bool) -> None:
    """Tell RUN as a story: what was asked, done, checked, repaired."""
    from ..control.state import state
    from .story import marked, tell

    journal = reader(run)
    lanes = state(journal).lanes
    for event in journal.events():
        for line in tell(event, journal, verbose=verbose):
            echo(marked(line, event, lanes))


@click.command()
@click.argument("run")
@click.argument("what", default="")
@click.option("--json", "as_json", is_flag=True, help="As JSON: program, requirements, or one instruction.")
def show(run: str, what: str, as_json: bool) -> None:
    """Look closely at one thing of RUN.

    WHAT is one of program, requirements, prompt, settings, files, checks, audit; an instruction (I3), or one of its
    turns (I3/2, or I3/0/2 for the second turn of its first window). Without it, what there is.
    """
    import json

    from .show import Show

    look = Show(reader(run), run)
    echo(json.dumps(look.data(what), indent=2) if as_json else look.text(what))


@click.command()
@click.argument("run")
@click.option("--format", "form", type=click.Choice(_FORMS), required=True, help="What to make of it.")
@click.option("--to", metavar="FILE", help="The file to write. Default: NAME.FORMAT (NAME.tape.jsonl) in this folder.")
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change one setting, such as book.painter.")
def export(run: str, form: str, to: str | None, changes: tuple[str, ...]) -> None:
    """Write RUN in another form.

    `tape` holds its replies, to be played back by `llm.api_type: tape`; `zip` holds the files that it has made.
    The others make a book of its chapters; they need `pip install 'l2mac[book]'`.
    """
    if form == "tape":
        from .tapes import export_tape

        echo(str(export_tape(reader(run), Path(to) if to else None)))
    else:
        from ..config import load_settings
        from .archive import export_zip
        from .books import export_book

        journal, home, pictures = reader(run), folder(run), load_settings(None, changes).book
        if form == "zip":
            path, notes = export_zip(journal, home, to)
        else:
            path, notes = export_book(journal, home, form, to, pictures)
        for note in notes:
            click.echo(f"l2mac: {note}", err=True)
        echo(str(path))


@click.command()
@click.argument("run")
@click.option("--to", metavar="FILE", help="The file to write. Default: NAME.html in this folder.")
def report(run: str, to: str | None) -> None:
    """Write RUN as one page for a browser: outcome, evidence, checks, cost, story. It runs no script, loads nothing."""
    from .report import write_report

    echo(str(write_report(reader(run), to)))
