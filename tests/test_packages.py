"""Runs whose projects need packages: what is recorded, shown and refused."""

import pytest

from l2mac import Instruction, Program, Settings, generate_codebase
from l2mac.control.state import state
from l2mac.machine import Watcher
from l2mac.memory.journal import Journal
from l2mac.panel.report import page
from l2mac.panel.story import tell
from l2mac.testing import ScriptedProcessor, calls

from .registry import wheel

PROGRAM = Program((Instruction("I1", "One", "Write it."),))


@pytest.fixture
def wheelhouse(tmp_path):
    folder = tmp_path / "wheels"
    folder.mkdir()
    for name, content in (wheel("reqeusts", files={"reqeusts.py": "ONE = 1\n"}, requires=["walker"]), wheel("walker")):
        (folder / name).write_bytes(content)
    return folder


def work(*needed, module="reqeusts"):
    files = {
        "requirements.txt": "".join(f"{it}\n" for it in needed),
        "one.py": f"from {module} import ONE\n\nprint(ONE)\n",
        "test_one.py": "import one\n\n\ndef test_one():\n    assert one.ONE == 1\n",
    }
    return ("write_files", {"files": [{"path": path, "content": text} for path, text in files.items()]})


DONE = ("complete_instruction", {"summary": "ONE is 1."})


def made(tmp_path, *replies, notices=None, **packages):
    processor = ScriptedProcessor(list(replies))
    settings = Settings.model_validate({"packages": packages})
    watcher = Watcher(notice=(notices if notices is not None else []).append)
    codebase = generate_codebase(
        "One.", program=PROGRAM, settings=settings, processor=processor, out=tmp_path, watcher=watcher
    )
    return codebase, processor


def told(codebase, verbose):
    journal = Journal(codebase.path / ".l2mac" / "run.db", writable=False)
    lines = [line for event in journal.events() for line in tell(event, journal, verbose=verbose)]
    html = page(journal, state(journal))
    journal.close()
    return lines, html


def test_an_installation_is_shown_recorded_and_read_in_the_log(tmp_path, wheelhouse):
    notices = []
    codebase, _ = made(tmp_path, calls(work("reqeusts"), DONE), notices=notices, wheelhouse=str(wheelhouse))
    assert codebase.complete, codebase.ended
    assert any("installing reqeusts 1.0" in line for line in notices)
    lines, html = told(codebase, verbose=False)
    assert lines.count("  environment: 2 packages installed for reqeusts") == 1
    verbose, _ = told(codebase, verbose=True)
    assert {"    reqeusts==1.0", "    walker==1.0"} <= set(verbose) and any("Installed 2" in line for line in verbose)
    # The name is one letter from a popular one: the report says so.
    assert "Packages to look at" in html and "one letter away from requests" in html


def test_the_model_is_told_which_package_holds_a_missing_module(tmp_path, wheelhouse):
    replies = [calls(work(module="yaml")), calls(work("reqeusts"), DONE)]
    codebase, processor = made(tmp_path, *replies, wheelhouse=str(wheelhouse))
    shown = processor.requests[1].messages[-1].content
    assert shown.startswith("checks failed") and "Unable to import 'yaml': add PyYAML to requirements.txt" in shown
    assert codebase.complete


def test_a_denied_package_is_refused_to_the_model(tmp_path, wheelhouse):
    replies = [calls(work("reqeusts"), DONE), calls(work(module="one_of_our_own"), ("write_files", {"files": [
        {"path": "one_of_our_own.py", "content": "ONE = 1\n"}]}), DONE)]  # fmt: skip
    codebase, processor = made(tmp_path, *replies, wheelhouse=str(wheelhouse), deny=["walk*"])
    shown = processor.requests[1].messages[-1].content
    assert "the package walker, needed by reqeusts, is refused by the user's setting packages.deny (walk*)" in shown
    assert codebase.complete
