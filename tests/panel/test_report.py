"""The report: one page, safe to open, that says what happened."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from l2mac import generate_codebase
from l2mac.control.state import state
from l2mac.memory.journal import Journal
from l2mac.panel.report import page
from l2mac.panel.report import write_report as write_page
from l2mac.program.values import Instruction, Program, Requirement
from l2mac.testing import ScriptedProcessor, calls, says

from ..jobs import build, done, program, write
from ..standard_job import StandardJob
from ..test_into import repository
from .test_cli import ADDING, JOB, SUM, l2mac, playing

__all__ = ["repository"]  # a fixture

VOID = {"meta", "br", "hr", "img", "input", "link", "base", "area", "embed", "source", "track", "wbr", "col"}
ALLOWED = {
    *("html", "head", "meta", "title", "style", "body", "main", "header", "footer", "section", "h1", "h2", "h3", "p"),
    *("strong", "span", "b", "ul", "ol", "li", "dl", "div", "dt", "dd", "blockquote", "table", "caption", "thead"),
    *("tbody", "tr", "th", "td", "svg", "g", "rect", "path", "details", "summary", "time", "code"),
}
HOSTILE = [
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</title></style></td></table><iframe src='https://example.org'>",
    "&lt;b&gt; &amp; <!-- x",
    "\u202eevil\u2066 \x1b[31m \x00 \u200f",
    "$title ${body} $$",
]


class Page(HTMLParser):
    """A page whose elements must all be closed, in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.texts, self.rows, self.source = [], set(), [], [], [], text
        self.feed(text)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, name, attributes):
        self.tags.add(name)
        self.attributes += [(name, key, value or "") for key, value in attributes]
        if name not in VOID:
            self.open.append(name)

    def handle_endtag(self, name):
        assert self.open and self.open.pop() == name, f"</{name}> closes nothing"

    def handle_data(self, text):
        if self.open[-1:] != ["style"]:
            self.texts.append(text)

    def handle_comment(self, text):
        raise AssertionError(f"a comment: {text}")

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


def report(folder):
    """The report of a run, parsed, once all that holds of every report is seen to hold."""
    journal = Journal(Path(folder) / ".l2mac" / "run.db", writable=False)
    source = page(journal, state(journal))
    assert source == page(journal, state(journal)), "the same journal gives the same page"
    journal.close()
    assert len(source.encode()) < 1_000_000
    parsed = Page(source)
    assert parsed.tags <= ALLOWED, parsed.tags - ALLOWED
    for _, key, value in parsed.attributes:
        assert key not in ("src", "href", "style", "srcset", "action") and not key.startswith("on"), (key, value)
    assert "url(" not in source.split("<style>")[1].split("</style>")[0] and "@import" not in source
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", source)
    return parsed


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reported")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("L2MAC_HOME", str(folder / "home"))
        codebase, _ = build(JOB, folder, name="adder")
    return codebase.path


def test_a_complete_run_is_told_from_its_outcome_to_its_files(finished):
    text = report(finished).text
    for part in (
        "adder complete exit code 0",
        "1 of 1 done",
        "1 of 1 shown",
        "Do something small.",
        "I1 Write add done",
        "R1 It adds two numbers. met I1 add.py:1, tests/test_add.py::test_add",
        "2 of 3 passed",
        "wrote add.py, tests/test_add.py",
        "retired: add(a, b) adds.",
        "tests/test_add.py 3",
    ):
        assert part in text, f"{part} is not in {text}"
    assert "Worth knowing" not in text, "there is nothing to know"


def test_the_policy_forbids_scripts_and_whatever_would_be_loaded(finished):
    parsed = report(finished)
    policy = next(value for name, key, value in parsed.attributes if value.startswith("default-src"))
    style = parsed.source.split("<style>")[1].split("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def test_every_table_and_chart_can_be_read_aloud(finished):
    parsed = report(finished)
    assert parsed.source.count("<table>") == parsed.source.count("<caption>") == 3
    assert parsed.source.count('scope="col"') == 9 + 5 + 3
    charts = re.findall(r"<svg[^>]*>(.{7})", parsed.source)
    assert charts and set(charts) == {"<title>"} and parsed.source.count('role="img"') == len(charts)


def test_nothing_that_a_run_says_becomes_markup(tmp_path):
    numbered = [(n, text) for n, text in enumerate(HOSTILE, 1)]
    steps = [{"id": f"I{n}", "title": text, "text": text, "covers": [f"R{n}"]} for n, text in numbered]
    script = [program(*steps, requirements=[{"id": f"R{n}", "text": text} for n, text in numbered])]
    for n, text in numbered:
        shown = done(text, evidence=[{"requirement": f"R{n}", "file": f"f{n}.txt"}])
        script.append(calls(write(**{f"f{n}_dot_txt": text}), shown, content=text))
    codebase = generate_codebase(
        "\n".join(HOSTILE), processor=ScriptedProcessor(script), out=tmp_path, name="hostile", run_tests=False
    )
    text = report(codebase.path).text
    assert "6 of 6 done" in text and all(f"I{n}" in text for n, _ in numbered)
    assert text.count("</script><script>alert(1)</script>") >= 5, "in prompt, title, requirement, reply and summary"
    assert "<img src=x onerror=alert(1)>" in text
    assert "\ufffdevil\ufffd" in text and "$title ${body} $$" in text


def test_naughty_strings_become_no_markup_either(tmp_path, shared_data):
    naughty = json.loads((shared_data / "blns" / "blns.json").read_text(encoding="utf-8"))
    made = [Instruction(f"I{n}", it, it, (f"R{n}",)) for n, it in enumerate(naughty, 1) if it.strip()]
    plan = Program(tuple(made), tuple(Requirement(it.covers[0], it.text) for it in made))
    prompt = "\n".join(naughty)
    codebase = generate_codebase(
        prompt, program=plan, plan_only=True, steps=400, out=tmp_path, name="n", processor=ScriptedProcessor([])
    )
    parsed = report(codebase.path)
    assert all(it.id in parsed.text for it in made) and "<script>alert(123)</script>" in parsed.text


def test_a_blocked_run_says_what_is_missing_and_unfolds_it(tmp_path):
    other = {"id": "I2", "title": "Use add", "text": "x", "needs": ["I1"]}
    codebase, _ = build([program(ADDING, other, requirements=[SUM]), *[says("Hm.")] * 40], tmp_path, name="stuck")
    parsed = report(codebase.path)
    assert "stuck partial exit code 4" in parsed.text and "I2 Use add: not begun, it needs I1" in parsed.text
    assert (
        "I1 Write add blocked" in parsed.text
        and "I2 Use add waiting" in parsed.text
        and "R1 has no evidence" in parsed.text
    )
    assert re.findall(r'<details open=""><summary><b>(\w+)', parsed.source) == ["I1"]


def test_a_run_that_only_planned_or_did_not_even_do_that_has_a_report(tmp_path):
    build([program(ADDING, requirements=[SUM])], tmp_path, name="planned", plan_only=True)
    text = report(tmp_path / "planned").text
    assert "unfinished compiled, nothing executed yet" in text and "R1 It adds two numbers. open" in text
    with pytest.raises(Exception, match="interrupted"):
        build([KeyboardInterrupt()], tmp_path, name="nothing")
    assert "unfinished no program yet" in report(tmp_path / "nothing").text


def test_what_was_tolerated_and_which_tests_were_changed_is_worth_knowing(tmp_path, repository):
    gone = [{"test": "tests/test_add.py::test_add", "reason": "It moves <elsewhere>."}]
    step = {"id": "I1", "title": "Drop", "text": "Remove tests/test_add.py::test_add, which tests nothing."}
    dropped = calls(("delete_files", {"paths": ["tests/test_add.py"]}), done(test_changes=gone))
    codebase, _ = build([program(step), dropped, calls(done(test_changes=gone))], tmp_path, into=repository, name="m")
    text = report(codebase.path).text
    assert "Failed before the run, and still fails" in text and "tests/test_old.py::test_old" in text
    assert "Accepted changes of tests I1: tests/test_add.py::test_add: It moves <elsewhere>." in text


def test_a_tape_is_named_as_a_tape_and_tests_that_were_off_as_off(tmp_path, finished):
    l2mac("export", finished, "--format", "tape", "--to", tmp_path / "t.jsonl")
    l2mac("Add.", "--out", tmp_path, "--name", "played", "--no-tests", *playing(tmp_path / "t.jsonl"))
    text = report(tmp_path / "played").text
    assert "tape adder: recorded replies, no model is asked" in text and "Tests off: only syntax and lint" in text


def test_a_long_story_and_a_large_program_are_cut_with_a_note(tmp_path):
    chatter = [calls(write(**{f"file_{n}_{k}": "x" for k in range(60)})) for n in range(16)]
    made = [Instruction(f"I{n}", f"{n} {'long ' * 400}", "x" * 5_000) for n in range(1, 1_001)]
    script = [*chatter, KeyboardInterrupt()]
    with pytest.raises(Exception, match="interrupted"):
        generate_codebase(
            "p" * 100_000, program=Program(tuple(made)), processor=ScriptedProcessor(script), steps=1_000, out=tmp_path,
            name="long", run_tests=False,
        )  # fmt: skip
    text = report(tmp_path / "long").text
    assert "The first 300 of 1,000 are shown." in text and "`l2mac show RUN prompt`" in text


def test_the_story_of_one_instruction_is_cut_in_its_middle(tmp_path):
    noted = [calls(*[("run_command", {"command": f"echo {n}-{k}"}) for k in range(9)]) for n in range(10)]
    codebase, _ = build([program("I1"), *noted, calls(write(a_dot_txt="a"), done("The end."))], tmp_path, name="long")
    text = report(codebase.path).text
    assert "cut here; `l2mac log long` tells all of it" in text
    assert "echo 0-0" in text and "echo 7-4" not in text and "retired: The end." in text


@pytest.mark.slow
def test_fifty_instructions_fit_on_a_page(tmp_path):
    job = StandardJob(50, one_reply=True)

    def answer(request):
        messages = [{"role": it.role, "content": it.content} for it in request.messages]
        return job({"messages": messages, "tools": [{"function": {"name": it.name}} for it in request.tools]})

    processor = ScriptedProcessor([answer] * 60)
    codebase = generate_codebase("Fifty modules.", processor=processor, out=tmp_path, name="fifty", run_tests=False)
    parsed = report(codebase.path)
    assert all(f"I{n} Write module {n} done" in parsed.text for n in range(1, 51))
    assert len(re.findall("<details", parsed.source)) == 53 and "51 calls" in parsed.text


def test_the_verb_prints_the_path_and_loses_no_file(finished):
    assert l2mac("report", finished).stdout == "adder.html\n"
    assert l2mac("report", finished).stdout == "adder-2.html\n"
    Page(Path("adder.html").read_text(encoding="utf-8"))
    ran = l2mac("report", finished, "--to", "nowhere/x.html")
    assert ran.returncode == 2 and ran.stderr.count("\n") == 1
    journal = Journal(finished / ".l2mac" / "run.db", writable=False)
    assert write_page(journal, "adder.html") == Path("adder.html")
    journal.close()
