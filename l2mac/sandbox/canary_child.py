"""What the canary does inside a sandbox: forbidden things and allowed ones, for real. Prints what came of them as JSON.

Its one argument is a JSON object: `secret`, `outside` and `socket` (paths), `port` (TCP, of the host's loopback),
`process` (a process id; what has it inside may be another one, which the signal does not harm).
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def main() -> None:
    """Try everything; print an object that tells of each thing what came of it: true, a text, or null."""
    place = json.loads(sys.argv[1])
    tried: dict[str, Callable[[], Any]] = {
        "secret": lambda: Path(place["secret"]).read_text("utf-8"),
        "outside": lambda: Path(place["outside"]).write_text("escaped", "utf-8"),
        "port": lambda: _talk(socket.AF_INET, ("127.0.0.1", place["port"])),
        "socket": lambda: _named(Path(place["socket"])),
        "environ": lambda: Path(f"/proc/{place['process']}/environ").read_text("utf-8", "replace"),
        "signal": lambda: os.kill(place["process"], signal.SIGURG),
        "lane": lambda: Path("canary").write_text("sings", "utf-8"),
        "scratch": lambda: Path(os.environ["TMPDIR"], "canary").write_text("sings", "utf-8"),
        "child": lambda: subprocess.run(["/bin/sh", "-c", "true"], check=True).returncode == 0,
        "pytest": lambda: __import__("pytest").__name__,
        "loopback": _loopback,
        "input": lambda: sys.stdin.read() == "",
    }
    print(json.dumps({name: _outcome(attempt) for name, attempt in tried.items()}))  # noqa: T201 - what it is for


def _outcome(attempt: Callable[[], Any]) -> Any:
    try:
        return attempt()
    except Exception:
        return None


def _talk(family: int, address: Any) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as line:
        line.settimeout(2)
        line.connect(address)
    return True


def _named(path: Path) -> bool:
    """Talk to a socket by its name in its folder: the whole path may be longer than a socket's address."""
    here = os.open(".", os.O_RDONLY)
    os.chdir(path.parent)
    try:
        return _talk(socket.AF_UNIX, path.name)
    finally:
        os.fchdir(here)


def _loopback() -> bool:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        client.sendall(b"!")
        with server.accept()[0] as accepted:
            return accepted.recv(1) == b"!"


if __name__ == "__main__":
    main()
