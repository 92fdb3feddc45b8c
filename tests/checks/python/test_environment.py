"""The environment of a project: made once, from wheels only, and offline when nothing is needed."""

import shutil
import subprocess
import threading

import pytest

from l2mac.checks.python.environment import Environment, Environments
from l2mac.checks.python.installer import Installer, classify, installer_variables
from l2mac.checks.python.requirements import read_requirements
from l2mac.checks.report import Report


def made_without(registry, home) -> Environments:
    """Environments that reach no registry."""
    return Environments(home, Installer(installer_variables(registry)))


REFUSED = [
    "-e .",
    "-e git+https://example.org/x#egg=x",
    "--editable=.",
    "--index-url https://example.org/simple",
    "--index-url=https://user:secret@example.org/simple",
    "-i https://example.org/simple",
    "--extra-index-url https://example.org/simple",
    "--find-links ./wheels",
    "-f.",
    "--trusted-host example.org",
    "--no-binary :all:",
    "--pre",
    "-r ../outside.txt",
    "-r /etc/passwd",
    "-r https://example.org/list.txt",
    "-r missing.txt",
    "-c constraints.txt",
    ".",
    "./local",
    "../other",
    "/opt/package",
    "~/package",
    "wheels/x-1.0-py3-none-any.whl",
    "C:\\package",
    "git+https://example.org/x",
    "x @ https://example.org/x.whl",
    "x @ file:///etc/passwd",
    "https://example.org/x.whl",
    "file:///opt/x",
    "${SECRET}",
    "x==${VERSION}",
    "x==$VERSION",
    "x; os.system('true')",
    "x y z",
    "x==1 --global-option=--evil",
    "x==1 --config-settings=a=b",
    "$(touch /tmp/owned)",
    "!!!",
]
ACCEPTED = {
    "six": "six",
    "six==1.16.0  # pinned": "six==1.16.0",
    "requests [socks, security] >= 2.8.1 , == 2.8.*": "requests[security,socks]==2.8.*,>=2.8.1",
    'x>=1; python_version < "3.11" and os_name == "posix"': 'x>=1; python_version < "3.11" and os_name == "posix"',
    "six==1.16.0 \\\n    --hash=sha256:" + "a" * 64: "six==1.16.0 --hash=sha256:" + "a" * 64,
    "\ufeffsix": "six",
    "Flask_Login~=0.6": "Flask_Login~=0.6",
}


@pytest.mark.parametrize("line", REFUSED)
def test_a_requirement_that_could_fetch_or_run_something_is_a_finding_at_its_line(
    line, empty_environment, environments
):
    files = {"requirements.txt": f"# needed\nsix\n{line}\n"}
    requirements, (finding,) = read_requirements(files)
    assert [item.text for item in requirements] == ["six"]
    assert (finding.path, finding.line, finding.advice) == ("requirements.txt", 3, False)
    assert "secret@" not in finding.text
    report = environments.environment(files)
    assert isinstance(report, Report) and report.outcome == "failed" and report.findings == (finding,)


@pytest.mark.parametrize(("line", "text"), ACCEPTED.items())
def test_names_versions_extras_markers_and_hashes_reach_the_installer(line, text):
    (requirement,), findings = read_requirements({"requirements.txt": f"\n{line}\n"})
    assert (requirement.text, requirement.line, findings) == (text, 2, ())


def test_a_list_may_include_another_of_the_project_and_itself():
    files = {
        "requirements.txt": "-r lists/more.txt\nsix\n",
        "lists/more.txt": "-r ../requirements.txt\n--requirement=deep.txt\nattrs\n",
        "lists/deep.txt": "idna\n",
        "requirements-dev.txt": "-r requirements.txt\nhypothesis\n",
    }
    requirements, findings = read_requirements(files)
    assert [item.name for item in requirements] == ["idna", "attrs", "six", "hypothesis"]
    assert not findings


PYPROJECT = """
[project]
name = "my-app"
dependencies = [
    "six>=1",
    "evil @ https://example.org/evil.whl",
]
[project.optional-dependencies]
dev = ["my_app[test]", "attrs"]
test = ["idna"]
docs = ["sphinx"]
[dependency-groups]
dev = [{include-group = "typing"}]
typing = ["types-six"]
"""


def test_dependencies_of_a_pyproject_count_when_there_is_no_list():
    requirements, (finding,) = read_requirements({"pyproject.toml": PYPROJECT})
    assert [item.name for item in requirements] == ["six", "idna", "attrs", "types-six"]
    assert (requirements[0].line, finding.line) == (5, 6)
    listed, _ = read_requirements({"pyproject.toml": PYPROJECT, "requirements.txt": "certifi\n"})
    assert [item.name for item in listed] == ["certifi"]


@pytest.mark.parametrize(
    "text", ["not toml [", "[project]\ndependencies = 3\n", 'project = "x"\n', "dependency-groups = 1"]
)
def test_a_pyproject_that_makes_no_sense_asks_for_nothing(text):
    assert read_requirements({"pyproject.toml": text}) == ((), ())


def test_a_project_without_requirements_needs_no_network_and_has_pytest(environments, empty_environment):
    assert environments.environment({"app.py": "x = 1\n"}) == empty_environment
    command = [str(empty_environment.python), "-c", "import pytest, pluggy; print(pytest.__version__)"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == pytest.__version__
    assert "site-packages" not in [path.name for path in empty_environment.probe.iterdir()]
    assert not empty_environment.has_pytest_plugins()


def test_packages_of_the_project_win_over_what_ships_with_us(home, dead_registry):
    made = made_without(dead_registry, home).environment({})
    assert isinstance(made, Environment)
    (made.site / "pluggy.py").write_text("__version__ = 'their own'\n")
    command = [str(made.python), "-c", "import pluggy; print(pluggy.__version__)"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "their own"


def test_an_unfinished_environment_is_made_again(home, dead_registry):
    made = made_without(dead_registry, home).environment({})
    assert isinstance(made, Environment)
    # As a kill in the middle leaves it: no marker, half of the files.
    (made.folder / "complete").unlink()
    shutil.rmtree(made.folder / "lib")
    (made.folder / "rubbish").write_text("")
    again = made_without(dead_registry, home).environment({})
    assert again == made and made.site.is_dir() and not (made.folder / "rubbish").exists()


def test_an_unfinished_copy_of_what_ships_with_us_is_made_again(tmp_path, dead_registry):
    made = made_without(dead_registry, tmp_path).environment({})
    assert isinstance(made, Environment)
    shipped = next(path for path in made.readable if path.name.startswith("shipped-"))
    (shipped / "complete").unlink()
    shutil.rmtree(shipped / "_pytest")
    made_without(dead_registry, tmp_path).environment({})
    assert (shipped / "_pytest" / "main.py").is_file()


def test_many_who_ask_at_once_get_the_same_environment(tmp_path, dead_registry):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(made_without(dead_registry, tmp_path).environment({})))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and len(set(found)) == 1 and isinstance(found[0], Environment)


def test_a_registry_that_cannot_be_reached_leaves_the_check_unavailable(home, dead_registry):
    environments = made_without(dead_registry, home)
    report = environments.environment({"requirements.txt": "six\n"})
    assert isinstance(report, Report)
    assert (report.check, report.outcome, report.findings) == ("environment", "unavailable", ())
    assert "cannot be reached" in report.detail and "\n" not in report.detail
    assert environments.environment({"requirements.txt": "six\n"}) == report


def test_an_installer_gets_certificates_proxies_and_indexes_and_no_other_secret():
    mine = {
        "OPENAI_API_KEY": "secret", "AWS_SECRET_ACCESS_KEY": "secret", "PIP_INDEX_URL": "https://index",
        "PIP_CERT": "/c",
        "HTTPS_PROXY": "http://proxy", "no_proxy": "x", "UV_CACHE_DIR": "/cache", "REQUESTS_CA_BUNDLE": "/r",
        "PATH": "/p",
        "PYTHONPATH": "/evil", "LD_PRELOAD": "/evil.so",
    }  # fmt: skip
    given = installer_variables(mine)
    assert "secret" not in given.values() and not {"PYTHONPATH", "LD_PRELOAD"} & set(given)
    assert {name: given[name] for name in ("PIP_INDEX_URL", "HTTPS_PROXY", "no_proxy", "UV_CACHE_DIR", "PATH")}
    assert (given["UV_DEFAULT_INDEX"], given["SSL_CERT_FILE"]) == ("https://index", "/c")


SAID = [
    ("Because nosuch was not found in the package registry and you require nosuch", "unresolved"),
    ("No solution found when resolving dependencies:\n Because there is no version of six==99", "unresolved"),
    ("Because x==1 has no usable wheels and you require x==1", "unresolved"),
    ("ERROR: No matching distribution found for nosuch", "unresolved"),
    ("ERROR: Cannot install a and b because these package versions have conflicting dependencies.", "unresolved"),
    (
        "WARNING: Retrying after connection broken by 'NewConnectionError'\nERROR: No matching distribution",
        "unreachable",
    ),
    ("error: Failed to fetch: `https://pypi.org/simple/six/`\n  Caused by: dns error", "unreachable"),
    ("invalid peer certificate: UnknownIssuer", "unreachable"),
    ("error: Failed to read `/x`: permission denied", "broken"),
    ("Because certificate was not found in the package registry", "unresolved"),
]


@pytest.mark.parametrize(("output", "ending"), SAID)
def test_the_reason_of_a_failure_is_read_from_the_installers_output(output, ending):
    assert classify(output, ["certificate", "nosuch"]) == ending


def test_a_plugin_of_pytest_is_noticed(home, dead_registry):
    made = made_without(dead_registry, home).environment({})
    assert isinstance(made, Environment)
    (made.site / "x-1.dist-info").mkdir()
    (made.site / "x-1.dist-info" / "entry_points.txt").write_text("[pytest11]\nx = x\n")
    assert made.has_pytest_plugins()
