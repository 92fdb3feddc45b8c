"""A model that does an honest job and now and then does something wrong, in fifteen ways.

The job is N instructions: module K scales by K, and its test says so. The model looks at nothing but the request: it
writes the module that the instruction asks for and whatever other module an objection names, and completes. `Faulty`
puts a fault in place of such a reply, chosen by a seeded generator, and counts how often it did.
"""

import json
import random
import re
import threading

from l2mac.testing import Failure, calls, says

KINDS = (
    "syntax error", "failing test", "hanging test", "malformed JSON", "unknown tool", "text only", "truncated", "429",
    "500", "reset", "wrong file", "deleted test", "weakened test", "false completion", "nonsense",
)  # fmt: skip


class Faulty:
    """A policy for the loopback provider.

    Args:
        n: how many instructions the program has.
        kinds: the faults that happen.
        rate: how often, of the replies to instructions; 0 to 1.
        seed: of the choice.

    Attributes:
        injected: fault -> how often it really happened.
    """

    def __init__(self, n, kinds, rate, seed):
        self.n, self.kinds, self.rate = n, kinds, rate
        self.injected = dict.fromkeys(kinds, 0)
        self._chance = random.Random(seed)
        self._owed = 0.0  # how many should have happened by now
        self._lock = threading.Lock()

    def __call__(self, body):
        names = {tool["function"]["name"] for tool in body.get("tools", ())}
        if "submit_program" in names:
            return calls(("submit_program", plan(self.n)))
        messages = body["messages"]
        if not names:  # the machine asks for notes, to go on in a fresh window
            return says("Nothing but what the files show.")
        at, number = next(
            (at, int(found[1]))
            for at, it in enumerate(messages)
            if (found := re.match(r"# Instruction I(\d+)", it["content"] or ""))
        )
        named = [int(it) for message in messages[at + 1 :] for it in objections(message)]
        honest = [write(sorted({number, *(it for it in named if 0 < it <= self.n)})), complete(number)]
        with self._lock:
            self._owed += self.rate
            if self._chance.random() >= self.rate and self._owed - sum(self.injected.values()) < 2:
                return calls(*honest)
            kind = self._chance.choice(self.kinds)
            reply = FAULTS[kind](number, honest, self._chance)
            if reply is None:
                return calls(*honest)
            self.injected[kind] += 1
            return reply


def plan(n):
    """The arguments of submit_program."""
    numbers = range(1, n + 1)
    return {
        "requirements": [{"id": f"R{k}", "text": f"Module {k} scales by {k}."} for k in numbers],
        "instructions": [
            {
                "id": f"I{k}",
                "title": f"Write module {k}",
                "text": f"Write module_{k}.py with scale_{k}(value), and its tests.",
                "covers": [f"R{k}"],
                "files": [f"module_{k}.py", f"tests/test_module_{k}.py"],
            }
            for k in numbers
        ],
    }


def objections(message):
    """The numbers of the modules that a message of the machine names."""
    if message["role"] == "assistant" or not re.search(r"error|failed|objection", message["content"] or ""):
        return []
    return re.findall(r"module_(\d+)", message["content"])


def module(k, by=None):
    said = f'"""Module {k}."""'
    return f'{said}\n\n\ndef scale_{k}(value: int) -> int:\n    """Scale by {k}."""\n    return value * {by or k}\n'


def test(k):
    asserts = f"    assert scale_{k}(10) == {10 * k}\n    assert scale_{k}(0) == 0\n"
    return f"from module_{k} import scale_{k}\n\n\ndef test_scale_{k}():\n{asserts}"


def texts(k):
    return {f"module_{k}.py": module(k), f"tests/test_module_{k}.py": test(k)}


def files(texts):
    return "write_files", {"files": [{"path": path, "content": text} for path, text in texts.items()]}


def write(numbers):
    return files({path: text for k in numbers for path, text in texts(k).items()})


def complete(k):
    shown = {"requirement": f"R{k}", "file": f"module_{k}.py", "symbol": f"scale_{k}"}
    shown["test"] = f"tests/test_module_{k}.py::test_scale_{k}"
    return "complete_instruction", {"summary": f"module_{k} has scale_{k}(value).", "evidence": [shown]}


def _earlier(k, chance):
    """The number of a module that is there already; None for the first."""
    return chance.randrange(1, k) if k > 1 else None


def _syntax(k, honest, chance):
    return calls(files({**texts(k), f"module_{k}.py": f"def scale_{k}(value:\n    return value *\n"}), complete(k))


def _failing(k, honest, chance):
    return calls(files({**texts(k), f"module_{k}.py": module(k, by=k + 1)}), complete(k))


def _hanging(k, honest, chance):
    hang = f"{test(k)}\n\ndef test_ends():\n    while True:\n        pass\n"
    return calls(files({**texts(k), f"tests/test_module_{k}.py": hang}), complete(k))


def _malformed(k, honest, chance):
    (name, arguments), _ = honest
    text = json.dumps(arguments)
    return calls((name, text[: chance.randrange(1, len(text) - 1)] + "}"), complete(k))


def _unknown(k, honest, chance):
    return calls(("create_file", {"path": f"module_{k}.py", "content": module(k)}), complete(k))


def _text(k, honest, chance):
    return says(f"I have written module_{k}.py and its tests; everything passes and the instruction is complete.")


def _truncated(k, honest, chance):
    (name, arguments), _ = honest
    text = json.dumps(arguments)
    return calls((name, text[: chance.randrange(1, len(text))]))


def _wrong_file(k, honest, chance):
    """An earlier module is overwritten by this one; the right file is not written."""
    earlier = _earlier(k, chance)
    return earlier and calls(files({f"module_{earlier}.py": module(k)}), complete(k))


def _deleted(k, honest, chance):
    earlier = _earlier(k, chance)
    return earlier and calls(("delete_files", {"paths": [f"tests/test_module_{earlier}.py"]}), *honest)


def _weakened(k, honest, chance):
    """An earlier module is broken, and its test made to accept that."""
    earlier = _earlier(k, chance)
    if not earlier:
        return None
    weak = f"def test_scale_{earlier}():\n    assert True\n"
    broken = {f"module_{earlier}.py": module(earlier, by=earlier + 1), f"tests/test_module_{earlier}.py": weak}
    return calls(files(broken), *honest)


def _false(k, honest, chance):
    return calls(complete(k))


def _nonsense(k, honest, chance):
    noise = "".join(chr(chance.choice((chance.randrange(1, 0x80), chance.randrange(0xA0, 0xD7FF)))) for _ in range(300))
    return chance.choice(
        (
            says(noise),
            calls(("write_files", {"files": noise})),
            calls(("edit_file", {"path": noise, "edits": [{"find": noise, "replace": ""}]})),
            calls(("run_command", {"command": noise})),
            calls((noise[:40], noise)),
        )
    )


FAULTS = {
    "syntax error": _syntax,
    "failing test": _failing,
    "hanging test": _hanging,
    "malformed JSON": _malformed,
    "unknown tool": _unknown,
    "text only": _text,
    "truncated": _truncated,
    "429": lambda k, honest, chance: Failure(429, "Slow down.", "rate_limit_exceeded", headers={"retry-after": "0"}),
    "500": lambda k, honest, chance: Failure(500),
    "reset": lambda k, honest, chance: Failure(drop=chance.choice(("before", "during")), reply=calls(*honest)),
    "wrong file": _wrong_file,
    "deleted test": _deleted,
    "weakened test": _weakened,
    "false completion": _false,
    "nonsense": _nonsense,
}
