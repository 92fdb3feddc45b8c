"""How often an attack gets through: the escape suite again and again, on every rung, as root and as a plain user.

`python benchmarks/escapes.py [--times N] [--rungs NAME,NAME]`. Every attack first has to get through a plain child
once, as each user, or it proves nothing. Then each runs N times on every rung that is to be had here. Counted are the
attempts that got through, and the processes that were left behind.
"""

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.sandbox.escape.attack import BARE, RUNGS, USERS
from tests.sandbox.escape.attacks import ATTACKS
from tests.sandbox.escape.host import Host
from tests.sandbox.escape.installation import Installation, current_user


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--rungs", default=",".join(RUNGS[1:]))
    asked = parser.parse_args()
    print("| user | rung | attacks | attempts | got through | processes left | ms an attempt |")
    print("|---|---|---|---|---|---|---|")
    with ThreadPoolExecutor(2) as pool:
        for user in USERS if current_user() == "root" else (current_user(),):
            installation = Installation(user)
            rungs = [(BARE, 1), *((rung, asked.times) for rung in asked.rungs.split(","))]
            for row in pool.map(lambda it, installation=installation: measure(installation, *it), rungs):
                print(f"| {user} {row}", flush=True)
            installation.close()


def measure(installation, rung, times):
    """One row: every attack, again and again."""
    host = Host(installation, rung)
    if host.missing:
        host.close()
        return f"| {rung} | {host.missing} | | | | |"
    through, left, attempts, began = [], 0, 0, time.perf_counter()
    attacks = [it for it in ATTACKS if host.user in it.users and not it.impossible(host)]
    for _ in range(times):
        for attack in attacks:
            escaped, survivors = host.attack(attack)
            through += [attack.id] if escaped else []
            left += len(survivors)
            attempts += 1
    milliseconds = (time.perf_counter() - began) / attempts * 1000
    host.close()
    return f"| {rung} | {len(attacks)} | {attempts} | {told(through)} | {left} | {milliseconds:.0f} |"


def told(through):
    """How many got through, and which where they are few."""
    names = sorted({f"{name} {through.count(name)}" for name in through})
    return f"{len(through)} ({', '.join(names)})" if 0 < len(names) < 10 else str(len(through))


if __name__ == "__main__":
    main()
