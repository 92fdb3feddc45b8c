"""Text taken apart into fenced blocks and talk, as models write them rather than as they are asked to.

A block opens with three or more backticks or tildes and ends at the first line that holds nothing but the same marks.
Read are also: indented fences, a path instead of `file PATH`, a path on the line before the fence, calls between
`<tool_call>` tags. What stands in `<think>` tags is dropped. Content is kept byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

Kind = Literal["talk", "code", "file", "edit", "tool", "json"]
End = Literal["closed", "open", "cut"]

_FENCE = re.compile(r"([ \t]*)(`{3,}|~{3,})[ \t]*(.*)$")
_OUR_OWN = re.compile(r"(?:file|edit|tool)[ \t]+\S")
_THINKING = re.compile(r"[ \t]*<(think|thinking|thought|reasoning|reflection|scratchpad)>")
_THOUGHT = re.compile(r"[ \t]*</(?:think|thinking|thought|reasoning|reflection|scratchpad)>[ \t]*")
_TAGGED = re.compile(r"[ \t]*<(tool_call|function_call)>")
_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("file", "write", "create", "write_file", "write_files", "path", "filename"), "file"),
    **dict.fromkeys(("edit", "edit_file", "edit_files", "search_replace"), "edit"),
    **dict.fromkeys(("tool", "call", "tool_call", "tool_code"), "tool"),
}
# A path in talk must look like one: `Node.run` and `2.1` are none. Behind the word `file` anything is a path.
_ENDINGS = (
    "py pyi toml cfg ini txt md markdown mdx rst json jsonl yaml yml html htm css scss js mjs cjs jsx ts tsx "
    "vue svelte sh bash bat ps1 sql csv tsv xml svg c h cc cpp hpp cs java kt go rs rb php pl lua swift "
    "scala ex exs hs ml r jl dart env lock mod sum gradle properties conf ipynb jinja j2 tex proto graphql tf "
    "zig nim in"
)
_PATH = (
    r"(?:\.{0,2}/)?(?:[\w.@+-]+/)*(?:[\w@+-][\w.@+-]*\."
    rf"(?:{'|'.join(_ENDINGS.split())})|\.[a-z]\w+|Makefile|Dockerfile|LICENSE|Procfile)"
)
_IS_PATH = re.compile(_PATH)
_NAMED = re.compile(
    r"(?:[\w+#-]*[ \t:]+)?(?:(?:file|path|filename|filepath|title|name)[ \t]*[=:][ \t]*)?(\S+)", re.IGNORECASE
)
_ANNOUNCED = re.compile(
    r"(?:(?:#+|>|[-*]|\d+[.)])[ \t]+){0,3}[*_]*"
    r"(?:(?:(?:new|the)[ \t]+)?(?:file(?:name|path)?|path|create|update|write)\b[ \t:]*[*_]*[ \t]*){0,2}"
    rf"[*_`\"'\[]*({_PATH})[*_`\"'\]]*[ \t]*(?:\([^)]*\))?[*_]*:?[*_]*",
    re.IGNORECASE,
)
_FIRST_LINE = re.compile(
    rf"(?:#|//|--|;|%|/\*|<!--)[ \t]*(?:file(?:name|path)?[ \t]*:[ \t]*)?({_PATH})[ \t]*(?:\*/|-->)?", re.IGNORECASE
)
_SHOWN_ONLY = frozenset({"console", "output", "terminal", "shell-session", "pycon", "diff", "patch", "result"})
_LONGEST = 300  # characters of a line that may name a file
_MARKDOWN = (".md", ".markdown", ".mdx", ".rst")


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of text: talk, or what stands between two fences."""

    kind: Kind
    text: str
    """All of it, fences included."""
    name: str = ""
    """The path of a `file` or `edit`, the name of a `tool`; empty where it is missing."""
    body: str = ""
    line: int = 0
    """Of its first line, counted from 1."""
    fence: str = ""
    end: End = "closed"
    """`open`: another block begins before it ends; `cut`: the text ends before it does."""


def scan(text: str, tools: Collection[str] = (), *, whole: bool = True) -> list[Block]:
    """Take a text apart.

    Args:
        text: what a model or a person wrote.
        tools: names that may stand on a fence line in the place of `tool NAME`.
        whole: False where the text is known to be cut: then nothing is guessed about where a block ends.
    """
    lines = text.split("\n")
    blocks: list[Block] = []
    at = 0
    while at < len(lines):
        line = lines[at].rstrip("\r")
        if _THOUGHT.match(line):
            # Its begin was in the prompt: all that stands before was thinking.
            blocks = []
            lines[at] = _THOUGHT.sub("", line, count=1)
        elif thinking := _THINKING.match(line):
            at = _skip(lines, at, f"</{thinking[1]}>")
            if at == len(lines):
                blocks.append(Block("talk", "", line=at, end="cut"))
        elif tagged := _TAGGED.match(line):
            at = _tag(lines, at, tagged, blocks)
        elif (fence := _fence(line)) is not None:
            at = _block(lines, at, fence, blocks, tools, whole)
        else:
            blocks.append(Block("talk", lines[at] + ("\n" if at + 1 < len(lines) else ""), line=at + 1))
            at += 1
    return blocks


def _fence(line: str) -> re.Match[str] | None:
    """A line that can open a block: what stands behind backticks has none."""
    found = _FENCE.match(line)
    if found and found[2][0] == "`" and "`" in found[3]:
        return found if _OUR_OWN.match(found[3]) and "```" not in found[3] else None
    return found


def _skip(lines: list[str], at: int, until: str) -> int:
    """Pass over thinking, up to the line on which something else begins."""
    for number in range(at, len(lines)):
        _, found, rest = lines[number].partition(until)
        if found:
            lines[number] = rest
            return number
    return len(lines)


def _tag(lines: list[str], at: int, tag: re.Match[str], blocks: list[Block]) -> int:
    """Take in a call between tags; return the line after it."""
    until = f"</{tag[1]}>"
    end = next((number for number in range(at, len(lines)) if until in lines[number]), None)
    stop = len(lines) if end is None else end + 1
    text = "\n".join(lines[at:stop])
    body, _, _ = text.partition(">")[2].partition(until)
    blocks.append(Block("json", text, "", body, at + 1, tag[0].strip(), "cut" if end is None else "closed"))
    return stop


def _block(
    lines: list[str], at: int, fence: re.Match[str], blocks: list[Block], tools: Collection[str], whole: bool
) -> int:
    """Take in the block that begins on a line; return the line after it."""
    indent, marks, info = fence[1], fence[2], fence[3].strip()
    kind, name = _named(info, _before(blocks), tools)
    markdown = name.lower().endswith(_MARKDOWN) or (not name and info.lower() in ("markdown", "md"))
    stop, end, guess = _end(lines, at, indent, marks, markdown and kind != "tool")
    if guess and whole:
        stop, end = guess, "closed"
    inner = [_outdented(line, indent) for line in lines[at + 1 : stop]]
    body = "\n".join(inner) if end == "cut" else "".join(f"{line}\n" for line in inner)
    if kind == "code" and not name and (said := _FIRST_LINE.fullmatch(body[:_LONGEST].partition("\n")[0].strip())):
        kind, name = "file", said[1]
    after = stop + (end == "closed")
    text = "\n".join(lines[at:after]) + ("\n" if after < len(lines) else "")
    blocks.append(Block(kind, text, name, body, at + 1, marks, end))
    return after


def _end(lines: list[str], at: int, indent: str, marks: str, markdown: bool) -> tuple[int, End, int]:
    """Find the line that ends a block: its number, what kind of end it is, and where else the block may have ended.

    Markdown may hold blocks fenced just as it is itself: those that name a language are passed over as pairs, and so
    are those whose first line of code follows the fence at once, unless nothing else then ends the whole.
    """
    first = depth = 0
    for number in range(at + 1, len(lines)):
        found = _fence(lines[number].rstrip("\r"))
        if found is None or found[2] != marks or len(found[1]) > len(indent):
            continue
        if _OUR_OWN.match(found[3]):
            return number, "open", first
        if found[3].strip():
            depth += markdown
        elif not markdown:
            return number, "closed", 0
        elif depth:
            depth -= 1
        elif _goes_on(lines, number):
            first = first or number
            depth += 1
        else:
            return number, "closed", 0
    return len(lines), "cut", first


def _goes_on(lines: list[str], at: int) -> bool:
    """Whether the line after a bare fence is text: code then, for behind a block most leave a line free."""
    return at + 1 < len(lines) and bool(lines[at + 1].strip()) and _fence(lines[at + 1]) is None


def _named(info: str, before: str, tools: Collection[str]) -> tuple[Kind, str]:
    """What a block is, by its fence line or the line before it."""
    word, _, rest = info.partition(" ")
    word, rest = word.rstrip(":").lower(), rest.strip()
    if word in _KINDS and (rest or word in ("file", "edit", "tool")):
        return _KINDS[word], _bare(rest)
    if word in tools:
        return "tool", word
    if (named := _NAMED.fullmatch(info)) and _IS_PATH.fullmatch(path := _bare(named[1])):
        return "file", path
    if word in ("json", "tool_call", "function_call"):
        return "json", _announced(before)
    if not rest and word not in _SHOWN_ONLY and (path := _announced(before)):
        runs = word in ("sh", "bash", "shell", "zsh")
        return ("code", "") if runs and not path.endswith((".sh", ".bash")) else ("file", path)
    return "code", ""


def _announced(line: str) -> str:
    """The path that a line consists of, but for what marks it as one; else nothing."""
    found = _ANNOUNCED.fullmatch(line.strip()) if len(line) < _LONGEST else None
    return found[1] if found else ""


def _before(blocks: list[Block]) -> str:
    """The line of talk right before a block; at most one empty line may stand between."""
    for block in blocks[:-3:-1]:
        if block.kind != "talk":
            break
        if block.text.strip():
            return block.text
    return ""


def _bare(name: str) -> str:
    """A name without the marks that are set around names."""
    name = name.strip()
    for mark in ("**", "`", '"', "'"):
        if len(name) > 2 * len(mark) and name.startswith(mark) and name.endswith(mark):
            name = name[len(mark) : -len(mark)]
    return name


def _outdented(line: str, indent: str) -> str:
    """A line of an indented block without as much of the indentation as it has."""
    shared = 0
    while shared < min(len(indent), len(line)) and line[shared] == indent[shared]:
        shared += 1
    return line[shared:]
