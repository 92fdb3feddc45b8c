"""Replies kept across runs: the same request, asked again by another run, costs nothing."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from .codec import decode_reply, encode_reply
from .protocol import Listener, Processor, Reply, Request, release

MOST = 200_000_000
"""Bytes that the folder may hold."""
_SHARE = 0.8  # of that, when the oldest are removed: so that it need not be done again at once
_EVERY = 100  # replies written between two looks at the size
_FIRST_EPOCH, _FIRST_ATTEMPT = "1", "0"


class Cached:
    """A processor that looks for a reply in a folder before it asks another one, and keeps there what that answers.

    Only what is asked for the first time is looked for: the first window of an instruction, in the first epoch, at a
    place and with a request that this processor has not answered before. Whoever asks again wants another answer. A
    reply that is found keeps its usage, costs nothing, and says in its model's name where it comes from.

    Args:
        processor: the one that answers.
        folder: made when it is missing; nothing in it is needed.
        settings: what besides the request decides the reply, such as the temperature.
        notify: is told of each reply that is found.
        most: bytes that the folder may hold; the replies unused for longest are removed.
    """

    def __init__(
        self,
        processor: Processor,
        folder: Path,
        settings: str = "",
        notify: Callable[[str], None] = lambda text: None,
        most: int = MOST,
    ) -> None:
        self._processor = processor
        self._folder = folder
        self._settings = settings
        self._notify = notify
        self._most = most
        self._asked: set[str] = set()
        self._written = 0

    @property
    def name(self) -> str:
        """The name of the processor behind."""
        return self._processor.name

    def complete(self, request: Request, listener: Listener | None = None) -> Reply:
        """Return the reply that is kept, or that of the processor behind.

        Raises:
            L2MACError: as the processor behind raised it.
        """
        first = self._first(request)
        path = self._folder / f"{self._key(request)}.json"
        if first and (kept := self._read(path, request)):
            if listener and kept.message.content:
                listener(kept.message.content)
            self._notify(f"the reply at {request.place} was kept from an earlier run; it costs nothing")
            return kept
        try:
            reply = self._processor.complete(request, listener)
        except BaseException:
            self._asked -= {request.place, request.digest}  # what was not answered may be asked again
            raise
        if first and reply.ending in ("said", "called"):
            with suppress(OSError):  # a full disk is no reason to lose the reply
                self._write(path, request, reply)
        return reply

    def close(self) -> None:
        """Close the processor behind."""
        release(self._processor)

    def _first(self, request: Request) -> bool:
        """Whether neither the place nor the request was asked before."""
        known = {request.place, request.digest} & self._asked
        self._asked |= {request.place, request.digest}
        epoch, _, attempt, *_ = [*request.place.split("/"), "", ""]
        return not known and epoch == _FIRST_EPOCH and attempt == _FIRST_ATTEMPT

    def _key(self, request: Request) -> str:
        """Of all that decides a reply, and of the attempt, as a file's name."""
        parts = [self.name, self._settings, request.max_tokens, _whole(request), _FIRST_ATTEMPT]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:40]

    def _read(self, path: Path, request: Request) -> Reply | None:
        """The reply of a file; None where there is none that can be read, or it is another request's."""
        try:
            data = json.loads(path.read_bytes())
            if data["digest"] != request.digest:
                return None
            reply = decode_reply(data["reply"])
            os.utime(path)
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        return replace(reply, usage=replace(reply.usage, cost=0.0), model=f"{reply.model or self.name} (kept)")

    def _write(self, path: Path, request: Request, reply: Reply) -> None:
        """Write a reply so that nobody ever reads half of it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"digest": request.digest, "reply": encode_reply(reply)}, ensure_ascii=False, indent=1)
        handle, name = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=self._folder)  # readable by the user alone
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(text.encode("utf-8", "replace"))
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)
        if self._written % _EVERY == 0:
            self._bound()
        self._written += 1

    def _bound(self) -> None:
        """Remove the replies that were unused for longest, where there are more than the folder may hold."""
        found = [(it.stat().st_mtime, it.stat().st_size, it.path) for it in os.scandir(self._folder)]
        held = sum(size for _, size, _ in found)
        if held <= self._most:
            return
        for _, size, path in sorted(found):
            if held <= self._most * _SHARE:
                break
            Path(path).unlink(missing_ok=True)
            held -= size


def _whole(request: Request) -> str:
    """The request's digest, at full length: a reply must never be another request's."""
    told = [[message.told for message in request.messages], [[it.name, it.parameters] for it in request.tools]]
    return f"{request.digest}{hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()}"
