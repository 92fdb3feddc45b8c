"""What each check asks, what it lets pass, and what it tells the model to do."""

import random
import re
from pathlib import Path

import pytest

from l2mac.checks.rendering import render
from l2mac.checks.report import Scene
from l2mac.checks.verdict import judge
from l2mac.domains.book.checks.judge import BookChecks
from l2mac.domains.book.checks.length import excess, shortfall
from l2mac.domains.book.checks.reading import read_book, read_chapter
from l2mac.domains.book.checks.repeats import Repeats, Stream
from l2mac.domains.book.checks.words import count_words, length_score

from .test_book_checks import GOOD, spoiled

NOWHERE = Path("/nonexistent")
PATH = "chapters/01-a.md"
INNOCENT = [
    "“As an AI language model, I must decline,” said the ship, and it declined with some warmth.",
    'He read the card aloud: "[insert name here], you are invited." Nobody came.',
    "Write `TODO: later` in the margin and go to bed; the printer will not mind.",
    "The to-do list grew. In the end she continued (the rain had stopped) along the river.",
    "Her word count was low that winter, and she counted every word twice.",
    "Here is the chapter house, said the sign, and there was the cloister.",
    "Sure, he would come. Of course he would; he had promised it to the cat.",
    "She clicked on [Name](https://example.org) and on [Insert][1] in turn.\n\n[1]: https://example.org",
    "The rest of the chapter of monks went to bed (same as every night).",
    "„Als KI-Modell bin ich nie müde“, sagte das Radio in jener Nacht zu ihr.",
    "```\n[insert your name] TODO: lorem ipsum dolor\n```\n\nThat was the file which he had found.",
    "A template reads {name}, with single braces, and is filled by the press.",
    "The house of the Todoroki family stood at the end of the lane.",
]
CONTRADICTED = {
    "The mill is 12 metres tall and very old.": True,
    "The mill is 14 metres tall and very old.": False,
    "The mill, at a height of 1,200 steps from the river, is old.": True,
    "When the mill was built it was 12 metres tall.": False,
    "The mill has 5 windows and 12 owners, and is tall.": True,
    "Twelve men came to the mill.": False,
    "Beside the mill there were 3 cows.": False,
    "The mill, at a height that [a page](12.md#the-mill) tells.": False,
    "The mill, of great height, grinds 400 kg.": False,
}


def outcomes(files, **how):
    scene = Scene(files, NOWHERE, how.pop("changed", None))
    return {it.check: it for it in BookChecks(**how).check(scene)}


def codes(files, check, **how):
    return {(it.path, it.code) for it in outcomes(files, **how)[check].findings}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't count 3 numbers or snake_case, please.", 6),
        ("3rd, A4 and x2y are none.", 3),
        ("今天下雨了。It rains.", 7),
        ("它叫Python。", 3),
        ("Über die Straße", 3),
        ("ذَهَبَ الوَلَدُ إلى المَدْرَسَةِ", 4),
        ("", 0),
    ],
)
def test_words_are_counted_as_longbench_write_does(text, words):
    assert count_words(text) == words


@pytest.mark.parametrize(
    ("wanted", "words", "score"), [(100, 100, 100), (100, 200, 200 / 3), (100, 400, 0), (100, 50, 50), (100, 0, 0)]
)
def test_the_length_is_scored_as_longbench_write_does(wanted, words, score):
    assert length_score(wanted, words) == pytest.approx(score)


@pytest.mark.parametrize("text", INNOCENT)
def test_what_people_say_and_code_are_no_placeholders(text):
    files = {
        PATH: f"It was late when it happened, and the lamp was lit.\n\n{text}\n\nSo it went, as far as anybody knows."
    }
    assert not codes(files, "placeholders")


@pytest.mark.parametrize(("sentence", "contradicts"), CONTRADICTED.items())
def test_a_number_is_held_against_the_canon_only_where_it_states_the_fact(sentence, contradicts):
    canon = "- name: The Mill\n  aliases: [the mill]\n  facts: {height: 14 m}\n"
    if "windows" in sentence:
        sentence = sentence.replace("5 windows and 12 owners, and is", "five windows and is 12 m")
    files = {"canon/places.yaml": canon, PATH: sentence}
    assert codes(files, "canon") == ({(PATH, "fact-differs")} if contradicts else set())


COOKS = "1. Boil.\n2. Eat.\n"
RECIPES = {
    f"Serves 4 · 20 minutes\n\n- 300 g rice\n- 2 eggs\n- salt\n\n{COOKS}": set(),
    f"For 4 people, in half an hour\n\n**For the dough**\n\n- 300 g flour\n- 2 eggs\n\n**Method**\n\n{COOKS}": set(),
    f"Serves 4, 1 hour\n\n### Dough\n\n- 300 g flour\n- 2 eggs\n\n### Bake\n\n{COOKS}\n### Top\n\n- 1 fig\n": set(),
    f"| Serves | 4 |\n|-|-|\n| Time | 20 minutes |\n\n- ½ onion\n- 2 figs\n\n{COOKS}": set(),
    f"- 300 g rice\n- 2 eggs\n\n{COOKS}": {"no-yield", "no-time"},
    "Serves 4 · 20 minutes\n\nTake rice and an egg, and boil both.": {"no-ingredients", "no-steps"},
    f"Serves 4\n\n- rice, washed\n- eggs\n\n{COOKS}": {"no-time", "no-ingredients"},
    "- 300 g rice\n- 2 eggs\n\nThe rest is up to you.": {"half-recipe"},
    f"The rope makes 40 pieces.\n\n{COOKS}": set(),
    "- 2 hours before: wash the rice\n- 1 hour before: boil it\n- 12:30: eat": set(),
    "- Ribbons: 7 mm\n- Strands: 2 mm\n- Garlic: tight heads, 1 or 2": set(),
}


@pytest.mark.parametrize(("text", "lacking"), RECIPES.items(), ids=range(len(RECIPES)))
def test_a_recipe_is_known_by_its_form_and_told_what_it_lacks(text, lacking):
    files = {"book.yaml": "kind: cookbook", PATH: f"# A\n\nHere.\n\n## Rice\n\n{text}\n"}
    told = [it for it in outcomes(files, only=["recipes"])["recipes"].findings if it.path == PATH]
    assert {it.code for it in told} == lacking and all("Rice" in it.text and it.line == 5 for it in told)


def test_a_passed_report_tells_words_and_recipes():
    reports = outcomes(GOOD, changed=frozenset({"chapters/06-gnocchi.md"}))
    words, told = reports["length"].detail, render(reports.values(), GOOD, [], room=2_000)
    assert re.fullmatch(r"\d+ of 110 words in chapters/06-gnocchi.md, 1,\d{3} of 1,540 in the book", words)
    assert f"\nlength: {words}\n" in told and "\nrecipes: 1 recipe recognized" in told
    assert outcomes(GOOD)["recipes"].detail == "5 recipes recognized"
    assert outcomes({PATH: "It was late."})["recipes"].detail == ""


def test_words_of_the_subject_borrowed_words_and_forms_are_known():
    text = "The *sfrizzolare* of béchamel: eggless wheats, two bucatini, some strozzi, one fregula, one qwrtz."
    files = {
        "book.yaml": "language: en",
        PATH: f"---\nindex: [strozzi]\n---\n\n{text}",
        "chapters/02.md": "A bucatini, bucatini.",
    }
    assert [it.text.split('"')[1] for it in outcomes(files)["spelling"].findings] == ["fregula", "qwrtz"]


def test_an_index_term_in_another_number_is_told_as_the_text_has_it():
    files = {PATH: '---\nindex: [anchovies, "\'nduja"]\n---\n\nOne anchovy and some ’nduja.'}
    (finding,) = outcomes(files)["index"].findings
    assert 'the text has "anchovy"' in finding.text


@pytest.mark.parametrize("word", ["Rossis", "Rossi's", "ROSSI", "rossi"])
def test_forms_of_a_name_are_no_misspellings(word):
    files = {"canon/people.yaml": "- name: Anna Rossi\n", PATH: f"Then the old {word} came in, and Anna Rossi laughed."}
    assert not codes(files, "canon")


def test_a_near_miss_may_be_somebody_else_whom_the_canon_names():
    files = {
        "canon/people.yaml": "- name: Anna Rossi\n",
        PATH: "At the door stood old Bossi, and said Anna Rosso waits.",
    }
    assert (PATH, "name-misspelled") in codes(files, "canon")
    files["canon/people.yaml"] += "- name: Anna Rosso\n- name: Bossi\n"
    assert not codes(files, "canon")


def test_an_unwritten_chapter_fails_only_when_no_instruction_is_to_come():
    path = "chapters/12-last-plate.md"
    files = {name: text for name, text in GOOD.items() if name != path}
    assert judge(outcomes(files).values()).accepted
    assert not outcomes(files)["length"].findings
    ended = judge(outcomes(files, pending=lambda unwritten: ()).values())
    assert {it.code for it in ended.blocking} == {"unwritten"}


def test_a_chapter_still_being_written_may_be_short_and_open_ended():
    path = "chapters/12-last-plate.md"
    files = {
        **GOOD,
        path: GOOD[path].partition("## The Light")[0] + "## The Light\n\nThen there is a silence that belongs to",
    }
    assert judge(outcomes(files, pending=lambda unwritten: {path}).values()).accepted
    assert not judge(outcomes(files).values()).accepted


def test_after_a_write_only_the_changed_chapters_are_judged():
    files = spoiled(GOOD, "chapters/02-flour.md", "Good dough", "TODO: Good dough")
    files = spoiled(files, "chapters/05-market.md", "He names", "TODO: He names")
    changed = frozenset({"chapters/05-market.md"})
    assert codes(files, "placeholders", changed=changed) == {("chapters/05-market.md", "placeholder")}
    assert len(codes(files, "placeholders", changed=frozenset({"outline.yaml"}))) == 2


def test_a_passage_told_twice_is_named_where_the_work_is_and_names_the_other_place():
    def place(path, files):
        return f"{path}:{files[path][: files[path].index('He names a price')].count(chr(10)) + 1}"

    told = GOOD["chapters/05-market.md"].partition("## The Price\n\n")[2]
    files = {**GOOD, "chapters/02-flour.md": GOOD["chapters/02-flour.md"] + "\n" + told}
    (finding,) = outcomes(files, changed=frozenset({"chapters/02-flour.md"}))["repeats"].failures
    assert finding.path == "chapters/02-flour.md" and place("chapters/05-market.md", files) in finding.text
    (finding,) = outcomes(files)["repeats"].failures
    assert finding.path == "chapters/05-market.md" and place("chapters/02-flour.md", files) in finding.text


def test_the_domains_own_text_satisfies_no_check():
    template = (
        "Write this chapter in the voice of the book, begin with a scene, keep to the canon, give every section "
        "its heading from the outline, and end on a sentence that makes the reader turn the page."
    )
    files = {PATH: f"# A\n\n{template}\n"}
    assert not codes(files, "repeats")
    assert codes(files, "repeats", templates=[template]) == {(PATH, "repeated")}
    summary = " ".join(GOOD["chapters/07-broth.md"].split()[30:70]).replace('"', "")
    files = {"outline.yaml": f'chapters:\n  - {{id: a, title: A, file: 01-a.md, summary: "{summary}"}}', PATH: summary}
    assert (PATH, "repeated") in codes(files, "repeats")


@pytest.mark.parametrize("name", ["empty", "front matter", "headings", "comment"])
def test_a_skeleton_is_no_chapter(name):
    path = "chapters/12-last-plate.md"
    front, _, _ = GOOD[path].partition("# The")
    skeleton = {
        "empty": "",
        "front matter": front,
        "headings": f"{front}# The Last Plate\n\n## Washing Up\n\n## The Light\n",
        "comment": f"{front}<!-- {GOOD[path].partition('## Washing Up')[2]} -->\n",
    }
    reports = outcomes({**GOOD, path: skeleton[name]})
    assert reports["length"].outcome == reports["endings"].outcome == "failed"


def test_a_short_chapter_is_continued_from_its_last_paragraph():
    chapter = read_chapter(PATH, "# A\n\nOne two three.\n\nFour five six.\n")
    short = shortfall(chapter, 20)
    assert short is not None and (short.words, short.missing, short.line, short.tail) == (7, 13, 5, "Four five six.")
    assert "Keep what stands" in short.request and "13" in short.request
    assert shortfall(chapter, 7) is None and excess(chapter, 7) is None


def test_a_long_chapter_is_cut_at_a_section_that_leaves_enough():
    section = "## Part {}\n\n" + "word " * 48 + "\n\n"
    chapter = read_chapter(PATH, "# A\n\n" + "".join(section.format("abcd"[at]) for at in range(4)))
    long = excess(chapter, 100)
    assert long is not None and (long.heading, long.line, long.kept) == ("Part c", 11, 101)
    whole = read_chapter(PATH, "# A\n\n" + ("word " * 10 + "\n\n") * 20)
    long = excess(whole, 100)
    assert long is not None and long.heading == "" and 91 <= long.kept <= 115


def test_refrains_lists_and_code_may_come_again():
    refrain = "Row, row, row your boat, gently down the stream."
    items = "".join(f"- {n} g of something that every recipe needs\n" for n in range(100, 120))
    files = {f"chapters/0{n}-x.md": f"{refrain}\n\n{items}\n\n```\n{items}\n```\n\n{refrain}" for n in range(1, 4)}
    assert not codes(files, "repeats")


def test_one_phrase_over_and_over_is_one_finding():
    files = {PATH: "And then they went on and on. " * 5_000}
    assert [it.line for it in outcomes(files)["repeats"].failures] == [1]


def test_the_work_of_finding_repeats_grows_with_the_text_alone():
    """Counted in words that are compared, on text made of what the search dislikes most: endless near-repeats."""

    class Counted(str):
        compared = 0
        __hash__ = str.__hash__

        def __eq__(self, other):
            Counted.compared += 1
            return str.__eq__(self, other)

    def work(size):
        words = tuple(Counted(f"w{(n % 9) if n % 10 else n}") for n in range(size))
        Counted.compared = 0
        list(Repeats().of([Stream(PATH, words, (1,) * size)]))
        return Counted.compared

    assert work(40_000) < 4.5 * work(10_000)


@pytest.mark.parametrize(
    "text",
    [
        "---\nid: [\n---\n\nText.",
        "---\n" + "a: &a [" * 3_000 + "\n---\n",
        "---\na: &a [1]\nb: &b [*a, *a]\nc: &c [*b, *b]\nindex: [*c, *c]\ntitle: *c\n---\n",
        "[" * 20_000,
        "](" * 20_000,
        "**" * 20_000,
        "`" * 9_999 + "a",
        "“" * 20_000,
        "> " * 5_000 + "deep",
        "- " * 5_000 + "deep",
        "|a|\n|-|\n" + "|b|\n" * 5_000,
        "\x00\ud800\u202e",
        "x" * 2_000_001,
    ],
    ids=range(13),
)
def test_hostile_text_is_judged_and_raises_nothing(text):
    files = {
        PATH: text,
        "outline.yaml": "chapters: {a: 1}",
        "canon/people.yaml": "- 3\n- name: {}\n",
        "book.yaml": "- x\n",
    }
    assert outcomes(files, pending=lambda unwritten: ())


def test_without_the_extra_the_language_is_unverified_and_the_spelling_left_out(monkeypatch):
    import sys

    from l2mac.domains.book.checks import language

    for cached in (language._identifier, language._dictionary):
        cached.cache_clear()
    monkeypatch.setitem(sys.modules, "py3langid.langid", None)
    monkeypatch.setitem(sys.modules, "spellchecker", None)
    reports = outcomes(GOOD)
    assert (reports["language"].outcome, reports["spelling"].outcome) == ("unavailable", "absent")
    assert "l2mac[book]" in reports["language"].detail


def test_a_picture_on_disk_is_found(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(b"\x89PNG")
    files = {PATH: "![here](../images/a.png) ![gone](../images/b.png) ![out](../../etc/passwd)"}
    (report,) = [it for it in BookChecks().check(Scene(files, tmp_path)) if it.check == "references"]
    assert len(report.failures) == 2 and "a.png" not in str(report)


def test_what_the_book_has_not_is_no_fault():
    assert {it.outcome for it in BookChecks().check(Scene({}, NOWHERE))} == {"absent"}
    assert not read_book({"book.yaml": "title: T"}).chapters


def test_repeats_are_found_alike_whether_the_book_was_seen_before_or_not():
    chance, kept = random.Random(3), BookChecks()
    files = dict(GOOD)
    paths = [path for path in files if path.startswith("chapters/")]
    for _ in range(12):
        one, other = chance.sample(paths, 2)
        body = GOOD[other].rpartition("---\n")[2]
        files = {**files, one: files[one] + body if chance.random() < 0.5 else GOOD[one]}
        changed = chance.choice([None, frozenset({one})])
        scene = Scene(files, Path(), changed)
        assert kept.check(scene) == BookChecks().check(scene)


@pytest.mark.parametrize(
    "text", ["[" * 60_000, "- " * 60_000, "{a: " * 60_000, "\n".join(" " * n + "a:" for n in range(900))]
)
@pytest.mark.parametrize("path", ["outline.yaml", "canon/people.yaml", PATH])
def test_yaml_without_a_bottom_is_a_finding_and_no_crash(path, text):
    files = {**GOOD, path: f"---\n{text}\n---\n" if path == PATH else text}
    assert [it for report in outcomes(files).values() for it in report.findings if it.code == "yaml"]
