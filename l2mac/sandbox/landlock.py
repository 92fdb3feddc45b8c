"""Landlock: a process gives up, for itself and its children, all files but those that it names. Run by the guard.

Source: landlock(7) and the kernel's Documentation/userspace-api/landlock.rst. What a kernel can't do is left out here;
whether the rest is enough is for the canary to say.
"""

from __future__ import annotations

import os
import stat

from .kernel import NO_NEW_PRIVILEGES, prctl, syscall

CREATE, ADD, RESTRICT = 444, 445, 446
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REMOVE_DIR, REMOVE_FILE = 1, 2, 4, 8, 16, 32
MAKE_DIR, MAKE_REG, MAKE_SOCK, MAKE_FIFO, MAKE_SYM = 1 << 7, 1 << 8, 1 << 9, 1 << 10, 1 << 12
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
READ = EXECUTE | READ_FILE | READ_DIR
MAKE = REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_SOCK | MAKE_FIFO | MAKE_SYM | REFER
WRITE = READ | WRITE_FILE | TRUNCATE | MAKE
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV


def version() -> int:
    """The version of landlock that the kernel speaks; 0 or less without it."""
    return syscall(CREATE, None, 0, 1)


def confine(readable: list[str], writable: list[str]) -> None:
    """Leave only these paths: to read and execute, or to do everything with but making devices.

    TCP, abstract unix sockets and signals to processes outside are given up as well, where the kernel can.

    Raises:
        OSError: the kernel has no landlock, or refuses.
    """
    spoken = version()
    if spoken < 1:
        raise OSError(0, "the kernel has no landlock")
    handled = (1 << 13 + min(spoken - 1, 2)) - 1 | (IOCTL_DEV if spoken >= 5 else 0)
    fields = [handled, *([3] if spoken >= 4 else []), *([3] if spoken >= 6 else [])]
    attributes = b"".join(field.to_bytes(8, "little") for field in fields)
    ruleset = syscall(CREATE, attributes, len(attributes), 0)
    if ruleset < 0:
        raise OSError(0, "landlock is refused")
    for paths, access in ((readable, READ), (writable, WRITE)):
        for path in paths:
            _allow(ruleset, path, access & handled)
    if prctl(NO_NEW_PRIVILEGES, 1) != 0 or syscall(RESTRICT, ruleset, 0) != 0:
        raise OSError(0, "landlock is refused")
    os.close(ruleset)


def _allow(ruleset: int, path: str, access: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what is not there needs no leave
    if not stat.S_ISDIR(os.fstat(place).st_mode):
        access &= OF_FILES
    rule = access.to_bytes(8, "little") + place.to_bytes(4, "little")
    refused = syscall(ADD, ruleset, 1, rule, 0) != 0
    os.close(place)
    if refused:
        raise OSError(0, f"landlock refuses {path}")
