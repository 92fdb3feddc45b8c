"""How many things the tests of other languages than Python assert, counted by patterns in what `outline.bare` left."""

from __future__ import annotations

import re
from functools import lru_cache

from .projects import suffix
from .reading import definitions
from .recipe import recipes

_IDLE = re.compile(r"""\s*\(?\s*(?:(?:true|1|!0)\s*(?:\)|,\s*["'])|([\w.]+|"[^"\n]*"|'[^'\n]*')\s*,\s*\1\s*[,)])""")
"""What an assertion that can't fail goes on with."""


@lru_cache(maxsize=256)
def assertions(path: str, text: str) -> dict[str, int]:
    """How many assertions stand between a test's definition and the next, by the test's own name.

    Args:
        path: the file, which tells the language.
        text: what it says.
    """
    able = [(it.asserts, definitions(it.define, text)) for it in recipes() if suffix(path) in it.sources]
    pattern, places = next((it for it in able if it[1]), ("", {}))
    found = sorted(places.items(), key=lambda it: it[1])
    ends = [*(start for _, start in found), len(text)][1:]
    return {
        name: sum(1 for it in re.finditer(pattern, text[start:end]) if not _IDLE.match(text, start + it.end()))
        for (name, start), end in zip(found, ends, strict=True)
    }
