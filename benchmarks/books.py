"""What judging a book takes, and whether it grows with the text alone.

    python benchmarks/books.py [--words 50000 100000 200000 400000] [--each]
    python benchmarks/books.py --run [--chapters 100]

A book of chapters of 2,000 words is made of random words of a dictionary, with headings, links, index terms, speech and
the names of a canon of fifty people; the same seed makes the same book. `whole` is every check on every chapter with
nothing remembered, as at the end of a run; `again` is the same with what was remembered, as at a completion; `chapter`
is what is judged after one chapter was written. Packages and dictionaries are loaded before the clock starts. Each
figure is the median of three, in processor time, for the checks run on one core and other work may share it; `wall` is
the whole on the clock.

With `--run` a book of chapters of 2,000 words is written in a window of 8,000 tokens, by the policy of
tests/book_job.py for the loopback provider: chapters right, short, long, cut and repetitive in turn, 900 words to a
reply; a run of two chapters before it loads what is loaded once. `own time` is the wall clock without the recorded time
of checks, replies and commits, divided by the chapters. The PDF is made twice, and the faster counts.
"""

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from l2mac import generate_book
from l2mac.checks.report import Scene
from l2mac.config import LLM, Run, Settings
from l2mac.control.records import Exchange
from l2mac.domains.book.checks.judge import NAMES, BookChecks
from l2mac.domains.book.checks.words import count_words, length_score
from l2mac.domains.book.export import export
from l2mac.domains.book.manuscript import read
from l2mac.memory.journal import Journal
from l2mac.testing import LoopbackProvider
from l2mac.testing.loopback import count_roughly

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.book_job import BookJob

CHAPTER = 2_000  # words
NOWHERE = Path("/nonexistent")


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    options.add_argument("--words", type=int, nargs="+", default=[50_000, 100_000, 200_000, 400_000])
    options.add_argument("--each", action="store_true", help="the time of each check on the largest book")
    options.add_argument("--run", action="store_true", help="have a whole book written, and export it")
    options.add_argument("--chapters", type=int, default=100)
    asked = options.parse_args()
    if asked.run:
        whole_run(asked.chapters)
        return
    BookChecks().check(Scene(book(2 * CHAPTER), NOWHERE))
    print("| words | whole, s | per 100,000 words, s | again, ms | chapter, ms | wall, s |\n|---|---|---|---|---|---|")
    for words in asked.words:
        whole, again, chapter, wall = measured(book(words))
        rate = whole / words * 100_000
        print(
            f"| {words:,} | {whole:.2f} | {rate:.2f} | {again * 1000:.0f} | {chapter * 1000:.0f} | {wall:.2f} |",
            flush=True,
        )
    if asked.each:
        print(each(book(asked.words[-1])))


def whole_run(count):
    """The table of one book, from the prompt to the PDF."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["L2MAC_HOME"] = f"{folder}/home"
        written(2, f"{folder}/before")
        began = time.perf_counter()
        book, requests, refused = written(count, folder)
        wall = time.perf_counter() - began
        journal = Journal(book.path / ".l2mac" / "run.db", writable=False)
        took, largest, kinds = {}, 0, {}
        for event in journal.events():
            took[event.kind] = took.get(event.kind, 0) + event.took
            kinds[event.kind] = kinds.get(event.kind, 0) + 1
            if event.kind == "reply":
                largest = max(largest, journal.load(event, Exchange).counted)
        judged = took.get("checks", 0) + took.get("audit", 0)
        own = (wall - judged - took["reply"] - took["committed"]) / count * 1000
        words = sum(count_words(text) for path, text in book.items() if path.startswith("chapters/"))
        files = dict(book)
        made = read(files)
        contents = [chapter.title for chapter in made.chapters] == [plan.title for plan in made.outline]
        pdf, notices = min((timed_pdf(made) for _ in range(2)), key=lambda it: it[0])
        checked, clock = clocked(BookChecks(), Scene(files, NOWHERE))
        found = sum(term in chapter.body for chapter in made.chapters for term in chapter.terms)
        entries = sum(len(chapter.terms) for chapter in made.chapters)
    print("| | measured | target |\n|---|---|---|")
    for row in (
        ("complete", f"{book.complete}, {kinds['retired']} commits, {kinds['reply']} replies", "yes"),
        ("words", f"{words:,} of {count * CHAPTER:,}", ""),
        ("S_l of the book", f"{length_score(count * CHAPTER, words):.1f}", "≥ 95"),
        ("contents equal the outline; index entries found", f"{contents}; {found} of {entries}", "all"),
        ("largest request, tokens by our count, with 2,666 kept for the reply", f"{largest:,}", "≤ 5,334"),
        ("requests refused by the provider as too long", str(refused), "0"),
        ("own time per chapter beside checks, replies and commits", f"{own:.0f} ms", "< 50 ms"),
        ("commits, per chapter", f"{took['committed'] / count * 1000:.0f} ms", ""),
        ("checks during the run, per chapter", f"{judged / count * 1000:.0f} ms", ""),
        ("all checks on the whole, nothing remembered", f"{checked:.2f} s ({clock:.2f} on the clock)", "< 5 s"),
        ("its PDF", f"{pdf:.1f} s, {len(notices)} notices", "< 20 s"),
        ("the whole run", f"{wall:.0f} s", ""),
        ("prompt tokens", f"{sum(requests):,}", ""),
    ):
        print(f"| {' | '.join(row)} |")
    return


def written(count, folder):
    """A book by the policy; the prompt tokens of each request, and how many requests were refused."""
    requests = []
    job = BookJob(count, CHAPTER)

    def policy(body):
        requests.append(count_roughly(body))
        return job(body)

    with LoopbackProvider(policy, context=8_000) as provider:
        llm = LLM(base_url=provider.base_url, model="loopback", api_key=provider.api_key, window=8_000)
        settings = Settings(llm=llm, run=Run(out=folder))
        asked = {"words": count * CHAPTER, "chapters": count}
        book = generate_book("A book of days by the harbour.", settings=settings, **asked)
        assert book.complete, book.ended
        return book, requests, len(provider.refused)


def timed_pdf(book):
    began = time.perf_counter()
    data, notices = export(book, "pdf", lambda path: None)
    assert data.startswith(b"%PDF")
    return time.perf_counter() - began, notices


def measured(files):
    """Seconds of the three ways to judge, and of the first on the clock."""
    rows = []
    for _ in range(3):
        checks = BookChecks()
        whole, wall = clocked(checks, Scene(files, NOWHERE))
        again, _ = clocked(checks, Scene(files, NOWHERE))
        path = max(path for path in files if path.startswith("chapters/"))
        files = {**files, path: files[path] + "\nOne more sentence is here.\n"}
        rows.append((whole, again, clocked(checks, Scene(files, NOWHERE, frozenset({path})))[0], wall))
    return [statistics.median(column) for column in zip(*rows, strict=True)]


def clocked(checks, scene):
    start, clock = time.process_time(), time.perf_counter()
    reports = checks.check(scene)
    took, wall = time.process_time() - start, time.perf_counter() - clock
    assert [it.check for it in reports] == list(NAMES)
    assert not [finding for it in reports for finding in it.failures], reports
    return took, wall


def each(files):
    """A table of what each check takes."""
    import cProfile
    import pstats

    profile = cProfile.Profile()
    profile.runcall(BookChecks().check, Scene(files, NOWHERE))
    stats = pstats.Stats(profile).stats
    rows = [
        (value[3], f"{Path(place[0]).stem}.{place[2]}") for place, value in stats.items() if "book/checks" in place[0]
    ]
    return "\n".join(f"{seconds:8.2f} {name}" for seconds, name in sorted(rows, reverse=True)[:40])


def book(words):
    """A book of so many words."""
    from spellchecker import SpellChecker

    chance = random.Random(words)
    frequent = SpellChecker(language="en").word_frequency.dictionary
    ordered = sorted((it for it in frequent if it.isascii() and it.isalpha() and len(it) > 2), key=frequent.get)
    known = ordered[-6_000:]
    people = [f"{''.join(chance.choices('bdklmnrst', k=1)).upper()}{chance.choice(known)}ovan" for _ in range(50)]
    outline, files = ["chapters:"], {}
    for number in range(1, words // CHAPTER + 1):
        path = f"chapters/{number:03}-part.md"
        heads = [f"Section {number}.{part}" for part in range(1, 6)]
        files[path] = chapter(number, heads, known, people, chance)
        outline += [f"  - {{id: c{number}, title: Part {number}, file: {path}, words: {CHAPTER}, headings: {heads}}}"]
    files["outline.yaml"] = "\n".join(outline)
    files["book.yaml"] = "title: A Long Book\nlanguage: en-GB\nkind: novel\n"
    files["canon/people.yaml"] = "".join(f"- name: {it}\n  facts: {{age: {at + 20}}}\n" for at, it in enumerate(people))
    return files


def chapter(number, heads, known, people, chance):
    """One chapter, as Markdown."""
    text = [f"---\nid: c{number}\ntitle: Part {number}\nindex: [{people[number % 50]}]\n---\n", f"# Part {number}"]
    for place, head in enumerate(heads):
        text += [
            f"## {head}",
            f"So it was with {people[(number + place) % 50]}, as [before](001-part.md#section-11) told.",
        ]
        left = CHAPTER // len(heads) - 12
        while left > 0:
            size = min(left, 80)
            left -= size
            text.append(paragraph(chance.choices(known, k=size), people, chance))
    return "\n\n".join(text) + "\n"


def paragraph(words, people, chance):
    sentences = [words[at : at + 16] for at in range(0, len(words), 16)]
    told = [" ".join(it).capitalize() + "." for it in sentences]
    told[0] = f"“{told[0]}” said {chance.choice(people)}."
    return " ".join(told)


if __name__ == "__main__":
    main()
