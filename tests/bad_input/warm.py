"""A process that has the machine imported and forks for each command: real processes, without 0.3 s of imports each.

It reads one order per line, `{arguments, cwd, variables, out, err, seconds}`, runs `l2mac.panel.cli.main()` in a child
of its own with exactly those variables, and answers with the child's exit code.
"""

import json
import os
import signal
import sys

import openai  # noqa: F401

import l2mac.machine
import l2mac.panel.report  # noqa: F401
from l2mac import discovery
from l2mac.panel import cli, console, delivery, doctor, show, table, tapes  # noqa: F401

discovery.LOCAL = (("Ollama", 9),)  # no server of this computer's owner is asked: nobody listens on port 9


def enter(order):
    """Become the command that an order describes."""
    signal.alarm(order["seconds"])
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["variables"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, path in ((1, order["out"]), (2, order["err"])):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    sys.argv = ["l2mac", *order["arguments"]]
    try:
        cli.main()
    except SystemExit as ended:
        code = ended.code or 0
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # tearing down the imports would take longer than most commands


def serve():
    """Take orders until there are no more."""
    for line in iter(sys.stdin.readline, ""):
        child = os.fork()
        if not child:
            enter(json.loads(line))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.write(1, f"{code}\n".encode())


if __name__ == "__main__":
    serve()
