"""Whole runs in other languages than Python."""

import shutil

import pytest

from l2mac import Instruction, Program, generate_codebase
from l2mac.checks.toolchains.recipe import recipes
from l2mac.checks.toolchains.tools import find
from l2mac.control.state import state
from l2mac.memory.journal import Journal
from l2mac.panel.table import rendered
from l2mac.panel.views import status
from l2mac.testing import ScriptedProcessor, calls

PROGRAM = Program((Instruction("I1", "Sum", "Write sum.js and its test."),))
TEST = (
    'import test from "node:test";\nimport assert from "node:assert";\nimport { sum } from "../sum.js";\n'
    'test("adds", () => { assert.equal(sum(1, 2), 3); });\n'
)
FILES = [
    {"path": "package.json", "content": '{"name": "demo", "version": "1.0.0", "type": "module"}\n'},
    {"path": "sum.js", "content": "export const sum = (a, b) => a - b;\n"},
    {"path": "test/sum.test.js", "content": TEST},
]
RIGHT = {"path": "sum.js", "content": "export const sum = (a, b) => a + b;\n"}
DONE = calls(("complete_instruction", {"summary": "sum adds."}))


def last(request):
    return request.messages[-1].content


@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed here")
def test_a_run_in_javascript_is_retired_when_its_tests_pass():
    seen = []

    def complete(request):
        seen.append(last(request))
        return DONE

    def mend(request):
        seen.append(last(request))
        return calls(("write_files", {"files": [RIGHT]}))

    def command(request):
        seen.append(last(request))
        return calls(
            ("run_command", {"command": "node -e 'import(\"./sum.js\").then(it => console.log(it.sum(2, 3)))'"})
        )

    processor = ScriptedProcessor([calls(("write_files", {"files": FILES})), mend, command, complete])
    codebase = generate_codebase("A sum.", program=PROGRAM, processor=processor)
    assert codebase.complete
    assert seen[0].startswith("checks failed") and "test/sum.test.js:4: test/sum.test.js::adds" in seen[0]
    assert seen[1].startswith("checks passed") and "tests 1 passed" in seen[1]
    assert seen[2].startswith("ok") and "\n5\n" in seen[2]
    [tests] = [it for it in codebase.reports if it.check == "tests"]
    assert tests.passed == ("test/sum.test.js::adds",)
    assert sorted(codebase) == sorted([*(it["path"] for it in FILES), "package-lock.json"])
    journal = Journal(codebase.path / ".l2mac" / "run.db", writable=False)
    told = status(state(journal))
    assert told["saved_seconds"] > 0, "the verdict judged what had been judged after the write"
    assert "s of builds and tests saved" in rendered(told | {"working": False})


def test_a_language_whose_tools_are_missing_is_written_and_unverified():
    swift = next(it for it in recipes() if it.name == "swift")
    if not isinstance(find(swift), str):
        pytest.skip("swift is installed here")
    files = [{"path": "Package.swift", "content": "// x\n"}, {"path": "Sources/A.swift", "content": "let a = 1\n"}]
    program = Program((Instruction("I1", "A", "Write it."),))
    written = ("write_files", {"files": files})
    processor = ScriptedProcessor([calls(written, ("complete_instruction", {"summary": "a"}))])
    codebase = generate_codebase("A.", program=program, processor=processor)
    assert not codebase.complete and codebase.ended.exit_code == 4
    assert any("swift is not installed: install Swift" in it for it in codebase.ended.reasons), codebase.ended.reasons


def test_a_language_without_a_toolchain_is_written_and_unverified():
    program = Program((Instruction("I1", "A", "Write it."),))
    texts = [{"path": "src/a.zig", "content": "const a = 1;\n"}, {"path": "run.sh", "content": "zig build\n"}]
    processor = ScriptedProcessor(
        [calls(("write_files", {"files": texts}), ("complete_instruction", {"summary": "a"}))]
    )
    codebase = generate_codebase("A.", program=program, processor=processor)
    assert codebase.ended.exit_code == 4 and len(codebase) == 2
    assert codebase.ended.reasons == (
        "not verified: zig: there is no toolchain for Zig: src/a.zig and what else is in it is written, not checked",
    )
