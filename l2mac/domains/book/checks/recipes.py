"""Has each recipe of a cookbook what a cook needs: yield, time, ingredients with amounts, numbered steps?

A recipe is told by its form: what stands below a heading and has two of a line with the yield, a list with amounts and
numbered steps. Headings or bold lines such as Ingredients and Method may stand above the lists; then what follows is
taken for that part whatever it looks like.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby, pairwise

from ....checks.report import Finding
from ..manuscript import scalar
from .reading import Block, Book, Chapter
from .references import heading_text
from .vocabulary import vocabulary
from .words import count_words

_COOKBOOK = re.compile(r"cook\s?book|recipes?|kochbuch|rezept|ricett|食谱|菜谱|طبخ|وصفات", re.IGNORECASE)
_SIGNS = 2  # of ingredients, steps and a line with the yield, that make a recipe
_HEAD = 15  # words of a line that tells yield or time
_INGREDIENT = 30  # words of an ingredient at most
_EXAMPLES = {
    "yield": 'a line such as "Serves 4"',
    "time": 'a line such as "40 minutes"',
    "ingredients": "a list, most of its items with amounts",
    "steps": "a list numbered 1. 2. 3.",
}
_FORM = ", ".join(_EXAMPLES.values())


@dataclass(slots=True)
class Recipe:
    """What stands below one heading, as parts of a recipe."""

    title: str
    line: int
    level: int
    parts: dict[str, int] = field(default_factory=dict)
    """The lines on which `yield`, `time`, `ingredients` and `steps` begin; `head`: a line as only recipes have it."""
    items: dict[str, list[Block]] = field(default_factory=lambda: {"ingredients": [], "steps": []})
    table: str = ""
    """What its tables say, cell by cell."""

    @property
    def complete(self) -> bool:
        """Is it a recipe, whatever it lacks? A line with yield and time announces one."""
        signs = self.parts.keys() & {"ingredients", "steps", "head"}
        return len(signs) >= _SIGNS or ("head" in signs and self.parts.get("time") == self.parts["head"])

    @property
    def begun(self) -> bool:
        """May it be one that lacks the rest? Numbered steps alone may explain anything."""
        return not self.parts.keys().isdisjoint(("head", "ingredients"))

    def absorb(self, other: Recipe) -> bool:
        """Take over what stands below a deeper heading, if it is a part of this, such as a dough: it has no yield."""
        if "head" not in self.parts or "yield" in other.parts or other.level <= self.level:
            return False
        self.parts = {**other.parts, **self.parts}
        for part, items in other.items.items():
            self.items[part] += items
        return True


def is_cookbook(book: Book) -> bool:
    """Does `book.yaml` say that this is a cookbook: by its kind, or where none is given by its title?"""
    kind = scalar(book.settings.get("kind")) or " ".join(
        scalar(book.settings.get(key)) for key in ("title", "subtitle")
    )
    return _COOKBOOK.search(kind) is not None


def check_chapter(book: Book, chapter: Chapter) -> Iterator[Finding]:
    """Gates: a recipe without amounts cannot be cooked. A section with one sign of a recipe alone is advice; a chapter
    without any may be an introduction.
    """
    for recipe in _sections(chapter) if is_cookbook(book) else ():
        if recipe.complete:
            for line, code, said in _faults(recipe):
                yield Finding(chapter.path, line, code, f"{recipe.title}: {said}", chapter.path in book.pending)
        elif recipe.begun:
            lacking = "; ".join(f"no {part} ({form})" for part, form in _EXAMPLES.items() if part not in recipe.parts)
            said = f"{recipe.title}: if this is a recipe, it has {lacking}"
            yield Finding(chapter.path, recipe.line, "half-recipe", said, True)


def check_book(book: Book) -> Iterator[Finding]:
    """Gates, once all is written: a cookbook has recipes."""
    whole = book.chapters and not book.pending
    if whole and is_cookbook(book) and not any(map(recipes, book.chapters.values())):
        said = f"the book is a cookbook, but no chapter has a recipe: a heading, and below it {_FORM}"
        yield Finding("book.yaml", 0, "no-recipes", said)


def counted(book: Book, chapters: Iterable[Chapter]) -> str:
    """How many recipes the chapters of a cookbook have; empty of another book."""
    found = sum(len(recipes(it)) for it in chapters)
    return f"{found:,} recipe{'s' * (found != 1)} recognized" if is_cookbook(book) else ""


def recipes(chapter: Chapter) -> list[Recipe]:
    """The recipes of a chapter."""
    return [it for it in _sections(chapter) if it.complete]


def _sections(chapter: Chapter) -> list[Recipe]:
    """What stands below each heading of a chapter; the parts of one recipe are taken together."""
    found: list[Recipe] = []
    for section in _by_heading(chapter):
        if not (found and found[-1].absorb(section)):
            found.append(section)
    return found


def _by_heading(chapter: Chapter) -> Iterator[Recipe]:
    section = Recipe("", 0, 0)
    part, depth = "", 0
    for kind, run in groupby(chapter.blocks, lambda it: it.kind == "item" and (it.number[:1].isdigit() + 1)):
        blocks = list(run)
        if kind:
            _listed(section, blocks, part, kind > 1)
            continue
        for block in blocks:
            level = block.level or 7
            if label := _label(block):
                part, depth = label, level
                section.parts.setdefault(part, block.line)
            elif block.kind == "heading" and not (part and level > depth):
                yield section
                section, part = Recipe(heading_text(block), block.line, level), ""
            else:
                _heads(section, block)
    yield section


def _listed(section: Recipe, items: list[Block], part: str, numbered: bool) -> None:
    """Take a list for what its label says; without one, or where steps follow without, for what it looks like."""
    if numbered and (not part or section.items["ingredients"]):
        part = "steps"
    elif not part and _measured(items):
        part = "ingredients"
    if part:
        section.parts.setdefault(part, items[0].line)
        section.items[part] += items
    else:
        for item in items:
            _heads(section, item)


def _measured(items: list[Block]) -> bool:
    """Are these ingredients: short, most with an amount, and none of them the yield?"""
    amounts = sum(_words("measure").search(it.text) is not None for it in items)
    short = all(count_words(it.text) <= _INGREDIENT for it in items)
    yields = any(_words("yield").search(it.text) and _words("number").search(it.text) for it in items)
    return amounts >= 2 and 2 * amounts > len(items) and short and not yields


def _label(block: Block) -> str:
    """Which part begins here, if this is the heading or the bold line that says so."""
    bold = block.kind == "paragraph" and block.text.startswith(("**", "__"))
    if block.kind != "heading" and not bold:
        return ""
    text = heading_text(block).strip(":： ")
    return next((it for it in ("ingredients", "steps") if _words(it).fullmatch(text)), "")


def _heads(recipe: Recipe, block: Block) -> None:
    """Find yield and time in a short line, or in the cells of a table."""
    lines = block.text.split("\n")
    if block.kind == "table":
        recipe.table = f"{recipe.table} | {block.text}"
        lines = [recipe.table]
    for offset, line in enumerate(lines):
        if block.kind != "table" and count_words(line) > _HEAD:
            continue
        for part in ("yield", "time"):
            if _words(part).search(line) and (_words("number").search(line) or _words("overnight").search(line)):
                recipe.parts.setdefault(part, block.line + offset)
                if part == "yield" and _head().search(line):
                    recipe.parts.setdefault("head", block.line + offset)


def _faults(recipe: Recipe) -> Iterator[tuple[int, str, str]]:
    for part, example in _EXAMPLES.items():
        if part not in recipe.parts or recipe.items.get(part) == []:
            yield recipe.parts.get(part, recipe.line), f"no-{part}", f"the recipe has no {part} ({example})"
    for item in recipe.items["ingredients"]:
        if not _words("number").search(item.text) and not _words("amount").search(item.text):
            yield item.line, "no-amount", f'how much of "{" ".join(item.text.split())[:60]}"?'
    steps = recipe.items["steps"]
    if steps and not steps[0].number[:1].isdigit():
        yield steps[0].line, "not-numbered", "the steps are not numbered (1. 2. 3.)"
    numbers = [(int(it.number[:-1]), it.line) for it in steps if it.number[:-1].isdigit()]
    for (before, _), (number, line) in pairwise(numbers):
        if number not in (1, before, before + 1):
            yield line, "step-lost", f"step {number} follows step {before}"


@cache
def _words(part: str) -> re.Pattern[str]:
    return re.compile("|".join(vocabulary("recipes")[part]), re.IGNORECASE)


@cache
def _head() -> re.Pattern[str]:
    """The yield at the beginning of a line or of a part of it, after no more than a word: no sentence in passing."""
    return re.compile(rf"(?:^|[^\w\s'’])\s*(?:\w+\s+)?(?:{_words('yield').pattern})", re.IGNORECASE)
