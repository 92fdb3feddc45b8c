"""The processor behind any program that reads a request on its standard input and prints the reply.

`llm`, `ollama run MODEL`, the command-line tools of subscriptions, a script of the user's own. The program gets the
messages as one text, in an empty folder and with the user's whole environment, for its credentials lie there. It knows
of no tools: `l2mac.processor.text` stands before it. Nothing is tried again here: that is `l2mac.processor.patience`.
"""

from __future__ import annotations

import os
import re
import shlex
import tempfile
from collections.abc import Iterable
from pathlib import Path

from ..errors import ContextOverflow, ProcessorError, TransientError, UsageError
from ..terminal import standing
from .child import Printed, talk
from .faults import Complaint, Endpoint, holds_key
from .protocol import Listener, Message, Reply, Request

MOST = 10_000_000
"""Bytes that a program may print."""
_EMPTY = 3  # times in a row that a program may print nothing before that is no accident
_BEGIN = "Below is a conversation. Write the assistant's next message, and nothing around it."
_PASSES = re.compile(
    r"\b(?:408|425|429|5\d\d)\b|rate.?limit|too many requests|overload|capacity|unavailable|tempora|timed? ?out|timeout"
    r"|try again|connect|network|unreachable|name resolution|reset by peer|broken pipe|EOF\b",
    re.IGNORECASE,
)
_SECRET = re.compile(r"(?:^|[\s_-])(?:api-?)?(?:key|token|secret|password)[=\s]+[^\s-]", re.IGNORECASE)
_STAYS = re.compile(r"\b(?:401|402|403|404)\b|unauthori[sz]ed|api.?key|log ?in|quota|credit|billing", re.IGNORECASE)


class CommandProcessor:
    """A language model behind a program.

    Args:
        command: the program and its arguments, as a shell would split them; no shell is started.
        model: what the reply is said to come from; by default the command.
        timeout: seconds without output after which a call has failed.
        most: bytes that the program may print.

    Raises:
        UsageError: the command is empty or no line of text, its quotes do not match, or it holds a key.
    """

    def __init__(self, command: str, model: str = "", timeout: float = 600, most: int = MOST) -> None:
        if not command.strip().isprintable():
            raise UsageError("llm.command must be text in one line")
        try:
            self._argv = shlex.split(command)
        except ValueError as error:
            raise UsageError(f"llm.command can't be read ({error}); write it as in a shell") from None
        if not self._argv:
            raise UsageError('llm.command is empty; name a program, such as llm.command="ollama run qwen3-coder"')
        if holds_key(command) or _SECRET.search(command):
            raise UsageError("llm.command holds a key, and settings are written down; export it as a variable instead")
        said = " ".join(command.split())
        self.name = f"command {said if len(said) <= 60 else said[:59] + '…'}"
        self._model = model or said[:60]
        self._program = self._argv[0][-60:]
        if os.sep in self._argv[0]:
            self._argv[0] = str(Path(self._argv[0]).absolute())  # it runs in a folder of its own
        self._endpoint = Endpoint(self._model, self._program)
        self._timeout = timeout
        self._most = most
        self._empty = 0

    def complete(self, request: Request, listener: Listener | None = None) -> Reply:
        """Return what the program prints; `listener` hears its lines. What it used is unknown.

        Raises:
            TransientError: the program printed nothing, fell silent, or failed for a reason that may pass.
            ContextOverflow: the program says that the request is too long.
            ProcessorError: the program is missing, prints without end, repeats the request, or failed for good.
        """
        asked = transcript(request.messages)
        printed = self._run(asked, listener)
        if printed.ended == "too_much":
            raise ProcessorError(f"{self._program} printed more than {self._most:,} bytes: check llm.command")
        if printed.ended == "silent":
            raise TransientError(f"{self._program} printed nothing for {self._timeout:g} s: see llm.timeout")
        if printed.status:
            raise self._failed(printed)
        text = standing(printed.out).strip("\n")
        if not text.strip():
            raise self._nothing(printed)
        # Some programs print the request once more, and then go on.
        text = text.removeprefix(standing(asked.encode("utf-8", "replace")).strip("\n")).strip("\n")
        if not text.strip():
            raise ProcessorError(f"{self._program} printed nothing but the request itself: check llm.command")
        self._empty = 0
        return Reply(Message("assistant", f"{text}\n"), model=self._model)

    def _run(self, text: str, listener: Listener | None) -> Printed:
        with tempfile.TemporaryDirectory(prefix="l2mac-command-", ignore_cleanup_errors=True) as folder:
            try:
                return talk(self._argv, text, Path(folder), self._timeout, self._most, listener)
            except FileNotFoundError:
                raise ProcessorError(f"there is no program {self._program}: install it, or mend llm.command") from None
            except OSError as error:
                raise ProcessorError(f"{self._program} can't be started: {error.strerror}: check llm.command") from None

    def _nothing(self, printed: Printed) -> ProcessorError:
        """The error to raise for a program that ended well and printed nothing."""
        self._empty += 1
        said = self._said(printed)
        told = f"{self._program} printed no reply{': ' if said else ''}{said}"
        return TransientError(told) if self._empty < _EMPTY else ProcessorError(f"{told}: check llm.command")

    def _failed(self, printed: Printed) -> ProcessorError:
        """The error to raise for a program that did not end well."""
        how = f"exit code {printed.status}" if printed.status > 0 else f"killed by signal {-printed.status}"
        said = self._said(printed)
        told = f"{self._program} failed ({how}): {said or 'it did not say why'}"
        if Complaint(None, said).overflow:
            return ContextOverflow(told)
        if _PASSES.search(said) and not _STAYS.search(said):
            return TransientError(told)
        return ProcessorError(f"{told}: check llm.command")

    def _said(self, printed: Printed) -> str:
        """The last line of what the program complained of, else of what it printed; without keys."""
        lines = [line for text in (printed.out, printed.err) for line in standing(text).splitlines() if line.strip()]
        return self._endpoint.clean(lines[-1]) if lines else ""


def transcript(messages: Iterable[Message]) -> str:
    """Write messages without calls as one text that asks for the next."""
    parts = [_BEGIN, *(f"# {message.role.capitalize()}\n\n{message.content}" for message in messages), "# Assistant\n"]
    return "\n\n".join(parts)
