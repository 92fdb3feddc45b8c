"""What people get wrong on the command line."""

from .cases import Case
from .spoiling import another_at_work, branch_left, database, folder_in_the_way, git_gone, link_in_a_circle

TITLE = "The command line"
WAYS_OUT = """no language model is configured; choose one way:
  a provider: export OPENAI_API_KEY=… (or ANTHROPIC_API_KEY, GEMINI_API_KEY …; `l2mac doctor` lists them)
  on this computer: start Ollama, LM Studio, llama.cpp or vLLM; or --set llm.base_url=http://HOST:PORT/v1 --model NAME
  yourself, or any chat window: --set llm.api_type=manual"""
MANUAL = ("--set", "llm.api_type=manual")
BOOK = ("x", "--domain", "book")
LONG = "a" * 300
NOWHERE = """there is no run 'nowhere', neither as a folder nor in workspace/; l2mac "PROMPT" begins one"""
UNKNOWN = "there is no '{}' to go back to; choose from 0 (the program, nothing done), 1 (I1)"
STATE = ("workspace/run/.l2mac",)
GARBAGE = "the journal …/workspace/run/.l2mac/run.db can't be used (file is not a database); restore it from a copy"


def case(id, says, *arguments, **more):
    return Case(id=id, says=says, arguments=arguments, **more)


def spoilt(id, says, verb, spoil, **more):
    return Case(id=id, says=says, arguments=tuple(verb.split()), run=more.pop("run", "done"), spoil=spoil, **more)


RUN = [
    case("an empty prompt", 'the prompt is empty; say what to build, such as l2mac "A command-line calculator"', ""),
    case(
        "a prompt of spaces",
        'the prompt is empty; say what to build, such as l2mac "A command-line calculator"',
        " \n\t ",
    ),
    case("no prompt", "Missing argument 'PROMPT'; see `l2mac run --help`", "run"),
    case(
        "a prompt without quotes",
        'the prompt is more than one argument; put it in quotes, such as l2mac "A command-line calculator"',
        "make",
        "a",
        "snake",
        "game",
    ),
    case("no model anywhere", WAYS_OUT, "A snake game."),
    case(
        "a misspelt verb",
        "there is no verb 'stauts'; did you mean status? To build it: l2mac run stauts",
        "stauts",
        "run",
    ),
    case(
        "an unknown option",
        "No such option '--modle'. (Did you mean one of: '--model', '--name'?)",
        "x",
        "--modle",
        "y",
    ),
    case("an unknown short option", "No such option '-x'; see `l2mac run --help`", "-x"),
    case("an option without its value", "Option '--model' requires an argument; see `l2mac --help`", "x", "--model"),
    case(
        "no steps",
        "Invalid value for '--steps': 0 is not in the range 1<=x<=10000; see `l2mac run --help`",
        "x",
        "--steps",
        "0",
    ),
    case(
        "more steps than there may be",
        "Invalid value for '--steps': 99999 is not in the range 1<=x<=10000; see `l2mac run --help`",
        "x",
        "--steps",
        "99999",
    ),
    case(
        "steps in words",
        "Invalid value for '--steps': 'many' is no whole number; see `l2mac run --help`",
        "x",
        "--steps",
        "many",
    ),
    case(
        "a cost in words",
        "Invalid value for '--max-cost': 'free' is no number; see `l2mac run --help`",
        "x",
        "--max-cost",
        "free",
    ),
    case(
        "a negative cost",
        "the setting budget.cost is wrong: it must be greater than 0, not '-1.0'",
        "x",
        "--max-cost",
        "-1",
    ),
    case(
        "a cost that is no number",
        "the setting budget.cost is wrong: it must be a number with an end, not 'nan'",
        "x",
        "--max-cost",
        "nan",
    ),
    case(
        "a cost without end",
        "the setting budget.cost is wrong: it must be a number with an end, not 'inf'",
        "x",
        "--max-cost",
        "inf",
    ),
    case(
        "no tokens", "the setting budget.tokens is wrong: it must be greater than 0, not '0'", "x", "--max-tokens", "0"
    ),
    case(
        "negative minutes",
        "the setting budget.minutes is wrong: it must be greater than 0, not '-5.0'",
        "x",
        "--max-minutes",
        "-5",
    ),
    case(
        "a sandbox that is not there",
        "Invalid value for '--sandbox': 'chroot' is not one of 'auto', 'bubblewrap', 'landlock', 'docker', 'podman', "
        "'none'; see `l2mac run --help`",
        "x",
        "--sandbox",
        "chroot",
    ),
    case(
        "a domain that is not there",
        "there is no domain 'opera'; choose from codebase, book, or name a file such as my.yaml",
        "x",
        "--domain",
        "opera",
    ),
    case(
        "a file of a domain that is not there",
        "the domain my.yaml can't be read: No such file or directory; name another file",
        "x",
        "--domain",
        "my.yaml",
    ),
    case(
        "a domain with a check that is not there",
        "the domain my.yaml is wrong at checks: there is no check 'book.lenght'; did you mean book.length?",
        "x",
        "--domain",
        "my.yaml",
        files={"my.yaml": "name: mine\nlike: book\nchecks: [book.lenght]\n"},
    ),
    case("a book of no words", "--words 0 can't be written; give a number from 1 to 3,000,000", *BOOK, "--words", "0"),
    case(
        "a million pages",
        "--pages 1,000,000 can't be written; give a number from 1 to 10,000",
        *BOOK,
        "--pages",
        "1000000",
    ),
    case(
        "words and pages",
        "--words and --pages both say how long it is; give one of them (a page is 300 words)",
        *BOOK,
        "--words",
        "900",
        "--pages",
        "3",
    ),
    case(
        "more chapters than words can fill",
        "900 words in 20 chapters are too few: a chapter has at least 100",
        *BOOK,
        "--words",
        "900",
        "--chapters",
        "20",
    ),
    case(
        "fewer steps than chapters",
        "20 chapters need 22 instructions: --steps 22, or leave it out",
        *BOOK,
        "--chapters",
        "20",
        "--steps",
        "5",
        *MANUAL,
    ),
    case(
        "a codebase of so many pages",
        "words, pages and chapters are for books, not for the domain codebase; add --domain book",
        "x",
        "--pages",
        "20",
        *MANUAL,
    ),
    case(
        "a name outside",
        "--name '../out' can't be a folder's name; take one such as snake-game",
        "x",
        "--name",
        "../out",
        *MANUAL,
    ),
    case(
        "an absolute name",
        "--name '/tmp/out' can't be a folder's name; take one such as snake-game",
        "x",
        "--name",
        "/tmp/out",
        *MANUAL,
    ),
    case(
        "git's own name",
        "--name '.git' can't be a folder's name; take one such as snake-game",
        "x",
        "--name",
        ".git",
        *MANUAL,
    ),
    case(
        "a name of spaces",
        "--name '  ' can't be a folder's name; take one such as snake-game",
        "x",
        "--name",
        "  ",
        *MANUAL,
    ),
    case(
        "a name that is too long",
        "--name 'aaa…' can't be a folder's name; take one such as snake-game",
        "x",
        "--name",
        LONG,
        *MANUAL,
    ),
    case(
        "an output folder that is a file",
        "…/f/x can't be written (Not a directory); choose another folder with --out",
        "x",
        "--out",
        "f",
        *MANUAL,
        files={"f": "text"},
    ),
    case(
        "an output folder below a file",
        "…/f/g/x can't be written (Not a directory); choose another folder with --out",
        "x",
        "--out",
        "f/g",
        *MANUAL,
        files={"f": "text"},
    ),
    case(
        "an output folder that no system takes",
        "…/aaa…/x can't be written (File name too long); choose another folder with --out",
        "x",
        "--out",
        LONG,
        *MANUAL,
    ),
    case(
        "--into a folder that is not there",
        "there is no folder …/nowhere; name an existing git repository with --into",
        "x",
        "--into",
        "nowhere",
        *MANUAL,
    ),
    case(
        "--into a file",
        "there is no folder …/f; name an existing git repository with --into",
        "x",
        "--into",
        "f",
        *MANUAL,
        files={"f": "text"},
    ),
    case(
        "--into a folder that no system takes",
        "there is no folder …/aaa…; name an existing git repository with --into",
        "x",
        "--into",
        LONG,
        *MANUAL,
    ),
    case(
        "--into a folder that is no repository",
        "…/app is no git repository with a commit; mend that with cd …/app && git init && git add -A && git "
        "commit -m start",
        "x",
        "--into",
        "app",
        *MANUAL,
        files={"app/a.py": ""},
    ),
    case(
        "--into a link that points at itself",
        "there is no folder …/loop; name an existing git repository with --into",
        "x",
        "--into",
        "loop",
        *MANUAL,
        spoil=link_in_a_circle,
    ),
    spoilt(
        "--into the folder of a run",
        "…/workspace/run holds a run already: `l2mac resume …/workspace/run`, or move …/workspace/run/.l2mac away",
        "x --into workspace/run --set llm.api_type=manual",
        None,
    ),
    case(
        "a program that is not there",
        "the program nowhere.yaml can't be read: No such file or directory; name another file",
        "x",
        "--program",
        "nowhere.yaml",
    ),
    case(
        "a program that is a folder",
        "the program . can't be read: Is a directory; name another file",
        "x",
        "--program",
        ".",
    ),
    case(
        "a blueprint that is not there",
        "there is no program 'web-servic', neither a file nor a blueprint; did you mean web-service?",
        "x",
        "--program",
        "web-servic",
    ),
    case(
        "a blueprint without its parameter",
        "the program web-service needs a text for name: --with name=…; its parameters are name (the package's "
        "name, such as shop), storage (where data is kept)",
        "x",
        "--program",
        "web-service",
    ),
    case("a parameter without its text", "--with name gives no text; write --with name=TEXT", "x", "--with", "name"),
    case(
        "a parameter without a program",
        "parameters are for a program from a file or a blueprint; name one with --program",
        "x",
        "--with",
        "name=y",
        *MANUAL,
    ),
]
PROGRAMS = [
    Case(id=f"a program {id}", says=says, arguments=("x", "--program", "p.yaml"), files={"p.yaml": text})
    for id, text, says in [
        (
            "with nothing in it",
            "",
            "the program p.yaml is neither a list of instructions nor a mapping with `instructions`",
        ),
        (
            "that is prose",
            "Build a game.",
            "the program p.yaml is neither a list of instructions nor a mapping with `instructions`",
        ),
        (
            "that is no YAML",
            "instructions: [",
            "the program p.yaml is no valid YAML: line 1, column 16: expected the node content, but found "
            "'<stream end>'",
        ),
        (
            "indented with a tab",
            "instructions:\n\t- x",
            "the program p.yaml is no valid YAML: line 2, column 1: a tab stands where only spaces may",
        ),
        (
            "that is no UTF-8",
            b"- \xff\xfe",
            "the program p.yaml can't be read: it is not UTF-8 text; name another file",
        ),
        (
            "without instructions",
            "instructions: []",
            "the program p.yaml can't be executed: the program has no instructions; it needs at least one",
        ),
        (
            "of one empty instruction",
            "- do it\n- ''",
            "the program p.yaml can't be executed: I2 has no title; I2 has no text",
        ),
        (
            "with an unknown field",
            "instructions:\n- {titel: x}",
            "the program p.yaml is not in the right form: instructions.1: unknown field 'titel'; did you mean title?",
        ),
        ("under another name", "steps: [x]", "the program p.yaml is not in the right form: instructions is missing"),
        (
            "with a list for an instruction",
            "- [a]",
            "the program p.yaml is not in the right form: instructions.1 must be text, or a mapping",
        ),
        (
            "with a number for the instructions",
            "instructions: 5",
            "the program p.yaml is not in the right form: instructions must be a list",
        ),
        (
            "with an id twice",
            "- {id: I1, text: a}\n- {id: I1, text: b}",
            "the program p.yaml can't be executed: the id 'I1' is used twice; give every one its own",
        ),
        (
            "with an id that is a path",
            "- {id: ../x, text: a}",
            "the program p.yaml can't be executed: the id '../x' can't be used; take a short one such as 'I1' or 'R1'",
        ),
        (
            "that needs what is not there",
            "- {text: a, needs: [I9]}",
            "the program p.yaml can't be executed: I1 needs I9, which does not exist",
        ),
        (
            "that goes round in a circle",
            "- {text: a, needs: [I2]}\n- {text: b, needs: [I1]}",
            "the program p.yaml can't be executed: the needs form a cycle: I1 → I2 → I1; remove one of them",
        ),
        (
            "that covers what is not there",
            "- {text: a, covers: [R1]}",
            "the program p.yaml can't be executed: I1 covers R1, which does not exist",
        ),
        (
            "with a requirement left over",
            "requirements: [{id: R1, text: x}]\ninstructions: [a]",
            "the program p.yaml can't be executed: requirement R1 is covered by no instruction",
        ),
        (
            "with a loop without end",
            "- {repeat: [x], until: errors == 0}",
            "the program p.yaml is not in the right form: instructions.1: `repeat` needs `at most`; nothing may go on "
            "without end",
        ),
        (
            "with a condition that can't be read",
            "- {when: tests.faild > 0, then: [x]}",
            "the program p.yaml can't be executed: I1: the condition 'tests.faild > 0' can't be read: column 1: "
            "tests.faild does not belong here; did you mean tests.failed?",
        ),
        (
            "with a condition that runs something",
            "- {when: '__import__(\"os\")', then: [x]}",
            "the program p.yaml can't be executed: I1: the condition '__import__(\"os\")' can't be read: column 1: "
            "__import__('os') does not belong here; there is tests.passed, tests.failed, tests.skipped, errors, "
            "exists, count, lines, contains",
        ),
        (
            "with loops that multiply",
            "- {repeat: [{repeat: [x], until: errors == 0, at most: 900}], until: errors == 0, at most: 900}",
            "the program p.yaml can't be executed: the program may come to 810,000 instructions, and 10,000 are "
            "allowed: lower `at most`",
        ),
        (
            "that calls itself",
            "instructions: [{call: x}]\nprograms: {x: {instructions: [{call: x}]}}",
            "the program p.yaml can't be executed: sub-programs call one another without end: x → x",
        ),
        (
            "with a step of two kinds",
            "- {when: errors == 0, then: [x], plan: y}",
            "the program p.yaml is not in the right form: instructions.1: `when` takes no `plan`",
        ),
        (
            "with a variable that is not there",
            "- {for each: file, in: '*.py', do: ['Mend ${fil}.']}",
            "the program p.yaml can't be executed: I1-1: there is no variable ${fil}; did you mean file?",
        ),
        (
            "with an anchor",
            "- &a x\n- *a",
            "the program p.yaml holds an anchor at line 1, column 3; write it out, or call a sub-program",
        ),
        (
            "with a key that stands twice",
            "- {text: x, text: y}",
            "the program p.yaml is no valid YAML: line 1, column 13: the key 'text' stands twice",
        ),
        (
            "that is not given its parameter",
            "parameters: {name: {about: a word}}\ninstructions: ['Write ${name}.']",
            "the program p.yaml needs a text for name: --with name=…; its parameters are name (a word)",
        ),
        ("that is too long", "- x\n" * 60, "the program p.yaml has 60 instructions, and 50 are allowed: --steps 60"),
    ]
]
VERBS = [
    *(
        case(f"{verb} without a run", f"Missing argument 'RUN'; see `l2mac {verb} --help`", verb)
        for verb in ("resume", "status", "log", "show", "report", "order")
    ),
    *(
        case(f"{verb} of a run that is not there", NOWHERE, verb, "nowhere")
        for verb in ("resume", "status", "log", "show")
    ),
    case(
        "report of a run that is not there",
        "there is no run 'nowhere', neither as a folder nor in workspace/; l2mac \"PROMPT\" begins one",
        "report",
        "nowhere",
    ),
    case(
        "order to a run that is not there",
        "there is no run 'nowhere', neither as a folder nor in workspace/; l2mac \"PROMPT\" begins one",
        "order",
        "nowhere",
        "pause",
    ),
    case(
        "export of a run that is not there",
        "there is no run 'nowhere', neither as a folder nor in workspace/; l2mac \"PROMPT\" begins one",
        "export",
        "nowhere",
        "--format",
        "zip",
    ),
    case(
        "a run whose name no system takes",
        "there is no run 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…', neither as a folder nor "
        'in workspace/; l2mac "PROMPT" begins one',
        "status",
        LONG,
    ),
    spoilt(
        "a run that is misspelt",
        "there is no run 'rnu', neither as a folder nor in workspace/; did you mean run?",
        "status rnu",
        None,
    ),
    spoilt(
        "a run of another name",
        "there is no run 'chess', neither as a folder nor in workspace/; there is run",
        "log chess",
        None,
    ),
    case(
        "a folder that is no run",
        "there is no run 'app', neither as a folder nor in workspace/; l2mac \"PROMPT\" begins one",
        "status",
        "app",
        files={"app/a.py": ""},
    ),
    case(
        "a file for a run",
        "there is no run 'f', neither as a folder nor in workspace/; l2mac \"PROMPT\" begins one",
        "resume",
        "f",
        files={"f": ""},
    ),
    spoilt(
        "export in no form",
        "Missing option '--format'. Choose from: epub, pdf, html, docx, md, tape, zip; see `l2mac export --help`",
        "export run",
        None,
    ),
    spoilt(
        "export in a form that is not there",
        "Invalid value for '--format': 'mobi' is not one of 'epub', 'pdf', 'html', 'docx', 'md', 'tape', 'zip'; "
        "see `l2mac export --help`",
        "export run --format mobi",
        None,
    ),
    spoilt(
        "export of code as a book",
        "what is retired is no book (no book.yaml, outline.yaml or chapters/*.md); --format zip takes it along",
        "export run --format epub",
        None,
    ),
    spoilt(
        "export of a book that is not begun",
        "nothing is retired yet, so there is no book to export",
        "export run --format pdf",
        None,
        run="planned",
    ),
    spoilt(
        "export to a folder that is not there",
        "no/such/a.zip can't be written: No such file or directory; name another with --to",
        "export run --format zip --to no/such/a.zip",
        None,
    ),
    spoilt(
        "export of a tape to a folder that is not there",
        "no/a.jsonl can't be written: No such file or directory; name another with --to",
        "export run --format tape --to no/a.jsonl",
        None,
    ),
    spoilt(
        "export over a folder",
        "workspace is there and is no file; name another with --to",
        "export run --format zip --to workspace",
        None,
    ),
    spoilt(
        "export of a tape over a folder",
        "workspace can't be written: Is a directory; name another with --to",
        "export run --format tape --to workspace",
        None,
    ),
    spoilt(
        "export of what is not made yet",
        "nothing is retired yet, so there is nothing to put into a zip",
        "export run --format zip",
        None,
        run="planned",
    ),
    spoilt(
        "report to a folder that is not there",
        "no/such.html can't be written: No such file or directory; name another with --to",
        "report run --to no/such.html",
        None,
    ),
    spoilt(
        "show what is not there",
        "there is no 'I9' in this run; there is: program, requirements, prompt, settings, files, checks, audit, "
        "I0, I1, a turn such as I1/1",
        "show run I9",
        None,
    ),
    spoilt("show a turn that is not there", "there is no turn 'I1/99'; there is: I1/0/1", "show run I1/99", None),
    spoilt(
        "show as JSON what has no such form",
        "--json is for program, requirements and one instruction, such as I1",
        "show run files --json",
        None,
    ),
    spoilt(
        "an unknown order",
        "Invalid value for 'ORDER': 'jump' is not one of 'pause', 'resume', 'stop', 'note', 'model', 'budget', 'add', "
        "'edit', 'drop', 'move', 'retry', 'write', 'delete'; "
        "see `l2mac order --help`",
        "order run jump",
        None,
    ),
    spoilt(
        "an order with a word too many",
        "`order pause` does not take 'now'; see l2mac order --help",
        "order run pause now",
        None,
    ),
    spoilt(
        "a note that says nothing",
        "`order note` does not take 'nothing'; see l2mac order --help",
        "order run note",
        None,
    ),
    case(
        "an empty note",
        "`order note ` is not understood; see l2mac order --help",
        "order",
        "run",
        "note",
        "",
        run="done",
    ),
    spoilt(
        "a budget in words",
        "`order budget cost much` is not understood; see l2mac order --help",
        "order run budget cost much",
        None,
    ),
    spoilt(
        "a negative budget",
        "`order budget cost -5` is not understood; see l2mac order --help",
        "order run budget cost -- -5",
        None,
    ),
    spoilt(
        "a budget of nothing known",
        "`order budget wine 5` is not understood; see l2mac order --help",
        "order run budget wine 5",
        None,
    ),
    spoilt(
        "a raised budget without end",
        "`order budget cost inf` is not understood; see l2mac order --help",
        "order run budget cost inf",
        None,
    ),
    spoilt(
        "an order without a model",
        "`order model` does not take 'nothing'; see l2mac order --help",
        "order run model",
        None,
    ),
    spoilt(
        "an order for a run that is complete",
        "run is complete; there is nothing left to steer",
        "order run pause",
        folder_in_the_way,
    ),
    spoilt(
        "an order about what is not there",
        "that can't be done: there is no instruction I9; there is I1",
        "order run drop I9",
        None,
        run="planned",
    ),
    spoilt(
        "an order that leaves nothing to do",
        "that can't be done: R1 would be covered by nothing that is still to be done; let an instruction cover it; the "
        "program has no instructions; it needs at least one",
        "order run drop I1",
        None,
        run="planned",
    ),
    spoilt(
        "an order to try again what is not blocked",
        "that can't be done: I1 is not blocked; only what is blocked is tried again",
        "order run retry I1",
        None,
        run="planned",
    ),
    spoilt(
        "an order to write outside",
        "that can't be done: '../x' leaves the file store; use a relative path such as 'src/app.py'",
        "order run write ../x mine.txt",
        None,
        run="planned",
    ),
    spoilt(
        "an order to write from a file that is not there",
        "nowhere.txt can't be read: No such file or directory; name another file",
        "order run write x nowhere.txt",
        None,
        run="planned",
    ),
    spoilt(
        "a program edited without a terminal",
        "there is no terminal to edit on: `l2mac program show run --yaml > p.yaml`, change that, `l2mac program "
        "edit run --file p.yaml`",
        "program edit run",
        None,
        run="planned",
    ),
    spoilt(
        "a program edited into nothing",
        "p.yaml can't be had: R1 would be covered by nothing that is still to be done; let an instruction cover it; "
        "the program has no instructions; it needs at least one; it is kept as it is: mend it, then `l2mac program "
        "edit run --file p.yaml`",
        "program edit run --file p.yaml",
        None,
        run="planned",
        files={"p.yaml": "{requirements: [{id: R1, text: It is done.}], instructions: []}"},
    ),
    spoilt(
        "a program edited so that a requirement is dropped",
        "p.yaml can't be had: R1 is what was asked for, and can't be left out; it is kept as it is: mend it, then "
        "`l2mac program edit run --file p.yaml`",
        "program edit run --file p.yaml",
        None,
        run="planned",
        files={"p.yaml": "[{id: I1, title: Do I1, text: Do I1.}]"},
    ),
    spoilt(
        "a program edited into no program",
        "p.yaml is neither a list of instructions nor a mapping with `instructions`; it is kept as it is: mend it, "
        "then `l2mac program edit run --file p.yaml`",
        "program edit run --file p.yaml",
        None,
        run="planned",
        files={"p.yaml": "hello"},
    ),
    case("a program of a run that is not there", NOWHERE, "program", "show", "nowhere"),
    case(
        "a check of what is not there",
        "there is no program 'nowhere', neither a file nor a blueprint; there is command-line-tool, data-analysis, "
        "library, web-service",
        "program",
        "check",
        "nowhere",
    ),
    case(
        "an unknown verb of config", "No such command 'frobnicate'; see `l2mac config --help`", "config", "frobnicate"
    ),
    case(
        "settings written twice",
        "~/.l2mac/config.yaml exists and is left as it is; edit it, or move it away first",
        "--init-config",
        home="llm: {}\n",
    ),
    case("a word too many", "Got unexpected extra argument (now); see `l2mac doctor --help`", "doctor", "now"),
    case("an error as JSON", WAYS_OUT, "x", "--json"),
]
JOURNALS = [
    *(
        spoilt(f"{verb} of a journal that is garbage", GARBAGE, f"{verb} run{more}", database(b"garbage" * 1000))
        for verb, more in [
            ("resume", ""),
            ("status", ""),
            ("log", ""),
            ("show", ""),
            ("report", ""),
            ("export", " --format zip"),
        ]
    ),
    spoilt(
        "a journal that is empty",
        "the run at …/workspace/run was stopped before it began; start it again",
        "status run",
        database(b""),
    ),
    spoilt(
        "resume with an empty journal",
        "the run at …/workspace/run was stopped before it began; start it again",
        "resume run",
        database(b""),
        makes=STATE,
    ),
    spoilt(
        "a journal of another version",
        "…/workspace/run/.l2mac/run.db was written by another version of l2mac (format 99); use that version",
        "status run",
        database(None, "PRAGMA user_version=99"),
    ),
    spoilt(
        "a journal that lost its texts",
        "the journal …/workspace/run/.l2mac/run.db is damaged: a payload is lost; restore it from a copy",
        "log run",
        database(None, "DELETE FROM blobs"),
    ),
    spoilt(
        "a run that another process works on",
        "another process is at work on …/workspace/run; wait for it or stop it",
        "resume run",
        another_at_work,
        run="planned",
    ),
    spoilt(
        "a run on another branch",
        "…/workspace/run is on branch mine, and the run works on main; git -C …/workspace/run switch main",
        "resume run",
        branch_left,
        run="planned",
        makes=STATE,
    ),
    spoilt(
        "an undo on a branch of one's own",
        "…/workspace/run is on branch mine, and the run works on main; git -C …/workspace/run switch main",
        "undo run --to 0",
        branch_left,
        makes=STATE,
    ),
    spoilt(
        "a run whose git folder is gone",
        "…/workspace/run has lost its .git; restore that from a copy, or begin anew",
        "resume run",
        git_gone,
        run="planned",
        makes=STATE,
    ),
]
PAST = [
    case("an undo of a run that is not there", NOWHERE, "undo", "nowhere", "--to", "1"),
    case("an undo to nowhere", "Missing option '--to'; see `l2mac undo --help`", "undo", "run"),
    spoilt(
        "an undo to a number that does not exist",
        UNKNOWN.format(7),
        "undo run --to 7",
        None,
        makes=STATE,
    ),
    spoilt("an undo to a word", UNKNOWN.format("I9"), "undo run --to I9", None, makes=STATE),
    spoilt(
        "an undo while the run goes on",
        "another process is at work on …/workspace/run; wait for it or stop it",
        "undo run --to 0",
        another_at_work,
    ),
    case("a fork of a run that is not there", NOWHERE, "fork", "nowhere", "--at", "1"),
    spoilt("a fork at a number that does not exist", UNKNOWN.format(7), "fork run --at 7", None),
    spoilt("a fork at a negative number", UNKNOWN.format(-1), "fork run --at -1", None),
    spoilt(
        "a fork named like a path",
        "--name '../out' can't be a folder's name; take one such as snake-game",
        "fork run --at 1 --name ../out",
        None,
    ),
    spoilt(
        "a fork below a file",
        "…/t.jsonl/.run-fork.part can't be written (Not a directory); choose another folder with --out",
        "fork run --at 1 --out t.jsonl",
        None,
    ),
    spoilt(
        "a fork that stays, with a model",
        "--stay makes the run and no more; give the settings to `l2mac resume` then; see `l2mac fork --help`",
        "fork run --at 1 --stay --model x",
        None,
    ),
    case("a replay of a run that is not there", NOWHERE, "replay", "nowhere"),
    spoilt(
        "a replay of a run whose git folder is gone",
        "…/workspace/run has lost its .git; restore that from a copy, or begin anew",
        "replay run",
        git_gone,
    ),
    spoilt(
        "a replay of a journal that has lost an event",
        "event 5, I0/0/1/program (program), comes next in the journal, and now it is I0/0/1/reply (reply)",
        "replay run",
        database(None, "DELETE FROM events WHERE seq = 4"),
        code=4,
    ),
    spoilt("a replay of a journal that is garbage", GARBAGE, "replay run", database(b"garbage" * 1000)),
    spoilt(
        "a fork of a run whose git folder is gone",
        "…/workspace/run has lost its .git; restore that from a copy, or begin anew",
        "fork run --at 1",
        git_gone,
    ),
]
CASES = [*RUN, *PROGRAMS, *VERBS, *JOURNALS, *PAST]
