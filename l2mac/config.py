"""The settings: typed, and documented where they are declared."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .errors import UsageError

PLACEHOLDER = "YOUR_API_KEY"
"""What example files hold where a key belongs; it counts as none."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class LLM(_Section):
    """The processor."""

    api_type: Literal["openai", "azure", "manual", "tape"] = "openai"
    """What serves: `openai` (any compatible endpoint), `azure`, `manual` (you answer), or a `tape`."""
    model: str = ""
    """The model's name, as its provider writes it."""
    base_url: str = "https://api.openai.com/v1"
    """Where the provider listens. Ollama: http://localhost:11434/v1"""
    api_key: str = PLACEHOLDER
    """The provider's key. Left as it is, OPENAI_API_KEY is read instead; local servers need none."""
    api_version: str = ""
    """Azure only: the version of its interface."""
    window: int = Field(48_000, ge=2_000)
    """Tokens of a request and its reply together. Smaller is cheaper; a local 8k model needs 8000."""
    max_tokens: int = Field(8_000, ge=256)
    """Tokens that one reply may have."""
    temperature: float | None = Field(None, ge=0, le=2)
    """Left empty, the provider's default; some models accept no other."""
    stream: bool = True
    """Receive replies piece by piece."""
    timeout: float = Field(600, gt=0)
    """Seconds to wait for the next piece of a reply."""
    patience: float = Field(3_600, ge=0)
    """Seconds that rate limits and outages are waited out in one call before the run stops."""
    tape: str = ""
    """With api_type tape: the file to play."""
    folder: str = ""
    """With api_type manual: where requests are written and replies expected; by default in the run's own folder."""


class Budget(_Section):
    """Limits of a run; empty means none."""

    cost: float | None = Field(20.0, gt=0)
    """US dollars, where the model's price is known."""
    tokens: int | None = Field(20_000_000, gt=0)
    """Prompt and completion tokens of all calls."""
    calls: int | None = Field(5_000, gt=0)
    """Replies of the model."""
    minutes: float | None = Field(1_440, gt=0)
    """Time spent waiting for the model, checks and commands."""


class Run(_Section):
    """How programs are executed."""

    steps: int = Field(50, ge=1, le=10_000)
    """The most instructions that a program may have."""
    turns: int = Field(24, ge=1, le=1_000)
    """The most replies that one instruction may take."""
    tests: bool = True
    """Run the tests. Without them syntax and lint errors are still checked."""
    out: str = "workspace"
    """The folder in which each run gets a folder of its own."""
    accept_unverified: bool = False
    """Call a run complete although something could not be checked on this computer."""


class Checks(_Section):
    """The judges."""

    seconds: float = Field(120, gt=0)
    """Time that one run of the tests may take."""


class Settings(_Section):
    """All settings."""

    llm: LLM = LLM()
    budget: Budget = Budget()
    run: Run = Run()
    checks: Checks = Checks()
    sandbox: Literal["auto", "none"] = "auto"
    """Where generated code runs. There is only `none` so far, limits without isolation; `auto` means that too."""


def home() -> Path:
    """The machine's own folder: `$L2MAC_HOME`, or `~/.l2mac`."""
    return Path(os.environ.get("L2MAC_HOME") or Path.home() / ".l2mac")


def load_settings(path: str | Path | None = None, changes: Iterable[str] = ()) -> Settings:
    """Read the settings: `path`, else `config.yaml` in `home()`, else `./config/config.yaml`, else the defaults.

    Args:
        path: a file that must exist.
        changes: `section.key=value`, which win over the file; the value is YAML.

    Raises:
        UsageError: a file that can't be read, an unknown key (with a suggestion), or a value of the wrong type.
    """
    source = Path(path) if path else _found()
    data = _read(source) if source else {}
    for change in changes:
        _apply(data, change)
    return _validated(data, source)


def _found() -> Path | None:
    return next((path for path in (home() / "config.yaml", Path("config", "config.yaml")) if path.exists()), None)


def _read(path: Path) -> dict[str, Any]:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"the settings {path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"the settings {path} are not UTF-8 text; save them as UTF-8") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise UsageError(f"the settings {path} are no valid YAML: {' '.join(str(error).split())[:300]}") from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise UsageError(f"the settings {path} must be a mapping, such as `llm:` with `model:` below it")
    return {key: {} if value is None and key in Settings.model_fields else value for key, value in data.items()}


def _apply(data: dict[str, Any], change: str) -> None:
    key, equals, text = change.partition("=")
    if not equals or not key.strip():
        raise UsageError(f"--set {change!r} is not of the form section.key=value, such as llm.model=gpt-5")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        value = text
    *sections, name = key.strip().split(".")
    for section in sections:
        data = data.setdefault(section, {})
        if not isinstance(data, dict):
            raise UsageError(f"--set {change!r}: {section} holds a value, not settings")
    data[name] = value


def _validated(data: Mapping[str, Any], source: Path | None) -> Settings:
    try:
        return Settings.model_validate(data)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in fault["loc"])
        where = f" in {source}" if source else ""
        if fault["type"] == "extra_forbidden":
            raise UsageError(f"there is no setting {key!r}{where}{_suggestion(key)}") from None
        raise UsageError(f"the setting {key}{where} is wrong: {fault['msg'][0].lower()}{fault['msg'][1:]}") from None


def _suggestion(key: str) -> str:
    near = difflib.get_close_matches(key, list(names()), 1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else "; `config/config.yaml` lists them all"


def names() -> dict[str, Any]:
    """Every setting's full name, and its default."""
    defaults = Settings().model_dump()
    return {
        f"{section}.{name}" if isinstance(value, dict) else section: default
        for section, value in defaults.items()
        for name, default in (value.items() if isinstance(value, dict) else [(section, value)])
    }


def example() -> str:
    """The text of `config/config.yaml`: every setting with its default, under a comment that says what it is."""
    lines = ["# Every setting of L2MAC with its default. Copy what you change to ~/.l2mac/config.yaml.", ""]
    for name, field in Settings.model_fields.items():
        lines += _comment(field.description or "")
        section = field.annotation
        if isinstance(section, type) and issubclass(section, _Section):
            lines[-1] = f"# {(section.__doc__ or '').strip()}"
            lines.append(f"{name}:")
            for key, inner in section.model_fields.items():
                lines += [f"  {line}" for line in _comment(inner.description or "")]
                lines.append(f"  {key}: {_yaml(inner.default)}")
        else:
            lines.append(f"{name}: {_yaml(field.default)}")
        lines.append("")
    return "\n".join(lines)


def _comment(text: str) -> list[str]:
    return [f"# {line.strip()}" for line in text.strip().splitlines()] or ["#"]


def _yaml(value: Any) -> str:
    return "" if value is None else yaml.safe_dump(value, default_flow_style=True).splitlines()[0]
