"""Every error the machine raises on purpose: two families, two audiences.

L2MACError                 told to the user in one line; ends the run with its exit code
├── UsageError          2  the command, the settings or the computer around us must change first
├── ProcessorError      3  the model cannot be reached, or refuses
│   ├── TransientError     may pass by itself: waited out, then told to the user
│   ├── KeyRefused         the key is wrong or missing: no other model is asked in its place
│   ├── ContextOverflow    the provider says the request is too long: rebuilt smaller
│   └── ToolsRefused       the endpoint takes no tools: spoken to in text where llm.protocol allows
├── Differs             4  a replay came out otherwise than the run
├── BudgetSpent         5  a limit on money, tokens, calls or minutes is reached
└── Interrupted       130  Ctrl-C, or the order to stop

Fault                      told to the model as text; never leaves the machine
Halted                     ends the work in one lane, because the run ends; never leaves the machine
"""

from __future__ import annotations

from typing import ClassVar


class L2MACError(Exception):
    """Base class: catch this to catch everything the machine tells its user."""

    exit_code: ClassVar[int] = 1


class UsageError(L2MACError):
    """Something outside the machine must change before it can work; the text says what."""

    exit_code: ClassVar[int] = 2


class ProcessorError(L2MACError):
    """The model cannot be reached, or refuses."""

    exit_code: ClassVar[int] = 3


class TransientError(ProcessorError):
    """A failure of the provider that may pass by itself.

    Args:
        message: what happened.
        retry_after: seconds the provider asked us to wait, if it did.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class KeyRefused(ProcessorError):
    """The provider does not accept the key, or there is none: the settings must change."""


class ContextOverflow(ProcessorError):
    """The provider counted more tokens in the request than its model takes."""


class ToolsRefused(ProcessorError):
    """The endpoint, or its model, does no function calling."""


class Differs(L2MACError):
    """A replay came out otherwise than the run; the text says where."""

    exit_code: ClassVar[int] = 4


class BudgetSpent(L2MACError):
    """A limit on money, tokens, calls or minutes is reached."""

    exit_code: ClassVar[int] = 5


class Interrupted(L2MACError):
    """The user asked the machine to stop; the run can be resumed."""

    exit_code: ClassVar[int] = 130


class Fault(Exception):
    """What the model did wrong, and what to do instead. Its text is the tool's result."""


class Halted(Exception):
    """The run ends, and with it what is done in this lane."""
