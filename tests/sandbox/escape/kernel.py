"""Doors into the kernel: what most escapes of the past went through. Judged by what the process then holds."""

from __future__ import annotations

import platform
from pathlib import Path

from .attack import Attack, Scene
from .host import Host

TITLE = "Kernel"
NEWUSER, NEWNS = 0x10000000, 0x00020000


def _holds(kind: str):
    """Does a process of the attack hold a descriptor of a kind?"""

    def through(scene: Scene) -> bool:
        return any(kind in link for process in scene.processes.values() for link, _ in process.open_files())

    return through


def _all_powerful(scene: Scene) -> bool:
    """Has a process of the attack capabilities in a user namespace that it made? It has changed its name by then."""
    return any(
        process.name == scene.yard.name and "CapEff:\t0000000000000000" not in process.text("status")
        for process in scene.processes.values()
    )


def _mounted(scene: Scene) -> bool:
    """Is a file system mounted where the attack wanted it, as one of its processes sees it?"""
    point = f"{scene.yard.lane}/{scene.yard.name}"
    return any(point in process.text("mountinfo") for process in scene.processes.values())


def _no_rings(host: Host) -> str:
    file = Path("/proc/sys/kernel/io_uring_disabled")
    if platform.release().split(".")[0] < "6" or not file.exists():
        return "this kernel's io_uring makes no sockets"
    return "" if file.read_text().strip() == "0" else "this kernel has it switched off"


def _no_groups(host: Host) -> str:
    return "" if _groups().is_dir() else "this computer has no control groups of version 1"


def _no_namespaces(host: Host) -> str:
    made = f"import ctypes, sys; sys.exit(ctypes.CDLL(None).unshare({NEWUSER}) != 0)"
    return "" if host.can(made) else "this computer gives no user namespaces"


def _no_counters(host: Host) -> str:
    file = Path("/proc/sys/kernel/perf_event_paranoid")
    if not file.exists():
        return "this kernel has no such counters"
    return "" if host.yard.uid == 0 or int(file.read_text()) <= 2 else "this kernel keeps them for root"


def _set(scene: Scene) -> bool:
    """Has a setting of the kernel been changed? It is set back."""
    if SETTING.read_text() == BEFORE:
        return False
    SETTING.write_text(BEFORE)
    return True


def _groups() -> Path:
    return Path("/sys/fs/cgroup/pids")


def _grouped(scene: Scene) -> bool:
    group = _groups() / scene.yard.name
    if not group.exists():
        return False
    group.rmdir()
    return True


SETTING = Path("/proc/sys/kernel/printk_ratelimit_burst")
"""As good as any other for the attacker, and harmless: how many messages the kernel may log at once."""
BEFORE = SETTING.read_text() if SETTING.exists() else ""

# One entry asks for a socket, the next for its connection. Source: io_uring(7), the kernel's io_uring.h.
RING = """
    import ctypes, mmap, struct

    parameters = ctypes.create_string_buffer(120)
    ring = syscall("io_uring_setup", 4, parameters)
    submission = struct.unpack("10I", parameters.raw[40:80])
    completion = struct.unpack("10I", parameters.raw[80:120])
    queue = mmap.mmap(ring, submission[6] + 16, offset=0)
    entries = mmap.mmap(ring, 4 * 64, offset=0x10000000)
    results = mmap.mmap(ring, completion[5] + 64 * 8, offset=0x8000000)

    def ask(entry, turn):
        entries[64 * turn : 64 * turn + 64] = entry.ljust(64, bytes(1))
        struct.pack_into("I", queue, submission[6] + 4 * turn, turn)
        struct.pack_into("I", queue, submission[1], turn + 1)
        syscall("io_uring_enter", ring, 1, 1, 1, 0, 0)
        return struct.unpack_from("i", results, completion[5] + 16 * turn + 8)[0]

    host, port = place["sockets"]["tcp-loopback"]
    to = struct.pack("=HHI8x", socket.AF_INET, socket.htons(port), 0x0100007F)
    address = ctypes.create_string_buffer(to)
    new = ask(struct.pack("=BBHiQQII", 45, 0, 0, socket.AF_INET, socket.SOCK_STREAM, 0, 0, 0), 0)
    if new >= 0:
        ask(struct.pack("=BBHiQQII", 16, 0, 0, new, 16, ctypes.addressof(address), 0, 0), 1)
"""

ATTACKS = (
    Attack(
        id="user-namespace",
        does="become all-powerful in a new user namespace",
        effect="it has capabilities",
        script=f"checked(libc().unshare({NEWUSER})); named(place['name']); hold()",
        through=_all_powerful,
        live=True,
        impossible=_no_namespaces,
    ),
    Attack(
        id="mount",
        does="mount a file system",
        effect="it is mounted",
        script=f"""
            point = os.path.join(os.getcwd(), place["name"])
            os.mkdir(point)
            checked(libc().unshare({NEWNS} if os.geteuid() == 0 else {NEWUSER | NEWNS}))
            checked(libc().mount(b"none", point.encode(), b"tmpfs", 0, None))
            hold()
        """,
        through=_mounted,
        live=True,
        impossible=_no_namespaces,
    ),
    Attack(
        id="bpf",
        does="make a `bpf` map",
        effect="it holds one",
        script="""
            import ctypes, struct

            attributes = ctypes.create_string_buffer(struct.pack("5I", 2, 4, 8, 1, 0).ljust(128, bytes(1)))
            syscall("bpf", 0, attributes, 128)
            hold()
        """,
        through=_holds("bpf-map"),
        live=True,
        users=("root",),
    ),
    Attack(
        id="io-uring",
        does="connect through `io_uring`, past filters of system calls",
        effect="its listener is reached",
        script=RING,
        through=lambda scene: scene.yard.reached("tcp-loopback"),
        impossible=_no_rings,
    ),
    Attack(
        id="userfaultfd",
        does="stall the kernel on its own memory (`userfaultfd`)",
        effect="it holds a descriptor of it",
        script="syscall('userfaultfd', 0); hold()",
        through=_holds("userfaultfd"),
        live=True,
        users=("root",),
    ),
    Attack(
        id="perf",
        does="watch the processor's counters (`perf_event_open`)",
        effect="it holds one",
        script="""
            import ctypes, struct

            attributes = struct.pack("IIQQQQQ", 1, 112, 0, 0, 0, 0, 0x61).ljust(112, bytes(1))
            syscall("perf_event_open", attributes, 0, -1, -1, 0)
            hold()
        """,
        through=_holds("perf_event"),
        live=True,
        impossible=_no_counters,
    ),
    Attack(
        id="host-network",
        does="join the network namespace of the machine, then connect",
        effect="its listener is reached",
        script="""
            machine = syscall("pidfd_open", place["supervisor"], 0)
            checked(libc().setns(machine, 0x40000000))
            socket.create_connection(tuple(place["sockets"]["tcp-loopback"]), 2)
        """,
        through=lambda scene: scene.yard.reached("tcp-loopback"),
        users=("root",),
    ),
    Attack(
        id="kernel-setting",
        does="change a setting of the kernel in `/proc/sys`",
        effect="it is changed",
        script=f"open({str(SETTING)!r}, 'w').write('{int(BEFORE or 0) + 1}')",
        through=_set,
        users=("root",),
        impossible=lambda host: "" if BEFORE else "this kernel has no such setting",
    ),
    Attack(
        id="control-group",
        does="make a control group of its own, out of reach of limits",
        effect="it is there",
        script=f"os.mkdir(os.path.join({str(_groups())!r}, place['name']))",
        through=_grouped,
        users=("root",),
        impossible=_no_groups,
    ),
)
