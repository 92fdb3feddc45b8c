"""How a window opens: the segments of an instruction's context, each within its share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from ..checks.report import Report
from ..excerpt import bounded, listing, size
from ..processor.protocol import Message
from ..program.values import Instruction, Program
from .ledger import is_test, ledger
from .nearness import ImportGraph
from .survey import survey

_NEAREST = 8  # needed instructions whose texts are shown

TASK, INSTRUCTION = ".l2mac/task.txt", ".l2mac/instruction.txt"
"""Where read_files shows the prompt and the instruction's text; no file can have such a path."""


class Prompts(Protocol):
    """Fills in a domain's prompts."""

    def prompt(self, name: str, **values: object) -> str: ...


class Opening:
    """Assembles the messages that stand before the turn log, most stable first.

    Args:
        prompts: the domain's texts.
        prompt: what the user typed.
        room: what all segments may have together, as `size` counts; each has its share.
        steps: how many instructions a program may have.
        reply: how many tokens a reply may have.
    """

    def __init__(self, prompts: Prompts, prompt: str, room: int, steps: int, reply: int = 8_000) -> None:
        self._prompts = prompts
        self._prompt = prompt
        self._steps = steps
        self._reply = reply
        self._outlined: tuple[Program, str] | None = None
        self._graph = ImportGraph()
        self._room = room
        self.longest = max(room * 2 // 5 // 100, 1) * 100
        """What the text of one instruction may have, as `size` counts."""

    def planning(
        self, files: Mapping[str, str], kept: Iterable[str] = (), baseline: Iterable[Report] = ()
    ) -> list[Message]:
        """The opening of instruction zero.

        Args:
            files: the files that are there.
            kept: those that are no text.
            baseline: what the checks say of them.
        """
        left = max(self._room - size(self._prompt), self._room // 20)
        there = survey(files, kept, baseline, min(left, self._room // 5))
        return [
            Message(
                "system", self._prompts.prompt("planning", steps=self._steps, reply=self._reply, longest=self.longest)
            ),
            Message("user", f"# Task\n{self._prompt}\n\n{there}"),
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
        text = bounded(instruction.text, self.longest, INSTRUCTION)
        values = {"id": instruction.id, "title": _short(instruction.title), "text": text, "context": context}
        task = {"prompt": bounded(self._prompt, self._room // 5, TASK), "outline": self._outline(program)}
        return [
            Message("system", self._prompts.prompt("system")),
            Message("user", self._prompts.prompt("task", **task)),
            Message("user", self._prompts.prompt("instruction", **values)),
        ]

    def splitting(
        self, instruction: Instruction, program: Program, files: Mapping[str, str], complaint: str
    ) -> list[Message]:
        """The opening of a window in which an instruction is cut into pieces.

        Args:
            instruction: the one that is too much at once.
            program: what it is part of.
            files: the files as they are without it.
            complaint: what the checks said last.
        """
        covered = [it for it in program.requirements if it.id in instruction.covers]
        wanted = "\n".join(f"{it.id} {it.text}" for it in covered)
        parts = [
            f"# Task\n{bounded(self._prompt, self._room // 5, TASK)}",
            f"# Instruction {instruction.id}: {_short(instruction.title)}\n"
            f"{bounded(instruction.text, self.longest, INSTRUCTION)}",
            f"# Requirements it covers\n{bounded(wanted, self._room // 8)}" if wanted else "",
            f"# What stood in the way\n{bounded(complaint, self._room // 8)}" if complaint else "",
            f"# Files that exist\n{listing(sorted(files), self._room // 8) or '(none yet)'}",
        ]
        return [
            Message("system", self._prompts.prompt("split", reply=self._reply, longest=self.longest)),
            Message("user", "\n\n".join(filter(None, parts))),
        ]

    def _outline(self, program: Program) -> str:
        """Every instruction, and every requirement as far as there is room: the same bytes for the whole run."""
        if self._outlined is None or self._outlined[0] is not program:
            self._outlined = program, self._written(program)
        return self._outlined[1]

    def _written(self, program: Program) -> str:
        room = min(self._room // 24, 3_000)
        titles = listing((f"{it.id} {_short(it.title)}" for it in program.instructions), room)
        wanted = self._requirements(program) or listing(
            (f"{it.id} {_short(it.text)}" for it in program.requirements), room
        )
        return f"{titles}\n\n# Requirements\n{wanted}" if wanted else titles

    def _requirements(self, program: Program) -> str:
        """All requirements in full; empty where they are too long for that."""
        whole = "\n".join(f"{it.id} {it.text}" for it in program.requirements)
        return whole if size(whole) <= min(self._room // 24, 3_000) else ""

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
        left = [it for it in program.instructions if it.id not in summaries and it.id != instruction.id]
        later = {id for it in left for id in it.covers}
        due = [it.id for it in covered if it.id not in later]
        wanted += (
            f"\nEvidence is due now for: {', '.join(due) or 'none; what is given early is kept'}" if covered else ""
        )
        needed = [it for it in program.instructions if it.id in instruction.needs]
        share = (
            self._room // 13 // max(len(needed[-_NEAREST:]), 1)
        )  # each its own, or those in the middle would be cut away
        told = (bounded(f"### {it.id} {_short(it.title)}\n{it.text}", share) for it in needed[-_NEAREST:])
        handed = {id: summaries[id] for id in instruction.needs if id in summaries}
        if not any(it.needs for it in program.instructions):  # a plain list declares nothing: its order is all there is
            handed = dict(list(summaries.items())[-2:])
        relied = dict.fromkeys([*instruction.files, *(path for it in needed for path in it.files)])
        return [
            _part("Requirements it covers", wanted),
            "" if left else "It is the last instruction.",
            _part("Notes of the user", _joined(notes, self._room // 24)),
            _part("What the instructions it needs asked for", _joined(told, self._room // 12)),
            _part("Handed over", _joined((f"{id}: {text}" for id, text in handed.items()), self._room // 12)),
            _part("Interfaces of files", self._ledger(files, instruction.files, list(relied))),
            _part(
                "All files when this window opened",
                listing(sorted(files), min(self._room // 32, 400), ", ") or "(none yet)",
            ),
        ]

    def _ledger(self, files: Mapping[str, str], listed: Sequence[str], relied: Sequence[str]) -> str:
        """The interfaces of the files relied on; where not all fit, those nearest to the files listed come first."""
        room = self._room // 8
        self._graph.update(files)
        there = [path for path in relied if path in files and not is_test(path)]
        wanted = [*there, *(path for path in self._graph.beside(listed) if path not in there and not is_test(path))]
        whole = ledger(files, wanted, 2 * room)
        if size(whole) <= room and len(whole) <= room:
            return whole
        near = {path: at for at, path in enumerate(self._graph.near(listed))}
        nearest = sorted(wanted, key=lambda path: (near.get(path, len(near)), wanted.index(path)))
        return bounded(ledger(files, nearest, room), room)


def _part(title: str, text: str) -> str:
    return f"## {title}\n{text}" if text else ""


def _joined(items: Iterable[str], room: int) -> str:
    return bounded("\n".join(items), room)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 100 else f"{line[:99]}…"
