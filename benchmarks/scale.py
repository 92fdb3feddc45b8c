"""What grows with a project, and what does not: the standard job from 10 files to 1,000.

    python benchmarks/scale.py [--files 10 100 500 1000]

Each size is a run of its own in a fresh process, two files an instruction, with the provider of `overhead.py` and a
check that passes everything in the place of the real one (what real checks take is measured by `checks.py`). Of each:

- memory: the high-water mark of its process (VmHWM).
- own time per call: the median over the last instructions, as `overhead.py` makes it, the adapter's floor left aside.
- bytes: of all files in `.l2mac` when the run is over, journal and all, and that divided by the instructions.
- the plain way: the bytes of a log that holds every request and is written anew at each call, as tools do that keep one
  transcript. It is made of this very run's requests.
"""

import argparse
import json

from overhead import instructions, job, own
from prompt_tokens import tokens

LAST = 20  # instructions


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, nargs="+", default=[10, 100, 500, 1000])
    asked = parser.parse_args()
    print(
        "| files | memory, MB | own time per call, ms | prompt tokens per request | bytes in .l2mac, MB | kB each "
        "| a log written anew at each call, MB |\n|---|---|---|---|---|---|---|"
    )
    for files in asked.files:
        print(row(files), flush=True)


def row(files):
    """The figures of one size, as a line of the table."""
    result = job(files // 2, floored=True)
    times = sorted(own(it, ["retired → committed"]) for it in instructions(result)[-LAST:])
    sizes = tokens(result["requests"])[3][-LAST:]
    disk, each = result["disk"] / 1e6, result["disk"] / 1e3 / (files // 2)
    return (
        f"| {files:,} | {result['memory']:.0f} | {times[len(times) // 2]:.2f} | {sum(sizes) / len(sizes):,.0f} "
        f"| {disk:.2f} | {each:.1f} | {plain(result['requests']):,.1f} |"
    )


def plain(requests):
    """Megabytes that a log of all requests takes to write, where each call writes all of it."""
    whole, written = 0, 0
    for request in requests:
        whole += len(json.dumps(request))
        written += whole
    return written / 1e6


if __name__ == "__main__":
    main()
