"""The canary: proves a rung by doing real forbidden and real allowed things in it, and looking at what came of them."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from .seam import Limits, Outcome, Sandbox
from .surroundings import scratch_folder

CHILD: Final = Path(__file__).with_name("canary_child.py")
LIMITS: Final = Limits(seconds=60.0)
_SOCKET: Final = 100  # bytes of a path that every system takes as a socket's (sun_path of unix(7): 108, on macOS 104)
_ALLOWED: Final = {
    "lane": "its folder can't be written",
    "scratch": "its scratch folder can't be written",
    "child": "it can't start programs",
    "pytest": "pytest can't be imported",
    "input": "its standard input is not empty",
}


def fault(sandbox: Sandbox, *, loopback: bool) -> str:
    """Why a rung must not be used here, in a few words; empty where the canary lives.

    Args:
        sandbox: the rung.
        loopback: whether it has to give a network of its own.

    Raises:
        OSError: the places for the canary can't be made.
    """
    with scratch_folder() as folder, ExitStack() as held:
        secret = secrets.token_hex(16)
        lane, outside = folder / "lane", folder / "outside"
        lane.mkdir()
        outside.mkdir()
        (outside / "secret").write_text(secret, "utf-8")
        named = held.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        _bind(named, outside / "socket")
        named.listen()
        tcp = held.enter_context(socket.create_server(("127.0.0.1", 0)))
        process = held.enter_context(_listener(secret))
        place = {
            "secret": str(outside / "secret"), "outside": str(outside / "written"), "socket": str(outside / "socket"),
            "port": tcp.getsockname()[1], "process": process.pid,
        }  # fmt: skip
        command = [sys.executable, "-I", str(CHILD), json.dumps(place)]
        outcome = sandbox.run(command, lane, limits=LIMITS, readable=(Path(sys.prefix), CHILD))
        if _called(tcp) or _called(named):
            return "it reaches sockets of the host"
        if (outside / "written").exists():
            return "it can write outside its folder"
        if "hit" in process.communicate()[0]:
            return "its signals reach processes outside"
        return _judged(outcome, secret, loopback)


def _bind(named: socket.socket, path: Path) -> None:
    """Bind a socket to a path of any length: of one too long for the system, the folder goes in by its descriptor."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        named.bind(str(path) if len(os.fsencode(path)) <= _SOCKET else f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)


def _listener(secret: str) -> subprocess.Popen[str]:
    """A process outside, with a secret in its environment, that tells on its end whether a signal hit it."""
    script = "trap 'echo hit' URG; echo ready; read line"
    process = subprocess.Popen(
        ["/bin/sh", "-c", script], env={"SECRET": secret}, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def _called(listener: socket.socket) -> bool:
    """Did anyone connect?"""
    listener.setblocking(False)
    try:
        listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True


def _judged(outcome: Outcome, secret: str, loopback: bool) -> str:
    if outcome.ended == "not_started":
        return outcome.output.partition(": ")[2] or "it does not start"
    if secret in outcome.output:
        return "it can read files or environments outside"
    try:
        told: dict[str, Any] = dict(json.loads(outcome.output))
    except (ValueError, TypeError):
        return " ".join(outcome.output.split())[-200:] or f"the canary ended without a word ({outcome.ended})"
    broken = [why for name, why in _ALLOWED.items() if not told.get(name)]
    if loopback and not told.get("loopback"):
        broken.append("it has no loopback network")
    return "; ".join(broken)
