"""Commands that an instruction declares: it is done when they end well, and the audit runs them again."""

import pytest

from l2mac import Instruction, Program, UsageError
from l2mac.memory.journal import Journal
from l2mac.panel.show import Show
from l2mac.program.patch import patched
from l2mac.program.reading import load
from l2mac.program.values import Change, Patch
from l2mac.testing import calls

from .jobs import ADD, WRONG_ADD, build, done, files, program, told, write

SAYS_THREE = "python -c 'import add; print(add.add(1, 2)); raise SystemExit(add.add(1, 2) != 3)'"


def given(*commands):
    return Program((Instruction("I1", "Write add", "Write add(a, b).", acceptance=commands),))


def test_an_instruction_is_done_when_its_commands_end_well(tmp_path):
    leaves = "echo left > left.txt && test -f add.py"
    script = [calls(write(add_dot_py=WRONG_ADD), done()), calls(write(add_dot_py=ADD), done())]
    codebase, processor = build(script, tmp_path, program=given(SAYS_THREE, leaves))
    assert f"exit code 0:\n- {SAYS_THREE}\n- {leaves}" in processor.requests[0].messages[2].content
    refused = told(processor.requests[1])[-1]
    assert refused.startswith("error: completion refused: a check fails\nchecks failed\n")
    assert f"acceptance: `{SAYS_THREE}`: exit code 1" in refused and "\n-1\n" in refused
    assert codebase.complete and codebase.reports[-1].check == "acceptance"
    assert codebase.reports[-1].outcome == "passed"
    assert files(codebase.path) == {"add.py": ADD.encode()}, "what they leave is not taken in"


def test_a_command_that_is_not_here_leaves_the_run_unverified(tmp_path):
    codebase, _ = build([calls(write(add_dot_py=ADD), done())], tmp_path, program=given("no-such-tool --check"))
    assert codebase.ended.exit_code == 4
    assert "not verified: acceptance: `no-such-tool --check` can't be run here" in codebase.ended.reasons[0]


def test_the_pieces_of_an_instruction_are_accepted_as_the_whole_was():
    pieces = (Instruction("a", "a", "a", acceptance=("true",)), Instruction("b", "b", "b"))
    cut = patched(given(SAYS_THREE), Patch((Change("split", "I1", instructions=pieces),)))
    assert [it.acceptance for it in cut.instructions] == [("true",), (SAYS_THREE,)]


def test_a_program_file_declares_commands_and_show_gives_them_back(tmp_path):
    (tmp_path / "plan.yaml").write_text("instructions:\n- {text: Write add., acceptance: [test -f add.py, 'true']}\n")
    codebase, _ = build([], tmp_path, program=tmp_path / "plan.yaml", plan_only=True)
    journal = Journal(codebase.path / ".l2mac" / "run.db", writable=False)
    (tmp_path / "again.yaml").write_text(Show(journal, "given").text("program"))
    journal.close()
    assert load(tmp_path / "again.yaml", 9) == codebase.program
    assert codebase.program.instructions[0].acceptance == ("test -f add.py", "true")


@pytest.mark.parametrize("command", ["", "  ", "a\0b"])
def test_a_command_that_is_none_is_refused(command, tmp_path):
    with pytest.raises(UsageError, match="I1 has an empty command in acceptance"):
        build([], tmp_path, program=given(command))


def test_a_plan_may_declare_commands(tmp_path):
    step = {"id": "I1", "title": "Add", "text": "Write add.", "acceptance": [SAYS_THREE]}
    codebase, _ = build([program(step), calls(write(add_dot_py=ADD), done())], tmp_path)
    assert codebase.complete and codebase.program.instructions[0].acceptance == (SAYS_THREE,)
