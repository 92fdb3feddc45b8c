"""Roles: whose an instruction is, what is special to each, and what the reviewer is shown and says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..excerpt import bounded, fenced, shares, size
from ..processor.protocol import Message
from ..program.values import Instruction
from .attempt import compiles
from .ledger import is_test

_MOST = 8  # findings of a review
_FINDING = re.compile(r"^[ \t]*(?:[-*•]|\d+[.)])[ \t]+(\S.*)$", re.MULTILINE)
_REVIEW = (
    "You review the work of another. Every check that the machine runs passes, so look for what no check sees: "
    "what the instruction asks for and the files do not do, wrong results, cases that are forgotten, tests that "
    "show nothing. Call no tool. Write each finding on a line of its own that begins with `- ` and names the "
    "file: only what must be changed, at most 8. Where there is nothing, write: none."
)


@dataclass(frozen=True, slots=True)
class Role:
    """What is special to one role."""

    model: str = ""
    """The model to ask; empty for the usual one."""
    temperature: float | None = None
    prompt: str = ""
    """Added to the system text."""


@dataclass(frozen=True, slots=True)
class Roles:
    """Who does what."""

    parts: Mapping[str, Role] = field(default_factory=dict)
    """By name: `planner`, `coder`, `tester`, `reviewer`."""
    review: bool = False

    def of(self, instruction: Instruction) -> Role:
        """Whose an instruction is."""
        if compiles(instruction):
            return self["planner"]
        return self["tester" if instruction.files and all(map(is_test, instruction.files)) else "coder"]

    def __getitem__(self, name: str) -> Role:
        return self.parts.get(name, Role())


def prompted(opening: list[Message], role: Role) -> list[Message]:
    """An opening with what is added to its system text for a role."""
    if not role.prompt:
        return opening
    return [replace(opening[0], content=f"{opening[0].content}\n\n{role.prompt.strip()}"), *opening[1:]]


def review(
    instruction: Instruction, task: str, summary: str, change: Mapping[str, str | None], room: int
) -> list[Message]:
    """What the reviewer is shown of completed work.

    Args:
        instruction: what was asked for.
        task: the prompt.
        summary: what the processor says that it did.
        change: path to new text, or None where the file is gone.
        room: what all may have together, as `size` counts.
    """
    parts = [bounded(it, room // 8) for it in (task, instruction.text, summary)]
    left = max(room - sum(map(size, [_REVIEW, *parts])), room // 8)
    texts = {path: "(deleted)" if text is None else text for path, text in change.items()}
    given = shares([size(text) + size(path) + 20 for path, text in texts.items()], left)
    files = [f"## {path}\n{fenced(bounded(texts[path], it))}" for path, it in zip(texts, given, strict=True)]
    titles = ("Task", f"Instruction {instruction.id}: {instruction.title[:100]}", "What is said of it")
    told = [f"# {title}\n{text}" for title, text in zip(titles, parts, strict=True)]
    return [Message("system", _REVIEW), Message("user", "\n\n".join([*told, "# Files that it changed", *files]))]


def findings(said: str) -> list[str]:
    """What a reviewer found: the lines of a list, each within bounds."""
    return [" ".join(it.split())[:300] for it in _FINDING.findall(said)][:_MOST]
