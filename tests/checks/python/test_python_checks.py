"""All checks of a Python project together."""

import pytest

from l2mac.checks.python.checks import PythonChecks
from l2mac.checks.python.environment import Environments
from l2mac.checks.python.installer import Installer, installer_variables
from l2mac.sandbox.rungs import open_sandbox

GOOD = {
    "app.py": "def add(a, b):\n    return a + b\n",
    "other.py": "OTHER = 1\n",
    "test_app.py": "from app import add\n\ndef test_add():\n    assert add(1, 2) == 3\n",
    "test_other.py": "import other\n\ndef test_other():\n    assert other.OTHER\n",
}
FINE = [("syntax", "passed"), ("lint", "passed"), ("tests", "passed")]


def ask(scene, environments, **options):
    reports = PythonChecks(open_sandbox("auto"), environments, **options).check(scene)
    return reports, [(report.check, report.outcome) for report in reports]


def test_a_sound_project_passes_syntax_lint_and_tests(lay_out, environments):
    reports, outcomes = ask(lay_out(GOOD), environments)
    assert outcomes == FINE
    assert reports[-1].passed == ("test_app.py::test_add", "test_other.py::test_other")


def test_after_a_write_only_what_it_can_affect_is_tested(lay_out, environments):
    reports, outcomes = ask(lay_out(GOOD, {"app.py"}), environments)
    assert outcomes == FINE and reports[-1].passed == ("test_app.py::test_add",)


def test_a_file_that_does_not_parse_is_all_that_is_reported(lay_out, environments):
    _, outcomes = ask(lay_out(GOOD | {"app.py": "def add(:\n"}, {"app.py"}), environments)
    assert outcomes == [("syntax", "failed")]


def test_a_broken_file_elsewhere_does_not_hide_what_the_change_did(lay_out, environments):
    _, outcomes = ask(lay_out(GOOD | {"broken.py": "def (:\n"}, {"app.py"}), environments)
    assert outcomes == [("syntax", "passed"), ("lint", "passed"), ("tests", "passed")]


def test_without_an_environment_neither_lint_nor_tests_run(lay_out, environments):
    _, outcomes = ask(lay_out(GOOD | {"requirements.txt": "-e .\n"}), environments)
    assert outcomes == [("syntax", "passed"), ("environment", "failed")]


def test_an_unreachable_registry_is_unavailable_not_failed(lay_out, home, dead_registry):
    environments = Environments(home, Installer(installer_variables(dead_registry)))
    _, outcomes = ask(lay_out(GOOD | {"requirements.txt": "six\n"}), environments)
    assert outcomes == [("syntax", "passed"), ("environment", "unavailable")]


def test_tests_that_are_off_are_not_reported(lay_out, environments):
    _, outcomes = ask(lay_out(GOOD), environments, tests=False)
    assert outcomes == FINE[:2]


@pytest.mark.parametrize(
    ("files", "syntax"), [({}, "absent"), ({"README.md": "hello"}, "absent"), ({"a.json": "{}"}, "passed")]
)
def test_a_project_without_python_has_nothing_to_check(files, syntax, lay_out, environments):
    _, outcomes = ask(lay_out(files), environments)
    assert outcomes == [("syntax", syntax), ("lint", "absent"), ("tests", "absent")]


def test_lint_and_tests_are_both_told_when_both_fail(lay_out, environments):
    reports, outcomes = ask(lay_out(GOOD | {"app.py": "def add(a, b):\n    return a - c\n"}), environments)
    assert outcomes == [("syntax", "passed"), ("lint", "failed"), ("tests", "failed")]
    assert [report.failures[0].path for report in reports[1:]] == ["app.py", "app.py"]


def test_a_test_asked_for_by_name_runs_whatever_changed(lay_out, environments):
    reports, _ = ask(lay_out(GOOD, {"app.py"}, ("test_other.py::test_other",)), environments)
    assert reports[-1].passed == ("test_other.py::test_other",)


def test_deleting_a_module_that_is_still_imported_fails_the_tests(lay_out, environments):
    files = {path: text for path, text in GOOD.items() if path != "app.py"}
    reports, _ = ask(lay_out(files, {"app.py"}), environments)
    assert reports[-1].outcome == "failed"
    assert [finding.code for finding in reports[-1].findings] == ["test_app.py"]


def test_checks_leave_nothing_but_artefacts_in_the_lane(lay_out, environments):
    scene = lay_out(GOOD)
    ask(scene, environments)
    left = {path.name for path in scene.folder.iterdir()} - set(GOOD)
    assert left == {"__pycache__"} and "__pycache__/" in PythonChecks.artefacts
