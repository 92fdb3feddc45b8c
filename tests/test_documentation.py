"""What is written about the machine is true of it: every command in the pages is executed."""

import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml

from l2mac.config import Settings, example, load_settings
from l2mac.testing import LoopbackProvider, calls

from .book_job import BookJob
from .jobs import ADD, TEST_ADD, done, git, program, write

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [
    "README.md",
    "docs/running.md",
    "docs/looking.md",
    "docs/time.md",
    "docs/requirements.md",
    "docs/providers.md",
    "docs/settings.md",
    "docs/sandbox.md",
    "docs/environments.md",
    "docs/books.md",
    "docs/functions.md",
    "docs/programs.md",
]
KEY = "sk-your-key"
MODELS = ("gpt-5.6", "claude-sonnet-5-5", "qwen3-coder")
REQUIREMENT = {"id": "R1", "text": "It adds."}
EVIDENCE = [{"requirement": "R1", "file": "add.py", "test": "tests/test_add.py::test_add"}]
PLAN = program({"id": "I1", "title": "Add", "text": "Write add.", "covers": ["R1"]}, requirements=[REQUIREMENT])
WORK = calls(write(add_dot_py=ADD, tests__test_add_dot_py=TEST_ADD), done("add adds.", evidence=EVIDENCE))


def answer(request):
    """What a model of few words says: one instruction, and all of it in one reply."""
    if found := re.search(r"Length: ([\d,]+) words(?: in (\d+) chapters)?", json.dumps(request["messages"])):
        chapters, cited = int(found[2] or 6), "survey" in request["messages"][0]["content"]
        words = int(found[1].replace(",", "")) // chapters
        return BookJob(chapters, words, cites="[moreau-2019]" if cited else "")(request)
    names = {tool["function"]["name"] for tool in request.get("tools", ())}
    manual = request["messages"][0]["content"]  # names the tools where function calling is not used
    return PLAN if "submit_program" in names or "```tool submit_program" in manual else WORK


def blocks(page, language):
    """The fenced blocks of a page in one language, with the lines on which they begin."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for match in re.finditer(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield text.count("\n", 0, match.start()) + 2, match[1]


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A folder in which the pages' commands find what they speak of: a provider, a repository, a desk with a person."""
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "shop.py").write_text("PRICE = 3\n")
    git(shop, "init", "-q", "-b", "main")
    git(shop, "-c", "user.name=A", "-c", "user.email=a@example.org", "add", "-A")
    git(shop, "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-qm", "start")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "l2mac").write_text(f'#!/bin/sh\nexec {sys.executable} -m l2mac "$@"\n')
    (tmp_path / "bin" / "l2mac").chmod(0o755)
    _install_ollama(tmp_path / "bin" / "ollama")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "A")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "a@example.org")
    away = threading.Event()
    person = threading.Thread(target=_answer_desk, args=(tmp_path / "desk", away), daemon=True)
    person.start()
    with LoopbackProvider(answer, api_key=KEY, models=MODELS) as provider:
        monkeypatch.setenv("OPENAI_BASE_URL", provider.base_url)
        yield provider
    away.set()
    person.join(5)


def _install_ollama(path):
    """A program that answers as `ollama run MODEL` does, spinner and all, for the model that the pages name."""
    plan, work = (
        "".join(f"```tool {call.name}\n{call.arguments}\n```\n" for call in reply.message.tool_calls)
        for reply in (PLAN, WORK)
    )
    path.write_text(
        f"#!{sys.executable}\nimport sys\nassert sys.argv[1:] == ['run', 'qwen3-coder']\n"
        "print('\\x1b[?25l⠙ \\x1b[2K\\x1b[1G\\x1b[?25h', file=sys.stderr)\n"
        f"print({plan!r} if '## submit_program' in sys.stdin.read() else {work!r})\n"
    )
    path.chmod(0o755)


def _answer_desk(desk, away):
    """Be the person who answers requests as files."""
    while not away.wait(0.1):
        for page in desk.glob("*.request.json") if desk.is_dir() else ():
            reply = page.with_name(page.name.replace("request", "reply"))
            if not reply.exists():
                tools = {tool["name"] for tool in json.loads(page.read_text())["tools"]}
                message = (PLAN if "submit_program" in tools else WORK).message
                told = [{"name": call.name, "arguments": json.loads(call.arguments)} for call in message.tool_calls]
                reply.with_suffix(".part").write_text(json.dumps({"content": "", "tool_calls": told}))
                reply.with_suffix(".part").rename(reply)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_does_what_the_page_says(page, world, tmp_path):
    if page == "docs/looking.md":  # it speaks of runs that are there: one complete, one that goes on
        run('l2mac --name nightly --plan-only "A library that parses and prints INI files."', world)
        run('l2mac --name todo "A command-line to-do list: add, list, done, remove; tasks kept in a JSON file."', world)
    ran = 0
    for line, block in blocks(page, "sh"):
        if "python3 -m venv" in block:
            continue  # the two commands: tests/test_front_door.py, and the gate itself
        done = run(block, world)
        assert done.returncode == 0, f"{page}:{line}\n{block}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
        ran += 1
    assert ran >= 2
    if page == "docs/running.md":
        assert (tmp_path / "workspace" / "todo" / "add.py").read_text() == ADD
        assert git(tmp_path / "shop", "branch", "--show-current").strip() == "l2mac/discount"
        assert (tmp_path / "program.yaml").read_text().startswith("requirements:")
    if page == "docs/looking.md":
        assert {"todo.html", "todo.zip", "todo.tape.jsonl"} <= {it.name for it in tmp_path.iterdir()}
    if page == "docs/books.md":
        assert {"days.epub", "days.pdf", "survey.pdf"} <= {it.name for it in tmp_path.iterdir()}
        assert len(list((tmp_path / "survey" / "chapters").iterdir())) == 3
    if page == "README.md":
        assert sorted(it.name for it in (tmp_path / "workspace").iterdir()) == [
            "command-line-calculator",
            "command-line-to-do-list",
            "dice-roller",
            "library",
            "pasta",
            "user",
        ]


def run(block, provider):
    script = block.replace("http://localhost:11434/v1", provider.base_url)
    keyed = f"set -e\nexport L2MAC_LLM_API_KEY={KEY}\n{script}" if script != block else f"set -e\n{script}"
    return subprocess.run(["bash", "-c", keyed], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    ("page", "told"), [("docs/python.md", "command-line-calculator True"), ("docs/books.md", "book-days True")]
)
def test_the_python_of_the_pages_runs(page, told, world, tmp_path):
    ran = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        for _, code in blocks(page, "python")
    ]
    assert len(ran) == 2 and [it.returncode for it in ran] == [0, 0], [it.stderr for it in ran]
    assert told in ran[0].stdout


@pytest.mark.parametrize("page", [*PAGES, "docs/README.md", "docs/python.md", "l2mac/gallery/README.md"])
def test_the_links_of_a_page_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    text = re.sub(r"`[^`\n]*`", "", text)  # what is shown as code leads nowhere
    links = re.findall(r"\]\(([^)#]+)\)", text)
    for link in links:
        assert link.startswith("https://") or (ROOT / page).parent.joinpath(link).exists(), link


def test_every_verb_and_flag_is_in_the_documentation():
    pages = "".join((ROOT / page).read_text(encoding="utf-8") for page in PAGES)
    verbs = re.findall(r"^  (\w+) ", helps(raw=True).partition("Commands:")[2].partition("Exit codes")[0], re.MULTILINE)
    assert {
        "run",
        "resume",
        "status",
        "log",
        "show",
        "report",
        "export",
        "order",
        "doctor",
        "config",
        "undo",
        "fork",
        "replay",
    } <= set(verbs)
    for verb in verbs:
        assert f"l2mac {verb}" in pages, verb
    for flag in set(re.findall(r"--[a-z][a-z-]+", helps("run"))) - {
        "--help",
        "--domain",
        "--run-tests",
        "--no-run-tests",
        "--tests",
    }:
        assert flag in pages + helps("run"), flag
    helped = " ".join(helps(verb) for verb in verbs) + helps()
    inner = [("config", "init"), ("config", "show"), ("program", "show"), ("program", "edit"), ("program", "check")]
    helped += " ".join(helps(*words) for words in inner)
    for flag in set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", pages)):
        assert flag in helped, flag


def test_the_example_settings_load_and_are_the_defaults(monkeypatch):
    monkeypatch.delenv("L2MAC_CHECKS_MUTATION")
    path = ROOT / "config" / "config.yaml"
    assert path.read_text(encoding="utf-8") == example(), (
        "write it again: python -c 'from l2mac.config import example …'"
    )
    assert load_settings(path) == Settings()


def test_every_setting_says_what_it_is():
    for line, above in zip(example().splitlines()[1:], example().splitlines(), strict=False):
        if re.match(r"\s*\w+:", line) and not line.startswith("#"):
            assert above.strip().startswith("# ") and len(above.strip()) > 10, line


@pytest.mark.parametrize("number", [0, 2, 3, 4, 5, 130])
def test_the_help_and_the_readme_tell_the_same_exit_codes(number):
    assert re.search(rf"^\| {number} \|", README, re.MULTILINE)
    assert re.search(rf"\b{number} ", helps())


def test_the_test_command_of_the_readme_is_the_one_that_ci_runs():
    assert ".venv/bin/python -m pytest" in README
    assert (ROOT / ".ci" / "run").read_text().rstrip().endswith("python -m pytest")


def test_the_mapping_of_the_original_still_means_the_same(tmp_path):
    original = {"llm": {"api_type": "openai", "model": "gpt-4", "base_url": "http://x/v1", "api_key": "k"}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(original))
    assert load_settings(tmp_path / "config.yaml").llm.model_dump(include=original["llm"].keys()) == original["llm"]


def helps(*verb, raw=False):
    done = subprocess.run([sys.executable, "-m", "l2mac", *verb, "--help"], capture_output=True, text=True, check=True)
    return done.stdout if raw else " ".join(done.stdout.split())
