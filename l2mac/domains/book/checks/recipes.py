"""Has each recipe of a cookbook what a cook needs: yield, time, ingredients with amounts, numbered steps?

A recipe is the part of a chapter below the heading that stands above its ingredients, its method, or its yield.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise

from ....checks.report import Finding
from ..manuscript import scalar
from .reading import Block, Book, Chapter
from .references import heading_text
from .vocabulary import vocabulary
from .words import count_words

_COOKBOOK = re.compile(r"cook\s?book|recipes?|kochbuch|rezept|ricett|食谱|菜谱|طبخ|وصفات", re.IGNORECASE)
_SIGNS = 2  # of ingredients, steps and yield, that make a recipe
_HEAD = 15  # words of a line that tells yield or time
_EXAMPLES = {
    "yield": "Serves 4",
    "time": "40 minutes",
    "ingredients": "a heading Ingredients, then a list with amounts",
    "steps": "a heading Method, then a numbered list",
}


@dataclass(slots=True)
class Recipe:
    """One recipe's parts."""

    title: str
    line: int
    level: int
    parts: dict[str, int] = field(default_factory=dict)
    """The lines on which `yield`, `time`, `ingredients` and `steps` begin."""
    items: dict[str, list[Block]] = field(default_factory=lambda: {"ingredients": [], "steps": []})
    table: str = ""
    """What its tables say, cell by cell."""


def is_cookbook(book: Book) -> bool:
    """Does `book.yaml` say that this is a cookbook: by its kind, or where none is given by its title?"""
    kind = scalar(book.settings.get("kind")) or " ".join(
        scalar(book.settings.get(key)) for key in ("title", "subtitle")
    )
    return _COOKBOOK.search(kind) is not None


def check_chapter(book: Book, chapter: Chapter) -> Iterator[Finding]:
    """Gates: a recipe without amounts cannot be cooked. A chapter without a recipe may be an introduction."""
    if is_cookbook(book):
        for recipe in recipes(chapter):
            for line, code, said in _faults(recipe):
                yield Finding(chapter.path, line, code, f"{recipe.title}: {said}", chapter.path in book.pending)


def check_book(book: Book) -> Iterator[Finding]:
    """Gates, once all is written: a cookbook has recipes."""
    whole = book.chapters and not book.pending
    if whole and is_cookbook(book) and not any(map(recipes, book.chapters.values())):
        yield Finding("book.yaml", 0, "no-recipes", "the book is a cookbook, but no chapter has a recipe")


def recipes(chapter: Chapter) -> list[Recipe]:
    """The recipes of a chapter: what has two of ingredients, steps and yield."""
    found = [Recipe("", 0, 0)]
    part, depth = "", 0
    for block in chapter.blocks:
        level = block.level or 7
        if label := _label(block):
            part, depth = label, level
            found[-1].parts.setdefault(part, block.line)
        elif block.kind == "heading":
            if level <= found[-1].level or not found[-1].parts:
                found.append(Recipe(heading_text(block), block.line, level))
            if level <= depth:
                part = ""
        elif block.kind == "item" and part:
            found[-1].items[part].append(block)
        else:
            _heads(found[-1], block)
    return [it for it in found if len(it.parts.keys() & {"ingredients", "steps", "yield"}) >= _SIGNS]


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
        recipe.table = f"{recipe.table} {block.text}"
        lines = [recipe.table]
    for offset, line in enumerate(lines):
        if block.kind == "table" or count_words(line) <= _HEAD:
            for part in ("yield", "time"):
                if _words(part).search(line) and (_words("number").search(line) or _words("overnight").search(line)):
                    recipe.parts.setdefault(part, block.line + offset)


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
