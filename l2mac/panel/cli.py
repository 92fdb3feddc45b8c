"""The command line."""

from __future__ import annotations

import errno
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import click

from .. import __version__
from ..errors import L2MACError
from . import looking, past, programs, setup, steering
from .lookup import echo

_EXIT_CODES = """
Exit codes: 0 complete, 1 a fault of l2mac's own, 2 usage or configuration, 3 the model cannot be reached or refuses,
4 partial, or a replay that differs, 5 budget spent, 130 interrupted.
"""


_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE, errno.ENOMEM})


_MEANT = {"help": "--help", "version": "--version"}


class _Verbs(click.Group):
    """`run` is what is meant when no verb is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        options = {"--help", "-h", "--version", "--init-config"}
        if args and args[0] not in self.commands and args[0] not in options:
            meant = _MEANT.get(args[0].lower(), "") if len(args) == 1 else ""
            if not meant:
                self._refuse_misspelt(args[0])
            args = [meant] if meant else ["run", *args]
        return super().parse_args(ctx, args)

    def _refuse_misspelt(self, word: str) -> None:
        """Refuse one word that is nearly a verb: nobody wants to pay for a program called `stauts`."""
        from difflib import get_close_matches

        if word.lower() in ("list", "ls", "runs", "init", "setup"):
            raise click.UsageError(f"there is no verb {word!r}; see `l2mac --help`. To build it: l2mac run {word}")
        if word.isalpha() and (near := get_close_matches(word.lower(), list(self.commands), 1, cutoff=0.75)):
            raise click.UsageError(f"there is no verb {word!r}; did you mean {near[0]}? To build it: l2mac run {word}")


_INIT = "Write ~/.l2mac/config.yaml, every setting with its default, and exit."


def _init_config(ctx: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    """Write the commented example where the settings are looked for, unless there are settings already."""
    if not wanted:
        return
    click.echo(setup.write_example())
    ctx.exit()


@click.group(
    cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}, epilog=_EXIT_CODES
)
@click.version_option(__version__, prog_name="l2mac")
@click.option("--init-config", is_flag=True, is_eager=True, expose_value=False, callback=_init_config, help=_INIT)
def cli() -> None:
    """Build a whole codebase from one prompt: l2mac "PROMPT".

    Without a verb, `run` is meant; `l2mac run --help` lists its options.
    """


_KEYS = {
    "model": "llm.model",
    "lanes": "run.lanes",
    "candidates": "run.candidates",
    "max_cost": "budget.cost",
    "max_tokens": "budget.tokens",
    "max_minutes": "budget.minutes",
    "sandbox": "sandbox",
    "reflect": "run.reflect",
    "plans": "run.plans",
    "review": "roles.review",
}


def _settings(options: dict[str, Any]) -> Any:
    """The settings, with what the command line says on top."""
    from ..config import load_settings

    flags = {key: options[name] for name, key in _KEYS.items() if options.get(name) is not None}
    if options.get("accept_unverified"):
        flags["run.accept_unverified"] = True
    return load_settings(options.get("config"), options.get("changes", ()), flags)


def _shared(command: Any) -> Any:
    """The options of every verb that runs the machine."""
    for option in reversed(
        [
            click.option("--model", metavar="NAME", help="The model to use."),
            click.option("--lanes", type=click.IntRange(1, 64), metavar="N", help="Instructions to work on at once."),
            click.option(
                "--candidates", type=int, metavar="K", help="Try so often anew what did not get done; take the best."
            ),
            click.option("--max-cost", type=float, metavar="USD", help="Stop before spending more."),
            click.option("--max-tokens", type=int, metavar="N", help="Stop before using more tokens."),
            click.option("--max-minutes", type=float, metavar="N", help="Stop after so much waiting."),
            click.option(
                "--sandbox",
                type=click.Choice(["auto", "bubblewrap", "landlock", "docker", "podman", "none"]),
                help="Where generated code runs. Default: auto, the strongest that works here.",
            ),
            click.option("--review/--no-review", default=None, help="Have each completed instruction reviewed."),
            click.option("--accept-unverified", is_flag=True, help="Complete even if something can't be checked here."),
            click.option("--config", metavar="FILE", help="Settings to read instead of ~/.l2mac/config.yaml."),
            click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change one setting."),
            click.option("--json", "as_json", is_flag=True, help="One event per line on standard output."),
            click.option("--quiet", is_flag=True, help="No progress."),
            click.option("--verbose", is_flag=True, help="More progress."),
        ]
    ):
        command = option(command)
    return command


@cli.command(epilog=_EXIT_CODES)
@click.argument("prompt")
@click.option(
    "--domain",
    default="codebase",
    show_default=True,
    metavar="NAME|FILE",
    help="codebase, book, or a file of your own.",
)
@click.option("--words", type=int, metavar="N", help="How long a book is to be.")
@click.option("--pages", type=int, metavar="N", help="The same in pages of 300 words.")
@click.option("--chapters", type=int, metavar="N", help="How many chapters it is to have.")
@click.option("--steps", type=click.IntRange(1, 10_000), metavar="N", help="The most instructions of a program.")
@click.option("--name", metavar="NAME", help="The run's folder. Default: made from the prompt.")
@click.option("--out", metavar="DIR", help="Where the run's folder is made. Default: ./workspace")
@click.option("--into", metavar="DIR", help="An existing git repository to work on, on a branch of its own.")
@click.option("--program", metavar="FILE|NAME", help="A program in YAML, or a blueprint: `l2mac program list`.")
@click.option("--with", "given", multiple=True, metavar="NAME=TEXT", help="A parameter of that program.")
@click.option(
    "--tests/--no-tests", "--run-tests/--no-run-tests", "tests", default=None, help="Run the tests. Default: yes."
)
@click.option("--reflect", type=int, metavar="N", help="Criticise the plan so many times before it is executed.")
@click.option("--plans", type=int, metavar="K", help="Make so many plans and take the best.")
@click.option("--plan-only", is_flag=True, help="Compile the program, print it, and stop.")
@_shared
def run(prompt: str, **options: Any) -> None:
    """Build what PROMPT asks for. Prints the folder it is in."""
    from ..domains.length import asked
    from ..machine import generate
    from .programs import parameters

    def work(watcher: Any) -> Any:
        return generate(
            prompt,
            options["domain"],
            asked(options["words"], options["pages"], options["chapters"]),
            steps=options["steps"],
            run_tests=options["tests"],
            name=options["name"],
            out=options["out"],
            into=options["into"],
            program=options["program"],
            parameters=parameters(options["given"]),
            plan_only=options["plan_only"],
            settings=_settings(options),
            watcher=watcher,
        )

    _operate(work, options)


@cli.command(epilog=_EXIT_CODES)
@click.argument("explanation", required=False)
@click.option("--lang", metavar="NAME", help="python, javascript, typescript, rust, go, java, cpp … Default: python.")
@click.option("--name", metavar="NAME", help="The run's folder. Default: made from the explanation.")
@click.option("--out", metavar="DIR", help="Where the run's folder is made. Default: ./workspace")
@_shared
def function(explanation: str | None, lang: str | None, **options: Any) -> None:
    """Write one function that does what EXPLANATION says, with its tests, in one language.

    Without EXPLANATION it asks on a terminal. The files are shown on standard error, and with --json as events.
    """
    from ..function import generate_function
    from .console import write_line
    from .function import asked, told

    explanation, lang = asked(explanation, lang)
    where = {"name": options["name"], "out": options["out"]}

    def work(watcher: Any) -> Any:
        return generate_function(explanation, lang=lang, **where, settings=_settings(options), watcher=watcher)

    def show(codebase: Any, console: Any) -> None:
        if options["as_json"]:
            for path, text in sorted(codebase.items()):
                console.line(kind="file", path=path, text=text)
        elif not options["quiet"]:
            for line in told(codebase):
                write_line(sys.stderr, line)

    _operate(work, options, show)


@cli.command(epilog=_EXIT_CODES)
@click.argument("run")
@_shared
def resume(run: str, **options: Any) -> None:
    """Go on with RUN (a folder, or a name in ./workspace) where it stopped."""
    from ..machine import resume as resume_run

    _operate(lambda watcher: resume_run(run, settings=_settings(options), watcher=watcher), options)


@cli.command(epilog=_EXIT_CODES)
@click.argument("run")
@click.option("--at", required=True, metavar="N", help="An instruction (I3), or how many are done by then; 0 for none.")
@click.option("--name", metavar="NAME", help="The new run's folder. Default: RUN-fork.")
@click.option("--out", metavar="DIR", help="Where that is made. Default: ./workspace")
@click.option("--note", default="", metavar="TEXT", help="Tell the model something from there on.")
@click.option("--stay", is_flag=True, help="Make the new run and stop; `l2mac resume` goes on.")
@_shared
def fork(run: str, **options: Any) -> None:
    """Go another way from instruction N of RUN on, in a new run; RUN stays as it is.

    What was done up to N is copied and costs nothing. The options hold from there on.
    """
    from ..machine import resume as resume_run
    from ..past import fork as part

    named = [it for it in (*_KEYS, "accept_unverified", "changes") if options.get(it)]
    if options["stay"] and named:
        raise click.UsageError("--stay makes the run and no more; give the settings to `l2mac resume` then")
    settings = _settings(options)
    path = part(run, options["at"], **{it: options[it] for it in ("name", "out", "note")}, settings=settings)
    if options["stay"]:
        echo(str(path))
    else:
        _operate(lambda watcher: resume_run(path, settings=settings, watcher=watcher), options)


for _verb in (
    looking.status,
    looking.log,
    looking.show,
    looking.export,
    looking.report,
    steering.order,
    past.undo,
    past.replay,
    programs.program,
    setup.config,
    setup.doctor,
):
    cli.add_command(_verb)


def _operate(work: Any, options: dict[str, Any], show: Any = None) -> None:
    """Run the machine, tell how it goes, and leave with the exit code that says how it ended."""
    from ..watcher import Watcher
    from .console import teller, write_line
    from .table import ending

    console = teller(quiet=options["quiet"], verbose=options["verbose"], as_json=options["as_json"])
    watcher = Watcher(console.opened, console.event, console.asked, console.text, console.notice)
    try:
        codebase = work(watcher)
        console.say(ending(codebase, console.processor))
        if codebase.ended is None:
            from dataclasses import asdict

            from .estimate import of

            made, told = of(codebase.path)
            console.say("\n".join(told))
            if options["as_json"]:
                console.line(kind="estimate", gist=told[0], **asdict(made))
    except L2MACError as error:
        console.close()
        if console.folder and "l2mac resume" not in str(error):
            error.args = (f"{str(error).rstrip('.')}; then `l2mac resume {console.folder}` goes on",)
        if options["as_json"]:
            console.line(kind="error", gist=str(error), exit_code=error.exit_code)
        elif console.folder:
            write_line(sys.stdout, str(console.folder))
        raise
    finally:
        console.close()
    if show:
        show(codebase, console)
    if not options["as_json"]:
        write_line(sys.stdout, str(codebase.path))
    sys.exit(codebase.ended.exit_code if codebase.ended else 0)


def main() -> None:
    """The entry point: what is told to the user is one line and an exit code."""
    try:
        _enter()
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError, AttributeError):  # nobody reads it; that must not become the exit code
                with suppress(OSError, ValueError, AttributeError):
                    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _enter() -> None:
    for name in ("SIGTERM", "SIGHUP"):  # a closed terminal or a shutdown ends a run as cleanly as Ctrl-C
        if signal.getsignal(getattr(signal, name)) is signal.SIG_DFL:  # `nohup` has it ignored
            signal.signal(getattr(signal, name), signal.default_int_handler)
    try:
        Path.cwd()
    except OSError:
        _leave("the folder that you are in is gone; change to another", 2)
    try:
        sys.exit(cli(prog_name="l2mac", standalone_mode=False))
    except L2MACError as error:
        _leave(str(error), error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(2)
    except click.ClickException as error:
        _leave(_usage(error), 2)
    except (click.Abort, KeyboardInterrupt):
        _leave("interrupted", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(0)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            _leave(f"the system has no room left ({error.strerror}); make some and try again, nothing is lost", 2)
        if os.environ.get("L2MAC_TRACEBACK"):
            raise
        place = error.__traceback__
        while place and place.tb_next:
            place = place.tb_next
        where = f"{Path(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno}" if place else "?"
        said = " ".join(f"{type(error).__name__}: {error}".split())
        _leave(f"a fault of l2mac's own, {said} at {where}; nothing is lost; L2MAC_TRACEBACK=1 shows more", 1)


def _usage(error: click.ClickException) -> str:
    """What click says, in one line that says what to do."""
    said = " ".join(error.format_message().split()).rstrip(".")
    verb = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "l2mac"
    if "unexpected extra argument" in said and verb == "l2mac run":
        return 'the prompt is more than one argument; put it in quotes, such as l2mac "A command-line calculator"'
    for kind, name in (("integer range", "whole number"), ("integer", "whole number"), ("float", "number")):
        said = said.replace(f"is not a valid {kind}", f"is no {name}")
    return said if "did you mean" in said.lower() else f"{said}; see `{verb} --help`"


def _leave(text: str, code: int) -> NoReturn:
    from .console import write_line

    write_line(sys.stderr, f"l2mac: {text}")
    sys.exit(code)
