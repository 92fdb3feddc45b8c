"""How a window opens: the segments of an instruction's context, each within its share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from ..checks.rendering import bounded
from ..processor.protocol import Message
from ..program.values import Instruction, Program
from .ledger import ledger

_CHARACTERS = 3  # a token has at least about so many; shares are given in tokens and cut in characters


class Prompts(Protocol):
    """Fills in a domain's prompts."""

    def prompt(self, name: str, **values: object) -> str: ...


class Opening:
    """Assembles the messages that stand before the turn log, most stable first.

    Args:
        prompts: the domain's texts.
        prompt: what the user typed.
        window: the working window, in tokens; every segment is a share of it.
        steps: how many instructions a program may have.
    """

    def __init__(self, prompts: Prompts, prompt: str, window: int, steps: int) -> None:
        self._prompts = prompts
        self._prompt = prompt
        self._steps = steps
        self._room = window * _CHARACTERS

    def planning(self, files: Iterable[str]) -> list[Message]:
        """The opening of instruction zero."""
        there = bounded("\n".join(sorted(files)), self._room // 16) or "None: the workspace is empty."
        return [
            Message("system", self._prompts.prompt("planning", steps=self._steps)),
            Message("user", f"# Task\n{self._prompt}\n\n# Files that exist\n{there}"),
        ]

    def instruction(
        self,
        instruction: Instruction,
        program: Program,
        files: Mapping[str, str],
        summaries: Mapping[str, str],
        notes: Iterable[str],
    ) -> list[Message]:
        """The opening of one instruction of the program.

        Args:
            instruction: the one to execute.
            program: what it is part of.
            files: the files as they are now.
            summaries: what was handed over by the instructions that are retired, by id.
            notes: what the user wants the model to know.
        """
        context = "\n\n".join(part for part in self._context(instruction, program, files, summaries, notes) if part)
        values = {"id": instruction.id, "title": instruction.title, "text": instruction.text, "context": context}
        task = {"prompt": bounded(self._prompt, self._room // 4), "outline": self._outline(program)}
        return [
            Message("system", self._prompts.prompt("system")),
            Message("user", self._prompts.prompt("task", **task)),
            Message("user", self._prompts.prompt("instruction", **values)),
        ]

    def _outline(self, program: Program) -> str:
        """Every instruction and requirement in a few words: the same bytes for the whole run."""
        room = min(self._room // 24, 3_000)
        titles = _listing((f"{it.id} {it.title}" for it in program.instructions), room)
        wanted = _listing((f"{it.id} {_short(it.text)}" for it in program.requirements), room)
        return f"{titles}\n\n# Requirements\n{wanted}" if wanted else titles

    def _context(
        self,
        instruction: Instruction,
        program: Program,
        files: Mapping[str, str],
        summaries: Mapping[str, str],
        notes: Iterable[str],
    ) -> list[str]:
        covered = [it for it in program.requirements if it.id in instruction.covers]
        needed = [it for it in program.instructions if it.id in instruction.needs]
        handed = {id: summaries[id] for id in instruction.needs if id in summaries}
        if not any(it.needs for it in program.instructions):  # a plain list declares nothing: its order is all there is
            handed = dict(list(summaries.items())[-2:])
        relied = [*instruction.files, *(path for it in needed for path in it.files)]
        return [
            _part("Requirements it covers", "\n".join(f"{it.id} {it.text}" for it in covered)),
            _part("Notes of the user", "\n".join(notes)),
            _part("Handed over", bounded("\n".join(f"{id}: {text}" for id, text in handed.items()), self._room // 12)),
            _part("Interfaces of files", ledger(files, relied, self._room // 8)),
            _part("All files", _listing(sorted(files), min(self._room // 48, 1_500), ", ") or "(none yet)"),
        ]


def _part(title: str, text: str) -> str:
    return f"## {title}\n{text}" if text else ""


def _listing(items: Iterable[str], room: int, between: str = "\n") -> str:
    """As many items as there is room for, and how many more there are."""
    every = list(items)
    for at, item in enumerate(every):
        room -= len(item) + len(between)
        if room < 0:
            return between.join([*every[:at], f"… and {len(every) - at} more"])
    return between.join(every)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 100 else f"{line[:99]}…"
