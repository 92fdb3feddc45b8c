"""The standard job: N instructions, each one module of about 1.5 kB and its test file, and the model that does it.

The model is `LoopbackProvider` with a policy that is a function of the request alone, in a process of its own so that
its processor time is not the machine's. It answers at once, keeps every request, and hands them over when asked.
"""

import multiprocessing
import re
from contextlib import contextmanager

from l2mac.testing import LoopbackProvider, calls

PART = 100  # instructions of one submit_program
PROMPT = (
    "Write {count} independent Python modules for the stations of a weather network. Module K holds the calibration of "
    "station K: it parses the station's records, corrects them, and sums them up. Each has tests of its own."
)
INSTRUCTION = (
    "Write {stem}.py: a frozen dataclass Record(day, value); parse(line) reads `day;value` and raises ValueError on "
    "anything else; correct(record) multiplies by SCALE = {scale} and adds OFFSET = {offset}; summary(records) gives "
    "count, mean and the largest value, and zeros for no records. Test all of it in tests/test_{stem}.py."
)
MODULE = '''"""Station {number}: its records, their calibration and what they sum up to."""

from collections.abc import Iterable
from dataclasses import dataclass

SCALE = {scale}
OFFSET = {offset}


@dataclass(frozen=True)
class Record:
    """One reading of station {number}."""

    day: int
    value: float


def parse(line: str) -> Record:
    """Read a record from `day;value`.

    Raises:
        ValueError: the line has another form.
    """
    day, separator, value = line.strip().partition(";")
    if not separator:
        raise ValueError(f"not a record of station {number}: {{line!r}}")
    return Record(int(day), float(value))


def correct(record: Record) -> Record:
    """Return the record as it would be had station {number} measured without error."""
    return Record(record.day, record.value * SCALE + OFFSET)


def summary(records: Iterable[Record]) -> dict[str, float]:
    """Sum up: how many records there are, their mean and the largest of their values."""
    values = [record.value for record in records]
    if not values:
        return {{"count": 0, "mean": 0.0, "largest": 0.0}}
    return {{"count": len(values), "mean": sum(values) / len(values), "largest": max(values)}}


def read(text: str) -> list[Record]:
    """Read a whole file of records, one to a line, and correct each; blank lines and comments are passed over."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [correct(parse(line)) for line in lines if line]
'''
TESTS = """import pytest

from {stem} import OFFSET, SCALE, Record, correct, parse, read, summary


def test_a_record_is_parsed_and_corrected():
    assert correct(parse("3;2.0")) == Record(3, 2.0 * SCALE + OFFSET)


def test_another_form_is_refused():
    with pytest.raises(ValueError):
        parse("3 2.0")


def test_records_are_summed_up():
    assert summary(read("1;1\\n\\n2;3\\n"))["count"] == 2
    assert summary([]) == {{"count": 0, "mean": 0.0, "largest": 0.0}}
"""


def answer(body, one_reply):
    """The model's reply to a request, from nothing but the request."""
    messages = body["messages"]
    turns = sum(message["role"] == "assistant" for message in messages)
    if any(tool["function"]["name"] == "submit_program" for tool in body["tools"]):
        count = int(re.search(r"Write (\d+) independent", messages[1]["content"])[1])
        return calls(("submit_program", part(turns * PART, count)))
    number = int(re.search(r"# Instruction I(\d+):", messages[2]["content"])[1])
    if one_reply:
        return calls(write(number), complete(number))
    return calls(write(number) if turns == 0 else complete(number))


def part(start, count, size=PART):
    """The arguments of submit_program for the next instructions behind the first `start`."""
    numbers = range(start + 1, min(start + size, count) + 1)
    return {
        "requirements": [{"id": f"R{k}", "text": f"Calibration of station {k}, with tests"} for k in numbers],
        "instructions": [
            {
                "id": f"I{k}",
                "title": f"Station {k}",
                "text": INSTRUCTION.format(**about(k)),
                "covers": [f"R{k}"],
                "files": [f"{stem(k)}.py", f"tests/test_{stem(k)}.py"],
            }
            for k in numbers
        ],
        "more": start + size < count,
    }


def stem(number):
    return f"station_{number:04d}"


def about(number):
    """What differs from module to module."""
    return {"number": number, "stem": stem(number), "scale": 1 + number % 7 / 100, "offset": number % 13 / 10}


def write(number):
    texts = {
        f"{stem(number)}.py": MODULE.format(**about(number)),
        f"tests/test_{stem(number)}.py": TESTS.format(**about(number)),
    }
    return "write_files", {"files": [{"path": path, "content": text} for path, text in texts.items()]}


def complete(number):
    test = f"tests/test_{stem(number)}.py::test_a_record_is_parsed_and_corrected"
    evidence = {"requirement": f"R{number}", "file": f"{stem(number)}.py", "symbol": "correct", "test": test}
    summary = f"{stem(number)}.py has Record, parse, correct, summary and read for station {number}; all are tested."
    return "complete_instruction", {"summary": summary, "evidence": [evidence]}


def serve(pipe, one_reply):
    """The provider's process: say where it listens, keep requests, hand them over when asked, end when told."""
    requests = []

    def policy(body):
        requests.append(body)
        return answer(body, one_reply)

    with LoopbackProvider(policy) as provider:
        pipe.send(provider.base_url)
        while pipe.recv() == "requests":
            pipe.send(requests)
            requests = []


@contextmanager
def provider(one_reply=False):
    """Serve in another process; gives the address, and a function that hands over the requests so far, once."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, one_reply), daemon=True)
    process.start()
    url = ours.recv()

    def requests():
        ours.send("requests")
        return ours.recv()

    try:
        yield url, requests
    finally:
        ours.send("end")
        process.join()


def in_own_process(work, *arguments):
    """Run a function in a fresh process and return what it returns."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)
