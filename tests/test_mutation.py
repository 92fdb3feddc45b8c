"""The spot check by mutation in a run: reported in the end, or refusing completions."""

from l2mac import load_settings, past
from l2mac.control.state import state
from l2mac.memory.journal import Journal
from l2mac.panel.story import tell
from l2mac.panel.table import rendered
from l2mac.panel.views import caveats, status
from l2mac.testing import calls

from .jobs import ADD, TEST_ADD, build, done, events, program, told, write

LISTED = "def add(a, b):\n    total = [a + b]\n    yield from total\n"
POOR = "from add import add\n\n\ndef test_add():\n    assert list(add(2, 0)) == [2]\n"
GOOD = POOR.replace("2, 0", "2, 3").replace("[2]", "[5]")
MISSED = "add.py:2: `a + b` became `a - b`"


def settings(mode):
    return load_settings(changes=[f"checks.mutation={mode}", "checks.mutants=1"])


def seen(folder):
    journal = Journal(folder / ".l2mac" / "run.db", writable=False)
    try:
        return state(journal), [line for event in journal.events() for line in tell(event, journal)]
    finally:
        journal.close()


def test_the_report_says_how_many_broken_lines_were_noticed(tmp_path):
    script = [program("I1"), calls(write(add_dot_py=LISTED, tests__test_add_dot_py=POOR), done())]
    codebase, _ = build(script, tmp_path, settings=settings("report"))
    now, story = seen(codebase.path)
    assert codebase.complete, "it is reported and refuses nothing"
    assert status(now)["mutation"] == {"told": "0 of 1 broken lines noticed", "noticed": 0, "unnoticed": [MISSED]}
    assert caveats(now)["unnoticed"] == [MISSED]
    assert "  mutation: 0 of 1 broken lines noticed" in story and f"    {MISSED}" in story
    assert "mutation: 0 of 1 broken lines noticed" in rendered({**status(now), "working": False})
    past.undo(codebase.path, 0)
    assert status(seen(codebase.path)[0])["mutation"] is None, "what was undone is not what was broken"


def test_a_setting_lets_it_refuse_and_then_only_twice(tmp_path):
    first = calls(write(add_dot_py=LISTED, tests__test_add_dot_py=POOR), done())
    better = calls(write(tests__test_add_dot_py=GOOD), done())
    codebase, processor = build([program("I1"), first, better], tmp_path, settings=settings("refuse"))
    assert f"- {MISSED}, and no test failed: let one notice" in told(processor.requests[-1])[-1]
    assert codebase.complete and seen(codebase.path)[0].mutants.gist == "1 of 1 broken lines noticed"
    stubborn = [program("I1"), first, calls(done("Again.")), calls(done("And again."))]
    codebase, _ = build(stubborn, tmp_path, settings=settings("refuse"))
    assert codebase.complete and seen(codebase.path)[0].mutants.unnoticed == (MISSED,)


def test_it_can_be_turned_off_and_has_nothing_to_do_without_tests(tmp_path):
    script = [program("I1"), calls(write(add_dot_py=ADD, tests__test_add_dot_py=TEST_ADD), done())]
    codebase, _ = build(script, tmp_path, settings=settings("off"))
    assert "mutation" not in {kind for (kind,) in events(codebase.path, "kind")}
    script = [program("I1"), calls(write(a_dot_txt="a"), done())]
    codebase, _ = build(script, tmp_path, settings=settings("report"))
    assert seen(codebase.path)[0].mutants.gist == "there is no Python that tests could notice"
