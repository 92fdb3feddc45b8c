"""What makes the machine write one kind of thing, as data: its own domains and those of users have one form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any, Literal

from ..errors import UsageError

OFFERED = ("codebase", "book")
NAMES = (*OFFERED, "function")
"""Those that come with the machine; functions have a verb of their own."""
PROMPTS = ("planning", "split", "system", "task", "instruction")
QUESTION = "question"
"""The prompt that only some have: whether the code or the tests are wrong, asked when tests fail."""


@dataclass(frozen=True, slots=True)
class Command:
    """A check that is a shell command, run in the sandbox: it passes with exit code 0."""

    name: str
    run: str
    files: str = ""
    """The files it judges, as a pattern such as `*.md`; it runs when one of them is there."""


@dataclass(frozen=True, slots=True)
class Domain:
    """A kind of output: all that differs between one and another."""

    name: str
    prompts: Mapping[str, str]
    checks: tuple[str | Command, ...] = ("code",)
    """Names of checks (see `judges`), and commands."""
    tools: tuple[str, ...] = ()
    """The tools beside complete_instruction; empty: all of them."""
    exports: tuple[str, ...] = ()
    """The forms in which a run may be exported beside tape and zip; empty: every form that its files allow."""
    shows: Literal["interfaces", "book"] = "interfaces"
    """What an instruction is shown of files: the signatures of those it relies on, or outline, canon and last words."""
    measured: bool = False
    """Whether words, pages and chapters can be asked for."""
    requirements: bool = True
    """Whether a plan must number what is asked for, each requirement with its evidence at the end."""
    completing: str = ""
    """How complete_instruction is described to the model; empty: as to one that writes code."""

    @property
    def asks(self) -> bool:
        """Whether it is asked, when tests fail, if the code or the tests are wrong."""
        return QUESTION in self.prompts

    def prompt(self, name: str, **values: object) -> str:
        """Fill in a prompt; a variable without a value is an error of the prompt."""
        return Template(self.prompts[name]).substitute(values).strip()


def load(name: str) -> Domain:
    """Return one of the machine's own domains, or read one that a user wrote.

    Args:
        name: a name of NAMES, or the path of a YAML file.

    Raises:
        UsageError: there is no such domain, or the file holds none.
    """
    if name in NAMES:
        folder = files(__package__) / name
        return _own(name, (folder / "domain.yaml").read_text(encoding="utf-8"), folder / "prompts")
    if not re.search(r"\.ya?ml$", name):
        raise UsageError(
            f"there is no domain {name!r}; choose from {', '.join(OFFERED)}, or name a file such as my.yaml"
        )
    from .form import read

    return read(Path(name))


def _own(name: str, text: str, folder: Any) -> Domain:
    from .form import domain_of, parsed

    places = {prompt: folder / f"{prompt}.md" for prompt in (*PROMPTS, QUESTION)}
    prompts = {prompt: place.read_text(encoding="utf-8") for prompt, place in places.items() if place.is_file()}
    return domain_of(parsed(text), prompts)
