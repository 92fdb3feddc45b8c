"""The filters, run by an interpreter of the packet filter's language as the kernel would."""

import errno
import struct

import pytest

from l2mac.sandbox.seccomp import ALLOW, ALWAYS, AUDIT, KILL, NUMBERS, SHARED, SIGNALS, program

FAIL = 0x0005_0000
EPERM = FAIL | errno.EPERM
ARCHITECTURES = ("x86_64", "aarch64")


def verdict(filter, architecture, number, *arguments):
    """What a filter says of a call."""
    values = [value & 0xFFFF_FFFF_FFFF_FFFF for value in arguments] + [0] * (6 - len(arguments))
    data = struct.pack("<IIQ6Q", number, AUDIT[architecture], 0, *values)
    lines = [struct.unpack_from("<HBBI", filter, at) for at in range(0, len(filter), 8)]
    at = held = 0
    while True:
        code, yes, no, value = lines[at]
        at += 1
        if code == 0x20:
            (held,) = struct.unpack_from("<I", data, value)
        elif code == 0x54:
            held &= value
        elif code == 0x06:
            return value
        else:
            at += yes if (held == value if code == 0x15 else held >= value) else no


# rules, call, arguments, what comes of it
CASES = [
    (ALWAYS, "ptrace", (), EPERM),
    (ALWAYS, "mount", (1, 2), EPERM),
    (ALWAYS, "keyctl", (), EPERM),
    (ALWAYS, "io_uring_setup", (), EPERM),
    (ALWAYS, "clone3", (), FAIL | errno.ENOSYS),
    (ALWAYS, "clone", (0x0120_0011,), ALLOW),
    (ALWAYS, "clone", (0x1000_0011,), EPERM),
    (ALWAYS, "clone", (0x3D0F00 | 0x4000_0000,), EPERM),
    (ALWAYS, "unshare", (0x400,), ALLOW),
    (ALWAYS, "unshare", (0x1000_0000,), EPERM),
    (ALWAYS, "unshare", (0x80,), EPERM),
    (ALWAYS, "ioctl", (0, 0x5412), EPERM),
    (ALWAYS, "ioctl", (0, 0x5412 | 1 << 40), EPERM),
    (ALWAYS, "ioctl", (0, 0x541C), EPERM),
    (ALWAYS, "ioctl", (0, 0x5401), ALLOW),
    (ALWAYS, "personality", (0xFFFF_FFFF,), ALLOW),
    (ALWAYS, "personality", (0x0004_0000,), EPERM),
    (ALWAYS, "socket", (2, 1), ALLOW),
    (ALWAYS, "socket", (16, 3), ALLOW),
    (ALWAYS, "socket", (40, 1), FAIL | errno.EAFNOSUPPORT),
    (ALWAYS, "socket", (38, 5), FAIL | errno.EAFNOSUPPORT),
    (ALWAYS, "fchmod", (3, 0o755), ALLOW),
    (ALWAYS, "fchmod", (3, 0o4755), EPERM),
    (ALWAYS, "fchmodat", (3, 0, 0o2755), EPERM),
    (ALWAYS, "kill", (-1, 9), ALLOW),
    (SHARED, "ptrace", (), EPERM),
    (SHARED, "socket", (1, 1), EPERM),
    (SHARED, "socket", (2, 1), EPERM),
    (SHARED, "socketpair", (1, 1 | 0o2000000), ALLOW),
    (SHARED, "socketpair", (1, 5), ALLOW),
    (SHARED, "socketpair", (1, 2), EPERM),
    (SHARED, "connect", (), EPERM),
    (SHARED, "fchmod", (), FAIL),
    (SHARED, "utimensat", (), FAIL),
    (SHARED, "fchownat", (), EPERM),
    (SHARED, "shmget", (), EPERM),
    (SHARED, "prlimit64", (0, 7), ALLOW),
    (SHARED, "prlimit64", (1, 7), EPERM),
    (SHARED, "setpriority", (2, 0), FAIL),
    (SHARED, "kill", (1, 9), ALLOW),
    ((*SHARED, *SIGNALS), "kill", (1, 9), EPERM),
]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize(("rules", "call", "arguments", "expected"), CASES)
def test_a_call_is_judged_by_its_name_and_arguments(rules, call, arguments, expected, architecture):
    number = NUMBERS[call][ARCHITECTURES.index(architecture)] if call in NUMBERS else {"kill": (62, 129)}[call]
    assert verdict(program(rules, architecture), architecture, number, *arguments) == expected


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("rules", [ALWAYS, SHARED], ids=["always", "shared"])
def test_everything_else_passes_and_nothing_passes_by_another_door(rules, architecture):
    filter = program(rules, architecture)
    named = {numbers[ARCHITECTURES.index(architecture)] for numbers in NUMBERS.values()}
    assert all(verdict(filter, architecture, number) == ALLOW for number in range(470) if number not in named)
    other = ARCHITECTURES[1 - ARCHITECTURES.index(architecture)]
    assert verdict(filter, other, 0) == KILL
    if architecture == "x86_64":
        assert verdict(filter, architecture, 0x4000_0000 | 1) == FAIL | errno.ENOSYS
    assert len(filter) // 8 < 4096  # the kernel's bound on instructions


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_rule_has_its_effect(architecture):
    """No line is in the shadow of another: each rule's own refusal is reached."""
    filter = program(SHARED, architecture)
    for rule in SHARED:
        number = NUMBERS[rule.call][ARCHITECTURES.index(architecture)]
        if number is None:
            continue
        values = rule.never or (() if rule.only is None else (rule.mask & ~sum(rule.only),))
        arguments = (0,) * (rule.argument or 0) + values[:1]
        assert verdict(filter, architecture, number, *arguments) == FAIL | rule.error, rule
