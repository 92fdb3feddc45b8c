"""How a verb puts a file into the world: whole or not at all, and never over one that nobody named."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain, count
from pathlib import Path
from typing import IO


def target(to: str | None, default: str) -> Path:
    """Where to write: the file that was named, or one of the default name that is not there yet, `run-2.zip`.

    In the folder of a run it lies beside the journal: among the run's files it would be taken for an edit of the user.
    """
    if to:
        return Path(to)
    path = Path(".l2mac", default) if Path(".l2mac", "run.db").exists() else Path(default)
    numbered = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in count(2))
    return next(it for it in chain([path], numbered) if not os.path.lexists(it))


@contextmanager
def delivered(path: Path) -> Iterator[IO[bytes]]:
    """A file to write to, which is moved to `path` when all went well, and is gone when not.

    Raises:
        UsageError: the file can't be written.
    """
    from ..errors import UsageError

    final = Path(os.path.realpath(path))  # what a link points at is replaced, not the link
    temporary = final.with_name(f".{final.name[:200]}.{os.getpid()}.part")
    try:
        if final.exists() and not final.is_file():
            raise UsageError(f"{path} is there and is no file; name another with --to")
        with temporary.open("wb") as handle:
            yield handle
        temporary.replace(final)
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror or error}; name another with --to") from None
    finally:
        with suppress(OSError):
            temporary.unlink()
