"""The words of several languages that the checks look for, kept as data beside them."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any


@cache
def vocabulary(name: str) -> dict[str, Any]:
    """The data of `data/NAME.yaml`."""
    import yaml

    text = (files(__package__) / "data" / f"{name}.yaml").read_text(encoding="utf-8")
    loaded = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    assert isinstance(loaded, dict)
    return loaded
