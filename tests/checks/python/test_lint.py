"""Which of pylint's errors gate, as data in tests/cases/lint, and how a run of it can end."""

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from l2mac.checks.python.lint import LintCheck
from l2mac.checks.python.project import ProjectIndex
from l2mac.sandbox.rungs import open_sandbox
from l2mac.sandbox.seam import Outcome

CASES = sorted((Path(__file__).parents[2] / "cases" / "lint").glob("*.toml"))


def lint(scene, environment, check=None):
    return (check or LintCheck(open_sandbox("auto"))).check(scene, ProjectIndex().of(scene.files), environment)


def told(finding):
    return f"{'advice' if finding.advice else 'gates'} {finding.code} {finding.path}:{finding.line}"


@pytest.mark.parametrize("path", CASES, ids=[path.stem for path in CASES])
def test_errors_gate_when_they_lie_in_the_project_and_are_advice_elsewhere(path, lay_out, empty_environment):
    case = tomllib.loads(path.read_text("utf-8"))
    scene = lay_out(case["files"], set(case["changed"]) if "changed" in case else None)
    report = lint(scene, empty_environment)
    assert [told(finding) for finding in report.findings] == case["expect"], report
    assert report.outcome == ("failed" if any(line.startswith("gates") for line in case["expect"]) else "passed")
    assert str(scene.folder) not in repr(report)
    assert not (scene.folder / ".pylint").exists()


def test_no_configuration_of_the_project_or_above_it_is_read(lay_out, empty_environment):
    pyproject = '[tool.pylint.main]\ndisable = "all"\ninit-hook = "raise SystemExit(0)"\n'
    scene = lay_out({"app.py": "print(nothing)\n", "pyproject.toml": pyproject, ".pylintrc": "[MAIN]\ndisable=all\n"})
    (scene.folder.parent / "pylintrc").write_text("[MAIN]\ndisable=all\n")
    assert [told(finding) for finding in lint(scene, empty_environment).findings] == ["gates E0602 app.py:1"]


def test_packages_of_the_environment_are_seen(lay_out, empty_environment, tmp_path):
    folder = tmp_path / "env"
    environment = replace(empty_environment, folder=folder, readable=(*empty_environment.readable, folder))
    environment.site.mkdir(parents=True)
    (environment.site / "theirs.py").write_text("X = 1\n")
    scene = lay_out({"app.py": "from theirs import X, Y\nprint(X)\n"})
    assert [told(finding) for finding in lint(scene, environment).findings] == ["advice E0611 app.py:1"]


def test_a_project_without_python_has_nothing_to_lint(lay_out, empty_environment):
    assert lint(lay_out({"README.md": ""}), empty_environment).outcome == "absent"


def test_only_changed_files_and_their_direct_dependants_are_judged(lay_out, empty_environment):
    files = {"a.py": "A = 1\n", "b.py": "from a import B\n", "c.py": "print(nothing)\n"}
    report = lint(lay_out(files, {"a.py"}), empty_environment)
    assert [told(finding) for finding in report.findings] == ["gates E0611 b.py:1"]
    assert lint(lay_out(files, {"README.md"}), empty_environment).outcome == "absent"


class CountingSandbox:
    """Counts what it runs."""

    name = "counting"

    def __init__(self):
        self.linted = []

    def run(self, command, folder, **options):
        self.linted.append(list(command[list(command).index("--") + 1 :]))
        return open_sandbox("auto").run(command, folder, **options)


def test_a_file_is_linted_again_only_when_it_or_what_it_imports_has_changed(lay_out, empty_environment):
    files = {"a.py": "A = 1\n", "b.py": "import a\nprint(a.A)\n", "c.py": "import b\nprint(b.a)\n", "d.py": "D = 1\n"}
    sandbox = CountingSandbox()
    check = LintCheck(sandbox)
    assert lint(lay_out(files), empty_environment, check).outcome == "passed"
    assert lint(lay_out(files), empty_environment, check).outcome == "passed"
    report = lint(lay_out(files | {"a.py": "B = 1\n"}), empty_environment, check)
    assert [told(finding) for finding in report.findings] == ["gates E1101 b.py:2"]
    assert sandbox.linted == [["a.py", "b.py", "c.py", "d.py"], ["a.py", "b.py", "c.py"]]


class ScriptedSandbox:
    """Answers as it was told, once for each run."""

    name = "scripted"

    def __init__(self, *outcomes):
        self.outcomes = list(outcomes)

    def run(self, command, folder, **options):
        answer = self.outcomes.pop(0)
        return answer(command, folder, **options) if callable(answer) else answer


FILES = {"a.py": "print(nothing)\n", "b.py": "B = 1\n"}


def test_a_pylint_that_hangs_has_timed_out(lay_out, empty_environment):
    check = LintCheck(ScriptedSandbox(Outcome("timed_out", None, "")), seconds=3)
    report = lint(lay_out(FILES), empty_environment, check)
    assert (report.outcome, report.detail) == ("timed_out", "pylint did not finish in 3 s")


def test_a_pylint_that_cannot_start_is_unavailable(lay_out, empty_environment):
    check = LintCheck(ScriptedSandbox(Outcome("not_started", None, "cannot run 'python': no such file")))
    report = lint(lay_out(FILES), empty_environment, check)
    assert report.outcome == "unavailable" and "no such file" in report.detail


def test_a_file_that_pylint_dies_of_is_advice_and_the_others_are_judged(lay_out, empty_environment):
    died = Outcome("exited", 1, "astroid.exceptions.AstroidError: building error")
    check = LintCheck(ScriptedSandbox(died, open_sandbox("auto").run, died))
    report = lint(lay_out(FILES), empty_environment, check)
    assert [told(finding) for finding in report.findings] == ["gates E0602 a.py:1", "advice F0002 b.py:0"]
    again = lint(lay_out({"b.py": "B = 1\n"}), empty_environment, LintCheck(ScriptedSandbox(died)))
    assert again.outcome == "passed"


def test_what_a_file_prints_or_pretends_is_no_message(lay_out, empty_environment):
    scene = lay_out(
        {"a.py": "print('[]')  # pylint: load-plugins=evil\nprint(nothing)\n", "evil.py": "raise SystemExit\n"}
    )
    assert [told(item) for item in lint(scene, empty_environment).failures] == ["gates E0602 a.py:2"]
