"""What a command printed: kept within a bound, and made safe to show."""

from __future__ import annotations

import codecs

from ..terminal import plain


class Output:
    """The head and the tail of a stream of bytes.

    Args:
        keep: bytes to hold in memory, half of them from the head and the rest from the tail.
    """

    def __init__(self, keep: int) -> None:
        self.total = 0
        """Bytes added so far."""
        self._keep = max(keep, 0)
        self._head = bytearray()
        self._tail = bytearray()

    def add(self, chunk: bytes) -> None:
        """Take the next bytes of the stream."""
        self.total += len(chunk)
        room = self._keep // 2 - len(self._head)
        self._head += chunk[:room]
        self._tail += chunk[room:]
        surplus = len(self._tail) - (self._keep - self._keep // 2)
        if surplus > 0:
            del self._tail[:surplus]

    def text(self) -> str:
        """Return what was kept as plain text; a line in the middle says how many bytes are missing."""
        if self.total <= self._keep:
            return plain(bytes(self._head + self._tail))
        head, tail = _whole_characters(bytes(self._head), bytes(self._tail))
        hidden = self.total - len(head) - len(tail)
        before = plain(head)
        newline = "\n" if before and not before.endswith("\n") else ""
        return f"{before}{newline}[… {hidden} bytes not shown …]\n{plain(tail)}"


def _whole_characters(head: bytes, tail: bytes) -> tuple[bytes, bytes]:
    """Drop the halves of a UTF-8 character that a cut left at the end of the head and at the start of the tail."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    decoder.decode(head)
    head = head[: len(head) - len(decoder.getstate()[0])]
    halves = next((index for index, byte in enumerate(tail[:4]) if byte & 0xC0 != 0x80), 4)
    return head, tail[halves if halves < 4 else 0 :]
