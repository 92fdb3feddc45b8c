"""The rung without isolation, judged by real processes and the process table."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from l2mac.sandbox.bare import BareSandbox
from l2mac.sandbox.guard import _scan, census
from l2mac.sandbox.seam import Limits, Outcome

QUICK = Limits(seconds=30.0)
ROOT = Path(__file__).parents[2]

# Leaves its session and its parent, notes its process id in the file `daemon`, and waits in the output pipe.
DAEMON = """
    import os, time
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            with open("new", "w") as file:
                file.write(str(os.getpid()))
            os.rename("new", "daemon")
            time.sleep(60)
        os._exit(0)
    os.wait()
    while not os.path.exists("daemon"):
        time.sleep(0.01)
"""


def python(folder: Path, code: str, limits: Limits = QUICK, variables: dict[str, str] | None = None) -> Outcome:
    command = [sys.executable, "-I", "-S", "-c", textwrap.dedent(code)]
    return BareSandbox().run(command, folder, limits=limits, variables=variables)


def shell(folder: Path, script: str, limits: Limits = QUICK, variables: dict[str, str] | None = None) -> Outcome:
    return BareSandbox().run(["sh", "-c", script], folder, limits=limits, variables=variables)


def is_alive(pid: int) -> bool:
    """A zombie is dead: only its parent, perhaps not ours, can remove it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def assert_gone(*files: Path, within: float = 0.0) -> None:
    """The processes whose ids are in the files are dead; kills those that are not, so that none outlives the test."""
    pids = [int(word) for file in files for word in file.read_text().split()]
    assert pids
    deadline = time.monotonic() + within
    while any(map(is_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    survivors = [pid for pid in pids if is_alive(pid)]
    for pid in survivors:
        os.kill(pid, signal.SIGKILL)
    assert survivors == []


def wait_for(file: Path) -> None:
    deadline = time.monotonic() + 20
    while not (file.exists() and file.read_text().strip()):
        assert time.monotonic() < deadline, f"{file.name} was never written"
        time.sleep(0.01)


# How a command ends


@pytest.mark.parametrize("code", [0, 1, 3, 127, 255])
def test_the_exit_code_is_the_commands_own(tmp_path, code):
    outcome = shell(tmp_path, f"exit {code}")
    assert (outcome.ended, outcome.exit) == ("exited", code)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGPIPE, signal.SIGINT])
def test_an_end_by_signal_is_a_negative_exit_code(tmp_path, number):
    outcome = shell(tmp_path, f"kill -{int(number)} $$")
    assert (outcome.ended, outcome.exit) == ("exited", -number)


def test_a_missing_program_is_not_started_and_says_so_in_one_line(tmp_path):
    outcome = BareSandbox().run(["no-such-program", "x"], tmp_path)
    assert (outcome.ended, outcome.exit) == ("not_started", None)
    assert outcome.output == "cannot run 'no-such-program': No such file or directory"


def test_a_file_that_is_not_executable_is_not_started(tmp_path):
    (tmp_path / "data").write_text("nothing to run")
    outcome = BareSandbox().run(["./data"], tmp_path)
    assert (outcome.ended, outcome.exit) == ("not_started", None)
    assert outcome.output == "cannot run './data': Permission denied"


def test_a_program_in_the_folder_is_found_by_its_relative_path(tmp_path):
    (tmp_path / "tool").write_text("#!/bin/sh\necho here\n")
    (tmp_path / "tool").chmod(0o755)
    assert BareSandbox().run(["./tool"], tmp_path).output == "here\n"


@pytest.mark.parametrize("command", [[], ["a\0b"], ["echo", "a\0b"], ["echo", "x" * 3_000_000], ["\ud800"], [""]])
def test_a_command_that_no_system_could_run_is_not_started(tmp_path, command):
    outcome = BareSandbox().run(command, tmp_path)
    assert (outcome.ended, outcome.exit) == ("not_started", None)
    assert outcome.output.startswith("cannot run")
    assert "\n" not in outcome.output


def test_a_missing_folder_is_not_started(tmp_path):
    outcome = BareSandbox().run(["true"], tmp_path / "missing")
    assert outcome.ended == "not_started"
    assert "missing" in outcome.output


# What it printed


def test_standard_output_and_error_are_one_stream(tmp_path):
    assert shell(tmp_path, "echo one; echo two >&2; echo three").output == "one\ntwo\nthree\n"


def test_output_within_the_bound_is_kept_whole(tmp_path):
    assert shell(tmp_path, "printf 0123456789", Limits(keep=10)).output == "0123456789"


def test_longer_output_keeps_its_head_and_tail_to_the_byte(tmp_path):
    outcome = python(tmp_path, "print('a' * 600 + 'b' * 99_000 + 'c' * 600, end='')", Limits(keep=1001))
    head, middle, tail = outcome.output.split("\n")
    assert (head, tail) == ("a" * 500, "c" * 501)
    assert middle == f"[… {100_200 - 1001} bytes not shown …]"


def test_a_cut_never_leaves_half_a_character(tmp_path):
    outcome = python(tmp_path, "import sys; sys.stdout.buffer.write('€'.encode() * 1000)", Limits(keep=200))
    assert outcome.output == f"{'€' * 33}\n[… {3000 - 99 - 99} bytes not shown …]\n{'€' * 33}"


def test_nothing_is_kept_when_nothing_may_be(tmp_path):
    assert shell(tmp_path, "printf 12345", Limits(keep=0)).output == "[… 5 bytes not shown …]\n"


def test_endless_output_is_stopped(tmp_path):
    outcome = shell(tmp_path, "echo $$ > pid; yes", Limits(seconds=30.0, output=1_000_000, keep=1000))
    assert (outcome.ended, outcome.exit) == ("too_much_output", None)
    assert outcome.output.startswith("y\ny\n")
    assert "bytes not shown" in outcome.output
    assert len(outcome.output) < 1100
    assert_gone(tmp_path / "pid")


@pytest.mark.parametrize(("size", "ended"), [(100, "exited"), (101, "too_much_output")])
def test_the_bound_on_output_is_exact_even_when_the_command_has_ended(tmp_path, size, ended):
    assert shell(tmp_path, f"printf %{size}s x", Limits(output=100)).ended == ended


def test_bytes_that_are_not_utf_8_are_replaced(tmp_path):
    assert shell(tmp_path, r"printf 'caf\351 \377\n'").output == "caf\ufffd \ufffd\n"


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b[2J\x1b[Hhome\x1b(B", "home"),
        ("tab\tbell\x07 back\x08 null\x00 del\x7f c1\x9b end\r\n", "tab\tbell back null del c1 end\n"),
        ("\x1b]never ended\nnext", "never ended\nnext"),
        ("cut\x1b[3", "cut"),
        ("cut\x1b", "cut"),
    ],
)
def test_terminal_sequences_and_control_characters_are_removed(tmp_path, printed, shown):
    (tmp_path / "printed").write_text(printed, encoding="utf-8", newline="")
    assert shell(tmp_path, "cat printed").output == shown


def test_children_print_utf_8_where_the_user_has_no_locale(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name == "LANG" or name.startswith("LC_")]:
        monkeypatch.delenv(name)
    assert python(tmp_path, r"print('na\u00efve \u2713')").output == "naïve ✓\n"


# What it finds around it


def test_no_variable_of_the_user_is_passed_on_but_those_on_the_list(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "s3cret")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-s3cret")
    monkeypatch.setenv("TZ", "Europe/London")
    monkeypatch.setenv("LC_TIME", "C")
    monkeypatch.setenv("LANG", "C.UTF-8")
    lines = BareSandbox().run(["env"], tmp_path, variables={"CI": "1"}).output.splitlines()
    seen = dict(line.split("=", 1) for line in lines)
    passed = {name for name in seen if not name.startswith("LC_")}
    assert passed == {"PATH", "LANG", "TZ", "TERM", "HOME", "TMPDIR", "CI"}
    assert (seen["TZ"], seen["LC_TIME"], seen["TERM"], seen["CI"]) == ("Europe/London", "C", "dumb", "1")
    assert "s3cret" not in "".join(lines)


def test_given_variables_win_over_what_is_passed_on(tmp_path):
    outcome = BareSandbox().run(["/usr/bin/env"], tmp_path, variables={"PATH": "/nowhere", "LANG": "C"})
    assert "PATH=/nowhere\n" in outcome.output
    assert "LANG=C\n" in outcome.output


def test_home_is_the_folder_and_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("lane").mkdir()
    assert shell(Path("lane"), 'echo "$HOME"; pwd').output == f"{tmp_path}/lane\n" * 2


def test_standard_input_is_empty(tmp_path):
    outcome = shell(tmp_path, "cat; echo end; readlink /proc/$$/fd/0")
    assert outcome.output == "end\n/dev/null\n"


def test_the_command_holds_no_file_of_the_supervisor(tmp_path):
    code = """
        import os
        for number in range(1024):
            try:
                os.fstat(number)
                print(number)
            except OSError:
                pass
    """
    with (tmp_path / "file").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        assert python(tmp_path, code).output == "0\n1\n2\n"


def test_the_scratch_folder_is_removed_whatever_was_left_in_it(tmp_path):
    script = 'echo "$TMPDIR"; cd "$TMPDIR"; mkdir -p a/b; echo x > a/b/c; ln -s / a/root; chmod 0 a/b a .'
    scratch = Path(shell(tmp_path, script).output.strip())
    assert scratch.is_absolute()
    assert not scratch.exists()


def test_the_scratch_folder_of_each_command_is_its_own(tmp_path):
    assert shell(tmp_path, 'echo "$TMPDIR"').output != shell(tmp_path, 'echo "$TMPDIR"').output


def test_no_core_files_are_written(tmp_path):
    assert shell(tmp_path, "ulimit -c").output == "0\n"


def test_sizes_are_limited_as_asked(tmp_path):
    script = "ulimit -d; head -c 2000000 /dev/zero > big"
    outcome = shell(tmp_path, script, replace(QUICK, file_size=1_000_000, memory=1 << 30))
    assert outcome.output.split()[0] == str(1 << 20)
    assert (tmp_path / "big").stat().st_size == 1_000_000


def test_a_command_without_room_to_start_is_told_from_one_that_failed(tmp_path):
    outcome = shell(tmp_path, "true", replace(QUICK, memory=1 << 12))
    assert outcome.exit != 0


# What it leaves behind: nothing


def test_a_command_that_hangs_is_killed_in_time(tmp_path):
    outcome = shell(tmp_path, "echo begun; echo $$ > pid; exec sleep 60", Limits(seconds=0.5))
    assert (outcome.ended, outcome.exit, outcome.output) == ("timed_out", None, "begun\n")
    assert 0.5 <= outcome.seconds < 20
    assert_gone(tmp_path / "pid")


def test_a_command_that_ignores_signals_is_killed_with_its_children(tmp_path):
    script = "trap '' TERM INT HUP; sleep 60 & echo $$ $! > pids; sh -c 'sleep 60; true' & echo $! >> pids; wait"
    assert shell(tmp_path, script, Limits(seconds=0.5)).ended == "timed_out"
    assert_gone(tmp_path / "pids")


def test_a_background_child_that_holds_the_output_open_does_not_delay_the_end(tmp_path):
    outcome = shell(tmp_path, "sleep 60 & echo $! > pid; echo done")
    assert (outcome.ended, outcome.exit, outcome.output) == ("exited", 0, "done\n")
    assert_gone(tmp_path / "pid")


def test_a_daemon_that_left_its_session_is_killed_with_the_rest(tmp_path):
    outcome = python(tmp_path, DAEMON)
    assert (outcome.ended, outcome.exit) == ("exited", 0)
    assert_gone(tmp_path / "daemon")


def test_a_daemon_is_killed_when_the_time_is_over(tmp_path):
    outcome = python(tmp_path, DAEMON + "    time.sleep(60)\n", Limits(seconds=1.5))
    assert outcome.ended == "timed_out"
    assert_gone(tmp_path / "daemon")


def test_a_daemon_does_not_survive_the_murder_of_the_guard(tmp_path):
    outcome = python(tmp_path, DAEMON + "    os.kill(os.getppid(), 9)\n    time.sleep(60)\n")
    assert (outcome.ended, outcome.exit) == ("exited", -signal.SIGKILL)
    assert_gone(tmp_path / "daemon")


def test_a_guard_that_the_command_has_halted_still_does_its_work(tmp_path):
    outcome = python(tmp_path, DAEMON + "    os.kill(os.getppid(), 19)\n    time.sleep(60)\n", Limits(seconds=1.5))
    assert outcome.ended == "timed_out"
    assert_gone(tmp_path / "daemon")


def test_processes_that_replace_themselves_without_end_are_caught(tmp_path):
    # Bounded: ends by itself after some seconds.
    code = """
        import os, time
        end = time.monotonic() + 8
        if os.fork() == 0:
            while time.monotonic() < end:
                if os.fork():
                    os._exit(0)
                os.setsid()
                with open("pid", "w") as file:
                    file.write(str(os.getpid()))
        time.sleep(0.5)
    """
    assert python(tmp_path, code).exit == 0
    last = (tmp_path / "pid").read_text()
    time.sleep(0.2)
    assert (tmp_path / "pid").read_text() == last
    assert not last or not is_alive(int(last))


def test_more_processes_than_allowed_are_killed(tmp_path):
    # Bounded: 60 children, each for 20 seconds.
    code = """
        import os, time
        for _ in range(60):
            if os.fork() == 0:
                if _ % 2:
                    os.setsid()
                time.sleep(20)
                os._exit(0)
            with open("pids", "a") as file:
                file.write(f"{os.getpid()}\\n")
        time.sleep(20)
    """
    outcome = python(tmp_path, code, Limits(seconds=15.0, processes=20))
    assert (outcome.ended, outcome.exit) == ("too_many_processes", None)
    assert_gone(tmp_path / "pids")


def test_a_fork_storm_is_stopped(tmp_path):
    # Bounded: every process doubles, at most 8 times, so at most 256 of them, each for 20 seconds.
    code = """
        import os, time
        for _ in range(8):
            os.fork()
            with open("pids", "a") as file:
                file.write(f"{os.getpid()}\\n")
        time.sleep(20)
    """
    assert python(tmp_path, code, Limits(seconds=15.0, processes=40)).ended == "too_many_processes"
    assert_gone(tmp_path / "pids")


def test_threads_count_as_processes(tmp_path):
    code = """
        import threading, time
        for _ in range(30):
            threading.Thread(target=time.sleep, args=(20,), daemon=True).start()
        time.sleep(20)
    """
    assert python(tmp_path, code, Limits(seconds=15.0, processes=20)).ended == "too_many_processes"


def test_as_many_processes_as_allowed_may_run(tmp_path):
    script = "for n in 1 2 3 4 5 6 7 8 9; do sleep 0.3 & done; wait; echo done"
    outcome = shell(tmp_path, script, Limits(seconds=30.0, processes=10))
    assert (outcome.ended, outcome.output) == ("exited", "done\n")


def test_descendants_are_found_with_and_without_the_kernels_lists_of_children():
    with subprocess.Popen(["sh", "-c", "sleep 20 & echo $!; wait"], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        try:
            assert census(parent.pid) == {child: 1}
            scanned = _scan()
            assert parent.pid in scanned[os.getpid()]
            assert scanned[parent.pid] == [child]
        finally:
            os.kill(child, signal.SIGKILL)


def test_several_lanes_run_at_once_without_touching_each_other(tmp_path):
    outcomes: dict[int, Outcome] = {}

    def lane(number: int) -> None:
        folder = tmp_path / str(number)
        folder.mkdir()
        outcomes[number] = shell(folder, f"sleep 0.{number}; echo {number}; exit {number}")

    threads = [threading.Thread(target=lane, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ends = {number: (outcome.exit, outcome.output) for number, outcome in outcomes.items()}
    assert ends == {number: (number, f"{number}\n") for number in range(6)}


# When the supervisor itself is interrupted

SUPERVISOR = """
    import sys
    from pathlib import Path
    from l2mac.sandbox.bare import BareSandbox
    try:
        BareSandbox().run([sys.executable, "-c", Path("daemon.py").read_text()], Path.cwd())
    except KeyboardInterrupt:
        sys.exit(42)
"""


def interrupt(folder: Path, number: int) -> int:
    """Send a signal to a process that is running a daemon in the sandbox; return its exit code."""
    (folder / "daemon.py").write_text(textwrap.dedent(DAEMON + "    time.sleep(60)\n"))
    command = [sys.executable, "-c", textwrap.dedent(SUPERVISOR)]
    variables = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(folder)}
    with subprocess.Popen(command, cwd=folder, env=variables) as supervisor:
        try:
            wait_for(folder / "daemon")
            supervisor.send_signal(number)
            return supervisor.wait(20)
        finally:
            supervisor.kill()


def test_ctrl_c_kills_the_command_before_it_goes_on_its_way(tmp_path):
    assert interrupt(tmp_path, signal.SIGINT) == 42
    assert_gone(tmp_path / "daemon")


def test_the_death_of_the_supervisor_is_the_death_of_the_command(tmp_path):
    assert interrupt(tmp_path, signal.SIGKILL) == -signal.SIGKILL
    assert_gone(tmp_path / "daemon", within=15)
