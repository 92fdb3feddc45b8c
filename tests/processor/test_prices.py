"""What models cost and how much they take."""

import subprocess
import sys

import pytest

from l2mac.processor.prices import Price, cost, limits, price
from l2mac.processor.protocol import Usage


def test_a_known_model_has_the_price_and_limits_of_the_table():
    assert price("gpt-4o") == Price(2.5e-06, 1e-05, 1.25e-06)
    assert limits("gpt-4o") == (128000, 16384)


def test_a_provider_may_stand_before_the_name():
    assert price("openai/gpt-4o") == price("gpt-4o") == price("gpt-4o", provider="openai")
    assert price("deepseek/deepseek-chat") == price("deepseek-chat", provider="deepseek")
    assert price("deepseek/deepseek-chat") is not None


def test_a_dated_snapshot_has_its_own_price_or_else_the_undated_one():
    assert price("gpt-4o-2024-05-13") == Price(5e-06, 1.5e-05, None)
    assert price("gpt-4o-2024-08-06") == price("gpt-4o")
    assert price("gpt-4o-2031-01-01") == price("gpt-4o")
    assert limits("gpt-4o-2031-01-01") == limits("gpt-4o")


@pytest.mark.parametrize("model", ["gpt-4o-max", "my-gpt-4o", "gpt-99", "llama", "", "sample_spec", "other/gpt-4o"])
def test_a_look_alike_never_lends_its_price(model):
    assert price(model) is None
    assert limits(model) == (None, None)


def test_the_provider_is_told_from_the_address():
    assert price("gpt-4o", base_url="https://api.openai.com/v1") == price("gpt-4o")
    assert price("deepseek-chat", base_url="https://api.deepseek.com") is not None
    assert price("gpt-4o", base_url="https://name.openai.azure.com/") == price("azure/gpt-4o")
    assert price("gpt-4o", provider="deepseek") is None


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:11434/v1", "https://gateway.example/v1", "https://api.openai.com.evil.example"]
)
def test_nobody_knows_the_price_at_an_unknown_address(address):
    assert price("gpt-4o", base_url=address) is None
    assert limits("gpt-4o", base_url=address) == (None, None)


def test_zeros_in_the_table_are_unknown_unless_the_model_is_really_free():
    assert price("ollama/llama3") == Price(0.0, 0.0)
    assert price("github_copilot/gpt-4o") is None


def test_cost_is_the_sum_over_fresh_cached_and_new_tokens():
    used = Usage(prompt=1000, cached=400, completion=50)
    assert cost(used, Price(0.01, 0.1, 0.001)) == pytest.approx(6 + 0.4 + 5)
    assert cost(used, Price(0.01, 0.1)) == pytest.approx(10 + 5)
    assert cost(Usage(prompt=10, cached=400), Price(0.01, 0.1, 0.0)) == 0


def test_cost_is_unknown_without_a_price_or_without_usage():
    assert cost(Usage(prompt=10), None) is None
    assert cost(Usage(), Price(1, 1)) is None


def test_looking_up_a_price_imports_no_litellm():
    code = "import sys; from l2mac.processor.prices import price; price('gpt-4o'); print('litellm' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
