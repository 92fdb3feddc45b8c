"""How a window opens: the segments of an instruction's context, each within its share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from ..processor.protocol import Message
from ..program.values import Instruction, Program
from .ledger import ledger

_BYTES = 3  # of ASCII text: a token has at least about so many
_FIXED = 4_000  # tokens that tools and the domain's own texts may take


class Prompts(Protocol):
    """Fills in a domain's prompts."""

    def prompt(self, name: str, **values: object) -> str: ...


class Opening:
    """Assembles the messages that stand before the turn log, most stable first.

    Args:
        prompts: the domain's texts.
        prompt: what the user typed.
        window: the working window, in tokens; every segment has a share of what tools and the reply leave of it.
        steps: how many instructions a program may have.
        reply: how many tokens a reply may have.
    """

    def __init__(self, prompts: Prompts, prompt: str, window: int, steps: int, reply: int = 8_000) -> None:
        self._prompts = prompts
        self._prompt = prompt
        self._steps = steps
        self._reply = reply
        self._outlined: tuple[Program, str] | None = None
        self._room = max(window * 2 // 3 - _FIXED, window // 12) * _BYTES

    def planning(self, files: Iterable[str]) -> list[Message]:
        """The opening of instruction zero."""
        there = _listing(sorted(files), self._room // 8) or "None: the workspace is empty."
        return [
            Message("system", self._prompts.prompt("planning", steps=self._steps, reply=self._reply)),
            Message("user", f"# Task\n{_bounded(self._prompt, self._room * 2 // 3)}\n\n# Files that exist\n{there}"),
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
        text = _bounded(instruction.text, self._room // 6)
        values = {"id": instruction.id, "title": _short(instruction.title), "text": text, "context": context}
        task = {"prompt": _bounded(self._prompt, self._room // 3), "outline": self._outline(program)}
        return [
            Message("system", self._prompts.prompt("system")),
            Message("user", self._prompts.prompt("task", **task)),
            Message("user", self._prompts.prompt("instruction", **values)),
        ]

    def _outline(self, program: Program) -> str:
        """Every instruction, and every requirement as far as there is room: the same bytes for the whole run."""
        if self._outlined is None or self._outlined[0] is not program:
            self._outlined = program, self._written(program)
        return self._outlined[1]

    def _written(self, program: Program) -> str:
        room = min(self._room // 24, 3_000)
        titles = _listing((f"{it.id} {_short(it.title)}" for it in program.instructions), room)
        wanted = self._requirements(program) or _listing(
            (f"{it.id} {_short(it.text)}" for it in program.requirements), room
        )
        return f"{titles}\n\n# Requirements\n{wanted}" if wanted else titles

    def _requirements(self, program: Program) -> str:
        """All requirements in full; empty where they are too long for that."""
        whole = "\n".join(f"{it.id} {it.text}" for it in program.requirements)
        return whole if _size(whole) <= min(self._room // 24, 3_000) else ""

    def _context(
        self,
        instruction: Instruction,
        program: Program,
        files: Mapping[str, str],
        summaries: Mapping[str, str],
        notes: Iterable[str],
    ) -> list[str]:
        covered = [it for it in program.requirements if it.id in instruction.covers]
        if self._requirements(program):  # they stand above, word for word
            wanted = ", ".join(it.id for it in covered)
        else:
            wanted = _joined((f"{it.id} {it.text}" for it in covered), self._room // 12)
        left = [it.id for it in program.instructions if it.id not in summaries and it.id != instruction.id]
        needed = [it for it in program.instructions if it.id in instruction.needs]
        handed = {id: summaries[id] for id in instruction.needs if id in summaries}
        if not any(it.needs for it in program.instructions):  # a plain list declares nothing: its order is all there is
            handed = dict(list(summaries.items())[-2:])
        relied = [*instruction.files, *(path for it in needed for path in it.files)]
        return [
            _part("Requirements it covers", wanted),
            "" if left else "It is the last instruction.",
            _part("Notes of the user", _joined(notes, self._room // 24)),
            _part("Handed over", _joined((f"{id}: {text}" for id, text in handed.items()), self._room // 12)),
            _part("Interfaces of files", _bounded(ledger(files, relied, self._room // 6), self._room // 6)),
            _part("All files", _listing(sorted(files), min(self._room // 32, 400), ", ") or "(none yet)"),
        ]


def _part(title: str, text: str) -> str:
    return f"## {title}\n{text}" if text else ""


def _listing(items: Iterable[str], room: int, between: str = "\n") -> str:
    """As many items as there is room for, and how many more there are."""
    every = list(items)
    for at, item in enumerate(every):
        room -= _size(item) + len(between)
        if room < 0:
            return between.join([*every[:at], f"… and {len(every) - at} more"])
    return between.join(every)


def _joined(items: Iterable[str], room: int) -> str:
    return _bounded("\n".join(items), room)


def _bounded(text: str, room: int) -> str:
    """Head and tail of a text too long to show, with what was cut said in between."""
    if _size(text) <= room:
        return text
    head, tail = _begin(text, room * 2 // 3), _begin(text[::-1], room // 3)[::-1]
    return f"{head}\n[… {len(text) - len(head) - len(tail):,} characters left out …]\n{tail}"


def _begin(text: str, room: int) -> str:
    while (size := _size(text)) > room:
        text = text[: len(text) * room // size]
    return text


def _size(text: str) -> int:
    """Bytes of UTF-8, those of other scripts and signs twice: they make more tokens."""
    return 2 * len(text.encode("utf-8", "replace")) - len(text.encode("ascii", "ignore"))


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 100 else f"{line[:99]}…"
