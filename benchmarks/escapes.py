"""How often an attack gets through: the escape suite again and again, on every rung, as root and as a plain user.

`python benchmarks/escapes.py [--times N] [--rungs NAME,NAME]`. Every attack first has to get through a plain child
once, as each user, or it proves nothing. Then each runs N times on every rung that is to be had here. Counted are the
attempts that got through, and the processes that were left behind. Ctrl-C ends it after the attacks in flight, and the
table is printed for what was tried by then.
"""

import argparse
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.sandbox.escape.attack import BARE, RUNGS, USERS
from tests.sandbox.escape.attacks import ATTACKS
from tests.sandbox.escape.host import Host
from tests.sandbox.escape.installation import Installation, current_user

STOP = threading.Event()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--rungs", default=",".join(RUNGS[1:]))
    asked = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: STOP.set())
    print("| user | rung | attacks | attempts | got through | processes left | ms an attempt |")
    print("|---|---|---|---|---|---|---|", flush=True)
    with ThreadPoolExecutor(2) as pool:
        for user in USERS if current_user() == "root" else (current_user(),):
            if STOP.is_set():
                break
            installation = Installation(user)
            rungs = [(BARE, 1), *((rung, asked.times) for rung in asked.rungs.split(","))]
            for row in pool.map(lambda it, installation=installation: measure(installation, *it), rungs):
                print(f"| {user} {row}", flush=True)
            installation.close()
    sys.exit(130 if STOP.is_set() else 0)


def measure(installation, rung, times):
    """One row: every attack, again and again, until that is enough or it is to stop."""
    host = Host(installation, rung)
    try:
        if host.missing:
            return f"| {rung} | {host.missing} | | | | |"
        attacks = [it for it in ATTACKS if host.user in it.users and not it.impossible(host)]
        return row(host, attacks, times)
    finally:
        host.close()


def row(host, attacks, times):
    """What came of the attacks on one host. An attempt that breaks off is named, and counts as none."""
    through, left, attempts, broken, began = [], 0, 0, [], time.perf_counter()
    for attack in (it for _ in range(times) for it in attacks):
        if STOP.is_set():
            break
        try:
            escaped, survivors = host.attack(attack)
        except (AssertionError, OSError) as error:
            broken.append(f"{attack.id}: {error}")
            continue
        through += [attack.id] if escaped else []
        left += len(survivors)
        attempts += 1
    milliseconds = (time.perf_counter() - began) / max(attempts, 1) * 1000
    for line in broken:
        print(f"{host.user}, {host.rung}: {line}", file=sys.stderr, flush=True)
    return f"| {host.rung} | {len(attacks)} | {attempts} | {told(through)} | {left} | {milliseconds:.0f} |"


def told(through):
    """How many got through, and which where they are few."""
    names = sorted({f"{name} {through.count(name)}" for name in through})
    return f"{len(through)} ({', '.join(names)})" if 0 < len(names) < 10 else str(len(through))


if __name__ == "__main__":
    main()
