"""Wait, and fork for each order, so that a judge that is slow to load is loaded once. See also `sandbox/guard.serve`.

It runs in the sandbox, in the project's interpreter or in ours. What waits has loaded the judge and nothing of the
project; a project's code runs in forks only. A fork has what a process of its own would have, and its parent must be
no different for having had it: a fork may not look into its parent, and where it has changed what others would inherit,
or left something that outlives processes, its parent is the last of its place and ends.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from contextlib import suppress
from typing import Any

ORDERS, ANSWERS = 98, 99
_DUMPABLE, _SUBREAPER = 4, 36  # of prctl(2)
_KILL = 9


def wait(where: str) -> list[str]:
    """Wait for orders: returns in a fork, for each of them.

    Args:
        where: `alone` in namespaces of its own, or `among` the processes of the computer.

    Returns:
        The words of an order.
    """
    import ctypes

    prctl = ctypes.CDLL(None).prctl
    sys.stdout.flush()
    gc.collect()
    gc.freeze()  # or the first collection in each fork would copy every page
    # Nobody can look into what is not dumpable; and whoever a fork leaves behind becomes a child here.
    if prctl(_DUMPABLE, 0, 0, 0, 0) or prctl(_SUBREAPER, 1, 0, 0, 0):
        os._exit(1)
    at_first = _place(where == "alone")
    os.write(ANSWERS, b"ready\n")
    while True:
        words = json.loads(_read(int.from_bytes(_read(4), "little")))
        child = os.fork()
        if child == 0:
            os.close(ORDERS)
            os.close(ANSWERS)
            os.setsid()
            prctl(_DUMPABLE, 1, 0, 0, 0)
            return list(words)
        _outlive(child, 128 if where == "alone" else 0)
        if _place(where == "alone") != at_first:
            os.write(ANSWERS, b"spoilt\n")
            os._exit(0)
        os.write(ANSWERS, b"alone\n")


def _read(size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = os.read(ORDERS, size - len(data))
        if not chunk:
            os._exit(0)
        data += chunk
    return data


def _outlive(child: int, on_signal: int) -> None:
    """Tell how a fork has ended, and wait until all that it has started has: the guard kills them meanwhile.

    Args:
        child: the fork.
        on_signal: added to the number of a signal that killed it, as bubblewrap does; 0: a signal is a negative number.
    """
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    with suppress(OSError):  # one call for the whole group catches what forks and ends faster than it can be listed
        os.killpg(child, _KILL)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    os.write(ANSWERS, b"ended %d\n" % (on_signal - code if code < 0 and on_signal else code))
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


def _place(alone: bool) -> list[Any]:
    """What a fork could change for those after it: of this process, and, where it is alone, of its namespaces."""
    import fcntl
    import resource

    limits = [resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")]
    flags = [fcntl.fcntl(descriptor, fcntl.F_GETFL) for descriptor in range(3)]
    order = [os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0), sorted(os.sched_getaffinity(0))]
    return [limits, flags, order, *(_left_behind() if alone else ())]


def _left_behind() -> list[Any]:
    """Files in memory, segments, queues and semaphores of System V, and what has gone over loopback.

    Of a connection that has ended, the kernel holds the port for a minute. Sources: shmctl(2), semctl(2), msgctl(2)
    (`*_INFO`), rtnetlink(7): the counters of the network's devices.
    """
    import ctypes
    import socket

    libc, counts = ctypes.CDLL(None), []
    for call, arguments in (("shmctl", (0, 14)), ("semctl", (0, 0, 19)), ("msgctl", (0, 12))):
        told = ctypes.create_string_buffer(256)
        getattr(libc, call)(*arguments, told)
        counts.append(told.raw)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as kernel:  # type: ignore[attr-defined,unused-ignore]
        kernel.send(b"\x14\0\0\0\x12\0\x01\x03" + bytes(12))  # RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP
        devices = kernel.recv(1 << 16)[16:]
    return [os.listdir("/dev/shm"), counts, devices]  # noqa: PTH208
