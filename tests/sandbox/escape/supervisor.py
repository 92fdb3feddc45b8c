"""The machine in small: a process that has a key in its environment and runs commands on one rung.

It is run by its path, as root or as a plain user, with these arguments: the descriptor of its line to the tests, the
folder in which l2mac lies, the rung. On the line, one JSON object a line: it begins with what there is to attack, then
answers each command with its outcome.
"""

from __future__ import annotations

import ctypes
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

SUBREAPER = 36
IPC_CREAT, IPC_RMID = 0o1000, 0
ADD_KEY, KEYCTL = (248, 250) if os.uname().machine == "x86_64" else (217, 219)
PATIENCE = 30


class NoSandbox:
    """A plain child: it has all that its parent has."""

    def run(self, command: list[str], folder: Path, **_: Any) -> SimpleNamespace:
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            output.seek(0)
            said = output.read().decode("utf-8", "replace")
        return SimpleNamespace(ended="exited", exit=process.returncode, output=said)


def main() -> None:
    line, folder, rung = socket.socket(fileno=int(sys.argv[1])), sys.argv[2], sys.argv[3]
    sys.path.insert(0, folder)
    from ladder import climb  # the folder of this file is on the path

    from l2mac.sandbox.seam import Limits

    libc = ctypes.CDLL(None)
    libc.prctl(SUBREAPER, 1, 0, 0, 0)  # so that whatever is left behind stays below this process
    sandbox, missing = climb(rung) if rung != "no sandbox" else (NoSandbox(), "")
    say(line, {"missing": missing, "place": plant(libc, os.environ["L2MAC_LLM_API_KEY"].encode())})
    for asked in line.makefile("rb"):
        order = json.loads(asked)
        outcome = sandbox.run(
            order["command"],
            Path(order["folder"]),
            limits=Limits(**order["limits"]),
            readable=[Path(path) for path in (*order["readable"], sys.prefix, sys.base_prefix)],
        )
        say(line, vars(outcome) if isinstance(outcome, SimpleNamespace) else asdict(outcome))


def say(line: socket.socket, what: dict[str, Any]) -> None:
    line.sendall(json.dumps(what).encode() + b"\n")


def plant(libc: ctypes.CDLL, secret: bytes) -> dict[str, Any]:
    """Keep the secret wherever a process can keep one; say where."""
    memory = ctypes.create_string_buffer(secret)
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(secret)
        held = os.dup(file.fileno())
    HOLD.append(memory)
    return {
        "supervisor": os.getpid(),
        "held": held,
        "memory": [ctypes.addressof(memory), len(secret)],
        "segment": plant_segment(libc, secret),
        "keyring": plant_key(libc, secret),
    }


HOLD: list[Any] = []


def plant_segment(libc: ctypes.CDLL, secret: bytes) -> int:
    """The id of a System V shared memory segment with the secret, which ends with this process; -1 without IPC."""
    segment = libc.shmget(secrets.randbits(30), 4096, IPC_CREAT | 0o600)
    libc.shmat.restype = ctypes.c_void_p
    libc.shmat.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_int)
    with suppress(OSError, ValueError):
        ctypes.memmove(libc.shmat(segment, None, 0), secret, len(secret))
        libc.shmctl(segment, IPC_RMID, None)
        return int(segment)
    return -1


def plant_key(libc: ctypes.CDLL, secret: bytes) -> bool:
    """Put the secret into a session keyring of this process's own. Source: keyctl(2), add_key(2)."""
    if libc.syscall(KEYCTL, 1, None) < 0:
        return False
    return bool(libc.syscall(ADD_KEY, b"user", b"l2mac-key", secret, len(secret), -3) > 0)


if __name__ == "__main__":
    main()
