"""Whole books through the machine: a policy writes chapters right, short, long, cut and repetitive in turn."""

import json
import re

import pytest

from l2mac import UsageError, generate_book, generate_codebase, resume
from l2mac.config import load_settings
from l2mac.control.state import state
from l2mac.domains.book.checks.words import count_words, length_score
from l2mac.domains.book.manuscript import read
from l2mac.errors import Interrupted
from l2mac.memory.journal import Journal
from l2mac.panel import views
from l2mac.panel.follower import Follower
from l2mac.panel.picture import picture
from l2mac.panel.report import page
from l2mac.panel.show import Show
from l2mac.panel.table import ending, rendered
from l2mac.testing import LoopbackProvider, ScriptedProcessor, calls, says
from l2mac.watcher import Watcher

from .book_job import BookJob, TextBook
from .jobs import PLAIN_BOOK, commits, done, events, files, numbered, program, told, write

PROMPT = "A book of days by the harbour."
FRAME = {
    "book_dot_yaml": "title: Two Days\nlanguage: en\n",
    "outline_dot_yaml": "chapters:\n"
    "- {id: a, title: One, file: chapters/01.md}\n- {id: b, title: Two, file: chapters/02.md}\n",
}
ONE, TWO = (
    f"---\nid: {id}\ntitle: {title}\n---\n\n# {title}\n\n{text}\n"
    for id, title, text in (("a", "One", "The sea was calm."), ("b", "Two", "Then there came a storm."))
)


def settings(provider, **llm):
    given = {"api_type": "openai", "model": "loopback", "base_url": provider.base_url, "api_key": provider.api_key}
    return load_settings(flags={f"llm.{name}": value for name, value in {**given, "patience": 0, **llm}.items()})


def small(provider, tmp_path, **options):
    """A book of five chapters, one for each habit of the policy."""
    return generate_book(
        PROMPT, words=2_500, chapters=5, name="days", out=tmp_path, settings=settings(provider), **options
    )


def chapters(book):
    return [text for path, text in book.items() if path.startswith("chapters/")]


def scripted(script, tmp_path, **options):
    processor = ScriptedProcessor(script)
    options.setdefault("domain", PLAIN_BOOK)
    return generate_book(PROMPT, name="two", out=tmp_path, processor=processor, **options), processor


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The small book, written without a stop: its files, how many calls it took, and what came back."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch, LoopbackProvider(BookJob(5, 500, reply=300)) as provider:
        patch.setenv("L2MAC_HOME", str(folder / "home"))
        book = small(provider, folder)
        assert book.complete, book.ended
        return files(book.path), provider.calls, book


@pytest.mark.parametrize("job", [BookJob, TextBook])
def test_a_book_is_written_chapter_by_chapter_in_a_window_of_8000_tokens(job, tmp_path):
    unsupported = ("tools",) if job is TextBook else ()
    with LoopbackProvider(job(12, 500, reply=300), context=8_000, unsupported=unsupported) as provider:
        wanted = {"words": 6_000, "chapters": 12, "settings": settings(provider, window=8_000)}
        book = generate_book(PROMPT, name="days", out=tmp_path, **wanted)
        assert book.complete, book.ended
        assert len(provider.refused) == len(unsupported), provider.refused
    assert len(commits(book.path)) == 14, "one commit for each instruction"
    lengths = [count_words(text) for text in chapters(book)]
    assert len(lengths) == 12 and all(length_score(500, it) > 90 for it in lengths)
    made = read(book)
    assert [it.title for it in made.chapters] == [it.title for it in made.outline] and not made.notices
    gists = [gist for kind, gist in events(book.path, "kind", "gist") if kind == "checks"]
    assert any("length failed" in it for it in gists) and any("repeats failed" in it for it in gists)
    assert [it.by for it in book.ended.shown][:2] == ["chapters/01.md:11", "chapters/02.md:11"]


def test_every_view_of_a_book_speaks_of_words_and_chapters(whole):
    book = whole[2]
    words = sum(count_words(re.sub(r"^---.*?^---$", "", text, flags=re.S | re.M)) for text in chapters(book))
    journal = Journal(book.path / ".l2mac" / "run.db", writable=False)
    now = state(journal)
    told = views.status(now)
    assert book.words == words == told["words"] == sum(it["words"] for it in told["instructions"])
    assert (told["words_asked"], told["chapters"], told["tests"]["outcome"]) == (2_500, 5, "not run") and told["loc"]
    follower = Follower()
    follower.opened(now)
    view = follower.view()
    shown = {
        "status": rendered({**told, "working": False}),
        "ending": ending(book),
        "files": Show(journal, "days").text("files"),
        "settings": Show(journal, "days").text("settings"),
        "live": "\n".join(map(str, picture(view, 100, 40))),
        "report": page(journal, now),
    }
    journal.close()
    for name, text in shown.items():
        assert name == "settings" or re.search(rf"{words:,}|{words}", text), (name, text)
        assert not re.search(r"lines|\btests? (run|passed|off)|Tests", text.partition("<h2>Story")[0]), (name, text)
    assert f"{words:,} of 2,500 words in 5 chapters" in shown["status"] and "in 5 chapters" in shown["ending"]
    assert re.search(r"I3 .* 503 words", shown["live"]) and re.search(r"\n +503 chapters/02.md\n", shown["files"])
    assert "length:\n  words: 2500\n  chapters: 5" in shown["settings"]


@pytest.mark.parametrize("at", ["I0 reply", "I3 checks", "I4 reply", "I5 retired", "I7 reply"])
def test_a_book_that_is_stopped_anywhere_goes_on_to_the_same_files_with_one_more_call_at_most(at, tmp_path, whole):
    def stop(event):
        if f"{event.instruction} {event.kind}" == at:
            raise KeyboardInterrupt

    with LoopbackProvider(BookJob(5, 500, reply=300)) as provider:
        with pytest.raises(Interrupted):
            small(provider, tmp_path, watcher=Watcher(event=stop))
        book = resume(tmp_path / "days", settings=settings(provider))
        assert book.complete, book.ended
        assert provider.calls <= whole[1] + 1
    assert files(book.path) == whole[0]


def test_what_the_user_changes_in_a_chapter_is_kept(tmp_path):
    chapter, mine = tmp_path / "days" / "chapters" / "02.md", "\nAnd I, who only read it, was there too.\n"

    def edit(event):
        if event.kind == "committed" and event.instruction == "I3":
            chapter.write_text(chapter.read_text() + mine)

    with LoopbackProvider(BookJob(5, 500, reply=300)) as provider:
        book = small(provider, tmp_path, watcher=Watcher(event=edit))
    assert book.complete and book["chapters/02.md"].endswith(mine) and chapter.read_text().endswith(mine)
    titles = [title for _, title in commits(book.path)]
    assert titles[4:6] == ["Adopt the user's changes", "Write chapter 2"] and len(titles) == 8


def test_a_chapter_may_be_missing_until_nothing_is_left_that_could_write_it(tmp_path):
    steps = [
        {"id": "I1", "title": "Plan", "text": "Plan."},
        {"id": "I2", "title": "One", "text": "Write it.", "files": ["chapters/01.md"]},
        {"id": "I3", "title": "The rest", "text": "Write it."},
    ]
    script = [
        program(*steps),
        calls(write(**FRAME), done()),
        calls(done()),
        calls(write(chapters__01_dot_md=ONE), done()),
        calls(done()),
        calls(write(chapters__02_dot_md=TWO), done()),
    ]
    book, processor = scripted(script, tmp_path)
    assert book.complete, book.ended
    refused = [it for request in processor.requests for it in told(request)[-1:] if "refused" in it]
    assert ["chapters/01.md is not written" in it for it in refused] == [True, False]
    assert "chapters/02.md is not written" in refused[1] and "02.md is not" not in refused[0]


def test_a_chapter_that_is_never_written_is_named_at_the_end(tmp_path):
    steps = [{"id": "I1", "title": "Plan", "text": "Plan."}, {"id": "I2", "title": "One", "text": "Write it."}]
    short = calls(write(chapters__01_dot_md=ONE), done())
    script = [program(*steps), calls(write(**FRAME), done()), short, *[says("I would rather not.")] * 4]
    book, _ = scripted(script, tmp_path, settings=load_settings(flags={"run.turns": 1}))
    assert not book.complete and any("chapters/02.md is not written" in it for it in book.ended.reasons)


def test_a_chapter_that_several_instructions_write_is_judged_with_the_last(tmp_path):
    outline = FRAME["outline_dot_yaml"].replace("chapters/01.md}", "chapters/01.md, words: 120}")
    part = " ".join(f"word{chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(58)) + "."
    first = ONE.replace("The sea was calm.", f"The sea was calm. {part}")
    longer = part.replace("word", "other").capitalize()
    more = ("edit_file", {"path": "chapters/01.md", "edits": [{"find": f"{part}\n", "replace": f"{part} {longer}\n"}]})
    steps = [
        {"id": f"I{n}", "title": "x", "text": "Write.", "files": [f]}
        for n, f in enumerate(["outline.yaml", "chapters/01.md", "chapters/01.md", "chapters/02.md"], 1)
    ]
    script = [
        program(*steps),
        calls(write(**{**FRAME, "outline_dot_yaml": outline}), done()),
        calls(write(chapters__01_dot_md=first), done()),
        calls(done()),
        calls(more, done()),
        calls(write(chapters__02_dot_md=TWO), done()),
    ]
    book, processor = scripted(script, tmp_path)
    refused = [it for request in processor.requests for it in told(request)[-1:] if "refused" in it]
    assert book.complete and len(refused) == 1 and re.search(r"\d+ more are wanted. Keep what stands", refused[0])
    assert re.search(r"It ends: .*wordfc\.", refused[0]), refused[0]


def test_what_the_user_changes_in_a_chapter_that_is_gone_on_with_later_is_kept(tmp_path):
    mine, chapter = "The sea, I say, was calm.", tmp_path / "two" / "chapters" / "01.md"

    def edit(event):
        if event.kind == "committed" and event.instruction == "I2":
            chapter.write_text(chapter.read_text().replace("The sea was calm.", mine))

    blind = {
        "path": "chapters/01.md",
        "edits": [{"find": "The sea was calm.", "replace": "The sea was calm. It rose."}],
    }
    seeing = {"path": "chapters/01.md", "edits": [{"find": mine, "replace": f"{mine} It rose."}]}
    steps = [
        {"id": f"I{n}", "title": "x", "text": "Write.", "files": [f]}
        for n, f in enumerate(["outline.yaml", "chapters/01.md", "chapters/01.md", "chapters/02.md"], 1)
    ]
    script = [
        program(*steps),
        calls(write(**FRAME), done()),
        calls(write(chapters__01_dot_md=ONE), done()),
        calls(("edit_file", blind)),
        calls(("edit_file", seeing), done()),
        calls(write(chapters__02_dot_md=TWO), done()),
    ]
    book, processor = scripted(script, tmp_path, watcher=Watcher(event=edit))
    assert (
        book.complete and f"{mine} It rose." in book["chapters/01.md"] and chapter.read_text() == book["chapters/01.md"]
    )
    opening = json.dumps([it.content for it in processor.requests[3].messages])
    assert "sea, I say, was calm." in opening, "whoever goes on sees the last words as the user left them"
    assert told(processor.requests[4])[-1].startswith("error:"), "and can't write over what is not there"


@pytest.mark.parametrize(
    ("wanted", "words", "chapters", "steps"),
    [
        ({"pages": 20, "chapters": 7}, 6_000, 7, 50),
        ({"words": 400_000}, 400_000, 0, 102),
        ({"chapters": 90}, 0, 90, 92),
    ],
)
def test_the_length_is_kept_at_birth_and_told_to_the_model(wanted, words, chapters, steps, tmp_path):
    _, processor = scripted([program("I1")], tmp_path, plan_only=True, **wanted)
    journal = Journal(tmp_path / "two" / ".l2mac" / "run.db", writable=False)
    birth = state(journal).birth
    journal.close()
    assert (birth.length.words, birth.length.chapters, birth.steps) == (words, chapters, steps)
    asked = json.dumps([it.content for it in processor.requests[0].messages])
    assert (f"{words:,} words" in asked) == bool(words) and (f"{chapters} chapters" in asked) == bool(chapters)
    assert f"at most {steps}, in order" in asked


def test_an_outline_of_another_length_than_was_asked_for_is_refused(tmp_path):
    outline = FRAME["outline_dot_yaml"].replace("}", ", words: 300}")
    right = outline.replace("words: 300", "words: 500")
    three = right + "- {id: c, title: Three, file: chapters/03.md, words: 10}\n"
    script = [
        program("I1", "I2"),
        *[calls(write(**{**FRAME, "outline_dot_yaml": it}), done()) for it in (outline, three, right)],
        *[calls(done())] * 30,
    ]
    book, processor = scripted(
        script, tmp_path, words=1_000, chapters=2, settings=load_settings(flags={"run.turns": 5})
    )
    refused = [it for request in processor.requests for it in told(request)[-1:] if "refused" in it]
    assert "add up to 600, and 1,000 are asked for" in refused[0]
    assert "the outline has 3 chapters, and 2 are asked for" in refused[1]
    assert "I1" in {id for id in ("I1",) if "outline.yaml" in book}


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"words": 0}, "--words 0 can't be written"),
        ({"words": -5}, "--words -5 can't be written"),
        ({"pages": 1_000_000}, "give a number from 1 to 10,000"),
        ({"chapters": 1_001}, "--chapters 1,001 can't be written"),
        ({"words": 99}, "99 words are too few"),
        ({"words": 1_000, "chapters": 11}, "1,000 words in 11 chapters are too few"),
        ({"words": 900, "pages": 3}, "give one of them"),
        ({"chapters": 9, "steps": 10}, "9 chapters need 11 instructions"),
    ],
)
def test_absurd_lengths_are_refused_before_anything_is_made(wanted, said, tmp_path):
    with pytest.raises(UsageError, match=re.escape(said)):
        scripted([], tmp_path, **wanted)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("prompt", ["写一本关于海港的书。", "اكتب كتابا عن الميناء", "📚 A book 🌊"])
def test_a_prompt_of_any_script_becomes_a_book(prompt, tmp_path):
    script = [program("I1"), calls(write(**FRAME, chapters__01_dot_md=ONE, chapters__02_dot_md=TWO), done())]
    book = generate_book(prompt, domain=PLAIN_BOOK, out=tmp_path, processor=ScriptedProcessor(script))
    assert book.complete, book.ended


def test_code_is_asked_for_as_before_and_a_book_is_offered_nothing_that_runs(tmp_path):
    _, code = (lambda p: (generate_codebase("x", out=tmp_path, processor=p, plan_only=True), p))(
        ScriptedProcessor([numbered("I1")])
    )
    _, book = scripted(
        [program("I1"), calls(write(**FRAME, chapters__01_dot_md=ONE, chapters__02_dot_md=TWO), done())], tmp_path
    )
    assert "Length" not in json.dumps([it.content for it in code.requests[0].messages])
    offered = {tool.name for tool in book.requests[1].tools}
    assert not offered & {"run_tests", "run_command"} and {"edit_file", "complete_instruction"} <= offered
