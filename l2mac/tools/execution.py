"""The tools that ask the control unit for something: to run, to judge, to accept a program."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ..errors import Fault
from ..excerpt import size
from ..program.values import Change, Instruction, Patch, Program, Requirement
from .files import Bench
from .instruction_set import Argument, Completion, Effect, Evidence, Place, TestChange

_LONGEST = 50_000  # characters of a command line; systems take little more


def run_tests(bench: Bench, paths: list[Place] | None = None) -> Effect:
    """Run all tests, or those in the given files or with the given ids."""
    _runnable(" ".join(paths or ()), "paths")
    return Effect(tests=tuple(paths or ()))


def run_command(bench: Bench, command: str) -> Effect:
    """Run a shell command in the project's folder: no network, no input, limited time."""
    if not command.strip():
        raise Fault("command is empty")
    _runnable(command, "command")
    return Effect(command=command)


def complete_instruction(
    bench: Bench, summary: str, evidence: list[Evidence] | None = None, test_changes: list[TestChange] | None = None
) -> Effect:
    """Ask for the instruction to be judged done; refused while a check fails.

    summary: what later instructions must know and signatures do not show, in a few lines: decisions, formats, texts of
    messages, names set in bodies. evidence: for each requirement that is met now, one entry or more: a file, a symbol
    in it and the id of a test that executes that symbol and shows it, such as tests/test_x.py::test_y, with or without
    its [parameters], or web/x.test.ts::its title; not_verifiable: only instead of a test, why none can show it here.
    test_changes: only for tests that passed before and are gone or assert less now, and why.
    """
    if not summary.strip():
        raise Fault("summary is empty; say what was done and what later instructions must know")
    return Effect(completion=Completion(summary.strip(), tuple(evidence or ()), tuple(test_changes or ())))


def _runnable(text: str, what: str) -> None:
    """Fault unless a text can stand in a command line."""
    if "\0" in text:
        raise Fault(f"{what} contains a NUL character")
    if len(text) > _LONGEST:
        raise Fault(f"{what} has {len(text):,} characters, and {_LONGEST:,} are allowed; write a script and run that")


class PlannedRequirement(Argument):
    """One thing the prompt asks for."""

    id: str
    text: str


class PlannedInstruction(Argument):
    """One step of the program."""

    id: str
    title: str
    text: str
    covers: list[str] = []
    needs: list[str] = []
    files: list[Place] = []
    acceptance: list[str] = []


@dataclass(slots=True)
class PlanningBench(Bench):
    """What the tools work on while the program is being compiled."""

    requirements: list[Requirement] = field(default_factory=list)
    instructions: list[Instruction] = field(default_factory=list)
    longest: int = 100_000
    """What the text of one instruction may have, as `excerpt.size` counts."""


def submit_program(
    bench: PlanningBench,
    requirements: list[PlannedRequirement],
    instructions: list[PlannedInstruction],
    more: bool = False,
) -> Effect:
    """Submit the program. One too long for a reply comes in parts: all but the last with more=true, none repeating.

    covers: ids of requirements; needs: ids of instructions; files: paths; acceptance: shell commands that must end with
    exit code 0 when it is done, where a command shows what tests can't; usually none.
    """
    taken = _instructions(bench, instructions)
    bench.requirements += [Requirement(it.id, it.text) for it in requirements]
    bench.instructions += taken
    if more:
        return Effect(f"ok\n{len(bench.instructions)} instructions so far; submit the next part", part=True)
    program = Program(tuple(bench.instructions), tuple(bench.requirements))
    bench.requirements, bench.instructions = [], []
    return Effect(program=program)


class ProgramChange(Argument):
    """One change of what is not yet begun."""

    change: Literal["add", "split", "drop", "move", "edit"]
    id: str = ""
    before: str = ""
    instructions: list[PlannedInstruction] = []


def revise_program(bench: PlanningBench, reason: str, changes: list[ProgramChange]) -> Effect:
    """Change instructions not begun, where what you learnt makes the plan wrong; in force when this one is done.

    add: instructions, before one or last. split: id into them. drop: id. move: id before one or last. edit: id is it.
    """
    if not reason.strip():
        raise Fault("reason is empty; say what was learnt")
    made = (Change(it.change, it.id, it.before, tuple(_instructions(bench, it.instructions))) for it in changes)
    return Effect(patch=Patch(tuple(made), reason.strip()))


def _instructions(bench: PlanningBench, planned: list[PlannedInstruction]) -> list[Instruction]:
    """Planned instructions as values; a text that would not fit a window faults."""
    for it in planned:
        if size(it.text) > bench.longest:
            raise Fault(
                f"the text of {it.id} has {len(it.text):,} characters, and at most {bench.longest:,} fit: shorten it "
                "or split it. Nothing of this call was taken: send all of it again"
            )
    return [Instruction(**{**it.model_dump(), "title": " ".join(it.title.split())}) for it in planned]
