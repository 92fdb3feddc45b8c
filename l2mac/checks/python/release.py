"""Puts canaries among the tests of a run: part of the pytest plugin (see `probe`).

They stand in no file and are put into their places when the project's hooks have had their say on which tests are run.
Whatever surrounds a test of the project surrounds them: the hooks of every `conftest.py` above it, and what has been
changed in pytest itself; but no fixture, and they are left out of what pytest counts and prints.
"""

from __future__ import annotations

import types
from typing import Any

import pytest

from .canary import Canary


def release(items: list[Any], canaries: list[Canary]) -> dict[Any, str]:
    """Put canaries between tests.

    They stand where one test file ends and the next begins: elsewhere, fixtures of a module would end too early.

    Returns:
        The names of those that were put there, by item; none where no test is Python.
    """
    tests = [item for item in items if item.getparent(pytest.Module)]
    if not tests:
        return {}
    borders = [at for at in range(1, len(items)) if _module(items[at - 1]) is not _module(items[at])]
    places = [0, *[at for at in borders if _module(items[at])], len(items)]
    released = {}
    for canary in sorted(canaries, key=lambda it: -it.place):
        at = places[round(canary.place * (len(places) - 1))]
        beside = items[at] if at < len(items) and _module(items[at]) else tests[0 if at == 0 else -1]
        item = _item(canary, _module(beside))
        released[item] = canary.name
        items.insert(at, item)
    return released


def _module(item: Any) -> Any:
    return item.getparent(pytest.Module)


def _item(canary: Canary, beside: Any) -> Any:
    """The canary as a test of a module like the one beside it."""
    from _pytest.fixtures import FuncFixtureInfo

    text = f"def {canary.name}():\n    assert {canary.name!r} {'!=' if canary.fails else '=='} {canary.name!r}\n"
    module = types.ModuleType(canary.name)
    exec(compile(text, str(beside.path), "exec"), vars(module))
    collector: Any = pytest.Module.from_parent(beside.parent, path=beside.path, name=f"{canary.name}.py")
    collector._obj = module
    no_fixtures = FuncFixtureInfo((), (), [], {})
    call = vars(module)[canary.name]
    return pytest.Function.from_parent(collector, name=canary.name, callobj=call, fixtureinfo=no_fixtures)
