"""How verbs find the run that is meant, and print."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click


def reader(run: str) -> Any:
    """The journal of a run, opened to look at."""
    from ..memory.journal import Journal

    return Journal(folder(run) / ".l2mac" / "run.db", writable=False)


def folder(run: str) -> Path:
    """The folder of a run, looked for where the settings have runs made."""
    from ..config import load_settings
    from ..naming import find_run

    return find_run(run, load_settings().run.out)


def echo(text: str) -> None:
    """Print to standard output; a reader that has gone away ends the command, and is no fault."""
    if sys.stdout is None:  # it was closed before we began
        return
    try:
        click.echo(text)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(0)
