"""The verbs about programs: look at the one of a run, change what is not done of it, check a file, list blueprints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from .lookup import echo, folder, reader
from .steering import leave

_FAULT = "# not taken: "


@click.group()
def program() -> None:
    """Look at programs, and change the one of a run."""


@program.command()
@click.argument("run")
@click.option("--yaml", "as_yaml", is_flag=True, help="As the YAML that `edit --file` and `--program` read.")
def show(run: str, as_yaml: bool) -> None:
    """Show the program of RUN: what is done, what is to come."""
    from ..control.state import state

    now = state(reader(run))
    echo("\n".join(editable(now, run) if as_yaml else _outlined(now, run)))


@program.command()
@click.argument("run")
@click.option("--file", metavar="FILE", help="Take this file instead of opening an editor.")
def edit(run: str, file: str | None) -> None:
    """Change what is not begun of RUN's program, in $VISUAL or $EDITOR.

    What you save is checked, and left as an order: it is taken before the next instruction, or when RUN is resumed.
    Saving nothing at all changes nothing.
    """
    import sys

    from ..control.state import state
    from ..errors import UsageError

    now = state(reader(run))
    if now.ended:
        now.reopen()
    path = Path(file) if file else folder(run) / ".l2mac" / "program.yaml"
    if not file:
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise UsageError(
                f"there is no terminal to edit on: `l2mac program show {run} --yaml > p.yaml`, change that, "
                f"`l2mac program edit {run} --file p.yaml`"
            )
        if not path.exists():
            path.write_text("\n".join([*editable(now, run), ""]), encoding="utf-8")
        click.edit(filename=str(path))
        if not path.exists() or not path.read_bytes().strip():  # as good as not saved; the next edit begins anew
            path.unlink(missing_ok=True)
            click.echo("nothing is changed", err=True)
            return
    try:
        order = _order(path, now)
    except ValueError as error:
        if not file:
            text = path.read_text(encoding="utf-8", errors="replace")
            kept = [line for line in text.splitlines() if not line.startswith(_FAULT)]
            path.write_text("\n".join([f"{_FAULT}{error}", *kept, ""]), encoding="utf-8")
        again = f"l2mac program edit {run}{f' --file {file}' if file else ''}"
        raise UsageError(f"{path} {error}; it is kept as it is: mend it, then `{again}`") from None
    if order is not None:
        leave(run, order)
    else:
        click.echo("nothing is changed", err=True)
    if not file:
        path.unlink()


@program.command()
@click.argument("what", metavar="RUN|FILE|NAME")
@click.option("--with", "given", multiple=True, metavar="NAME=TEXT", help="A parameter of that program.")
def check(what: str, given: tuple[str, ...]) -> None:
    """Say whether a program can be executed: that of a run, a file, or a blueprint."""
    from ..config import home
    from ..control.state import state
    from ..errors import UsageError
    from ..program.reading import find, load
    from ..program.validation import MOST_EVER, size
    from .story import counted

    try:
        made = state(reader(what)).program
    except UsageError:
        made = load(find(what, home() / "programs"), MOST_EVER, parameters(given))
    if made is None:
        raise UsageError(f"{what} has no program yet")
    steps, (most, _) = len(made.instructions), size(made)
    grown = f", at most {most:,} when all is decided" if most != steps else ""
    echo(f"ok: {counted(steps, 'step')}{grown}, {counted(len(made.requirements), 'requirement')}")


@program.command(name="list")
def list_() -> None:
    """List the blueprints: the machine's, and your own in ~/.l2mac/programs."""
    from ..config import home
    from ..program.form import program_of
    from ..program.reading import blueprints, parsed, text_of

    for name, path in blueprints(home() / "programs").items():
        try:
            data = parsed(text_of(path))
            known = program_of(data)[1]
            echo(f"{name:20} {data.get('about', '') if isinstance(data, dict) else ''}".rstrip())
            for id, it in known.items():
                default = "" if it.default is None else f" (default: {it.default})"
                echo(f"{'':20}   --with {id}=…  {it.about}{default}")
        except ValueError as error:
            echo(f"{name:20} {path} {error}")


@program.command()
def schema() -> None:
    """Print the JSON schema of a program's file, for editors that check YAML against one."""
    import json

    from ..program.form import schema as of_programs

    echo(json.dumps(of_programs(), indent=2))


def parameters(given: Iterable[str]) -> dict[str, str]:
    """What `--with NAME=TEXT` gives.

    Raises:
        UsageError: one is no such pair.
    """
    from ..errors import UsageError

    pairs = [it.partition("=") for it in given]
    if bad := next((name for name, sign, _ in pairs if not (name and sign)), None):
        raise UsageError(f"--with {bad[:60]} gives no text; write --with {bad[:60]}=TEXT")
    return {name: text for name, _, text in pairs}


def editable(now: Any, run: str) -> Iterator[str]:
    """The program of a run as YAML, with what may no longer be changed said above it."""
    from ..errors import UsageError
    from ..program.form import written
    from .plain import plain, yaml_lines

    if now.program is None:
        raise UsageError(f"{run} has no program yet")
    settled = now.settled()
    yield "# What is retired or begun stays as it is, with what it covers. Change, add, drop, move the rest."
    data = written(now.program)
    yield from map(plain, yaml_lines({"requirements": data["requirements"]}))
    yield "instructions:"
    for it in data["instructions"]:
        yield from (f"  # {settled[it['id']]}",) if it["id"] in settled else ()
        yield from (f"  {plain(line)}".rstrip() for line in yaml_lines([it]))
    yield from map(plain, yaml_lines({"programs": data["programs"]})) if "programs" in data else ()


def _outlined(now: Any, run: str) -> Iterator[str]:
    from ..errors import UsageError
    from .plain import clipped

    if now.program is None:
        raise UsageError(f"{run} has no program yet")

    def told(steps: Any, indent: str) -> Iterator[str]:
        for it in steps:
            needs = f"needs {', '.join(it.needs)}" if it.needs else ""
            state = f"{now.status(it):8} " if not indent else ""
            yield f"{indent}{it.id:6} {state}{clipped(it.title, 70)}{f' ({clipped(needs, 40)})' if needs else ''}"
            if it.flow:
                yield from told(it.flow.body, f"{indent}    ")
                yield from [f"{indent}  else:"] if it.flow.other else []
                yield from told(it.flow.other, f"{indent}    ")

    yield from told(now.program.instructions, "")


def _order(path: Path, now: Any) -> Any:
    """The order that an edited program makes; None where nothing is changed. Raises ValueError where it can't be."""
    from ..memory.orders import Revise
    from ..program.patch import apply, difference
    from ..program.reading import read, text_of
    from ..program.validation import MOST_EVER
    from ..program.values import Patch

    if now.program is None:
        raise ValueError("changes a program that is not there yet")
    patch = difference(now.program, read(text_of(path)), now.settled())
    if isinstance(patch, list):
        raise ValueError(f"can't be had: {'; '.join(patch[:3])}")
    if patch == Patch():
        return None
    made = apply(now.program, now.settled(), patch, MOST_EVER)
    if isinstance(made, list):
        raise ValueError(f"can't be had: {'; '.join(made[:3])}")
    return Revise(changes=patch.changes, requirements=patch.requirements, reworded=patch.reworded)
