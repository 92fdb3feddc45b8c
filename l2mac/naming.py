"""The name of a run's folder, made from its prompt."""

from __future__ import annotations

import re
import unicodedata

_LONGEST = 40  # characters
_WORDS = 4
_ENDS = frozenset([*".:;", "with", "that", "which", "where", "for", "using", "in", "by"])
_MAKING = "a an the and of to on from my me some please create write make build develop implement add"
_PRAISE = "beautiful complete cool fully functional good modern new nice playable robust simple small tiny useful very"
_FILLER = frozenset([*_MAKING.split(), *_PRAISE.split()])


def slug(prompt: str) -> str:
    """The thing that a prompt asks for, in plain letters: `snake-game`; `run` where no word is left.

    It is made of the words before the first preposition or full stop, without articles, verbs of making, and praise.
    """
    plain = unicodedata.normalize("NFKD", prompt[:400]).encode("ascii", "ignore").decode().lower()
    kept: list[str] = []
    for word in re.findall(r"[a-z0-9]+(?:-[a-z0-9]+)*|[.:;]", plain):
        if word in _ENDS and kept:
            break
        if word not in _FILLER and word[0].isalnum():
            kept.append(word)
    name = ""
    for word in kept[:_WORDS]:
        if len(name) + len(word) < _LONGEST:
            name = f"{name}-{word}" if name else word
    return name or "run"
