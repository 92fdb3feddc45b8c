"""Reading calls out of text: what the text protocol hears from a model, and the manual processor from a person.

All `file` blocks of a reply are one call of `write_files`, made where the first of them stands, but for one that is
cut. An `edit` block is a call of `edit_file`, a `tool` block one of the tool that it names. Blocks of other kinds are
talk. What was meant as a call and can't be read is a call with the reason in place of its arguments.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from .blocks import Block, scan
from .plain import read_arguments
from .protocol import ToolSpec

_SEARCH = re.compile(r"<{5,9}[ \t]*(?:SEARCH|ORIGINAL)[ \t]*>?[ \t]*\r?\n?", re.IGNORECASE)
_DIVIDER = re.compile(r"={7}[ \t]*\r?\n?")
_REPLACE = re.compile(r">{5,9}[ \t]*(?:REPLACE|UPDATED)[ \t]*\r?\n?", re.IGNORECASE)
_NO_FILE = frozenset(
    ("", "text", "txt", "bash", "sh", "shell", "zsh", "console", "output", "terminal", "pycon", "result")
)
_INSTEAD = "write <<<<<<< SEARCH, =======, >>>>>>> REPLACE each on its own line, or the whole file"


@dataclass(frozen=True, slots=True)
class Heard:
    """A call that was heard, or what was meant as one."""

    name: str
    arguments: dict[str, Any]
    why: str = ""
    """Why it can't be read; empty where it can."""
    line: int = 0
    text: str = ""
    """What stood there, where it can't be read."""
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text comes to."""

    said: str
    calls: tuple[Heard, ...] = ()
    cut: bool = False
    """The text ends inside of a block, or of thinking; a call that was cut is the last."""
    loose: int = 0
    """The line of the first block of code that says of no file that it is its content; 0 where there is none."""


def read(text: str, tools: Sequence[ToolSpec] = (), *, ended: bool = True) -> Reading:
    """Read a reply.

    Args:
        text: the reply.
        tools: those on offer; without them a tool's name is taken as it stands.
        ended: False where the provider says that the reply was cut: then its last block is whole only if something
            follows it.
    """
    schemas = {tool.name: tool.parameters for tool in tools}
    said: list[str] = []
    files: list[dict[str, str]] = []
    calls: list[Heard] = []
    blocks = scan(text, frozenset(schemas), whole=ended)
    doubtful = None if ended else _doubtful(blocks)
    for block in blocks:
        cut = block.end == "cut" or block is doubtful
        heard = _heard(block, schemas, cut)
        if heard is None:
            said.append(block.text)
        elif isinstance(heard, dict):
            if not files:
                calls.append(Heard("write_files", {"files": files}, line=block.line))
            files.append(heard)
        else:
            calls.append(heard)
    talk = "".join(said).strip()
    if not calls and (call := _json_call(talk, schemas)):
        return Reading("", (call,))
    cut = doubtful is not None or any(block.end == "cut" for block in blocks)
    return Reading(talk, tuple(calls), cut, next((block.line for block in blocks if _is_loose(block)), 0))


def _doubtful(blocks: list[Block]) -> Block | None:
    """The last block of a reply that was cut somewhere, where nothing follows it: its end may be half of a line."""
    for block in reversed(blocks):
        if block.fence or block.text.strip():
            return block if block.fence else None
    return None


def _is_loose(block: Block) -> bool:
    language = block.text.lstrip(" \t`~").partition("\n")[0].strip().lower()
    return block.kind == "code" and language not in _NO_FILE and "\n" in block.body.strip()


def _heard(block: Block, schemas: dict[str, Any], cut: bool) -> Heard | dict[str, str] | None:
    """What a block is: a call, a file to write, or talk (None)."""
    if block.kind in ("talk", "code"):
        return None
    if block.kind == "json":
        if block.name:
            return _faulty("write_files", block, schemas, cut) or {"path": block.name, "content": block.body}
        call = _json_call(block.body, schemas)
        looks = bool(schemas) and re.match(r'\s*\{\s*"(?:name|tool)"', block.body)
        return call if call and not cut else _cut(block, "reply") if cut and looks else None
    if block.kind == "tool":
        return _tool(block, schemas, cut)
    edits = block.kind == "edit" or _SEARCH.match(block.body.lstrip())
    name = "edit_file" if edits else "write_files"
    if fault := _faulty(name, block, schemas, cut):
        return fault
    return _edit(block) if edits else {"path": block.name, "content": block.body}


def _tool(block: Block, schemas: dict[str, Any], cut: bool) -> Heard:
    name, _, label = block.name.partition(" ")
    name = next((known for known in schemas if known == name.strip(":").lower()), name)
    if fault := _faulty(name, block, schemas, cut):
        return fault
    try:
        arguments = read_arguments(block.body, schemas.get(name, {}))
    except ValueError as error:
        return _fault(name, block, f"the arguments of {name} {error}")
    if label and not arguments and name in schemas:
        return _fault(name, block, f"the arguments of {name} go on lines of their own below its name")
    return Heard(name, arguments, line=block.line)


def _faulty(name: str, block: Block, schemas: dict[str, Any], cut: bool) -> Heard | None:
    """What is wrong with a block before its body is looked at."""
    if not block.name:
        return _fault(name or "reply", block, f"a {block.kind} block begins with ```{block.kind} and a name after it")
    if cut:
        return _cut(block, name)
    if block.end == "open":
        return _fault(name, block, f"the block {_first(block)!r} is not closed before the next one begins")
    return None


def _cut(block: Block, name: str) -> Heard:
    why = f"the block {_first(block)!r} is never closed by a line {block.fence!r}"
    return replace(_fault(name, block, why), cut=True)


def _fault(name: str, block: Block, why: str) -> Heard:
    return Heard(name or "reply", {}, why, block.line, block.text)


def _first(block: Block) -> str:
    return block.text.partition("\n")[0].strip()[:80]


def _edit(block: Block) -> Heard:
    """Read the SEARCH/REPLACE parts of a block; what stands between them is left aside."""
    edits: list[dict[str, str]] = []
    where = f"of {block.name}"
    part: list[str] | None = None
    for line in _lines(block.body):
        if part is None:
            part = [] if _SEARCH.fullmatch(line) else None
        elif _REPLACE.fullmatch(line):
            dividers = [number for number, it in enumerate(part) if _DIVIDER.fullmatch(it)]
            if len(dividers) != 1:
                what = "no line ======= in it" if not dividers else "more than one line ======="
                return _fault("edit_file", block, f"edit {len(edits) + 1} {where} has {what}; {_INSTEAD}")
            at = dividers[0]
            edits.append({"find": "".join(part[:at]), "replace": "".join(part[at + 1 :])})
            part = None
        else:
            part.append(line)
    if part is not None:
        return _fault("edit_file", block, f"edit {len(edits) + 1} {where} has no line >>>>>>> REPLACE; {_INSTEAD}")
    if not edits:
        return _fault("edit_file", block, f"the edit {where} has no line <<<<<<< SEARCH; {_INSTEAD}")
    return Heard("edit_file", {"path": block.name, "edits": edits}, line=block.line)


def _lines(text: str) -> list[str]:
    """Lines that end at a line feed only: a file may hold others of the characters that Unicode calls a line break."""
    return [line for line in re.split(r"(?<=\n)", text) if line]


def _json_call(text: str, schemas: dict[str, Any]) -> Heard | None:
    """A call as models that were trained on another form of it write it: `{"name": …, "arguments": {…}}`."""
    if not schemas or text.lstrip()[:1] != "{":
        return None
    try:
        data = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None
    inner = data.get("function")
    data = inner if isinstance(inner, dict) else data
    name = data.get("name", data.get("tool"))
    arguments: Any = next((data[key] for key in ("arguments", "parameters", "args", "input") if key in data), {})
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments, strict=False)
        except ValueError:
            return None
    known = isinstance(name, str) and name.lower() in schemas
    return Heard(str(name).lower(), arguments) if known and isinstance(arguments, dict) else None
