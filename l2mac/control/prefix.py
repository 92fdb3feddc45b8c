"""How much of a request was sent before: providers keep what requests begin with, and charge less for reading it again.

A request is taken as its tools followed by its messages. Each beginning of it has a mark, the hash of the mark before
and of what follows, so that a beginning was sent exactly when its mark is known. The marks that a request adds are
journalled with its reply: a resumed run knows what was sent as if it had never stopped.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ..processor.protocol import Message, ToolSpec, described


def opening_mark(tools: Sequence[ToolSpec]) -> str:
    """The mark of a beginning that holds the tools and no message yet."""
    return _hash(described(tuple(tools)))


def next_mark(mark: str, message: Message) -> str:
    """The mark of a beginning and the message after it."""
    return _hash(f"{mark}{json.dumps(message.told)}")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Prefix:
    """What a request shares with those before it."""

    tokens: int
    """Of its beginning that was sent before, as the vocabulary measures them."""
    why: str
    """Why that is less than the request before it in its window; empty where it is not."""
    marks: tuple[str, ...]
    """The marks that no request had before."""


def shared(marks: Sequence[str], sizes: Sequence[int], last: int, opened: str, sent: Collection[str]) -> Prefix:
    """Compare a request with what was sent.

    Args:
        marks: of the tools, and of each message with all before it.
        sizes: tokens of the tools, and of each message.
        last: how many messages the request before had in the same window; 0 where there was none.
        opened: why there was none.
        sent: the marks of every request of the run so far.
    """
    known = next((at + 1 for at in range(len(marks) - 1, -1, -1) if marks[at] in sent), 0)
    if known == len(marks) or (last and known > last):
        why = ""
    elif last:
        why = "elided"
    else:
        why = opened if known else "other tools" if sent else "first of the run"
    return Prefix(sum(sizes[:known]), why, tuple(marks[known:]))
