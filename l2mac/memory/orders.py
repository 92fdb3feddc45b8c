"""Orders: what a person asks of a running machine, one JSON file each, written by atomic rename."""

from __future__ import annotations

import json
import re
import stat
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from ..errors import UsageError
from ..program.values import Change, Requirement

FOLDER = "orders"

BIGGEST = 1_000_000
"""Bytes above which a file is no order."""

_TEXT = 50_000  # characters of an instruction
_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)


class _Order(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Pause(_Order):
    """Wait until a `resume` or a `stop` arrives."""

    order: Literal["pause"] = "pause"


class Resume(_Order):
    """Go on after a pause."""

    order: Literal["resume"] = "resume"


class Stop(_Order):
    """End the run cleanly; it can be resumed."""

    order: Literal["stop"] = "stop"


class Note(_Order):
    """Tell the model something, from the next instruction on."""

    order: Literal["note"] = "note"
    text: str = Field(min_length=1, max_length=4000)


class SwitchModel(_Order):
    """Use another model of the same provider from now on."""

    order: Literal["model"] = "model"
    model: str = Field(min_length=1)


class RaiseBudget(_Order):
    """Set a limit anew."""

    order: Literal["budget"] = "budget"
    limit: Literal["cost", "tokens", "calls", "minutes"]
    value: float = Field(gt=0, allow_inf_nan=False)


class Add(_Order):
    """Do something more; `before` names an instruction, or nothing for the end."""

    order: Literal["add"] = "add"
    text: str = Field(min_length=1, max_length=_TEXT, pattern=r"\S")
    title: str = ""
    covers: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    acceptance: tuple[str, ...] = ()
    id: str = ""
    before: str = ""


class Edit(_Order):
    """Change an instruction that is not begun; one that is blocked is tried again. What is left out stays."""

    order: Literal["edit"] = "edit"
    id: str = Field(min_length=1)
    text: str | None = Field(None, max_length=_TEXT)
    title: str | None = None
    covers: tuple[str, ...] | None = None
    needs: tuple[str, ...] | None = None
    files: tuple[str, ...] | None = None
    acceptance: tuple[str, ...] | None = None


class Drop(_Order):
    """Leave an instruction out."""

    order: Literal["drop"] = "drop"
    id: str = Field(min_length=1)


class Move(_Order):
    """Do an instruction before another one; without it, last."""

    order: Literal["move"] = "move"
    id: str = Field(min_length=1)
    before: str = ""


class Retry(_Order):
    """Try an instruction again that is blocked."""

    order: Literal["retry"] = "retry"
    id: str = Field(min_length=1)


class Revise(_Order):
    """Change the program in several ways, all or none."""

    order: Literal["revise"] = "revise"
    changes: tuple[Change, ...]
    requirements: tuple[Requirement, ...] = ()
    reworded: tuple[Requirement, ...] = ()
    reason: str = ""


class Write(_Order):
    """Create or replace a file of the workspace."""

    order: Literal["write"] = "write"
    path: str
    text: str


class Delete(_Order):
    """Delete a file of the workspace."""

    order: Literal["delete"] = "delete"
    path: str


_Program = Add | Edit | Drop | Move | Retry | Revise
Order = Annotated[
    Pause | Resume | Stop | Note | SwitchModel | RaiseBudget | _Program | Write | Delete, Field(discriminator="order")
]

AT_TURN_ENDS = ("pause", "resume", "stop", "model", "budget")
"""The orders that need not wait for the end of the instruction."""


class OrderBox:
    """The folder in which orders arrive.

    Args:
        folder: `orders` in the machine's own folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def give(self, order: BaseModel) -> str:
        """Leave an order for the machine; return its id.

        Raises:
            UsageError: the folder can't be written.
        """
        id = f"{time.time_ns():x}{uuid.uuid4().hex[:4]}"  # in order of time, also within one tick of the disk's clock
        temporary = self.folder / f".{id}.part"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            temporary.write_text(order.model_dump_json(), encoding="utf-8")
            temporary.rename(self.folder / f"{id}.json")
        except OSError as error:
            raise UsageError(f"no order can be left in {self.folder} ({error.strerror}); mend that folder") from None
        return id

    def waiting(self) -> Iterator[tuple[str, BaseModel | str]]:
        """The orders that lie there, oldest first: each one's id, and the order or why it can't be taken."""
        for _, path in sorted(self._found()):
            try:
                yield path.stem, parse(json.loads(_read(path)))
            except (OSError, ValueError, RecursionError) as error:
                yield path.stem, _reason(error)

    def _found(self) -> Iterator[tuple[int, Path]]:
        """The files whose names can be ids, each with its time."""
        for path in self.folder.glob("*.json"):
            with suppress(OSError):
                status = path.lstat()
                if _ID.fullmatch(path.stem) and not stat.S_ISDIR(status.st_mode):
                    yield status.st_mtime_ns, path

    def remove(self, id: str) -> None:
        """Take an order out of the folder."""
        (self.folder / f"{id}.json").unlink(missing_ok=True)


def parse(data: object) -> BaseModel:
    """Turn what an order's file holds into the order.

    Raises:
        ValueError: it is no order.
    """
    adapter: TypeAdapter[BaseModel] = TypeAdapter(Order)
    return adapter.validate_python(data)


def _read(path: Path) -> str:
    if not stat.S_ISREG((status := path.lstat()).st_mode):
        raise ValueError("it is no regular file")  # a link may lead anywhere, a pipe would be waited for
    if status.st_size > BIGGEST:
        raise ValueError(f"it is larger than {BIGGEST:,} bytes")
    return path.read_text(encoding="utf-8-sig")


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, it['loc']))}: {it['msg']}" for it in error.errors()[:2])
    return " ".join(str(error).split())[:200] or "it can't be read"
