"""Every way in which a run of tests can end, with real pytest in real folders."""

import re

import pytest

from l2mac.checks.python.project import ProjectIndex
from l2mac.checks.python.pytest_run import PytestCheck, find_configuration
from l2mac.errors import UsageError
from l2mac.sandbox.rungs import open_sandbox

OK = "def test_ok():\n    assert True\n"
HANG = "import time\ntime.sleep(600)\n"
WITH_CHILD = """
import subprocess, sys
def test_hang():
    subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True).wait()
"""
ENDINGS = {
    # name: (files, outcome, code of the first finding, what its text or the detail says)
    "pass": ({"test_a.py": OK}, "passed", None, ""),
    "fail": ({"test_a.py": "def test_a():\n    assert 1 == 2\n"}, "failed", "test_a.py::test_a", "assert 1 == 2"),
    "error in a fixture": (
        {"test_a.py": "import pytest\n@pytest.fixture\ndef f():\n    1 / 0\ndef test_a(f):\n    pass\n"},
        "failed", "test_a.py::test_a", "ZeroDivisionError",
    ),
    "error in a teardown": (
        {"test_a.py": "import pytest\n@pytest.fixture\ndef f():\n    yield\n    1 / 0\ndef test_a(f):\n    pass\n"},
        "failed", "test_a.py::test_a", "ZeroDivisionError",
    ),
    "import error": ({"test_a.py": "import nowhere_to_be_found\n"}, "failed", "test_a.py", "nowhere_to_be_found"),
    "syntax error": ({"test_a.py": OK, "test_b.py": "def (\n"}, "failed", "test_b.py", "SyntaxError"),
    "broken conftest": ({"conftest.py": "1 / 0\n", "test_a.py": OK}, "failed", "tests", "ZeroDivisionError"),
    "no tests": ({"app.py": "x = 1\n"}, "absent", None, "no tests"),
    "no tests in a test file": ({"test_a.py": "x = 1\n"}, "absent", None, "no test"),
    "all skipped": (
        {"test_a.py": "import pytest\n@pytest.mark.skip\ndef test_a():\n    pass\n"}, "absent", None, "skipped",
    ),
    "module skips itself": (
        {"test_a.py": "import pytest\npytest.importorskip('nowhere')\n", "test_b.py": OK}, "passed", None, "",
    ),
    "expected failure": (
        {"test_a.py": OK + "import pytest\n@pytest.mark.xfail\ndef test_x():\n    assert 0\n"}, "passed", None, "",
    ),
    "strict expected failure that passes": (
        {"test_a.py": "import pytest\n@pytest.mark.xfail(strict=True)\ndef test_x():\n    pass\n"},
        "failed", "test_a.py::test_x", "XPASS",
    ),
    "hang": ({"test_a.py": OK + "def test_h():\n    import time; time.sleep(600)\n"},
        "timed_out", "test_a.py::test_h", "did not finish"),
    "hang at import": ({"test_a.py": HANG}, "timed_out", "test_a.py", "did not finish"),
    "hang with a child": ({"test_a.py": WITH_CHILD}, "timed_out", "test_a.py::test_hang", "did not finish"),
    "endless output": (
        {"test_a.py": "import os\ndef test_a(capfd):\n    with capfd.disabled():\n        while True:\n"
                      "            os.write(1, b'x' * 4096)\n"},
        "failed", "test_a.py::test_a", "do with less",
    ),
    "endless captured output": (
        {"test_a.py": "def test_a():\n    while True:\n        print('x' * 100_000)\n"},
        "failed", "test_a.py::test_a", "File too large",
    ),
    "os._exit(0) in a test": (
        {"test_a.py": OK + "def test_b():\n    import os; os._exit(0)\n"},
        "failed", "test_a.py::test_b", "ended by itself",
    ),
    "os._exit(0) at import": (
        {"test_a.py": "import os\nos._exit(0)\n"}, "failed", "test_a.py", "ended by itself",
    ),
    "sys.exit at import": ({"test_a.py": "import sys\nsys.exit(0)\n"}, "failed", "test_a.py", ""),
    "sys.exit in a conftest": (
        {"conftest.py": "import sys\nsys.exit(0)\n", "test_a.py": OK}, "failed", "tests", "did not run",
    ),
    "pytest.exit": (
        {"test_a.py": OK, "test_b.py": "import pytest\ndef test_b():\n    pytest.exit('enough', returncode=0)\n",
         "test_c.py": OK}, "failed", "test_b.py::test_b", "no result",
    ),
    "segmentation fault": (
        {"test_a.py": "def test_a():\n    import os, signal; os.kill(os.getpid(), signal.SIGSEGV)\n"},
        "failed", "test_a.py::test_a", "ended by itself",
    ),
    "exit code forced to 0": (
        {"conftest.py": "def pytest_sessionfinish(session):\n    session.exitstatus = 0\n",
         "test_a.py": "def test_a():\n    assert 0\n"}, "failed", "test_a.py::test_a", "assert 0",
    ),
    "exit code forced to 0 from atexit": (
        {"conftest.py": "import atexit, os\natexit.register(lambda: os._exit(0))\n",
         "test_a.py": "def test_a():\n    assert 0\n"}, "failed", "test_a.py::test_a", "assert 0",
    ),
    "exit code forced to 1": (
        {"conftest.py": "def pytest_sessionfinish(session):\n    session.exitstatus = 1\n", "test_a.py": OK},
        "failed", "tests", "exit code 1",
    ),
    "probe switched off in vain": (
        {"pytest.ini": "[pytest]\naddopts = -p no:l2mac_probe\n", "test_a.py": OK}, "passed", None, "",
    ),
    "probe unregistered": (
        {"conftest.py": "def pytest_sessionstart(session):\n"
                        "    session.config.pluginmanager.unregister(name='l2mac_recorder')\n",
         "test_a.py": OK}, "failed", "tests", "did not run",
    ),
    "only collected": (
        {"pytest.ini": "[pytest]\naddopts = --collect-only\n", "test_a.py": OK},
        "failed", "test_a.py::test_ok", "no result",
    ),
    "unknown option": (
        {"pytest.ini": "[pytest]\naddopts = --cov=app\n", "test_a.py": OK}, "failed", "tests", "--cov",
    ),
    "non-UTF-8 output": (
        {"test_a.py": "import os\nos.write(1, bytes(range(256)))\ndef test_a():\n    os.write(2, b'\\xff\\xfe')\n"
                      "    assert '\\udcff' == 'x'\n"}, "failed", "test_a.py::test_a", "assert",
    ),
}  # fmt: skip


def run(scene, environment, seconds=20.0):
    return PytestCheck(open_sandbox("auto"), seconds=seconds).check(scene, ProjectIndex().of(scene.files), environment)


@pytest.mark.parametrize("case", ENDINGS.values(), ids=ENDINGS.keys())
def test_a_run_is_believed_only_for_what_was_seen(case, lay_out, empty_environment):
    files, outcome, code, said = case
    scene = lay_out(files)
    report = run(scene, empty_environment, seconds=2.5 if outcome == "timed_out" else 20.0)
    assert (report.check, report.outcome) == ("tests", outcome), report
    assert [finding.code for finding in report.findings][:1] == ([code] if code else [])
    assert said in " ".join([*(finding.text for finding in report.findings), report.detail])
    assert bool(report.failures) == (outcome in ("failed", "timed_out"))
    assert str(scene.folder) not in repr(report)
    assert not [path for path in scene.folder.iterdir() if path.name.startswith(".l2mac")]


WEB = """
import http.server, threading, urllib.request
def test_the_page():
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    assert urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/page.txt").read() == b"page"
    server.shutdown()
    server.server_close()
def test_nothing_else():
    with __import__("pytest").raises(OSError):
        urllib.request.urlopen("http://192.0.2.1/", timeout=5)
"""


@pytest.mark.parametrize("rung", ["bubblewrap", "bubblewrap without /proc", "landlock"])
def test_a_web_application_is_tested_over_loopback_or_the_sandbox_is_named_as_the_limit(
    rung, lay_out, empty_environment
):
    try:
        sandbox = open_sandbox(rung)
    except UsageError as error:
        pytest.skip(str(error))
    scene = lay_out({"test_web.py": WEB, "page.txt": "page"})
    report = PytestCheck(sandbox, seconds=20.0).check(scene, ProjectIndex().of(scene.files), empty_environment)
    if rung == "landlock":
        assert report.outcome == "failed" and report.passed == ("test_web.py::test_nothing_else",)
        assert report.findings[0].text.startswith("sandbox limit: there are no sockets in this sandbox")
    else:
        assert (report.outcome, len(report.passed)) == ("passed", 2)


def test_running_out_of_memory_is_a_limit_of_the_sandbox(lay_out, empty_environment):
    (finding,) = run(lay_out({"test_a.py": "def test_a():\n    bytearray(10**11)\n"}), empty_environment).findings
    assert finding.text == "sandbox limit: there are 4,000,000,000 bytes of memory: MemoryError"


FAILING = {
    "app.py": "def half(n):\n    return n / 0\n",
    "tests/test_app.py": "from app import half\n\ndef test_half():\n    assert half(4) == 2\n\n"
    "def test_ok():\n    pass\n",
}


def test_a_failure_is_placed_where_the_project_broke(lay_out, empty_environment):
    report = run(lay_out(FAILING), empty_environment)
    (finding,) = report.findings
    assert (finding.path, finding.line, finding.code) == ("app.py", 2, "tests/test_app.py::test_half")
    assert finding.text == "ZeroDivisionError: division by zero"
    assert report.passed == ("tests/test_app.py::test_ok",)
    assert "tests/test_app.py:4: in test_half" in report.detail and "assert half(4) == 2" in report.detail


def test_two_runs_of_the_same_failure_read_the_same(lay_out, empty_environment):
    text = (
        "def test_a(tmp_path):\n    assert (object(), str(tmp_path)) == 1\n\ndef test_b():\n    open(__file__ + 'x')\n"
    )
    scene = lay_out({"test_a.py": text})
    first, second = (run(scene, empty_environment) for _ in range(2))
    assert first == second
    assert not re.search(r"0x[0-9a-f]{6}|/tmp/| in \d+\.\d+s", first.detail)


def test_the_detail_of_many_long_failures_is_bounded(lay_out, empty_environment):
    text = "import pytest\n@pytest.mark.parametrize('n', range(200))\ndef test_a(n):\n    assert 'x' * 9000 == n\n"
    report = run(lay_out({"test_a.py": text}), empty_environment)
    assert len(report.findings) == 200
    assert len(report.detail) < 13_000 and "more that failed" in report.detail


def test_nothing_above_the_lane_is_seen(lay_out, empty_environment):
    scene = lay_out({"test_a.py": "def test_a():\n    pass\n"})
    (scene.folder.parent / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    (scene.folder.parent / "conftest.py").write_text("raise SystemExit(3)\n")
    assert run(scene, empty_environment).outcome == "passed"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("pytest.ini", "[pytest]\npython_files = check_*.py\n"),
        ("pyproject.toml", '[tool.pytest.ini_options]\npython_files = "check_*.py"\n'),
        ("setup.cfg", "[tool:pytest]\npython_files = check_*.py\n"),
        ("tox.ini", "[pytest]\npython_files = check_*.py\n"),
    ],
)
def test_the_projects_own_configuration_counts(path, text, lay_out, empty_environment):
    scene = lay_out({path: text, "app.py": "x = 1\n", "check_it.py": "def test_a():\n    pass\n"}, {"app.py"})
    assert find_configuration(scene.files) == path
    assert run(scene, empty_environment).passed == ("check_it.py::test_a",)


def test_modules_under_src_can_be_imported(lay_out, empty_environment):
    scene = lay_out(
        {"src/pkg/__init__.py": "X = 1\n", "tests/test_x.py": "from pkg import X\ndef test_x():\n    pass\n"}
    )
    assert run(scene, empty_environment).outcome == "passed"


PAIR = {
    "a.py": "A = 1\n",
    "b.py": "B = 1\n",
    "test_a.py": "from a import A\ndef test_a():\n    assert A\n",
    "test_b.py": "from b import B\ndef test_b():\n    assert B\ndef test_c():\n    assert B\n",
}


def test_after_a_write_only_the_affected_tests_run(lay_out, empty_environment):
    assert run(lay_out(PAIR, {"a.py"}), empty_environment).passed == ("test_a.py::test_a",)
    assert run(lay_out(PAIR | {"README.md": ""}, {"README.md"}), empty_environment).outcome == "absent"


def test_tests_asked_for_by_name_run_whatever_changed(lay_out, empty_environment):
    assert run(lay_out(PAIR, {"a.py"}, ("test_b.py::test_c",)), empty_environment).passed == ("test_b.py::test_c",)
    assert run(lay_out(PAIR, {"a.py"}, ("test_b.py",)), empty_environment).passed == (
        "test_b.py::test_b",
        "test_b.py::test_c",
    )


@pytest.mark.parametrize("asked", ["--version", "gone.py", "../test_a.py", "test_b.py::test_gone"])
def test_asking_for_a_test_that_is_not_there_fails(asked, lay_out, empty_environment):
    report = run(lay_out(PAIR, None, (asked,)), empty_environment)
    assert report.outcome == "failed" and report.findings


def test_a_file_written_twice_within_a_second_is_not_run_from_its_old_bytecode(lay_out, empty_environment):
    import os

    test = {"test_a.py": "from a import A\ndef test_a():\n    assert A == 1\n"}
    scene = lay_out({"a.py": "A = 2\n", **test})
    assert run(scene, empty_environment).outcome == "failed"
    stamp = (scene.folder / "a.py").stat().st_mtime_ns // 10**9 * 10**9
    compiled = next((scene.folder / "__pycache__").glob("a.*.pyc"))
    # The same second and the same size, as when a model answers at once.
    content = bytearray(compiled.read_bytes())
    content[8:12] = (stamp // 10**9).to_bytes(4, "little")
    compiled.write_bytes(content)
    os.utime(compiled, ns=(stamp + 100_000_000,) * 2)
    scene = lay_out({"a.py": "A = 1\n", **test})
    os.utime(scene.folder / "a.py", ns=(stamp + 900_000_000,) * 2)
    assert run(scene, empty_environment).outcome == "passed"


def test_a_pipe_or_a_link_in_place_of_the_results_is_no_result(lay_out, empty_environment):
    conftest = """
import os
def pytest_sessionstart(session):
    path = next(p for p in os.listdir('.') if p.startswith('.l2mac'))
    os.path.exists(f'{path}/log') and os.unlink(f'{path}/log')
    os.mkfifo(f'{path}/log')
"""
    report = run(lay_out({"conftest.py": conftest, "test_a.py": OK}), empty_environment)
    assert report.outcome == "failed"


def test_a_python_that_cannot_start_is_unavailable(lay_out, empty_environment):
    from dataclasses import replace

    gone = replace(empty_environment, python=empty_environment.folder / "no-python")
    assert run(lay_out({"test_a.py": OK}), gone).outcome == "unavailable"
