"""Counting tokens, offline and bounded."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from l2mac.processor import tokens
from l2mac.processor.protocol import Message, ToolCall, ToolSpec
from l2mac.processor.tokens import TokenCounter, estimate, has_vocabulary, vocabulary

TEXT = "def greet(name: str) -> str:\n    return f'Hello, {name}!'\n"


def words(text):
    return len(text.split())


@pytest.mark.parametrize(
    ("model", "count"),
    [
        ("gpt-3.5-turbo", 11),
        ("gpt-4", 11),
        ("openai/gpt-4-turbo", 11),
        ("gpt-4o", 6),
        ("gpt-4.1-mini", 6),
        ("llama3", 6),
    ],
)
def test_each_model_is_counted_with_its_vocabulary(model, count):
    # The newer of the two vocabularies has longer tokens for what is not English.
    assert vocabulary(model)("你好世界, здравствуй") == count


@pytest.mark.parametrize(
    "model", ["gpt-4.1", "gpt-5-mini", "o3", "o4-mini", "chatgpt-4o-latest", "ft:gpt-4o:x", "gpt-oss-20b"]
)
def test_models_of_openai_have_a_vocabulary(model):
    assert has_vocabulary(model)
    assert TokenCounter(model).factor == 1.0


@pytest.mark.parametrize(
    "model", ["llama3", "claude-sonnet-4-5", "gpt-j-6b", "gpt2", "olmo", "anthropic/claude-3", "o"]
)
def test_other_models_have_none_and_are_counted_with_a_margin(model):
    assert not has_vocabulary(model)
    counter = TokenCounter(model, words)
    assert (counter.factor, counter.count("a " * 100)) == (1.35, 135)


def test_counting_neither_imports_litellm_nor_touches_the_network_or_the_environment(tmp_path):
    code = (
        "import sys, socket, os\n"
        "def refuse(*a): raise SystemExit('network')\n"
        "socket.socket.connect = refuse; socket.getaddrinfo = refuse\n"
        "from l2mac.processor.tokens import vocabulary\n"
        "assert 'tiktoken' not in sys.modules\n"
        "print(vocabulary('gpt-4')('hello world'), vocabulary('gpt-4o')('hello world'),\n"
        "      'litellm' in sys.modules, os.environ.get('TIKTOKEN_CACHE_DIR'))"
    )
    environment = {**os.environ, "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    environment.pop("TIKTOKEN_CACHE_DIR", None)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.split() == ["2", "2", "False", "None"]
    assert list(tmp_path.iterdir()) == []


def test_special_tokens_in_a_text_are_plain_text():
    assert vocabulary("gpt-4o")("<|endoftext|>") > 1


@pytest.mark.parametrize("mark", ["a", " ", "\n", "=", "字", "é", "0", "ab", "🙂", "\t "])
def test_a_long_run_without_a_break_is_counted_in_pieces(mark):
    run = mark * (200_000 // len(mark))
    pieces = tokens._pieces("x = 1\n" + run + " y")
    assert "".join(pieces) == "x = 1\n" + run + " y"
    assert max(map(len, pieces)) <= 512 + 6
    count = vocabulary("gpt-4o")(run)
    assert vocabulary("gpt-4o")(run[:20_000]) * 9 < count <= len(run.encode())


def test_ordinary_text_is_not_cut_at_all():
    text = (TEXT + "x" * 500 + "\n") * 100
    assert tokens._pieces(text) == [text]


def test_a_lone_surrogate_is_counted_too():
    assert vocabulary("gpt-4o")("a\udc80b") > 0
    assert estimate("a\udc80b") == 1


def test_a_missing_or_foreign_file_means_an_estimate_and_no_download(tmp_path):
    assert not tokens._is_genuine(tmp_path, "o200k_base")
    (tmp_path / tokens._FILES["o200k_base"][0]).write_bytes(b"something else")
    assert not tokens._is_genuine(tmp_path, "o200k_base")
    folder = tokens._folder()
    assert folder is not None
    assert tokens._is_genuine(folder, "o200k_base")
    assert estimate("x" * 10) == 4


def test_without_a_vocabulary_every_count_is_the_estimate(tmp_path):
    (tmp_path / "litellm").mkdir()
    (tmp_path / "litellm" / "__init__.py").write_text("")
    code = (
        "import socket, sys\n"
        "def refuse(*a): raise SystemExit('network')\n"
        "socket.socket.connect = refuse; socket.getaddrinfo = refuse\n"
        "from l2mac.processor.tokens import vocabulary\n"
        "print(vocabulary('gpt-4o')('x' * 10), 'tiktoken' in sys.modules)"
    )
    root = Path(tokens.__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{root}"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.split() == ["4", "False"]


def test_the_estimate_is_above_the_count_for_prose_and_code():
    code = Path(tokens.__file__).read_text()
    assert estimate(code) > vocabulary("gpt-4o")(code)
    assert estimate(TEXT) >= vocabulary("gpt-4o")(TEXT)


def test_messages_and_tools_carry_an_overhead():
    counter = TokenCounter("gpt-4o", words)
    assert counter.count_message(Message("user", "one two three")) == 4 + 3
    call = ToolCall("c", "read", '{"a": 1}')
    assert counter.count_message(Message("assistant", "", (call, call))) == 4 + 2 * (4 + 1 + 2)
    assert counter.count_tool(ToolSpec("read", "Read it.", {})) == 4 + 10, "as JSON, the way it is sent"


def test_the_first_report_replaces_the_guess_and_later_ones_only_raise_it():
    counter = TokenCounter("llama3", words)
    text = "w " * 1000
    counter.calibrate(counter.count(text), 1100)
    assert counter.factor == pytest.approx(1.1 * tokens.MARGIN)
    counter.calibrate(counter.count(text), 1300)
    assert counter.count(text) == pytest.approx(1300 * tokens.MARGIN, abs=1)
    counter.calibrate(counter.count(text), 1000)
    assert counter.count(text) >= 1300


def test_a_factor_never_falls_below_one():
    counter = TokenCounter("gpt-4o", words)
    counter.calibrate(1000, 700)
    assert counter.factor == 1.0


def test_an_overflow_raises_the_factor_for_good():
    counter = TokenCounter("gpt-4o", words)
    counter.overflowed()
    counter.overflowed()
    raised = counter.factor
    assert raised == pytest.approx(tokens.OVERFLOW_STEP**2)
    counter.calibrate(counter.count("w " * 1000), 1000)
    assert counter.factor == raised


def test_short_requests_and_cut_prompts_teach_nothing():
    counter = TokenCounter("llama3", words)
    counter.calibrate(counter.count("w " * 10), 90)
    counter.calibrate(counter.count("w " * 1000), 300)
    counter.calibrate(counter.count("w " * 1000), 0)
    assert counter.factor == 1.35


def test_a_prompt_that_the_server_cut_is_noticed():
    counter = TokenCounter("llama3", words)
    counted = counter.count("w " * 10_000)
    assert counter.cut(counted, 4096)
    assert not counter.cut(counted, 9000)
    assert not counter.cut(counted, 0)
    assert not counter.cut(counter.count("w " * 20), 2)
