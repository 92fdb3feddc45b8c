"""The instruction set is a contract, and whatever a model writes comes back to it as text."""

import json

import pytest

from l2mac.assembly import PLANNING_TOOLS, TOOLS
from l2mac.tools.instruction_set import InstructionSet

SPECS = {spec.name: spec for spec in InstructionSet(dict.fromkeys([*TOOLS, *PLANNING_TOOLS])).specs}
# As DESIGN 8 lists them; ? is optional, a list holds what its items take.
CONTRACT = {
    "list_files": {"glob?": str},
    "read_files": {"requests": [{"path": str, "start?": int, "end?": int}]},
    "search_files": {"pattern": str, "glob?": str},
    "write_files": {"files": [{"path": str, "content": str}]},
    "edit_file": {"path": str, "edits": [{"find": str, "replace": str}]},
    "delete_files": {"paths": [str]},
    "run_tests": {"paths?": [str]},
    "run_command": {"command": str},
    "complete_instruction": {
        "summary": str,
        "evidence?": [{"requirement": str, "file": str, "symbol?": str, "test?": str, "not_verifiable?": str}],
        "test_changes?": [{"test": str, "reason": str}],
    },
    "submit_program": {
        "requirements": [{"id": str, "text": str}],
        "instructions": [
            {
                "id": str,
                "title": str,
                "text": str,
                "covers?": [str],
                "needs?": [str],
                "files?": [str],
                "acceptance?": [str],
            },
        ],
        "more?": bool,
    },
}
TYPES = {"string": str, "integer": int, "boolean": bool}


def shape(schema):
    """A JSON schema in the short form of the contract."""
    match schema["type"]:
        case "object":
            required = schema.get("required", [])
            return {name if name in required else f"{name}?": shape(it) for name, it in schema["properties"].items()}
        case "array":
            return [shape(schema["items"])]
        case plain:
            return TYPES[plain]


def keywords(schema):
    yield from (key for key in schema)
    for below in [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]:
        yield from keywords(below)


@pytest.mark.parametrize("name", CONTRACT)
def test_names_and_arguments_are_those_of_the_contract(name):
    assert shape(SPECS[name].parameters) == CONTRACT[name]


def test_no_tool_stands_beside_the_contract_but_those_that_change_the_program():
    assert set(SPECS) - set(CONTRACT) <= {"revise_program"}


@pytest.mark.parametrize("name", SPECS)
def test_schemas_hold_nothing_that_a_strict_server_refuses_or_that_only_costs_tokens(name):
    spec = SPECS[name]
    assert spec.parameters["type"] == "object"
    assert set(keywords(spec.parameters)) <= {"type", "properties", "required", "items", "enum"}
    assert 10 < len(spec.description) < 700
    assert json.loads(json.dumps(spec.parameters)) == spec.parameters


def test_an_unknown_tool_is_a_fault_that_names_the_nearest(desk):
    assert desk({})("write_file").text == "error: there is no tool 'write_file'; did you mean write_files?"
    assert "choose from list_files, " in desk({})("zzz").text
    assert len(desk({})("x" * 100_000).text) < 500


DEEP = "[" * 100_000 + "]" * 100_000
FAULTY = {
    "cut short": ("write_files", '{"files": [{"path": "a.py", "content": "x', "not valid JSON"),
    "a list": ("list_files", "[]", "must be a JSON object"),
    "null": ("list_files", "null", "must be a JSON object"),
    "a string": ("list_files", '"a"', "must be a JSON object"),
    "nothing where something is needed": ("write_files", "", "files is missing"),
    "a missing argument": ("read_files", '{"requests": [{"start": 1}]}', "requests[0].path is missing"),
    "an extra argument": ("list_files", '{"path": "a"}', "'path' is not an argument; list_files takes {glob?}"),
    "an extra argument within": ("write_files", '{"files": [{"path": "a", "content": "b", "mode": 1}]}', "mode"),
    "an extra argument of many lines": ("list_files", '{"a\\nb": 1}', "'a\\nb' is not an argument"),
    "a wrong type": ("delete_files", '{"paths": "a.py"}', "paths: input should be a valid list"),
    "a number for a text": ("run_command", '{"command": 5}', "command: input should be a valid string"),
    "null for a text": ("run_command", '{"command": null}', "command: input should be a valid string"),
    "deep nesting": ("list_files", DEEP, "nested too deeply"),
    "deep nesting within": ("write_files", '{"files": %s}' % ("[" * 900 + "]" * 900), "files[0]"),
    "a number of 5,000 digits": ("read_files", '{"requests": [{"path": "a", "start": %s}]}' % ("9" * 5000), "error: "),
    "NaN": ("read_files", '{"requests": [{"path": "a", "start": NaN}]}', "requests[0].start"),
    "infinity": ("read_files", '{"requests": [{"path": "a", "end": 1e999}]}', "requests[0].end"),
    "a key that stands twice": ("delete_files", '{"paths": ["keep.py"], "paths": []}', "the key 'paths' stands twice"),
    "half a surrogate pair": ("run_command", '{"command": "\\ud800"}', "not valid JSON"),
    "half a surrogate pair as a key": ("list_files", '{"\\ud800": 1}', "not valid JSON"),
    "an empty list": ("write_files", '{"files": []}', "files is empty"),
    "a NUL in a command": ("run_command", '{"command": "ls \\u0000"}', "NUL"),
    "a NUL in the name of a test": ("run_tests", '{"paths": ["a\\u0000"]}', "NUL"),
    "a command that no system takes": ("run_command", '{"command": "%s"}' % ("x" * 200_000), "write a script"),
    "an empty command": ("run_command", '{"command": " "}', "command is empty"),
    "an empty summary": ("complete_instruction", '{"summary": " "}', "summary is empty"),
}


@pytest.mark.parametrize("case", FAULTY.values(), ids=FAULTY)
def test_a_call_that_is_wrong_comes_back_as_one_readable_fault_and_changes_nothing(desk, case):
    name, arguments, said = case
    at = desk({"keep.py": "x = 1\n"})
    effect = at.raw(name, arguments)
    assert effect.text.startswith("error: ") and said in effect.text and len(effect.text) < 1_000
    assert effect.failed and not effect.changed and effect.command is None and effect.completion is None
    assert effect.text.splitlines() == [effect.text]
    assert at.files == {"keep.py": "x = 1\n"}
    effect.text.encode()


def test_empty_arguments_are_none(desk):
    assert desk({"a.py": ""}).raw("list_files", "").text == "ok\na.py (0 lines)"


@pytest.mark.parametrize("tool", SPECS)
def test_no_document_of_the_json_test_suite_gets_past_as_arguments(desk, shared_data, tool):
    documents = sorted((shared_data / "jsontestsuite").glob("test_*/*.json"))
    assert len(documents) > 150
    for document in documents:
        at = desk({"keep.py": "x = 1\n"})
        effect = at.raw(tool, document.read_bytes().decode("utf-8", "surrogateescape"))
        first = effect.text.split("\n")[0]
        assert first == "ok" or (first.startswith("error: ") and effect.failed), document.name
        assert at.files == {"keep.py": "x = 1\n"}, document.name
        effect.text.encode()


def test_what_the_machine_is_asked_for_is_a_value(desk):
    at = desk({})
    assert at("run_tests").tests == ()
    assert at("run_tests", paths=["./tests/test_a.py::test_b"]).tests == ("tests/test_a.py::test_b",)
    assert at("run_command", command="ls -l").command == "ls -l"
    evidence = {"requirement": "R1", "file": "./src/a.py", "test": "./tests/test_a.py::test_b"}
    done = at("complete_instruction", summary=" done ", evidence=[evidence]).completion
    assert done.summary == "done"
    assert (done.evidence[0].file, done.evidence[0].test) == ("src/a.py", "tests/test_a.py::test_b")


def test_a_program_may_come_in_parts_and_titles_are_one_line(desk):
    at = desk({})
    one = {"id": "I1", "title": "A\nlong  one", "text": "Do it", "covers": ["R1"], "files": ["./a.py"]}
    first = at("submit_program", requirements=[{"id": "R1", "text": "it"}], instructions=[one], more=True)
    assert first.text.startswith("ok\n1 instructions so far") and first.program is None
    at.raw("submit_program", '{"requirements": [], "instructions": [{"id": "I9"}]}')
    program = at("submit_program", requirements=[], instructions=[one | {"id": "I2", "needs": ["I1"]}]).program
    assert [it.id for it in program.instructions] == ["I1", "I2"] and [it.id for it in program.requirements] == ["R1"]
    assert program["I1"].title == "A long one" and program["I1"].files == ("a.py",)
    again = at("submit_program", requirements=[], instructions=[one]).program
    assert len(again.instructions) == 1, "a submitted program must not stay on the bench"
