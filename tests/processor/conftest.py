"""What the tests of the processor share: requests, and providers and processors that are closed at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from l2mac.processor.openai import OpenAIProcessor
from l2mac.processor.protocol import Message, Reply, Request, ToolSpec
from l2mac.testing import Failure, LoopbackProvider

READ = ToolSpec(
    "read_files",
    "Read files.",
    {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
)


@pytest.fixture
def request_() -> Request:
    """A small request with one tool."""
    return Request("1/I1/0/0", (Message("system", "You are a processor."), Message("user", "Go.")), (READ,), 100)


@pytest.fixture
def provide() -> Iterator[Callable[..., LoopbackProvider]]:
    """Start loopback providers: `provide(policy or list of answers, **options)`."""
    with ExitStack() as stack:

        def start(policy: Any, **options: Any) -> LoopbackProvider:
            return stack.enter_context(LoopbackProvider(in_turn(policy), **options))

        yield start


@pytest.fixture
def connect() -> Iterator[Callable[..., OpenAIProcessor]]:
    """Make processors that talk to a provider: `connect(provider, **options)`."""
    with ExitStack() as stack:

        def make(provider: LoopbackProvider, **options: Any) -> OpenAIProcessor:
            given = {"model": "loopback", "base_url": provider.base_url, "api_key": provider.api_key, **options}
            processor = OpenAIProcessor(**given)
            stack.callback(processor.close)
            return processor

        yield make


def in_turn(answers: Any) -> Callable[[dict[str, Any]], Reply | Failure]:
    """Make a policy of one answer, of a list of answers given in turn, or leave a policy as it is."""
    if callable(answers):
        return answers
    if isinstance(answers, Reply | Failure):
        return lambda body: answers
    rest = iter(answers)
    return lambda body: next(rest)
