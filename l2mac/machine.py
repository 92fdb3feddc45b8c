"""The library's verbs: begin a run, go on with one."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypedDict, Unpack

from . import __version__
from .assembly import assemble, demand_room, domain_of, sandboxed
from .checks.languages import artefacts
from .checks.python.warmth import Warmth
from .checks.report import Report
from .config import Settings, home, load_settings, spelled
from .control.control_unit import ControlUnit
from .control.records import Birth, Ended, Setting
from .control.state import State, following
from .discovery import choose, switched
from .domains.book.manuscript import lengths
from .domains.domain import NAMES, Domain
from .domains.domain import load as load_domain
from .domains.length import ANY, Length, asked
from .errors import Interrupted, ProcessorError, UsageError
from .memory.journal import Journal
from .memory.workspace import STATE, Workspace
from .naming import find_run, new_folder, slug
from .processor.protocol import Processor, Usage, forms, release
from .program.reading import find
from .program.reading import load as load_program
from .program.validation import faults
from .program.values import Program
from .providers import Supply, working_window
from .watcher import Watcher

_READY = 60.0  # seconds that judges may take to become warm


class Codebase(dict[str, str]):
    """What a run made: path to text.

    Attributes:
        path: the folder in which it lies.
        program: the program that was executed; None where none could be compiled.
        reports: what the checks say of the whole.
        usage: tokens and cost of the run.
        complete: whether every instruction is retired, every check passes and every requirement has evidence.
        ended: how the run ended, with the reasons; None after `plan_only`.
        words: the length of its chapters; None of code, whose length is told in lines.
    """

    def __init__(self, path: Path, now: State) -> None:
        super().__init__(now.trunk)
        self.path = path
        self.program: Program | None = now.program
        self.usage: Usage = now.usage
        self.ended: Ended | None = now.ended
        self.reports: tuple[Report, ...] = now.ended.reports if now.ended else now.trunk_reports
        self.words = sum(lengths(now.trunk).values()) if now.birth and now.birth.measured else None
        self.complete: bool = bool(now.ended and now.ended.outcome == "complete")


def generate_codebase(
    prompt: str,
    *,
    domain: str = "codebase",
    steps: int | None = None,
    run_tests: bool | None = None,
    name: str | None = None,
    out: str | Path | None = None,
    into: str | Path | None = None,
    program: Program | str | Path | None = None,
    parameters: Mapping[str, str] | None = None,
    plan_only: bool = False,
    settings: Settings | None = None,
    processor: Processor | None = None,
    watcher: Watcher | None = None,
) -> Codebase:
    """Make a codebase from a prompt.

    Args:
        prompt: what to build.
        domain: what kind of thing it is.
        steps: the most instructions that the program may have.
        run_tests: False leaves tests off; syntax and lint errors are still checked.
        name: of the run's folder; by default made from the prompt.
        out: the folder in which the run's folder is made.
        into: an existing repository to work on, on a branch of its own, instead of a new folder.
        program: a program, the file that holds one, or the name of a blueprint; nothing is compiled then but what it
            leaves to be planned.
        parameters: a text for each parameter of that file or blueprint.
        plan_only: stop when the program is compiled. `resume` goes on from there.
        settings: by default those of `load_settings`.
        processor: the model; by default the one that the settings name.
        watcher: whoever looks on.

    Returns:
        the files, and how the run ended.

    Raises:
        UsageError: the prompt is empty, generated code can't be isolated here, or a setting, git or the disk is not as
            it must be.
        ProcessorError: the model cannot be reached, or refuses.
        Interrupted: Ctrl-C, or the order to stop. `resume` goes on.
    """
    return generate(
        prompt,
        domain,
        ANY,
        steps=steps,
        run_tests=run_tests,
        name=name,
        out=out,
        into=into,
        program=program,
        parameters=parameters,
        plan_only=plan_only,
        settings=settings,
        processor=processor,
        watcher=watcher,
    )


class Options(TypedDict, total=False):
    """What a book can be made with beside its length: each as in `generate_codebase`."""

    steps: int | None
    name: str | None
    out: str | Path | None
    into: str | Path | None
    program: Program | str | Path | None
    parameters: Mapping[str, str] | None
    plan_only: bool
    settings: Settings | None
    processor: Processor | None
    watcher: Watcher | None


def generate_book(
    prompt: str,
    *,
    words: int | None = None,
    pages: int | None = None,
    chapters: int | None = None,
    domain: str = "book",
    **options: Unpack[Options],
) -> Codebase:
    """Write a book from a prompt.

    Args:
        prompt: what to write.
        words: how long it is to be.
        pages: the same in pages of 300 words; one of the two at most.
        chapters: how many chapters it is to have.
        domain: what kind of book it is: `book`, or a file that describes one.
        **options: as in `generate_codebase`.

    Returns:
        the files of the book (see docs/books.md), and how the run ended. `l2mac export` makes an EPUB, a PDF … of it.

    Raises:
        UsageError: the length is absurd, or as in `generate_codebase`.
        ProcessorError: the model cannot be reached, or refuses.
        Interrupted: Ctrl-C, or the order to stop. `resume` goes on.
    """
    return generate(prompt, domain, asked(words, pages, chapters), **options)


def generate(
    prompt: str,
    domain: str,
    length: Length,
    *,
    steps: int | None = None,
    run_tests: bool | None = None,
    name: str | None = None,
    out: str | Path | None = None,
    into: str | Path | None = None,
    program: Program | str | Path | None = None,
    parameters: Mapping[str, str] | None = None,
    plan_only: bool = False,
    settings: Settings | None = None,
    processor: Processor | None = None,
    watcher: Watcher | None = None,
) -> Codebase:
    """Make what a domain makes; the arguments are those of `generate_codebase`, and a length."""
    if not prompt.strip():
        raise UsageError('the prompt is empty; say what to build, such as l2mac "A command-line calculator"')
    prompt = _printable(prompt)
    settings, kind = settings or load_settings(), load_domain(domain)
    settings = _adjusted(settings, _steps(settings, steps, kind, length), run_tests)
    most = settings.run.steps
    given = _given(program, parameters or {}, most)
    watcher = watcher or Watcher()
    name = name or slug(prompt)
    folder = Path(os.path.realpath(into)) if into else new_folder(Path(out or settings.run.out), name)
    workspace = Workspace(folder, artefacts())
    if into:
        workspace.demand_clean()
    fixed = kind.name == "function"
    if fixed and given is None:
        raise UsageError('functions are written by another verb: l2mac function "add two numbers" --lang python')
    if processor is None:
        chosen = choose(settings.llm, "" if into or (given and not fixed) else prompt, kind.name)
        settings = settings.model_copy(update={"llm": chosen.llm})
        processor = _supply(settings, folder, watcher).serve()
        if chosen.why:
            watcher.notice(chosen.why)
    brought = None if kind.name in NAMES else kind
    birth = Birth(prompt, folder.name, kind.name, most, settings.run.tests, __version__, "", "", given, brought, length)
    demand_room(settings.llm, processor, kind, birth.task, given)
    sandboxed(settings)  # refuses before anything is made
    workspace.create(branch=f"l2mac/{name}" if into else "")
    journal = open_journal(workspace)
    try:
        branch, parent = workspace.git.branch(), workspace.git.head()
        planning = settings.run.reflect, settings.run.plans
        birth = replace(birth, branch=branch, parent=parent, reflect=planning[0], plans=planning[1])
        journal.record("-/0/0/born", "born", birth, birth.name)
        return _operate(journal, workspace, settings, processor, watcher, plan_only)
    finally:
        journal.close()


def resume(
    run: str | Path,
    *,
    settings: Settings | None = None,
    processor: Processor | None = None,
    watcher: Watcher | None = None,
) -> Codebase:
    """Go on with a run where it stopped. One that is complete is returned as it is.

    Args:
        run: the run's folder, or its name in the output folder.
        settings: by default those of `load_settings`; what fixes the run's meaning stays as it was.
        processor: the model; by default the one that the settings name.
        watcher: whoever looks on.

    Raises:
        UsageError: there is no such run, or another process is at work on it.
        ProcessorError: the model cannot be reached, or refuses.
        Interrupted: Ctrl-C, or the order to stop.
    """
    settings = settings or load_settings()
    watcher = watcher or Watcher()
    workspace = Workspace(find_run(run, settings.run.out), artefacts())
    journal = open_journal(workspace)
    try:
        return _operate(journal, workspace, settings, processor, watcher)
    finally:
        journal.close()


def _operate(
    journal: Journal,
    workspace: Workspace,
    settings: Settings,
    processor: Processor | None,
    watcher: Watcher,
    plan_only: bool = False,
) -> Codebase:
    """Run the machine on an open journal, from wherever it stands."""
    now = following(journal)
    birth = born(workspace, now)
    at_home(workspace, now)
    if now.ended and now.ended.outcome == "complete":
        watcher.opened(workspace.path, journal, now)
        return Codebase(workspace.path, now)
    if processor is None:
        _demand_named(settings, now)
    settings = remembered(settings, now)
    model = now.model_for(settings.llm.model)
    if processor is None:
        before = settings.llm.model_copy(update={"model": now.setting.model}) if now.setting else settings.llm
        settings = settings.model_copy(update={"llm": switched(before, model)})
    supply = _supply(settings, workspace.path, watcher)
    processor = processor or supply.serve()
    if now.setting:
        demand_room(settings.llm, processor, domain_of(birth), "" if now.program else birth.task, None)
    unit: ControlUnit | None = None
    patience = 0.0 if birth.domain == "function" else _READY  # a run of one function is over by then
    warmth = Warmth(sandboxed(settings), notice=watcher.notice, patience=patience)
    try:
        journal.observers.append(watcher.event)
        if now.ended:
            journal.begin_epoch(f"resumed after the run had ended {now.ended.outcome}")
        _note_setting(journal, now, settings, processor)
        watcher.opened(workspace.path, journal, now)
        unit = assemble(journal, workspace, settings, processor, supply, watcher, now, warmth)
        unit.run(plan_only=plan_only)
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted; `l2mac resume {workspace.path}` goes on") from None
    except ProcessorError as error:
        # Whoever looks in the morning finds the reason here; what was on the terminal is gone.
        number = sum(event.kind == "stopped" for event in journal.events())
        journal.record(f"-/0/0/stopped-{number}", "stopped", str(error), type(error).__name__)
        raise
    finally:
        if unit:
            unit.lanes.close()
        if unit is None or settings.run.lanes > 1:  # of one lane, the processor in use was closed with it
            release(processor)
        warmth.close()
    return Codebase(workspace.path, now)


def born(workspace: Workspace, now: State) -> Birth:
    """What fixes the meaning of a run.

    Raises:
        UsageError: nothing of it is recorded yet.
    """
    if now.birth is None:
        raise UsageError(f"the run at {workspace.path} was stopped before it began; start it again")
    return now.birth


def there(workspace: Workspace) -> None:
    """See that the workspace has its history.

    Raises:
        UsageError: it has not.
    """
    if not (workspace.path / ".git").exists():
        raise UsageError(f"{workspace.path} has lost its .git; restore that from a copy, or begin anew")


def at_home(workspace: Workspace, now: State) -> None:
    """See that the workspace is there, on the run's branch.

    Raises:
        UsageError: it is not.
    """
    there(workspace)
    if (branch := workspace.git.branch()) != now.branch:
        raise UsageError(
            f"{workspace.path} is on branch {branch or '(none)'}, and the run works on {now.branch}; "
            f"git -C {workspace.path} switch {now.branch}"
        )


def _supply(settings: Settings, folder: Path, watcher: Watcher) -> Supply:
    return Supply(settings.llm, folder / STATE / "manual", watcher.notice, lanes=settings.run.lanes > 1)


def _note_setting(journal: Journal, now: State, settings: Settings, processor: Processor) -> None:
    """Record what may differ between resumes, where it does."""
    limits = settings.budget.model_dump()
    llm = {key: value for key, value in spelled(settings.llm).items() if key not in ("api_key", "model")}
    for it in llm["fallbacks"]:
        it.pop("api_key", None)
    for name in ("tape", "folder"):
        llm[name] = _printable(str(Path(llm[name]).absolute())) if llm[name] else ""
    machine = {
        "forms": sorted(forms(processor)),
        "window": working_window(settings.llm, processor),
        "turns": settings.run.turns,
        "lanes": settings.run.lanes,
        "candidates": settings.run.candidates,
        "accept_unverified": settings.run.accept_unverified,
        "mutation": settings.checks.mutation,
        "roles": settings.roles.model_dump(),
    }
    setting = Setting(processor.name, settings.llm.model, sandboxed(settings).name, limits, llm, machine)
    if now.setting != setting:
        opened = sum(1 for event in journal.events() if event.kind == "opened")
        journal.record(f"-/0/0/opened-{opened}", "opened", setting, f"{processor.name}, sandbox: {setting.sandbox}")


def _demand_named(settings: Settings, now: State) -> None:
    """Refuse to run a program that only the journal names: the run's folder may be a stranger's."""
    before = now.setting.llm if now.setting else {}
    named = settings.llm.model_fields_set
    if before.get("command") and not named & {"command", "api_type", "base_url", "api_key"}:
        told = shlex.quote(before["command"]) if before["command"].isprintable() else "…"
        raise UsageError(f"this run was served by a program; to run it again, name it: --set llm.command={told}")
    if "fallbacks" not in named and any(it.get("command") for it in before.get("fallbacks", ())):
        raise UsageError(
            "a fallback of this run was a program; name llm.fallbacks again, in the settings or with --set"
        )


def remembered(settings: Settings, now: State) -> Settings:
    """The settings, in which what is not named now stays as it was when the run was last opened."""
    if now.setting is None:
        return settings
    named = settings.llm.model_fields_set
    others = [it for it in now.setting.llm.get("fallbacks", ()) if not it.get("command")]
    llm_before = {**now.setting.llm, "model": now.setting.model, "command": "", "fallbacks": others}
    before = {"llm": llm_before, "budget": now.setting.limits, "roles": now.setting.machine.get("roles", {})}
    said = {**settings.model_dump(), "llm": spelled(settings.llm)}
    for name, section in (("llm", settings.llm), ("budget", settings.budget), ("roles", settings.roles)):
        said[name] |= {key: value for key, value in before[name].items() if key not in section.model_fields_set}
    merged = Settings.model_validate(said)
    llm = merged.llm
    ways = {"base_url", "api_key", "command"}
    if "api_type" not in named and llm.api_type not in ("tape", "manual") and named & ways:
        llm = llm.model_copy(update={"api_type": "auto"})
    return merged.model_copy(update={"llm": llm})


def _adjusted(settings: Settings, steps: int | None, tests: bool | None) -> Settings:
    changes = {name: value for name, value in (("steps", steps), ("tests", tests)) if value is not None}
    return settings.model_copy(update={"run": settings.run.model_copy(update=changes)}) if changes else settings


def _steps(settings: Settings, steps: int | None, kind: Domain, length: Length) -> int | None:
    """How many instructions the program may have; None for as many as the settings say.

    Raises:
        UsageError: that is too few for the length, or the domain knows none.
    """
    if length == ANY:
        return steps
    if not kind.measured:
        raise UsageError(f"words, pages and chapters are for books, not for the domain {kind.name}; add --domain book")
    if steps is not None and steps < (least := length.steps(0) if length.chapters else 1):
        raise UsageError(f"{length.chapters:,} chapters need {least:,} instructions: --steps {least}, or leave it out")
    return length.steps(settings.run.steps) if steps is None else steps


def _given(program: Program | str | Path | None, parameters: Mapping[str, str], most: int) -> Program | None:
    """The program that the user brings; its parameters are bound."""
    if isinstance(program, str | Path):
        return load_program(find(str(program), home() / "programs"), most, parameters)
    if parameters:
        raise UsageError("parameters are for a program from a file or a blueprint; name one with --program")
    return _checked(program, most)


def _checked(program: Program | None, most: int) -> Program | None:
    """A program made by the caller, if it can be executed."""
    if program and (found := faults(program, most)):
        raise UsageError(f"the program can't be executed: {'; '.join(found[:5])}")
    return program


def _printable(prompt: str) -> str:
    """The prompt as text that can be encoded. Under a locale without UTF-8, Python hands its bytes over in disguise."""
    try:
        return prompt.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    except UnicodeEncodeError:
        return prompt.encode("utf-8", "replace").decode()


def open_journal(workspace: Workspace) -> Journal:
    """Open a run's journal. SOURCE_DATE_EPOCH fixes the clock, so that the same run gives the same commits anywhere
    (reproducible-builds.org/specs/source-date-epoch)."""
    fixed = os.environ.get("SOURCE_DATE_EPOCH", "")
    return Journal(workspace.state / "run.db", (lambda: float(fixed)) if fixed.isdigit() else time.time)
