"""A run's replies as a tape."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..control.records import Exchange
from ..control.state import state
from ..errors import UsageError
from ..memory.journal import Journal
from ..processor.protocol import Usage
from ..processor.tape import TapeEntry, TapeHeader, write_tape


def export_tape(journal: Journal, to: Path | None) -> Path:
    """Write the replies of a run as a tape; return the file's path.

    Raises:
        UsageError: the run has no replies yet, or the file can't be written.
    """
    now = state(journal)
    entries = []
    for event in journal.events():
        if event.kind == "reply":
            exchange = journal.load(event, Exchange)
            # What was only counted here is no report: played back, it would correct the count by itself.
            reply = exchange.reply if exchange.reported else replace(exchange.reply, usage=Usage())
            entries.append(TapeEntry(event.key.removesuffix("/reply"), exchange.digest, reply))
    if not entries or now.birth is None:
        raise UsageError("the run has no replies yet, so there is nothing to put on a tape")
    path = to or Path(f"{now.birth.name}.tape.jsonl")
    model = next((entry.reply.model for entry in entries if entry.reply.model), "")
    try:
        write_tape(path, TapeHeader(now.birth.name, model, now.birth.prompt, now.birth.domain), entries)
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}; name another with --to") from None
    return path
