"""How a window opens: the segments of an instruction's context, each within its share."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..checks.report import Report
from ..excerpt import bounded, fenced, listing, shares, size
from ..processor.protocol import Message
from ..program.values import Instruction, Program
from .ledger import is_test, ledger
from .nearness import ImportGraph
from .survey import survey

_NEAREST = 8  # needed instructions whose texts are shown
_TEXT = 6_000
_OUTLINE = 3_000  # that the titles, and the requirements, may have in the task: they are sent with every request
_FILES = 400  # that the names of files may have
_ANEW = 4  # times that a text is written anew in less room
_LITTLE = 1_400  # that a segment may have in a small window, if no other needs it

TASK, INSTRUCTION, CHECKS, COMMAND = map(".l2mac/{}.txt".format, ("task", "instruction", "checks", "command"))
"""Where read_files shows the prompt, the instruction's text, what the checks said last, and what the last command
printed; no file can have such a path."""


def asked(instruction: Instruction) -> str:
    """The text of an instruction, and below it the commands that show it to be done."""
    commands = [f"- {' '.join(command.split())}" for command in instruction.acceptance]
    accepted = "\n".join(["It is accepted when these commands end with exit code 0:", *commands])
    return f"{instruction.text}\n\n{accepted}" if commands else instruction.text


class Prompts(Protocol):
    """Fills in a domain's prompts."""

    def prompt(self, name: str, **values: object) -> str: ...

    @property
    def asks(self) -> bool: ...


class Digest(Protocol):
    """Tells what an instruction must know of the files, beside those that it reads itself."""

    def __call__(self, files: Mapping[str, str], listed: Sequence[str], room: int) -> str:
        """What is worth knowing to whoever writes the files listed, in so many bytes as `size` counts."""


class Opening:
    """Assembles the messages that stand before the turn log, most stable first.

    Args:
        prompts: the domain's texts.
        prompt: what the user typed.
        room: what all segments may have together, as `measure` counts; each has its share.
        steps: how many instructions a program may have.
        reply: how many tokens a reply may have.
        measure: what a text takes of the room. Shares are given by `excerpt.size`, which is quick; where this says that
            they came out larger, they are made anew in less.
        digest: what is shown of the files that an instruction relies on, where that is not their interfaces.
    """

    def __init__(
        self,
        prompts: Prompts,
        prompt: str,
        room: int,
        steps: int,
        reply: int = 8_000,
        measure: Callable[[str], int] = size,
        digest: Digest | None = None,
    ) -> None:
        self._prompts = prompts
        self._prompt = prompt
        self._steps = steps
        self._reply = reply
        self._whole = True  # whether every requirement stands in the task, word for word
        self._digest = digest
        self._graph = ImportGraph()
        self._measure = measure
        self.resize(room)

    def resize(self, room: int) -> None:
        """Give all segments together another room."""
        self._room = room
        self._told: tuple[Program, str] | None = None
        self.shown = max(room * 2 // 5 // 100, 1) * 100
        """What the text of one instruction may have to be shown whole, as `size` counts."""
        self.longest = min(self.shown, _TEXT)
        """What the compiler may write: a longer one is too much to do at once."""

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
        shown: Collection[str] = (),
    ) -> list[Message]:
        """The opening of one instruction of the program.

        Args:
            instruction: the one to execute.
            program: what it is part of.
            files: the files as they are now.
            summaries: what was handed over by the instructions that are retired, by id.
            notes: what the user wants the model to know.
            shown: ids of the requirements for which there is evidence.
        """
        task = self._task(program)
        segments = self._segments(instruction, program, files, summaries, notes, shown)

        def written(room: int) -> str:
            text = bounded(asked(instruction), min(self.shown, room), INSTRUCTION)
            context = "\n\n".join(_fitted(segments, room - size(text)))
            title = _short(instruction.title)
            return self._prompts.prompt("instruction", id=instruction.id, title=title, text=text, context=context)

        told = self._within(self._room - self._measure(task), written)
        system = self._prompts.prompt("system", reply=self._reply)
        return [Message("system", system), Message("user", task), Message("user", told)]

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
            f"{bounded(instruction.text, self.shown, INSTRUCTION)}",
            f"# Requirements it covers\n{bounded(wanted, self._room // 8)}" if wanted else "",
            f"# What stood in the way\n{bounded(complaint, self._room // 8)}" if complaint else "",
            f"# Files that exist\n{listing(sorted(files), self._room // 8) or '(none yet)'}",
        ]
        return [
            Message("system", self._prompts.prompt("split", reply=self._reply, longest=self.longest)),
            Message("user", "\n\n".join(filter(None, parts))),
        ]

    def frame(self, step: Instruction, program: Program) -> list[Message]:
        """What the compiler must know besides where a person wrote the program, and left a part of it to be planned.

        Args:
            step: what is to be planned.
            program: what stands around it.
        """
        assert step.flow is not None
        titles = listing((f"{it.id} {_short(it.title)}" for it in program.instructions), self._room // 10)
        there = listing((f"{it.id} {_short(it.text)}" for it in program.requirements), self._room // 10) or "(none)"
        told = (
            f"# Program\nIts frame is given:\n{titles}\n\nRequirements that are there, and not to be submitted again:\n"
            f"{there}\n\n# Plan now what stands at {step.id}, and only that: at most {step.flow.most} instructions\n"
            f"{bounded(step.text, self.longest)}"
        )
        return [Message("user", told)]

    def question(self, files: Mapping[str, str], written: Iterable[str], failed: str) -> list[Message]:
        """The opening of a window in which it is asked whether the code or the tests are wrong; where it isn't, empty.

        Args:
            files: the files as they are now.
            written: paths of those to show.
            failed: what the checks said of them.
        """
        if not self._prompts.asks:
            return []
        shown = "\n\n".join(f"## {path}\n{fenced(files[path].rstrip())}" for path in sorted(written) if path in files)

        def ask(room: int) -> str:
            texts = (bounded(text, room * part // 10) for text, part in ((self._prompt, 2), (shown, 5), (failed, 2)))
            return self._prompts.prompt("question", **dict(zip(("prompt", "files", "failed"), texts, strict=True)))

        return [Message("user", self._within(self._room, ask))]

    def _task(self, program: Program) -> str:
        """The prompt, every instruction and every requirement, as far as there is room: the same for the whole run."""
        if self._told is None or self._told[0] is not program:
            told = self._within(
                self._room // 2, lambda room: self._prompts.prompt("task", **self._outlined(program, room))
            )
            self._told = program, told
        return self._told[1]

    def _within(self, room: int, write: Callable[[int], str]) -> str:
        """What is written in a room; written anew in less of it where it takes more than was thought."""
        given = room
        text = write(given)
        for _ in range(_ANEW):
            taken = self._measure(text)
            if taken <= room:
                break
            given = given * max(room, 1) // taken * 9 // 10
            text = write(given)
        return text

    def _outlined(self, program: Program, room: int) -> dict[str, str]:
        titles = [f"{it.id} {_short(it.title)}" for it in program.instructions]
        wanted = "\n".join(f"{it.id} {it.text}" for it in program.requirements)
        most = self._most(24, _OUTLINE)
        sizes = [min(size(self._prompt), self._most(5)), min(size("\n".join(titles)) + len(titles), most), size(wanted)]
        sizes[2] = min(sizes[2], most)
        prompt, listed, required = shares(sizes, room)
        self._whole = size(wanted) <= required
        if not self._whole:
            wanted = listing((f"{it.id} {_short(it.text)}" for it in program.requirements), required)
        outline = listing(titles, listed)
        return {
            "prompt": bounded(self._prompt, prompt, TASK),
            "outline": f"{outline}\n\n# Requirements\n{wanted}" if wanted else outline,
        }

    def _most(self, part: int, longest: int | None = None) -> int:
        """What a segment may have: a part of the room where there is much, else what the others leave of it."""
        most = max(self._room // part, min(self._room // 3, _LITTLE))
        return most if longest is None else min(most, longest)

    def _segments(
        self,
        instruction: Instruction,
        program: Program,
        files: Mapping[str, str],
        summaries: Mapping[str, str],
        notes: Iterable[str],
        shown: Collection[str],
    ) -> list[_Segment]:
        covered = [it for it in program.requirements if it.id in instruction.covers]
        left = [it for it in program.instructions if it.id not in summaries and it.id != instruction.id]
        later = {id for it in left for part in it.every() for id in part.covers}
        due = [it.id for it in covered if it.id not in later and it.id not in shown]
        # Where all stand above, word for word, their ids are enough.
        wanted = (
            ", ".join(it.id for it in covered) if self._whole else "\n".join(f"{it.id} {it.text}" for it in covered)
        )
        held = ", ".join(it.id for it in covered if it.id in shown)
        early = "" if {*due, *shown} >= {it.id for it in covered} else "; given early for others, it is kept"
        evidence = f"Evidence is due now for: {', '.join(due) or 'none'}{early}"
        evidence += f". Held already, from instructions before: {held}" if held else ""
        needed = [it for it in program.instructions if it.id in instruction.needs]
        handed = {id: summaries[id] for id in instruction.needs if id in summaries}
        if not any(it.needs for it in program.instructions):  # a plain list declares nothing: its order is all there is
            handed = dict(list(summaries.items())[-2:])
        whole = _whole(files, () if self._digest else instruction.files, self._most(10))
        return [
            _Segment(
                "Requirements it covers",
                f"{wanted}\n{evidence}" if covered else "",
                self._most(12),
                lambda room: f"{bounded(wanted, room - size(evidence))}\n{evidence}",
            ),
            _Segment("", "It is the last instruction." if summaries and not left else "", 100),
            _Segment("Notes of the user", "\n".join(notes), self._most(24)),
            _Segment(
                "Files it will probably write",
                "" if self._digest else ", ".join(instruction.files),
                _FILES,
                lambda room: listing(instruction.files, room, ", "),
            ),
            _Segment(
                "Those of them that exist, as they are",
                "\n".join(whole.values()),
                self._most(10),
                lambda room: "\n".join(_whole(files, whole, room).values()),
            ),
            _Segment(
                "Handed over: what was done; where a plan says something else, this holds",
                "\n".join(f"{id}: {text}" for id, text in handed.items()),
                self._most(12),
            ),
            *([] if self._digest else [self._asked(needed)]),
            self._relied(instruction, needed, files, whole),
            _Segment(
                "All files when this window opened",
                ", ".join(sorted(files)) or "(none yet)",
                min(self._most(32), _FILES),
                lambda room: listing(sorted(files), room, ", ") or "(none yet)",
            ),
        ]

    def _asked(self, needed: Sequence[Instruction]) -> _Segment:
        told = [f"### {it.id} {_short(it.title)}\n{it.text}" for it in needed[-_NEAREST:]]

        def fewer(room: int) -> str:
            """Each has its own share, or those in the middle would be cut away; scraps are of no use to anybody."""
            last = told[-max(room // _FILES, 1) :]
            return "\n".join(bounded(text, room // len(last)) for text in last)

        return _Segment(
            "What the instructions it needs were to do, as it was planned",
            "\n".join(told),
            self._most(9),
            fewer,
            spare=True,
        )

    def _relied(
        self,
        instruction: Instruction,
        needed: Sequence[Instruction],
        files: Mapping[str, str],
        whole: Collection[str],
    ) -> _Segment:
        """What the instruction must know of the files, beside those that it is shown whole."""
        listed = instruction.files
        if digest := self._digest:
            most = self._most(5)
            return _Segment("", digest(files, listed, most), most, lambda room: digest(files, listed, room))
        paths = list(dict.fromkeys([*listed, *(path for it in needed for path in it.files)]))
        most = self._most(8)
        told = self._ledger(files, listed, paths, whole, most)
        return _Segment("Interfaces of files", told, most, lambda room: self._ledger(files, listed, paths, whole, room))

    def _ledger(
        self,
        files: Mapping[str, str],
        listed: Sequence[str],
        relied: Sequence[str],
        known: Collection[str],
        room: int,
    ) -> str:
        """The interfaces of the files relied on; where not all fit, those nearest to the files listed come first."""
        self._graph.update(files)
        there = [path for path in relied if path in files and not is_test(path)]
        wanted = [*there, *(path for path in self._graph.beside(listed) if path not in there and not is_test(path))]
        wanted = [path for path in wanted if path not in known]
        whole = ledger(files, wanted, 2 * room)
        if size(whole) <= room and len(whole) <= room:
            return whole
        near = {path: at for at, path in enumerate(self._graph.near(listed))}
        nearest = sorted(wanted, key=lambda path: (near.get(path, len(near)), wanted.index(path)))
        return bounded(ledger(files, nearest, room, lean=True), room)


@dataclass(frozen=True, slots=True)
class _Segment:
    """A part of an instruction's context."""

    title: str
    text: str
    most: int
    """What it may have, as `size` counts."""
    shorter: Callable[[int], str] | None = None
    """Gives it in less room; by default head and tail."""
    spare: bool = False
    """It gets what the others leave, and where that is little, nothing."""

    @property
    def size(self) -> int:
        """What it takes where there is room."""
        return min(size(self.text), self.most) + size(self.title) + 4 if self.text else 0

    def within(self, room: int) -> str:
        """The segment under its title, in so much room."""
        room = min(room - size(self.title) - 4, self.most)
        shorter = self.shorter or (lambda room: bounded(self.text, room))
        text = self.text if size(self.text) <= room else shorter(room)
        return f"## {self.title}\n{text}" if self.title else text


def _fitted(segments: Iterable[_Segment], room: int) -> list[str]:
    """The segments that say something, all together in the room: what the small ones don't need the large ones have."""
    told = [it for it in segments if it.text]
    left = room - sum(it.size for it in told if not it.spare)
    told = [it for it in told if not it.spare or left >= min(it.size, _FILES)]
    sizes = [min(it.size, max(left, 0)) if it.spare else it.size for it in told]
    return [it.within(share) for it, share in zip(told, shares(sizes, room), strict=True)]


def _whole(files: Mapping[str, str], paths: Iterable[str], room: int) -> dict[str, str]:
    """Those of the files that exist and fit the room one beside the other, each whole under its name."""
    told: dict[str, str] = {}
    for path in paths:
        part = f"{path}\n{fenced(files[path])}" if path in files else ""
        if part and size(part) < room:
            room -= size(part) + 1
            told[path] = part
    return told


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 100 else f"{line[:99]}…"
