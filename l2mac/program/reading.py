"""How programs are read: from YAML or JSON, by path or by a blueprint's name; and from a numbered list in prose."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from ..errors import UsageError
from ..wording import yaml_fault
from .conditions import nameable, near
from .flow import bound
from .form import from_text, program_of
from .validation import faults
from .values import Instruction, Program

BLUEPRINTS = Path(__file__).parents[1] / "blueprints"
"""The programs with parameters that ship with the machine."""
_LARGEST = 20_000_000  # characters of a file
_DEEPEST = 40  # lists and mappings within one another
_LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_NUMBERED = re.compile(
    r"^(?P<mark>[ \t]{0,3}(?:#{1,6}[ \t]+)?[*_]{0,2}(?:(?:step|instruction)[ \t]+)?)"
    r"(?P<number>\d{1,4})(?:[.):]|[ \t]+[-\u2013\u2014](?=[ \t]))[*_]{0,2}[ \t]+(?P<text>\S.*)$",
    re.IGNORECASE | re.MULTILINE,
)


def load(path: Path, most: int, values: Mapping[str, str] | None = None) -> Program:
    """Read a program from a YAML file: a mapping with `instructions`, or a plain list of strings.

    Args:
        path: the file.
        most: how many instructions it may have.
        values: a text for each of its parameters.

    Raises:
        UsageError: the file can't be read, is no YAML, or is no program that can be executed.
    """
    try:
        program = read(text_of(path), values, path.stem)
        if (count := len(program.instructions)) > most:
            raise ValueError(f"has {count:,} instructions, and {most:,} are allowed: --steps {count}")
        if found := faults(program, most):
            raise ValueError(f"can't be executed: {'; '.join(found[:5])}")
    except ValueError as error:
        raise UsageError(f"the program {path.stem if path.parent == BLUEPRINTS else path} {error}") from None
    return program


def read(text: str, values: Mapping[str, str] | None = None, name: str = "it") -> Program:
    """Make a program of a file's text.

    Args:
        text: YAML or JSON.
        values: a text for each of its parameters.
        name: what it is called where the parameters are not as they must be.

    Raises:
        ValueError: it is no program, or lacks a parameter; the text goes on from the file's name.
    """
    program, parameters = program_of(parsed(text))
    given = {id: it.default for id, it in parameters.items() if it.default is not None} | dict(values or {})
    told = ", ".join(f"{id} ({it.about})" if it.about else id for id, it in parameters.items()) or "none"
    if odd := next((id for id in given if id not in parameters), None):
        raise ValueError(f"has no parameter {odd[:40]!r}; it has {told}")
    if lacking := [id for id in parameters if id not in given]:
        raise ValueError(f"needs a text for {lacking[0]}: --with {lacking[0]}=…; its parameters are {told}")
    if bad := next((id for id in parameters if not nameable(id)), None):
        raise ValueError(f"can't have a parameter {bad[:40]!r}; take a word such as module")
    if given and (found := faults(program, max(len(program.instructions), 1), given)):
        raise ValueError(f"can't be executed: {'; '.join(found[:5])}")
    return replace(program, instructions=tuple(bound(it, given) for it in program.instructions)) if given else program


def find(name: str, own: Path) -> Path:
    """The file of a program, given as a path or as the name of a blueprint, the user's own first.

    Raises:
        UsageError: there is no such blueprint.
    """
    if Path(name).exists() or re.search(r"[/\\]|\.(ya?ml|json)$", name):
        return Path(name)
    known = blueprints(own)
    if name not in known:
        raise UsageError(f"there is no program {name[:60]!r}, neither a file nor a blueprint{near(name, known)}")
    return known[name]


def blueprints(own: Path) -> dict[str, Path]:
    """The blueprints by name: those of the machine, and in their place or beside them the user's own."""
    return {path.stem: path for folder in (BLUEPRINTS, own) for path in sorted(folder.glob("*.yaml"))}


def text_of(path: Path) -> str:
    """The text of a program's file.

    Raises:
        ValueError: it can't be read.
    """
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_LARGEST + 1)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ValueError(f"can't be read: {reason}; name another file") from None
    if len(text) > _LARGEST:
        raise ValueError(f"is larger than {_LARGEST:,} characters")
    return text


def parsed(text: str) -> Any:
    """The lists, mappings and texts that YAML holds. A bare 1 or `no` is text like any other, and no tag runs anything.

    Raises:
        ValueError: it is no YAML, or holds an anchor.
    """
    try:
        return _built(yaml.parse(text, _LOADER))
    except yaml.YAMLError as error:
        raise ValueError(f"is no valid YAML: {yaml_fault(_worded(text) or error)}") from None


def _worded(text: str) -> yaml.YAMLError | None:
    """What the slow parser says is wrong: it says it better."""
    try:
        for _ in yaml.parse(text, yaml.BaseLoader):
            pass
    except yaml.YAMLError as error:
        return error
    return None


def _built(events: Iterator[Any]) -> Any:
    """What a stream of events describes, built without recursion: hostile nesting must not exhaust a stack."""
    root: list[Any] = []
    open: list[Any] = [root]
    keys: list[Any] = [None]
    for event in events:
        value: Any = event.value if isinstance(event, yaml.ScalarEvent) else None
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise ValueError(f"holds an anchor at {_mark(event)}; write it out, or call a sub-program")
        if isinstance(event, yaml.CollectionStartEvent):
            value = {} if isinstance(event, yaml.MappingStartEvent) else []
        elif isinstance(event, yaml.CollectionEndEvent):
            open.pop()
            keys.pop()
            continue
        elif not isinstance(event, yaml.ScalarEvent):
            continue
        if isinstance(open[-1], list):
            open[-1].append(value)
        elif keys[-1] is None:
            if not isinstance(value, str) or value in open[-1]:
                wrong = f"the key {value[:40]!r} stands twice" if isinstance(value, str) else "a key must be text"
                raise ValueError(f"is no valid YAML: {_mark(event)}: {wrong}")
            keys[-1] = value
            continue
        else:
            key, keys[-1] = keys[-1], None
            if value != "" or event.style:  # a key without a value says as much as none
                open[-1][key] = value
        if not isinstance(value, str):
            open.append(value)
            keys.append(None)
            if len(open) > _DEEPEST:
                raise ValueError("is no valid YAML: it is nested too deeply")
    return root[0] if root else None


def _mark(event: Any) -> str:
    return f"line {event.start_mark.line + 1}, column {event.start_mark.column + 1}"


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
