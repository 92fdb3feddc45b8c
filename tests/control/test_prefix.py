"""How much of each request was sent before, and why not more."""

import random

from l2mac.control.records import Exchange
from l2mac.control.state import Prefixes
from l2mac.control.window import Window
from l2mac.memory.journal import codec
from l2mac.processor.protocol import Message, Reply, ToolCall, ToolSpec
from l2mac.processor.tokens import TokenCounter

READ = ToolSpec("read_files", "Read.", {"type": "object", "properties": {}})
WRITE = ToolSpec("write_files", "Write.", {"type": "object", "properties": {}})
SYSTEM = Message("system", "You are a processor. " * 20)


def counter():
    return TokenCounter("gpt-4o", count=lambda text: -(-len(text) // 4))


def opened(*texts, tools=(READ,), bound=100_000):
    return Window(tools, [SYSTEM, *(Message("user", text) for text in texts)], counter(), bound, 100)


class Sent:
    """What was sent so far; keeps whole requests too, to compare with."""

    def __init__(self):
        self.marks = set()
        self.requests = []

    def send(self, window, why="opened"):
        prefix, request = window.prefix(self.marks, why), window.request("1/I1/0/1")
        assert prefix.tokens == self.by_hand(request)
        assert not set(prefix.marks) & self.marks
        self.marks.update(prefix.marks)
        self.requests.append(request)
        return prefix

    def by_hand(self, request):
        """The tokens of the longest beginning that any earlier request had, compared message by message."""
        count, best = counter(), 0
        for earlier in self.requests:
            if earlier.tools == request.tools:
                tokens = sum(map(count.measure_tool, request.tools))
                for old, new in zip(earlier.messages, request.messages, strict=False):
                    if old != new:
                        break
                    tokens += count.measure_message(new)
                best = max(best, tokens)
        return best


def answered(window, text="ok", call="x"):
    window.append(
        Message("assistant", text, (ToolCall(call, "read_files", "{}"),)), Message("tool", "a" * 900, (), call)
    )


def test_each_reason_is_named_and_appending_needs_none():
    sent = Sent()
    first = opened("task", "I1")
    assert sent.send(first).why == "first of the run"
    answered(first)
    again = sent.send(first)
    assert (again.why, len(again.marks)) == ("", 2) and again.tokens > 0
    assert sent.send(first).why == "", "a request that was sent as it is"
    second = opened("task", "I2")
    assert sent.send(second, "first of its instruction").why == "first of its instruction"
    other = opened("task", "I2", tools=(READ, WRITE))
    assert (sent.send(other).why, sent.send(other).tokens > 0) == ("other tools", True)
    assert sent.send(opened("task", "I2", "so far"), "fresh window").why == "fresh window"


def test_what_is_elided_breaks_the_prefix_where_it_stood():
    sent, window = Sent(), opened("task", bound=1_500)
    while True:
        before = sent.send(window)
        answered(window)
        if window.fit()[1]:
            break
    broken = sent.send(window)
    assert broken.why == "elided" and 0 < broken.tokens < before.tokens
    answered(window)
    assert sent.send(window).why == ("" if not window.fit()[1] else "elided")


def test_the_measure_is_that_of_comparing_all_requests_with_each_other():
    chance, sent = random.Random(7), Sent()
    for _ in range(30):
        window = opened(*chance.choices(["task", "other", "more"], k=chance.randrange(1, 4)), bound=2_000)
        for _ in range(chance.randrange(1, 8)):
            sent.send(window)
            answered(window, chance.choice("ab"), chance.choice("xy"))
            if not window.fit()[0]:
                break


def test_a_journal_from_before_the_measure_still_loads_and_counts_nothing():
    old = Exchange("d", 10, 9, Reply(Message("assistant", "x")))
    data = codec(Exchange).dump_json(old, exclude={"prefix", "why", "marks"})
    loaded = codec(Exchange).validate_json(data)
    assert loaded == old and loaded.prefix is None
    assert Prefixes().plus(loaded) == Prefixes()


def test_marks_grow_with_what_is_new_and_not_with_the_window():
    sent, window = Sent(), opened("task", bound=10_000_000)
    marks = []
    for _ in range(50):
        marks.append(len(sent.send(window).marks))
        answered(window)
    assert marks == [3, *[2] * 49]
