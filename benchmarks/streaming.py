"""What is done with a reply while the rest of it still streams.

    python benchmarks/streaming.py [--files 8] [--functions 400] [--pace 0.004]

A provider on this computer streams one call of `write_files`, in pieces, slowly, as models do. Once its files are
overheard and parsed as they come, once they are not. What counts is what is left when the reply has ended: the time
that the syntax check then takes, for the very same files and with the same findings; one of the files is broken.
"""

import argparse
import json
import statistics
import time

from l2mac.checks.syntax import SyntaxCheck
from l2mac.processor.openai import OpenAIProcessor
from l2mac.processor.overheard import Overheard
from l2mac.processor.protocol import Message, Request, ToolSpec
from l2mac.testing import LoopbackProvider, calls

FUNCTION = """def step_{number}(values: list[float], scale: float = {number}.5) -> dict[str, float]:
    \"\"\"What station {number} makes of its values.\"\"\"
    chosen = sorted(value * scale for value in values if value > {number})
    return {{"count": len(chosen), "sum": sum(chosen), "largest": max(chosen, default=0.0)}}


"""
TIMES = 3


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=8)
    parser.add_argument("--functions", type=int, default=400)
    parser.add_argument("--pace", type=float, default=0.004, help="seconds before each piece")
    asked = parser.parse_args()
    text = "".join(FUNCTION.format(number=number) for number in range(asked.functions))
    files = {f"station_{number}.py": f"{text}NUMBER = {number}\n" for number in range(asked.files)}
    files[f"station_{asked.files - 1}.py"] += "def broken(:\n"
    entries = [{"path": path, "content": text} for path, text in files.items()]
    reply = calls(("write_files", {"files": entries}))
    size = len(json.dumps(entries))
    with LoopbackProvider(lambda body: reply, piece=max(size // 1_000, 1), pace=asked.pace) as provider:
        rows = [measured(provider, files) for _ in range(TIMES)]
    print(f"{asked.files} files, {size / 1000:.0f} kB, {TIMES} times\n")
    print("| | reply, s | syntax after it, ms (median) | findings |\n|---|---|---|---|")
    for name, part in (("parsed as they come", 0), ("parsed afterwards", 1)):
        took, left, found = zip(*(row[part] for row in rows), strict=True)
        same = "equal" if len({str(it) for row in rows for it in (row[0][2], row[1][2])}) == 1 else "void"
        print(f"| {name} | {statistics.median(took):.2f} | {1000 * statistics.median(left):.1f} | {same} |")
        assert found[0].outcome == "failed"


def measured(provider, files):
    """Seconds of the reply, seconds of the syntax check after it, and its report: with overhearing, and without."""
    from threading import Thread

    processor = OpenAIProcessor("loopback", provider.base_url, provider.api_key)
    tool = ToolSpec("write_files", "Write.", {"type": "object", "properties": {"files": {"type": "array"}}})
    request = Request("1/I1/0/1", (Message("user", "Write."),), (tool,), 100_000)
    found = []
    for ahead in (True, False):
        check = SyntaxCheck()
        overheard = Overheard(lambda path, text, check=check: Thread(target=check.ahead, args=(path, text)).start())
        began = time.perf_counter()
        processor.complete(request, overheard if ahead else None)
        ended = time.perf_counter()
        report = check.check(files, None)
        found.append((ended - began, time.perf_counter() - ended, report))
    processor.close()
    return found


if __name__ == "__main__":
    main()
