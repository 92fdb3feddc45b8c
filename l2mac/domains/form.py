"""The form of a domain: YAML, strictly checked, with prompts that stand in it or in files beside it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Template
from typing import Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import UsageError
from ..wording import wanted, yaml_fault
from .domain import NAMES, Command, Domain, load

ToolName = Literal[
    "list_files", "read_files", "search_files", "write_files", "edit_file", "delete_files", "run_tests", "run_command",
    "revise_program",
]  # fmt: skip
TOOLS: tuple[str, ...] = get_args(ToolName)
Export = Literal["epub", "pdf", "html", "docx", "md"]

_LONGEST = 20_000  # characters of a prompt; a small window holds no more
_LARGEST = 500_000  # characters of the file
# What each prompt may name, and of it what must be named, or the model would not see it.
_VARIABLES = {
    "planning": (("steps", "reply", "longest"), ()),
    "split": (("reply", "longest"), ()),
    "system": (("reply",), ()),
    "task": (("prompt", "outline"), ("prompt", "outline")),
    "instruction": (("id", "title", "text", "context"), ("id", "title", "text", "context")),
    "question": (("prompt", "files", "failed"), ("files", "failed")),
}


class _Command(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")
    run: str = Field(min_length=1, max_length=4_000)
    files: str = ""


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")
    like: Literal["codebase", "book"] | None = None
    prompts: dict[Literal["planning", "split", "system", "task", "instruction", "question"], str] = {}
    tools: list[ToolName] | None = None
    checks: list[str | _Command] | None = None
    exports: list[Export] | None = None
    shows: Literal["interfaces", "book"] | None = None
    measured: bool | None = None
    requirements: bool | None = None
    completing: str | None = Field(default=None, max_length=2_000)


def parsed(text: str) -> dict[str, Any]:
    """The keys and values of a domain's YAML.

    Raises:
        ValueError: it is no YAML, or no mapping.
    """
    try:
        data = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"is no valid YAML: {yaml_fault(error)}") from None
    if not isinstance(data, dict):
        raise ValueError("is no mapping of names to values, such as `name: survey`")
    return data


def domain_of(data: Mapping[str, Any], prompts: Mapping[str, str], beside: Path | None = None) -> Domain:
    """Make a domain of what a YAML file says.

    Args:
        data: its keys and values.
        prompts: its own, which stand beside it.
        beside: the folder in which files with prompts stand; None where there are none.

    Raises:
        ValueError: something in it is wrong; the text says what, as what follows its name.
    """
    try:
        form = _Form.model_validate(data)
    except ValidationError as error:
        raise ValueError(_complaint(error)) from None
    base = load(form.like) if form.like else Domain(form.name, {})
    texts = {**base.prompts, **prompts}
    texts.update((key, _text(key, text, beside)) for key, text in form.prompts.items())
    given = [Command(it.name, it.run, it.files) if isinstance(it, _Command) else it for it in form.checks or ()]
    if beside:
        _demand_known(given)
        for name, text in texts.items():
            _demand_usable(name, text)
    return Domain(
        form.name,
        texts,
        base.checks if form.checks is None else tuple(given),
        base.tools if form.tools is None else tuple(dict.fromkeys(form.tools)),
        base.exports if form.exports is None else tuple(form.exports),
        form.shows or base.shows,
        base.measured if form.measured is None else form.measured,
        base.requirements if form.requirements is None else form.requirements,
        base.completing if form.completing is None else form.completing,
    )


def read(path: Path) -> Domain:
    """Read a domain that a user wrote. What it does not say is as in the domain it is `like`, by default a codebase.

    Raises:
        UsageError: the file can't be read, or is no domain.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"the domain {path} is not UTF-8 text; save it as UTF-8") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no path"
        raise UsageError(f"the domain {path} can't be read: {reason}; name another file") from None
    try:
        if len(text) > _LARGEST:
            raise ValueError(f"is larger than {_LARGEST:,} characters")
        data = {"like": "codebase", **parsed(text)}
        if data.get("name") in NAMES:
            raise ValueError(f"is named {data['name']!r}, as one of the machine's own is; give it another name")
        return domain_of(data, {}, path.parent)
    except ValueError as error:
        raise UsageError(f"the domain {path} {error}") from None


def _text(name: str, text: str, beside: Path | None) -> str:
    """A prompt as it stands there, or that of the file it names."""
    if beside is None or not re.fullmatch(r"\s*[^\n]{1,200}\.(md|txt)\s*", text):
        return text
    place = Path(text.strip())
    if place.is_absolute() or ".." in place.parts:
        raise ValueError(f"is wrong at prompts.{name}: {text.strip()} does not stand beside it")
    try:
        return (beside / place).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ValueError(f"is wrong at prompts.{name}: {place} can't be read ({reason})") from None


def _demand_usable(name: str, text: str) -> None:
    allowed, needed = _VARIABLES[name]
    if not text.strip() or len(text) > _LONGEST:
        raise ValueError(
            f"is wrong at prompts.{name}: it has {len(text):,} characters, and 1 to {_LONGEST:,} are allowed"
        )
    template = Template(text)
    if not template.is_valid():
        raise ValueError(f"is wrong at prompts.{name}: a $ that begins no variable is written $$")
    found = template.get_identifiers()
    if extra := [it for it in found if it not in allowed]:
        known = ", ".join(f"${it}" for it in allowed) or "none"
        raise ValueError(f"is wrong at prompts.{name}: there is no variable ${extra[0]}; there is {known}")
    if lacking := [it for it in needed if it not in found]:
        raise ValueError(f"is wrong at prompts.{name}: it must hold ${lacking[0]}")


def _demand_known(checks: Iterable[str | Command]) -> None:
    names = [it.name if isinstance(it, Command) else it for it in checks]
    known = known_checks()
    for it in checks:
        if isinstance(it, str) and it not in known:
            near = difflib.get_close_matches(it, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"there is {', '.join(known)}"
            raise ValueError(f"is wrong at checks: there is no check {it[:60]!r}; {hint}")
    if twice := next((it for it in names if names.count(it) > 1), ""):
        raise ValueError(f"is wrong at checks: {twice} stands there twice")


def known_checks() -> tuple[str, ...]:
    """The names of checks that a domain can ask for."""
    from .book.checks.judge import NAMES as OF_BOOKS

    return ("code", "tested", "syntax", "book", *(f"book.{name}" for name in OF_BOOKS))


def _complaint(error: ValidationError) -> str:
    """The first thing that is wrong, in words; of a check, which may be a name or a command, what lies deepest."""
    first = max(error.errors(include_url=False, include_input=False), key=lambda it: len(it["loc"]))
    parts = [part for part in first["loc"] if part not in ("str", "_Command", "[key]")]
    place = ".".join(str(part + 1 if isinstance(part, int) else part) for part in parts)
    match first["type"]:
        case "extra_forbidden":
            near = difflib.get_close_matches(str(parts[-1]), [*_Form.model_fields, *_Command.model_fields], 1)
            return f"is wrong at {place}: there is no such key{f'; did you mean {near[0]}?' if near else ''}"
        case "missing":
            return f"lacks {place}"
        case "string_pattern_mismatch":
            return f"is wrong at {place}: small letters, digits and hyphens make a name, at most 31"
    return f"is wrong at {place}: it must be {wanted(first)}"
