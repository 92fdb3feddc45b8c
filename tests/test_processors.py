"""Whole runs with what stands between the machine and its model."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from l2mac import generate_codebase, load_settings, resume
from l2mac.config import LLM, Settings
from l2mac.control.records import Exchange
from l2mac.control.state import state
from l2mac.discovery import instead, key
from l2mac.errors import KeyRefused, ProcessorError, UsageError
from l2mac.machine import Watcher
from l2mac.memory.journal import Journal
from l2mac.providers import Supply
from l2mac.testing import Failure, LoopbackProvider

from .jobs import ADD, TEST_ADD, events
from .standard_job import StandardJob

PLAN = """\
```tool submit_program
requirements:
- id: R1
  text: It adds.
instructions:
- id: I1
  title: Add
  text: Write add.
  covers: R1
```
"""
WORK = f"""\
Here it is.
```file add.py
{ADD}```
```file tests/test_add.py
{TEST_ADD}```
```tool complete_instruction
summary: adds
evidence:
- requirement: R1
  file: add.py
  test: tests/test_add.py::test_add
```
"""


@pytest.fixture
def program(tmp_path):
    """The command of a shell script that answers a small prompt in the text protocol."""
    script = tmp_path / "answer.sh"
    script.write_text(
        "#!/bin/sh\nasked=$(cat)\ncase $asked in\n"
        f"*'## submit_program'*) cat <<'END'\n{PLAN}END\n;;\n*) cat <<'END'\n{WORK}END\n;;\nesac\n"
    )
    return f"sh {script}"


def test_a_whole_run_is_served_by_a_program_that_prints_replies(tmp_path, program):
    codebase = generate_codebase("Add.", out=tmp_path / "out", settings=Settings(llm={"command": program}))
    assert codebase["add.py"] == ADD, "byte for byte"
    assert codebase.usage.cost is None and codebase.usage.tokens > 0, "counted here, since nobody reports it"
    assert codebase.ended.exit_code == 0, codebase.ended
    told = [gist for kind, gist in events(codebase.path, "kind", "gist") if kind == "opened"]
    assert told[0].startswith(f"command {program}"[:40])


def test_a_program_that_only_the_journal_names_is_not_run(tmp_path, program):
    """The run's folder may be a stranger's: `l2mac resume` in it must start nothing that its user did not name."""
    served = [{"command": program}, {"model": "m", "base_url": "http://127.0.0.1:9/v1", "patience": 0}]
    for number, llm in enumerate((served[0], {**served[1], "fallbacks": served[:1]})):
        run = tmp_path / str(number)
        generate_codebase("Add.", out=tmp_path, name=run.name, settings=Settings(llm=llm), plan_only=True)
        with pytest.raises(UsageError, match=r"name (it: --set llm\.command='sh|llm\.fallbacks again)"):
            resume(run, settings=Settings())
        assert resume(run, settings=Settings(llm={name: llm[name] for name in llm if name != "patience"})).complete


def test_a_run_that_a_program_served_goes_on_elsewhere(tmp_path, program):
    generate_codebase("Two.", out=tmp_path, name="run", settings=Settings(llm={"command": program}), plan_only=True)
    with LoopbackProvider(refusing) as provider:
        llm = {"model": "loopback", "base_url": provider.base_url, "api_key": provider.api_key}
        with pytest.raises(ProcessorError, match="no credit left"):
            resume(tmp_path / "run", settings=Settings(llm=llm))
        assert provider.calls == 1
    with pytest.raises(UsageError, match=r"llm\.command is empty"):
        resume(tmp_path / "run", settings=Settings(llm={"api_type": "command"}))
    assert resume(tmp_path / "run", settings=Settings(llm={"command": program})).complete


def seconds(policy):
    """A provider of another model, with another key."""
    return LoopbackProvider(policy, api_key="k-secret-two", models=("loopback-2",))


def refusing(request):
    return Failure(402, "no credit left")


def test_a_run_goes_on_with_a_fallback_and_no_key_of_it_is_written_down(tmp_path):
    job, told = StandardJob(2), []
    with LoopbackProvider(refusing, api_key="k-first") as first, seconds(job) as second:
        other = {"model": "loopback-2", "base_url": second.base_url, "api_key": second.api_key}
        llm = {"model": "loopback", "base_url": first.base_url, "api_key": first.api_key, "fallbacks": [other]}
        codebase = generate_codebase(
            "Two.", out=tmp_path, settings=Settings(llm=llm), watcher=Watcher(notice=told.append)
        )
        assert codebase.ended.exit_code == 0, codebase.ended
        assert first.calls == 3, "once for the program and once for each instruction"
    assert any(f"asking openai loopback-2 at {second.base_url}" in it for it in told)
    journal = Journal(codebase.path / ".l2mac" / "run.db", writable=False)
    texts = [journal.payload(event).decode() for event in journal.events()]
    kept = state(journal).setting.llm["fallbacks"]
    models = {journal.load(event, Exchange).reply.model for event in journal.events() if event.kind == "reply"}
    journal.close()
    assert kept == [{"model": "loopback-2", "base_url": second.base_url}]
    assert models == {"loopback-2"}
    assert not any("k-secret" in text or "k-first" in text for text in [*texts, *told])


def test_a_wrong_key_stops_the_run_though_there_is_a_fallback(tmp_path):
    with LoopbackProvider(StandardJob(1)) as first, LoopbackProvider(StandardJob(1)) as second:
        other = {"model": "b", "base_url": second.base_url, "api_key": second.api_key}
        llm = {"model": "a", "base_url": first.base_url, "api_key": "k-wrong", "fallbacks": [other]}
        with pytest.raises(KeyRefused, match="does not accept the key"):
            generate_codebase("One.", out=tmp_path, settings=Settings(llm=llm))
        assert second.calls == 0


def test_what_a_fallback_leaves_out_is_as_the_first_has_it_and_a_key_stays_with_its_endpoint(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k-a")
    llm = LLM(model="gpt-5", api_type="openai", base_url="http://gateway/v1", api_key="k-gateway", timeout=7)
    same = instead(llm, LLM(model="gpt-5-mini"))
    assert (same.model, same.base_url, same.api_key, same.timeout) == ("gpt-5-mini", llm.base_url, "k-gateway", 7)
    other = instead(llm, LLM(model="m", base_url="http://elsewhere/v1", timeout=9))
    assert (other.api_type, other.base_url, key(other), other.timeout) == ("openai", "http://elsewhere/v1", "", 9)
    away = instead(LLM(model="gpt-5", api_key="k"), LLM(model="claude-sonnet-5-5"))
    assert (away.api_type, away.model, key(away)) == ("litellm", "anthropic/claude-sonnet-5-5", "k-a")
    assert instead(llm, LLM(command="ollama run q")).api_type == "command"


def test_a_fallback_that_cannot_serve_is_told_at_once():
    llm = LLM(api_type="openai", base_url="http://x/v1", model="a", fallbacks=(LLM(model="b", api_type="azure"),))
    with pytest.raises(UsageError, match=r"fallbacks, entry 1: .*azure"):
        Supply(llm, Path("manual"), print).serve()


def test_the_keys_of_fallbacks_are_masked_and_never_told(capfd):
    given = "llm.fallbacks=[{model: b, api_key: sk-secret}]"
    assert subprocess.run([sys.executable, "-m", "l2mac", "config", "show", "--set", given]).returncode == 0
    assert subprocess.run([sys.executable, "-m", "l2mac", "config", "show", "--json", "--set", given]).returncode == 0
    out = capfd.readouterr().out
    assert "secret" not in out and out.count("(set)") == 2 and '{"model": "b", "api_key": "(set)"}' in out
    for wrong in ("sk-secret", "[sk-secret]", "[{modle: sk-secret}]", "[{window: sk-secret}]", "[{fallbacks: [{}]}]"):
        with pytest.raises(UsageError, match=r"llm\.fallbacks.*in --set") as refused:
            load_settings(None, [f"llm.fallbacks={wrong}"])
        assert "secret" not in str(refused.value)


def test_a_resume_remembers_the_fallbacks_as_they_were_written(tmp_path):
    with LoopbackProvider(refusing) as first, seconds(refusing) as second:
        other = {"model": "loopback-2", "base_url": second.base_url, "api_key": second.api_key}
        llm = {"model": "loopback", "base_url": first.base_url, "api_key": first.api_key, "fallbacks": [other]}
        with pytest.raises(ProcessorError, match=r"no credit left; and .*no credit left"):
            generate_codebase("Two.", out=tmp_path, name="run", settings=Settings(llm=llm))
        with pytest.raises(KeyRefused, match=second.base_url):
            resume(tmp_path / "run", settings=Settings(llm={"api_key": first.api_key}))
    with LoopbackProvider(StandardJob(2)) as first:
        llm = {"model": "loopback", "base_url": first.base_url, "api_key": first.api_key, "fallbacks": []}
        assert resume(tmp_path / "run", settings=Settings(llm=llm)).complete
    journal = Journal(tmp_path / "run" / ".l2mac" / "run.db", writable=False)
    assert state(journal).setting.llm["fallbacks"] == [], "what is named anew counts"
    journal.close()


def test_every_surface_tells_how_much_was_sent_before_and_why_not_more(tmp_path, capfd):
    with LoopbackProvider(StandardJob(2)) as provider:
        llm = {"model": "loopback", "base_url": provider.base_url, "api_key": provider.api_key}
        codebase = generate_codebase("Two.", out=tmp_path, name="run", settings=Settings(llm=llm))

    def shown(*arguments):
        subprocess.run([sys.executable, "-m", "l2mac", *arguments], check=True)
        return capfd.readouterr().out

    told = json.loads(shown("status", str(codebase.path), "--json"))
    assert told["prefix"]["breaks"] == {"first of the run": 1, "other tools": 1, "first of its instruction": 1}
    assert 0 < told["prefix"]["before"] < told["prefix"]["counted"]
    assert told["instructions"][1]["prefix"]["breaks"] == {"first of its instruction": 1}
    assert "sent before: first of its instruction) + " in shown("log", str(codebase.path), "--verbose")
    assert "sent before) + " in shown("show", str(codebase.path), "I2/2")
    shown("report", str(codebase.path), "--to", str(tmp_path / "run.html"))
    page = (tmp_path / "run.html").read_text()
    assert "was the beginning of an earlier request; begun anew: first of the run (1)" in page


def test_the_second_run_of_the_same_prompt_asks_nobody_where_replies_are_kept(tmp_path):
    told = []
    with LoopbackProvider(StandardJob(2)) as provider:
        llm = {"model": "loopback", "base_url": provider.base_url, "api_key": provider.api_key, "cache": True}
        for number in (1, 2):
            codebase = generate_codebase(
                "Two.",
                out=tmp_path / str(number),
                name="run",
                settings=Settings(llm=llm),
                watcher=Watcher(notice=told.append),
            )
            assert codebase.complete or codebase.ended.exit_code == 0
        assert provider.calls == 5
    assert sum("kept from an earlier run" in it for it in told) == 5
    assert codebase.usage.cost == 0.0 and codebase.usage.tokens > 0
