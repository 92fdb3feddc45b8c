"""What a reply brings is looked at while the rest of it still streams, and what comes of it is used."""

from __future__ import annotations

import threading

from l2mac import assembly, generate_codebase
from l2mac.checks import syntax
from l2mac.config import LLM, Run, Settings
from l2mac.testing import LoopbackProvider

from .standard_job import StandardJob


def test_files_are_parsed_once_and_while_their_reply_streams(tmp_path, monkeypatch):
    parsed, real = [], syntax._parse

    def parse(path, text):
        parsed.append((path, threading.current_thread() is threading.main_thread()))
        return real(path, text)

    monkeypatch.setattr(syntax, "_parse", parse)
    monkeypatch.setattr(syntax, "WORTH_IT", 0)
    monkeypatch.setattr(assembly, "_HEARD", 1)
    with LoopbackProvider(StandardJob(2), pace=0.001) as provider:
        llm = LLM(base_url=provider.base_url, model="loopback", api_key=provider.api_key)
        made = generate_codebase("Two small modules.", settings=Settings(llm=llm, run=Run(out=str(tmp_path))))
        assert made.complete and provider.refused == [] and provider.connections == 1
    python = {path for path in made if path.endswith(".py")}
    assert sorted(parsed) == sorted((path, False) for path in python), "each once, and none by who had to wait for it"
