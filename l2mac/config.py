"""The settings: typed, and documented where they are declared."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic.fields import FieldInfo

from .errors import UsageError
from .wording import wanted, yaml_fault

PLACEHOLDER = "YOUR_API_KEY"
"""What example files hold where a key belongs; it counts as none."""


_HERE = Path("config", "config.yaml")
_INNER = re.compile(r"fallbacks\.\d+\.")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)


class LLM(_Section):
    """The processor."""

    api_type: Literal["auto", "openai", "azure", "litellm", "command", "manual", "tape"] = "auto"
    """What serves: `openai` (any compatible endpoint), `azure`, `litellm` (every other provider), `command` (a program
    that prints replies), `manual` (you answer), a `tape`; or `auto`: a key in the environment, a server on this
    computer, the gallery's tape of the prompt. `l2mac doctor` tells which it would be."""
    model: str = ""
    """The model's name, as its provider writes it (for litellm: `anthropic/NAME`). Left empty, a usual one."""
    base_url: str = "https://api.openai.com/v1"
    """Where the provider listens. Ollama: http://localhost:11434/v1"""
    api_key: str = PLACEHOLDER
    """The provider's key. Left as it is, the provider's own variable is read, such as OPENAI_API_KEY. That one is never
    sent to an address that is not the provider's: a gateway's key is set here."""
    api_version: str = ""
    """Azure only: the version of its interface."""
    escalation: str = ""
    """A stronger model, for instructions that the usual one doesn't get done. Left empty, there is none."""
    protocol: Literal["auto", "tools", "text"] = "auto"
    """How the model calls tools: by function calling (`tools`), or by fenced blocks in what it writes (`text`), for
    small models and those that can't; or `auto`: `tools`, until the endpoint or the model shows that it can't."""
    window: int | None = Field(None, ge=2_000)
    """Tokens of a request and its reply together; a local 8k model needs 8000. Left empty, 48000, or what the model
    takes where that is less; 16000 for a model that is not in the table of known ones."""
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
    command: str = ""
    """With api_type command: a program that reads the request on its standard input and prints the reply, such as
    "ollama run qwen3-coder". It is split as in a shell, but no shell is started."""
    tape: str = ""
    """With api_type tape: the file to play."""
    folder: str = ""
    """With api_type manual: where requests are written and replies expected; by default in the run's own folder."""

    cache: bool = False
    """Keep replies in ~/.l2mac/cache/replies and use them when another run asks the very same for the first time."""
    fallbacks: tuple[LLM, ...] = ()
    """Further models, asked in this order where the one above fails for longer than its patience lasts, or for good: a
    list of mappings with these same keys, such as [{model: NAME, base_url: ADDRESS, api_key: KEY}]. What one of them
    leaves out is as above. The first is tried again at each new instruction."""

    @field_validator("fallbacks")
    @classmethod
    def _one_level(cls, value: tuple[LLM, ...]) -> tuple[LLM, ...]:
        if any(it.fallbacks for it in value):
            raise ValueError("it must be one list; a fallback has none of its own")
        return value

    @field_validator("base_url")
    @classmethod
    def _address(cls, value: str) -> str:
        return address(value)

    @field_validator("model", "api_version")
    @classmethod
    def _text(cls, value: str) -> str:
        if not value.isprintable():  # nor is what a locale without UTF-8 makes of other letters
            raise ValueError("it must be text in one line")
        return value


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
    lanes: int = Field(1, ge=1, le=64)
    """Independent instructions that are worked on at once, each in a folder of its own. What they make is brought
    together one after the other; where two do not go together, the later one is executed again."""
    candidates: int = Field(0, ge=0, le=10)
    """Candidates that try an instruction anew which the first window did not get done. Of those that pass every check
    the one with the smallest change is taken."""
    out: str = "workspace"
    """The folder in which each run gets a folder of its own."""
    accept_unverified: bool = False
    """Call a run complete although something could not be checked on this computer."""

    reflect: int = Field(0, ge=0, le=10)
    """Times that the plan is criticised against the requirements before it is executed."""
    plans: int = Field(1, ge=1, le=10)
    """Plans that are made; the one is executed that numbers most requirements, then shares them out best."""


class Role(_Section):
    """What is special to one role."""

    model: str = ""
    """The model to ask. Left empty, llm.model."""
    temperature: float | None = Field(None, ge=0, le=2)
    """Left empty, llm.temperature."""
    prompt: str = Field("", max_length=4_000)
    """Added to the system text."""


class Roles(_Section):
    """Who does what, and what is special to each."""

    review: bool = False
    """Let the reviewer look at each completed instruction; what it finds is shown once, before the work is taken."""
    planner: Role = Role()
    """Compiles the program, criticises it, cuts instructions into pieces."""
    coder: Role = Role()
    """Executes instructions."""
    tester: Role = Role()
    """Executes those that name test files only."""
    reviewer: Role = Role()
    """Looks at completed instructions."""


class Checks(_Section):
    """The judges."""

    seconds: float = Field(120, gt=0)
    """Time that one run of the tests may take."""
    mutation: Literal["report", "refuse", "off"] = "report"
    """In the end lines of the project are broken, one at a time, to see whether a test that executes them fails. It is
    reported how many were noticed; with `refuse` an instruction is refused, at most twice, while one is not."""
    mutants: int = Field(8, ge=1, le=1_000)
    """The most lines that are broken so."""
    mutation_seconds: float = Field(30, gt=0)
    """Time that it may take."""


class Packages(_Section):
    """What may be installed for a project."""

    allow: list[str] = []
    """Patterns such as `django*`. If there are any, only packages that match one are installed, also among those that
    others need."""
    deny: list[str] = []
    """Patterns of packages that are never installed, also not because others need them."""
    wheelhouse: str = ""
    """A folder of wheels from which packages are taken; no registry is asked then."""
    cache: float = Field(10, gt=0)
    """Gigabytes that environments may take; those unused for longest are removed. The packages of other languages than
    Python, and the downloads of their tools, may take as much each."""

    @field_validator("allow", "deny", mode="before")
    @classmethod
    def _patterns(cls, value: object) -> object:
        return re.findall(r"[^\s,]+", value) if isinstance(value, str) else value or []

    @field_validator("wheelhouse")
    @classmethod
    def _folder(cls, value: str) -> str:
        folder = Path(os.path.expanduser(value)).absolute()  # noqa: PTH111 - takes every text
        if value and not folder.is_dir():
            raise ValueError("it must be a folder that holds wheels")
        return str(folder) if value else ""


class Book(_Section):
    """How books are exported."""

    painter: str = ""
    """A program that makes pictures, for the cover and for what a text shows and nobody drew: it reads what to show on
    its standard input and writes a PNG or JPEG to the file that its last argument names. It is split as in a shell, but
    no shell is started, and runs outside the sandbox. Left empty, covers are set in type."""
    seconds: float = Field(300, gt=0)
    """Time that one picture may take."""


class Settings(_Section):
    """All settings."""

    llm: LLM = LLM()
    budget: Budget = Budget()
    run: Run = Run()
    roles: Roles = Roles()
    checks: Checks = Checks()
    packages: Packages = Packages()
    book: Book = Book()
    sandbox: Literal["auto", "bubblewrap", "landlock", "docker", "podman", "none"] = "auto"
    """Where generated code runs: `auto` takes bubblewrap, else landlock, else refuses; `none` does not isolate it."""


def home() -> Path:
    """The machine's own folder: `$L2MAC_HOME`, or `~/.l2mac`."""
    return Path(os.environ.get("L2MAC_HOME") or Path.home() / ".l2mac")


def load_settings(
    path: str | Path | None = None, changes: Iterable[str] = (), flags: Mapping[str, Any] | None = None
) -> Settings:
    """Read the settings: `path`, else `config.yaml` in `home()`, else `./config/config.yaml`, else the defaults.

    What a file says is overruled by the environment (`L2MAC_LLM_MODEL` is `llm.model`), that by `changes`, and these by
    `flags`. A value of a file that equals the default counts as not set, so that a copy of the example sets nothing.

    Args:
        path: a file that must exist.
        changes: `section.key=value`; the value is YAML.
        flags: values by the full names of settings.

    Raises:
        UsageError: a file that can't be read, an unknown key (with a suggestion), or a value of the wrong type.
    """
    source = Path(path) if path else found()
    data = _said(_read(source)) if source else {}
    if source == _HERE and not path and not data.keys() & Settings.model_fields.keys():
        source, data = None, {}  # a file of that name that belongs to another program
    if source == _HERE and not path:
        _demand_harmless(data)
    origins = {}
    for key, text in _environment():
        _put(data, key, _scalar(key, text))
        origins[key] = f" (in {variable(key)})"
    for change in changes:
        name, equals, text = change.partition("=")
        if not equals or not (key := name.strip()):
            raise UsageError(f"--set {change[:60]!r} is not of the form section.key=value, such as llm.model=gpt-5")
        _put(data, key, _scalar(key, text))
        origins[key] = " (in --set)"
    for key, value in (flags or {}).items():
        _put(data, key, value)
        origins[key] = ""
    return _validated(data, origins, f" (in {source})" if source else "")


def _demand_harmless(data: Mapping[str, Any]) -> None:
    """Refuse what makes programs run in a file that merely lies in the folder: that may be a stranger's."""
    llm = data.get("llm")
    others = llm.get("fallbacks") if isinstance(llm, dict) else None
    ways = [llm, *others] if isinstance(others, list) else [llm]
    wrong = "llm.command" if any(isinstance(it, dict) and it.get("command") for it in ways) else ""
    book = data.get("book")
    wrong = "book.painter" if isinstance(book, dict) and book.get("painter") else wrong
    if wrong or data.get("sandbox") == "none":
        raise UsageError(
            f"{_HERE} sets {wrong or 'sandbox: none'}, which a file that is only found in the folder may not; "
            f"if it is yours, pass --config {_HERE}, or move it to {home() / 'config.yaml'}"
        )


def address(text: str) -> str:
    """An address of HTTP, without the space around it.

    Raises:
        ValueError: the text is none.
    """
    text = text.strip()
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and not re.search(r"\s", text)
    except ValueError:
        good = False
    if not good:
        raise ValueError("it must be an address such as http://localhost:11434/v1")
    return text


def found() -> Path | None:
    """The file that is read when none is named; None where there is none."""
    return next((path for path in (home() / "config.yaml", _HERE) if path.exists()), None)


def variable(key: str) -> str:
    """The environment variable of a setting: `L2MAC_LLM_MODEL` for `llm.model`."""
    return f"L2MAC_{key.replace('.', '_').upper()}"


def _environment() -> Iterator[tuple[str, str]]:
    """The settings that the environment makes: key and text.

    Raises:
        UsageError: a variable that begins like a setting's and is none.
    """
    keys = {variable(key): key for key in names()}
    sections = tuple({name[: name.index("_", 6) + 1] for name in keys if "_" in name[6:]})
    for name, text in os.environ.items():
        if name in keys:
            yield keys[name], text
        elif name.startswith(sections) and (near := difflib.get_close_matches(name, list(keys), 1, cutoff=0.8)):
            raise UsageError(f"the environment sets {name}, which is no setting; did you mean {near[0]}?")


def _said(data: dict[str, Any]) -> dict[str, Any]:
    """What a file says beyond the defaults."""
    defaults = Settings().model_dump(mode="json")
    said = {key: value for key, value in data.items() if key not in defaults or value != defaults[key]}
    for section, values in said.items():
        usual = defaults.get(section)
        if isinstance(values, dict) and isinstance(usual, dict):
            said[section] = {key: it for key, it in values.items() if key not in usual or it != usual[key]}
    return said


def _read(path: Path) -> dict[str, Any]:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"the settings {path} can't be read: {error.strerror}; name another file") from None
    except UnicodeDecodeError:
        raise UsageError(f"the settings {path} are not UTF-8 text; save them as UTF-8") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise UsageError(f"the settings {path} are no valid YAML: {yaml_fault(error)}") from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise UsageError(f"the settings {path} must be a mapping, such as `llm:` with `model:` below it")
    return {key: {} if value is None and key in Settings.model_fields else value for key, value in data.items()}


def _scalar(key: str, text: str) -> Any:
    """The value of a setting written as text: YAML, but for settings that hold text."""
    if isinstance(names().get(key), str):
        return text
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def _put(data: dict[str, Any], key: str, value: Any) -> None:
    *sections, name = key.split(".")
    if any(".".join(sections[: at + 1]) in names() for at in range(len(sections))):
        raise UsageError(f"there is no setting {key[:60]!r}{_suggestion(key)}")
    for section in sections:
        data = data.setdefault(section, {})
        if not isinstance(data, dict):
            raise UsageError(f"{key} can't be set: {section} holds a value, not settings")
    data[name] = value


def _validated(data: Mapping[str, Any], origins: Mapping[str, str], source: str) -> Settings:
    try:
        return Settings.model_validate(data)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in fault["loc"])
        where = next((it for name, it in origins.items() if f"{key}.".startswith(f"{name}.")), source)
        if fault["type"] in ("extra_forbidden", "invalid_key"):
            within = next((name for name in origins if name.startswith(f"{key}.")), "")
            key, where = within or key, origins.get(within, where)
            near = _suggestion(_INNER.sub("", key))
            raise UsageError(f"there is no setting {key[:60]!r}{where}{near}") from None
        # A key is never shown, not even one that stands where it does not belong.
        hidden = "key" in key or "fallbacks" in key
        given = "" if hidden or isinstance(fault["input"], dict) else f", not {str(fault['input'])[:60]!r}"
        raise UsageError(f"the setting {key}{where} is wrong: it must be {wanted(fault)}{given}") from None


def _suggestion(key: str) -> str:
    near = difflib.get_close_matches(key, list(names()), 1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else "; `l2mac config show` lists them all"


def spelled(llm: LLM) -> dict[str, Any]:
    """The settings of a processor as plain values; of its fallbacks only what they say themselves."""
    return {**llm.model_dump(), "fallbacks": [it.model_dump(exclude_unset=True) for it in llm.fallbacks]}


def masked(llm: Mapping[str, Any]) -> dict[str, Any]:
    """Spelled settings as they may be shown: keys are masked, those of the fallbacks too."""
    key = {"api_key": "(set)"} if llm.get("api_key", PLACEHOLDER) != PLACEHOLDER else {}
    inner = {"fallbacks": [masked(it) for it in llm["fallbacks"]]} if "fallbacks" in llm else {}
    return {**llm, **key, **inner}


def names() -> dict[str, Any]:
    """Every setting's full name, and its default."""
    return _flat(Settings().model_dump(mode="json"))


def _flat(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= _flat(value, f"{above}{name}.") if isinstance(value, dict) else {f"{above}{name}": value}
    return found


def example() -> str:
    """The text of `config/config.yaml`: every setting with its default, under a comment that says what it is."""
    lines = ["# Every setting of L2MAC with its default. Copy what you change to ~/.l2mac/config.yaml.", ""]
    for name, field in Settings.model_fields.items():
        lines += [*_spelled_out(name, field), ""]
    return "\n".join(lines)


def _spelled_out(name: str, field: FieldInfo) -> list[str]:
    """A setting under its comment; a section with all that it holds."""
    section = field.annotation
    if not (isinstance(section, type) and issubclass(section, _Section)):
        return [*_comment(field.description or ""), f"{name}: {_yaml(field.default)}"]
    inner = [line for key, it in section.model_fields.items() for line in _spelled_out(key, it)]
    return [*_comment(field.description or section.__doc__ or ""), f"{name}:", *(f"  {line}" for line in inner)]


def _comment(text: str) -> list[str]:
    return [f"# {line.strip()}" for line in text.strip().splitlines()] or ["#"]


def _yaml(value: Any) -> str:
    return "" if value is None else yaml.safe_dump(value, default_flow_style=True).splitlines()[0]
