"""How long a text is to be, as the user says it."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import UsageError

PAGE = 300
"""Words of a page."""
MOST_WORDS, MOST_CHAPTERS = 3_000_000, 1_000
_LEAST = 100  # words of a chapter
_PER_STEP = 4_000  # words that one instruction of a long text writes
_FRAME = 2  # instructions beside those of the chapters: the outline, and the look over the whole


@dataclass(frozen=True, slots=True)
class Length:
    """What was asked for; 0 where nothing was."""

    words: int = 0
    chapters: int = 0

    @property
    def sentence(self) -> str:
        """The length as a part of the task; empty where none was asked for."""
        parts = [f"{self.words:,} words"] if self.words else []
        parts += [f"{self.chapters:,} chapter{'s' * (self.chapters > 1)}"] if self.chapters else []
        return f"Length: {' in '.join(parts)}." if parts else ""

    def steps(self, usual: int) -> int:
        """How many instructions it takes at most.

        Args:
            usual: as many as a program may have anyway.
        """
        return max(usual, self.chapters + _FRAME, -(-self.words // _PER_STEP) + _FRAME)


ANY = Length()
"""No wish."""


def asked(words: int | None = None, pages: int | None = None, chapters: int | None = None) -> Length:
    """Read the three options.

    Raises:
        UsageError: a value is absurd, or two contradict each other.
    """
    if words is not None and pages is not None:
        raise UsageError(f"--words and --pages both say how long it is; give one of them (a page is {PAGE} words)")
    for name, value, most in (
        ("words", words, MOST_WORDS),
        ("pages", pages, MOST_WORDS // PAGE),
        ("chapters", chapters, MOST_CHAPTERS),
    ):
        if value is not None and not 1 <= value <= most:
            raise UsageError(f"--{name} {value:,} can't be written; give a number from 1 to {most:,}")
    length = Length(words if words is not None else (pages or 0) * PAGE, chapters or 0)
    if 0 < length.words < _LEAST * max(length.chapters, 1):
        each = f" in {length.chapters:,} chapters" if length.chapters else ""
        raise UsageError(f"{length.words:,} words{each} are too few: a chapter has at least {_LEAST}")
    return length
