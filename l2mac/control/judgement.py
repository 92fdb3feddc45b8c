"""What a reply comes to: its calls are executed, what they changed is checked, and a completion is judged."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial

from ..checks.rendering import render
from ..checks.report import Finding, Report
from ..checks.verdict import Verdict, judge, label
from ..excerpt import bounded, fenced
from ..processor.protocol import Message, Reply, ToolCall
from ..program.reading import numbered_list
from ..program.values import Program
from ..tools.instruction_set import Completion, Effect, Evidence
from . import evidence as evidence_of
from .attempt import Attempt
from .evaluator import Evaluator
from .opening import CHECKS, COMMAND
from .planning import Planning
from .records import Command, Retired
from .state import State
from .trunk import Trunk

_REFUSALS = 2  # times that a lint finding, or missing evidence, refuses a completion whose tests pass

_NO_CALL = "error: your reply called no tool, so nothing was done. Do the work with tools"
_CUT = "error: your reply was cut at its length limit; what was cut was not done. Send it again, in smaller parts"
_SEEN = (
    "ok\n[You made this call before, and nothing has changed since: its answer stands above. Looking again brings "
    "nothing new; go on with what you know, or complete the instruction.]"
)
_AGAIN = "\n[You sent exactly this before, and nothing has changed since. Do something else.]"
_KEPT = "\n[The evidence is kept: complete again when it is mended, and give only the evidence that changes.]"
_VIEWS = frozenset({"list_files", "read_files", "search_files"})
_REFUSED = "error: the provider's filter stopped your reply. Go on with the instruction in other words"


class Judgement:
    """Answers replies.

    Args:
        evaluator: runs checks and commands.
        trunk: where accepted work will go.
        now: follows the journal.
        planning: accepts programs.
        strict: whether broken lines that no test notices refuse a completion.
    """

    def __init__(
        self, evaluator: Evaluator, trunk: Trunk, now: State, planning: Planning, strict: bool = False
    ) -> None:
        self._evaluator = evaluator
        self._trunk = trunk
        self._now = now
        self._planning = planning
        self._strict = strict

    def answer(self, attempt: Attempt, reply: Reply) -> list[Message]:
        """Execute a reply's calls and return the messages that answer it."""
        attempt.failing, attempt.moved, attempt.red = None, False, ()
        again = attempt.repeats.saw(attempt.edition, reply.message)
        calls = reply.message.tool_calls
        if not calls:
            return [Message("user", self._without_calls(attempt, reply) + _AGAIN * again)]
        effects = [self._effect(attempt, call, number, reply) for number, call in enumerate(calls)]
        effects = self._judged(attempt, effects)
        if again and not any(effect.text == _SEEN for effect in effects):
            effects[-1] = replace(effects[-1], text=effects[-1].text + _AGAIN)
        return [Message("tool", effect.text, tool_call_id=call.id) for call, effect in zip(calls, effects, strict=True)]

    def _without_calls(self, attempt: Attempt, reply: Reply) -> str:
        if reply.ending == "refused":
            return _REFUSED
        if reply.ending == "cut":
            return _CUT
        if attempt.plans and (plan := numbered_list(reply.message.content)):
            return self._planning.listed(attempt, plan)
        last = attempt.tools.specs[-1].name
        return f"{_NO_CALL}, and call {last} when it is done."

    def _effect(self, attempt: Attempt, call: ToolCall, number: int, reply: Reply) -> Effect:
        """Execute one call. Of a reply that was cut, the last call is not trusted even if it parses."""
        if reply.ending == "cut" and call is reply.message.tool_calls[-1]:
            return Effect(_CUT, failed=True)
        effect = _looked(attempt, call, attempt.tools.dispatch(call, attempt.bench))
        attempt.unchecked |= effect.changed
        attempt.edition += bool(effect.changed)
        if effect.command is not None:
            before = dict(attempt.transaction.change)
            place = f"{attempt.place}/command-{number}"
            done = self._evaluator.command(place, attempt.transaction, effect.command)
            text = _printed(attempt, done)
            changed = {path for path, _ in before.items() ^ attempt.transaction.change.items()}
            attempt.unchecked |= changed
            attempt.edition += bool(changed)
            effect = replace(effect, text=text, changed=frozenset(changed))
        elif effect.tests is not None:
            effect = replace(effect, text=self._tests(attempt, number, effect.tests))
        elif effect.part:
            attempt.moved = True
        elif effect.program is not None:
            effect = replace(effect, text=self._planning.program(attempt, effect.program))
        elif effect.patch is not None:
            effect = self._planning.revision(attempt, effect.patch)
        return effect

    def _judged(self, attempt: Attempt, effects: list[Effect]) -> list[Effect]:
        """Judge a completion after all other calls; without one, check what the calls changed."""
        completions = [at for at, effect in enumerate(effects) if effect.completion]
        changes = [at for at, effect in enumerate(effects) if effect.changed]
        if completions:
            at, completion = completions[-1], effects[completions[-1]].completion
            assert completion is not None
            failed = next((effect.text for effect in effects if effect.failed), None)
            if failed:
                text = "error: completion refused: another call of the same reply failed; mend it and complete again"
            else:
                attempt.evidence = _together(attempt.evidence, completion.evidence)
                text = self._completion(attempt, replace(completion, evidence=attempt.evidence))
            effects[at] = replace(effects[at], text=text)
        elif changes and attempt.unchecked:
            at = changes[-1]
            checked = self._after_write(attempt)
            command = effects[at].command is not None
            effects[at] = replace(effects[at], text=f"{effects[at].text}\n{checked}" if command else checked)
        return effects

    def _after_write(self, attempt: Attempt) -> str:
        files, changed = attempt.transaction.snapshot, frozenset(attempt.unchecked)
        reports = self._evaluator.check(f"{attempt.place}/checks", files, changed)
        attempt.unchecked.clear()
        verdict = judge(reports, self._now.baseline, attempt.waived)
        told = self._shown(attempt, reports, verdict)
        due = self._lacking(attempt, attempt.evidence) if verdict.accepted else []
        return f"{told}\nevidence is still due for {', '.join(due)}" if due else told

    def _lacking(self, attempt: Attempt, given: Sequence[Evidence]) -> list[str]:
        """The requirements for which an instruction has to bring evidence and has not."""
        program = self._now.program or Program()
        if {it.requirement for it in given}.issuperset(attempt.instruction.covers):
            return []
        return evidence_of.missing(attempt.instruction, program, self._now.states(), [*self._now.evidence, *given])

    def _tests(self, attempt: Attempt, number: int, tests: tuple[str, ...]) -> str:
        place, files = f"{attempt.place}/tests-{number}", attempt.transaction.snapshot
        reports = self._evaluator.check(place, files, frozenset() if tests else None, tests or None)
        return self._shown(attempt, reports, judge(reports, self._now.baseline))

    def _shown(self, attempt: Attempt, reports: list[Report], verdict: Verdict) -> str:
        """Reports as the model sees them; what fails is kept, for when the window is opened again."""
        files = attempt.transaction.files
        text = render(reports, files, verdict.blocking, attempt.seen, attempt.bench.room // 2, CHECKS)
        attempt.bench.pages[CHECKS] = render(reports, files, verdict.blocking, attempt.seen)
        attempt.failing = len(verdict.blocking)
        tests = {it for report in reports if report.check == "tests" for it in report.failures if "::" in it.code}
        attempt.red = tuple(it.code for it in verdict.blocking) if tests.issuperset(verdict.blocking) else ()
        attempt.seen = {label(finding) for finding in verdict.blocking}
        attempt.complaint = "" if verdict.accepted else text
        return text

    def _completion(self, attempt: Attempt, completion: Completion) -> str:
        """Let an instruction pass, or refuse it and say why."""
        files = attempt.transaction.snapshot
        traced = evidence_of.wanted(completion.evidence)
        acceptance = attempt.instruction.acceptance
        reports = self._evaluator.check(f"{attempt.place}/verdict", files, None, traced=traced, acceptance=acceptance)
        attempt.unchecked.clear()
        self._waive(attempt, reports)
        verdict = judge(reports, self._now.baseline, attempt.waived)
        if not verdict.accepted:
            kept = _KEPT if completion.evidence else ""
            return f"error: completion refused: a check fails\n{self._shown(attempt, reports, verdict)}{kept}"
        explained = [change.test for change in completion.test_changes]
        objections = attempt.guard.objections(files, reports, explained, partial(self._covered, attempt))
        objections = [f"{it}: restore it, or explain it in test_changes" for it in objections]
        ran = evidence_of.Ran.told(reports)
        objections += self._unshown(attempt, completion, ran)
        objections = objections or self._unnoticed(attempt)
        if objections:
            attempt.failing, attempt.complaint = len(objections), "\n".join(objections)
            self._evaluator.note(f"{attempt.place}/refused", "refused", objections)
            return "\n".join(["error: completion refused; all checks pass, but", *(f"- {it}" for it in objections)])
        self._accept(attempt, completion, reports, ran, verdict)
        return "ok"

    def _waive(self, attempt: Attempt, reports: list[Report]) -> None:
        """Lint findings that were refused twice while all tests pass become advice: pylint can be wrong too."""
        verdict = judge(reports, self._now.baseline, attempt.waived)
        lint = {label(finding) for report in reports if report.check == "lint" for finding in report.failures}
        blocking = {label(finding) for finding in verdict.blocking}
        if not blocking <= lint:
            return
        attempt.waived |= {name for name in blocking if attempt.refusals[name] >= _REFUSALS}
        attempt.refusals.update(blocking - attempt.waived)

    def _unshown(self, attempt: Attempt, completion: Completion, ran: evidence_of.Ran | None) -> list[str]:
        """Evidence that shows nothing, and requirements that are left without any.

        After two refusals the instruction passes all the same: its work is good, and the audit names what is missing.
        One that has changed nothing has no work to be good, and passes only with evidence.
        """
        known = {it.id for it in self._now.program.requirements} if self._now.program else set()
        found = [
            f"the evidence for {it.requirement} does not hold: {why}"
            for it in completion.evidence
            if (why := evidence_of.fault(it, attempt.transaction.files, ran) or _unknown(it.requirement, known))
        ]
        if not found:
            lacking = self._lacking(attempt, completion.evidence)
            found = [f"{id} has no evidence: name the file, symbol and test that show it" for id in lacking]
        if found:
            attempt.refusals["evidence"] += 1
        passes = attempt.refusals["evidence"] > _REFUSALS and attempt.transaction.change
        return [] if passes else found

    def _unnoticed(self, attempt: Attempt) -> list[str]:
        """Broken lines that no test noticed, where that refuses: twice, and then the instruction passes."""
        if not self._strict or attempt.refusals["mutation"] >= _REFUSALS:
            return []
        broken = self._evaluator.broken(
            f"{attempt.place}/mutation", attempt.transaction.snapshot, attempt.transaction.base
        )
        attempt.refusals["mutation"] += bool(broken.unnoticed)
        return [f"{it}, and no test failed: let one notice" for it in broken.unnoticed]

    def _covered(
        self, attempt: Attempt, files: Mapping[str, str], tests: Collection[str]
    ) -> dict[str, set[tuple[str, str]]]:
        """What tests execute, on the files that the instruction began on or on those that are there now."""
        before = files is attempt.guard.before
        snapshot = attempt.transaction.base if before else attempt.transaction.snapshot
        named = frozenset(test.partition("[")[0] for test in tests)
        place = f"{attempt.place}/covered-{'before' if before else 'after'}"
        reports = self._evaluator.check(place, snapshot, frozenset(), tuple(sorted(named)), "covered", named)
        traced = {test: it for report in reports for test, it in report.traced.items() if test and not it.why}
        return {
            test: {(path, text.strip()) for path, text in evidence_of.executed(it, files)}
            for test, it in traced.items()
        }

    def _accept(
        self,
        attempt: Attempt,
        completion: Completion,
        reports: list[Report],
        ran: evidence_of.Ran | None,
        verdict: Verdict,
    ) -> None:
        files = attempt.transaction.files
        attempt.transaction.adopt(self._evaluator.locks(attempt.transaction, reports))
        waived: list[Finding] = [it for report in reports for it in report.failures if label(it) in attempt.waived]
        attempt.outcome = Retired(
            summary=completion.summary,
            change=self._trunk.addresses(attempt.transaction.change),
            evidence=tuple(it for it in completion.evidence if not evidence_of.fault(it, files, ran)),
            test_changes=completion.test_changes,
            waived=tuple(label(finding) for finding in waived),
            unverified=verdict.unverified,
            patch=attempt.patch,
        )


def _looked(attempt: Attempt, call: ToolCall, effect: Effect) -> Effect:
    """The effect of a call that only looks; one that shows what the window still shows says so instead."""
    if call.name not in _VIEWS or effect.failed:
        return effect
    key, seen = (call.name, call.arguments), (attempt.edition, effect.text)
    if attempt.views.get(key) == seen and len(effect.text) > len(_SEEN) and attempt.window.holds(effect.text):
        return replace(effect, text=_SEEN)
    attempt.views[key] = seen
    return effect


def _printed(attempt: Attempt, done: Command) -> str:
    """The result of a command: what it printed is fenced, and kept to be read by page."""
    attempt.bench.pages[COMMAND] = done.whole
    printed, room = done.output.rstrip("\n"), attempt.bench.room // 2
    told = bounded(done.text, room // 2, COMMAND)
    return f"{told}\n{fenced(bounded(printed, room - len(told), COMMAND))}" if printed else told


def _together(held: tuple[Evidence, ...], given: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    """The evidence held, where none is given anew for the same requirement, and that given."""
    anew = {it.requirement for it in given}
    return (*(it for it in held if it.requirement not in anew), *given)


def _unknown(requirement: str, known: set[str]) -> str | None:
    return None if requirement in known else f"there is no requirement {requirement}"
