"""What a person sees on a terminal while a run goes."""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from dataclasses import replace

import pyte
import pytest
from rich.cells import cell_len

from l2mac.errors import Interrupted
from l2mac.panel.follower import Follower, Row, View, expected, remaining
from l2mac.panel.live import LiveConsole
from l2mac.panel.picture import picture
from l2mac.panel.tail import Tail
from l2mac.processor.protocol import Usage
from l2mac.testing import calls
from l2mac.watcher import Watcher

from ..jobs import ADD, TEST_ADD, build, done, program, write
from .test_cli import JOB, finished, playing  # noqa: F401

SHORT = View(
    rows=(
        Row("I1", "Write the store", "done", 2, 4),
        Row("I2", "Write the command line", "now", 1, 3, 1),
        Row("I3", "Write the README", "waiting"),
        Row("I4", "Write what can't be done", "blocked", 24),
    ),
    action="writing snake.py, 1,240 characters",
    seconds=12,
    checks="syntax passed, lint passed, tests failed (tests/test_cli.py::test_help)",
    failing=True,
    tokens=(12_345, 1_234),
    cost=1.8,
    elapsed=134,
    left="$18.20 of $20 left",
    processor="openai gpt-5 at https://api.openai.com/v1",
    sandbox="none",
)
LONG = View(
    rows=tuple(
        Row(f"I{at}", f"Do {at}", "done" if at < 13 else "now" if at == 13 else "waiting") for at in range(1, 44)
    ),
    action="waiting for the model",
    processor="x",
)


def lines(view, width=80, height=24):
    return [line.plain for line in picture(view, width, height)]


# -- the picture ------------------------------------------------------------------------------------------------------


def test_the_picture_shows_the_program_the_action_the_checks_and_what_it_costs():
    assert lines(SHORT) == [
        "",
        "    ✓ I1  Write the store           done      2 turns    4 tests",
        "    ● I2  Write the command line    now        1 turn  3/4 tests",
        "    · I3  Write the README          waiting",
        "    ✗ I4  Write what can't be done  blocked  24 turns",
        "",
        "00:12 writing snake.py, 1,240 characters",
        "    ✗ syntax passed, lint passed, tests failed (tests/test_cli.py::test_help)",
        "",
        "      12.3k + 1.2k tokens · $1.80 · 02:14 · $18.20 of $20 left · sandbox none",
        "      openai gpt-5 at https://api.openai.com/v1",
    ]


@pytest.mark.parametrize("height", [1, 2, 3, 8, 24, 60])
@pytest.mark.parametrize("width", [1, 2, 10, 40, 60, 80, 200])
@pytest.mark.parametrize("view", [View(), SHORT, LONG], ids=["empty", "short", "long"])
def test_the_picture_fits_any_terminal(view, width, height):
    drawn = lines(view, width, height)
    assert all(cell_len(line) < max(width, 2) for line in drawn)
    assert 1 <= len(drawn) <= max(height * 2 // 3, 1)
    if width >= 40 and height >= 8 and view.rows:
        assert any("●" in line for line in drawn), "the current instruction is always in sight"
        assert any(view.action[:20] in line for line in drawn)


def test_of_a_long_program_the_current_part_is_seen_and_the_rest_is_counted():
    drawn = lines(LONG)
    assert any("● I13" in line for line in drawn)
    shown = [line for line in drawn if " Do " in line]
    first, last = int(shown[0].split()[1][1:]), int(shown[-1].split()[1][1:])
    assert first > 1 and last < 43
    assert f"      … {first - 1} done above, {43 - last} waiting below" in drawn


def test_a_tape_is_named_as_one_and_an_unknown_cost_is_not_zero():
    view = replace(SHORT, played="tape snake: recorded replies, no model is asked", cost=None)
    drawn = "\n".join(lines(view))
    assert "tape snake: recorded replies, no model is asked" in drawn
    assert "cost unknown" in drawn and "$0" not in drawn


HOSTILE = [
    "\x1b[2J\x1b[31m\x07boo",
    "a\r\nb\tc",
    "漢字" * 60,
    "e\u0301\u202eevil\u200b",
    "👨‍👩‍👧" * 40,
    "\ud800",
    "\x9b31m",
    " ",
]


def sees_through(view):
    for width in (10, 40, 80):
        for at, field in enumerate(("action", "said", "checks", "left", "processor", "sandbox", "played")):
            drawn = picture(replace(SHORT, **{field: view}), width, 24)
            assert all(line.plain.isprintable() and line.cell_len < width for line in drawn), (at, width)
        row = Row(view, view, "now", 1, 1)
        assert all(line.plain.isprintable() for line in picture(View(rows=(row, row)), width, 24))


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_no_text_can_break_the_picture(text):
    sees_through(text)


def test_no_naughty_string_can_break_the_picture(shared_data):
    for text in json.loads((shared_data / "blns" / "blns.json").read_text()):
        sees_through(text)


def test_of_a_text_that_is_being_said_the_end_is_seen():
    said = f"{'word ' * 60}the end"
    drawn = lines(View(said=said), 40)
    assert any(line.endswith("the end") and "…" in line and len(line) < 40 for line in drawn)


# -- what stands in it ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "usage", "number", "seconds", "told"),
    [
        ({"cost": 20.0, "tokens": 1_000_000}, Usage(100, 0, 0, 0, 1.8), 3, 60, "$18.20 of $20 left"),
        ({"cost": 20.0, "tokens": 1_000}, Usage(600, 0, 0, 0, 1.8), 3, 60, "400 of 1k tokens left"),
        ({"cost": 20.0, "calls": 100}, Usage(600, 0, 0, 0, None), 40, 60, "60 of 100 calls left"),
        ({"minutes": 90.0}, Usage(), 1, 600, "80 of 90 minutes left"),
        ({"cost": 2.5}, Usage(1, 0, 0, 0, 9.0), 1, 1, "$0.00 of $2.5 left"),
        ({"cost": None, "tokens": None}, Usage(5), 1, 1, ""),
        ({"cost": 20.0}, Usage(5), 1, 1, ""),
        ({"cost": 20.0}, Usage(cost=0.0), 0, 0, ""),
    ],
)
def test_what_is_left_is_told_of_the_nearest_limit(limits, usage, number, seconds, told):
    assert remaining(limits, usage, number, seconds) == told


def heard(*texts, size=7):
    tail = Tail()
    for text in texts:
        for at in range(0, len(text), size):
            tail.hear(text[at : at + size])
    return tail.said or tail.done


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (["Let me see.\nI write it now"], "I write it now"),
        (["Let me see.\n"], "Let me see."),
        (['{"files": [{"path": "a b.py", "content": "12345'], "writing a b.py, 5 characters"),
        (['{"files": [{"path": "a.py", "content": "x\\n\\"path\\": \\"no.py\\"'], "writing a.py, 17 characters"),
        (
            ["Now.", '{"files": [{"path": "a.py", "content": "1"}, {"path": "b.py", "content": "12'],
            "writing b.py, 2 characters",
        ),
        (['{"path": "\\u00e4.py", "edits": [{"find": "x'], "editing ä.py"),
        (['{"requests": [{"path": "a.py"}, {"path": "b.py"'], "reading b.py"),
        (['{"command": "ls -la"'], "asking to run ls -la"),
        (['{"pattern": "def "'], "searching for def"),
        (
            ['{"requirements": [], "instructions": [{"id": "I1", "title": "A"}, {"title": "B"'],
            "planning, 2 instructions so far",
        ),
        (['{"files": [{"path": "a.py", "content": "1"}]}', '{"summary": "Done'], "summing up"),
        (['{"glob": "*"'], "calling a tool"),
        ([""], ""),
    ],
)
def test_the_tail_of_a_reply_says_what_it_is_about(texts, told, size):
    assert heard(*texts, size=size) == told


def test_a_reply_tells_the_steps_that_follow_it():
    reply = calls(("run_command", {"command": "ls"}), ("run_command", "{"), ("run_tests", {}), write(a="b"), done())
    assert list(expected(reply)) == [
        "running ls",
        "running a command",
        "checking: the tests that were asked for",
        "checking everything",
    ]
    assert list(expected(calls(write(a="b")))) == ["checking what was written"]
    assert list(expected(calls(("list_files", {})))) == []


def test_a_wait_is_counted_down_and_ends_with_the_next_piece_or_by_itself():
    seconds = [0.0]
    follower = Follower(lambda: seconds[0])
    follower.notice("429: rate limit; waiting 5 s")
    seconds[0] = 3.5
    assert (follower.view().action, follower.view().seconds) == ("waiting: 429: rate limit, 2 s left", 3)
    seconds[0] = 6.0
    assert (follower.view().action, follower.view().seconds) == ("waiting for the model", 1)
    follower.notice("503: overloaded; waiting 1e+03 s")
    follower.text("Well, ")
    assert (follower.view().action, follower.view().said) == ("waiting for the model", "Well,")
    follower.notice("answer /x/0001.request.md")
    assert follower.view().action == "waiting for you: answer /x/0001.request.md"


def test_what_is_done_now_follows_from_the_events(tmp_path, opened):
    """At each event, what the machine turns to next."""
    follower, told, state = Follower(), [], []

    def opened(folder, journal, now):
        follower.opened(now)
        state.append(journal)

    def event(it):
        if state:
            follower.event(it, state[0])
            told.append((it.kind, follower.view().action))

    script = [
        program("I1"),
        calls(("run_command", {"command": "true"}), ("run_tests", {}), write(add_dot_py=ADD)),
        calls(write(tests__test_add_dot_py=TEST_ADD), done()),
    ]
    build(script, tmp_path, watcher=Watcher(opened, event, follower.asked, follower.text))
    asking = "waiting for the model"
    assert told == [
        ("began", asking),
        ("reply", asking),
        ("program", asking),
        ("began", asking),
        ("reply", "running true"),
        ("command", "checking: the tests that were asked for"),
        ("checks", "checking what was written"),
        ("checks", asking),
        ("reply", "checking everything"),
        ("checks", asking),
        ("retired", "checking the whole"),
        ("committed", "checking the whole"),
        ("audit", "checking the whole"),
        ("ended", "ending"),
    ]
    rows = follower.view().rows
    assert [(row.id, row.state, row.turns, row.passed) for row in rows] == [("I1", "done", 2, 1)]


def test_what_was_expected_and_did_not_come_is_given_up_when_the_model_is_asked(tmp_path, opened):
    """A call with a fault brings no check, and no event says that the machine goes on to ask."""
    follower, seen = Follower(), []

    def asks(request):
        seen.append(follower.view().action)
        return calls(write(add_dot_py=ADD, tests__test_add_dot_py=TEST_ADD), done())

    events = []

    def event(it):
        if events:
            follower.event(it, events[0])

    def opened(folder, journal, now):
        follower.opened(now)
        events.append(journal)

    faulty = calls(("complete_instruction", {"summary": ""}))
    build([program("I1"), faulty, asks], tmp_path, watcher=Watcher(opened, event, follower.asked, follower.text))
    assert seen == ["waiting for the model"]


# -- on a terminal ----------------------------------------------------------------------------------------------------


class Terminal:
    """A terminal with a program in it. Like most, it breaks lines anew when its width changes."""

    def __init__(self, *arguments, columns=80, rows=24, **variables):
        self.ours, theirs = pty.openpty()
        self.written = b""
        self._show(columns, rows)
        environment = {**os.environ, "TERM": "xterm-256color", **variables}
        environment.pop("XTERM_VERSION", None)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "l2mac", *map(str, arguments)],
            env=environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(theirs)

    def _show(self, columns, rows, text=""):
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.stream.feed(text.encode())

    @property
    def seen(self):
        return [line.rstrip() for line in self.screen.display]

    def resize(self, columns, rows):
        lines = self.seen[: self.screen.cursor.y + 1]
        self._show(columns, rows, "\r\n".join(lines))

    def look(self, until, seconds=60):
        """Show what the program writes until something is seen, or the program ends."""
        stop = time.monotonic() + seconds
        while time.monotonic() < stop:
            if until("\n".join(self.seen)):
                return True
            if select.select([self.ours], [], [], 0.2)[0]:
                try:
                    data = os.read(self.ours, 65536)
                except OSError:
                    break  # the program has ended
                self.written += data
                self.stream.feed(data)
        return until("\n".join(self.seen))

    def end(self):
        self.look(lambda text: False)
        code = self.process.wait(10)
        os.close(self.ours)
        return code


@pytest.fixture
def opened():
    """Opens terminals; what still runs in one when the test is over, ends."""
    terminals = []

    def open_one(*arguments, **options):
        terminals.append(Terminal(*arguments, **options))
        return terminals[-1]

    yield open_one
    for it in terminals:
        it.process.kill()
        it.process.wait()


def is_clean(terminal):
    """Nothing of the region is left, and the cursor is seen."""
    text = "\n".join(terminal.seen)
    return not terminal.screen.cursor.hidden and not any(mark in text for mark in "●✓·")


def test_the_region_stands_below_the_story_and_gives_way_to_the_ending(finished, tmp_path, opened):  # noqa: F811
    terminal = opened("Make an adder.", "--out", tmp_path, *playing(finished[1]))
    assert terminal.look(lambda text: "● I1" in text and "checking" in text)
    during = terminal.seen
    assert terminal.screen.cursor.hidden
    assert any("tape adder: recorded replies, no model is asked" in line for line in during)
    assert terminal.end() == 0
    assert is_clean(terminal)
    last = [line for line in terminal.seen if line]
    assert last[-1].endswith("/adder") or "".join(last[-2:]).endswith("/adder")
    told = "\n".join(last)
    assert "complete: 1 instruction, 1 of 1 requirement shown" in told and "retired:" in told
    assert b"\x1b[32m" in terminal.written, "what retired is green"


def test_a_terminal_that_changes_its_size_shows_one_region_and_nothing_of_the_old_one(finished, tmp_path, opened):  # noqa: F811
    terminal = opened("Make an adder.", "--out", tmp_path, "--verbose", *playing(finished[1]))
    assert terminal.look(lambda text: "● I1" in text)
    for columns, rows in ((50, 24), (80, 24), (40, 16), (100, 30), (60, 10)):
        terminal.resize(columns, rows)
        before = len(terminal.written)
        # What the program was just writing may still come before it learns of the new size.
        one = lambda text: text.count("● I") <= 1 and text.count("tokens ·") <= 1  # noqa: E731
        assert terminal.look(lambda text: len(terminal.written) > before and one(text)), terminal.seen  # noqa: B023
    assert terminal.end() == 0
    assert is_clean(terminal)


def test_an_interrupt_leaves_the_terminal_clean_and_says_how_to_go_on(finished, tmp_path, opened):  # noqa: F811
    terminal = opened("Make an adder.", "--out", tmp_path, *playing(finished[1]))
    assert terminal.look(lambda text: "● I1" in text)
    assert not termios.tcgetattr(terminal.ours)[3] & termios.ECHO, "what is typed would move the region"
    os.write(terminal.ours, b"\x03")
    assert terminal.look(lambda text: "goes on" in text)
    modes = termios.tcgetattr(terminal.ours)
    assert terminal.end() == 130
    assert is_clean(terminal) and modes[3] & termios.ECHO
    assert "l2mac resume" in "\n".join(terminal.seen)


def test_a_process_that_is_stopped_gives_the_terminal_back_and_takes_it_again(finished, tmp_path, opened):  # noqa: F811
    terminal = opened("Make an adder.", "--out", tmp_path, *playing(finished[1]))
    assert terminal.look(lambda text: "● I1" in text)
    os.kill(terminal.process.pid, signal.SIGTSTP)  # a terminal without a shell stops nobody by Ctrl-Z
    terminal.look(lambda text: not terminal.screen.cursor.hidden, 10)
    assert is_clean(terminal)
    os.kill(terminal.process.pid, signal.SIGCONT)
    assert terminal.look(lambda text: "● I1" in text)
    assert terminal.end() == 0 and is_clean(terminal)


def test_without_colours_there_are_none(finished, tmp_path, opened):  # noqa: F811
    terminal = opened("Make an adder.", "--out", tmp_path, *playing(finished[1]), NO_COLOR="1")
    assert terminal.end() == 0
    assert "●".encode() in terminal.written
    codes = {code for found in re.findall(rb"\x1b\[([0-9;]*)m", terminal.written) for code in found.split(b";")}
    assert codes <= {b"", b"0", b"1", b"2"}, "bold and faint are no colours"


def test_a_terminal_without_utf8_is_painted_in_ascii(finished, tmp_path, opened):  # noqa: F811
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    terminal = opened("Make an adder.", "--out", tmp_path, *playing(finished[1]), **plain)
    assert terminal.look(lambda text: "> I1" in text)
    assert terminal.end() == 0
    assert terminal.written.isascii()


@pytest.mark.parametrize("flags", [["--quiet"], ["--json"]])
def test_who_asks_for_quiet_or_for_json_gets_no_region(flags, finished, tmp_path, opened):  # noqa: F811
    terminal = opened("Make an adder.", "--out", tmp_path, *flags, *playing(finished[1]))
    assert terminal.end() == 0
    assert b"\x1b" not in terminal.written


def test_a_dumb_terminal_gets_plain_lines(finished, tmp_path, opened):  # noqa: F811
    terminal = opened("Make an adder.", "--out", tmp_path, *playing(finished[1]), TERM="dumb")
    assert terminal.end() == 0
    assert b"\x1b" not in terminal.written and b"complete: 1 instruction" in terminal.written


def test_without_a_terminal_nothing_of_it_is_imported_and_the_tape_is_named_first_and_last(finished, tmp_path):  # noqa: F811
    command = [sys.executable, "-X", "importtime", "-m", "l2mac", "Make an adder.", "--out", str(tmp_path)]
    ran = subprocess.run([*command, *playing(finished[1])], capture_output=True, text=True, timeout=120)
    imported = [line for line in ran.stderr.splitlines() if line.startswith("import time:")]
    told = [line for line in ran.stderr.splitlines() if not line.startswith("import time:")]
    assert imported and not [line for line in imported if line.split("|")[-1].strip().split(".")[0] == "rich"]
    tape = "tape adder: recorded replies, no model is asked"
    assert tape in "".join(told[:2]) and tape in told[-1]
    assert "\x1b" not in ran.stderr


# -- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.fixture
def terminal_stream():
    """One end of a terminal as a stream, and the other end."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    os.set_blocking(ours, False)
    with open(theirs, "w", encoding="utf-8") as stream:  # noqa: PTH123
        yield stream, ours
    os.close(ours)


def read(ours, until):
    """What stands on a terminal once a text is there; a painter that is late may still write."""
    told, stop = "", time.monotonic() + 30
    while until not in told and time.monotonic() < stop:
        with contextlib.suppress(BlockingIOError):
            told += os.read(ours, 1 << 20).decode(errors="replace")
        time.sleep(0.01)
    return told


class Faulty:
    """A stream on which the region can't be painted."""

    def __init__(self, stream):
        self.stream, self.encoding, self.fileno = stream, "utf-8", stream.fileno

    def write(self, text):
        if "\x1b[?2026h" in text:
            raise RuntimeError("no paint")
        self.stream.write(text)

    def flush(self):
        self.stream.flush()


def watched(console, tmp_path, script=JOB):
    try:
        return build(
            script,
            tmp_path,
            watcher=Watcher(console.opened, console.event, console.asked, console.text, console.notice),
        )[0]
    finally:
        console.close()


def test_a_fault_in_painting_ends_the_painting_and_not_the_run(terminal_stream, tmp_path):
    stream, ours = terminal_stream
    assert watched(LiveConsole(Faulty(stream)), tmp_path).complete
    told = read(ours, "R1 shown by add.py:1, tests/test_add.py::test_add")
    assert "the live console stopped (RuntimeError: no paint); the run goes on, told in plain lines" in told
    assert "retired:" in told and told.rstrip().endswith("R1 shown by add.py:1, tests/test_add.py::test_add")


def test_a_terminal_that_is_closed_ends_nothing(tmp_path):
    ours, theirs = pty.openpty()
    stream = open(theirs, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    os.close(ours)
    assert watched(LiveConsole(stream), tmp_path).complete
    with contextlib.suppress(OSError):
        stream.close()


def test_a_terminal_that_takes_nothing_holds_nothing_up(terminal_stream, tmp_path):
    stream, ours = terminal_stream
    termios.tcflow(stream.fileno(), termios.TCOOFF)
    events = []
    console = LiveConsole(stream)

    def follow(event):
        console.event(event)
        events.append(event.kind)

    script = [program("I1"), calls(write(add_dot_py=ADD, tests__test_add_dot_py=TEST_ADD), done())]
    codebase, _ = build(
        script, tmp_path, watcher=Watcher(console.opened, follow, console.asked, console.text, console.notice)
    )
    assert events[-1] == "ended" and codebase.complete
    termios.tcflow(stream.fileno(), termios.TCOON)
    console.close()
    assert "retired:" in read(ours, "retired:")


def test_what_else_is_printed_stands_above_the_region(terminal_stream, tmp_path):
    stream, ours = terminal_stream

    def warn(request):
        sys.stderr.write("a library's ")
        sys.stderr.write("warning\n")
        time.sleep(0.3)
        raise KeyboardInterrupt

    with contextlib.redirect_stderr(stream):
        with pytest.raises(Interrupted):
            watched(LiveConsole(stream), tmp_path, [program("I1"), warn])
        assert sys.stderr is stream
    screen = pyte.Screen(80, 24)
    pyte.Stream(screen).feed(read(ours, "\x1b[?25h"))
    assert "a library's warning" in [line.rstrip() for line in screen.display]


def test_an_interrupted_run_is_told_to_its_end(terminal_stream, tmp_path):
    stream, ours = terminal_stream

    def interrupted(request):
        time.sleep(0.3)
        raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        watched(LiveConsole(stream), tmp_path, [program("I1"), interrupted])
    told = read(ours, "\x1b[?25h")
    assert told.rstrip().endswith("\x1b[?25h") and "I1 Do I1" in told
