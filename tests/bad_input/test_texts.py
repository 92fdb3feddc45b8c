"""Public lists of hostile texts, through whole runs: as arguments, names, contents, titles, requirements and prompts.

The rows of the table are in `names`. Many calls stand in one reply, so that thousands of strings take seconds.
"""

import pytest

from l2mac import UsageError, generate_codebase, load_settings
from l2mac.assembly import PLANNING_TOOLS, TOOLS
from l2mac.naming import slug
from l2mac.testing import ScriptedProcessor, calls

from ..jobs import build, commits, done, files, numbered, program, shown, told, write
from .names import AT_ONCE, hostile

WORK = calls(write(a_dot_txt="hello\n"), done())
NUMBERED = [numbered("I1"), calls(write(a_dot_txt="hello\n"), done(evidence=shown("a.txt")))]


def batches(things):
    """The things in replies of so many calls each."""
    return [things[at : at + AT_ONCE] for at in range(0, len(things), AT_ONCE)]


def answers(processor, script):
    """The results of all calls of a script, with their calls, from the request that followed each reply."""
    for reply, request in zip(script[1:-1], processor.requests[2:], strict=False):
        asked = reply.message.tool_calls
        yield from zip(asked, told(request)[-len(asked) :], strict=True)


@pytest.fixture
def intact(tmp_path, monkeypatch):
    """What stands around the run's folder is the same afterwards."""
    place = tmp_path / "a" / "b" / "c"
    place.mkdir(parents=True)
    (tmp_path / "precious.txt").write_text("Nobody touches this.")
    monkeypatch.chdir(place)
    before = {path: path.stat() and path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")}
    yield place
    after = {
        path: path.is_file() and path.read_bytes()
        for path in tmp_path.rglob("*")
        if place / "out" not in [path, *path.parents]
    }
    assert after == before


def run(script, place, **options):
    """A script through the whole machine, with room for long replies."""
    wide = load_settings(changes=["llm.window=4000000"])
    codebase, processor = build(script, place / "out", name="run", settings=wide, **options)
    assert codebase.complete or options.get("plan_only")
    assert files(codebase.path) == {path: text.encode() for path, text in codebase.items()}
    return codebase, processor


@pytest.mark.parametrize("tool", sorted({it.__name__ for it in [*TOOLS, *PLANNING_TOOLS]} - {"run_tests"}))
def test_every_document_of_the_json_test_suite_as_arguments_is_answered(tool, shared_data, intact):
    documents = sorted((shared_data / "jsontestsuite").glob("test_*/*.json"))
    texts = [document.read_bytes().decode("utf-8", "surrogateescape") for document in documents]
    assert len(texts) > 150
    planning = tool == "submit_program"
    asked = [calls(*[(tool, text) for text in batch]) for batch in batches(texts)]
    script = [program("I1"), *asked, WORK] if not planning else [*asked, program("I1"), WORK]
    codebase, processor = run(script, intact)
    if planning:
        results = [text for request in processor.requests[1 : len(asked) + 1] for text in told(request)]
    else:
        results = [text for _, text in answers(processor, script)]
    assert len(results) >= len(texts) and set(codebase) == {"a.txt"}
    assert all(text.startswith(("ok\n", "error: ")) for text in results)
    if tool in ("write_files", "read_files", "delete_files", "edit_file", "complete_instruction"):
        assert all(text.startswith("error: ") for text in results), "none of them says what these tools need"


@pytest.mark.parametrize("what", ["names", "contents"])
def test_every_hostile_text_is_written_inside_to_the_byte_or_refused(what, shared_data, intact):
    texts = hostile(shared_data)
    assert len(texts) > 600
    pairs = [(text, "x") for text in texts] if what == "names" else [(f"{n}.txt", text) for n, text in enumerate(texts)]
    asked = [
        calls(*[("write_files", {"files": [{"path": path, "content": text}]}) for path, text in batch])
        for batch in batches(pairs)
    ]
    script = [program("I1"), *asked, WORK]
    codebase, processor = run(script, intact)
    results = [text for _, text in answers(processor, script)]
    refused = sum(text.startswith("error: ") for text in results)
    assert len(results) == len(texts) and all(text.isprintable() for text in (it.split("\n")[0] for it in results))
    assert set(codebase.values()) == {"x", "hello\n"} if what == "names" else refused < 5
    assert refused > 300 if what == "names" else len(codebase) > len(texts) - 5


def test_every_hostile_text_as_title_and_requirement_is_kept_as_it_is(shared_data, intact):
    texts = [text for text in hostile(shared_data) if text.strip()]
    steps = [{"id": f"I{n}", "title": text, "text": text, "covers": [f"R{n}"]} for n, text in enumerate(texts, 1)]
    needed = [{"id": f"R{n}", "text": text} for n, text in enumerate(texts, 1)]
    codebase, _ = run([program(*steps, requirements=needed)], intact, steps=len(texts), plan_only=True)
    assert [it.text for it in codebase.program.requirements] == texts
    assert [it.text for it in codebase.program.instructions] == texts
    assert all("\n" not in it.title for it in codebase.program.instructions)


def test_hostile_titles_summaries_and_contents_make_one_commit_each(shared_data, intact):
    texts = [text for text in hostile(shared_data) if text.strip()][::14]
    steps = [{"id": f"I{n}", "title": text, "text": text, "covers": [f"R{n}"]} for n, text in enumerate(texts, 1)]
    needed = [{"id": f"R{n}", "text": text} for n, text in enumerate(texts, 1)]
    work = [
        calls(write(**{f"f{n}": text}), done(text, evidence=[{"requirement": f"R{n}", "file": f"f{n}"}]))
        for n, text in enumerate(texts, 1)
    ]
    codebase, _ = run([program(*steps, requirements=needed), *work], intact, steps=len(texts))
    assert len(commits(codebase.path)) == len(texts)
    assert list(codebase.values()) == texts


def test_every_hostile_text_as_a_prompt_makes_a_folder_of_plain_letters(shared_data, tmp_path):
    texts = hostile(shared_data)
    for text in texts:
        name = slug(text)
        assert name.replace("-", "").isalnum() and name.isascii()
    for text in [text for text in texts if text.strip()][::40]:
        codebase = generate_codebase(text, processor=ScriptedProcessor(NUMBERED), out=tmp_path / "out")
        assert codebase.complete and codebase.path.parent == tmp_path / "out"
    assert {path.name for path in tmp_path.iterdir()} == {"out"}


def test_hostile_texts_as_the_name_of_a_run_are_a_folder_inside_or_refused(shared_data, intact):
    refused, made = 0, set()
    for text in [text for text in hostile(shared_data) if text][::5]:
        script = ScriptedProcessor(NUMBERED)
        try:
            codebase = generate_codebase("Do it.", name=text, processor=script, out="out", plan_only=True)
        except UsageError as error:
            assert "take one such as snake-game" in str(error) and str(error).isprintable()
            refused += 1
        else:
            made.add(codebase.path)
    assert refused > 50 and len(made) > 10
    assert made == set((intact / "out").iterdir())
