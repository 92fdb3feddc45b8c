"""The whole machine, with only the model replaced."""

import json
from dataclasses import replace

import pytest

from l2mac import UsageError, generate_codebase, load_settings, resume
from l2mac.memory.journal import Journal
from l2mac.panel.story import tell
from l2mac.testing import LoopbackProvider, ScriptedProcessor, calls, says
from l2mac.watcher import Watcher

from .jobs import ADD, TEST_ADD, WRONG_ADD, build, commits, done, events, files, git, program, told, write
from .standard_job import StandardJob

ADDING = {"id": "I1", "title": "Write add", "text": "Write add(a, b) in add.py.", "covers": ["R1"]}
SUM = {"id": "R1", "text": "It adds two numbers."}
SHOWN = [{"requirement": "R1", "file": "add.py", "symbol": "add", "test": "tests/test_add.py::test_add"}]


def test_a_prompt_becomes_checked_files_with_evidence_and_one_commit_for_each_instruction(tmp_path):
    readme = {"id": "I2", "title": "Write the README", "text": "Describe add.", "needs": ["I1"]}
    codebase, processor = build(
        [
            program(ADDING, readme, requirements=[SUM]),
            calls(write(add_dot_py=ADD, tests__test_add_dot_py=TEST_ADD), done("add(a, b) adds.", evidence=SHOWN)),
            calls(write(README_dot_md="# add\n"), done()),
        ],
        tmp_path,
    )
    assert codebase.complete and codebase.ended.exit_code == 0
    assert dict(codebase) == {"add.py": ADD, "tests/test_add.py": TEST_ADD, "README.md": "# add\n"}
    assert {path: text.encode() for path, text in codebase.items()} == files(codebase.path)
    assert [title for _, title in commits(codebase.path)] == ["Write the README", "Write add"]
    assert git(codebase.path, "status", "--porcelain") == ""
    assert [(it.requirement, it.met, it.by) for it in codebase.ended.shown] == [
        ("R1", True, "add.py:1, tests/test_add.py::test_add")
    ]
    assert len(processor.requests) == 3, "a write and its completion in one reply cost one call"
    assert "I1: add(a, b) adds." in processor.requests[2].messages[2].content, "the hand-over note is passed on"


def test_an_instruction_is_not_complete_until_its_tests_pass(tmp_path):
    codebase, processor = build(
        [
            program("I1"),
            calls(write(add_dot_py=WRONG_ADD, tests__test_add_dot_py=TEST_ADD)),
            calls(done()),
            calls(write(add_dot_py=ADD)),
            calls(done()),
        ],
        tmp_path,
    )
    first, refused, mended = told(processor.requests[-1])
    assert first.splitlines()[0] == "checks failed" and "tests/test_add.py::test_add" in first
    assert refused.splitlines()[0] == "error: completion refused: a check fails"
    assert mended.splitlines()[0] == "checks passed"
    assert codebase.complete and codebase["add.py"] == ADD


def test_the_trunk_holds_only_retired_work(tmp_path):
    codebase, _ = build(
        [
            program("I1", "I2"),
            calls(write(good_dot_py=ADD), done()),
            calls(write(bad_dot_py="def broken(:\n")),
            *[calls(done())] * 23,
        ],
        tmp_path,
    )
    assert list(files(codebase.path)) == ["good.py"]
    assert codebase.ended.exit_code == 4 and not codebase.complete
    assert any(reason.startswith("I2 Do I2: blocked") for reason in codebase.ended.reasons)


@pytest.mark.parametrize(
    "reply",
    [
        calls(
            write(a_dot_py="import nothing_like_this\n", test_a_dot_py="import a\n\n\ndef test_a():\n    assert a\n")
        ),
        says("I am done, everything works."),
        calls(done("All tests pass.")),
        calls(("read_files", {"requests": [{"path": "a.py"}]})),
        calls(("no_such_tool", {})),
        calls(("write_files", "{not json")),
        says(""),
    ],
    ids=[
        "always fails",
        "always talks",
        "completes falsely",
        "reads for ever",
        "invents tools",
        "babbles",
        "is silent",
    ],
)
def test_a_model_that_never_gets_on_ends_by_itself_with_4_and_the_reason(tmp_path, reply):
    broken = calls(write(b_dot_py="def broken(:\n"))
    codebase, processor = build([program("I1"), broken, *[reply] * 40], tmp_path)
    assert codebase.ended.exit_code == 4
    assert codebase.ended.reasons[0].startswith("I1 Do I1: blocked: not done after")
    assert len(processor.requests) <= 26
    assert files(codebase.path) == {}


def test_a_blocked_instruction_stops_only_those_that_need_it(tmp_path):
    one, two, three = (
        {"id": "I1", "title": "One", "text": "One."},
        {"id": "I2", "title": "Two", "text": "Two.", "needs": ["I1"]},
        {"id": "I3", "title": "Three", "text": "Three."},
    )
    talk = [says("I would rather not.")] * 23
    codebase, _ = build([program(one, two, three), *talk, calls(write(c_dot_txt="c"), done())], tmp_path)
    assert list(codebase) == ["c.txt"]
    assert [reason.split(":")[0] for reason in codebase.ended.reasons] == ["I1 One", "I2 Two"]
    assert "it needs I1" in codebase.ended.reasons[1]


def test_what_a_model_gets_wrong_comes_back_to_it_as_text(tmp_path):
    codebase, processor = build(
        [
            program("I1"),
            calls(
                write(**{"..__escape_dot_txt": "no"}),
                ("nope", {}),
                ("write_files", {"files": [{"path": 3}]}),
                ("write_files", '{"files": ['),
                write(ok_dot_txt="yes"),
            ),
            calls(done()),
        ],
        tmp_path,
    )
    results = told(processor.requests[-1])
    assert all(result.startswith("error: ") for result in results[:4])
    assert results[4].splitlines()[0] == "checks passed"
    assert codebase.complete and files(codebase.path) == {"ok.txt": b"yes"}
    assert not (tmp_path / "escape.txt").exists()


def test_files_are_kept_to_the_byte(tmp_path):
    odd = "no newline at the end\r\n\ttab \u00e9 \U0001f40d\ufeff  "
    codebase, _ = build([program("I1"), calls(write(odd_dot_txt=odd), done())], tmp_path)
    assert (codebase.path / "odd.txt").read_bytes() == odd.encode()
    assert git(codebase.path, "status", "--porcelain") == ""


def test_a_completion_beside_a_call_that_failed_is_refused(tmp_path):
    _, processor = build(
        [program("I1"), calls(write(**{"__bad": ""}), done()), calls(write(a_dot_txt=""), done())], tmp_path
    )
    assert told(processor.requests[-1])[1].startswith("error: completion refused: another call")


def test_a_requirement_without_evidence_is_asked_for_and_in_the_end_named(tmp_path):
    bare = calls(done())
    wrong = calls(done(evidence=[{"requirement": "R1", "file": "nowhere.py"}]))
    codebase, processor = build(
        [program(ADDING, requirements=[SUM]), calls(write(add_dot_py=ADD), done()), wrong, bare], tmp_path
    )
    results = told(processor.requests[-1])
    assert "R1 has no evidence" in results[1]
    assert "there is no file nowhere.py" in results[2]
    assert codebase.ended.exit_code == 4
    assert codebase.ended.reasons == ("R1 has no evidence: none was given",)


def test_an_instruction_that_has_changed_nothing_passes_with_evidence_only(tmp_path):
    shown = [{"requirement": "R1", "file": "add.py", "symbol": "add", "test": "tests/test_add.py::test_add"}]
    bare, late = calls(done()), calls(write(add_dot_py=ADD, tests__test_add_dot_py=TEST_ADD), done(evidence=shown))
    codebase, processor = build(
        [program(ADDING, requirements=[SUM]), bare, calls(done("Again.")), calls(done("And again.")), late], tmp_path
    )
    assert all("R1 has no evidence" in it for it in told(processor.requests[-1]))
    assert len(told(processor.requests[-1])) == 3 and codebase.complete


def test_a_test_gives_way_to_one_that_executes_the_same_lines(tmp_path):
    both = "from add import add\n\n\ndef test_sum():\n    assert add(2, 2) == 4\n"
    idle = "import add\n\n\ndef test_sum():\n    assert add.add\n"
    explained = done(test_changes=[{"test": "tests/test_add.py::test_add", "reason": "renamed"}])
    codebase, processor = build(
        [
            program("I1", "I2"),
            calls(write(add_dot_py=ADD, tests__test_add_dot_py=TEST_ADD), done()),
            calls(write(tests__test_add_dot_py=idle), explained),
            calls(explained),
            calls(write(tests__test_add_dot_py=both), explained),
        ],
        tmp_path,
    )
    refused = told(processor.requests[-1])
    assert len(refused) == 3 and all("test_add passed before and is gone" in it for it in refused[1:])
    assert codebase.complete and "test_sum" in codebase["tests/test_add.py"]
    assert len([kind for (kind,) in events(codebase.path, "kind") if kind == "covered"]) == 4


def test_a_test_that_passes_but_does_not_execute_what_it_is_to_show_is_no_evidence(tmp_path):
    idle = "import add\n\n\ndef test_add():\n    assert add.add\n"
    codebase, processor = build(
        [
            program(ADDING, requirements=[SUM]),
            calls(write(add_dot_py=ADD, tests__test_add_dot_py=idle), done(evidence=SHOWN)),
            calls(write(tests__test_add_dot_py=TEST_ADD), done()),
        ],
        tmp_path,
    )
    test = "tests/test_add.py::test_add"
    assert f"the test {test} passes and executes no line of add" in told(processor.requests[-1])[-1]
    assert codebase.complete and codebase.ended.shown[0].by == f"add.py:1, {test}"


def test_a_test_that_passed_may_not_be_lost_or_weakened(tmp_path):
    weak = "def test_add():\n    pass\n"
    codebase, processor = build(
        [
            program("I1", "I2"),
            calls(write(add_dot_py=ADD, tests__test_add_dot_py=TEST_ADD), done()),
            calls(("delete_files", {"paths": ["tests/test_add.py"]}), done()),
            calls(
                write(tests__test_add_dot_py=weak),
                done(test_changes=[{"test": "tests/test_add.py::test_add", "reason": "x"}]),
            ),
            calls(write(tests__test_add_dot_py=TEST_ADD, more_dot_txt="more"), done()),
        ],
        tmp_path,
    )
    results = told(processor.requests[-1])
    assert "tests/test_add.py::test_add passed before and is gone" in results[1]
    assert "had 1 assertions and has 0 now" in results[3]
    assert codebase.complete and codebase["tests/test_add.py"] == TEST_ADD


def test_a_lint_finding_refused_twice_while_all_tests_pass_becomes_advice_and_is_recorded(tmp_path):
    stubborn = "class A:\n    pass\n\n\ndef value():\n    return A().missing\n"
    codebase, processor = build(
        [program("I1"), calls(write(a_dot_py=stubborn), done()), calls(done()), calls(done())], tmp_path
    )
    assert told(processor.requests[-1])[1].startswith("error: completion refused")
    assert codebase.complete
    retired = next(line for line in events(codebase.path, "kind", "address") if line[0] == "retired")
    journal = Journal(codebase.path / ".l2mac" / "run.db", writable=False)
    waived = json.loads(journal._blob(retired[1]))["waived"]
    journal.close()
    assert len(waived) == 1 and "E1101" in waived[0]


def test_a_command_runs_in_the_lane_and_what_it_made_enters_the_transaction(tmp_path):
    command = "printf made > made.txt; mkdir -p __pycache__; touch __pycache__/x.pyc; cat a.txt; exit 3"
    codebase, processor = build(
        [program("I1"), calls(write(a_dot_txt="hello"), ("run_command", {"command": command})), calls(done())], tmp_path
    )
    result = told(processor.requests[-1])[1]
    assert result.splitlines()[:5] == ["ok", "exit code 3", "wrote made.txt", "```", "hello"]
    assert files(codebase.path) == {"a.txt": b"hello", "made.txt": b"made"}


def test_tests_can_be_run_by_name_and_all_together(tmp_path):
    both = write(
        add_dot_py=ADD, tests__test_add_dot_py=TEST_ADD, tests__test_b_dot_py="def test_b():\n    assert False\n"
    )
    _, processor = build(
        [
            program("I1"),
            calls(both),
            calls(("run_tests", {"paths": ["tests/test_add.py::test_add"]}), ("run_tests", {})),
            calls(("delete_files", {"paths": ["tests/test_b.py"]}), done()),
        ],
        tmp_path,
    )
    named, whole = told(processor.requests[-1])[1:]
    assert named.splitlines()[0] == "checks passed" and "1 passed" in named
    assert whole.splitlines()[0] == "checks failed" and "tests/test_b.py::test_b" in whole


def test_no_tests_leaves_syntax_and_lint_on(tmp_path):
    codebase, processor = build(
        [
            program("I1"),
            calls(write(a_dot_py="print(undefined)\n", test_a_dot_py="def test_a():\n    assert False\n"), done()),
            calls(write(a_dot_py="print(1)\n"), done()),
        ],
        tmp_path,
        run_tests=False,
    )
    assert "E0602" in told(processor.requests[-1])[1]
    assert codebase.complete and "test_a.py" in codebase


def test_what_was_cut_is_never_written(tmp_path):
    cut = replace(calls(write(a_dot_txt="whole"), write(b_dot_txt="half")), ending="cut")
    codebase, processor = build([program("I1"), cut, calls(done())], tmp_path)
    results = told(processor.requests[-1])
    assert results[0].splitlines()[0] == "checks passed"
    assert results[1].startswith("error: your reply was cut")
    assert list(codebase) == ["a.txt"]


def test_a_spent_budget_ends_with_5_on_a_green_trunk_and_goes_on_when_raised(tmp_path):
    tight = load_settings(changes=["budget.calls=2"])
    codebase, _ = build([program("I1", "I2"), calls(write(a_dot_txt="a"), done())], tmp_path, settings=tight)
    assert codebase.ended.exit_code == 5 and list(codebase) == ["a.txt"]
    assert "--set budget.calls=N" in codebase.ended.reasons[0]
    more = load_settings(changes=["budget.calls=3"])
    resumed = resume(codebase.path, settings=more, processor=ScriptedProcessor([calls(write(b_dot_txt="b"), done())]))
    assert resumed.complete and list(resumed) == ["a.txt", "b.txt"]
    assert [kind for (kind,) in events(codebase.path, "kind")].count("epoch") == 1


def test_a_name_that_exists_gets_a_number(tmp_path):
    script = [program("I1"), calls(write(a_dot_txt="a"), done())]
    names = [build(script, tmp_path, name="snake")[0].path.name for _ in range(2)]
    assert names == ["snake", "snake-2"]


def test_edits_of_the_user_are_adopted_and_never_overwritten(tmp_path):
    folder = tmp_path / "run"

    def edit(event):
        if event.kind == "committed" and not (folder / "mine.txt").exists():
            (folder / "a.txt").write_text("mine")
            (folder / "mine.txt").write_text("mine too")

    codebase, processor = build(
        [
            program("I1", "I2"),
            calls(write(a_dot_txt="a", z_dot_txt="z"), done()),
            calls(("read_files", {"requests": [{"path": "a.txt"}]}), write(b_dot_txt="b"), done()),
        ],
        tmp_path,
        name="run",
        watcher=Watcher(event=edit),
    )
    assert files(folder) == {"a.txt": b"mine", "b.txt": b"b", "mine.txt": b"mine too", "z.txt": b"z"}
    assert [title for _, title in commits(folder)] == ["Do I2", "Adopt the user's changes", "Do I1"]
    assert "mine.txt" in processor.requests[2].messages[2].content
    assert git(folder, "status", "--porcelain") == "" and codebase.complete


def test_what_the_user_wrote_last_is_judged_too(tmp_path):
    folder = tmp_path / "run"

    def edit(event):
        if event.kind == "retired":
            (folder / "a.txt").write_text("mine")
            (folder / "test_mine.py").write_text("def test_mine():\n    assert False\n")

    script = [program("I1"), calls(write(a_dot_txt="a"), done())]
    codebase, _ = build(script, tmp_path, name="run", watcher=Watcher(event=edit))
    assert not codebase.complete and codebase.ended.exit_code == 4
    assert any("test_mine.py::test_mine" in reason for reason in codebase.ended.reasons)
    assert codebase["a.txt"] == "mine" and files(folder)["a.txt"] == b"mine"
    assert git(folder, "status", "--porcelain") == ""


def test_a_resume_remembers_how_the_model_was_reached(tmp_path):
    with LoopbackProvider(StandardJob(2, one_reply=True)) as provider:
        named = load_settings(changes=[f"llm.base_url={provider.base_url}", "llm.model=loopback", "llm.window=20000"])
        key = {"llm": named.llm.model_copy(update={"api_key": provider.api_key})}
        codebase = generate_codebase("x", out=tmp_path, settings=named.model_copy(update=key), plan_only=True)
        bare = load_settings(changes=[f"llm.api_key={provider.api_key}"])
        assert resume(codebase.path, settings=bare).complete
        assert provider.refused == []
    journal = Journal(codebase.path / ".l2mac" / "run.db", writable=False)
    assert all(provider.api_key.encode() not in journal.payload(event) for event in journal.events())
    assert [event.kind for event in journal.events()].count("opened") == 1
    journal.close()


def test_a_refused_completion_is_told_in_the_story(tmp_path):
    bare = calls(done())
    codebase, _ = build(
        [program(ADDING, requirements=[SUM]), calls(write(add_dot_py=ADD), done()), bare, bare], tmp_path
    )
    journal = Journal(codebase.path / ".l2mac" / "run.db", writable=False)
    story = [line for event in journal.events() for line in tell(event, journal)]
    journal.close()
    assert sum("refused: R1 has no evidence" in line for line in story) == 2


def test_a_complete_run_is_resumed_to_itself(tmp_path):
    codebase, _ = build([program("I1"), calls(write(a_dot_txt="a"), done())], tmp_path)
    before = events(codebase.path)
    again = resume(codebase.path, processor=ScriptedProcessor([]))
    assert again == codebase and again.complete and events(codebase.path) == before


def test_an_empty_prompt_is_refused_and_leaves_nothing(tmp_path):
    with pytest.raises(UsageError, match="the prompt is empty"):
        generate_codebase("  \n", out=tmp_path, processor=ScriptedProcessor([]))
    assert list(tmp_path.iterdir()) == []


def test_a_second_process_on_the_same_run_is_refused(tmp_path):
    codebase, _ = build([program("I1")], tmp_path, plan_only=True)
    journal = Journal(codebase.path / ".l2mac" / "run.db")
    try:
        with pytest.raises(UsageError, match="another process is at work"):
            resume(codebase.path, processor=ScriptedProcessor([]))
    finally:
        journal.close()
