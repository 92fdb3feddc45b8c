"""The standard job, answered by a model without function calling: in the blocks that its prompt asks for."""

import json
import re
from dataclasses import replace

from l2mac.testing import says

from .standard_job import StandardJob


class TextJob(StandardJob):
    """The policy of `StandardJob` for requests in the text protocol; it reads and writes by hand, not with our code."""

    def __call__(self, body):
        return spoken(body, super().__call__)


def spoken(body, policy):
    """What a policy answers, in blocks, to a request that is read as text."""
    assert "tools" not in body
    system, *messages = (message["content"] for message in body["messages"])
    assert "```tool" in system, "the manual stands in the system text"
    roles = [message["role"] for message in body["messages"]]
    assert roles == ["system", *["user", "assistant"] * (len(roles) // 2)][: len(roles)]
    offered = set(re.findall(r"```tool (\w+)", system))
    tools = [{"function": {"name": name}} for name in offered]
    begin = re.search(r"^# Instruction .*", messages[0], re.MULTILINE | re.DOTALL)
    seen = [{"role": "user", "content": begin[0] if begin else ""}]
    seen += [{"role": role, "content": text} for role, text in zip(roles[2:], messages[1:], strict=True)]
    asked = policy({"messages": seen, "tools": tools})
    text = "Here it is.\n\n" + "".join(map(_block, asked.message.tool_calls)).rstrip("\n")
    return says(text) if asked.ending != "cut" else replace(says(text[: len(text) * 2 // 3]), ending="cut")


def _block(call):
    given = json.loads(call.arguments)
    if call.name == "write_files":
        return "".join(f"```file {it['path']}\n{it['content']}```\n\n" for it in given["files"])
    if call.name == "edit_file":
        parts = (f"<<<<<<< SEARCH\n{it['find']}=======\n{it['replace']}>>>>>>> REPLACE\n" for it in given["edits"])
        return f"```edit {given['path']}\n{''.join(parts)}```\n\n"
    lines = []
    for key, value in given.items():
        value = str(value).lower() if isinstance(value, bool) else value
        lines.append(f"{key}: {value}" if isinstance(value, str) else f"{key}:")
        for item in value if isinstance(value, list) else ():
            pairs = [(k, ", ".join(it) if isinstance(it, list) else it) for k, it in item.items()]
            lines += [f"{'  ' if number else '- '}{k}: {it}" for number, (k, it) in enumerate(pairs)]
    return f"```tool {call.name}\n" + "".join(f"{line}\n" for line in lines) + "```\n\n"
