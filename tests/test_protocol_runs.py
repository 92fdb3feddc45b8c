"""Whole runs in the text protocol, against a provider whose model does no function calling."""

import json

import pytest

from l2mac import generate_codebase
from l2mac.config import load_settings
from l2mac.errors import ProcessorError
from l2mac.machine import resume
from l2mac.processor.text import AutoProtocol
from l2mac.providers import Supply
from l2mac.testing import Failure, LoopbackProvider, says
from l2mac.watcher import Watcher

from .jobs import files
from .standard_job import StandardJob
from .text_job import TextJob

PROMPT = "Thirty small modules."


def settings(provider, **llm):
    given = {"api_type": "openai", "model": "loopback", "base_url": provider.base_url, "api_key": provider.api_key}
    return load_settings(flags={f"llm.{name}": value for name, value in {**given, "patience": 0, **llm}.items()})


def no_tools(**options):
    return LoopbackProvider(unsupported=("tools",), **options)


@pytest.mark.slow
def test_thirty_instructions_in_a_window_of_8000_tokens_give_the_files_that_function_calling_gives(tmp_path):
    told = []
    with no_tools(policy=TextJob(30, one_reply=True, mistakes=True), context=8_000) as provider:
        small = generate_codebase(
            PROMPT,
            name="small",
            out=tmp_path,
            settings=settings(provider, window=8_000),
            watcher=Watcher(notice=told.append),
        )
        assert small.complete, small.ended
        assert [(bool(body["tools"]), reason.split(":")[0]) for body, reason in provider.refused] == [
            (True, "Unsupported parameter")
        ], "tools are tried once, and no request is too long"
        assert provider.calls == 1 + 1 + 30 + 10
    assert sum("spoken to in text" in it for it in told) == 1
    with LoopbackProvider(StandardJob(30, one_reply=True, mistakes=True)) as provider:
        large = generate_codebase(PROMPT, name="large", out=tmp_path, settings=settings(provider))
        assert large.complete and provider.refused == []
    assert files(small.path) == files(large.path)
    assert len(small) == 60


def test_a_run_that_stopped_goes_on_in_text(tmp_path):
    job = TextJob(4)
    tired = [True]

    def failing(body):
        return Failure(400, "no more today") if len(job.places) == 5 and tired else job(body)

    with no_tools(policy=failing) as provider:
        with pytest.raises(ProcessorError, match="no more today"):
            generate_codebase(PROMPT, name="run", out=tmp_path, settings=settings(provider))
        assert len(provider.refused) == 1
        tired.clear()
        assert resume(tmp_path / "run", settings=settings(provider)).complete
        assert len(provider.refused) == 1, "the record shows how it is spoken to: tools are not tried again"


def test_a_reply_that_is_cut_writes_what_is_whole_and_is_told_so(tmp_path):
    job = TextJob(1)
    seen, sent = [], []

    def cutting(body):
        seen.append(body["messages"][-1]["content"])
        sent.append(sent[-1] if len(seen) == 3 else job(body).message.content)
        return says(sent[-1][:-60] if len(seen) == 2 else sent[-1])

    with no_tools(policy=cutting) as provider:
        done = generate_codebase(PROMPT, name="run", out=tmp_path, settings=settings(provider, protocol="text"))
        assert done.complete and provider.refused == []
    assert "Result of call 2, write_files:\n```result\nerror: your reply was cut" in seen[2]


@pytest.mark.parametrize(
    ("llm", "name"),
    [
        ({"protocol": "text"}, "openai x at {url} (text protocol)"),
        ({"protocol": "tools"}, "openai x at {url}"),
        ({}, "openai x at {url}"),
        ({"model": "o3-deep-research", "base_url": "https://api.openai.com/v1"}, "(text protocol)"),
        ({"model": "gpt-5", "base_url": "https://api.openai.com/v1"}, "api.openai.com/v1"),
    ],
)
def test_the_settings_and_what_is_known_of_the_model_choose_the_protocol(tmp_path, llm, name):
    url = "http://127.0.0.1:9/v1"
    flags = {"api_type": "openai", "model": "x", "base_url": url, "api_key": "sk-x", **llm}
    chosen = load_settings(flags={f"llm.{key}": value for key, value in flags.items()}).llm
    processor = Supply(chosen, tmp_path, json.dumps).serve()
    assert processor.name.endswith(name.format(url=url))
    assert isinstance(processor, AutoProtocol) == ("text" not in name and chosen.protocol == "auto")
