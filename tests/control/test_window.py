"""The window never exceeds its bound, whatever is put into it."""

import json
import math
import random

import pytest

from l2mac.control.window import Window
from l2mac.errors import UsageError
from l2mac.processor.protocol import Message, ToolCall, ToolSpec
from l2mac.processor.tokens import TokenCounter
from l2mac.processor.wire import sent

TOOLS = (ToolSpec("write_files", "Write files.", {"type": "object", "properties": {}}),)
OPENING = (
    Message("system", "Be good."),
    Message("user", "# Task\n" + "Do it. " * 100),
    Message("user", "# Instruction"),
)


def counter(factor=1.0):
    """A counter with a vocabulary of its own: one token for every four characters."""
    made = TokenCounter("gpt-4o", count=lambda text: -(-len(text) // 4))
    made.factor = factor
    return made


def recount(request, factor):
    """The tokens of a request, counted in one piece and by another hand."""
    sizes = [-(-len(message.content) // 4) + 4 for message in request.messages]
    calls = [call for message in request.messages for call in message.tool_calls]
    sizes += [-(-len(call.name) // 4) + -(-len(sent(call.arguments)) // 4) + 4 for call in calls]
    for tool in request.tools:
        told = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
        text = json.dumps({"type": "function", "function": told}, ensure_ascii=False)
        sizes.append(-(-len(text) // 4) + 4)
    return math.ceil(sum(sizes) * factor)


def arguments(dice):
    size = dice.choice([3, 50, 390, 2_000, 8_000])
    return dice.choice(
        [
            json.dumps({"files": [{"path": "a.py", "content": "é" * size}, {"path": "b.py", "content": "x"}]}),
            json.dumps({"edits": [{"find": "abc", "replace": "d"}] * (size // 30)}, separators=(",", ":")),
            json.dumps({"summary": "\ud800" * (size // 6)}),
            '{"files": [{"content": "' + "x" * size,  # cut
            "[" * size,
            '{"x": NaN, "y": "' + "z" * size + '"}',
            json.dumps(["y" * size]),
            json.dumps({"k" * size: 1}),
        ]
    )


def exchange(dice, number):
    """An assistant's message with its results, or with a complaint that it called nothing."""
    said = "s" * dice.choice([0, 20, 5_000])
    calls = tuple(ToolCall(f"c{number}-{at}", "write_files", arguments(dice)) for at in range(dice.randrange(4)))
    result = dice.choice(["ok", "checks failed\n", "o" * 390 + "\n", "p" * 500])
    answers = [
        Message("tool", result + "r" * dice.choice([0, 100, 3_000, 9_000]), tool_call_id=call.id) for call in calls
    ]
    return [Message("assistant", said, calls), *(answers or [Message("user", "error: your reply called no tool")])]


def assert_sound(request, opening=OPENING):
    """What holds of every request: the opening is untouched, every call has its result, elided arguments are JSON."""
    assert request.messages[: len(opening)] == tuple(opening)
    open_calls = []
    for message in request.messages[len(opening) :]:
        if message.role == "tool":
            assert message.tool_call_id == open_calls.pop(0)
        else:
            assert not open_calls, "a call without its result"
            open_calls = [call.id for call in message.tool_calls]
    assert not open_calls


@pytest.mark.parametrize("seed", range(600))
def test_no_request_exceeds_the_bound(seed):
    dice = random.Random(seed)
    factor = dice.choice([1.0, 1.35, 2.0])
    bound = dice.choice([1_500, 4_000, 12_000])
    reserve = bound // dice.choice([3, 6])
    window = Window(TOOLS, OPENING, counter(factor), bound, reserve)
    sent = ()
    for number in range(dice.randrange(1, 14)):
        turn = exchange(dice, number)
        window.append(*turn)
        assert window.tokens == recount(window.request("p"), factor), "the running count must equal a full one"
        fits, elided = window.fit()
        request = window.request("p")
        assert window.tokens == recount(request, factor)
        assert_sound(request)
        if not elided:
            assert request.messages == (*(sent or OPENING), *turn), "without elision the prefix must stay"
        assert request.messages[-1] == turn[-1], "the newest result must be there whole"
        if not fits:
            break
        assert recount(request, factor) + reserve <= bound
        assert request.max_tokens == reserve
        sent = request.messages


def log(window, *turns):
    for number, (content, result) in enumerate(turns):
        call = ToolCall(f"c{number}", "write_files", json.dumps({"files": [{"path": "a.py", "content": content}]}))
        window.append(Message("assistant", "", (call,)), Message("tool", result, tool_call_id=call.id))


def test_one_elision_makes_room_for_many_turns_and_says_what_was_there():
    window = Window(TOOLS, OPENING, counter(), 4_000, 1_000)
    log(window, *[("x" * 1_000, "ok\n" + "r" * 2_000)] * 4)
    fits, elided = window.fit()
    messages = window.request("p").messages
    assert fits and elided and window.tokens <= 0.6 * 3_000 + 800
    assert messages[4].content == "ok\n[2,001 characters elided; call the tool again to see them]"
    call = json.loads(messages[3].tool_calls[0].arguments)
    assert call == {"files": [{"path": "a.py", "content": "[1,000 characters elided; read_files shows the file]"}]}
    assert window.fit() == (True, 0)


def test_what_was_elided_is_not_elided_again():
    window = Window(TOOLS, OPENING, counter(), 3_000, 500)
    log(window, ("x" * 900, "h" * 900 + "\n" + "r" * 3_000), ("y" * 900, "r" * 4_000))
    assert window.fit()[0]
    before = window.request("p").messages[3:5]
    log(window, ("z", "r" * 6_000))
    assert window.fit()[0]
    assert window.request("p").messages[3:5] == before


def test_the_newest_exchange_goes_last_and_its_last_result_never():
    window = Window(TOOLS, OPENING, counter(), 3_000, 500)
    log(window, ("x", "ok"))
    calls = tuple(ToolCall(f"n{at}", "read_files", "{}") for at in range(3))
    results = [Message("tool", "ok\n" + "r" * 4_000, tool_call_id=call.id) for call in calls]
    window.append(Message("assistant", "", calls), *results)
    assert window.fit() == (True, 1)
    assert [len(message.content) > 4_000 for message in window.request("p").messages[-3:]] == [False, True, True]
    window = Window(TOOLS, OPENING, counter(), 3_000, 500)
    log(window, ("x", "r" * 20_000))
    assert window.fit() == (False, 0)


def test_a_raised_factor_makes_the_window_shrink():
    count = counter()
    window = Window(TOOLS, OPENING, count, 3_000, 500)
    log(window, *[("x", "r" * 4_000)] * 2)
    assert window.fit() == (True, 0)
    count.overflowed()
    count.overflowed()
    assert window.tokens > 2_500 and window.fit() == (True, 1) and window.tokens <= 2_500


def test_elided_arguments_stay_a_json_object():
    dice = random.Random(7)
    for number in range(300):
        window = Window(TOOLS, OPENING, counter(), 2_500, 500)
        text = arguments(dice)
        window.append(Message("assistant", "", (ToolCall("c", "t", text),)), Message("tool", "ok", tool_call_id="c"))
        log(window, ("x", "r" * 8_000))
        window.fit()
        left = window.request("p").messages[3].tool_calls[0].arguments
        left.encode()
        if left != text:
            assert isinstance(json.loads(left, parse_constant=pytest.fail), dict), number


def test_an_opening_that_is_too_large_says_which_setting_mends_it():
    with pytest.raises(UsageError, match=r"raise llm\.window to at least 25,\d\d\d"):
        Window(TOOLS, (Message("system", "x" * 100_000),), counter(), 2_000, 500)
