"""Whether the code or the tests are wrong: what an answer to this means, and what the processor is told then."""

from __future__ import annotations

import re
from collections.abc import Iterable
from posixpath import splitext
from typing import Literal

Blamed = Literal["code", "tests"]

MOST = 3
"""Times that it is asked about one instruction."""

_NAMED = re.compile(r"\b(code|function|tests?)\b")
_WRONG = re.compile(
    r"\b(code|function|tests?)(?: themselves| itself)? (?:is|are|was|were|seems?|looks?)(?: (?!not\b)\w+)? "
    r"(?:wrong|incorrect|faulty|broken|mistaken|at fault|to blame)\b"
)
_OF_TESTS = re.compile(r"(?:^|[/_.])[Tt]ests?(?:[/_.]|$)|Tests?\.\w+$")


def blamed(answer: str) -> Blamed:
    """What an answer says is wrong; the code, where it can't be understood.

    The last sentence of the form "the tests are wrong" decides, else the last line that names one of the two alone.
    """
    plain = re.sub(r"[*_`\"'#]+", "", answer.lower())
    if said := _WRONG.findall(plain):
        return _which(said[-1])
    for line in reversed(plain.splitlines()):
        named = {_which(it) for it in _NAMED.findall(line)}
        if len(named) == 1:
            return named.pop()
    return "code"


def told(what: Blamed, failing: Iterable[str], changed: Iterable[str]) -> str:
    """What the processor is to do next.

    Args:
        what: is wrong.
        failing: the ids of the tests that fail; they begin with a file.
        changed: the files that were written.
    """
    paths = sorted(changed)
    tests = [path for path in paths if _OF_TESTS.search(path)]
    tests = tests or sorted({test.partition("::")[0] for test in failing} & set(paths))
    if what == "tests":
        return f"The tests are wrong, not the code. Write them anew{_in(tests)}, and complete again."
    ends = {splitext(path)[1] for path in tests}
    code = [path for path in paths if splitext(path)[1] in ends and path not in tests] or tests
    return f"The code is wrong, not the tests. Write it anew{_in(code)}, and complete again."


def _which(word: str) -> Blamed:
    return "tests" if word.startswith("test") else "code"


def _in(paths: list[str]) -> str:
    return f", in {', '.join(paths[:3])}" if paths else ""
