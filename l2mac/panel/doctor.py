"""What a run would find on this computer: each thing it needs, whether it is there, and what mends it."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..config import LLM, PLACEHOLDER, Settings, found, home
from ..errors import L2MACError, UsageError

if TYPE_CHECKING:
    from ..sandbox.rungs import Wanted

State = Literal["ok", "note", "mend"]


@dataclass(frozen=True, slots=True)
class Line:
    """One thing looked at: `ok`, worth a `note`, or to `mend` before a run can work."""

    name: str
    state: State
    text: str


def examine(settings: Callable[[], Settings], call: bool = False) -> Iterator[Line]:
    """Look at everything a run needs, one line for each.

    Args:
        settings: reads the settings; what it raises becomes a line.
        call: ask the model that would serve for one token.
    """
    yield Line("python", "ok", f"{platform.python_version()} at {sys.executable}")
    yield _program("git", ["git", "--version"], "mend", "missing; install it (Debian: `apt install git`)")
    yield _uv()
    yield _home()
    yield _tokenizers()
    try:
        read = settings()
    except UsageError as error:
        yield Line("settings", "mend", str(error))
        return
    yield Line("settings", "ok", str(found() or f"the defaults; `l2mac config init` writes {home() / 'config.yaml'}"))
    yield _sandbox(read.sandbox)
    yield from _toolchains()
    yield _keys(read.llm)
    yield _servers()
    yield from _processor(read, call)


def _program(name: str, command: list[str], missing: State, advice: str) -> Line:
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return Line(name, missing, advice)
    return Line(name, "ok", said.strip().splitlines()[0].removeprefix(f"{name} ").removeprefix("version "))


def _uv() -> Line:
    from ..checks.python.installer import find_uv

    advice = "missing; python's venv and pip serve in its place, more slowly (pip install uv)"
    uv = find_uv()
    return _program("uv", [uv, "--version"], "note", advice) if uv else Line("uv", "note", advice)


def _home() -> Line:
    """Whether lanes and environments can be made."""
    try:
        home().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home()):
            return Line("home", "ok", f"{home()} can be written")
    except OSError as error:
        return Line("home", "mend", f"{home()}: {error.strerror}; set L2MAC_HOME to a folder that can be written")


def _sandbox(wanted: Wanted) -> Line:
    from ..sandbox.rungs import open_sandbox

    try:
        name = open_sandbox(wanted, home() / "cache" / "sandbox").name
    except UsageError as error:
        return Line("sandbox", "mend", str(error))
    if name == "none":
        what = "limits on time, memory, disk and processes, but no isolation from your files and network"
        return Line("sandbox", "note", f"none: {what}")
    missing = ", no sockets of its own" if name in ("landlock", "seatbelt") else ""
    return Line("sandbox", "ok", f"{name}: no network, none of your files, limits on everything{missing}")


def _toolchains() -> Iterator[Line]:
    """The languages beside Python that can be checked here, and one line for those that can't."""
    from ..checks.toolchains.recipe import recipes
    from ..checks.toolchains.tools import find

    missing = []
    for recipe in recipes():
        tool = find(recipe)
        if isinstance(tool, str):
            missing.append(recipe.title)
        else:
            yield Line(recipe.name, "ok", f"{recipe.title}: {tool.version}")
    if missing:
        yield Line("toolchains", "note", f"not installed: {', '.join(missing)}; a run that needs one says what to do")


def _tokenizers() -> Line:
    from ..processor.tokens import offline

    there = offline()
    if not there:
        return Line(
            "tokenizers", "note", "not found in litellm's folder; tokens are estimated from bytes, on the high side"
        )
    return Line("tokenizers", "ok", f"{', '.join(there)}, offline")


def _keys(llm: LLM) -> Line:
    from ..discovery import PROVIDERS

    names = [name for it in PROVIDERS for name in it.variables if os.environ.get(name, "").strip()]
    there = [*(["llm.api_key"] if llm.api_key != PLACEHOLDER else []), *names]
    looked = ", ".join(it.variables[0] for it in PROVIDERS)
    return Line("keys", "ok", ", ".join(there)) if there else Line("keys", "note", f"none; looked for {looked}")


def _servers() -> Line:
    from ..discovery import LOCAL, local_servers

    there = [f"{it.name} at {it.base_url} ({', '.join(it.models[:4]) or 'no model'})" for it in local_servers()]
    looked = ", ".join(f"{name} {port}" for name, port in LOCAL)
    return Line("servers", "ok", "; ".join(there)) if there else Line("servers", "note", f"none; looked for {looked}")


def _processor(settings: Settings, call: bool) -> Iterator[Line]:
    """Which processor would serve, and why; then whether it answers."""
    from ..discovery import choose
    from ..gallery import tapes
    from ..providers import Supply, price, working_window

    supply = Supply(settings.llm, Path("manual"), lambda text: None)
    try:
        chosen = choose(settings.llm)
        supply.llm = chosen.llm
        processor = supply.serve()
    except UsageError as error:
        recorded = ", ".join(path.parent.name for path in tapes())
        yield Line("processor", "mend", f"{error}\nwithout one, only the gallery's recorded runs play: {recorded}")
        return
    cost = price(chosen.llm)
    what = f"{processor.name}, because {chosen.why or 'the settings name it'}"
    priced = (
        "price unknown" if cost is None else f"${cost.input * 1e6:.2f} / ${cost.output * 1e6:.2f} per million tokens"
    )
    yield Line("processor", "ok", f"{what}; {priced}, window {working_window(chosen.llm, processor):,} tokens")
    if call:
        yield _called(processor)


def _called(processor: Any) -> Line:
    """Ask for one token."""
    from ..processor.protocol import Message, Request, release

    began = time.monotonic()
    try:
        reply = processor.complete(Request("0/doctor/0/1", (Message("user", "Answer: ok"),), max_tokens=16))
    except L2MACError as error:
        return Line("call", "mend", str(error))
    finally:
        release(processor)
    used = f"{reply.usage.prompt} + {reply.usage.completion} tokens" if reply.usage.tokens else "usage not reported"
    return Line("call", "ok", f"{reply.model or 'the model'} answered in {time.monotonic() - began:.1f} s, {used}")
