"""Whatever a provider does, the run ends with one clear line and goes on when the provider is well."""

import json

import pytest

from l2mac.testing import LoopbackProvider

from ..jobs import commits, files
from .conftest import JOB
from .provider import CASES


def settings(provider, case=None):
    """The settings of a user; those of a case say what is wrong with them."""
    right = {
        "api_type": "openai",
        "model": "loopback",
        "base_url": provider.base_url,
        "api_key": provider.api_key,
        "patience": 0.0,
    }
    wrong = {name: it(provider.base_url) if callable(it) else it for name, it in (case.llm if case else {}).items()}
    return json.dumps({"llm": {**right, **wrong}})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_provider_that_fails_costs_one_line_and_no_work(case, yard):
    place = yard(case)
    replies = iter([*case.answers, *JOB])
    home = place.home / ".l2mac" / "config.yaml"
    with LoopbackProvider(lambda body: next(replies)) as provider:
        home.write_text(settings(provider, case))
        before = place.snapshot(("workspace",))
        seen = place.give(["Do it.", "--name", "run"])
        assert (seen.code, place.told(seen.err)) == (case.code, case.says)
        assert seen.out == f"{place.here / 'workspace' / 'run'}\n"
        assert place.snapshot(("workspace",)) == before
        home.write_text(settings(provider))
        resumed = place.give(["resume", "run"]) if case.code else seen
        assert resumed.code == 0, resumed.err
        assert next(replies, None) is None
    folder = place.here / "workspace" / "run"
    assert files(folder) == {"a.txt": b"hello\n"} and [title for _, title in commits(folder)] == ["Do I1"]
    shown = f"{seen.out}\n{seen.err}\n{resumed.err}\n{place.texts()}"
    assert "Traceback" not in shown and provider.api_key not in shown and "sesame" not in shown
