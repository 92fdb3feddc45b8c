"""Seccomp filters: programs for the kernel's packet filter that say which system calls a sandboxed process may make.

Sources: seccomp(2); classic BPF as in linux/filter.h; call numbers from asm/unistd_64.h (x86-64) and
asm-generic/unistd.h (aarch64).
"""

from __future__ import annotations

import errno
import struct
from dataclasses import dataclass
from typing import Final, Literal

Architecture = Literal["x86_64", "aarch64"]
AUDIT: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
KILL: Final = 0x8000_0000
ALLOW: Final = 0x7FFF_0000
X32: Final = 0x4000_0000

_LOAD, _JUMP_EQUAL, _JUMP_LEAST, _AND, _RETURN = 0x20, 0x15, 0x35, 0x54, 0x06


@dataclass(frozen=True, slots=True)
class Rule:
    """What happens to one system call: always, or by the lower half of one of its arguments.

    Args:
        call: its name.
        error: the error number it fails with; 0 makes it do nothing, successfully.
        argument: which argument decides (from 0); None refuses always.
        mask: the bits of the argument that are looked at.
        only: it is let through only with these values; None: `never` decides.
        never: it is refused with these values.
    """

    call: str
    error: int = errno.EPERM
    argument: int | None = None
    mask: int = 0xFFFF_FFFF
    only: tuple[int, ...] | None = None
    never: tuple[int, ...] = ()


_NEW_NAMESPACES: Final = 0x7E02_0080  # user pid net uts ipc cgroup mount time
_REFUSED: Final = (
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp", "pidfd_getfd", "keyctl", "add_key",
    "request_key", "bpf", "io_uring_setup", "io_uring_enter", "io_uring_register", "userfaultfd", "perf_event_open",
    "mount", "umount2", "move_mount", "open_tree", "open_tree_attr", "fsopen", "fsconfig", "fsmount", "fspick",
    "mount_setattr", "setns", "pivot_root", "chroot", "kexec_load", "kexec_file_load", "init_module", "finit_module",
    "delete_module", "create_module", "open_by_handle_at", "name_to_handle_at", "quotactl", "quotactl_fd", "reboot",
    "swapon", "swapoff", "syslog", "acct", "iopl", "ioperm", "nfsservctl", "vhangup", "settimeofday", "adjtimex",
    "clock_settime", "clock_adjtime", "lookup_dcookie", "fanotify_init", "migrate_pages", "move_pages", "uselib",
)  # fmt: skip
ALWAYS: Final = (
    *(Rule(call) for call in _REFUSED),
    Rule("clone3", errno.ENOSYS),  # its flags are out of a filter's sight; the C library falls back to clone
    Rule("clone", argument=0, mask=_NEW_NAMESPACES & ~0xFF, only=(0,)),  # its lowest byte is a signal
    Rule("unshare", argument=0, mask=_NEW_NAMESPACES, only=(0,)),
    Rule("ioctl", argument=1, never=(0x5412, 0x541C)),  # TIOCSTI, TIOCLINUX: typing into a terminal
    Rule("personality", argument=0, only=(0, 8, 0x20000, 0x20008, 0xFFFF_FFFF)),
    # A file that runs with its owner's rights would outlive the sandbox.
    *(Rule(call, argument=at, mask=0o6000, only=(0,)) for call, at in (("chmod", 1), ("fchmod", 1))),
    *(Rule(call, argument=2, mask=0o6000, only=(0,)) for call in ("fchmodat", "fchmodat2")),
    # unix, inet, inet6, netlink: what a network namespace keeps apart. It does not keep vsock.
    Rule("socket", errno.EAFNOSUPPORT, 0, only=(1, 2, 10, 16)),
)
"""For rungs with namespaces of their own."""

_OF_SYSTEM_V: Final = "shmget shmat shmctl semget semop semctl semtimedop msgget msgsnd msgrcv msgctl mq_open mq_unlink"
_OF_OWNERS: Final = "chown fchown lchown fchownat setxattr lsetxattr fsetxattr setxattrat removexattr lremovexattr"
_OF_MODES: Final = "chmod fchmod fchmodat fchmodat2 utime utimes futimesat utimensat file_setattr"
_OF_OTHERS: Final = "sched_setscheduler sched_setparam sched_setattr sched_setaffinity prlimit64"
_SIGNALS: Final = "kill tkill tgkill rt_sigqueueinfo rt_tgsigqueueinfo pidfd_send_signal"
_ON_SOCKETS: Final = "connect bind listen accept accept4 fremovexattr removexattrat inotify_add_watch"

SHARED: Final = (
    *(rule for rule in ALWAYS if rule.call != "socket" and rule.call not in _OF_MODES.split()),
    Rule("socket"),
    # Streams only: a datagram socket of a pair can be connected anew, to any path.
    Rule("socketpair", argument=1, mask=0xF, only=(1, 5)),
    *(Rule(call) for call in (*_OF_SYSTEM_V.split(), *_OF_OWNERS.split(), *_ON_SOCKETS.split())),
    # Landlock does not guard modes and times. Too many programs set them in passing to let them fail for it.
    *(Rule(call, 0) for call in _OF_MODES.split()),
    *(Rule(call, argument=0, only=(0,)) for call in _OF_OTHERS.split()),
    # A user's all processes can be named in two arguments together. They run at a low priority as it is.
    Rule("setpriority", 0),
    Rule("ioprio_set", 0),
)
"""For rungs that share the host's namespaces: besides, no sockets, and nothing about other processes or owners."""

SIGNALS: Final = tuple(Rule(call) for call in _SIGNALS.split())
"""Where the kernel can't keep signals inside."""


def program(rules: tuple[Rule, ...], architecture: Architecture) -> bytes:
    """Assemble a filter: calls of another architecture kill, those that a rule refuses fail, all others pass."""
    lines = [
        _line(_LOAD, 4),
        _line(_JUMP_EQUAL, AUDIT[architecture], 1, 0),
        _line(_RETURN, KILL),
        _line(_LOAD, 0),
    ]
    if architecture == "x86_64":
        lines += [_line(_JUMP_LEAST, X32, 0, 1), _line(_RETURN, 0x0005_0000 | errno.ENOSYS)]
    for rule in rules:
        number = NUMBERS[rule.call][0 if architecture == "x86_64" else 1]
        if number is not None:
            body = _body(rule)
            lines += [_line(_JUMP_EQUAL, number, 0, len(body)), *body]
    return b"".join([*lines, _line(_RETURN, ALLOW)])


def _body(rule: Rule) -> list[bytes]:
    refuse = _line(_RETURN, 0x0005_0000 | rule.error)
    if rule.argument is None:
        return [refuse]
    values = rule.never if rule.only is None else rule.only
    pair = [refuse, _line(_RETURN, ALLOW)] if rule.only is not None else [_line(_RETURN, ALLOW), refuse]
    tests = [_line(_JUMP_EQUAL, value, len(values) - at, 0) for at, value in enumerate(values)]
    return [_line(_LOAD, 16 + 8 * rule.argument), _line(_AND, rule.mask), *tests, *pair]


def _line(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("<HBBI", code, yes, no, value)


# x86-64 and aarch64; None where an architecture has no such call.
NUMBERS: Final[dict[str, tuple[int | None, int | None]]] = {
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "process_madvise": (440, 440), "kcmp": (312, 272), "pidfd_getfd": (438, 438), "keyctl": (250, 219),
    "add_key": (248, 217), "request_key": (249, 218), "bpf": (321, 280), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "userfaultfd": (323, 282),
    "perf_event_open": (298, 241), "mount": (165, 40), "umount2": (166, 39), "move_mount": (429, 429),
    "open_tree": (428, 428), "open_tree_attr": (467, 467), "fsopen": (430, 430), "fsconfig": (431, 431),
    "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442), "setns": (308, 268),
    "pivot_root": (155, 41), "chroot": (161, 51), "kexec_load": (246, 104), "kexec_file_load": (320, 294),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106), "create_module": (174, None),
    "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264), "quotactl": (179, 60),
    "quotactl_fd": (443, 443), "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225),
    "syslog": (103, 116), "acct": (163, 89), "iopl": (172, None), "ioperm": (173, None), "nfsservctl": (180, 42),
    "vhangup": (153, 58), "settimeofday": (164, 170), "adjtimex": (159, 171), "clock_settime": (227, 112),
    "clock_adjtime": (305, 266), "lookup_dcookie": (212, 18), "fanotify_init": (300, 262),
    "migrate_pages": (256, 238), "move_pages": (279, 239), "uselib": (134, None), "clone3": (435, 435),
    "clone": (56, 220), "unshare": (272, 97), "ioctl": (16, 29), "personality": (135, 92), "socket": (41, 198),
    "socketpair": (53, 199), "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "semget": (64, 190),
    "semop": (65, 193), "semctl": (66, 191), "semtimedop": (220, 192), "msgget": (68, 186), "msgsnd": (69, 189),
    "msgrcv": (70, 188), "msgctl": (71, 187), "mq_open": (240, 180), "mq_unlink": (241, 181), "chown": (92, None),
    "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54), "setxattr": (188, 5), "lsetxattr": (189, 6),
    "fsetxattr": (190, 7), "setxattrat": (463, 463), "removexattr": (197, 14), "lremovexattr": (198, 15),
    "connect": (42, 203), "bind": (49, 200), "listen": (50, 201), "accept": (43, 202), "accept4": (288, 242),
    "fremovexattr": (199, 16), "removexattrat": (466, 466), "inotify_add_watch": (254, 27), "chmod": (90, None),
    "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "utime": (132, None), "utimes": (235, None),
    "futimesat": (261, None), "utimensat": (280, 88), "file_setattr": (469, 469), "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118), "sched_setattr": (314, 274), "sched_setaffinity": (203, 122),
    "prlimit64": (302, 261), "setpriority": (141, 140), "ioprio_set": (251, 30), "kill": (62, 129),
    "tkill": (200, 130), "tgkill": (234, 131), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240),
    "pidfd_send_signal": (424, 424),
}  # fmt: skip
