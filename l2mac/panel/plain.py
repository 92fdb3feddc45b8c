"""Recorded text made fit to be shown: what a model or a file says must not move a cursor or turn a line around."""

from __future__ import annotations

import json
import re
from typing import Any

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def plain(text: str) -> str:
    """A text in which characters that steer a terminal, or the direction of writing, are replaced."""
    return _UNSAFE.sub("\ufffd", text.replace("\r\n", "\n"))


def clipped(text: str, width: int) -> str:
    """A text on one line, cut where it is too long."""
    line = " ".join(plain(text).split())
    return line if len(line) <= width else f"{line[: width - 1]}…"


def yaml_lines(value: Any) -> list[str]:
    """Lists, mappings and strings as lines of YAML, which reads back as the same strings.

    A text of several lines stands as it is, in a literal block; any other is quoted as in JSON, which is YAML too.
    """
    if isinstance(value, dict):
        return [line for key, it in value.items() for line in _entry(_key(str(key)), it)]
    if isinstance(value, list | tuple):
        return [
            f"{'  ' if number else '- '}{line}".rstrip()
            for it in value
            for number, line in enumerate(yaml_lines(it) or ["[]"])
        ]
    return [_scalar(value)]


def _entry(key: str, value: Any) -> list[str]:
    if isinstance(value, str) and _literal(value):
        mark = "|" if value.endswith("\n") else "|-"
        return [f"{key}: {mark}", *(f"  {line}" if line else "" for line in value.removesuffix("\n").split("\n"))]
    if isinstance(value, dict | list | tuple) and value:
        if all(isinstance(it, str) for it in value) and not isinstance(value, dict):
            return [f"{key}: [{', '.join(_scalar(it) for it in value)}]"]
        return [f"{key}:", *(f"  {line}" if line else "" for line in yaml_lines(value))]
    return [f"{key}: {_scalar(value)}"]


def _literal(text: str) -> bool:
    """Whether a text of several lines means the same in a literal block."""
    lines = text.removesuffix("\n").split("\n")
    return (
        len(lines) > 1
        and all(
            line.isprintable() and line == line.rstrip() and (line or 0 < at < len(lines) - 1) and line[:1] != "\t"
            for at, line in enumerate(lines)
        )
        and not text.startswith(" ")
    )


def _key(key: str) -> str:
    return key if re.fullmatch(r"[a-z]\w*( \w+)*", key) else _scalar(key)


def _scalar(value: Any) -> str:
    if isinstance(value, str) and re.fullmatch(r"[A-Z]{1,3}\d+", value):
        return value
    quoted = json.dumps(value, ensure_ascii=False)
    return "".join(it if it.isprintable() else _escaped(it) for it in quoted)


def _escaped(character: str) -> str:
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
