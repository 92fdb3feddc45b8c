"""Counsel: what is asked beside the cycle, in windows of its own, so that work, tests and plans get better."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from ..domains import question
from ..errors import BudgetSpent
from ..memory.journal import Journal
from ..processor.protocol import Message, Reply
from ..program.values import Program
from .attempt import Attempt
from .dialogue import Dialogue
from .records import Retired
from .reflection import another, criticise, merit
from .roles import findings, prompted, review
from .state import State
from .windows import Windows


class Planned(Protocol):
    """Works on a plan."""

    def __call__(self, attempt: Attempt, *, stands: bool = False) -> bool: ...


_REVIEWED = (
    "error: completion refused: a reviewer objects. Mend what is right of it; where it is not, say why in the summary. "
    "Then complete again; there is no other review"
)


@dataclass(slots=True)
class Counsel:
    """Asks for second looks; each has a bound, and none can let anything pass that the checks do not."""

    journal: Journal
    now: State
    dialogue: Dialogue
    windows: Windows

    def reviewed(self, attempt: Attempt, reply: Reply, answers: list[Message]) -> list[Message]:
        """The answers to a reply; where a reviewer objects to what it completes, that takes the place of ok.

        It is asked for once for each instruction.
        """
        done, roles = attempt.outcome, self.windows.roles
        if not (roles.review and isinstance(done, Retired)) or attempt.refusals["review"] or attempt.frugal:
            return answers
        attempt.refusals["review"] += 1
        role, change = roles["reviewer"], attempt.transaction.change
        task = self.now.birth.task if self.now.birth else ""
        opening = review(attempt.instruction, task, done.summary, change, self.windows.sizes.room)
        try:
            with self.dialogue.acting(role):
                found = findings(self._asked(attempt, prompted(opening, role)))
        except BudgetSpent:
            return answers  # the work is good; only the review can't be paid
        self.journal.record(f"{attempt.place}/review", "review", found, f"{len(found)} findings")
        if not found:
            return answers
        attempt.outcome, attempt.moved = None, True
        told = "\n".join([_REVIEWED, *(f"- {it}" for it in found)])
        completions = {call.id for call in reply.message.tool_calls if call.name == attempt.tools.specs[-1].name}
        return [replace(it, content=told) if it.tool_call_id in completions else it for it in answers]

    def question(self, attempt: Attempt) -> None:
        """Where tests fail and nothing else, ask whether they or the code are wrong, and pass the answer on."""
        written = [path for path, text in attempt.transaction.change.items() if text is not None]
        made = self.windows.opening
        opening = made.question(attempt.transaction.files, written, attempt.complaint) if attempt.red else []
        if not opening or attempt.refusals["question"] == question.MOST:
            return
        attempt.refusals["question"] += 1
        answer = question.blamed(self._asked(attempt, opening))
        self.journal.record(f"{attempt.place}/rung-{answer}", "rung", answer, f"asked what is wrong: the {answer}")
        attempt.window.append(Message("user", question.told(answer, attempt.red, written)))

    def plan(self, attempt: Attempt, planned: Planned) -> tuple[Program, str]:
        """The best of as many plans as were asked for, criticised as often as was asked for, and where that ended.

        Args:
            attempt: came to the first.
            planned: works a few replies long on an attempt to make a plan; whether it came to one. Where one `stands`
                already, a reply without a call means that it is good.
        """
        program, birth = attempt.outcome, self.now.birth
        assert isinstance(program, Program), "only what compiles the program comes here"
        if birth is None or attempt.frugal:
            return program, attempt.place
        program, attempt = self._best(program, attempt, birth.plans, planned)
        for _ in range(birth.reflect):
            attempt.outcome = None
            attempt.window.append(Message("user", criticise(program)))
            made = attempt.outcome if planned(attempt, stands=True) else None
            better = made if isinstance(made, Program) and _keeps(made, program) else program
            changes = better != program
            told = "the plan changes" if changes else "the plan stands"
            self.journal.record(f"{attempt.place}/reflection", "reflection", changes, told)
            if not changes:
                break
            program = better
        return program, attempt.place

    def _best(self, program: Program, attempt: Attempt, number: int, planned: Planned) -> tuple[Program, Attempt]:
        """The best of so many plans, the first of which is there, and the attempt that came to it."""
        found = [(program, attempt)]
        for _ in range(1, number):
            attempt = self.windows.another(attempt, another(it for it, _ in found))
            if planned(attempt) and isinstance(attempt.outcome, Program):
                found.append((attempt.outcome, attempt))
        merits = [merit(it) for it, _ in found]
        best = merits.index(max(merits))
        if number > 1:
            told = f"plan {best + 1} of {len(found)} is taken"
            self.journal.record(f"{attempt.place}/plans", "plans", [list(it) for it in merits], told)
        return found[best]

    def _asked(self, attempt: Attempt, opening: list[Message]) -> str:
        """What is answered in a window without tools; it takes a turn of the attempt's."""
        looking = replace(attempt, window=self.windows.aside(opening), turn=attempt.turn + 1)
        exchange = self.dialogue.ask(looking)
        attempt.turn = looking.turn
        return exchange.reply.message.content if exchange else ""


def _keeps(made: Program, program: Program) -> bool:
    """Whether a plan numbers no fewer requirements than another."""
    return len(made.requirements) >= len(program.requirements)
