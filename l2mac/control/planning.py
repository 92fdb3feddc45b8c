"""Judges what the processor makes of the program: a plan, the pieces of an instruction, a revision."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..excerpt import bounded
from ..program.patch import MOST_PIECES, apply
from ..program.validation import MOST_EVER, faults, idle
from ..program.values import Change, Instruction, Patch, Program, Requirement
from ..tools.instruction_set import Effect
from .attempt import PLANNING, Attempt
from .evaluator import Evaluator
from .points import points, unkept
from .state import State

_REPAIRS = 2  # times that a program which can't be executed is sent back
_REVISIONS = 6  # times that an instruction may try to change the program
_FAULTS = 10  # that are named
_NAMED, _POINT = 20, 300  # points of the prompt that are named, and characters of one
_MEND = "the program was not accepted. Mend this and submit the whole program again"
_POINTS = (
    "the program was not accepted: each point of a list in the task is a requirement of its own, in its words. "
    "These have none; submit the whole program again"
)


class Planning:
    """Accepts programs and changes of the program, or says what is wrong with them.

    Args:
        evaluator: notes what was refused.
        now: follows the journal.
        steps: how many instructions a program may have.
        numbered: whether a plan must number what is asked for.
    """

    def __init__(self, evaluator: Evaluator, now: State, steps: int, numbered: bool = True) -> None:
        self._evaluator = evaluator
        self._now = now
        self._steps = steps
        self._numbered = numbered

    def program(self, attempt: Attempt, program: Program) -> str:
        """Make a program, or the pieces that it holds, what an attempt comes to; else the answer says what to mend."""
        compiled = attempt.instruction is PLANNING
        made = program if compiled else self._pieces(attempt, program)
        found = self._wrong(program) if isinstance(made, Program) else self._unfit(attempt, made)
        if found:
            attempt.refusals["program"] += 1
            if attempt.refusals["program"] > _REPAIRS:
                attempt.given_up = f"the program can't be executed: {found[0]}"
            return _listed(_MEND, found[:_FAULTS])
        if compiled and (lost := self._lost(attempt, program)):
            return _listed(_POINTS, (bounded(it, _POINT) for it in lost[:_NAMED]))
        attempt.outcome = made
        return "ok"

    def _wrong(self, program: Program) -> list[str]:
        return faults(program, self._steps) or (idle(program) if self._numbered else [])

    def listed(self, attempt: Attempt, steps: tuple[Instruction, ...]) -> str:
        """Take in a plan that is a list in prose; each item of one that is compiled is a requirement of its own."""
        if attempt.instruction is not PLANNING or not self._numbered:
            return self.program(attempt, Program(steps))
        numbered = tuple(Requirement(f"R{number}", it.text) for number, it in enumerate(steps, 1))
        covering = (replace(it, covers=(to.id,)) for it, to in zip(steps, numbered, strict=True))
        return self.program(attempt, Program(tuple(covering), numbered))

    def revision(self, attempt: Attempt, patch: Patch) -> Effect:
        """Take in a change of the program, with those before it, or say why it can't be."""
        attempt.refusals["revision"] += 1
        if attempt.refusals["revision"] > _REVISIONS:
            return Effect(f"error: the program was revised {_REVISIONS} times here; do the instruction", failed=True)
        whole = replace(patch, changes=(*(attempt.patch.changes if attempt.patch else ()), *patch.changes))
        program = self._now.program or Program()
        decided = {it.id: "a step that decides" for it in program.instructions if it.flow}
        made = apply(program, {**decided, **self._now.settled()}, whole, self._steps)
        if isinstance(made, Program):
            made = self._unaccepted(program, made) or made
        if isinstance(made, list):
            told = "the program was not changed. Mend this and send the change again"
            return Effect(_listed(told, made[:_FAULTS]), failed=True)
        attempt.patch = whole
        return Effect(f"ok\nwhen this instruction is done, the program has {len(made.instructions)} instructions")

    def _unaccepted(self, program: Program, made: Program) -> list[str]:
        """The commands of a program that a person wrote which a revised one no longer holds."""
        given = self._now.birth and self._now.birth.given
        before, after = ({command for it in one.instructions for command in it.acceptance} for one in (program, made))
        lost = sorted(before - after) if given else []
        return [
            f"{command[:100]!r} shows what was asked for: keep it in an instruction's acceptance" for command in lost
        ]

    def _pieces(self, attempt: Attempt, program: Program) -> Patch:
        """What puts a program in the place of the instruction that it was made of."""
        added = program.requirements if attempt.instruction.flow else ()
        return Patch((Change("split", attempt.instruction.id, instructions=program.instructions),), "", added)

    def _unfit(self, attempt: Attempt, patch: Patch) -> list[str]:
        """What is wrong with pieces."""
        whole, count = attempt.instruction, len(patch.changes[0].instructions)
        least, most = (1, whole.flow.most) if whole.flow else (2, MOST_PIECES)
        if not least <= count <= most:
            return [f"{whole.id} was cut into {count} instructions; cut it into {least} to {most}"]
        others = {id: state for id, state in self._now.settled().items() if id != whole.id}
        made = apply(self._now.program or Program(), others, patch, MOST_EVER)
        return made if isinstance(made, list) else []

    def _lost(self, attempt: Attempt, program: Program) -> list[str]:
        """The points of the prompt without a requirement, for which a plan is sent back; that is done once."""
        lost = unkept(points(self._now.birth.prompt if self._now.birth else ""), program.requirements)
        if lost and attempt.refusals["points"]:
            self._evaluator.note(f"{attempt.place}/unkept", "unkept", lost)
            return []
        if lost:
            attempt.refusals["points"] = 1
            told = [f"no requirement of its own: {it}" for it in lost]
            self._evaluator.note(f"{attempt.place}/refused", "refused", told)
        return lost


def _listed(told: str, found: Iterable[str]) -> str:
    return "\n".join([f"error: {told}:", *(f"- {it}" for it in found)])
