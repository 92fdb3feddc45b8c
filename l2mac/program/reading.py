"""The forms in which a program is read: YAML, the original's plain list, and a numbered list in prose."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from ..errors import UsageError
from .validation import faults
from .values import Instruction, Program, Requirement

# YAML reads a bare 1 as a number; as an id it is the text "1".
_Id = Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, int) else value)]

_NUMBERED = re.compile(r"^[ \t]{0,3}(?:step[ \t]+)?(\d{1,4})[.):][ \t]+(.+)$", re.IGNORECASE | re.MULTILINE)


class _Requirement(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: _Id
    text: str


class _Instruction(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: _Id = ""
    title: str = ""
    text: str = ""
    covers: list[_Id] = []
    needs: list[_Id] = []
    files: list[str] = []


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
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the program {path} can't be read: {_reason(error)}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise UsageError(f"the program {path} is no valid YAML: {' '.join(str(error).split())[:300]}") from None
    program = _from_data(data, path)
    if found := faults(program, most):
        raise UsageError(f"the program {path} can't be executed: {'; '.join(found[:5])}")
    return program


def _from_data(data: Any, path: Path) -> Program:
    try:
        form = _Program.model_validate({"instructions": data} if isinstance(data, list) else data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part not in ("str", "_Instruction"))
        raise UsageError(
            f"the program {path} is not in the right form: {where or 'top level'}: {first['msg']}"
        ) from None
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
    )


def from_text(number: str, text: str) -> Instruction:
    """Make an instruction of one sentence, as the original's plain lists hold them."""
    return Instruction(f"I{number}", _title(text), text.strip())


def numbered_list(text: str) -> tuple[Instruction, ...]:
    """Read the plan that a model wrote as prose: the items of its numbered list, in order; none where there is no list.

    Only items that count 1, 2, 3 … at the outermost level begin an instruction; what stands between them belongs to the
    item above.
    """
    items: list[tuple[int, int]] = []
    for match in _NUMBERED.finditer(text):
        if int(match[1]) == len(items) + 1:
            items.append((match.start(), match.start(2)))
    ends = [start for start, _ in items[1:]] + [len(text)]
    return tuple(
        from_text(str(number), text[body:end])
        for number, ((_, body), end) in enumerate(zip(items, ends, strict=True), 1)
    )


def _title(text: str) -> str:
    """The first sentence of a text, short enough for a line."""
    line = text.strip().split("\n")[0].strip(" *#`")
    first = re.split(r"(?<=[.!?:])\s", line)[0].rstrip(".:*")
    return first if len(first) <= 72 else first[:71].rstrip() + "…"


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or "it is not UTF-8 text"
