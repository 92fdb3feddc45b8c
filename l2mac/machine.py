"""The assembly: the only place that chooses concrete parts, and the library's verbs."""

from __future__ import annotations

import hashlib
import os
import re
import time
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from . import __version__
from .checks.environment import Environments
from .checks.python import PythonChecks
from .checks.report import Report
from .config import Settings, home, load_settings
from .control.control_unit import Bounds, ControlUnit
from .control.evaluator import Evaluator
from .control.intake import Intake
from .control.judgement import Judgement
from .control.opening import Opening
from .control.records import Birth, Ended, Setting
from .control.state import State, following, relearn
from .control.trunk import Trunk
from .domains.domain import load as load_domain
from .errors import Fault, Interrupted, UsageError
from .memory.journal import Event, Journal
from .memory.lane import Lane
from .memory.orders import FOLDER, OrderBox
from .memory.paths import confined
from .memory.workspace import STATE, Workspace
from .processor import prices
from .processor.protocol import Listener, Processor, Usage, release
from .processor.tokens import TokenCounter
from .program.reading import load as load_program
from .program.validation import faults
from .program.values import Program
from .providers import serve
from .sandbox.bare import BareSandbox
from .tools import execution
from .tools import files as file_tools
from .tools.instruction_set import InstructionSet

PLANNING_TOOLS = (file_tools.list_files, file_tools.read_files, file_tools.search_files, execution.submit_program)
TOOLS = (
    file_tools.list_files,
    file_tools.read_files,
    file_tools.search_files,
    file_tools.write_files,
    file_tools.edit_file,
    file_tools.delete_files,
    execution.run_tests,
    execution.run_command,
    execution.complete_instruction,
)

_LONGEST_NAME = 40  # characters of a run's folder that is named after its prompt


class Codebase(dict[str, str]):
    """What a run made: path to text.

    Attributes:
        path: the folder in which it lies.
        program: the program that was executed; None where none could be compiled.
        reports: what the checks say of the whole.
        usage: tokens and cost of the run.
        complete: whether every instruction is retired, every check passes and every requirement has evidence.
        ended: how the run ended, with the reasons; None after `plan_only`.
    """

    def __init__(self, path: Path, now: State) -> None:
        super().__init__(now.trunk)
        self.path = path
        self.program: Program | None = now.program
        self.usage: Usage = now.usage
        self.ended: Ended | None = now.ended
        self.reports: tuple[Report, ...] = now.ended.reports if now.ended else now.trunk_reports
        self.complete: bool = bool(now.ended and now.ended.outcome == "complete")


@dataclass(frozen=True, slots=True)
class Watcher:
    """Whoever looks on while a run goes.

    Args:
        opened: is handed the run's folder, its journal and its state, once.
        event: is handed each event when it has been recorded.
        text: is handed each piece of a reply as it arrives.
        notice: is told what is no event: a wait, a request that lies ready.
    """

    opened: Callable[[Path, Journal, State], None] = lambda path, journal, now: None
    event: Callable[[Event], None] = lambda event: None
    text: Listener | None = None
    notice: Callable[[str], None] = lambda text: None


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
        program: a program, or the file that holds one; nothing is compiled then.
        plan_only: stop when the program is compiled. `resume` goes on from there.
        settings: by default those of `load_settings`.
        processor: the model; by default the one that the settings name.
        watcher: whoever looks on.

    Returns:
        the files, and how the run ended.

    Raises:
        UsageError: the prompt is empty, or a setting, git or the disk is not as it must be.
        ProcessorError: the model cannot be reached, or refuses.
        Interrupted: Ctrl-C, or the order to stop. `resume` goes on.
    """
    if not prompt.strip():
        raise UsageError('the prompt is empty; say what to build, such as l2mac "A command-line calculator"')
    prompt = _printable(prompt)
    settings = _adjusted(settings or load_settings(), steps, run_tests)
    kind = load_domain(domain)
    most = settings.run.steps
    given = load_program(Path(program), most) if isinstance(program, str | Path) else _checked(program, most)
    watcher = watcher or Watcher()
    name = name or slug(prompt)
    folder = Path(into).resolve() if into else _new_folder(Path(out or settings.run.out), name)
    workspace = Workspace(folder, PythonChecks.artefacts)
    if into:
        workspace.demand_clean()
    processor = processor or _serve(settings, settings.llm.model, folder, watcher)
    workspace.create(branch=f"l2mac/{name}" if into else "")
    journal = _journal(workspace)
    try:
        branch, parent = workspace.git.branch(), workspace.git.head()
        birth = Birth(prompt, folder.name, kind.name, most, settings.run.tests, __version__, branch, parent, given)
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
    workspace = Workspace(find_run(run, settings.run.out), PythonChecks.artefacts)
    journal = _journal(workspace)
    try:
        return _operate(journal, workspace, settings, processor, watcher)
    finally:
        journal.close()


def find_run(run: str | Path, out: str | Path = "workspace") -> Path:
    """The folder of a run, given as a path or as its name in the output folder.

    Raises:
        UsageError: there is none.
    """
    for folder in (Path(run), Path(out, run)):
        if (folder / ".l2mac" / "run.db").exists():
            return folder.resolve()
    raise UsageError(f"there is no run {str(run)!r}, neither as a folder nor in {out}/")


def slug(prompt: str) -> str:
    """A folder's name made from a prompt: its first words, in plain letters."""
    plain = unicodedata.normalize("NFKD", prompt[:200]).encode("ascii", "ignore").decode()
    words = [word for word in re.findall(r"[a-z0-9]+", plain.lower()) if word not in _FILLER]
    name = ""
    for word in words[:5]:
        if len(name) + len(word) < _LONGEST_NAME:
            name = f"{name}-{word}" if name else word
    return name or "run"


_FILLER = frozenset(
    ["a", "an", "the", "and", "of", "with", "for", "to", "in", "that", "create", "write", "make", "build", "please"]
)


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
    if now.birth is None:
        raise UsageError(f"the run at {workspace.path} was stopped before it began; start it again")
    if (branch := workspace.git.branch()) != now.branch:
        raise UsageError(
            f"{workspace.path} is on branch {branch or '(none)'}, and the run works on {now.branch}; "
            f"git -C {workspace.path} switch {now.branch}"
        )
    if now.ended and now.ended.outcome == "complete":
        watcher.opened(workspace.path, journal, now)
        return Codebase(workspace.path, now)
    settings = _remembered(settings, now)
    model = now.model_for(settings.llm.model)
    processor = processor or _serve(settings, model, workspace.path, watcher)
    unit: ControlUnit | None = None
    try:
        journal.observers.append(watcher.event)
        if now.ended:
            journal.begin_epoch(f"resumed after the run had ended {now.ended.outcome}")
        _note_setting(journal, now, settings, processor)
        watcher.opened(workspace.path, journal, now)
        unit = _assemble(journal, workspace, settings, processor, model, watcher, now)
        unit.run(plan_only=plan_only)
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted; `l2mac resume {workspace.path}` goes on") from None
    finally:
        release(unit.processor if unit else processor)
    return Codebase(workspace.path, now)


def _assemble(
    journal: Journal,
    workspace: Workspace,
    settings: Settings,
    processor: Processor,
    model: str,
    watcher: Watcher,
    now: State,
) -> ControlUnit:
    birth = now.birth
    assert birth is not None, "every journal begins with it"
    sandbox = BareSandbox()
    environments = Environments(home())
    checks = PythonChecks(sandbox, environments, tests=birth.tests, seconds=settings.checks.seconds)
    lane = Lane(_lane_folder(workspace.path), checks.artefacts)
    evaluator = Evaluator(
        journal, lane, checks, sandbox, workspace.path, lambda files: _surroundings(environments, files)
    )
    trunk = Trunk(journal, workspace, now)
    llm = settings.llm
    counter = TokenCounter(model)
    relearn(counter, journal, now)
    bounds = Bounds(settings.run.turns, llm.window, min(llm.max_tokens, llm.window // 3))
    price = prices.price(model, base_url=llm.base_url)
    return ControlUnit(
        journal=journal,
        now=now,
        trunk=trunk,
        processor=processor,
        counter=counter,
        opening=Opening(load_domain(birth.domain), birth.prompt, llm.window, birth.steps, bounds.reserve),
        planning_tools=InstructionSet(PLANNING_TOOLS),
        tools=InstructionSet(TOOLS),
        evaluator=evaluator,
        judgement=Judgement(evaluator, trunk, now, birth.steps),
        intake=Intake(journal, OrderBox(workspace.state / FOLDER)),
        price=lambda usage: prices.cost(usage, price),
        switch=lambda name: _serve(settings, name, workspace.path, watcher),
        bounds=bounds,
        listener=watcher.text,
        accept_unverified=settings.run.accept_unverified,
    )


def _surroundings(environments: Environments, files: Mapping[str, str]) -> tuple[dict[str, str], tuple[Path, ...]]:
    """What a command finds around it: the project's environment first on its path."""
    found = environments.environment(files)
    if isinstance(found, Report):
        return {}, ()
    path = f"{found.folder / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {"PATH": path, "VIRTUAL_ENV": str(found.folder)}, found.readable


def _serve(settings: Settings, model: str, folder: Path, watcher: Watcher) -> Processor:
    return serve(settings.llm, model, folder / STATE / "manual", watcher.notice)


def _note_setting(journal: Journal, now: State, settings: Settings, processor: Processor) -> None:
    """Record what may differ between resumes, where it does."""
    limits = settings.budget.model_dump()
    llm = settings.llm.model_dump(exclude={"api_key", "model"})
    for name in ("tape", "folder"):
        llm[name] = str(Path(llm[name]).absolute()) if llm[name] else ""
    setting = Setting(processor.name, settings.llm.model, BareSandbox.name, limits, llm)
    if now.setting != setting:
        opened = sum(1 for event in journal.events() if event.kind == "opened")
        journal.record(f"-/0/0/opened-{opened}", "opened", setting, f"{processor.name}, sandbox: {setting.sandbox}")


def _remembered(settings: Settings, now: State) -> Settings:
    """The settings, in which what is not named now stays as it was when the run was last opened."""
    if now.setting is None:
        return settings
    said = settings.model_dump()
    before = {"llm": {**now.setting.llm, "model": now.setting.model}, "budget": now.setting.limits}
    for name, section in (("llm", settings.llm), ("budget", settings.budget)):
        said[name] |= {key: value for key, value in before[name].items() if key not in section.model_fields_set}
    return Settings.model_validate(said)


def _adjusted(settings: Settings, steps: int | None, tests: bool | None) -> Settings:
    changes = {name: value for name, value in (("steps", steps), ("tests", tests)) if value is not None}
    return settings.model_copy(update={"run": settings.run.model_copy(update=changes)}) if changes else settings


def _checked(program: Program | None, most: int) -> Program | None:
    """A program made by the caller, if it can be executed; its lists become tuples."""
    if program is None:
        return None
    instructions = (
        replace(it, covers=tuple(it.covers), needs=tuple(it.needs), files=tuple(it.files))
        for it in program.instructions
    )
    program = Program(tuple(instructions), tuple(program.requirements))
    if found := faults(program, most):
        raise UsageError(f"the program can't be executed: {'; '.join(found[:5])}")
    return program


def _printable(prompt: str) -> str:
    """The prompt as text that can be encoded. Under a locale without UTF-8, Python hands its bytes over in disguise."""
    try:
        return prompt.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    except UnicodeEncodeError:
        return prompt.encode("utf-8", "replace").decode()


def _new_folder(out: Path, name: str) -> Path:
    """A folder that does not exist yet: `name`, else `name-2`, `name-3` …"""
    try:
        name = confined(name).replace("/", "-")
    except Fault as fault:
        raise UsageError(f"--name: {fault}") from None
    taken = [name, *(f"{name}-{number}" for number in range(2, 10_000))]
    return next((out / it).absolute() for it in taken if not (out / it).exists())


def _lane_folder(workspace: Path) -> Path:
    """Where a run's lanes lie: outside every project, the same at each resume."""
    address = hashlib.sha256(str(workspace).encode()).hexdigest()[:8]
    return home() / "lanes" / f"{workspace.name}-{address}" / "0"


def _journal(workspace: Workspace) -> Journal:
    """Open a run's journal. SOURCE_DATE_EPOCH fixes the clock, so that the same run gives the same commits anywhere
    (reproducible-builds.org/specs/source-date-epoch)."""
    fixed = os.environ.get("SOURCE_DATE_EPOCH", "")
    return Journal(workspace.state / "run.db", (lambda: float(fixed)) if fixed.isdigit() else time.time)
