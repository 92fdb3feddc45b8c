"""Print the table as a document: `python -m tests.bad_input > docs/bad-input.md`."""

import sys

from . import command_line, model, names, provider, settings, surroundings

HEAD = """# Bad input

What a user, a provider, a model and the computer can do wrong, and what comes of it. Every row is a test in
`tests/bad_input`, which compares the line below with the one that was really said; this page is made of those rows by
`python -m tests.bad_input > docs/bad-input.md`.

Whatever happens: one clear line on standard error that says what to do (after `l2mac: `; with `--json` as JSON too), or
a fault to the model; never a traceback; no key in any text or journal; nothing written outside the run's folder and
`~/.l2mac`; and what was retired is still there, and goes on with `l2mac resume`.

In the lines, `…` stands for the folder in which the command is given, PORT for a port, N for seconds, HASH for a hash.
Exit codes: 2 usage or configuration, 3 the model, 130 interrupted, 0 the run completes all the same.
"""


def document():
    """The whole page."""
    return "\n".join([HEAD, *_commands(), *_providers(), *_model(), *_names()])


def _commands():
    for group in (command_line, settings, surroundings):
        yield from _heading(group.TITLE, "what is wrong", "the command", "what is said", "exit")
        for case in group.CASES:
            yield _row(case.id, _code(case.line), _said(case.says), str(case.code))
        yield ""


def _providers():
    yield from _heading(provider.TITLE, "what it does", "what is said", "exit")
    for case in provider.CASES:
        yield _row(case.id, _said(case.says.removeprefix("l2mac: ")), str(case.code))
    yield "\nEach of these runs is then resumed with a provider that is well, and completes.\n"


def _model():
    yield from _heading(model.TITLE, "what it replies", "the first line of each result")
    for case in model.CASES:
        yield _row(case.id, "<br>".join(_code(line) for line in dict.fromkeys(case.says)))
    yield "\nAfter each of these replies the run goes on and completes.\n"


def _names():
    yield from _heading(names.TITLE, "what", "what comes of it")
    for what, then in names.ROWS:
        yield _row(what, then)
    yield ""


def _heading(title, *columns):
    return [f"## {title}", "", _row(*columns), _row(*["---"] * len(columns))]


def _row(*cells):
    return f"| {' | '.join(cells)} |"


def _said(says):
    """The line that is said, or that none is."""
    return "<br>".join(_code(line) for line in says.splitlines()) if says else "(nothing; the run completes)"


def _code(text):
    """A text as code in a cell."""
    fence = "``" if "`" in text else "`"
    shown = text.replace("|", "\\|").replace("\n", " ")
    return f"{fence} {shown} {fence}" if fence == "``" else f"`{shown}`"


if __name__ == "__main__":
    sys.stdout.write(document())
