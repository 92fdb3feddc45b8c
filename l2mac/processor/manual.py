"""The processor that is a person, or any chat window: requests and replies are files in a folder.

`0007.request.md` is the request to read, `0007.request.json` the same for programs; the answer is `0007.reply.json`,
`0007.reply.md` or `0007.reply.txt`, in the forms that the request itself explains.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..errors import UsageError
from .manual_page import render
from .manual_reply import read_json, read_text
from .protocol import USUAL_WINDOW, Listener, Message, Reply, Request, ToolCall

_REQUEST = re.compile(r"(\d{4,})\.request\.json")
_READERS = {"json": read_json, "md": read_text, "txt": read_text}


class ManualProcessor:
    """A processor that writes each request to a folder and waits until its reply lies beside it.

    A request whose place and digest are already in the folder keeps its number, and its reply if there is one: a run
    that was killed does not ask again. There is no time limit; whoever must be able to interrupt passes a `sleep` that
    raises. A call costs an unknown amount and uses no tokens.

    Args:
        folder: made when it is missing.
        poll: seconds between two looks.
        notify: is told where the request is, and what is wrong with a reply that cannot be read.
        sleep: waits.
    """

    name = "manual"
    window = USUAL_WINDOW

    def __init__(
        self,
        folder: Path,
        poll: float = 0.2,
        notify: Callable[[str], None] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._folder = folder
        self._poll = poll
        self._notify = notify
        self._sleep = sleep
        self._numbering = threading.Lock()
        self._known: dict[str, tuple[str, str]] = {}

    def complete(self, request: Request, listener: Listener | None = None) -> Reply:
        """Return what is answered, when it is.

        Raises:
            UsageError: the folder can't be written.
        """
        try:
            with self._numbering:
                number = self._ask(request)
        except OSError as error:
            raise UsageError(
                f"the request can't be written to {self._folder} ({error.strerror}); name another with llm.folder"
            ) from None
        seen: dict[Path, tuple[int, int]] = {}
        while True:
            for kind, read in _READERS.items():
                path = self._folder / f"{number}.reply.{kind}"
                now = _state(path)
                # Whoever saves a long reply is not done at the first byte: it counts when two looks find it the same.
                if now is not None and seen.get(path) == now:
                    reply = self._take(path, number, read, request.place)
                    if reply is not None:
                        if listener and reply.message.content:
                            listener(reply.message.content)
                        return reply
                elif now is not None:
                    seen[path] = now
            self._sleep(self._poll)

    def _ask(self, request: Request) -> str:
        """Write the request, unless it stands there already; return its number."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._look()
        for number, known in self._known.items():
            if known == (request.place, request.digest):
                if not any((self._folder / f"{number}.reply.{kind}").exists() for kind in _READERS):
                    self._tell(f"answer {self._folder / f'{number}.request.md'}")
                return number
        number = f"{max((int(name) for name in self._known), default=0) + 1:04d}"
        shown_in, shown = self._previous(request.place)
        _write(self._folder / f"{number}.request.md", render(number, request, shown, shown_in))
        # The JSON comes last: it is what marks the request as asked.
        _write(self._folder / f"{number}.request.json", json.dumps(_encode(request), indent=2, ensure_ascii=False))
        self._tell(f"answer {self._folder / f'{number}.request.md'}")
        return number

    def _look(self) -> None:
        """Learn place and digest of the requests in the folder that are not known yet."""
        names = sorted(path.name for path in self._folder.iterdir())
        for found in filter(None, map(_REQUEST.fullmatch, names)):
            if (number := found.group(1)) not in self._known:
                data = self._read(number)
                self._known[number] = (str(data.get("place")), str(data.get("digest")))

    def _read(self, number: str) -> dict[str, Any]:
        """Read a request of the folder; empty when it cannot be read."""
        try:
            data = json.loads((self._folder / f"{number}.request.json").read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return data if isinstance(data, dict) else {}

    def _previous(self, place: str) -> tuple[str, tuple[Message, ...]]:
        """Find the newest request of the same attempt: its number and messages."""
        attempt = place.rpartition("/")[0]
        for number, (known, _) in reversed(self._known.items()):
            if known.rpartition("/")[0] == attempt:
                try:
                    return number, tuple(_decode_message(message) for message in self._read(number)["messages"])
                except (KeyError, TypeError):
                    break
        return "", ()

    def _take(self, path: Path, number: str, read: Callable[[str, str], Reply], place: str) -> Reply | None:
        """Read a reply; say what is wrong with it, move it aside and return None when it cannot be read."""
        complaint = self._folder / f"{number}.reply.error.txt"
        try:
            reply = read(path.read_bytes().decode("utf-8-sig"), place)
        except OSError:
            return None
        except ValueError as error:
            aside = self._aside(path, number)
            path.replace(aside)
            text = f"{path.name} cannot be read: {error}. It is now {aside.name}; save it again when it is mended."
            _write(complaint, text + "\n")
            self._tell(text)
            return None
        complaint.unlink(missing_ok=True)
        return reply

    def _aside(self, path: Path, number: str) -> Path:
        count = 1
        while (aside := self._folder / f"{number}.reply.bad-{count}{path.suffix}").exists():
            count += 1
        return aside

    def _tell(self, text: str) -> None:
        if self._notify:
            self._notify(text)


def _encode(request: Request) -> dict[str, Any]:
    return {
        "place": request.place,
        "digest": request.digest,
        "messages": [_plain(message) for message in request.messages],
        "tools": [asdict(tool) for tool in request.tools],
        "max_tokens": request.max_tokens,
    }


def _plain(message: Message) -> dict[str, Any]:
    """A message without what providers alone pass back and forth."""
    return {name: value for name, value in asdict(message).items() if name != "reasoning"}


def _decode_message(data: dict[str, Any]) -> Message:
    calls = tuple(ToolCall(**call) for call in data["tool_calls"])
    return Message(data["role"], data["content"], calls, data["tool_call_id"])


def _state(path: Path) -> tuple[int, int] | None:
    """Return size and time of a file that has content, else None."""
    try:
        state = path.stat()
    except OSError:
        return None
    return (state.st_size, state.st_mtime_ns) if state.st_size else None


def _write(path: Path, text: str) -> None:
    """Write a file so that nobody ever reads half of it."""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(text.encode("utf-8", "replace"))
    temporary.replace(path)
