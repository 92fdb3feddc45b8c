"""No request exceeds its window: random programs, files, prompts and turns, counted by another hand."""

import json
import math
import random

import pytest

from l2mac.assembly import PLANNING_TOOLS, TOOLS
from l2mac.control.opening import Opening
from l2mac.control.sizing import BYTES, Sizes
from l2mac.control.window import Window
from l2mac.domains.domain import load
from l2mac.errors import UsageError
from l2mac.processor.protocol import Message, ToolCall
from l2mac.processor.tokens import TokenCounter
from l2mac.processor.wire import encode_messages, encode_tools
from l2mac.program.values import Instruction, Program, Requirement
from l2mac.tools.instruction_set import InstructionSet

CASES = 2_000
PROMPTS = load("codebase")
SPECS = {"plan": InstructionSet(PLANNING_TOOLS).specs, "do": InstructionSet(TOOLS).specs}
ALPHABETS = ("word ", "def f(x): return x\n", "字", "🎲", "\n", "x", '{"a": 1}', '\\"', "é ")


def provider_counts(request):
    """The tokens of a request as its provider sees it: four bytes to a token, of every string that is on the wire."""
    body = {"messages": encode_messages(request.messages), "tools": encode_tools(request.tools)}
    tools = json.dumps(body["tools"], ensure_ascii=False)
    texts = [tools]
    for message in body["messages"]:
        texts += [message["role"], message.get("content") or ""]
        for call in message.get("tool_calls") or ():
            texts += [call["function"]["name"], call["function"]["arguments"]]
    return sum(math.ceil(len(text.encode("utf-8", "replace")) / 4) for text in texts)


def counter(off=1.0):
    """The window's own: the same vocabulary, counted by the machine's code; `off` makes it count wrongly."""
    return TokenCounter("gpt-4o", count=lambda text: math.ceil(len(text.encode("utf-8", "replace")) / 4 * off))


def some_text(dice, most):
    size = int(most ** dice.random())
    return (dice.choice(ALPHABETS) * size)[:size]


def opening(dice, window, reserve):
    """The opening of planning, splitting or executing something random."""
    sizes = Sizes(window, reserve, fixed=1_900)
    count = counter()
    prompt = some_text(dice, 60_000) or "x"
    made = Opening(PROMPTS, prompt, sizes.room, 50, sizes.reserve, lambda text: count.measure(text) * BYTES)
    files = {f"{some_text(dice, 30)}/{n}.py": some_text(dice, 3_000) for n in range(int(200 ** dice.random()))}
    if dice.random() < 0.2:
        return SPECS["plan"], made.planning(files)
    ids = [f"I{k}" for k in range(1, 2 + int(60 ** dice.random()))]
    wanted = tuple(Requirement(f"R{k}", some_text(dice, 400)) for k in range(int(40 ** dice.random())))
    instructions = tuple(
        Instruction(
            id,
            some_text(dice, 200),
            some_text(dice, 20_000),
            tuple(dice.sample([it.id for it in wanted], min(len(wanted), dice.randrange(4)))),
            tuple(dice.sample(ids[:at], min(at, dice.randrange(4)))),
            tuple(dice.sample(sorted(files), min(len(files), dice.randrange(5)))),
        )
        for at, id in enumerate(ids)
    )
    program = Program(instructions, wanted)
    if dice.random() < 0.2:
        return SPECS["plan"], made.splitting(dice.choice(instructions), program, files, some_text(dice, 9_000))
    summaries = {id: some_text(dice, 2_000) for id in ids[: dice.randrange(len(ids))]}
    notes = [some_text(dice, 4_000) for _ in range(dice.randrange(3))]
    return SPECS["do"], made.instruction(instructions[-1], program, files, summaries, notes)


def requests(seed, off=1.0):
    """The requests of a few random turns, with their bound; none where the opening is refused as too large."""
    dice = random.Random(seed)
    window = int(dice.choice([9_000, 16_000, 48_000]) * (1 + dice.random()))
    reserve = window // dice.choice([3, 4, 8])
    specs, messages = opening(dice, window, reserve)
    try:
        held = Window(specs, messages, counter(off), window, reserve)
    except UsageError:
        return
    for turn in range(dice.randrange(1, 9)):
        if not held.fit()[0]:
            return  # the machine opens a fresh one
        yield held.request(f"1/I1/0/{turn}"), window - reserve
        arguments = json.dumps({"files": [{"path": "a.py", "content": some_text(dice, window * 2)}]})
        arguments = arguments[: dice.randrange(len(arguments))] if dice.random() < 0.3 else arguments  # cut
        call = ToolCall(f"c{turn}", "write_files", arguments)
        said = Message("assistant", some_text(dice, 4_000), (call,) if dice.random() < 0.8 else ())
        results = [Message("tool", some_text(dice, window * 3), tool_call_id=it.id) for it in said.tool_calls]
        held.append(said, *(results or [Message("user", "error: no tool")]))


@pytest.mark.parametrize("part", range(8))
def test_no_request_is_larger_than_its_bound(part):
    asked = 0
    for seed in range(part, CASES, 8):
        for request, bound in requests(seed):
            asked += 1
            assert provider_counts(request) <= bound, f"seed {seed}"
    assert asked > CASES // 8, "most cases ask something"


def test_the_property_fails_where_the_windows_counter_is_off_by_a_fifth():
    broken = sum(provider_counts(request) > bound for seed in range(400) for request, bound in requests(seed, off=0.8))
    assert broken > 0
