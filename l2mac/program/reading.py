"""The forms in which a program is read: YAML, the original's plain list, and a numbered list in prose."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from ..errors import UsageError
from ..wording import wanted, yaml_fault
from .validation import faults
from .values import Instruction, Program, Requirement

_NUMBERED = re.compile(
    r"^(?P<mark>[ \t]{0,3}(?:#{1,6}[ \t]+)?[*_]{0,2}(?:(?:step|instruction)[ \t]+)?)"
    r"(?P<number>\d{1,4})(?:[.):]|[ \t]+[-\u2013\u2014](?=[ \t]))[*_]{0,2}[ \t]+(?P<text>\S.*)$",
    re.IGNORECASE | re.MULTILINE,
)


class _Requirement(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str
    text: str


class _Instruction(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str = ""
    title: str = ""
    text: str = ""
    covers: list[str] = []
    needs: list[str] = []
    files: list[str] = []
    acceptance: list[str] = []


class _Program(BaseModel):
    model_config = ConfigDict(extra="forbid")
    requirements: list[_Requirement] = []
    instructions: list[_Instruction | str]


def load(path: Path, most: int) -> Program:
    """Read a program from a YAML file: a mapping with `instructions`, or a plain list of strings.

    Args:
        path: the file.
        most: how many instructions it may have.

    Raises:
        UsageError: the file can't be read, is no YAML, or is no program that can be executed.
    """
    try:
        # As text only: a bare 1 or `no` is an id like any other, and no tag or merge key makes anything of its own.
        data = yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the program {path} can't be read: {_reason(error)}; name another file") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise UsageError(f"the program {path} is no valid YAML: {yaml_fault(error)}") from None
    program = _from_data(data, path)
    if (count := len(program.instructions)) > most:
        raise UsageError(f"the program {path} has {count:,} instructions, and {most:,} are allowed: --steps {count}")
    if found := faults(program, most):
        raise UsageError(f"the program {path} can't be executed: {'; '.join(found[:5])}")
    return program


def _from_data(data: Any, path: Path) -> Program:
    if not isinstance(data, list | dict):
        raise UsageError(f"the program {path} is neither a list of instructions nor a mapping with `instructions`")
    try:
        form = _Program.model_validate({"instructions": data} if isinstance(data, list) else data)
    except ValidationError as error:
        raise UsageError(f"the program {path} is not in the right form: {_complaint(error)}") from None
    instructions = tuple(
        from_text(str(number), it) if isinstance(it, str) else _instruction(str(number), it)
        for number, it in enumerate(form.instructions, 1)
    )
    return Program(instructions, tuple(Requirement(it.id, it.text) for it in form.requirements))


def _instruction(number: str, form: _Instruction) -> Instruction:
    return Instruction(
        id=form.id or f"I{number}",
        title=form.title or _title(form.text),
        text=form.text or form.title,
        covers=tuple(form.covers),
        needs=tuple(form.needs),
        files=tuple(form.files),
        acceptance=tuple(form.acceptance),
    )


def from_text(number: str, text: str) -> Instruction:
    """Make an instruction of one sentence, as the original's plain lists hold them."""
    return Instruction(f"I{number}", _title(text), text.strip())


def numbered_list(text: str) -> tuple[Instruction, ...]:
    """Read the plan that a model wrote as prose: the items of its numbered list, in order; none where there is no list.

    Only items that are marked and indented as the first one is, and count 1, 2, 3 …, begin an instruction; what stands
    between them belongs to the item above. A list that begins again at 1 goes on with the plan.
    """
    items: list[re.Match[str]] = []
    number = 0
    for match in _NUMBERED.finditer(text):
        alike = not items or match["mark"].lower() == items[0]["mark"].lower()
        if alike and (int(match["number"]) == number + 1 or (items and int(match["number"]) == 1)):
            number = int(match["number"])
            items.append(match)
    ends = [match.start() for match in items[1:]] + [len(text)]
    return tuple(
        from_text(str(number), text[match.start("text") : end])
        for number, (match, end) in enumerate(zip(items, ends, strict=False), 1)
    )


def _title(text: str) -> str:
    """The first sentence of a text, short enough for a line."""
    line = " ".join((text.strip().splitlines() or [""])[0].split()).strip("*#` ")
    first = re.split(r"(?<=[.!?:])[*_]*\s", line)[0].rstrip(".:*_ ") or line
    return first if len(first) <= 72 else first[:71].rstrip() + "…"


def _complaint(error: ValidationError) -> str:
    """The first thing that is wrong, in words."""
    first = error.errors(include_url=False, include_input=False)[0]
    *where, last = [part for part in first["loc"] if part not in ("str", "_Instruction")]
    place = ".".join(str(part + 1 if isinstance(part, int) else part) for part in where)
    last = last + 1 if isinstance(last, int) else last
    name = f"{place}: {last}" if place and isinstance(last, str) else f"{place}.{last}".strip(".")
    match first["type"]:
        case "extra_forbidden":
            near = difflib.get_close_matches(str(last), _FIELDS, 1)
            hint = f"did you mean {near[0]}?" if near else "a text that contains a colon stands in quotes"
            return f"{place + ': ' if place else ''}unknown field {str(last)[:60]!r}; {hint}"
        case "missing":
            return f"{name} is missing"
    return f"{name} must be {'text, or a mapping' if first['type'] == 'model_type' else wanted(first)}"


_FIELDS = {name for form in (_Program, _Requirement, _Instruction) for name in form.model_fields}


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or "it is not UTF-8 text"
