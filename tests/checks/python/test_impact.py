"""No test whose result a change alters is left out: changes of all kinds in projects that were grown at random."""

import random

import pytest

from l2mac.checks.python.project import ProjectIndex
from l2mac.checks.python.pytest_run import PytestCheck
from l2mac.checks.python.warmth import Warmth
from l2mac.checks.report import Scene
from l2mac.sandbox.rungs import open_sandbox

pytestmark = pytest.mark.slow

# Ways in which the value of one module, `{name}` of package `{package}`, comes to be in another file.
USES = {
    "from package": "from {package} import {name} as it\nfound = it.value()\n",
    "from module": "from {package}.{name} import value as it\nfound = it()\n",
    "module": "import {package}.{name}\nfound = {package}.{name}.value()\n",
    "late": "def late():\n    import {package}.{name} as it\n    return it.value()\nfound = late()\n",
    "all": "from {package}.{name} import *\nfound = value()\n",
    "by name": "import importlib\nfound = importlib.import_module('{package}.{name}').value()\n",
    "by computed name": "import importlib\nfound = importlib.import_module("
                        "'.'.join(['{package}', '{name}'])).value()\n",
    "by a relative name": "import importlib\nfound = importlib.import_module('.{name}', '{package}').value()\n",
    "in text": "scope = {{}}\nexec('from {package}.{name} import value', scope)\nfound = scope['value']()\n",
    "by its file": "import pathlib\nscope = {{'__name__': '{package}.it', '__package__': '{package}'}}\n"
                   "exec((pathlib.Path('{package}') / '{name}.py').read_text(), scope)\nfound = scope['value']()\n",
    "as a program": "import subprocess, sys\nfound = int(subprocess.run([sys.executable, '-m', '{package}.{name}']"
                    ", capture_output=True).stdout or -1)\n",
    "in a command": "import subprocess, sys\nfound = int(subprocess.run(sys.executable + ' -m {package}.{name}', "
                    "shell=True, capture_output=True).stdout or -1)\n",
    "all there is": "import glob\nfound = sum(len(open(path).read()) for path in sorted(glob.glob('*/*.py')))\n",
}  # fmt: skip
MODULE = "{uses}\n\ndef value():\n    return {number}{added}\n\n\nif __name__ == '__main__':\n    print(value())\n"


def grown(chance):
    """Modules in two packages that use each other in every way, and a test for each that knows its value by now."""
    files = {f"{package}/__init__.py": "SEEN = 1\n" for package in ("one", "two")}
    files |= {"tests/conftest.py": "", "data.txt": "7"}
    places = [(chance.choice(["one", "two"]), f"m{number}") for number in range(6)]
    for at, (package, name) in enumerate(places):
        used = chance.sample(places[:at], min(at, chance.randint(0, 2)))
        uses = [use(chance, *it).replace("found", f"found_{number}") for number, it in enumerate(used)]
        added = "".join(f" + found_{number}" for number in range(len(used)))
        files[f"{package}/{name}.py"] = MODULE.format(uses="".join(uses), number=at + 1, added=added)
        files[f"tests/test_{name}.py"] = (
            f"{use(chance, package, name)}\nfrom tests_seen import seen\n\n\n"
            "def test_it():\n    assert not seen(found)\n"
        )
    files["tests/tests_seen.py"] = "def seen(found):\n    return repr(found)\n"
    files["tests/test_data.py"] = "def test_data():\n    assert not open('data.txt').read()\n"
    return files


def use(chance, package, name):
    return USES[chance.choice(sorted(USES))].format(package=package, name=name)


def changed(chance, files):
    """The files after a change of a random kind."""
    modules = sorted(path for path in files if path.endswith(".py"))
    path = chance.choice(modules)
    kind = chance.choice(["edit", "edit", "delete", "rename", "add", "data", "shadow", "raise"])
    if kind == "edit":
        return {**files, path: files[path].replace("return ", "return 100 + ").replace("SEEN = 1", "raise OSError")}
    if kind == "raise":
        return {**files, path: f"raise RuntimeError\n{files[path]}"}
    if kind == "delete":
        return {name: text for name, text in files.items() if name != path}
    if kind == "rename":
        return {(name.replace("m", "n", 1) if name == path else name): text for name, text in files.items()}
    if kind == "add":
        added = chance.choice(
            ["tests/__init__.py", "__init__.py", "one/one/__init__.py", "conftest.py", "two/test_m1.py"]
        )
        return {**files, added: files.get(added, "") + "\n\ndef test_more():\n    pass\n"}
    if kind == "shadow":
        return {**files, chance.choice(["one.py", "tests/two.py", "tests/glob.py", "subprocess.py"]): "value = None\n"}
    return {**files, "data.txt": "8"}


@pytest.mark.parametrize("seed", range(8))
def test_a_test_whose_result_changes_is_run(seed, tmp_path, empty_environment):
    chance = random.Random(seed)
    warmth = Warmth(sandbox := open_sandbox("auto"), patience=120.0)
    judge, index = PytestCheck(sandbox, seconds=60.0, warmth=warmth), ProjectIndex()

    def results(files, number):
        """What came of each test of the whole: nothing where it passed, else its failure as it is told."""
        lane = tmp_path / str(number)
        for path, text in files.items():
            (lane / path).parent.mkdir(parents=True, exist_ok=True)
            (lane / path).write_text(text)
        report = judge.check(Scene(files, lane), ProjectIndex().of(files), empty_environment)
        return {it.code: it.text for it in report.findings} | dict.fromkeys(report.passed, "")

    files = grown(chance)
    index.of(files)
    before = results(files, "first")
    assert len(before) == 7 and all(before.values())
    for number in range(5):
        after = changed(chance, files)
        paths = {path for path in files.keys() | after.keys() if files.get(path) != after.get(path)}
        chosen = index.of(after).tests_affected(paths)
        altered = {test.partition("::")[0] for test, _ in before.items() ^ results(after, number).items()}
        assert chosen is None or altered & after.keys() <= set(chosen), (paths, chosen)
        index.of(files)
    warmth.close()
