"""Reading secrets: of the home, of other processes, of shared memory."""

from __future__ import annotations

from pathlib import Path

from .attack import Attack, Scene
from .host import Host

TITLE = "Secrets"


def _stolen(scene: Scene) -> bool:
    return scene.yard.stolen()


def _steal(id: str, does: str, script: str, **more) -> Attack:
    return Attack(id=id, does=does, effect="the secret is carried out", script=script, through=_stolen, **more)


def _take(whose: str, name: str) -> str:
    return f"take('/proc/%d/{name}' % place[{whose!r}])"


def no_ptrace(host: Host) -> str:
    """Why one process may not look into another of the same user."""
    scope = Path("/proc/sys/kernel/yama/ptrace_scope")
    return "Yama forbids it" if host.yard.uid and scope.exists() and scope.read_text().strip() != "0" else ""


def _no_segment(host: Host) -> str:
    return "" if host.place["segment"] >= 0 else "this kernel has no System V shared memory"


def _no_keyring(host: Host) -> str:
    return "" if host.place["keyring"] else "this kernel has no keyrings"


def _no_handles(host: Host) -> str:
    return "" if host.yard.handle() else "the file system gives no handles"


SEARCH = """
    import re

    with open(f"/proc/{place['supervisor']}/maps") as maps:
        areas = [line.split()[0].split("-") for line in maps if " rw" in line]
    with open(f"/proc/{place['supervisor']}/mem", "rb", 0) as memory:
        for start, end in areas:
            try:
                memory.seek(int(start, 16))
                content = memory.read(int(end, 16) - int(start, 16))
            except (OSError, ValueError, OverflowError):
                continue
            for found in re.findall(rb"sk-planted-[0-9a-f]{32}", content):
                loot(found)
"""

READ_VM = """
    import ctypes

    address, size = place["memory"]
    here = ctypes.create_string_buffer(size)
    local = (ctypes.c_void_p * 2)(ctypes.addressof(here), size)
    remote = (ctypes.c_void_p * 2)(address, size)
    syscall("process_vm_readv", place["supervisor"], local, 1, remote, 1, 0)
    loot(here.raw)
"""

SEGMENT = """
    import ctypes

    shmat = libc().shmat
    shmat.restype, shmat.argtypes = ctypes.c_void_p, (ctypes.c_int, ctypes.c_void_p, ctypes.c_int)
    found = shmat(place["segment"], None, 0o10000)
    if found != ctypes.c_void_p(-1).value:
        loot(ctypes.string_at(found, 200))
"""

KEYRING = """
    import ctypes

    key = syscall("keyctl", 10, -3, b"user", b"l2mac-key", 0)
    here = ctypes.create_string_buffer(200)
    syscall("keyctl", 11, key, here, 200)
    loot(here.raw)
"""

BY_HANDLE = """
    import ctypes

    kind, content = place["handle"]
    content = bytes.fromhex(content)
    handle = ctypes.create_string_buffer(
        len(content).to_bytes(4, sys.byteorder) + kind.to_bytes(4, sys.byteorder) + content
    )
    lane = os.open(".", os.O_RDONLY)
    with os.fdopen(syscall("open_by_handle_at", lane, handle, os.O_RDONLY), "rb") as file:
        loot(file.read())
"""

ATTACKS = (
    _steal("ssh-key", "read `~/.ssh`", "take(place['files']['.ssh/id_ed25519'])"),
    _steal("settings", "read the settings file, which holds a key", "take(place['files']['.l2mac/config.yaml'])"),
    _steal("journal", "read the journal", "take(place['files']['project/.l2mac/run.db'])"),
    _steal("other-lane", "read another lane", "take(place['files']['.l2mac/lanes/run/1/other.py'])"),
    _steal("dev-shm", "read a host process's file in `/dev/shm`", "take(place['shared'] + '/segment')"),
    _steal(
        "symlink",
        "read a secret through a symlink in the lane",
        "os.symlink(place['files']['.ssh/id_ed25519'], 'link'); take('link')",
    ),
    _steal(
        "hard-link",
        "read a secret through a hard link in the lane",
        "os.link(place['files']['.ssh/id_ed25519'], 'link'); take('link')",
    ),
    _steal("file-handle", "open a secret by its file handle, without its path", BY_HANDLE, users=("root",),
           impossible=_no_handles),
    _steal("own-environment", "read its own environment", "loot(repr(dict(os.environ)))", none_holds=True),
    _steal("stdin", "read the machine's standard input", "loot(os.pread(0, 1000, 0))", none_holds=True),
    _steal(
        "parents-environment",
        "read the environments of its parents, one after the other",
        """
            pid = os.getppid()
            while pid not in (0, place["supervisor"]):
                take(f"/proc/{pid}/environ")
                pid = parent(pid)
            take(f"/proc/{place['supervisor']}/environ")
        """,
    ),
    _steal("supervisor-environ", "read `/proc/PID/environ` of the machine", _take("supervisor", "environ")),
    _steal("supervisor-mem", "search `/proc/PID/mem` of the machine", SEARCH, impossible=no_ptrace),
    _steal("supervisor-vm", "read the machine's memory by `process_vm_readv`", READ_VM, impossible=no_ptrace),
    _steal(
        "supervisor-root",
        "read a secret through `/proc/PID/root` of the machine",
        "take(f\"/proc/{place['supervisor']}/root{place['files']['.ssh/id_ed25519']}\")",
    ),
    _steal(
        "supervisor-fd",
        "read a deleted file that the machine holds open, through `/proc/PID/fd`",
        "take(f\"/proc/{place['supervisor']}/fd/{place['held']}\")",
    ),
    _steal("other-environ", "read `/proc/PID/environ` of another program", _take("victim", "environ")),
    _steal("other-cmdline", "read another program's arguments", _take("victim", "cmdline")),
    _steal("shared-memory", "read a System V shared memory segment", SEGMENT, impossible=_no_segment),
    _steal("keyctl", "read a key from the session's keyring", KEYRING, impossible=_no_keyring),
)  # fmt: skip
