"""The assembly: the parts of one machine, each chosen and joined to the others here."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
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
from .control.control_unit import ControlUnit
from .control.counsel import Counsel
from .control.dialogue import Dialogue
from .control.evaluator import Evaluator
from .control.intake import Intake
from .control.judgement import Judgement
from .control.opening import Opening
from .control.planning import Planning
from .control.records import Birth
from .control.roles import Role, Roles
from .control.sizing import BYTES, Sizes, fixed
from .control.state import State, relearn, replies
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
    birth = now.birth
    assert birth is not None, "every journal begins with it"
    sandbox = sandboxed(settings)
    environments = _environments(journal, settings, sandbox, watcher)
    llm, domain = settings.llm, domain_of(birth)
    tests, seconds = birth.tests, settings.checks.seconds
    python = PythonChecks(sandbox, environments, tests=tests, seconds=seconds, warmth=warmth)
    toolchains = _toolchains(settings, sandbox, watcher, tests)
    checks = judges(domain, ProjectChecks(python, toolchains), sandbox, now, seconds=seconds)
    judged = settings.checks
    spot = MutationCheck(sandbox, environments, number=judged.mutants, seconds=judged.mutation_seconds)
    lane = Lane(lane_folder(workspace.path), artefacts())
    evaluator = Evaluator(
        journal,
        lane,
        checks,
        sandbox,
        workspace.path,
        lambda files: _surroundings(environments, toolchains, files, lane.folder),
        spot if tests and judged.mutation != "off" and "code" in domain.checks else None,
    )
    trunk = Trunk(journal, workspace, now)
    planning_tools, tools = InstructionSet(PLANNING_TOOLS), tools_of(domain)
    counter = _counter(llm, processor, domain)
    roles = Roles(
        {name: Role(**it) for name, it in settings.roles.model_dump(exclude={"review"}).items()}, settings.roles.review
    )
    sizes = _sizes(llm, processor, counter, _prompted(domain, roles))
    if isinstance(processor, AutoProtocol | Fallback):
        for place, reply in replies(journal):
            processor.learn(place, reply)
    relearn(counter, journal, now)
    opening = Opening(
        domain,
        birth.task,
        sizes.room,
        birth.steps,
        sizes.reserve,
        lambda text: counter.measure(text) * BYTES,
        digest if domain.shows == "book" else None,
    )
    dialogue = Dialogue(
        journal,
        now,
        processor,
        counter,
        price=supply.cost,
        switch=supply.switch,
        escalation=llm.escalation,
        listener=watcher.text,
        asked=watcher.asked,
    )
    planning = Planning(evaluator, now, birth.steps, domain.requirements)
    windows = Windows(journal, now, opening, sizes, counter, planning_tools, tools, roles)
    return ControlUnit(
        journal=journal,
        now=now,
        trunk=trunk,
        dialogue=dialogue,
        windows=windows,
        judgement=Judgement(evaluator, trunk, now, planning, judged.mutation == "refuse"),
        counsel=Counsel(journal, now, dialogue, windows),
        evaluator=evaluator,
        intake=Intake(journal, OrderBox(workspace.state / FOLDER), trunk, now),
        turns=settings.run.turns,
        accept_unverified=settings.run.accept_unverified,
    )


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


def lane_folder(workspace: Path) -> Path:
    """Where a run's lanes lie: outside every project, the same at each resume."""
    address = hashlib.sha256(os.fsencode(workspace)).hexdigest()[:8]
    return home() / "lanes" / f"{workspace.name}-{address}" / "0"
