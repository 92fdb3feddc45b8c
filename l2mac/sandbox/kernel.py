"""System calls for which Python has no function. The guard imports this, so it must cost next to nothing.

`_ctypes` stands here for `ctypes`, whose import takes nearly as long as starting the interpreter.
"""

from __future__ import annotations

import _ctypes
import os

_PROGRAM = _ctypes.dlopen(None, os.RTLD_NOW)  # type: ignore[arg-type]  # the stubs forbid None: this very program

DUMPABLE = 4
SECCOMP = 22
BOUNDING_DROP = 24
SUBREAPER = 36
NO_NEW_PRIVILEGES = 38
AMBIENT = 47
CAPSET = {"x86_64": 126, "aarch64": 91}


class _Byte(_ctypes._SimpleCData):  # type: ignore[type-arg]  # it takes none when run
    _type_ = "b"


def prctl(option: int, first: int | bytes = 0, second: int | bytes = 0) -> int:
    """Call prctl(2); -1 is a failure."""
    return int(_ctypes.call_function(_ctypes.dlsym(_PROGRAM, "prctl"), (option, first, second, 0, 0)))


def syscall(number: int, *arguments: int | bytes | None) -> int:
    """Call syscall(2) with integers of 32 bits, pointers to bytes, or None for a null pointer; -1 is a failure."""
    return int(_ctypes.call_function(_ctypes.dlsym(_PROGRAM, "syscall"), (number, *arguments)))


def drop_capabilities() -> None:
    """Give up every capability, and the way to get any back by executing a file: capabilities(7).

    Raises:
        OSError: the system refuses.
    """
    for capability in range(64):
        prctl(BOUNDING_DROP, capability)  # refused to a plain user, who has none to lose
    prctl(AMBIENT, 4)
    if prctl(NO_NEW_PRIVILEGES, 1) != 0:
        raise OSError(0, "no_new_privs is refused")
    number = CAPSET.get(os.uname().machine, -1)
    version_3 = (0x20080522).to_bytes(4, "little") + bytes(4)
    if syscall(number, version_3, bytes(24)) != 0:
        raise OSError(0, "capset is refused")


def filter_calls(program: bytes) -> None:
    """Install a seccomp filter for this process and its children, see `seccomp`.

    Raises:
        OSError: the system refuses.
    """
    held = (_Byte * len(program)).from_buffer_copy(program)
    header = (len(program) // 8).to_bytes(8, "little") + _ctypes.addressof(held).to_bytes(8, "little")
    if prctl(SECCOMP, 2, header) != 0:
        raise OSError(0, "seccomp is refused")
