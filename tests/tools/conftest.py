"""A bench over given files, and the instruction set that works on it."""

import json

import pytest

from l2mac.assembly import PLANNING_TOOLS, TOOLS
from l2mac.memory.snapshot import Snapshot, Transaction
from l2mac.processor.protocol import ToolCall
from l2mac.tools.execution import PlanningBench
from l2mac.tools.instruction_set import InstructionSet

ALL = InstructionSet(dict.fromkeys([*TOOLS, *PLANNING_TOOLS]))


class Desk:
    """Calls tools as a model does."""

    def __init__(self, files, room=16_000, kept=frozenset()):
        self.bench = PlanningBench(Transaction(Snapshot(files, kept)), room=room)

    @property
    def files(self):
        return dict(self.bench.transaction.files)

    def raw(self, name, arguments):
        return ALL.dispatch(ToolCall("c1", name, arguments), self.bench)

    def __call__(self, name, **arguments):
        return self.raw(name, json.dumps(arguments))


@pytest.fixture
def desk():
    return Desk
