"""Domains: the machine's own, and those that users bring."""

import re
import shutil
from pathlib import Path

import pytest

from l2mac import UsageError, generate_book, resume
from l2mac.assembly import TOOLS, tools_of
from l2mac.domains.domain import NAMES, PROMPTS, QUESTION, Command, load
from l2mac.domains.form import TOOLS as NAMED
from l2mac.domains.form import known_checks
from l2mac.testing import ScriptedProcessor, calls

from ..jobs import done, program, told, write
from ..panel.test_cli import l2mac

SURVEY = Path(__file__).parents[2] / "docs" / "examples" / "survey"
SYSTEM = "name: mine\nprompts: {system: "


def brought(folder, text):
    path = folder / "mine.yaml"
    path.write_text(text)
    return load(str(path))


def test_the_tools_and_checks_that_a_domain_can_name_are_those_that_there_are():
    assert (*NAMED, "complete_instruction") == tuple(it.__name__ for it in TOOLS)
    for name in NAMES:
        domain = load(name)
        assert (
            domain.name == name
            and set(domain.checks) <= set(known_checks())
            and set(domain.prompts) - {QUESTION} == set(PROMPTS)
        )
    assert len(tools_of(load("codebase")).specs) == len(TOOLS)


def test_a_domain_says_only_what_differs_from_the_one_it_is_like(tmp_path):
    (tmp_path / "plan.md").write_text("Plan in $steps steps.\n")
    mine = brought(
        tmp_path, "name: mine\nlike: book\nprompts: {planning: plan.md, system: Write it.}\ntools: [read_files]\n"
    )
    book = load("book")
    assert (mine.checks, mine.exports, mine.shows, mine.measured) == (book.checks, book.exports, "book", True)
    assert mine.prompt("planning", steps=3, reply=1, longest=1) == "Plan in 3 steps." and mine.prompts["split"]
    assert [it.name for it in tools_of(mine).specs] == ["read_files", "complete_instruction"]
    described = [tools_of(it).specs[-1].description for it in (mine, load("codebase"))]
    assert ["tests/test_x.py" in it for it in described] == [False, True] and "the heading" in described[0]
    assert brought(tmp_path, "name: mine\n").checks == ("code",)


def test_the_survey_of_the_documentation_is_a_domain():
    survey = load(str(SURVEY / "survey.yaml"))
    assert isinstance(survey.checks[-1], Command) and "book.references" in survey.checks


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", "is no valid YAML: line 1"),
        ("- a\n", "is no mapping of names to values"),
        ("like: book\n", "lacks name"),
        ("name: book\n", "is named 'book'"),
        ("name: A Book!\n", "is wrong at name: small letters"),
        ("name: mine\ncheks: [python]\n", "is wrong at cheks: there is no such key; did you mean checks?"),
        ("name: mine\nlike: opera\n", "is wrong at like: it must be 'codebase' or 'book'"),
        ("name: mine\ntools: [rm]\n", "is wrong at tools.1: it must be 'list_files'"),
        ("name: mine\nchecks: [cod]\n", "there is no check 'cod'; did you mean code?"),
        ("name: mine\nchecks: [code, code]\n", "code stands there twice"),
        ("name: mine\nchecks: [{name: a}]\n", "lacks checks.1.run"),
        ("name: mine\nexports: [mobi]\n", "is wrong at exports.1: it must be 'epub'"),
        (f"{SYSTEM}nowhere.md}}\n", "prompts.system: nowhere.md can't be read (No such file"),
        (f"{SYSTEM}../x.md}}\n", "prompts.system: ../x.md does not stand beside it"),
        (f"{SYSTEM}/etc/x.md}}\n", "prompts.system: /etc/x.md does not stand beside it"),
        (f"{SYSTEM}'Pay 3 $ now'}}\n", "a $ that begins no variable is written $$"),
        (f"{SYSTEM}'$prompt'}}\n", "there is no variable $prompt; there is $reply"),
        (f"{SYSTEM}''}}\n", "it has 0 characters"),
        ("name: mine\nprompts: {instruction: do it}\n", "prompts.instruction: it must hold $id"),
        ("name: mine\nprompts: {greeting: hello}\n", "is wrong at prompts.greeting"),
        ("a: &a [x]\n" + "".join(f"b{n}: [*a, *a]\n" for n in range(9)), "lacks name"),
        ("#" * 500_001, "is larger than"),
    ],
)
def test_what_is_wrong_with_a_domain_is_said_in_one_line(text, said, tmp_path):
    with pytest.raises(UsageError) as refused:
        brought(tmp_path, text)
    assert said in str(refused.value) and "\n" not in str(refused.value), refused.value


@pytest.mark.parametrize("path", ["no/such.yaml", "folder.yaml", "\0.yaml", "bytes.yml"])
def test_a_domain_that_can_t_be_read_is_refused(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("folder.yaml").mkdir()
    Path("bytes.yml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match=r"can't be read|not UTF-8"):
        load(path)


COMMANDS = """
name: mine
like: book
requirements: false
checks:
  - name: signed
    files: '*.md'
    run: grep -q Anna letter.md || { echo "letter.md lacks a name"; exit 1; }
  - {name: absent, files: '*.tex', run: 'false'}
exports: [html]
"""


def test_commands_judge_and_a_run_keeps_its_domain(tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text(COMMANDS)
    script = [
        program("I1"),
        calls(write(letter_dot_md="Dear Sir."), done()),
        calls(write(letter_dot_md="Dear Sir. Anna"), done()),
    ]
    processor = ScriptedProcessor(script[:2])
    with pytest.raises(AssertionError, match="the script has"):
        generate_book("A letter.", domain=str(mine), name="letter", out=tmp_path, processor=processor)
    mine.unlink()
    processor = ScriptedProcessor(script[2:])
    book = resume(tmp_path / "letter", processor=processor)
    assert book.complete, book.ended
    assert [(it.check, it.outcome) for it in book.reports] == [("signed", "passed"), ("absent", "absent")]
    refused = told(processor.requests[0])[-1]
    assert "refused" in refused and "signed: letter.md lacks a name" in refused
    ran = l2mac("export", book.path, "--format", "pdf")
    assert ran.returncode == 2 and "has no form pdf; choose from html, tape, zip" in ran.stderr


@pytest.mark.parametrize(
    ("run", "ended"),
    [
        ("true", "complete"),
        ("no-such-program --check", "partial"),
        ("sleep 30", "partial"),
        ("kill -9 $$", "partial"),
        ("yes | head -c 3000000; exit 1", "partial"),
        ("printf '\\377'; exit 3", "partial"),
    ],
)
def test_however_a_command_ends_the_run_does(run, ended, tmp_path):
    from l2mac.config import load_settings

    mine = tmp_path / "mine.yaml"
    mine.write_text(f"name: mine\nlike: book\nrequirements: false\nchecks: [{{name: it, run: {run!r}}}]\n")
    said = [calls(write(a_dot_md="A."), done())] + [calls(done())] * 8
    settings = load_settings(flags={"run.turns": 1, "checks.seconds": 0.5})
    book = generate_book(
        "A.", domain=str(mine), out=tmp_path, processor=ScriptedProcessor([program("I1"), *said]), settings=settings
    )
    assert book.ended.outcome == ended, book.ended
    if run.startswith("no-such"):
        assert any("not verified: it: `no-such-program --check` can't be run" in it for it in book.ended.reasons)


def test_the_survey_s_own_check_finds_sections_that_cite_nothing_or_too_much(tmp_path):
    shutil.copytree(SURVEY, tmp_path / "survey")
    from l2mac.checks.report import Scene
    from l2mac.judges import CommandCheck
    from l2mac.sandbox.rungs import open_sandbox

    folder, check = tmp_path / "survey", load(str(SURVEY / "survey.yaml")).checks[-1]
    (folder / "chapters").mkdir()
    found = []
    for text in ("Air is good.", "Air is good [moreau-2019].", "Air is good [moreau-2019], not bad [nobody-1900]."):
        (folder / "chapters" / "01.md").write_text(text)
        scene = Scene({"chapters/01.md": text}, folder)
        found += CommandCheck(check, open_sandbox("auto"), 60).check(scene)
    assert [it.outcome for it in found] == ["failed", "passed", "failed"]
    assert re.search(r"cites no note", found[0].findings[0].text) and "nobody-1900" in found[2].findings[0].text
