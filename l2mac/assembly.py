"""The assembly: the parts of one machine, each chosen and joined to the others here."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Literal

from .checks.languages import ProjectChecks, artefacts
from .checks.python.checks import PythonChecks
from .checks.python.environment import Environments
from .checks.python.installer import Installer, installer_variables
from .checks.python.mutants import MutationCheck
from .checks.python.names import Admission
from .checks.python.warmth import Warmth
from .checks.report import Report
from .checks.toolchains.checks import ToolchainChecks
from .checks.toolchains.fetching import Fetcher
from .checks.toolchains.results import Results
from .config import LLM, Settings, home
from .control.budget import Purse
from .control.control_unit import ControlUnit
from .control.counsel import Counsel
from .control.dialogue import Dialogue
from .control.evaluator import Evaluator
from .control.executor import Executor
from .control.intake import Intake
from .control.judgement import Judgement
from .control.lanes import Lanes
from .control.opening import Opening
from .control.planning import Planning
from .control.records import Birth
from .control.roles import Role, Roles
from .control.sizing import BYTES, Sizes, fixed
from .control.state import State, replies, teach
from .control.trunk import Trunk
from .control.windows import Windows
from .domains.book.digest import digest
from .domains.domain import Domain
from .domains.domain import load as load_domain
from .errors import UsageError
from .excerpt import size
from .judges import judges
from .memory.journal import Journal
from .memory.lane import Lane
from .memory.orders import FOLDER, OrderBox
from .memory.workspace import Workspace
from .processor.fallback import Fallback
from .processor.overheard import Overheard
from .processor.protocol import Processor, forms
from .processor.text import AutoProtocol, TextCounter
from .processor.tokens import TokenCounter
from .program.values import Instruction, Program
from .providers import Supply, working_window
from .sandbox.rungs import open_sandbox
from .sandbox.seam import Sandbox
from .tools import execution
from .tools import files as file_tools
from .tools.instruction_set import InstructionSet
from .watcher import Watcher

_HEARD = 512  # characters of a reply that are looked through at once
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
    execution.revise_program,
    execution.complete_instruction,
)


def tools_of(domain: Domain) -> InstructionSet:
    """The tools that a domain allows; completing is never among those that it can leave out."""
    completing = execution.complete_instruction.__name__
    allowed = {*domain.tools, completing}
    offered = (it for it in TOOLS if it.__name__ in allowed or not domain.tools)
    return InstructionSet(offered, {completing: domain.completing})


def domain_of(birth: Birth) -> Domain:
    """The domain that a run was born with."""
    return birth.brought or load_domain(birth.domain)


def _counter(llm: LLM, processor: Processor, domain: Domain) -> TokenCounter:
    """What counts the tokens of requests, in whichever of the two protocols takes more where both may be spoken."""
    spoken = forms(processor)
    if llm.protocol == "tools" and "text" not in spoken:
        return TokenCounter(llm.model)
    specs = (*InstructionSet(PLANNING_TOOLS).specs, *tools_of(domain).specs)
    return TextCounter(llm.model, specs, either=llm.protocol != "text" and spoken != {"text"})


def _sizes(llm: LLM, processor: Processor, counter: TokenCounter, domain: Domain) -> Sizes:
    """The shares of the working window."""
    opening = Opening(domain, "", 0, 0)
    executing = opening.instruction(Instruction("I1", "", ""), Program(), {}, {}, ())
    taken = fixed(
        [(opening.planning({}), InstructionSet(PLANNING_TOOLS).specs), (executing, tools_of(domain).specs)],
        counter,
    )
    return Sizes(working_window(llm, processor), llm.max_tokens, taken, counter.factor)


def demand_room(llm: LLM, processor: Processor, domain: Domain, prompt: str, program: Program | None) -> None:
    """See that the prompt, or the program that takes its place, fits the window.

    Raises:
        UsageError: it does not.
    """
    counter = _counter(llm, processor, domain)
    sizes = _sizes(llm, processor, counter, domain)
    sizes.demand(0 if program else counter.count(prompt))
    longest = Opening(domain, "", sizes.room, 0).shown
    for it in (part for whole in program.instructions for part in whole.every()) if program else ():
        if size(it.text) > longest:
            raise UsageError(
                f"the text of instruction {it.id} has {len(it.text):,} characters, and with llm.window at "
                f"{sizes.window:,} there is room for about {longest:,}; split the instruction, or raise llm.window"
            )


def assemble(
    journal: Journal,
    workspace: Workspace,
    settings: Settings,
    processor: Processor,
    supply: Supply,
    watcher: Watcher,
    now: State,
    warmth: Warmth | None = None,
) -> ControlUnit:
    """Put a machine together, with as many lanes as the settings say."""
    if isinstance(processor, AutoProtocol | Fallback):
        for place, reply in replies(journal):
            processor.learn(place, reply)
    trunk, halt = Trunk(journal, workspace, now), supply.halt
    intake = Intake(journal, OrderBox(workspace.state / FOLDER), trunk, now, halt)
    fitter = _Fitter(journal, workspace, settings, processor, supply, watcher, now, trunk, intake, warmth)
    lanes = Lanes(journal, [fitter.executor(number) for number in range(settings.run.lanes)], halt)
    return ControlUnit(journal, now, trunk, lanes, intake, settings.run.accept_unverified)


class _Fitter:
    """Fits out lanes: what they share is made once, what an instruction in flight needs for itself once for each."""

    def __init__(
        self,
        journal: Journal,
        workspace: Workspace,
        settings: Settings,
        processor: Processor,
        supply: Supply,
        watcher: Watcher,
        now: State,
        trunk: Trunk,
        intake: Intake,
        warmth: Warmth | None,
    ) -> None:
        assert now.birth is not None, "every journal begins with it"
        self.journal, self.workspace, self.settings, self.now = journal, workspace, settings, now
        self.processor, self.supply, self.watcher, self.warmth = processor, supply, watcher, warmth
        self.trunk, self.intake, self.birth, self.purse = trunk, intake, now.birth, Purse()
        self.domain, self.sandbox = domain_of(now.birth), sandboxed(settings)
        self.environments = _environments(journal, settings, self.sandbox, watcher)
        self.toolchains = _toolchains(settings, self.sandbox, watcher, now.birth.tests)
        self.learned = _counter(settings.llm, processor, self.domain)
        teach(self.learned, journal, journal.events())
        journal.observers.append(lambda event: teach(self.learned, journal, [event]))

    def executor(self, number: int) -> Executor:
        """What works in a lane."""
        settings, journal, view = self.settings, self.journal, State()
        view.become(self.now)
        project = self.project()
        evaluator = self.evaluator(number, view, project)
        counter = _counter(settings.llm, self.processor, self.domain)
        dialogue = self.dialogue(counter, project)
        windows = self.windows(view, counter)
        planning = Planning(evaluator, view, self.birth.steps, self.domain.requirements)
        strict = settings.checks.mutation == "refuse"
        return Executor(
            journal=journal,
            whole=self.now,
            now=view,
            learned=self.learned,
            counter=counter,
            dialogue=dialogue,
            windows=windows,
            judgement=Judgement(evaluator, self.trunk, view, planning, strict),
            counsel=Counsel(journal, view, dialogue, windows),
            evaluator=evaluator,
            intake=self.intake,
            halt=self.supply.halt,
            turns=settings.run.turns,
            candidates=settings.run.candidates,
        )

    def project(self) -> ProjectChecks:
        """What judges code in a lane."""
        tests, seconds = self.birth.tests, self.settings.checks.seconds
        python = PythonChecks(self.sandbox, self.environments, tests=tests, seconds=seconds, warmth=self.warmth)
        return ProjectChecks(python, self.toolchains)

    def evaluator(self, number: int, view: State, project: ProjectChecks) -> Evaluator:
        """What judges in a lane, and its folder."""
        judged, tests = self.settings.checks, self.birth.tests
        lane = Lane(lane_folder(self.workspace.path, number), artefacts())
        spot = MutationCheck(self.sandbox, self.environments, number=judged.mutants, seconds=judged.mutation_seconds)
        return Evaluator(
            self.journal,
            lane,
            judges(self.domain, project, self.sandbox, view, seconds=judged.seconds),
            self.sandbox,
            self.workspace.path,
            lambda files: _surroundings(self.environments, self.toolchains, files, lane.folder),
            spot if tests and judged.mutation != "off" and "code" in self.domain.checks else None,
        )

    def dialogue(self, counter: TokenCounter, project: ProjectChecks) -> Dialogue:
        """What asks in a lane; each knows the prices of the models that it asks itself."""
        aside = ThreadPoolExecutor(1)
        overheard = Overheard(lambda path, text: aside.submit(project.ahead, path, text), _HEARD)
        shared = self.settings.run.lanes > 1
        supply = copy(self.supply) if shared else self.supply
        return Dialogue(
            self.journal,
            self.now,
            self.processor,
            counter,
            self.purse,
            shared,
            price=supply.cost,
            switch=supply.switch,
            escalation=self.settings.llm.escalation,
            listener=_both(overheard, self.watcher.text),
            asked=_both(overheard.begin, self.watcher.asked),
        )

    def windows(self, view: State, counter: TokenCounter) -> Windows:
        """What opens windows in a lane."""
        settings, domain = self.settings, self.domain
        who = settings.roles.model_dump(exclude={"review"})
        roles = Roles({name: Role(**it) for name, it in who.items()}, settings.roles.review)
        sizes = _sizes(settings.llm, self.processor, counter, _prompted(domain, roles))
        opening = Opening(
            domain,
            self.birth.task,
            sizes.room,
            self.birth.steps,
            sizes.reserve,
            lambda text: counter.measure(text) * BYTES,
            digest if domain.shows == "book" else None,
        )
        planning_tools, tools = InstructionSet(PLANNING_TOOLS), tools_of(domain)
        return Windows(self.journal, view, opening, sizes, counter, planning_tools, tools, roles)


def _both(first: Callable[..., None], second: Callable[..., None] | None) -> Callable[..., None]:
    """Two that hear the same, as one."""

    def hear(*heard: str) -> None:
        first(*heard)
        if second:
            second(*heard)

    return hear


def _prompted(domain: Domain, roles: Roles) -> Domain:
    """The domain with the longest text that a role adds, so that there is room for it."""
    added = max((it.prompt for it in roles.parts.values()), key=len, default="").replace("$", "$$")
    return replace(domain, prompts={name: f"{text}\n\n{added}" for name, text in domain.prompts.items()})


def sandboxed(settings: Settings) -> Sandbox:
    """The sandbox that the settings name.

    Raises:
        UsageError: generated code can't be isolated here.
    """
    return open_sandbox(settings.sandbox, home() / "cache" / "sandbox")


def _environments(journal: Journal, settings: Settings, sandbox: Sandbox, watcher: Watcher) -> Environments:
    """Where the environments of projects come from; how each came to be is recorded."""
    packages = settings.packages
    wheelhouse = Path(packages.wheelhouse) if packages.wheelhouse else None
    # Without isolation the code could write into an environment, and by a hard link into every other.
    links: Literal["hardlink", "copy"] = "copy" if sandbox.name == "none" else "hardlink"
    return Environments(
        home(),
        Installer(installer_variables(os.environ), wheelhouse=wheelhouse, links=links),
        admission=Admission(tuple(packages.allow), tuple(packages.deny)),
        most=packages.cache * 1e9,
        notice=watcher.notice,
        record=lambda it: journal.record(f"-/0/0/environment-{it.digest}", "environment", it, it.gist),
    )


def _toolchains(settings: Settings, sandbox: Sandbox, watcher: Watcher, tests: bool) -> ToolchainChecks:
    """What judges other languages than Python; what it fetches and finds is kept in the machine's folder."""
    fetcher = Fetcher(home(), most=settings.packages.cache * 1e9, notice=watcher.notice)
    results = Results(home() / "toolchains" / "results")
    return ToolchainChecks(sandbox, fetcher, results, tests=tests, seconds=settings.checks.seconds)


def _surroundings(
    environments: Environments, toolchains: ToolchainChecks, files: Mapping[str, str], lane: Path
) -> tuple[dict[str, str], tuple[Path, ...]]:
    """What a command finds around it: the project's environment first on its path, then its toolchains."""
    variables, readable = toolchains.surroundings(files, lane)
    found = environments.environment(files)
    if isinstance(found, Report):
        return variables, readable
    path = f"{found.folder / 'bin'}{os.pathsep}{variables.get('PATH', os.environ.get('PATH', os.defpath))}"
    return {**variables, "PATH": path, "VIRTUAL_ENV": str(found.folder)}, (*found.readable, *readable)


def lane_folder(workspace: Path, number: int = 0) -> Path:
    """Where one of a run's lanes lies: outside every project, the same at each resume."""
    address = hashlib.sha256(os.fsencode(workspace)).hexdigest()[:8]
    return home() / "lanes" / f"{workspace.name}-{address}" / str(number)
