"""Recorded runs: tapes of what a model really answered, found by the prompt that they answer."""

from __future__ import annotations

import json
from pathlib import Path

_FOLDER = Path(__file__).parent


def tapes() -> list[Path]:
    """The tapes that ship with the machine, by name."""
    return sorted(_FOLDER.glob("*/*.tape.jsonl"))


def find(prompt: str, domain: str = "codebase") -> Path | None:
    """The tape of exactly this prompt, white space aside, in this domain; None where there is none."""
    wanted = (prompt.split(), domain)
    return next((path for path in tapes() if prompt.strip() and _asked(path) == wanted), None)


def _asked(path: Path) -> tuple[list[str], str]:
    with path.open(encoding="utf-8") as tape:
        header = json.loads(tape.readline())
    return str(header["prompt"]).split(), str(header.get("domain", "codebase"))
