"""How many things the tests of other languages than Python assert, counted by patterns."""

from __future__ import annotations

import re
from functools import lru_cache

from .projects import suffix
from .reading import definitions
from .recipe import recipes


@lru_cache(maxsize=256)
def assertions(path: str, text: str) -> dict[str, int]:
    """How many assertions stand between a test's definition and the next, by the test's own name.

    Args:
        path: the file, which tells the language.
        text: what it says.
    """
    recipe = next((it for it in recipes() if suffix(path) in it.sources), None)
    if recipe is None:
        return {}
    found = sorted(definitions(recipe.define, text).items(), key=lambda it: it[1])
    ends = [*(start for _, start in found[1:]), len(text)]
    return {
        name: len(re.findall(recipe.asserts, text[start:end])) for (name, start), end in zip(found, ends, strict=True)
    }
