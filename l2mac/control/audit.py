"""The audit: every check on the whole, every requirement against its evidence."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ..checks.report import Report
from ..checks.verdict import judge, label
from ..program.values import Instruction, Program
from ..tools.instruction_set import Evidence
from . import evidence as evidence_of
from .evaluator import proven
from .records import Ended, Outcome, Shown
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
    reasons += [f"{it.requirement} has no evidence: {it.by}" for it in shown if not it.met]
    if not accept_unverified:
        reasons += [f"not verified: {what}" for what in verdict.unverified]
    outcome: Outcome = "budget" if spent else "partial" if reasons else "complete"
    tolerated = [label(it) for it in judge(reports, (), now.waived).blocking if it not in verdict.blocking]
    return Ended(outcome, tuple(_few(reasons)), tuple(reports), tuple(shown), tuple(_few(tolerated)))


def _shown(
    program: Program, files: Mapping[str, str], reports: Sequence[Report], evidence: Sequence[Evidence]
) -> list[Shown]:
    # Where no test can run, `unverified` says so; what evidence names beside it can be looked up all the same.
    passed = proven(reports)
    shown = []
    for requirement in program.requirements:
        given = [it for it in evidence if it.requirement == requirement.id]
        faults = [why for it in given if (why := evidence_of.fault(it, files, passed))]
        good = [it for it in given if not evidence_of.fault(it, files, passed)]
        by = (
            "; ".join(evidence_of.place(it, files) + _unrun(it, passed) for it in good)
            or "; ".join(faults)
            or "none was given"
        )
        shown.append(Shown(requirement.id, bool(good), by))
    return shown


def _unrun(evidence: Evidence, passed: Collection[str] | None) -> str:
    return " (tests did not run)" if passed is None and evidence.test else ""


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
