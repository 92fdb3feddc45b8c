"""The audit: every check on the whole, every requirement against its evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..checks.report import Report
from ..checks.verdict import judge, label
from ..program.values import Instruction, Program
from ..tools.instruction_set import Evidence
from . import evidence as evidence_of
from .records import Ended, Outcome, Piece, Shown
from .state import State

_BOUND = 20  # reasons named one by one


def audit(now: State, reports: Sequence[Report], *, spent: str = "", accept_unverified: bool = False) -> Ended:
    """Say how the run ended, and why it is not complete where it is not.

    Args:
        now: the state of the run.
        reports: what the checks say of the whole.
        spent: which budget is spent, if one is.
        accept_unverified: whether what could not be checked here may count as done.
    """
    if now.program is None:
        why = spent or "no program was compiled: the model submitted none that can be executed"
        return Ended("budget" if spent else "partial", (why,), tuple(reports))
    verdict = judge(reports, now.baseline, now.waived)
    shown = _shown(now.program, now.trunk, reports, now.evidence)
    reasons = [spent] if spent else []
    reasons += [
        f"{it.id} {it.title}: {_left(it, now)}" for it in now.program.instructions if now.status(it) != "retired"
    ]
    reasons += [f"fails: {label(finding)}" for finding in verdict.blocking]
    reasons += [f"{it.requirement} has no evidence: {it.by}" for it in shown if not it.met and not it.unverifiable]
    if not accept_unverified:
        reasons += [f"{it.requirement} is {it.by}" for it in shown if it.unverifiable]
        reasons += [f"not verified: {what}" for what in verdict.unverified]
    outcome: Outcome = "budget" if spent else "partial" if reasons else "complete"
    tolerated = [label(it) for it in judge(reports, (), now.waived).blocking if it not in verdict.blocking]
    return Ended(outcome, tuple(_few(reasons)), tuple(reports), tuple(shown), tuple(_few(tolerated)))


def _shown(
    program: Program, files: Mapping[str, str], reports: Sequence[Report], evidence: Sequence[Evidence]
) -> list[Shown]:
    # Where no test can run, `unverified` says so; what evidence names beside it can be looked up all the same.
    ran = evidence_of.Ran.told(reports)
    shown = []
    for id in (it.id for it in program.requirements):
        pieces = tuple(evidence_of.piece(it, files, ran) for it in evidence if it.requirement == id)
        good = [_told(it) for it in pieces if it.holds]
        beyond = [it.outcome for it in pieces if it.outcome.startswith(evidence_of.NOT_HERE)]
        by = "; ".join(beyond or good or [it.outcome for it in pieces]) or "none was given"
        shown.append(Shown(id, bool(good) and not beyond, by, pieces, bool(beyond)))
    return shown


def _told(piece: Piece) -> str:
    """A piece that holds, in a few words: what is as it should be goes without saying."""
    note = piece.outcome.removeprefix("passed; ") if piece.outcome != "passed, and executes it" else ""
    return f"{piece.place}, {piece.test}{f' ({note})' if note else ''}" if piece.test else piece.place


def _left(instruction: Instruction, now: State) -> str:
    if now.status(instruction) == "blocked":
        return f"blocked: {now.instructions[instruction.id].reason}"
    if now.status(instruction) == "begun":
        return "begun, not done"
    states = now.states()
    waits = [need for need in instruction.needs if states.get(need) != "retired"]
    return f"not begun, it needs {', '.join(waits)}" if waits else "not begun"


def _few(reasons: list[str]) -> list[str]:
    extra = len(reasons) - _BOUND
    return [*reasons[:_BOUND], f"and {extra} more"] if extra > 0 else reasons
