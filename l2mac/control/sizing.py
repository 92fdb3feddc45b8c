"""What a working window is shared out among: the machine's own texts, the opening, the turn log, the reply."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..errors import UsageError
from ..processor.protocol import Message, ToolSpec
from ..processor.tokens import TokenCounter

_LOG = 1_000  # tokens without which no turn can be answered
_SHORT = 200  # tokens of a prompt that does not count
BYTES = 4
"""Of English text or of code: a token of a vocabulary has about so many; the opening is measured in this unit."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """The shares of a window, in tokens.

    Args:
        window: the whole.
        reply: the most that a reply may have; it never gets more than a third of the window.
        fixed: what tools and the machine's own texts take.
        factor: tokens as planned with, to one of the vocabulary.
    """

    window: int
    reply: int
    fixed: int
    factor: float = 1.0

    @property
    def reserve(self) -> int:
        """Tokens kept free for the reply."""
        return min(self.reply, self.window // 3)

    @property
    def room(self) -> int:
        """Bytes that an opening may have besides: half of what is left, the turn log has the other."""
        return max(int((self.window - self.reserve - self.fixed) // 2 / self.factor * BYTES), 600)

    def at(self, factor: float) -> Sizes:
        """The shares where a token of the vocabulary turns out to be so many of the provider's."""
        return replace(self, fixed=math.ceil(self.fixed * factor / self.factor), factor=factor)

    def demand(self, prompt: int = 0) -> None:
        """See that the machine can work in the window.

        Args:
            prompt: tokens of a prompt that is to be shown whole.

        Raises:
            UsageError: it can't; the message says what the least is.
        """
        least = self._least(self.fixed + _LOG)
        if self.window < least:
            raise UsageError(
                f"llm.window is {self.window:,} tokens, and the least that works here is {least:,}: tools and the "
                f"machine's own texts take {self.fixed:,}; raise it, and with a local server its context length too"
            )
        room = self.window - self.reserve - self.fixed - _LOG + _SHORT
        if prompt > room:
            least = self._least(self.fixed + _LOG - _SHORT + prompt)
            raise UsageError(
                f"the prompt has about {prompt:,} tokens, and with llm.window at {self.window:,} there is room for "
                f"{room:,}; raise llm.window to at least {least:,}, or put what the prompt quotes into files of a "
                "repository and pass --into"
            )

    def _least(self, shown: int) -> int:
        """The smallest window that holds so much beside a reply."""
        least = -(-shown * 3 // 2)
        return least if least // 3 <= self.reply else shown + self.reply


def fixed(windows: Sequence[tuple[Sequence[Message], Sequence[ToolSpec]]], counter: TokenCounter) -> int:
    """The tokens of the largest of some windows, each its messages and tools."""
    measured = (
        sum(map(counter.measure_message, messages)) + sum(map(counter.measure_tool, tools))
        for messages, tools in windows
    )
    return counter.scale(max(measured))
