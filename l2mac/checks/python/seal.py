"""Lines of a log that only the holder of a secret can write, and whose past not even he can change.

Used on both sides: where the tests run (standard library, Python 3.11 or newer) and where their results are read.
"""

from __future__ import annotations

import hashlib
import secrets

_SIZE = 16


def new_key() -> bytes:
    """A secret for one log."""
    return secrets.token_bytes(32)


class Seal:
    """Marks lines, or knows its own again, in their order.

    Each line is marked by keyed BLAKE2 (RFC 7693); then the key is replaced by its digest, from which it can't be had
    back. So who learns the key in the middle of a run can't write anew what had been said by then.

    Args:
        key: what both sides know at the beginning.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, line: bytes) -> bytes:
        """The next line with its mark before it."""
        marked = self._mark(line) + b" " + line
        self._turn()
        return marked

    def opened(self, marked: bytes) -> bytes | None:
        """The line without its mark; None when it is not the next line of this log."""
        mark, _, line = marked.partition(b" ")
        if not secrets.compare_digest(mark, self._mark(line)):
            return None
        self._turn()
        return line

    def _mark(self, line: bytes) -> bytes:
        return hashlib.blake2b(line, key=self._key, digest_size=_SIZE).hexdigest().encode("ascii")

    def _turn(self) -> None:
        self._key = hashlib.blake2b(self._key).digest()[:32]
