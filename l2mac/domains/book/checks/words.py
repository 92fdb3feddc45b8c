"""How long a text is, and how well that fits what was asked for, as LongBench-Write counts and scores it.

Source: THUDM/LongWriter (Bai and others, 2024, "LongWriter: Unleashing 10,000+ Word Generation from Long Context
LLMs"), evaluation of LongBench-Write: each Chinese character is a word, each run of letters between word boundaries is
a word, numbers are none. There, letters are those of English; here those of every script, and kana count like Chinese
characters, so that German, Arabic and Japanese books have a length too. Of English and Chinese text the counts are the
same, but that a Latin word which touches Chinese characters counts here.
"""

from __future__ import annotations

import re

HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u3040-\u30ff"
_MARK = "\u0300-\u036f\u064b-\u065f\u0670"
WORD = re.compile(rf"[{HAN}]|(?<![^\W{HAN}])[^\W\d_{HAN}](?:[^\W\d_{HAN}]|[{_MARK}])*+(?![^\W{HAN}])")
"""One word: a Chinese character or kana, or a run of letters that touches neither digit nor underscore."""

LEAST = 95.0
"""The least `length_score` of a chapter, and so of a book: from 0.91 to 1.15 times what was asked for."""


_TARGET = re.compile(r"\]\([^()\s]*(?:\([^()\s]*\))?[^()\s]*\)")


def unlinked(text: str) -> str:
    """Markdown without the addresses of its links, which nobody reads."""
    return _TARGET.sub("]", text)


def count_words(text: str) -> int:
    """The number of words in a text."""
    return sum(1 for _ in WORD.finditer(text))


def length_score(wanted: int, words: int) -> float:
    """S_l of LongBench-Write, 0 to 100: how well a length fits the one that was asked for; 100 where none was."""
    if wanted <= 0:
        return 100.0
    if words > wanted:
        return 100 * max(0.0, 1 - (words / wanted - 1) / 3)
    return 100 * max(0.0, 1 - (wanted / words - 1) / 2) if words else 0.0
