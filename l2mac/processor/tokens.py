"""Counting tokens offline, with the vocabularies that ship inside litellm's package folder.

OpenAI's models are counted with their own vocabulary. Every other model is counted with `o200k_base` times a factor of
1.35, until the usage that its provider reports says better. Nothing is ever downloaded: where the file of a vocabulary
is missing, or is not the expected one, a token is taken to be three UTF-8 bytes, which counts prose and code too high.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import math
import os
import re
import threading
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from .protocol import Message, ToolSpec
from .wire import encode_tools, sent

Counter = Callable[[str], int]
"""Text in, number of tokens out."""

OVERHEAD = 4
"""Tokens that a provider adds around each message, call and tool."""
UNKNOWN_FACTOR = 1.35
"""For a model without a shipped vocabulary, before its provider has reported anything."""
MARGIN = 1.03
"""Our count stays this much above the highest usage reported for the same text."""
OVERFLOW_STEP = 1.15

_FILES = {
    # name of the vocabulary: (its file, named by tiktoken after the address it comes from; the file's SHA-256)
    "cl100k_base": (
        "9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    ),
    "o200k_base": (
        "fb374d419588a4632f3f557e76b4b70aebbca790",
        "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    ),
}
_OPENAI = re.compile(r"(?:ft:)?(?:gpt-(?:[3-9]|oss)|chatgpt-|o\d+(?:-|$))")
_CL100K = re.compile(r"(?:ft:)?gpt-(?:3|4(?![o.\d]))")
_PIECE = 256
_LONG_RUN = re.compile(r"(?<!\S)\S{512,}|(?<!\s)\s{512,}")
_ENOUGH = 256
"""A report on fewer tokens than this says more about the provider's chat template than about its vocabulary."""
_loading = threading.Lock()

_SHORT = 20_000
"""Characters up to which a text's count is remembered."""


def vocabulary(model: str) -> Counter:
    """Return the counter of the vocabulary used for `model`; its file is loaded at the first count."""
    name = "cl100k_base" if _CL100K.match(_bare(model)) else "o200k_base"
    return lambda text: _vocabulary(name)(text)


def has_vocabulary(model: str) -> bool:
    """Say whether the model is counted with its own vocabulary, not with another's."""
    return _OPENAI.match(_bare(model)) is not None


def offline() -> list[str]:
    """The vocabularies that are there to count with, without any download."""
    folder = _folder()
    return [name for name in _FILES if folder and _is_genuine(folder, name)]


class TokenCounter:
    """Counts tokens for one model, and learns from what its provider reports.

    A scaled count is the vocabulary's count times `factor`, rounded up. The factor starts at 1 for a model that has its
    own vocabulary and at 1.35 for any other. Reports move it to the highest ratio seen of reported to own count, times
    a margin of 3 %: the highest, because a window of prose says nothing about the next one of code. It never falls
    below 1, and never below what an overflow raised it to, for the provider has shown then that our count was too low.

    Whoever keeps counts of the parts of a window keeps `measure`'s, and scales the sum: a change of factor then needs
    no new counting.
    """

    def __init__(self, model: str, count: Counter | None = None) -> None:
        self._count = count or vocabulary(model)
        self._remembered = lru_cache(maxsize=256)(self._count)
        self._usual = 1.0 if has_vocabulary(model) else UNKNOWN_FACTOR
        self._least, self.factor = 1.0, self._usual
        self._highest: float | None = None

    def measure(self, text: str) -> int:
        """Count `text` in the vocabulary's own tokens, without the factor."""
        # The same system text, task and tools open every window.
        return self._remembered(text) if len(text) < _SHORT else self._count(text)

    def scale(self, measured: int) -> int:
        """Turn a measured number of tokens into the number to plan with."""
        return math.ceil(measured * self.factor)

    def count(self, text: str) -> int:
        """Count `text` with the factor applied."""
        return self.scale(self.measure(text))

    def measure_message(self, message: Message) -> int:
        """Measure a message with its calls and what the provider puts around them."""
        calls = sum(OVERHEAD + self.measure(it.name) + self.measure(sent(it.arguments)) for it in message.tool_calls)
        thought = self.measure(message.reasoning) if message.reasoning else 0
        return OVERHEAD + self.measure(message.content) + calls + thought

    def measure_tool(self, spec: ToolSpec) -> int:
        """Measure what a tool's description takes in every request."""
        return OVERHEAD + self.measure(json.dumps(encode_tools([spec])[0], ensure_ascii=False))

    def count_message(self, message: Message) -> int:
        """Count a message with its calls, with the factor applied."""
        return self.scale(self.measure_message(message))

    def count_tool(self, spec: ToolSpec) -> int:
        """Count what a tool's description takes in every request, with the factor applied."""
        return self.scale(self.measure_tool(spec))

    def calibrate(self, counted: int, reported: int) -> None:
        """Learn from one request: `counted` is our scaled count of it, `reported` the provider's prompt tokens.

        Reports on short requests are left aside, and so are zeros and those that fall far below our count (`cut`).
        """
        measured = counted / self.factor
        if measured < _ENOUGH or reported <= 0 or self.cut(counted, reported):
            return
        self._highest = max(self._highest or 0.0, reported / measured)
        self.factor = max(self._least, self._highest * MARGIN)

    def cut(self, counted: int, reported: int) -> bool:
        """Say whether the provider saw so much less than we counted that it must have cut the prompt.

        No vocabulary in use needs less than half the tokens of `o200k_base`; some servers drop the head of a long
        prompt without a word (Ollama does). A provider that reports nothing (0) has not shown anything.
        """
        measured = counted / self.factor
        return measured >= _ENOUGH and 0 < reported < measured / 2

    def forget(self) -> None:
        """Know of no report."""
        self._least, self.factor, self._highest = 1.0, self._usual, None

    def become(self, other: TokenCounter) -> None:
        """Know of reports what another one for the same model knows."""
        self._least, self._highest, self.factor = other._least, other._highest, other.factor

    def overflowed(self) -> None:
        """Raise the factor by a step, for good: the provider refused a request that we had counted as fitting."""
        self.factor *= OVERFLOW_STEP
        self._least = self.factor


def estimate(text: str) -> int:
    """Count without a vocabulary: one token for every three UTF-8 bytes, rounded up."""
    return math.ceil(len(text.encode("utf-8", "replace")) / 3)


def _bare(model: str) -> str:
    return model.rpartition("/")[2].lower()


@lru_cache(maxsize=2)
def _vocabulary(name: str) -> Counter:
    folder = _folder()
    if folder is None or not _is_genuine(folder, name):
        return estimate
    encode = _load(folder, name)
    return lambda text: sum(len(encode(piece)) for piece in _pieces(text))


def _load(folder: Path, name: str) -> Callable[[str], list[int]]:
    import tiktoken

    # tiktoken takes the folder from the environment only; the file is there and genuine, so it downloads nothing.
    with _loading:
        before = os.environ.get("TIKTOKEN_CACHE_DIR")
        os.environ["TIKTOKEN_CACHE_DIR"] = str(folder)
        try:
            return tiktoken.get_encoding(name).encode_ordinary
        finally:
            if before is None:
                del os.environ["TIKTOKEN_CACHE_DIR"]
            else:
                os.environ["TIKTOKEN_CACHE_DIR"] = before


def _folder() -> Path | None:
    spec = importlib.util.find_spec("litellm")
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0], "litellm_core_utils", "tokenizers") if places else None


def _is_genuine(folder: Path, name: str) -> bool:
    # tiktoken deletes a file with the wrong hash and downloads another: look before it does.
    file, digest = _FILES[name]
    try:
        return hashlib.sha256((folder / file).read_bytes()).hexdigest() == digest
    except OSError:
        return False


def _pieces(text: str) -> list[str]:
    """Cut runs without a break, on which tiktoken takes quadratic time, into short ones; usually there are none."""
    pieces, done = [], 0
    for run in _LONG_RUN.finditer(text):
        pieces.append(text[done : run.start()])
        pieces.extend(text[at : min(at + _PIECE, run.end())] for at in range(run.start(), run.end(), _PIECE))
        done = run.end()
    return [*pieces, text[done:]]
