"""The script of an attack as a file: what every one of them begins with."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from typing import Any

PRELUDE = """
import json, os, platform, socket, sys, time

open("began", "w").close()

NUMBERS = {  # x86-64, aarch64
    "add_key": (248, 217), "keyctl": (250, 219), "bpf": (321, 280), "perf_event_open": (298, 241),
    "userfaultfd": (323, 282), "open_by_handle_at": (304, 265), "process_vm_readv": (310, 270),
    "memfd_create": (319, 279), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "pidfd_open": (434, 434),
}


def libc():
    import ctypes

    return ctypes.CDLL(None, use_errno=True)


def checked(result):
    import ctypes

    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def syscall(name, *arguments):
    import ctypes

    call = libc().syscall
    call.restype = ctypes.c_long
    number = NUMBERS[name][platform.machine() != "x86_64"]
    return checked(call(ctypes.c_long(number), *(ctypes.c_long(a) if isinstance(a, int) else a for a in arguments)))


def loot(data):
    with open("loot", "ab") as file:
        file.write(data if isinstance(data, bytes) else data.encode())


def take(path):
    with open(path, "rb") as file:
        loot(file.read())


def parent(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return int(file.read().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def hold(seconds=10):
    end = time.monotonic() + seconds
    while not os.path.exists("seen") and time.monotonic() < end:
        time.sleep(0.01)


def named(name):
    libc().prctl(15, name.encode(), 0, 0, 0)
"""


def source(script: str, place: Mapping[str, Any]) -> str:
    """The whole script, which knows everything but the secret."""
    return f"{PRELUDE}\n\nplace = json.loads({json.dumps(place)!r})\n\n{textwrap.dedent(script).strip()}\n"
