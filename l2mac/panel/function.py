"""What `l2mac function` asks on a terminal, and how it shows what was written."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping

import click

from ..errors import UsageError
from .plain import plain

_LINES = 400  # of one file that are shown


def asked(explanation: str | None, lang: str | None) -> tuple[str, str]:
    """The explanation and the language: as given, else as someone says on the terminal.

    Raises:
        UsageError: there is no explanation and nobody to ask, or no such language.
    """
    from ..function import language_of

    if explanation is not None:
        return explanation, language_of(lang or "python").name
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError('say what the function should do: l2mac function "add two numbers" --lang python')
    lang = language_of(lang).name if lang else None
    explanation = str(click.prompt("Explain what the function should do", err=True))
    return explanation, lang or str(click.prompt("Language", default="python", value_proc=_language, err=True))


def _language(said: str) -> str:
    """A language's name; whoever mistypes it is asked again."""
    from ..function import language_of

    try:
        return language_of(said).name
    except UsageError as error:
        raise click.BadParameter(str(error)) from None


def told(files: Mapping[str, str]) -> Iterator[str]:
    """The files that a person wants to see, each below its path; locks are made by machines for machines."""
    from ..checks.toolchains.recipe import recipes

    locks = {lock for recipe in recipes() if recipe.fetch for lock in recipe.fetch.locks}
    for path in sorted(files, key=lambda path: (path.count("/") == 0, path)):
        if path.rpartition("/")[2] in locks:
            continue
        lines = plain(files[path]).rstrip("\n").split("\n")
        yield f"\n── {plain(path)} ──"
        yield from lines[:_LINES]
        if len(lines) > _LINES:
            yield f"… {len(lines) - _LINES:,} more lines"
