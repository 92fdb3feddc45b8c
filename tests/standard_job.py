"""The standard job: N instructions, each one module and its tests, answered by a policy for the loopback provider."""

import json
import re
import threading

from l2mac.testing import calls


class StandardJob:
    """A policy that plans `n` modules and writes each; it looks at nothing but the request.

    Args:
        n: how many instructions the program has.
        one_reply: complete in the reply that writes, instead of in one of its own.
        mistakes: write every third module wrongly at first.
    """

    def __init__(self, n, *, one_reply=False, mistakes=False):
        self.n, self.one_reply, self.mistakes = n, one_reply, mistakes
        self.places = []
        self._lock = threading.Lock()

    def __call__(self, body):
        messages = body["messages"]
        names = {tool["function"]["name"] for tool in body["tools"]}
        if "submit_program" in names:
            return self._plan()
        number = next(
            int(found[1]) for it in messages if (found := re.match(r"# Instruction I(\d+):", it["content"] or ""))
        )
        turn = sum(message["role"] == "assistant" for message in messages) + 1
        with self._lock:
            self.places.append((number, turn))
        wrong = self.mistakes and number % 3 == 0 and turn == 1
        writes = turn == 1 or (self.mistakes and number % 3 == 0 and turn == 2)
        acts = [self._write(number, wrong)] if writes else []
        if not wrong and (self.one_reply or not writes):
            acts.append(self._complete(number))
        return calls(*acts)

    def _plan(self):
        numbers = range(1, self.n + 1)
        return calls(
            (
                "submit_program",
                {
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
                },
            )
        )

    def _write(self, k, wrong):
        lines = [f'"""Module {k}."""\n\n\n', f"def scale_{k}(value):\n    return value * {k + 1 if wrong else k}\n"]
        lines += [f"\n\ndef offset_{k}_{i}(value):\n    return value + {i}\n" for i in range(20)]
        test = f"from module_{k} import scale_{k}\n\n\ndef test_scale_{k}():\n    assert scale_{k}(10) == {10 * k}\n"
        files = [(f"module_{k}.py", "".join(lines)), (f"tests/test_module_{k}.py", test)]
        return ("write_files", {"files": [{"path": path, "content": text} for path, text in files]})

    def _complete(self, k):
        test = f"tests/test_module_{k}.py::test_scale_{k}"
        shown = {"requirement": f"R{k}", "file": f"module_{k}.py", "symbol": f"scale_{k}", "test": test}
        return ("complete_instruction", {"summary": f"module_{k} has scale_{k}(value).", "evidence": [shown]})


def settings(provider):
    """What a user writes into ~/.l2mac/config.yaml to reach a provider."""
    llm = {"api_type": "openai", "model": "loopback", "base_url": provider.base_url, "api_key": provider.api_key}
    return json.dumps({"llm": llm})
