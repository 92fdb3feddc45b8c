"""Where the prompt tokens of a run go, and how many of them had been sent before."""

import bisect
import json


def segments(request):
    """A request as named texts, in the order in which a provider reads them."""
    texts = [("tools", json.dumps(request["tools"], ensure_ascii=False, separators=(",", ":")))]
    for at, message in enumerate(request["messages"]):
        functions = [call["function"] for call in message.get("tool_calls") or ()]
        said = [message["content"] or "", *(f"{it['name']} {it['arguments']}" for it in functions)]
        name = ("system", "task", "instruction")[at] if at < 3 else "log"
        texts.append((name, "\n".join([f"<{message['role']}>", *said, ""])))
    return texts


def tokens(requests):
    """Prompt tokens, the fresh ones among them, and the mean of each segment over the requests of the program."""
    from l2mac.processor.tokens import vocabulary

    count, sent, total, fresh, shares, sizes = vocabulary("gpt-4o"), [], 0, 0, {}, []
    for request in requests:
        parts = segments(request)
        text = "".join(part for _, part in parts)
        at = bisect.bisect(sent, text)  # in a sorted list, the longest common prefix is with a neighbour
        known = max((shared(text, other) for other in sent[max(at - 1, 0) : at + 1]), key=len, default="")
        sent.insert(at, text)
        sizes.append(count(text))
        total, fresh = total + sizes[-1], fresh + sizes[-1] - count(known)
        for name, part in parts if "complete_instruction" in parts[0][1] else ():
            shares.setdefault(name, []).append(count(part))
    executed = max(1, len(shares["tools"]))
    return total, fresh, {name: sum(values) / executed for name, values in shares.items()}, sizes


def shared(one, other):
    """The longest common prefix of two texts."""
    least, most = 0, min(len(one), len(other))
    while least < most:
        middle = (least + most + 1) // 2
        least, most = (middle, most) if one[least:middle] == other[least:middle] else (least, middle - 1)
    return one[:least]


def report_tokens(jobs):
    """Print the prompt tokens of several runs, and what they are made of."""
    print("\n| prompt tokens, N = 50 | total | target | fresh | target | requests |\n|---|---|---|---|---|---|")
    made = {}
    for name, (result, target, target_fresh) in jobs.items():
        total, fresh, made[name], sizes = tokens(result["requests"])
        print(f"| {name} | {total:,} | {target} | {fresh:,} | {target_fresh} | {len(sizes)} |")
    names = ("tools", "system", "task", "instruction", "log")
    print(f"\n| tokens per request (mean) | {' | '.join(names)} |\n|---{'|---' * len(names)}|")
    for name, shares in made.items():
        print(f"| {name} | " + " | ".join(f"{shares.get(it, 0):,.0f}" for it in names) + " |")
