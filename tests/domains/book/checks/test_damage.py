"""A good book of twelve chapters is damaged at random places; the right check names the file and the line."""

import random
import re
from pathlib import Path

import pytest

from l2mac.checks.report import Scene
from l2mac.domains.book.checks.judge import BookChecks
from l2mac.domains.book.checks.reading import read_book

from .test_book_checks import GOOD

TIMES = 20  # each damage, at as many places
JUDGE = BookChecks()
BOOK = read_book(GOOD)
LEFTOVERS = [
    "[Insert a story here]",
    "As an AI language model, I have never tasted this.",
    "TODO: mention the vinegar.",
    "Word count: 412",
    "*(to be continued)*",
    "{{chapter_text}}",
    "[The rest of the chapter remains as above]",
    "[此处插入内容]",
    "Als KI-Sprachmodell kann ich das nicht kosten.",
]
STRANGERS = [
    "Als die Gäste gegangen waren, blieb nur der Geruch von Brot und Wein, und niemand wollte das Licht ausmachen.",
    "Quando gli ospiti se ne furono andati rimase soltanto l'odore del pane, e nessuno voleva spegnere la luce.",
    "客人们都走了以后厨房里只剩下面包和酒的味道。谁也不愿意先去关灯。" * 4,
    "لما انصرف الضيوف لم يبق سوى رائحة الخبز، ولم يرغب أحد في أن يطفئ الضوء قبل أن ينتهي الكلام كله ويهدأ البيت.",
]


def blocks(path, test=lambda it: True):
    return [it for it in BOOK.chapters[path].blocks if test(it)]


def some(chance, test=lambda it: True):
    """A block of any chapter."""
    return chance.choice([(path, it) for path in BOOK.chapters for it in blocks(path, test)])


def paragraph(block):
    return block.kind == "paragraph" and len(block.text) > 100


def inserted(path, line, text):
    """The text before a line, as a paragraph of its own."""
    lines = GOOD[path].split("\n")
    return {**GOOD, path: "\n".join([*lines[: line - 1], text, "", *lines[line - 1 :]])}


def altered(path, line, change):
    lines = GOOD[path].split("\n")
    lines[line - 1] = change(lines[line - 1])
    return {**GOOD, path: "\n".join(lines)}


def cut_ending(chance):
    path = chance.choice(list(BOOK.chapters))
    block = blocks(path)[-1]
    keep = chance.randrange(9, max(10, len(block.text.split()) - 1))
    words = " ".join(block.text.split()[:keep]).rstrip(".?!,;:")
    lines = GOOD[path].split("\n")
    files = {**GOOD, path: "\n".join([*lines[: block.line - 1], words])}
    return (files, "endings", "cut", path, block.line) if len(words.split()) > 8 else cut_ending(chance)


def open_fence(chance):
    path, block = some(chance, paragraph)
    return inserted(path, block.line, "```"), "endings", "fence-open", path, block.line


def open_emphasis(chance):
    path, block = some(chance, lambda it: paragraph(it) and "*" not in it.text)
    place = chance.randrange(len(block.text.split()))
    spoiled = altered(
        path, block.line, lambda it: " ".join(["**"[: 2 * (at == place)] + w for at, w in enumerate(it.split())])
    )
    return spoiled, "endings", "emphasis-open", path, block.line


def open_quotation(chance):
    path, block = some(chance, lambda it: it.kind == "paragraph" and it.text.count('"') >= 2)
    return (
        altered(path, block.line, lambda it: it[: it.rindex('"')] + it[it.rindex('"') + 1 :]),
        "endings",
        "quote-open",
        path,
        block.line,
    )


def empty_section(chance):
    path, block = some(chance, lambda it: it.level == 2)
    return inserted(path, block.line, "## Nothing"), "endings", "empty-section", path, block.line


def misspelled_name(chance):
    name, word = chance.choice([("Anna Rossi", "Rossi"), ("Piero Galli", "Galli"), ("Via Mirasole", "Mirasole")])
    path, block = some(chance, lambda it: it.kind == "paragraph" and name in it.text)
    at = chance.randrange(1, len(word) - 1)
    wrong = chance.choice([word[:at] + word[at + 1 :], word[:at] + "x" + word[at:], word[:at] + "k" + word[at + 1 :]])
    if wrong == word:
        return misspelled_name(chance)
    new = name.replace(word, wrong)
    return altered(path, block.line, lambda it: it.replace(name, new, 1)), "canon", "name-misspelled", path, block.line


def wrong_number(chance):
    path, old, line = chance.choice(
        [
            (path, old, n)
            for path in BOOK.chapters
            for old in ("34 years", "61 years")
            for n, it in enumerate(GOOD[path].split("\n"), 1)
            if old in it
        ]
    )
    new = f"{chance.choice([n for n in range(20, 90) if n not in (34, 61)])} years"
    return altered(path, line, lambda it: it.replace(old, new)), "canon", "fact-differs", path, line


def leftover(chance):
    path, block = some(chance, paragraph)
    return inserted(path, block.line, chance.choice(LEFTOVERS)), "placeholders", "placeholder", path, block.line


def stranger(chance):
    path, block = some(chance, paragraph)
    return inserted(path, block.line, chance.choice(STRANGERS)), "language", "language", path, block.line


def told_twice(chance):
    _, told = some(chance, lambda it: it.kind == "paragraph" and len(it.text.split()) > 50)
    path, block = some(chance, lambda it: paragraph(it) and it is not told)
    files = inserted(path, block.line, told.text)
    other = next(it for it in BOOK.chapters if told in BOOK.chapters[it].blocks)
    if other == path:
        return files, "repeats", "repeated", path, max(block.line, told.line + 2 * (told.line >= block.line))
    later = max(path, other)  # the finding is at the later of the two
    return files, "repeats", "repeated", later, block.line if later == path else told.line


def told_twice_with_slips(chance):
    files, *rest = told_twice(chance)
    changed = {path: text for path, text in files.items() if text != GOOD[path]}
    ((path, text),) = changed.items()
    return {**files, path: text.replace(" the ", " that ", 1)}, *rest


def lost_heading(chance):
    path, block = some(chance, lambda it: it.level == 2)
    return altered(path, block.line, lambda it: ""), "outline", "heading-missing", path, None


def renamed_heading(chance):
    path, block = some(chance, lambda it: it.level == 2)
    return altered(path, block.line, lambda it: f"{it} Again"), "outline", "heading-extra", path, block.line


def lost_term(chance):
    path = chance.choice(list(BOOK.chapters))
    return altered(path, 4, lambda it: it.replace("]", ", wolfram]")), "index", "term-missing", path, 4


def lost_link(chance):
    path, block = some(chance, paragraph)
    target = chance.choice(["04-nowhere.md", "01-a-kitchen.md#the-cellar", "#no-such-heading", "../images/pot.png"])
    return inserted(path, block.line, f"See [there]({target})."), "references", "link-broken", path, block.line


def shortened(chance):
    path, block = some(chance, lambda it: paragraph(it) and len(it.text.split()) > 30)
    files = altered(path, block.line, lambda it: "It was so.")
    return files, "length", "too-short", path, GOOD[path].rstrip().count("\n") + 1


def lengthened(chance):
    path, block = some(chance, paragraph)
    text = " ".join("".join(chance.choices("aeilnorst", k=6)) for _ in range(90))
    return inserted(path, block.line, f"{text}."), "length", "too-long", path, None


def lost_amount(chance):
    path, block = some(chance, lambda it: it.number == "-" and re.match(r"\d", it.text))
    return (
        altered(path, block.line, lambda it: re.sub(r"- [\d.]+ (?:k?g|m?l)?", "- ", it)),
        "recipes",
        "no-amount",
        path,
        block.line,
    )


def lost_yield(chance):
    path, block = some(chance, lambda it: re.search(r"Serves|Yield|Makes", it.text) and it.kind == "paragraph")
    files = altered(
        path, block.line, lambda it: re.sub(r"\*\*(?:Serves|Yield).*|(?:Serves \d|Makes \d portions)", "Good.", it)
    )
    return files, "recipes", "no-yield", path, None


def lost_step(chance):
    path, block = some(chance, lambda it: it.number == "2.")
    return altered(path, block.line, lambda it: ""), "recipes", "step-lost", path, None


def misspelled_word(chance):
    path, block = some(chance, paragraph)
    word = chance.choice(re.findall(r"\b[a-z]{6,}\b", re.sub(r'"[^"]*"', "", block.text)))
    wrong = word[:3] + "zq" + word[3:]
    return (
        altered(path, block.line, lambda it: re.sub(rf"\b{word}\b", wrong, it)),
        "spelling",
        "unknown-word",
        path,
        block.line,
    )


DAMAGES = [
    cut_ending, open_fence, open_emphasis, open_quotation, empty_section, misspelled_name, wrong_number, leftover,
    stranger, told_twice, told_twice_with_slips, lost_heading, renamed_heading, lost_term, lost_link, shortened,
    lengthened, lost_amount, lost_yield, lost_step, misspelled_word,
]  # fmt: skip


@pytest.mark.parametrize("seed", range(TIMES))
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda it: it.__name__)
def test_the_right_check_names_the_place(damage, seed):
    files, check, code, path, line = damage(random.Random(f"{damage.__name__} {seed}"))
    reports = {it.check: it.findings for it in JUDGE.check(Scene(files, Path("/nonexistent")))}
    told = [(it.path, it.line) for it in reports[check] if it.code == code]
    assert any(it == (path, line) or (line is None and it[0] == path) for it in told), (path, line, told)
