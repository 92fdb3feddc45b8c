"""What goes wrong with projects, tools and networks, and what is said of it."""

import os
import re
from pathlib import Path

import pytest

from l2mac.checks.report import Scene
from l2mac.checks.toolchains.checks import ToolchainChecks
from l2mac.checks.toolchains.fetching import Fetcher, _report
from l2mac.checks.toolchains.projects import find_projects
from l2mac.checks.toolchains.recipe import Fetch, recipes
from l2mac.checks.toolchains.results import Results
from l2mac.checks.toolchains.tools import find
from l2mac.sandbox.rungs import open_sandbox
from tests.checks.toolchains.conftest import needed

JS = {
    "package.json": '{"name": "demo", "version": "1.0.0", "type": "module"}',
    "test/one.test.js": 'import test from "node:test";\nimport assert from "node:assert";\n'
    'test("one", () => assert.equal(1, 1));\n',
}
C = {"Makefile": "all: main.o\ntest:\n\t@true\n", "main.c": "int main(void) { return 0; }\n"}


def projects(*paths, **texts):
    found, advice = find_projects(dict.fromkeys(paths, "") | texts)
    return [(it.recipe.name, it.root) for it in found], [f"{it.path}: {it.text}" for it in advice]


@pytest.mark.parametrize(
    ("paths", "texts", "expected"),
    [
        (("a.py", "README.md", "package.json"), {}, []),
        (("back/app.py", "front/package.json", "front/a.ts"), {}, [("typescript", "front/")]),
        (("package.json", "a.js"), {}, [("javascript", "")]),
        (("static/app.js",), {}, [("javascript", "")]),
        (("Cargo.toml", "src/lib.rs", "go.mod", "main.go"), {}, [("go", ""), ("rust", "")]),
        (("Cargo.toml", "a/Cargo.toml", "a/src/lib.rs"), {"Cargo.toml": "[workspace]\n"}, [("rust", "")]),
        (("a/Cargo.toml", "a/src/lib.rs", "b/Cargo.toml", "b/src/lib.rs"), {}, [("rust", "a/"), ("rust", "b/")]),
        (("pom.xml", "src/main/kotlin/A.kt", "src/main/java/B.java"), {}, [("kotlin", "")]),
        (("a.zig",), {}, []),
    ],
)
def test_projects_are_found_by_the_files_that_mark_them(paths, texts, expected):
    found, advice = find_projects(dict.fromkeys(paths, "") | texts)
    assert [(it.recipe.name, it.root) for it in found] == expected and not advice


def test_of_two_build_systems_in_one_folder_one_is_used_and_it_is_said():
    found, advice = projects("CMakeLists.txt", "Makefile", "main.c")
    assert found == [("cmake", "")]
    assert advice == ["Makefile: CMakeLists.txt stands beside it, and only that is used: keep one of the two"]


def test_sources_without_a_project_are_named():
    assert projects("lib.rs", "other.rs") == ([], ["lib.rs: not checked: there is no Cargo.toml above it"])


def test_what_is_not_installed_is_unavailable_with_the_line_that_installs_it(bench, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    reports = bench("none", {"Cargo.toml": "", "src/lib.rs": ""})
    assert reports["rust"].outcome == "unavailable"
    assert reports["rust"].detail.startswith("cargo is not installed: install Rust (https://rustup.rs")
    loose = bench("none", {"static/app.js": "1;"})
    assert not any(it.outcome == "unavailable" for it in loose.values()), "a script beside a Python project"


@needed("npm")
def test_a_lock_file_out_of_step_is_a_finding(bench):
    package = '{"name": "demo", "version": "1.0.0", "dependencies": {"is-number": "7.0.0"}}'
    lock = '{"name": "demo", "version": "1.0.0", "lockfileVersion": 3, "packages": {"": {"name": "demo"}}}'
    reports = bench("lock", {"package.json": package, "package-lock.json": lock, "a.js": "1;"})
    [finding] = reports["environment"].failures
    assert (finding.path, finding.code) == ("package-lock.json", "lock") and "out of step" in finding.text
    assert "build" not in reports


@needed("npm")
def test_a_registry_that_is_down_is_unavailable_not_the_projects_fault(bench, tmp_path):
    variables = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "npm_config_registry": "http://127.0.0.1:9/"}
    variables["npm_config_fetch_retries"] = "0"
    package = '{"name": "demo", "version": "1.0.0", "dependencies": {"is-number": "7.0.0"}}'
    reports = bench("down", {"package.json": package, "a.js": "1;"}, variables=variables)
    assert reports["environment"].outcome == "unavailable" and "check the network" in reports["environment"].detail


@needed("npm")
def test_what_would_run_code_while_it_is_fetched_is_refused(bench):
    package = '{"name": "demo",\n"dependencies": {"x": "git+https://127.0.0.1/x.git"}}'
    [finding] = bench("git", {"package.json": package, "a.js": "1;"})["environment"].failures
    assert (finding.path, finding.line) == ("package.json", 2) and "from a repository" in finding.text


@needed("npm")
def test_fetching_runs_nothing_of_the_project(bench, tmp_path):
    mark = tmp_path / "mark"
    scripts = ", ".join(f'"{name}": "touch {mark}"' for name in ("preinstall", "install", "postinstall", "prepare"))
    files = {
        "package.json": f'{{"name": "demo", "version": "1.0.0", "scripts": {{{scripts}}}}}',
        ".npmrc": f"script-shell={tmp_path}/evil\nignore-scripts=false\nnode-options=--require {tmp_path}/evil.js\n",
        "a.js": "1;",
    }
    assert bench("scripts", files)["build"].outcome == "passed"
    assert not mark.exists()


@needed("cargo")
def test_settings_of_the_project_do_not_reach_the_tools_that_fetch(bench, tmp_path):
    evil = tmp_path / "evil"
    evil.write_text(f'#!/bin/sh\ntouch {tmp_path}/mark\nexec "$@"\n')
    evil.chmod(0o755)
    files = {
        "Cargo.toml": '[package]\nname = "demo"\nversion = "0.1.0"\nedition = "2021"\n',
        ".cargo/config.toml": f'[build]\nrustc-wrapper = "{evil}"\n',
        "rust-toolchain.toml": f'[toolchain]\npath = "{tmp_path}"\n',
        "build.rs": f'fn main() {{ std::fs::write("{tmp_path}/mark", "").unwrap(); }}\n',
        "src/lib.rs": "",
    }
    bench("settings", files, seconds=20)
    assert not (tmp_path / "mark").exists()


@needed("make", "gcc")
def test_a_compiler_that_crashes_is_said_to_and_not_remembered(bench, tmp_path):
    makefile = "main.o: main.c\n\t@echo 'main.c:1: internal compiler error: Segmentation fault'; exit 4\n"
    results = Results(tmp_path / "results")
    reports = bench("crash", C | {"Makefile": makefile}, results=results)
    assert (
        reports["build"].failures[0].code == "crash" and "internal compiler error" in reports["build"].failures[0].text
    )
    assert not list((tmp_path).glob("results/*"))


@needed("make", "gcc")
def test_other_languages_of_messages_and_windows_line_ends_change_nothing(bench, monkeypatch):
    for name in ("LANG", "LC_ALL", "LANGUAGE", "LC_MESSAGES"):
        monkeypatch.setenv(name, "de_DE.UTF-8")
    files = C | {"main.c": "int main(void) {\r\n  return missing;\r\n}\r\n"}
    [finding] = bench("windows", files)["build"].failures
    assert (finding.path, finding.line) == ("main.c", 2) and "undeclared" in finding.text


@needed("node")
def test_a_test_that_passes_only_the_second_time_fails_and_it_is_said_why(bench):
    test = (
        'import test from "node:test";\nimport { existsSync, writeFileSync } from "node:fs";\n'
        'test("one", () => { if (existsSync("m.txt")) return; writeFileSync("m.txt", ""); throw new Error("no"); });\n'
    )
    [finding] = bench("flaky", JS | {"test/one.test.js": test})["tests"].failures
    assert finding.code == "test/one.test.js::one" and "passed when it was run again" in finding.text


@needed("node")
def test_tests_that_end_the_process_or_leave_no_result_do_not_pass(bench):
    for body in ("process.exit(0)", "process.exit(1)"):
        files = JS | {"test/one.test.js": f'import test from "node:test";\ntest("one", () => {{ {body} }});\n'}
        assert bench("exits", files)["tests"].outcome in ("failed", "absent")


@needed("node")
def test_a_link_that_a_test_leaves_does_not_lead_out_of_the_lane(bench, tmp_path, toolchains_home):
    (tmp_path / "tests.xml").write_text('<testsuite><testcase name="stolen" classname="x"/></testsuite>')
    (tmp_path / "keep").mkdir()
    lane = toolchains_home / "lanes" / "links"
    lane.mkdir(parents=True)
    (lane / ".l2mac-results").symlink_to(tmp_path)
    (lane / "node_modules").symlink_to(tmp_path)
    bench("links", JS)
    assert (tmp_path / "tests.xml").exists() and (tmp_path / "keep").exists()


@needed("node")
def test_the_same_is_judged_once_in_an_attempt_and_anew_in_the_next(bench, tmp_path):
    results = Results(tmp_path / "results")
    first = bench("once", JS, results=results, attempt="1/I1/1")
    again = bench("once", JS, results=results, attempt="1/I1/1")
    other = bench("once", JS, results=results, attempt="1/I1/2")
    changed = bench("once", JS | {"a.js": "2;"}, results=results, attempt="1/I1/1")
    saved = [sum(it.saved for it in reports.values()) for reports in (first, again, other, changed)]
    assert saved[1] > 0 and saved[0] == saved[2] == saved[3] == 0
    assert again["tests"].passed == first["tests"].passed == ("test/one.test.js::one",)


@needed("make", "gcc")
def test_a_run_that_was_stopped_is_not_remembered(bench, tmp_path):
    makefile = "all: main.o\ntest:\n\tsleep 60\n"
    reports = bench("slow", C | {"Makefile": makefile}, results=Results(tmp_path / "results"), seconds=1)
    assert reports["tests"].outcome == "timed_out" and not list((tmp_path).glob("results/*"))


@needed("make", "gcc")
def test_only_projects_that_a_change_concerns_are_judged(bench):
    files = {f"{name}/{path}": text for name in ("one", "two") for path, text in C.items()}
    assert bench("two", files, changed=frozenset({"README.md"})) == {}
    assert bench("two", files, changed=frozenset({"two/main.c"}))["tests"].passed == ("two/Makefile::make",)
    assert bench("two", files, tests=("one/Makefile::make",))["tests"].passed == ("one/Makefile::make",)


def test_every_tool_that_is_found_says_its_version():
    for recipe in recipes():
        found = find(recipe)
        if isinstance(found, str):
            assert re.match(rf"{recipe.program} (is not installed|does not)", found) and recipe.install in found
        else:
            assert found.version and found.home.is_dir()


def test_without_other_languages_nothing_is_looked_for(tmp_path):
    checks = ToolchainChecks(open_sandbox("auto"), Fetcher(tmp_path / "home"))
    assert checks.check(Scene({"a.py": "", "README.md": "", "requirements.txt": ""}, tmp_path)) == []
    assert checks.surroundings({"a.py": ""}, tmp_path) == ({}, ()) and not (tmp_path / "home").exists()


def fetched(fetcher, files):
    [project], _ = find_projects(files)
    folder = fetcher.fetch(project, find(project.recipe), files)
    locks = fetcher.locks(project, folder, files) if isinstance(folder, Path) else ()
    return folder, {it.path: it.text for it in locks}


@pytest.mark.parametrize(
    ("printed", "outcome"),
    [
        ("error: the lock file /home/a9e5034b/Cargo.lock needs to be updated", "failed"),
        ("npm error code E503", "unavailable"),
    ],
)
def test_a_number_within_a_name_is_no_answer_of_a_registry(printed, outcome):
    [project], _ = find_projects(RUST)
    fetch = Fetch(copies=(), commands=(), outdated="needs to be updated")
    assert _report(project, fetch, printed, "Cargo.lock").outcome == outcome


RUST = {"Cargo.toml": '[package]\nname = "demo"\nversion = "0.1.0"\nedition = "2021"\n', "src/lib.rs": ""}
NEWER = {"Cargo.toml": RUST["Cargo.toml"].replace("0.1.0", "0.2.0")}


@needed("cargo")
def test_a_lock_that_fetching_made_is_kept_and_brought_into_step_with_the_manifest(tmp_path):
    fetcher = Fetcher(tmp_path)
    folder, made = fetched(fetcher, RUST)
    assert list(made) == ["Cargo.lock"] and 'version = "0.1.0"' in made["Cargo.lock"]
    assert fetched(fetcher, RUST | made) == (folder, {}), "nothing is fetched twice"
    newer, again = fetched(fetcher, RUST | made | NEWER)
    assert newer != folder and 'version = "0.2.0"' in again["Cargo.lock"]
    theirs = {"Cargo.lock": made["Cargo.lock"] + "\n# of the project\n"}
    refused, _ = fetched(fetcher, RUST | theirs | NEWER)
    assert refused.failures[0].code == "lock", "what the project brought is not changed for it"


@needed("cargo")
def test_what_the_tools_downloaded_is_bounded_and_what_rested_on_it_is_fetched_again(tmp_path):
    first = Fetcher(tmp_path)
    folder, _ = fetched(first, RUST)
    [project], _ = find_projects(RUST)
    downloads = first.cache(project)
    (downloads / "crate").write_bytes(b"x" * 10_000)
    assert fetched(Fetcher(tmp_path, most=1), RUST)[0] == folder, "what is in use is not removed"
    fetched(first, RUST | NEWER)  # measures again
    del first
    again = Fetcher(tmp_path, most=5_000)
    assert fetched(again, RUST)[0] != folder
    assert again.cache(project) == downloads and not (downloads / "crate").exists()
