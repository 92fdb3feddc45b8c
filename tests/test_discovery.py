"""Which model serves when nothing, or only half, is configured."""

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from l2mac import UsageError, discovery, generate_codebase, load_settings, resume
from l2mac.config import LLM
from l2mac.discovery import OPENAI, PROVIDERS, choose, key, offered, switched
from l2mac.processor import prices
from l2mac.providers import Supply, price
from l2mac.testing import LoopbackProvider, calls

from .jobs import ADD, TEST_ADD, done, numbered, shown, write

KEYS = {it.name: it.variables[0] for it in PROVIDERS}


@pytest.fixture(autouse=True)
def nothing_at_home(monkeypatch):
    """No server of this computer's owner is asked: the well-known ports are some that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setattr(discovery, "LOCAL", (("Ollama", free.getsockname()[1]),))
    for name in ("OLLAMA_HOST", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def local(monkeypatch):
    """A server on this computer; gives a function that sets what it offers."""

    class Handler(BaseHTTPRequestHandler):
        answer = b"{}"

        def do_GET(self):
            self.send_response(200 if self.path == "/v1/models" else 404)
            self.end_headers()
            self.wfile.write(self.answer)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(discovery, "LOCAL", (("Ollama", server.server_port),))

    def offers(*models, raw=None):
        Handler.answer = raw or json.dumps({"data": [{"id": model} for model in models]}).encode()
        return f"http://127.0.0.1:{server.server_port}/v1"

    yield offers
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("provider", PROVIDERS, ids=[it.name for it in PROVIDERS])
def test_a_key_in_the_environment_chooses_its_provider_and_a_usual_model(monkeypatch, provider):
    monkeypatch.setenv(provider.variables[-1], "k-123456")
    chosen = choose(LLM())
    assert chosen.why == f"{provider.variables[-1]} is set"
    assert key(chosen.llm) == "k-123456"
    assert chosen.llm.model.endswith(provider.model)
    assert chosen.llm.api_type == ("openai" if provider.base_url else "litellm")
    assert provider.name in Supply(chosen.llm, Path("desk"), None).serve().name.replace("api.x.ai", "xai")


@pytest.mark.parametrize("provider", [it for it in PROVIDERS if it.name != "openrouter"], ids=lambda it: it.name)
def test_the_usual_models_stand_in_the_price_table(provider):
    assert prices.price(provider.model, provider=provider.name), "its provider has another usual model by now"


def test_the_first_key_serves_and_a_named_model_finds_its_own_provider(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "k-openai")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k-anthropic")
    assert choose(LLM()).llm.base_url == OPENAI
    named = choose(LLM(model="claude-sonnet-4-5")).llm
    assert (named.api_type, named.model, key(named)) == ("litellm", "anthropic/claude-sonnet-4-5", "k-anthropic")
    assert price(named) == prices.price("claude-sonnet-4-5", provider="anthropic")
    assert choose(LLM(model="anthropic/claude-new")).llm.model == "anthropic/claude-new"
    assert choose(LLM(model="some-model-of-tomorrow")).llm.base_url == OPENAI


@pytest.mark.parametrize(
    ("settings", "api_type", "model", "why"),
    [
        ({"api_key": "sk-ant-abc"}, "litellm", "anthropic/claude-sonnet-5-5", "llm.api_key is set"),
        ({"api_key": "sk-proj-abc", "model": "gpt-5"}, "openai", "gpt-5", "llm.api_key is set"),
        ({"api_key": "k", "base_url": "http://x.example/v1", "model": "m"}, "openai", "m", "llm.base_url is"),
        ({"base_url": "https://me.openai.azure.com", "model": "m"}, "azure", "m", "Azure"),
        ({"tape": "a.jsonl"}, "tape", "", "llm.tape names a file"),
        ({"api_type": "manual"}, "manual", "", ""),
    ],
)
def test_what_the_settings_hint_at_serves(monkeypatch, settings, api_type, model, why):
    monkeypatch.setenv("GROQ_API_KEY", "k")
    chosen = choose(LLM(**settings))
    assert (chosen.llm.api_type, chosen.llm.model) == (api_type, model) and why in chosen.why


def test_a_key_is_never_sent_to_an_address_that_is_not_its_providers(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "k-openai")
    monkeypatch.setenv("GROQ_API_KEY", "k-groq")
    assert key(LLM(base_url="https://gateway.example/v1", api_type="openai")) == ""
    assert key(LLM(base_url="https://api.openai.com.evil.example/v1", api_type="openai")) == ""
    assert key(LLM(base_url="https://api.groq.com/openai/v1", api_type="openai")) == "k-groq"
    monkeypatch.setenv("OPENAI_BASE_URL", "https://gateway.example/v1")
    assert key(LLM(base_url="https://gateway.example/v1", api_type="openai")) == "k-openai"
    assert choose(LLM(model="m")).llm.base_url == "https://gateway.example/v1"


def test_the_key_of_one_provider_under_the_name_of_another_is_refused():
    with pytest.raises(UsageError, match=r"a key of anthropic, but llm\.api_type is openai") as refused:
        choose(LLM(api_type="openai", api_key="sk-ant-very-secret"))
    assert "very-secret" not in str(refused.value)


def test_a_server_on_this_computer_serves_what_it_offers(local):
    url = local("nomic-embed-text", "qwen3-coder:30b", "llama3")
    chosen = choose(LLM())
    assert (chosen.llm.base_url, chosen.llm.model) == (url, "qwen3-coder:30b"), "not the one that only embeds"
    assert chosen.why == "Ollama answers on this computer"
    assert choose(LLM(model="llama3")).llm.model == "llama3"
    assert choose(LLM(model="qwen3-coder")).llm.model == "qwen3-coder:30b"
    assert choose(LLM(base_url=url)).llm.model == "qwen3-coder:30b"
    with pytest.raises(UsageError, match="no language model is configured"):
        choose(LLM(model="not-there"))


@pytest.mark.parametrize("raw", [b"", b"<html>", b"[]", b'{"data": null}', b'{"data": [1]}', b'{"object": 1}', b"\xff"])
def test_what_answers_but_is_no_model_server_is_passed_over(local, raw):
    url = local(raw=raw)
    assert not offered(url)
    with pytest.raises(UsageError, match="no language model is configured"):
        choose(LLM())


def test_the_address_of_ollama_is_taken_from_its_own_variable(local, monkeypatch):
    url = local("llama3")
    monkeypatch.setattr(discovery, "LOCAL", (("Ollama", 1),))
    monkeypatch.setenv("OLLAMA_HOST", f"0.0.0.0:{url.rpartition(':')[2].partition('/')[0]}")
    assert choose(LLM()).llm.base_url == url


def test_a_key_goes_before_a_local_server_and_a_local_server_before_the_gallery(local, monkeypatch):
    from l2mac import gallery
    from l2mac.processor.tape import read_tape

    snake = next(it for it in gallery.tapes() if it.parent.name == "snake-game")
    prompt = read_tape(snake)[0].prompt
    local()
    assert choose(LLM(), prompt).llm.api_type == "tape", "a server without a model serves nothing"
    local("llama3")
    assert choose(LLM(), prompt).llm.model == "llama3"
    monkeypatch.setenv("MISTRAL_API_KEY", "k")
    assert choose(LLM(), prompt).llm.base_url == "https://api.mistral.ai/v1"


def test_the_gallery_plays_only_the_prompt_that_was_recorded():
    from l2mac import gallery
    from l2mac.processor.tape import read_tape

    snake = next(it for it in gallery.tapes() if it.parent.name == "snake-game")
    prompt = read_tape(snake)[0].prompt
    chosen = choose(LLM(), f"  {prompt}\n")
    assert chosen.llm.tape == str(snake) and "no model is asked" in chosen.why
    for other in (prompt[:-1], f"{prompt} Thanks!", "", "   "):
        with pytest.raises(UsageError, match="choose one way"):
            choose(LLM(), other)
    with pytest.raises(UsageError):
        choose(LLM(model="gpt-5"), prompt)


def test_without_anything_there_are_three_ways_out_one_line_each():
    with pytest.raises(UsageError) as refused:
        choose(LLM())
    first, *ways = str(refused.value).splitlines()
    assert first.endswith("choose one way:") and len(ways) == 3


def test_a_model_whose_key_is_missing_names_the_variable():
    with pytest.raises(UsageError, match="ANTHROPIC_API_KEY is not set"):
        choose(LLM(model="claude-sonnet-4-5"))


def test_another_model_may_bring_another_provider(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "k-openai")
    first = choose(LLM(model="gpt-5")).llm
    assert switched(first, "gpt-5-mini").base_url == OPENAI
    assert switched(first, "claude-sonnet-4-5").api_type == "openai", "without a key for it, the endpoint stays"
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k-anthropic")
    other = switched(first, "claude-sonnet-4-5")
    assert (other.api_type, other.model) == ("litellm", "anthropic/claude-sonnet-4-5")
    back = switched(other, "gpt-5")
    assert (back.api_type, back.base_url, back.model) == ("openai", OPENAI, "gpt-5")
    taped = LLM(api_type="tape", tape="x")
    assert switched(taped, "").api_type == "tape" and switched(taped, "gpt-5").api_type == "openai"


def test_a_resume_asks_whom_the_run_asked_before(tmp_path, monkeypatch):
    """What was found at the start stands in the journal: a key that turns up later changes nothing."""
    told = done(evidence=shown("tests/test_add.py"))
    replies = iter([numbered("I1"), calls(write(add_dot_py=ADD, tests__test_add_dot_py=TEST_ADD), told)])
    with LoopbackProvider(lambda body: next(replies)) as provider:
        monkeypatch.setenv("OPENAI_BASE_URL", provider.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", provider.api_key)
        settings = load_settings(changes=["llm.model=loopback"])
        planned = generate_codebase("Make an adder.", out=tmp_path, plan_only=True, settings=settings)
        monkeypatch.delenv("OPENAI_BASE_URL")
        monkeypatch.setenv("ANTHROPIC_API_KEY", "k-anthropic")
        made = resume(planned.path, settings=load_settings(changes=[f"llm.api_key={provider.api_key}"]))
    assert made.complete and provider.calls == 2
