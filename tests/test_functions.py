"""Functions: one program for every language, one question, and what a person sees."""

import json
import os
import pty
import select
import subprocess
import sys
import time

import pytest

from l2mac import UsageError, generate_codebase, generate_function, resume
from l2mac.checks.toolchains.recipe import recipes
from l2mac.checks.toolchains.tools import find
from l2mac.config import load_settings
from l2mac.domains.function.languages import languages
from l2mac.errors import ProcessorError
from l2mac.function import language_of
from l2mac.memory.journal import Journal
from l2mac.panel.tapes import export_tape
from l2mac.testing import ScriptedProcessor, calls, says

from .checks.toolchains.conftest import needed, rust_is_where_it_was  # noqa: F401
from .jobs import ADD, TEST_ADD, WRONG_ADD, done, write
from .panel.test_cli import l2mac, playing

WRONG_TEST = TEST_ADD.replace("== 3", "== 4")
DONE = done("add adds.")
RIGHT = calls(write(add_dot_py=ADD, tests__test_add_dot_py=TEST_ADD), DONE)
RED = calls(write(add_dot_py=ADD, tests__test_add_dot_py=WRONG_TEST), DONE)
MENDED = calls(write(tests__test_add_dot_py=TEST_ADD), DONE)


def last(request):
    return request.messages[-1].content


def text(request):
    return "\n".join(it.content for it in request.messages)


def function(script, tmp_path, lang="python", **options):
    processor = ScriptedProcessor(script)
    options = {"out": tmp_path, "name": "adder", **options}
    return generate_function("add two numbers", lang=lang, processor=processor, **options), processor.requests


# -- languages --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("Rust", "rust"),
        ("js", "javascript"),
        ("TS", "typescript"),
        ("c++", "cpp"),
        ("golang", "go"),
        (" C# ", "csharp"),
    ],
)
def test_a_language_is_known_by_its_name_and_its_aliases(asked, name):
    assert language_of(asked).name == name


@pytest.mark.parametrize(
    ("asked", "said"),
    [("rustt", "did you mean rust?"), ("pyton", "did you mean python?"), ("cobl", "did you mean cobol?")],
)
def test_a_misspelt_language_is_refused_with_a_suggestion(asked, said):
    with pytest.raises(UsageError, match=said.replace("?", r"\?")):
        language_of(asked)
    with pytest.raises(UsageError, match="there is no language 'qqq'; there is python, javascript, "):
        language_of("qqq")


def test_every_language_that_has_a_recipe_can_be_asked_for():
    known = {it.toolchain for it in languages()} - {""}
    assert known == {it.name for it in recipes()} - {"make"}, "C and C++ are built by cmake"
    assert len({name for it in languages() for name in (it.name, *it.aliases)}) == sum(
        1 + len(it.aliases) for it in languages()
    )


# -- runs -------------------------------------------------------------------------------------------------------------


def test_a_function_is_complete_when_its_tests_pass_and_one_call_is_enough(tmp_path):
    codebase, [request] = function([RIGHT], tmp_path)
    assert codebase.complete and sorted(codebase) == ["add.py", "tests/test_add.py"]
    opening = text(request)
    assert "A function in Python: add two numbers" in opening and "tests/test_NAME.py" in opening
    assert len(opening) < 2_500, "a small model is to take it in"


def test_a_function_without_tests_is_not_done(tmp_path):
    alone = calls(write(add_dot_py=ADD), DONE)
    codebase, requests = function([alone, RIGHT], tmp_path)
    assert codebase.complete and "no test was run: write tests" in last(requests[1])


def test_functions_are_not_written_by_the_verb_of_codebases():
    with pytest.raises(UsageError, match="l2mac function"):
        generate_codebase("add two numbers", domain="function", processor=ScriptedProcessor([]))
    with pytest.raises(UsageError, match="the explanation is empty"):
        generate_function(" ")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Tests.", "The tests are wrong, not the code. Write them anew, in tests/test_add.py"),
        ("?", "The code is wrong"),
    ],
)
def test_when_tests_fail_it_is_asked_what_is_wrong_and_the_answer_is_passed_on(tmp_path, answer, expected):
    codebase, (_, question, after) = function([RED, says(answer), MENDED], tmp_path)
    assert codebase.complete
    assert not question.tools and len(question.messages) == 1, "a window of its own"
    for part in ("A function in Python: add two numbers", "def add(a, b)", "assert 3 == 4", "one word: code or tests"):
        assert part in last(question)
    assert last(after).startswith(expected)
    assert after.messages[-2].content.startswith("error: completion refused"), "the question is not in this window"


def test_what_is_no_failing_test_is_not_asked_about(tmp_path):
    broken = calls(write(add_dot_py="def add(:\n", tests__test_add_dot_py=TEST_ADD), DONE)
    codebase, requests = function([broken, RIGHT], tmp_path)
    assert codebase.complete and len(requests) == 2


def test_it_is_asked_three_times_at_most(tmp_path):
    wrong = [calls(write(add_dot_py=WRONG_ADD + f"# {at}\n", tests__test_add_dot_py=TEST_ADD)) for at in range(5)]
    script = [step for it in wrong[:3] for step in (it, says("code"))]
    codebase, requests = function([*script, *wrong[3:], RIGHT], tmp_path)
    assert codebase.complete and sum(not it.tools for it in requests) == 3


def test_a_codebase_is_not_asked(tmp_path):
    from .jobs import build, program

    _, processor = build([program("I1"), RED, MENDED], tmp_path)
    assert len(processor.requests) == 3


def test_the_answer_is_recorded_so_that_a_resume_and_a_tape_go_the_same_way(tmp_path):
    with pytest.raises(ProcessorError):
        function([RED, says("tests"), ProcessorError("gone")], tmp_path)
    processor = ScriptedProcessor([MENDED])
    codebase = resume(tmp_path / "adder", processor=processor)
    assert codebase.complete and last(processor.requests[0]).startswith("The tests are wrong")
    journal = Journal(codebase.path / ".l2mac" / "run.db", writable=False)
    tape = export_tape(journal, tmp_path / "tape.jsonl")
    settings = load_settings(flags={"llm.api_type": "tape", "llm.tape": str(tape)})
    again = generate_function("add two numbers", name="again", out=tmp_path, settings=settings)
    assert again.complete and dict(again) == dict(codebase)


def test_it_works_in_text(tmp_path):
    from l2mac.processor.text import TextProtocol

    complete = "```tool complete_instruction\nsummary: add adds.\n```\n"
    first = f"```file add.py\n{ADD}```\n```file tests/test_add.py\n{WRONG_TEST}```\n{complete}"
    second = f"```file tests/test_add.py\n{TEST_ADD}```\n{complete}"
    scripted = ScriptedProcessor([says(first), says("The tests are wrong."), says(second)])
    codebase = generate_function("add two numbers", processor=TextProtocol(scripted), out=tmp_path)
    assert codebase.complete and not any(it.tools for it in scripted.requests)
    assert "```tool" not in last(scripted.requests[1]), "the question needs no manual"
    assert "The tests are wrong, not the code" in last(scripted.requests[2])


# -- other languages --------------------------------------------------------------------------------------------------

RUST = {
    "Cargo.toml": '[package]\nname = "adder"\nversion = "0.1.0"\nedition = "2021"\n',
    "src/lib.rs": "pub fn add(a: i64, b: i64) -> i64 {\n    a - b\n}\n\n#[cfg(test)]\nmod tests {\n"
    "    #[test]\n    fn adds() {\n        assert_eq!(super::add(1, 2), 3);\n    }\n}\n",
}
GO = {
    "go.mod": "module add\n\ngo 1.20\n",
    "add.go": "package add\n\nfunc Add(a, b int) int { return a - b }\n",
    "add_test.go": 'package add\n\nimport "testing"\n\nfunc TestAdd(t *testing.T) {\n\tif Add(1, 2) != 3 {\n'
    '\t\tt.Error("1 + 2")\n\t}\n}\n',
}
JS = {
    "package.json": '{"name": "add", "version": "1.0.0", "type": "module"}\n',
    "src/add.js": "export const add = (a, b) => a - b;\n",
    "test/add.test.js": 'import test from "node:test";\nimport assert from "node:assert/strict";\n'
    'import { add } from "../src/add.js";\ntest("adds", () => assert.equal(add(1, 2), 3));\n',
}


def files(texts):
    return ("write_files", {"files": [{"path": path, "content": text} for path, text in texts.items()]})


@pytest.mark.parametrize(
    ("lang", "texts", "source", "lock"),
    [
        pytest.param("rust", RUST, "src/lib.rs", ["Cargo.lock"], marks=needed("cargo")),
        pytest.param("go", GO, "add.go", [], marks=[needed("go"), pytest.mark.slow]),
        pytest.param("js", JS, "src/add.js", ["package-lock.json"], marks=needed("node", "npm")),
    ],
)
def test_real_tools_judge_it_and_their_lock_is_left_in_the_folder(tmp_path, lang, texts, source, lock):
    mend = calls(files({source: texts[source].replace("a - b", "a + b")}), DONE)
    codebase, requests = function([calls(files(texts), DONE), says("code"), mend], tmp_path, lang)
    assert codebase.complete, codebase.ended
    assert last(requests[2]).startswith(f"The code is wrong, not the tests. Write it anew, in {source}")
    assert sorted(codebase) == sorted([*texts, *lock])
    assert all((codebase.path / it).is_file() for it in lock)


@needed("cargo")
def test_a_lock_that_the_project_does_not_want_is_not_left_in_it(tmp_path):
    texts = {**RUST, "src/lib.rs": RUST["src/lib.rs"].replace("a - b", "a + b"), ".gitignore": "Cargo.lock\n"}
    codebase, _ = function([calls(files(texts), DONE)], tmp_path, "rust")
    assert codebase.complete and "Cargo.lock" not in codebase


def test_without_the_tools_of_its_language_it_is_written_and_unverified(tmp_path):
    if not isinstance(find(next(it for it in recipes() if it.name == "swift")), str):
        pytest.skip("swift is installed here")
    texts = {"Package.swift": "// x\n", "Sources/A/A.swift": "public func a() {}\n"}
    codebase, _ = function([calls(files(texts), DONE)], tmp_path, "swift")
    assert codebase.ended.exit_code == 4 and sorted(codebase) == sorted(texts)
    assert any("swift is not installed: install Swift (https://swift.org" in it for it in codebase.ended.reasons)


@pytest.mark.parametrize(("lang", "path"), [("cobol", "ADD.cob"), ("shell", "add.sh")])
def test_in_a_language_that_no_toolchain_knows_it_is_written_and_unverified(tmp_path, lang, path):
    codebase, [request] = function([calls(files({path: "x\n"}), DONE)], tmp_path, lang)
    assert codebase.ended.exit_code == 4 and list(codebase) == [path]
    [reason] = codebase.ended.reasons
    assert (
        reason == f"not verified: {lang}: there is no toolchain for {language_of(lang).title}: {path} and what else "
        "is in it is written, not checked"
    )
    assert f"NAME.{path[-3:].lstrip('.')}" in text(request)


# -- the command line -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tape(tmp_path_factory):
    folder = tmp_path_factory.mktemp("taped")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("L2MAC_HOME", str(folder / "home"))
        codebase, _ = function([RED, says("tests"), MENDED], folder)
    journal = Journal(codebase.path / ".l2mac" / "run.db", writable=False)
    return export_tape(journal, folder / "tape.jsonl")


def test_the_files_are_shown_and_the_folder_alone_goes_to_standard_output(tape, tmp_path):
    ran = l2mac("function", "add two numbers", "--out", tmp_path, "--name", "adder", *playing(tape))
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == f"{tmp_path / 'adder'}\n"
    assert f"\n── add.py ──\n{ADD}" in ran.stderr and "asked what is wrong: the tests" in ran.stderr
    ran = l2mac("function", "add two numbers", "--out", tmp_path, "--json", *playing(tape))
    events = [json.loads(line) for line in ran.stdout.splitlines()]
    assert next((it["path"], it["text"]) for it in events if it["kind"] == "file") == ("add.py", ADD)
    assert "──" not in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), 'say what the function should do: l2mac function "add two numbers" --lang python'),
        (("add", "--lang", "rusty"), "there is no language 'rusty'; did you mean rust?"),
        (("",), 'the explanation is empty; say what the function should do: l2mac function "add two numbers"'),
    ],
)
def test_wrong_input_is_one_line_and_exit_2(arguments, said):
    done = subprocess.run(
        [sys.executable, "-m", "l2mac", "function", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr, done.stdout) == (2, f"l2mac: {said}\n", "")


def test_on_a_terminal_it_asks_what_the_function_should_do(tape, tmp_path):
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "l2mac", "function", "--out", str(tmp_path), "--name", "adder", *playing(tape)]
    process = subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    seen = b""
    waits = [(b"Explain what the function should do: ", b"add two numbers\n"), (b"[python]: ", b"pyton\n")]
    waits.append((b"did you mean python?\r\nLanguage [python]: ", b"\n"))
    until = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < until:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                seen += os.read(ours, 65_536)
            except OSError:  # nobody holds the other end
                break
        if waits and seen.endswith(waits[0][0]):
            os.write(ours, waits.pop(0)[1])
    printed, _ = process.communicate(timeout=60)
    os.close(ours)
    assert not waits and process.returncode == 0, seen
    assert printed.decode() == f"{tmp_path / 'adder'}\n"
