"""The form in which people write programs: lists and mappings, as YAML and JSON hold them, and the schema of these."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..wording import wanted
from .values import Flow, Instruction, Program, Requirement, Subprogram

USUAL_ITEMS = 100
"""How many files a `for each` may find where it does not say."""
USUAL_PLAN = 20
"""How many instructions a `plan` may come to where it does not say."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class _Requirement(_Part):
    id: str
    text: str


class _Instruction(_Part):
    """An instruction, or a step that decides: it has one of when, repeat, for each, parallel, call, plan."""

    id: str = ""
    """Short; others name it in `needs`. Left out, it is counted: I1, I2 …"""
    title: str = ""
    """Left out, the first sentence of the text."""
    text: str = ""
    """What to do."""
    covers: list[str] = []
    """Ids of the requirements that it works towards."""
    needs: list[str] = []
    """Ids of those that must be done first."""
    files: list[str] = []
    """Paths that it will probably write."""
    acceptance: list[str] = []
    """Commands that must end with exit code 0 before it is done."""
    when: str = ""
    """A condition: `then` is done if it holds when its turn comes, else `else`."""
    then: list[_Instruction | str] = []
    otherwise: list[_Instruction | str] = Field([], alias="else")
    repeat: list[_Instruction | str] = []
    """Done again and again `until` its condition holds, `at most` so many times."""
    until: str = ""
    each: str = Field("", alias="for each")
    """A variable: `do` is done once for all that it stands for, which is `in` a list or a pattern of files."""
    among: str | list[str] = Field("", alias="in")
    do: list[_Instruction | str] = []
    parallel: list[_Instruction | str] = []
    """None of these needs another."""
    call: str = ""
    """The name of a sub-program, with a text for each of its parameters in `with`."""
    given: dict[str, str] = Field({}, alias="with")
    plan: str = ""
    """What the model is to plan when its turn comes: at most so many instructions stand here then."""
    most: int = Field(0, alias="at most")


class _Subprogram(_Part):
    parameters: list[str] = []
    instructions: list[_Instruction | str]


class _Parameter(_Part):
    about: str = ""
    default: str | None = None


class _Program(_Part):
    """A program for l2mac."""

    about: str = ""
    """What it makes, for `l2mac program list`."""
    parameters: dict[str, _Parameter] = {}
    """What --with NAME=TEXT gives; ${NAME} in texts."""
    requirements: list[_Requirement] = []
    instructions: list[_Instruction | str]
    programs: dict[str, _Subprogram] = {}
    """Sub-programs, by name."""


# What each kind of step must and may have beside its own key.
_KINDS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "when": (("then",), ("otherwise",)),
    "repeat": (("until", "most"), ()),
    "each": (("among", "do"), ("most",)),
    "parallel": ((), ()),
    "call": ((), ()),
    "plan": ((), ("most", "files")),
}
_LISTS = ("covers", "needs", "files", "acceptance")
_SHARED = ("id", "title", "covers", "needs", "given")


def program_of(data: Any) -> tuple[Program, dict[str, _Parameter]]:
    """Make a program of what a file holds, and tell its parameters, which are not bound yet.

    Raises:
        ValueError: it is no program; the text says what is wrong and where.
    """
    if not isinstance(data, list | dict):
        raise ValueError("is neither a list of instructions nor a mapping with `instructions`")
    try:
        form = _Program.model_validate({"instructions": data} if isinstance(data, list) else data)
    except ValidationError as error:
        raise ValueError(f"is not in the right form: {_complaint(error)}") from None
    subprograms = tuple(
        Subprogram(name, tuple(it.parameters), _steps(it.instructions, f"{name}-", f"programs.{name}"))
        for name, it in form.programs.items()
    )
    requirements = tuple(Requirement(it.id, it.text) for it in form.requirements)
    return Program(_steps(form.instructions, "I", "instructions"), requirements, subprograms), form.parameters


def schema() -> dict[str, Any]:
    """The JSON schema of a program's file."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_Program.model_json_schema()}


def from_text(number: str, text: str) -> Instruction:
    """Make an instruction of one sentence, as the original's plain lists hold them."""
    return Instruction(f"I{number}", title_of(text), text.strip())


def title_of(text: str) -> str:
    """The first sentence of a text, short enough for a line."""
    line = " ".join((text.strip().splitlines() or [""])[0].split()).strip("*#` ")
    first = re.split(r"(?<=[.!?:])[*_]*\s", line)[0].rstrip(".:*_ ") or line
    return first if len(first) <= 72 else first[:71].rstrip() + "…"


def _steps(forms: Iterable[_Instruction | str], prefix: str, place: str) -> tuple[Instruction, ...]:
    made = []
    for number, it in enumerate(forms, 1):
        form = _Instruction(text=it.strip()) if isinstance(it, str) else it
        made.append(_step(form, form.id or f"{prefix}{number}", f"{place}.{number}"))
    return tuple(made)


def _step(form: _Instruction, id: str, place: str) -> Instruction:
    told = {name for name in form.model_fields_set if getattr(form, name) not in ("", [], 0) or name == "parallel"}
    heads = [name for name in _KINDS if name in told]
    head = heads[0] if heads else ""
    needed, allowed = _KINDS.get(head, ((), ("text", "files", "acceptance")))
    for name in needed:
        if name not in told:
            bound = "; nothing may go on without end" if name == "most" else ""
            raise ValueError(f"is not in the right form: {place}: `{_key(head)}` needs `{_key(name)}`{bound}")
    if extra := sorted(_key(name) for name in told - {head, *needed, *allowed, *_SHARED} if name):
        what = f"`{_key(head)}`" if head else "an instruction"
        raise ValueError(f"is not in the right form: {place}: {what} takes no `{extra[0]}`")
    flow = _flow(form, head, id, place) if head else None
    text = form.plan or form.text or form.title or (_words(flow) if flow else "")
    title = form.title or (title_of(text) if head in ("", "plan") else text)
    lists: dict[str, Any] = {name: tuple(getattr(form, name)) for name in _LISTS}
    return Instruction(id, title, text, flow=flow, **lists)


def _flow(form: _Instruction, head: str, id: str, place: str) -> Flow:
    body = {"when": form.then, "repeat": form.repeat, "each": form.do, "parallel": form.parallel}.get(head, [])
    usual = {"each": USUAL_ITEMS, "plan": USUAL_PLAN}.get(head, 0)
    listed = isinstance(form.among, list)
    steps = _steps([*body, *form.otherwise], f"{id}-", f"{place}.{_key(head)}")
    return Flow(
        head,  # type: ignore[arg-type]  # one of _KINDS
        steps[: len(body)],
        steps[len(body) :],
        form.when or form.until,
        form.most if "most" in form.model_fields_set else max(usual, len(form.among) if listed else 0),
        name=form.each or form.call,
        items=tuple(form.among) if listed else (),
        glob="" if listed else str(form.among),
        arguments=tuple(form.given.items()),
    )


def _words(flow: Flow) -> str:
    """What a step does, where nobody said it."""
    told = {
        "when": f"when {flow.condition}",
        "repeat": f"repeat until {flow.condition}",
        "each": f"for each {flow.name} in {flow.glob or ', '.join(flow.items)}",
        "call": f"call {flow.name}",
    }
    return told.get(flow.kind, "side by side")[:200]


def written(program: Program) -> dict[str, Any]:
    """A program as what a file holds; `program_of` makes the same of it."""
    data: dict[str, Any] = {"requirements": [{"id": it.id, "text": it.text} for it in program.requirements]}
    data["instructions"] = [_written(it) for it in program.instructions]
    if program.subprograms:
        data["programs"] = {
            it.name: {"parameters": list(it.parameters), "instructions": [_written(step) for step in it.instructions]}
            for it in program.subprograms
        }
    return data


def _written(it: Instruction) -> dict[str, Any]:
    flow = it.flow
    told: dict[str, Any] = {"id": it.id, "title": it.title}
    told |= {"text": it.text} if flow is None else {}
    told |= {name: list(getattr(it, name)) for name in _LISTS if getattr(it, name)}
    if flow is None:
        return told
    body, other = ([_written(step) for step in steps] for steps in (flow.body, flow.other))
    kinds: dict[str, dict[str, Any]] = {
        "when": {"when": flow.condition, "then": body, **({"else": other} if other else {})},
        "repeat": {"repeat": body, "until": flow.condition},
        "each": {"for each": flow.name, "in": list(flow.items) or flow.glob, "do": body},
        "parallel": {"parallel": body},
        "call": {"call": flow.name},
        "plan": {"plan": it.text},
    }
    return {
        **told,
        **kinds[flow.kind],
        **({"at most": flow.most} if flow.most else {}),
        **({"with": dict(flow.arguments)} if flow.arguments else {}),
    }


def _key(name: str) -> str:
    return _Instruction.model_fields[name].alias or name


def _complaint(error: ValidationError) -> str:
    """The first thing that is wrong, in words; of a step, which may be a text or a mapping, what lies deepest."""
    first = max(error.errors(include_url=False, include_input=False), key=lambda it: len(it["loc"]))
    *where, last = [part for part in first["loc"] if part not in ("str", "_Instruction", "list[str]")]
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


_FIELDS = {
    field.alias or name
    for form in (_Program, _Requirement, _Instruction, _Subprogram, _Parameter)
    for name, field in form.model_fields.items()
}
