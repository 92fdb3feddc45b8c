"""What is written about the machine is true of it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from l2mac.config import Settings, example, load_settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_example_settings_load_and_are_the_defaults():
    path = ROOT / "config" / "config.yaml"
    assert path.read_text(encoding="utf-8") == example(), (
        "write it again: python -c 'from l2mac.config import example …'"
    )
    assert load_settings(path) == Settings()


def test_every_setting_says_what_it_is():
    for line, above in zip(example().splitlines()[1:], example().splitlines(), strict=False):
        if re.match(r"\s*\w+:", line) and not line.startswith("#"):
            assert above.strip().startswith("# ") and len(above.strip()) > 10, line


def test_every_verb_and_flag_that_the_readme_names_exists():
    verbs = {line.split()[1] for line in README.splitlines() if re.match(r"l2mac [a-z]+ RUN", line)}
    assert verbs == {"status", "log", "order", "export"}
    helped = {verb: helps(verb) for verb in [*verbs, "run", "resume"]} | {"": helps()}
    for flag in set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README)):
        assert any(flag in text for text in helped.values()) or flag == "--version", flag


def test_the_settings_that_the_readme_names_exist():
    for change in re.findall(r"--set ([a-z_.]+=\S+)", README):
        load_settings(changes=[change])


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


def helps(*verb):
    done = subprocess.run([sys.executable, "-m", "l2mac", *verb, "--help"], capture_output=True, text=True, check=True)
    return " ".join(done.stdout.split())
