"""Changes of the program while it runs: what an order means for it, and what becomes of the state."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from ..errors import Fault
from ..memory.orders import Add, Delete, Drop, Edit, Move, Retry, Revise, Write
from ..memory.snapshot import Change as FileChange
from ..memory.snapshot import Snapshot, Transaction
from ..program.form import title_of
from ..program.patch import apply
from ..program.validation import MOST_EVER
from ..program.values import Change, Instruction, Patch, Program


def refusal(order: BaseModel, program: Program | None, states: dict[str, str], files: Snapshot) -> str:
    """Why an order can't be obeyed now; empty where it can.

    Args:
        order: what is asked.
        program: the program as it is.
        states: of its instructions, by id, but for those that wait.
        files: the retired state.
    """
    try:
        if isinstance(order, Retry) and states.get(order.id) != "blocked":
            return f"{order.id[:40]} is {states.get(order.id, 'not blocked')}; only what is blocked is tried again"
        file_change(order, files)
        patch = patch_of(order, program or Program())
        if patch and program is None:
            return "there is no program yet"
        made = apply(program, settled(states), patch, MOST_EVER) if patch and program else Program()
        return "; ".join(made[:3]) if isinstance(made, list) else ""
    except (Fault, ValueError) as error:
        return str(error)
    except RecursionError:
        return "its steps stand too deep within one another"


def settled(states: dict[str, str]) -> dict[str, str]:
    """The instructions that stay as they are, by id, and why."""
    return {id: state for id, state in states.items() if state in ("begun", "retired")}


def patch_of(order: BaseModel, program: Program) -> Patch | None:
    """What an order changes of the program; None where it is about something else.

    Raises:
        ValueError: it is about an instruction that is not there.
    """
    match order:
        case Revise():
            return Patch(order.changes, order.reason, order.requirements, order.reworded)
        case Add():
            told = order.model_dump(exclude={"order", "before"})
            title = " ".join((told.pop("title") or title_of(order.text)).split())
            return Patch((Change("add", before=order.before, instructions=(Instruction(title=title, **told),)),))
        case Edit(id=id):
            old = next((it for it in program.instructions if it.id == id), None)
            given = order.model_dump(exclude={"order", "id"}, exclude_none=True)
            if old is None or (old.flow and given.keys() & {"text", "files"}):
                what = "is a step that decides: `l2mac program edit`" if old else "does not exist"
                raise ValueError(f"{id[:40]} {what}")
            return Patch((Change("edit", id, instructions=(_edited(old, given),)),))
        case Drop(id=id):
            return Patch((Change("drop", id),))
        case Move(id=id, before=before):
            return Patch((Change("move", id, before),))
    return None


def _edited(old: Instruction, given: dict[str, Any]) -> Instruction:
    made = replace(old, **given)
    return replace(made, title=" ".join(made.title.split()))


def file_change(order: BaseModel, files: Snapshot) -> FileChange | None:
    """What an order changes of the files; None where it is about something else.

    Raises:
        Fault: no file can be written or deleted there.
    """
    transaction = Transaction(files)
    match order:
        case Write(path=path, text=text):
            transaction.write(path, text)
        case Delete(path=path):
            transaction.delete(path)
        case _:
            return None
    return transaction.change
