"""The points of a prompt that is a list, and whether a plan keeps them one to one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import islice, pairwise

from ..program.values import Requirement

_MOST = 300
_FURTHEST = 1_000  # requirements that are looked at
_ALIKE = 0.6  # of a point's groups of three characters, those that a requirement must have
_PLAIN = str.maketrans("\uff08\uff09\uff1a\uff0e\uff1b", "():.;")
"""The marks of Chinese and Japanese as those of other languages."""
_MARK = re.compile(
    r"(?P<room>[ \t]*)(?:>[ \t]*)?(?:[-*+•‣▪◦·–—][ \t]+|\(?(?:\d{1,3}(?:\.\d{1,3})*|[a-zA-Z])[.)][ \t]+"
    r"|\d{1,3}(?:\.\d{1,3})+[ \t]+|\(?\d{1,3}[)、.][ \t]*(?=[^\s\d])|[①-⑳][ \t]*)(?:\[[ xX]\][ \t]*)?(?P<text>\S.*)"
)
_INLINE = re.compile(r"(?<![\w.,])\(?(\d{1,2})[.)、][ \t]*(?=[^\s\d])")
_NUMBER = re.compile(r"^\d{1,3}(?:\.\d{1,3})*[.)]?[ \t]+")
_FENCE = re.compile(r"^[ \t]*(?:```|~~~)")


def points(prompt: str) -> list[str]:
    """The items of the lists in a prompt, bulleted or numbered, without their marks; none where it has no list.

    An item that only announces those indented below it is none of its own, nor is what stands in a fenced block.
    """
    found: list[tuple[int, str]] = []
    fenced = False
    prompt = prompt.translate(_PLAIN)
    for line in prompt.expandtabs(4).splitlines():
        fenced ^= bool(_FENCE.match(line))
        if not fenced and (mark := _MARK.match(line)):
            found.append((len(mark["room"]), _NUMBER.sub("", mark["text"]).strip()))
    heads = {at for at, (one, two) in enumerate(pairwise(found)) if two[0] > one[0] and _announces(one[1])}
    items = [text for at, (_, text) in enumerate(found) if at not in heads]
    items = items if len(items) > 1 else _inline(prompt)
    return items[:_MOST] if len(items) > 1 else []


def unkept(points: Sequence[str], requirements: Iterable[Requirement]) -> list[str]:
    """The points that have no requirement of their own with nearly their words."""
    wanted = {at: _groups(text) for at, text in enumerate(points)}
    given = {at: _groups(it.text) for at, it in enumerate(islice(requirements, _FURTHEST))}
    pairs = ((one, want, two, have) for one, want in wanted.items() for two, have in given.items())
    alike = sorted((-len(want & have) / len(want), len(have), one, two) for one, want, two, have in pairs)
    for share, _, one, two in alike:
        if -share >= _ALIKE and one in wanted and two in given:
            del wanted[one], given[two]
    return [points[at] for at in wanted]


def _announces(text: str) -> bool:
    bare = text.rstrip("*_ ")
    return bare.endswith(":") or bool(re.fullmatch(r"(\*\*|__).*?\1:?", text))


def _inline(prompt: str) -> list[str]:
    """The items of a list that counts 1, 2, 3 … within a line."""
    marks: list[re.Match[str]] = []
    for mark in _INLINE.finditer(prompt):
        if int(mark[1]) == len(marks) + 1:
            marks.append(mark)
    ends = [*(mark.start() for mark in marks), len(prompt)][1:]
    return [prompt[mark.end() : end].strip(" \t\n;,.") for mark, end in zip(marks, ends, strict=True)]


def _groups(text: str) -> set[str]:
    """Every three letters or digits that stand together, in whatever writing."""
    flat = re.sub(r"[\W_]+", " ", text.casefold()).strip()
    return {flat[at : at + 3] for at in range(max(len(flat) - 2, 1))}
