"""The verbs that set the machine up: settings, and what this computer has."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from .lookup import echo

_SETTINGS = (
    click.option("--config", "file", metavar="FILE", help="Settings to read instead of ~/.l2mac/config.yaml."),
    click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change one setting."),
    click.option("--json", "as_json", is_flag=True, help="As JSON."),
)


def _reading(command: Any) -> Any:
    """The options of a verb that reads settings."""
    for option in reversed(_SETTINGS):
        command = option(command)
    return command


@click.group()
def config() -> None:
    """Write or show the settings."""


@config.command()
def init() -> None:
    """Write ~/.l2mac/config.yaml: every setting with its default."""
    echo(str(write_example()))


@config.command()
@_reading
def show(file: str | None, changes: tuple[str, ...], as_json: bool) -> None:
    """Show the settings in force, and where they come from; keys are masked."""
    from ..config import found, load_settings, masked, names, spelled, variable

    read = load_settings(file, changes)
    settings = {**read.model_dump(), "llm": masked(spelled(read.llm))}
    if as_json:
        echo(json.dumps(settings, indent=2))
        return
    echo(f"# from {file or found() or 'the defaults'}, the environment ({variable('llm.model')} …) and --set")
    for key, usual in names().items():
        value: Any = settings
        for name in key.split("."):
            value = value[name]
        echo(f"{key:22} {json.dumps(value, ensure_ascii=False):30}{'' if value == usual else ' # changed'}".rstrip())


@click.command()
@_reading
@click.option("--call", is_flag=True, help="Ask the model that would serve for one token.")
def doctor(file: str | None, changes: tuple[str, ...], as_json: bool, call: bool) -> None:
    """Tell what a run would find here: python, git, uv, sandbox, tokenizers, keys, servers, processor.

    Exits with 2 if something must be mended before a run can work, with 3 if only the test call fails.
    """
    from ..config import load_settings
    from .doctor import examine

    lines = []
    for line in examine(lambda: load_settings(file, changes), call):
        lines.append(line)
        if not as_json:
            first, *more = line.text.splitlines()
            echo(f"{line.state:5} {line.name:11} {first}")
            for text in more:
                echo(f"{'':18}{text.strip()}")
    if as_json:
        echo(json.dumps([asdict(line) for line in lines], indent=2))
    broken = [line.name for line in lines if line.state == "mend"]
    sys.exit(0 if not broken else 3 if broken == ["call"] else 2)


def write_example() -> Path:
    """Write the commented example where the settings are looked for; return its path.

    Raises:
        UsageError: there are settings already, or the file can't be written.
    """
    from ..config import example, home
    from ..errors import UsageError

    path = home() / "config.yaml"
    if path.exists():
        raise UsageError(f"{path} exists and is left as it is; edit it, or move it away first")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)  # it is where a key will be written
        path.write_text(example(), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} can't be written ({error.strerror}); set L2MAC_HOME to another folder") from None
    return path
