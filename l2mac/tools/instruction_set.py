"""How calls of the processor become calls of functions, and whatever it got wrong becomes text."""

from __future__ import annotations

import difflib
import inspect
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, get_type_hints

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, create_model

from ..errors import Fault
from ..processor.protocol import ToolCall, ToolSpec, fault_of
from ..program.values import Patch, Program


class Argument(BaseModel):
    """Base of the structured arguments: what a tool does not know is refused."""

    model_config = ConfigDict(extra="forbid")


Place = Annotated[str, AfterValidator(lambda text: text.removeprefix("./"))]
"""A path, or the id of a test that begins with one."""


class Evidence(Argument):
    """Where a requirement is met."""

    requirement: str
    file: Place
    symbol: str | None = None
    test: Place | None = None
    not_verifiable: str | None = None


class TestChange(Argument):
    """Why a test that had passed is gone or asserts less."""

    __test__ = False  # for pytest: a name, not a test
    test: Place
    reason: str


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model says of an instruction that it holds to be done."""

    summary: str
    evidence: tuple[Evidence, ...] = ()
    test_changes: tuple[TestChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Effect:
    """What one call did: the text for the model, and what it asks of the control unit.

    A tool changes at most its transaction. Whatever touches the world outside it is only asked for here.
    """

    text: str = "ok"
    changed: frozenset[str] = frozenset()
    tests: tuple[str, ...] | None = None
    """Run these tests; all of them where empty."""
    command: str | None = None
    completion: Completion | None = None
    program: Program | None = None
    """A program was submitted, whole."""
    part: bool = False
    """A part of a program was submitted, and more is to come."""
    patch: Patch | None = None
    """The program is to be changed."""
    failed: bool = False
    """The call had no effect; the text says why."""


Tool = Callable[..., Effect]
"""A function whose first parameter is what it works on; the others are the model's."""


class InstructionSet:
    """The tools offered to the processor, by name.

    Args:
        tools: the signature of each (but its first parameter) is the schema, its docstring the description.
        described: other descriptions, by name.
    """

    def __init__(self, tools: Iterable[Tool], described: Mapping[str, str] = MappingProxyType({})) -> None:
        self._tools = {tool.__name__: tool for tool in tools}
        self._forms = {name: _form(tool) for name, tool in self._tools.items()}
        self.specs = tuple(
            ToolSpec(name, described.get(name) or inspect.getdoc(tool) or "", _schema(self._forms[name]))
            for name, tool in self._tools.items()
        )

    def dispatch(self, call: ToolCall, works_on: Any) -> Effect:
        """Run one call. Never raises for what the model wrote."""
        try:
            if why := fault_of(call)[0]:
                raise Fault(f"{why}; nothing was done, send it again")
            tool = self._tool(call.name)
            form = self._validated(call)
            return tool(works_on, **{name: getattr(form, name) for name in type(form).model_fields})
        except Fault as fault:
            return Effect(f"error: {fault}", failed=True)

    def _tool(self, name: str) -> Tool:
        if name in self._tools:
            return self._tools[name]
        near = difflib.get_close_matches(name, self._tools, 1, cutoff=0.8)  # write_files is not read_files
        hint = f"did you mean {near[0]}?" if near else f"choose from {', '.join(self._tools)}"
        raise Fault(f"there is no tool {name[:60]!r}; {hint}")

    def _validated(self, call: ToolCall) -> BaseModel:
        try:
            arguments = json.loads(call.arguments or "{}", object_pairs_hook=_once)
            json.dumps(arguments, ensure_ascii=False).encode()  # half a surrogate pair is no text
        except (ValueError, RecursionError) as error:
            reason = str(error) if isinstance(error, ValueError) else "nested too deeply"
            reason = "half a surrogate pair" if isinstance(error, UnicodeEncodeError) else reason
            raise Fault(
                f"the arguments of {call.name} are not valid JSON ({reason}); nothing was done, send them again"
            ) from None
        if not isinstance(arguments, dict):
            raise Fault(f"the arguments of {call.name} must be a JSON object; {self._usage(call.name)}")
        try:
            return self._forms[call.name].model_validate(arguments)
        except (ValidationError, RecursionError) as error:
            raise Fault(f"{_complaint(error)}; {self._usage(call.name)}") from None

    def _usage(self, name: str) -> str:
        fields = self._forms[name].model_fields
        shown = ", ".join(f"{field}{'' if about.is_required() else '?'}" for field, about in fields.items())
        return f"{name} takes {{{shown}}}"


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object none of whose keys stands twice: of two, one would be lost."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
        raise ValueError(f"the key {twice[:60]!r} stands twice")
    return found


def _form(tool: Tool) -> type[BaseModel]:
    """The model of a tool's arguments."""
    hints = get_type_hints(tool, include_extras=True)
    fields: dict[str, Any] = {}
    for parameter in list(inspect.signature(tool).parameters.values())[1:]:
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = (hints[parameter.name], default)
    return create_model(tool.__name__, __config__=ConfigDict(extra="forbid"), **fields)


def _schema(form: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of a form, without what only costs tokens: titles, references, nulls and defaults."""
    whole = form.model_json_schema()
    lean: dict[str, Any] = _lean(whole, whole.get("$defs", {}))
    return lean


def _lean(node: Any, defs: Mapping[str, Any]) -> Any:
    if isinstance(node, list):
        return [_lean(item, defs) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _lean(defs[node["$ref"].rsplit("/", 1)[1]], defs)
    if "anyOf" in node:
        return _lean(next(option for option in node["anyOf"] if option.get("type") != "null"), defs)
    dropped = {"title", "default", "$defs", "additionalProperties", "description"}
    lean = {key: value for key, value in node.items() if key not in dropped}
    if "properties" in node:
        lean["properties"] = {name: _lean(value, defs) for name, value in node["properties"].items()}
    if "items" in node:
        lean["items"] = _lean(node["items"], defs)
    return lean


def _complaint(error: ValidationError | RecursionError) -> str:
    """The first three things wrong with the arguments, in words."""
    if isinstance(error, RecursionError):
        return "the arguments are nested too deeply"
    said = []
    for fault in error.errors(include_url=False, include_input=False)[:3]:
        where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault["loc"]).lstrip(".")
        match fault["type"]:
            case "missing":
                said.append(f"{where} is missing")
            case "extra_forbidden":
                said.append(f"{where[:80]!r} is not an argument")
            case _:
                said.append(f"{where}: {fault['msg'][0].lower()}{fault['msg'][1:]}")
    return ", ".join(said)
