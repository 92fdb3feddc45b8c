"""Arguments as `key: value` lines: what a small model writes without a mistake where it breaks JSON.

It looks like YAML and is less: values are taken as they stand, with no escapes, comments or anchors. A schema says what
each is: text may go on over indented lines or after a `|`, a list of texts stands behind commas or dashes, a list of
objects behind dashes. JSON is read wherever a value begins like it.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

Schema = Mapping[str, Any]

_KEY = re.compile(r"[\"'*`]{0,2}([A-Za-z_][A-Za-z_0-9]*)[\"'*`]{0,2}[ \t]*:(?:[ \t]+(.*))?$")
_DASH = re.compile(r"([ \t]*)[-*](?:[ \t]+|$)")
_NOTHING = frozenset({"", "none", "null", "n/a", "-", "[]", "(none)", "…", "…, …", "..."})
_SCALAR: dict[str, Callable[[str], Any]] = {"integer": int, "number": float}


def read_arguments(text: str, schema: Schema) -> dict[str, Any]:
    """Read the arguments of a call, as JSON or as lines.

    Args:
        text: the body of a block.
        schema: of the tool's arguments; without one, values that are JSON are read as that.

    Raises:
        ValueError: it is neither; the text says what is wrong.
    """
    if not text.strip():
        return {}
    if text.lstrip()[0] in "{[":
        arguments = _json(text)
        if not isinstance(arguments, dict):
            raise ValueError("must be a JSON object, or lines of `key: value`")
        return arguments
    return _object(textwrap.dedent(text.replace("\r\n", "\n")).split("\n"), schema)


def write_arguments(arguments: Mapping[str, Any], schema: Schema) -> str:
    """Write arguments as lines, or as JSON where lines would not be read back as the same."""
    try:
        text = "".join(_written(key, value) for key, value in arguments.items())
        if read_arguments(text, schema) == arguments:
            return text
    except (ValueError, TypeError, AttributeError):
        pass
    return json.dumps(arguments, ensure_ascii=False) + "\n"


def _json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_once)
    except RecursionError:
        raise ValueError("are nested too deeply") from None
    except ValueError as error:
        try:
            # Line breaks and tabs inside of strings are what models forget to escape.
            return json.loads(text, object_pairs_hook=_once, strict=False)
        except ValueError:
            raise ValueError(f"are not JSON: {error}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object none of whose keys stands twice: of two, one would be lost."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _object(lines: list[str], schema: Schema) -> dict[str, Any]:
    """Read an object whose keys stand at the left margin."""
    fields: Mapping[str, Any] = schema.get("properties", {})
    found: dict[str, list[str]] = {}
    last: list[str] | None = None
    for line in lines:
        match = _KEY.match(line)
        name = _field(match[1], fields) if match else ""
        if match and name:
            if name in found:
                raise ValueError(f"have {name} twice")
            last = found[name] = [match[2] or ""]
        elif last is not None:
            last.append(line)
        elif line.strip():
            raise ValueError(f"are no lines of `key: value`: {line.strip()[:60]!r}")
    required = schema.get("required", ())
    values = {name: _value(name, part, fields.get(name, {})) for name, part in found.items()}
    return {name: value for name, value in values.items() if value is not None or name in required}


def _field(key: str, fields: Mapping[str, Any]) -> str:
    """The argument that a word before a colon names; nothing where it is only a word of a longer text."""
    if key.lower() in fields:
        return key.lower()
    return key if not fields or re.fullmatch(r"[a-z_]+", key) else ""


def _value(name: str, lines: list[str], schema: Schema) -> Any:
    """Read one value: what stands behind the colon, and the lines after it."""
    kind = schema.get("type")
    inline = lines[0].strip()
    if kind == "array" or (not kind and not inline and any(map(_DASH.match, lines[1:]))):
        return _list(name, lines, schema.get("items", {}))
    text = _text(lines)
    if kind == "object" or (not kind and inline[:1] in ("{", "[")):
        return _json(text) if inline else _object(textwrap.dedent("\n".join(lines[1:])).split("\n"), schema)
    if kind == "boolean" and text.lower() in ("true", "yes", "false", "no"):
        return text.lower() in ("true", "yes")
    if kind in _SCALAR or not kind:
        try:
            return _SCALAR[kind](text) if kind else json.loads(text)
        except ValueError:
            pass
    if not text or (kind and text.lower() in ("null", "none", "…", "...")):
        return None
    return text


def _text(lines: list[str]) -> str:
    """A text: behind the colon, on the lines after it, or both; in quotes, they are JSON's."""
    inline = lines[0].strip()
    rest = textwrap.dedent("\n".join(lines[1:])).rstrip("\n")
    if inline in ("|", "|-", "|+", ">", ">-"):
        return rest
    text = f"{inline}\n{rest}" if inline and rest.strip() else inline or rest.strip()
    if text[:1] == '"' and text[-1:] == '"':
        try:
            return str(json.loads(text))
        except ValueError:
            pass
    return text


def _list(name: str, lines: list[str], schema: Schema) -> list[Any]:
    inline = lines[0].strip()
    whole = "\n".join([inline, *lines[1:]]).strip()
    if whole.lower() in _NOTHING:
        return []
    if inline[:1] in ("[", "{"):
        try:
            listed = _json(whole)
            return listed if isinstance(listed, list) else [listed]
        except ValueError:
            if schema.get("type") == "object" or not whole.endswith("]"):
                raise
            return [_scalar(it, schema) for it in whole[1:-1].split(",") if it.strip()]
    if inline:
        return [_scalar(it, schema) for it in whole.split(",") if it.strip()]
    return [_item(name, item, schema) for item in _items(name, lines[1:])]


def _items(name: str, lines: list[str]) -> list[list[str]]:
    """Take a list apart at its dashes; of each item, the lines with its own margin."""
    items: list[list[str]] = []
    margin = ""
    for line in lines:
        dash = _DASH.match(line)
        if dash and (not items or dash[1] == margin):
            margin = dash[1]
            items.append([" " * len(dash[0]) + line[len(dash[0]) :]])
        elif items:
            items[-1].append(line)
        elif line.strip():
            raise ValueError(f"have {name} without a dash before {line.strip()[:60]!r}")
    return [textwrap.dedent("\n".join(item)).split("\n") for item in items]


def _item(name: str, lines: list[str], schema: Schema) -> Any:
    if lines[0][:1] == "{":
        return _json("\n".join(lines))
    if schema.get("type") == "object" or (not schema and _KEY.match(lines[0])):
        if not _KEY.match(lines[0]):
            raise ValueError(f"have {name} with {lines[0][:60]!r}, which is no `key: value`")
        return _object(lines, schema)
    return _scalar(_text(lines), schema)


def _scalar(text: str, schema: Schema) -> Any:
    """One element of a list."""
    text = text.strip()
    for quote in "\"'`":
        if len(text) > 1 and text[0] == text[-1] == quote:
            text = text[1:-1]
    if kind := _SCALAR.get(schema.get("type", "")):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def _written(key: str, value: Any) -> str:
    if isinstance(value, str):
        if "\n" in value:
            return f"{key}: |\n" + textwrap.indent(value, "  ", lambda line: True) + "\n"
        return f"{key}: {value}\n"
    if isinstance(value, list) and value and all(isinstance(it, dict) for it in value):
        items = (textwrap.indent("".join(_written(*pair) for pair in it.items()), "  ") for it in value)
        return f"{key}:\n" + "".join(f"- {item[2:]}" for item in items)
    if isinstance(value, list) and value and all(isinstance(it, str) for it in value):
        return f"{key}: {', '.join(value)}\n"
    return f"{key}: {json.dumps(value, ensure_ascii=False)}\n"
