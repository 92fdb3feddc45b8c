"""Packages from a registry on loopback: resolved, admitted, installed as wheels, and every way in which that fails."""

import gc
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest

from l2mac.checks.python.environment import Environment, Environments
from l2mac.checks.python.installer import Installer, installer_variables
from l2mac.checks.python.names import Admission
from l2mac.checks.report import Report
from tests.registry import Registry, sdist, variables, wheel

PACKAGES = (
    wheel("left-hand"),
    wheel("left-hand", "2.0"),
    wheel("walker", requires=["left-hand<2"]),
    wheel("runner", requires=["left-hand>=2"]),
    wheel("strider", requires=["walker"]),
    wheel("starter", files={"starter.py": "", "starter.pth": "import os; open('/tmp/l2mac-pth', 'w')\n"}),
    sdist("raw"),
)
BOTH = pytest.mark.parametrize("with_uv", [True, False], ids=["uv", "pip"])


@pytest.fixture
def serve(tmp_path, home):
    """Start a registry and give the environments that use it, and the registry."""
    opened = []

    def start(*packages, with_uv=True, fails="", hashes=True, url="", wheelhouse=None, **more):
        registry = Registry(*(packages or PACKAGES), fails=fails, hashes=hashes)
        opened.append(registry)
        installer = Installer(
            installer_variables(variables(url or registry.url, tmp_path)), seconds=20, wheelhouse=wheelhouse
        )
        return Environments(home, installer if with_uv else replace(installer, uv=None), **more), registry

    yield start
    for registry in opened:
        registry.close()


def need(*lines):
    return {"requirements.txt": "\n".join([*lines, ""])}


def printed(made, code):
    return subprocess.run([made.python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def made_of(environments, *lines) -> Environment:
    made = environments.environment(need(*lines))
    assert isinstance(made, Environment), made
    return made


def failed(environments, *lines) -> Report:
    report = environments.environment(need(*lines))
    assert isinstance(report, Report)
    return report


@BOTH
@pytest.mark.parametrize("hashes", [True, False], ids=["digests", "no-digests"])
def test_packages_and_what_they_need_are_installed_and_recorded(serve, with_uv, hashes):
    told, recorded = [], []
    environments, _ = serve(with_uv=with_uv, hashes=hashes, notice=told.append, record=recorded.append)
    made = made_of(environments, "strider")
    assert printed(made, "import strider, walker, left_hand, pytest; print(left_hand.VERSION)") == "1.0"
    (making,) = recorded
    assert making.packages == ("left-hand==1.0", "strider==1.0", "walker==1.0") and making.ending == "installed"
    assert any("strider" in line for line in told) and ("strider" in making.log or not with_uv)


def test_an_environment_is_keyed_by_what_was_resolved(serve):
    environments, registry = serve()
    loose, exact = made_of(environments, "walker"), made_of(environments, "walker==1.0", "left_hand==1.0")
    assert loose == exact != made_of(environments, "left-hand")
    before = len(registry.asked)
    assert made_of(environments, "walker") == loose and len(registry.asked) == before


@BOTH
@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["nosuch"], "nosuch"),
        (["left-hand>=3"], "left-hand"),
        (["raw"], "raw"),
        (["walker", "runner"], "left-hand"),
        (["left-hand==1.0 --hash=sha256:" + "0" * 64], "left-hand"),
    ],
    ids=["no such package", "no such version", "source only", "conflict", "wrong digest"],
)
def test_what_cannot_be_resolved_is_a_finding_at_its_line(serve, with_uv, lines, says):
    environments, _ = serve(with_uv=with_uv)
    report = failed(environments, "# needs", *lines)
    assert report.outcome == "failed" and report.findings, report
    assert says in report.findings[0].text and report.findings[0].line >= 2
    assert "\n" not in report.findings[0].text and "built" not in report.findings[0].text


@pytest.mark.parametrize(
    ("name", "value"), [("UV_NO_BINARY", "1"), ("UV_NO_BINARY_PACKAGE", "raw"), ("PIP_NO_BINARY", ":all:")]
)
def test_no_variable_of_the_user_makes_an_installer_build(serve, name, value, tmp_path):
    _, registry = serve()
    given = variables(registry.url, tmp_path) | {name: value}
    uv = Installer({}).uv if name.startswith("UV") else None
    ended, _ = Installer(installer_variables(given), seconds=20, uv=uv).resolve(["raw"])
    assert ended.ending == "unresolved" and "it was built" not in ended.log


@BOTH
@pytest.mark.parametrize("how", ["500", "401", "hangs", "refuses"])
def test_a_registry_that_is_down_leaves_the_check_unavailable(serve, with_uv, how):
    url = "http://127.0.0.1:9/simple/" if how == "refuses" else ""
    environments, _ = serve(with_uv=with_uv, fails="" if url else how, url=url)
    report = failed(environments, "walker")
    assert (report.outcome, report.findings) == ("unavailable", ()) and "\n" not in report.detail
    assert "cannot be reached" in report.detail


def test_a_registry_that_is_down_does_not_matter_for_what_was_resolved_before(serve, home, tmp_path):
    environments, registry = serve()
    made = made_of(environments, "walker")
    registry.fails = "500"
    again = Environments(home, environments._installer)
    assert made_of(again, "walker") == made
    for old in (home / "environments").glob("resolved-*"):
        os.utime(old, (0, 0))
    assert made_of(Environments(home, environments._installer), "walker") == made
    # Other requirements, of packages that uv has in its cache.
    assert made_of(environments, "left-hand<2") != made


def test_a_resolution_that_no_longer_holds_is_made_anew(serve, home):
    environments, _ = serve()
    made_of(environments, "left-hand")
    (remembered,) = (home / "environments").glob("resolved-*")
    remembered.write_text("left-hand==7.0\n")
    later = Environments(home, environments._installer)
    assert failed(later, "left-hand").outcome == "failed"
    assert (
        printed(
            made_of(Environments(home, environments._installer), "left-hand"),
            "import left_hand as it; print(it.VERSION)",
        )
        == "2.0"
    )


@pytest.mark.parametrize(
    ("with_uv", "way"), [(True, "setting"), (True, "UV_FIND_LINKS"), (True, "PIP_FIND_LINKS"), (False, "setting")]
)
def test_a_wheelhouse_serves_without_any_registry(serve, with_uv, way, tmp_path, home):
    wheelhouse = tmp_path / "wheels"
    wheelhouse.mkdir()
    for name, content in PACKAGES:
        (wheelhouse / name).write_bytes(content)
    nowhere = variables("http://127.0.0.1:9/simple/", tmp_path)
    if way == "setting":
        installer = Installer(installer_variables(nowhere), wheelhouse=wheelhouse)
    else:
        installer = Installer(installer_variables(nowhere | {way: str(wheelhouse), "PIP_NO_INDEX": "1"}))
    environments = Environments(home, installer if with_uv else replace(installer, uv=None))
    assert printed(made_of(environments, "walker"), "import left_hand; print(left_hand.VERSION)") == "1.0"
    report = failed(environments, "nosuch")
    assert report.outcome == "failed" and report.findings[0].line == 1


def test_a_wheelhouse_is_looked_through_each_time(tmp_path, home):
    wheelhouse = tmp_path / "wheels"
    wheelhouse.mkdir()
    installer = Installer(installer_variables(variables("http://127.0.0.1:9/", tmp_path)), wheelhouse=wheelhouse)
    assert failed(Environments(home, installer), "walker").outcome == "failed"
    for name, content in PACKAGES:
        (wheelhouse / name).write_bytes(content)
    made_of(Environments(home, installer), "walker")


@pytest.mark.parametrize(
    ("admission", "line", "says"),
    [
        (Admission(deny=("left*",)), 2, "left-hand, needed by strider, is refused"),
        (Admission(deny=("Left_Hand",)), 2, "packages.deny (Left_Hand)"),
        (Admission(allow=("strider", "walker")), 2, "left-hand, needed by strider, is not among"),
        (Admission(allow=("*",), deny=("strider",)), 2, "strider is refused"),
    ],
)
def test_a_package_that_may_not_be_installed_is_refused_before_anything_is(serve, admission, line, says):
    environments, _ = serve(admission=admission)
    report = failed(environments, "# needs", "strider")
    assert report.outcome == "failed" and [item.line for item in report.findings] == [line]
    assert says in report.findings[0].text
    # Names and versions were looked at, from the wheels' own metadata; nothing was installed.
    assert not list(environments._shelf.home.glob("*/lib/python*/site-packages/strider*"))


def test_what_matches_the_lists_is_installed(serve):
    environments, _ = serve(admission=Admission(allow=("w*", "left-?and"), deny=("strider",)))
    made_of(environments, "walker")


def test_a_name_one_letter_from_a_popular_one_is_warned_about(serve):
    environments, _ = serve(wheel("reqeusts"), wheel("requests"))
    made = made_of(environments, "reqeusts")
    (finding,) = made.advice
    assert finding.advice and finding.line == 1 and "requests" in finding.text
    assert made_of(environments, "requests").advice == ()
    missing, _ = serve(wheel("walker"))
    assert "Did you mean requests?" in failed(missing, "requestss").findings[0].text


def test_code_that_a_wheel_runs_at_start_up_does_not_run_while_it_is_installed(serve, home, tmp_path):
    mark = tmp_path / "ran"
    loud = {"starter.py": "", "starter.pth": f"import pathlib; pathlib.Path({str(mark)!r}).touch()\n"}
    environments, _ = serve(wheel("starter", files=loud))
    made = made_of(environments, "starter")
    for process in environments._compiling.values():
        assert process.wait(30) == 0
    assert made_of(Environments(home, environments._installer), "starter") == made
    assert (made.site / "starter.pth").is_file() and not mark.exists()
    printed(made, "pass")
    assert mark.exists()  # so that this test can fail


def test_what_was_installed_is_compiled_beside_the_work(serve):
    environments, _ = serve()
    made = made_of(environments, "walker")
    for process in environments._compiling.values():
        assert process.wait(30) == 0
    assert list(made.site.glob("__pycache__/walker.*.pyc"))


MAKE = """
import sys
from pathlib import Path
from l2mac.checks.python.environment import Environments
from l2mac.checks.python.installer import Installer
import json
home, variables = sys.argv[1:]
made = Environments(Path(home), Installer(json.loads(variables)), record=lambda it: print(bool(it.log)))
print(made.environment({"requirements.txt": "strider\\n"}).folder)
"""


def test_processes_that_make_the_same_at_once_make_it_once(serve, home, tmp_path):
    _, registry = serve()
    given = json.dumps(installer_variables(variables(registry.url, tmp_path)))
    command = [sys.executable, "-c", MAKE, str(home), given]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = [process.communicate(timeout=60)[0].split() for process in processes]
    assert len({folder for _, folder in said}) == 1 and sorted(made for made, _ in said) == ["False", "False", "True"]


def test_an_installation_that_is_killed_is_made_again(serve, home, tmp_path):
    environments, registry = serve()
    registry.fails = "hangs"
    given = json.dumps(installer_variables(variables(registry.url, tmp_path) | {"UV_HTTP_TIMEOUT": "30"}))
    process = subprocess.Popen([sys.executable, "-c", MAKE, str(home), given], stdout=subprocess.DEVNULL)
    until = time.monotonic() + 30
    while not registry.asked and time.monotonic() < until:
        time.sleep(0.02)
    process.kill()
    process.wait()
    registry.fails = ""
    registry.closing.set()
    assert printed(made_of(environments, "strider"), "import walker; print(walker.VERSION)") == "1.0"


def test_links_decide_whether_environments_share_files_with_the_cache(serve, home):
    environments, _ = serve()
    copied = made_of(environments, "walker")
    linked = made_of(Environments(home, replace(environments._installer, links="hardlink")), "walker")
    assert copied != linked
    assert ((copied.site / "walker.py").stat().st_nlink, (linked.site / "walker.py").stat().st_nlink > 1) == (1, True)


def test_what_was_unused_for_longest_is_removed_and_never_what_is_in_use(serve, home):
    first, _ = serve()
    old, new = made_of(first, "walker"), made_of(first, "left-hand")
    used = Environments(home, first._installer)
    assert made_of(used, "left-hand") == new
    assert first._shelf.trim(0) == []
    for folder in (old.folder, new.folder):
        os.utime(folder / "complete", (0 if folder == old.folder else 9, 1 if folder == old.folder else 9))
    shelf_home = first._shelf.home
    del first, old
    gc.collect()
    removed = used._shelf.trim(0)
    assert len(removed) == 1 and not (shelf_home / removed[0]).exists()
    assert new.folder.is_dir() and new.python.exists()


def test_an_environment_that_vanishes_is_made_again(serve):
    environments, _ = serve()
    made = made_of(environments, "walker")
    for process in environments._compiling.values():
        process.wait(30)
    shutil.rmtree(made.folder)
    assert printed(made_of(environments, "walker"), "import walker; print(walker.VERSION)") == "1.0"


def test_threads_that_need_different_environments_get_theirs(serve):
    environments, _ = serve()
    found = {}
    lines = ["walker", "runner", "left-hand", "strider"]
    threads = [
        threading.Thread(target=lambda line=line: found.update({line: made_of(environments, line)})) for line in lines
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted(lines) and len(set(found.values())) == 4


@pytest.mark.parametrize(
    ("text", "most"),
    [
        ("six\0\n", 1),
        ("\0", 1),
        ("".join(f"package-{number}\n" for number in range(10_000)), 1),
        ("-e .\n--index-url https://x.example/simple\ngit+https://x.example/y\n", 3),
        ("\udcff\n", 1),
        ("x" * 100_000, 1),
    ],
    ids=["NUL", "only NUL", "ten thousand", "options", "no text", "endless name"],
)
def test_nonsense_is_a_finding_and_no_registry_is_asked(serve, text, most):
    environments, registry = serve()
    report = environments.environment({"requirements.txt": text})
    assert isinstance(report, Report) and report.outcome == "failed", report
    assert 1 <= len(report.findings) <= most and all(len(item.text) < 500 for item in report.findings)
    assert not registry.asked
