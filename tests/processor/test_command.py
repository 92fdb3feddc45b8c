"""The processor behind a program: real scripts, asked and heard, killed and cleaned up after."""

import json
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from l2mac.errors import ContextOverflow, ProcessorError, TransientError, UsageError
from l2mac.processor.command import CommandProcessor
from l2mac.processor.protocol import Message, Request
from l2mac.processor.text import TextProtocol
from l2mac.terminal import plain, standing


def said(command, request, **options):
    """What a program answers, without the end of its last line."""
    return CommandProcessor(command, **options).complete(request).message.content.removesuffix("\n")


@pytest.fixture
def script(tmp_path):
    """Write a Python script and return the command that runs it."""

    def write(text):
        path = tmp_path / f"program-{len(list(tmp_path.iterdir()))}.py"
        path.write_text(f"import os, sys, time\n{text}")
        return f"{sys.executable} {path}"

    return write


def test_a_program_reads_the_request_and_prints_the_reply(script, request_):
    heard = []
    program = script(
        "text = sys.stdin.read()\n"
        "assert '# System\\n\\nYou are a processor.' in text and text.endswith('# Assistant\\n')\n"
        "assert '## read_files' in text\n"
        "print('Reading.\\n```tool read_files\\npath: a.py\\n```')"
    )
    reply = TextProtocol(CommandProcessor(program, "qwen")).complete(request_, heard.append)
    assert (reply.message.content, reply.ending, reply.model) == ("Reading.", "called", "qwen")
    (call,) = reply.message.tool_calls
    assert (call.name, json.loads(call.arguments)) == ("read_files", {"path": "a.py"})
    assert (reply.usage.tokens, reply.usage.cost) == (0, None), "nobody knows"
    assert "".join(heard).startswith("Reading.\n")


def test_a_program_that_prints_the_request_first_is_heard_from_there_on(script, request_):
    program = script("print(sys.stdin.read()); print('Hello.')")
    assert said(program, request_) == "Hello."


def test_a_program_whose_path_has_a_slash_is_found_from_where_the_run_began(request_, tmp_path, monkeypatch):
    (tmp_path / "answer").write_text("#!/bin/sh\ncat >/dev/null\necho here\n")
    (tmp_path / "answer").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    assert said("./answer", request_) == "here"


def test_it_runs_in_an_empty_folder_with_the_users_environment_and_a_closed_input(script, request_, monkeypatch):
    monkeypatch.setenv("SOME_TOKEN", "mine")
    program = script("sys.stdin.read()\nprint(os.listdir(), os.environ['SOME_TOKEN'], os.getcwd())")
    answer = said(program, request_)
    assert answer.startswith("[] mine /")
    assert not Path(answer.split()[-1]).exists()


def test_it_is_split_as_in_a_shell_and_no_shell_is_started(script, request_):
    program = script("sys.stdin.read()\nprint(sys.argv[1:])")
    answer = said(f"{program} 'two words' $HOME ; echo", request_)
    assert answer == "['two words', '$HOME', ';', 'echo']"


def test_a_request_longer_than_any_pipe_reaches_a_program_that_talks_first(script):
    program = script("print('x' * 300_000); sys.stdout.flush()\nprint(len(sys.stdin.read()) > 900_000)")
    request = Request("1/I1/0/1", (Message("user", "long " * 200_000),))
    assert said(program, request).endswith("\nTrue")


def test_a_program_that_reads_nothing_is_heard_all_the_same(script):
    request = Request("1/I1/0/1", (Message("user", "long " * 200_000),))
    assert said(script("print('ok')"), request) == "ok"


FAILURES = [
    ("print(text)", ProcessorError, "nothing but the request"),
    ("sys.exit('Error: 429 Too Many Requests, slow down')", TransientError, "exit code 1.*slow down"),
    ("sys.exit('Error: could not connect to ollama app, is it running?')", TransientError, "could not connect"),
    ("print('noise', file=sys.stderr); sys.exit('model not found')", ProcessorError, "model not found.*llm.command"),
    ("sys.exit('HTTP 401: connection refused to this API key')", ProcessorError, "401"),
    ("sys.exit('prompt is too long: 300000 tokens > 200000 maximum')", ContextOverflow, "too long"),
    ("sys.exit(7)", ProcessorError, "exit code 7.*did not say why"),
    ("print('out: usage'); sys.exit(2)", ProcessorError, "out: usage"),
    ("os.kill(os.getpid(), 9)", ProcessorError, "killed by signal 9"),
    ("pass", TransientError, "printed no reply$"),
    ("print('\\x1b[?25l \\n'); print('it was the network', file=sys.stderr)", TransientError, "no reply: it was the"),
    ("time.sleep(60)", TransientError, "nothing for 0.5 s"),
    ("sys.stdout.close(); os.close(1); time.sleep(60)", TransientError, "nothing for 0.5 s"),
    ("while True: print('x' * 1000)", ProcessorError, "more than 100,000 bytes"),
]


@pytest.mark.parametrize(("text", "error", "told"), FAILURES)
def test_every_way_a_program_can_fail_is_told_in_one_line(script, request_, text, error, told):
    processor = CommandProcessor(script(f"text = sys.stdin.read()\n{text}"), timeout=0.5, most=100_000)
    with pytest.raises(ProcessorError, match=told) as raised:
        processor.complete(request_)
    assert type(raised.value) is error
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize("command", ["no-such-program --now", "/", "'' x"])
def test_a_program_that_cannot_be_started_is_told_in_one_line(command, request_):
    with pytest.raises(ProcessorError, match=r"llm\.command$"):
        CommandProcessor(command).complete(request_)


@pytest.mark.parametrize(
    "command", ["", "  ", "llm 'x", "llm --key abcdef", "env TOKEN=abc llm", "x sk-abcdefghijk", "a\0b"]
)
def test_a_command_that_cannot_be_split_or_holds_a_key_is_refused(command):
    with pytest.raises(UsageError, match=r"llm\.command"):
        CommandProcessor(command)


def test_neither_keys_nor_control_characters_stand_in_what_is_told(script, request_):
    program = script("sys.stdin.read(); sys.exit('\\x1b[31mbad key sk-verysecret1234\\x07\\x1b]0;title\\x07 here')")
    with pytest.raises(ProcessorError) as raised:
        CommandProcessor(program).complete(request_)
    assert "bad key [key] here" in str(raised.value) and str(raised.value).isprintable()


def test_what_it_started_is_killed_with_it_when_it_falls_silent(script, request_, tmp_path):
    child = f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    program = script(
        f"import subprocess\nsubprocess.Popen([sys.executable, '-c', {'import os, time; ' + child!r}])\ntime.sleep(60)"
    )
    with pytest.raises(TransientError):
        CommandProcessor(program, timeout=1.5).complete(request_)
    assert _gone(int((tmp_path / "pid").read_text()))


def test_a_child_that_holds_the_output_open_does_not_keep_a_finished_program_waiting(script, request_, tmp_path):
    program = script(
        "import subprocess\nsys.stdin.read()\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid)); print('done')"
    )
    assert said(program, request_, timeout=30) == "done"
    assert _gone(int((tmp_path / "pid").read_text()))


def test_ctrl_c_kills_it(script, request_, tmp_path):
    program = script(f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(60)")

    def interrupt():
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            time.sleep(0.01)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        CommandProcessor(program).complete(request_)
    thread.join()
    assert _gone(int((tmp_path / "pid").read_text()))


def _gone(pid):
    for _ in range(100):
        try:
            if "State:\tZ" in Path(f"/proc/{pid}/status").read_text():
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


SPINNER = "\x1b[?25l⠙ \x1b[?25h\x1b[?25l\x1b[2K\x1b[1G⠹ \x1b[?25h\x1b[2K\x1b[1G\x1b[?25h"


@pytest.mark.parametrize(
    ("printed", "text"),
    [
        (f"{SPINNER}Hello\n", "Hello\n"),
        ("⠋ ⠙ Hello\n", "Hello\n"),
        ("10 %\r50 %\r100 %\nHello\r\n", "100 %\nHello\n"),
        ("\x1b[1mbold\x1b[0m\ttab\n", "bold\ttab\n"),
        ("one wor\x1b[3D\x1b[K\nword\n", "one \nword\n"),
        ("\x1b]0;title\x07Hello\x00\x1b[3", "Hello"),
        ("bars = '⠋⠙⠹'\n", "bars = '⠋⠙⠹'\n"),
    ],
)
def test_what_a_program_prints_for_a_terminal_is_read_as_it_would_stand_there(printed, text):
    assert standing(printed.encode()) == text


def test_what_is_written_over_is_read_in_a_time_that_grows_with_its_length_alone():
    assert standing(b"ab\x1b[1D" * 400_000) == "a" * 400_000
    assert standing(b"x\x1b[99999999999D") == plain(b"x\x1b[99999999999D") == "x"


def test_a_program_that_prints_nothing_three_times_in_a_row_is_not_waited_for(script, request_):
    processor = CommandProcessor(script("sys.stdin.read()"))
    raised = []
    for _ in range(3):
        with pytest.raises(ProcessorError, match="printed no reply") as error:
            processor.complete(request_)
        raised.append(type(error.value))
    assert raised == [TransientError, TransientError, ProcessorError]
