"""What makes the machine write one kind of thing: its prompts, as data."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from string import Template

from ..errors import UsageError

NAMES = ("codebase",)
_PROMPTS = ("planning", "split", "system", "task", "instruction")


@dataclass(frozen=True, slots=True)
class Domain:
    """A kind of output."""

    name: str
    prompts: dict[str, str]

    def prompt(self, name: str, **values: object) -> str:
        """Fill in a prompt; a variable without a value is an error of the prompt."""
        return Template(self.prompts[name]).substitute(values).strip()


def load(name: str) -> Domain:
    """Return a domain by name.

    Raises:
        UsageError: there is no such domain.
    """
    if name not in NAMES:
        raise UsageError(f"there is no domain {name!r}; choose from {', '.join(NAMES)}")
    folder = files(__package__) / name / "prompts"
    return Domain(name, {prompt: (folder / f"{prompt}.md").read_text(encoding="utf-8") for prompt in _PROMPTS})
