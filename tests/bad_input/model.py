"""What a model gets wrong in a reply: it comes back to it as one line, and the run goes on."""

from l2mac.processor.protocol import Message, Reply
from l2mac.testing import calls, says

from ..jobs import done, write
from .cases import Asked

TITLE = "The model"
GOOD = write(b_dot_txt="b")
DEEP = "[" * 100_000 + "]" * 100_000


def one(id, name, arguments, *says, **more):
    """A reply with one call that is wrong."""
    return Asked(id=id, reply=calls((name, arguments)), says=says, **more)


def several(id, *asked, says=()):
    """A reply with several calls."""
    return Asked(id=id, reply=calls(*asked), says=says)


def planned(id, instructions, says, requirements=()):
    """A program that can't be executed."""
    given = {"requirements": list(requirements), "instructions": instructions}
    return one(id, "submit_program", given, says, planning=True)


def step(id="I1", **more):
    """An instruction of a program."""
    return {"id": id, "title": f"Do {id}", "text": f"Do {id}.", **more}


CASES = [
    Asked(
        id="nothing",
        reply=says(""),
        says=(
            "error: your reply called no tool, so nothing was done. Do the work with tools, and call "
            "complete_instruction when it is done.",
        ),
    ),
    Asked(
        id="text instead of a call",
        reply=says("I will now write the file."),
        says=(
            "error: your reply called no tool, so nothing was done. Do the work with tools, and call "
            "complete_instruction when it is done.",
        ),
    ),
    Asked(
        id="text instead of a plan",
        reply=says("Let me think."),
        says=(
            "error: your reply called no tool, so nothing was done. Do the work with tools, and call "
            "submit_program when it is done.",
        ),
        planning=True,
    ),
    Asked(
        id="text that is cut",
        reply=Reply(Message("assistant", "I will"), "cut"),
        says=(
            "error: your reply was cut at its length limit; what was cut was not done. Send it again, in smaller parts",
        ),
    ),
    Asked(
        id="a refusal",
        reply=Reply(Message("assistant", "I can't help with that."), "refused"),
        says=("error: the provider's filter stopped your reply. Go on with the instruction in other words",),
    ),
    Asked(
        id="a reply cut after its call",
        reply=Reply(calls(GOOD).message, "cut"),
        says=(
            "error: your reply was cut at its length limit; what was cut was not done. Send it again, in smaller parts",
        ),
    ),
    one(
        "a call that breaks off",
        "write_files",
        '{"files": [{"path": "a.py", "content": "x',
        "error: the arguments of write_files are not valid JSON (Unterminated string starting at: line 1 column "
        "40 (char 39)); nothing was done, send them again",
    ),
    one(
        "an unknown tool",
        "create_file",
        {"path": "a.py"},
        "error: there is no tool 'create_file'; choose from list_files, read_files, search_files, write_files, "
        "edit_file, delete_files, run_tests, run_command, revise_program, complete_instruction",
    ),
    one(
        "a tool that is nearly right",
        "write_file",
        {"path": "a.py"},
        "error: there is no tool 'write_file'; did you mean write_files?",
    ),
    one(
        "a tool without a name",
        "",
        {},
        "error: there is no tool ''; choose from list_files, read_files, search_files, write_files, edit_file, "
        "delete_files, run_tests, run_command, revise_program, complete_instruction",
    ),
    one(
        "a tool of planning",
        "submit_program",
        {"requirements": [], "instructions": []},
        "error: there is no tool 'submit_program'; choose from list_files, read_files, search_files, "
        "write_files, edit_file, delete_files, run_tests, run_command, revise_program, complete_instruction",
    ),
    one(
        "a tool of the work, while planning",
        "write_files",
        {"files": []},
        "error: there is no tool 'write_files'; choose from list_files, read_files, search_files, submit_program",
        planning=True,
    ),
    one(
        "arguments that are no JSON",
        "write_files",
        "a.py: print(1)",
        "error: the arguments of write_files are not valid JSON (Expecting value: line 1 column 1 (char 0)); "
        "nothing was done, send them again",
    ),
    one(
        "arguments with single quotes",
        "list_files",
        "{'glob': '*'}",
        "error: the arguments of list_files are not valid JSON (Expecting property name enclosed in double "
        "quotes: line 1 column 2 (char 1)); nothing was done, send them again",
    ),
    one(
        "arguments with a comma too many",
        "list_files",
        '{"glob": "*",}',
        "error: the arguments of list_files are not valid JSON (Expecting property name enclosed in double "
        "quotes: line 1 column 14 (char 13)); nothing was done, send them again",
    ),
    one(
        "two documents for arguments",
        "list_files",
        '{"glob": "*"}{"glob": "*"}',
        "error: the arguments of list_files are not valid JSON (Extra data: line 1 column 14 (char 13)); nothing "
        "was done, send them again",
    ),
    one(
        "arguments in a code block",
        "list_files",
        '```json\n{"glob": "*"}\n```',
        "error: the arguments of list_files are not valid JSON (Expecting value: line 1 column 1 (char 0)); "
        "nothing was done, send them again",
    ),
    one(
        "a list for arguments",
        "list_files",
        "[]",
        "error: the arguments of list_files must be a JSON object; list_files takes {glob?}",
    ),
    one(
        "a text for arguments",
        "list_files",
        '"*"',
        "error: the arguments of list_files must be a JSON object; list_files takes {glob?}",
    ),
    one(
        "null for arguments",
        "list_files",
        "null",
        "error: the arguments of list_files must be a JSON object; list_files takes {glob?}",
    ),
    one("nothing where something is needed", "write_files", "", "error: files is missing; write_files takes {files}"),
    one(
        "a missing argument",
        "write_files",
        {"files": [{"path": "a.py"}]},
        "error: files[0].content is missing; write_files takes {files}",
    ),
    one(
        "an extra argument", "list_files", {"path": "src"}, "error: 'path' is not an argument; list_files takes {glob?}"
    ),
    one(
        "an argument under another name",
        "write_files",
        {"files": [{"name": "a.py", "content": ""}]},
        "error: files[0].path is missing, 'files[0].name' is not an argument; write_files takes {files}",
    ),
    one(
        "a number for a text",
        "write_files",
        {"files": [{"path": "a.py", "content": 5}]},
        "error: files[0].content: input should be a valid string; write_files takes {files}",
    ),
    one(
        "an object for a text",
        "write_files",
        {"files": [{"path": "a.json", "content": {"a": 1}}]},
        "error: files[0].content: input should be a valid string; write_files takes {files}",
    ),
    one(
        "a text for a list",
        "delete_files",
        {"paths": "a.py"},
        "error: paths: input should be a valid list; delete_files takes {paths}",
    ),
    one(
        "null for a text",
        "run_command",
        {"command": None},
        "error: command: input should be a valid string; run_command takes {command}",
    ),
    one(
        "half a line number",
        "read_files",
        {"requests": [{"path": "a.py", "start": 1.5}]},
        "error: requests[0].start: input should be a valid integer, got a number with a fractional part; "
        "read_files takes {requests}",
    ),
    one(
        "no number at all",
        "read_files",
        '{"requests": [{"path": "a", "start": NaN}]}',
        "error: requests[0].start: input should be a finite number; read_files takes {requests}",
    ),
    one(
        "nesting without end",
        "list_files",
        DEEP,
        "error: the arguments of list_files are not valid JSON (nested too deeply); nothing was done, send them again",
    ),
    one(
        "a key that stands twice",
        "delete_files",
        '{"paths": ["a.py"], "paths": []}',
        "error: the arguments of delete_files are not valid JSON (the key 'paths' stands twice); nothing was "
        "done, send them again",
    ),
    one(
        "half a surrogate pair",
        "run_command",
        '{"command": "\\ud800"}',
        "error: the arguments of run_command are not valid JSON (half a surrogate pair); nothing was done, send "
        "them again",
    ),
    one(
        "an empty list", "write_files", {"files": []}, "error: files is empty; give at least one path with its content"
    ),
    one(
        "a file that is not there",
        "read_files",
        {"requests": [{"path": "nowhere.py"}]},
        "error: there is no file nowhere.py; list_files shows what there is",
    ),
    one(
        "deleting what is not there",
        "delete_files",
        {"paths": ["nowhere.py"]},
        "error: there is no file nowhere.py, so nothing was deleted",
    ),
    one(
        "editing what is not there",
        "edit_file",
        {"path": "nowhere.py", "edits": [{"find": "a", "replace": "b"}]},
        "error: there is no file nowhere.py; list_files shows what there is",
    ),
    one(
        "a path outside",
        "write_files",
        {"files": [{"path": "../../etc/passwd", "content": "x"}]},
        "error: '../../etc/passwd' leaves the file store; use a relative path such as 'src/app.py'",
    ),
    one(
        "an absolute path",
        "write_files",
        {"files": [{"path": "/etc/passwd", "content": "x"}]},
        "error: '/etc/passwd' is absolute; use a relative path such as 'src/app.py'",
    ),
    one(
        "a path on another system",
        "write_files",
        {"files": [{"path": "C:\\a.py", "content": "x"}]},
        "error: 'C:\\\\a.py' is absolute; use a relative path such as 'src/app.py'",
    ),
    one(
        "git's own files",
        "write_files",
        {"files": [{"path": ".git/hooks/pre-commit", "content": "x"}]},
        "error: '.git/hooks/pre-commit' is inside '.git', which belongs to the machine; choose another folder",
    ),
    one(
        "the machine's own files",
        "write_files",
        {"files": [{"path": ".l2mac/run.db", "content": "x"}]},
        "error: '.l2mac/run.db' is inside '.l2mac', which belongs to the machine; choose another folder",
    ),
    one(
        "a name that is too long",
        "write_files",
        {"files": [{"path": "x" * 300, "content": "x"}]},
        "error: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'… has a name longer than 255 "
        "bytes; choose a shorter one",
    ),
    one(
        "a NUL in a name",
        "write_files",
        {"files": [{"path": "a\0b", "content": "x"}]},
        "error: 'a\\x00b' contains a control character; use a relative path such as 'src/app.py'",
    ),
    one(
        "reading outside",
        "read_files",
        {"requests": [{"path": "../../../etc/passwd"}]},
        "error: '../../../etc/passwd' leaves the file store; use a relative path such as 'src/app.py'",
    ),
    Asked(
        id="text with half a surrogate pair",
        reply=says("half \ud83d"),
        says=(
            "error: your reply called no tool, so nothing was done. Do the work with tools, and call "
            "complete_instruction when it is done.",
        ),
    ),
    one(
        "a call that holds half a surrogate pair",
        "run_command",
        '{"command": "\ud83d"}',
        "error: the arguments of run_command are not valid JSON (half a surrogate pair); nothing was done, send "
        "them again",
    ),
    one(
        "a name that holds half a surrogate pair",
        "list\ud83d",
        {},
        "error: there is no tool 'list\\\\ud83d'; choose from list_files, read_files, search_files, write_files, "
        "edit_file, delete_files, run_tests, run_command, revise_program, complete_instruction",
    ),
    one(
        "a pattern that is none",
        "search_files",
        {"pattern": "("},
        "error: '(' is not a valid regular expression: missing ) at position 1",
    ),
    one("an empty command", "run_command", {"command": " "}, "error: command is empty"),
    one("a NUL in a command", "run_command", {"command": "ls \0"}, "error: command contains a NUL character"),
    one(
        "a command that is too long",
        "run_command",
        {"command": "x" * 200_000},
        "error: command has 200,000 characters, and 50,000 are allowed; write a script and run that",
    ),
    one(
        "a completion without a word",
        "complete_instruction",
        {"summary": " "},
        "error: summary is empty; say what was done and what later instructions must know",
    ),
    one(
        "evidence in one line of text",
        "complete_instruction",
        {"summary": "Done.", "evidence": "see a.py"},
        "error: evidence: input should be a valid list; complete_instruction takes {summary, evidence?, test_changes?}",
    ),
    several(
        "a good call beside a bad one",
        GOOD,
        ("write_files", {"files": []}),
        says=("checks passed", "error: files is empty; give at least one path with its content"),
    ),
    several(
        "a completion beside a bad call",
        GOOD,
        ("write_files", "{"),
        done(),
        says=(
            "ok",
            "error: the arguments of write_files are not valid JSON (Expecting property name enclosed in double "
            "quotes: line 1 column 2 (char 1)); nothing was done, send them again",
            "error: completion refused: another call of the same reply failed; mend it and complete again",
        ),
    ),
    several(
        "the same path twice in one call",
        ("write_files", {"files": [{"path": "b.txt", "content": "1"}, {"path": "./b.txt", "content": "2"}]}),
        says=("error: b.txt is named twice in one call, so nothing was changed; give each path once",),
    ),
    several(
        "a good path beside a bad one",
        ("write_files", {"files": [{"path": "b.txt", "content": "1"}, {"path": "../c.txt", "content": "2"}]}),
        says=("error: '../c.txt' leaves the file store; use a relative path such as 'src/app.py'",),
    ),
    several(
        "the same call a hundred times",
        *[("list_files", {"glob": 5})] * 100,
        says=("error: glob: input should be a valid string; list_files takes {glob?}",) * 100,
    ),
    planned(
        "a program of nothing",
        [],
        "error: the program was not accepted. Mend this and submit the whole program again: - the program has no "
        "instructions; it needs at least one",
    ),
    planned(
        "a program with an id twice",
        [step(), step()],
        "error: the program was not accepted. Mend this and submit the whole program again: - the id 'I1' is "
        "used twice; give every one its own",
    ),
    planned(
        "a program that goes round in a circle",
        [step("I1", needs=["I2"]), step("I2", needs=["I1"])],
        "error: the program was not accepted. Mend this and submit the whole program again: - the needs form a "
        "cycle: I1 → I2 → I1; remove one of them",
    ),
    planned(
        "a program that needs what is not there",
        [step(needs=["I9"])],
        "error: the program was not accepted. Mend this and submit the whole program again: - I1 needs I9, which "
        "does not exist",
    ),
    planned(
        "a program with a requirement left over",
        [step()],
        "error: the program was not accepted. Mend this and submit the whole program again: - requirement R1 is "
        "covered by no instruction",
        [{"id": "R1", "text": "It works."}],
    ),
    planned(
        "a program without requirements",
        [step()],
        "error: the program was not accepted. Mend this and submit the whole program again: - the program has no "
        "requirements; number what is asked for R1, R2 …, each covered by instructions",
    ),
    planned(
        "a program with an instruction for nothing",
        [step(covers=["R1"]), step("I2", needs=["I1"])],
        "error: the program was not accepted. Mend this and submit the whole program again: - I2 covers no "
        "requirement, and none that does needs it; name what it works towards in covers, or leave it out",
        [{"id": "R1", "text": "It works."}],
    ),
    planned(
        "a program with an id that is a path",
        [step("../I1")],
        "error: the program was not accepted. Mend this and submit the whole program again: - the id '../I1' "
        "can't be used; take a short one such as 'I1' or 'R1'",
    ),
    planned(
        "a program of nothing but white space",
        [step(text=" ")],
        "error: the program was not accepted. Mend this and submit the whole program again: - I1 has no text",
    ),
    planned(
        "a program that is too long",
        [step(f"I{n}") for n in range(1, 70)],
        "error: the program was not accepted. Mend this and submit the whole program again: - the program has 69 "
        "instructions, and 50 are allowed; merge some",
    ),
    one(
        "a program that is text",
        "submit_program",
        {"instructions": "1. Do it."},
        "error: requirements is missing, instructions: input should be a valid list; submit_program takes "
        "{requirements, instructions, more?}",
        planning=True,
    ),
]
