"""Whatever a model replies comes back to it as text, and the run goes on to its end."""

import re

import pytest

from ..jobs import build, commits, files
from .conftest import JOB
from .model import CASES


def results(request):
    """What answered the last reply: the first line of each message behind it; one that ends in a colon with the "
    "next."""
    roles = [message.role for message in request.messages]
    last = len(roles) - roles[::-1].index("assistant")
    return tuple(re.split(r"(?<!:)\n", message.content)[0].replace("\n", " ") for message in request.messages[last:])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_reply_that_is_wrong_comes_back_as_one_line_and_the_run_completes(case, tmp_path):
    plan, work = JOB
    script = [case.reply, plan, work] if case.planning else [plan, case.reply, work]
    outside = sorted(tmp_path.iterdir())
    codebase, processor = build(script, tmp_path, name="run", domain="codebase")
    assert results(processor.requests[1 if case.planning else 2]) == case.says
    assert codebase.complete and codebase["a.txt"] == "hello\n" and set(codebase) <= {"a.txt", "b.txt"}
    assert files(codebase.path) == {path: text.encode() for path, text in codebase.items()}
    assert [title for _, title in commits(codebase.path)] == ["Do I1"]
    assert sorted(tmp_path.iterdir()) == [*outside, codebase.path]
