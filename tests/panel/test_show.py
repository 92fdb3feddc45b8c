"""What `l2mac show` shows of a run."""

import json

import pytest

from l2mac import UsageError, generate_codebase
from l2mac.config import Settings
from l2mac.memory.journal import Journal
from l2mac.panel.plain import plain, yaml_lines
from l2mac.panel.show import Show
from l2mac.program.reading import load
from l2mac.program.values import Instruction, Program, Requirement
from l2mac.testing import ScriptedProcessor, calls, says

from ..jobs import TEST_ADD, WRONG_ADD, build, commits, done, program, write
from .test_cli import ADDING, SHOWN, SUM, l2mac

HOSTILE = [
    *(
        "no",
        "~",
        "1",
        "- a",
        "a: b",
        "# c",
        "'",
        '"',
        "\\",
        "{x",
        "[",
        "&a",
        "!!int 3",
        "%",
        "---",
        "...",
        "a\nb",
        "a\nb\n",
    ),
    *("a\n\nb", "a\nb\n\n", " a\n b", "a\n  b", "a \nb", "a\n \nb", "a\n\tb", "\ta\nb", "a\r\nb", "a\rb"),
    *("a\x85b\nc", "a\u2028b", "a\x00b", "a\x1b[31mb\n", "\ufeffa", "a\n# b\n--- c", "\u202eevil", "🙂\n🙂", "é"),
    *("x\x7f", "| a\n> b", "a\n...\nb", "a\n\n\n"),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with a repaired mistake, a command, an escape sequence, and an instruction that waits for a blocked one."""
    folder = tmp_path_factory.mktemp("shown")
    two = {"id": "I2", "title": "Write sub", "text": "Write sub(a, b).", "covers": ["R2"]}
    three = {"id": "I3", "title": "Use sub", "text": "Use it.", "covers": ["R2"], "needs": ["I2"]}
    script = [
        program(ADDING, two, three, requirements=[SUM, {"id": "R2", "text": "It <b>subtracts</b>."}]),
        calls(write(add_dot_py=WRONG_ADD, tests__test_add_dot_py=TEST_ADD), content="I'll write it.\x1b[2J"),
        calls(("run_command", {"command": "echo hello"})),
        calls(("edit_file", {"path": "add.py", "edits": [{"find": "a - b", "replace": "a + b"}]})),
        calls(done("add(a, b) adds.", evidence=SHOWN)),
        *[says("Hm.")] * 40,
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("L2MAC_HOME", str(folder / "home"))
        codebase, _ = build(script, folder, name="shown")
    return codebase.path


@pytest.fixture
def show(run):
    journal = Journal(run / ".l2mac" / "run.db", writable=False)
    yield Show(journal, "shown").text
    journal.close()


def reloaded(made, folder):
    """A program, born into a run, shown by `show program`, and read by what `--program` uses."""
    codebase = generate_codebase(
        "x", program=made, plan_only=True, steps=1_000, out=folder, name="given", processor=ScriptedProcessor([])
    )
    journal = Journal(codebase.path / ".l2mac" / "run.db", writable=False)
    path = folder / "program.yaml"
    path.write_text(Show(journal, "given").text("program"), encoding="utf-8", newline="")
    journal.close()
    return load(path, 1_000)


def hostile_program(texts):
    told = [text for text in texts if text.strip()]
    instructions = [Instruction(f"I{n}", text, f"{text}", (f"R{n}",), (), (text,)) for n, text in enumerate(told, 1)]
    return Program(tuple(instructions), tuple(Requirement(f"R{n}", text) for n, text in enumerate(told, 1)))


def test_the_program_is_shown_as_the_yaml_that_loads_to_the_same_program(tmp_path):
    made = hostile_program(HOSTILE)
    assert reloaded(made, tmp_path) == made


def test_even_naughty_strings_survive_in_a_program(tmp_path, shared_data):
    made = hostile_program(json.loads((shared_data / "blns" / "blns.json").read_text(encoding="utf-8")))
    assert len(made.instructions) > 200 and reloaded(made, tmp_path) == made


def test_a_text_of_several_lines_stands_in_yaml_as_it_is():
    assert yaml_lines({"text": "First.\n\n  - second\n"}) == ["text: |", "  First.", "", "    - second"]


def test_without_a_what_it_says_what_there_is(show):
    text = show("")
    assert text.startswith("shown: partial, 2 requirements, 2 files\n")
    assert "I1     retired  Write add (4 turns)" in text and "I3     waiting  Use sub (0 turns)" in text
    assert "program, requirements, prompt, settings, files, checks, audit, I0, I1, I2, I3" in text


def test_requirements_are_markdown_with_their_evidence(show):
    text = show("requirements")
    assert text.startswith("# Requirements of shown\n")
    assert "\n1 of 2 requirements shown.\n" in text
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line[:1] == "|"]
    outcome = "passed, and executes it"
    assert rows[2] == ["R1 ✓", "It adds two numbers.", "I1", "add.py:1", "tests/test_add.py::test_add", outcome]
    assert rows[3] == ["R2 ✗", "It \\<b>subtracts\\</b>.", "I2, I3", "", "", "none was given"]
    assert len({len(line) for line in text.splitlines() if line[:1] == "|"}) == 1, "the columns stand in line"


def test_one_requirement_is_shown_in_full(show):
    assert show("R1").startswith("# R1: met\n\nIt adds two numbers.\n\n- covered by: I1 Write add\n")
    assert "- evidence: add.py:1, tests/test_add.py::test_add, passed, and executes it" in show("R1")
    assert show("R2").startswith("# R2: not met\n\nIt \\<b>subtracts\\</b>.") and "R1" not in show("R2")


def test_an_instruction_is_shown_with_its_turns_summary_commit_and_diff(show, run):
    text = show("I1")
    order = [
        "I1 Write add: retired",
        "covers: R1",
        "Write add(a, b) in add.py.",
        "turn 1: wrote add.py",
        "tests failed",
    ]
    order += ["turn 2", "retired:", "hand-over:\nadd(a, b) adds.", f"\ncommit {commits(run)[0][0]}\n"]
    order += ["+++ b/add.py", "+    return a + b"]
    places = [text.index(part) for part in order]
    assert places == sorted(places), text
    assert "No newline" not in text, "the files end in one"


def test_a_turn_shows_files_as_they_are_and_its_checks_in_full(show):
    text = show("I1/1")
    assert (
        "I'll write it." in text and f"── add.py\n{WRONG_ADD}" in text and f"── tests/test_add.py\n{TEST_ADD}" in text
    )
    assert "tests: failed" in text and "assert -1 == 3" in text
    assert show("I1/0/1") == text == show("1/I1/0/1")
    assert "hello" in show("I1/2").split("── command-0 ──")[1]
    assert "-a - b\n+a + b" in show("I1/3")
    assert "evidence:\n  - requirement: R1" in show("I1/4")


def test_nothing_that_a_model_said_steers_the_terminal(show):
    text = show("I1/1")
    assert "\x1b" not in text and "I'll write it.\ufffd[2J" in text
    assert plain("a\r\nb\tc\u202e\x9b") == "a\nb\tc\ufffd\ufffd"


def test_a_blocked_instruction_says_why(show):
    assert "blocked: " in show("I2") and "diff" not in show("I2")


def test_the_newest_checks_and_the_audit_are_shown_in_full(show):
    assert show("checks").startswith("audit at 1/-/0/0/audit\nsyntax: passed\n")
    assert "  passed tests/test_add.py::test_add" in show("checks")
    audit = show("audit")
    assert "partial, exit code 4" in audit and "R2 not shown: none was given" in audit


def test_files_are_listed_with_their_lines(show):
    assert show("files").splitlines() == [
        "     2 add.py",
        "     3 tests/test_add.py",
        "     5 lines of code in 2 files",
    ]


def test_no_key_is_ever_shown(tmp_path):
    llm = {"api_key": "sk-very-secret", "base_url": "https://me:hunter2@example.org/v1", "model": "m"}
    codebase, _ = build([program("I1")], tmp_path, plan_only=True, settings=Settings.model_validate({"llm": llm}))
    shown = l2mac("show", codebase.path, "settings").stdout
    assert 'model: "m"' in shown and "example.org" in shown and "sandbox" in shown
    assert "secret" not in shown and "hunter2" not in shown


def test_arguments_that_cannot_be_read_are_shown_as_they_came(tmp_path):
    broken = ('{"files": [', '{"files": 3}', "[]", '{"files": [{"path": "a"}]}')
    odd = ("edit_file", '{"path": 3, "edits": []}')
    script = [program("I1"), calls(odd, *[("write_files", text) for text in broken]), calls(done())]
    codebase, _ = build(script, tmp_path, name="broken")
    shown = l2mac("show", codebase.path, "I1/1").stdout
    assert all(text in shown for text in broken)


def test_the_forms_for_scripts(run):
    one = json.loads(l2mac("show", run, "I1", "--json").stdout)
    assert (one["id"], one["state"], one["turns"], one["covers"]) == ("I1", "retired", 4, ["R1"])
    assert one["replies"] == ["1/I1/0/1", "1/I1/0/2", "1/I1/0/3", "1/I1/0/4"] and "+    return a + b" in one["diff"]
    asked = json.loads(l2mac("show", run, "requirements", "--json").stdout)
    assert [(it["id"], it["met"], it["covered_by"]) for it in asked] == [
        ("R1", True, ["I1"]),
        ("R2", False, ["I2", "I3"]),
    ]
    piece = {"place": "add.py:1", "test": "tests/test_add.py::test_add", "outcome": "passed, and executes it"}
    assert [it["evidence"] for it in asked] == [[{**piece, "holds": True}], []]
    plan = json.loads(l2mac("show", run, "program", "--json").stdout)
    assert [it["id"] for it in plan["instructions"]] == ["I1", "I2", "I3"]


@pytest.mark.parametrize("what", ["I9", "I1/9", "nothing", "I1/0/9", "/", "I9/1", "--json prompt", "--json I1/1"])
def test_what_does_not_exist_is_one_line_that_says_what_there_is(run, what):
    ran = l2mac("show", run, *what.split())
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.count("\n") == 1 and "I1" in ran.stderr and ran.stderr.startswith("l2mac: ")


def test_before_anything_is_known_it_says_so(tmp_path):
    with pytest.raises(UsageError):
        build([UsageError("stop")], tmp_path, name="early")
    for what in ("program", "requirements", "checks", "audit"):
        ran = l2mac("show", tmp_path / "early", what)
        assert ran.returncode == 2 and "yet; there is: " in ran.stderr, ran
    assert "early: unfinished" in l2mac("show", tmp_path / "early").stdout
