"""What libraries say of a user's files and values, in words that name the place and what belongs there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_WANTED = {
    "bool": "true or false",
    "dict": "a section with keys below it",
    "finite": "a number with an end",
    "float": "a number",
    "int": "a whole number",
    "list": "a list",
    "model": "a section with keys below it",
    "string": "text",
    "tuple": "a list",
}


def wanted(fault: Mapping[str, Any]) -> str:
    """What a value must be, of one of pydantic's errors: `a whole number`, `greater than 0`."""
    said = str(fault["msg"]).removeprefix("Value error, it must be ").removeprefix("Input should be ")
    if fault["type"] in ("literal_error", "value_error"):
        return said
    return _WANTED.get(fault["type"].partition("_")[0], said.partition(", ")[0])


def yaml_fault(error: Exception) -> str:
    """Where a text stops being YAML, and why, in one line.

    Args:
        error: a YAMLError, or the RecursionError of nesting without end.
    """
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    mark = getattr(error, "problem_mark", None)
    said = " ".join(str(getattr(error, "problem", None) or str(error).partition("\n")[0]).split())[:200]
    if "'\\t' that cannot start" in said:
        said = "a tab stands where only spaces may"
    return f"line {mark.line + 1}, column {mark.column + 1}: {said}" if mark else said
