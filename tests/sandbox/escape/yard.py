"""What an attacker is after: the files, sockets and processes of one user, and what became of them."""

from __future__ import annotations

import ctypes
import fcntl
import os
import pty
import secrets
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import tty
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final

from .table import shared_memory

SIOCGIFADDR: Final = 0x8915
AT_FDCWD: Final = -100
WHERE: Final = "/tmp"
LANE: Final = ".l2mac/lanes/run/0/notes.txt"
PLANTED: Final = {
    ".ssh/id_ed25519": "-----BEGIN OPENSSH PRIVATE KEY-----\n{secret}\n",
    ".bashrc": "# the user's own\n",
    ".l2mac/config.yaml": "llm:\n  api_key: {secret}\n",
    ".l2mac/environments/e/site.py": "VERSION = 1\n",
    LANE: "the lane\n",
    ".l2mac/lanes/run/1/other.py": "TOKEN = '{secret}'\n",
    "project/code.py": "CODE = 1\n",
    "project/.git/refs/heads/main": "0" * 40 + "\n",
    "project/.git/hooks/pre-commit": "#!/bin/sh\n",
    "project/.l2mac/run.db": "SQLite format 3\0{secret}\n",
    "project/.l2mac/orders/README": "one file per order\n",
}
"""The user's home, by path: in it the trunk `project`, the lane of the attacker and another lane."""


class Listener:
    """A socket of the host, and whether anything has reached it."""

    def __init__(self, family: int, kind: int, address: Any) -> None:
        self.socket = socket.socket(family, kind)
        self.socket.bind(address)
        if kind == socket.SOCK_STREAM:
            self.socket.listen()
        self.socket.setblocking(False)

    @property
    def address(self) -> Any:
        """Where it listens."""
        return self.socket.getsockname()

    def reached(self) -> bool:
        """Has anyone connected, or sent a datagram, since this was last asked?"""
        reached = False
        with suppress(BlockingIOError):
            while True:
                if self.socket.type == socket.SOCK_STREAM:
                    self.socket.accept()[0].close()
                else:
                    self.socket.recv(4096)
                reached = True
        return reached


class Yard:
    """One user's belongings; `close` removes them.

    Args:
        folder: an empty folder that the user can enter.
        uid: whose they are.
    """

    def __init__(self, folder: Path, uid: int) -> None:
        self.folder, self.uid = folder, uid
        self.secret = f"sk-planted-{secrets.token_hex(16)}"
        self.name = f"lm{secrets.token_hex(5)}"
        """Nothing else on this computer is called so: for what an attack makes outside, and as a process's name."""
        self.home = folder / "home"
        self.lane = (self.home / LANE).parent
        self.shared = Path("/dev/shm", self.name)
        self.temporary = Path("/tmp", self.name)
        self.system = Path("/usr/local", self.name)
        self._stack = ExitStack()
        self.listeners = dict(self._listen())
        self.victim: subprocess.Popen[bytes] | None = None
        self._before: dict[str, Any] = {}
        self._stack.callback(self.clear)

    def _listen(self) -> Iterator[tuple[str, Listener]]:
        run = self._own(self.folder / "run")
        inet = [("loopback", socket.AF_INET, "127.0.0.1"), ("ipv6", socket.AF_INET6, "::1")]
        inet += [("address", socket.AF_INET, address) for address in own_addresses()[:1]]
        for name, family, address in inet:
            with suppress(OSError):  # a computer without IPv6
                yield f"tcp-{name}", Listener(family, socket.SOCK_STREAM, (address, 0))
                yield f"udp-{name}", Listener(family, socket.SOCK_DGRAM, (address, 0))
        yield "unix", Listener(socket.AF_UNIX, socket.SOCK_STREAM, str(run / "agent"))
        yield "unix-datagram", Listener(socket.AF_UNIX, socket.SOCK_DGRAM, str(run / "log"))
        yield "abstract", Listener(socket.AF_UNIX, socket.SOCK_STREAM, f"\0{self.name}")
        for path in run.iterdir():
            self._hand_over(path)

    def reset(self) -> None:
        """Put everything back as it was."""
        self._end_victim()
        if self._before and dict(self._outside()) == self._before:  # the usual case, and much the cheaper
            shutil.rmtree(self.lane)
            self._fill([LANE])
            for path in (self.lane, self.home / LANE):
                self._hand_over(path)
        else:
            self.clear()
            self._fill(PLANTED)
            (self._own(self.shared) / "segment").write_text(self.secret)
            (self._own(self.temporary) / "note").write_text("temporary\n")
            for root in (self.home, self.shared, self.temporary):
                for path in (root, *root.rglob("*")):
                    self._hand_over(path)
            self._before = dict(self._outside())
        self._open_terminal()
        self.victim = self._start_victim()
        self.shared_before = shared_memory()
        for listener in self.listeners.values():
            listener.reached()

    def clear(self) -> None:
        """Remove what can be removed between two attacks."""
        self._end_victim()
        for path in (self.home, self.shared, self.temporary, self.system):
            shutil.rmtree(path, ignore_errors=True)

    def close(self) -> None:
        """Remove everything."""
        self._stack.close()
        for listener in self.listeners.values():
            listener.socket.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _fill(self, paths: Iterable[str]) -> None:
        for path in paths:
            file = self.home / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(PLANTED[path].format(secret=self.secret))

    def _own(self, folder: Path) -> Path:
        folder.mkdir(mode=0o700)
        self._hand_over(folder)
        return folder

    def _hand_over(self, path: Path) -> None:
        if os.getuid() != self.uid:
            os.chown(path, self.uid, self.uid, follow_symlinks=False)

    def _open_terminal(self) -> None:
        self.terminal, self.keyboard = pty.openpty()
        """Its two ends: what is shown on it is read from `terminal`, what is typed from `keyboard`."""
        tty.setraw(self.keyboard)
        for end in (self.terminal, self.keyboard):
            os.set_blocking(end, False)
        self._hand_over(Path(os.ttyname(self.keyboard)))

    def _start_victim(self) -> subprocess.Popen[bytes]:
        """A process of the user that waits, with a key in its arguments and another in its environment."""
        command = ["cat", "--", "-", f"--api-key={self.secret}"]
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.defpath, "API_KEY": self.secret},
            cwd="/",
            **as_user(self.uid),
        )

    def _end_victim(self) -> None:
        if self.victim:
            self.victim.kill()
            self.victim.communicate()
            for end in (self.terminal, self.keyboard):
                os.close(end)
            self.victim = None

    def place(self) -> dict[str, Any]:
        """All that an attacker could know, by name, but no secret."""
        assert self.victim
        files = {path: str(self.home / path) for path in PLANTED}
        sockets = {name: listener.address for name, listener in self.listeners.items()}
        sockets["abstract"] = self.name
        return {
            **{"home": str(self.home), "lane": str(self.lane), "name": self.name, "files": files, "sockets": sockets},
            **{"shared": str(self.shared), "temporary": str(self.temporary), "system": str(self.system)},
            "orders": str(self.home / "project" / ".l2mac" / "orders"),
            **{"terminal": os.ttyname(self.keyboard), "victim": self.victim.pid, "handle": self.handle()},
        }

    def handle(self) -> tuple[int, str] | None:
        """The handle of the ssh key, by which root can open it: its type and content. Source: name_to_handle_at(2)."""
        buffer = ctypes.create_string_buffer((128).to_bytes(4, sys.byteorder) + bytes(132))
        mount = ctypes.c_int()
        path = bytes(self.home / ".ssh" / "id_ed25519")
        if ctypes.CDLL(None).name_to_handle_at(AT_FDCWD, path, buffer, ctypes.byref(mount), 0) != 0:
            return None
        size, kind = struct.unpack("Ii", buffer.raw[:8])
        return kind, buffer.raw[8 : 8 + size].hex()

    # What became of it

    def stolen(self) -> bool:
        """Has the secret been carried into the lane?"""
        loot = self.lane / "loot"
        return loot.is_file() and not loot.is_symlink() and self.secret.encode() in loot.read_bytes()

    def reached(self, name: str) -> bool:
        """Has a listener been reached?"""
        return self.listeners[name].reached()

    def changed(self, *roots: str | Path) -> bool:
        """Is anything below these paths (relative to the home) other than it was: made, gone, written, its mode set?"""
        after = dict(self._outside())
        places = [str(self.home / root) for root in roots]
        different = {path for path in {*after, *self._before} if after.get(path) != self._before.get(path)}
        return any(path == place or path.startswith(f"{place}/") for path in different for place in places)

    def _outside(self) -> Iterator[tuple[str, Any]]:
        for root in (self.home, self.shared, self.temporary):
            for folder, below, names in os.walk(root):
                if Path(folder) == self.lane.parent:
                    below.remove(self.lane.name)  # the attacker's own, perhaps too deep to be walked
                for path in (Path(folder, name) for name in names):
                    status = path.lstat()
                    content = path.read_bytes() if path.is_file() else b""
                    yield str(path), (content, status.st_mode, status.st_mtime)

    def shown(self, end: int) -> bytes:
        """What has arrived at one end of the terminal."""
        with suppress(BlockingIOError, OSError):
            return os.read(end, 4096)
        return b""


def as_user(uid: int) -> dict[str, Any]:
    """The arguments that make `subprocess` start a process as a user."""
    return {"user": uid, "group": uid, "extra_groups": []} if os.getuid() != uid else {}


def own_addresses() -> list[str]:
    """This computer's IPv4 addresses that are not loopback; nothing is sent to learn them. Source: netdevice(7)."""
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            with suppress(OSError):
                answer = fcntl.ioctl(probe.fileno(), SIOCGIFADDR, struct.pack("256s", name.encode()))
                found.append(socket.inet_ntoa(answer[20:24]))
    return [address for address in found if not address.startswith("127.")]


def make_yard(uid: int) -> Yard:
    """A yard that its owner can enter, whoever that is."""
    folder = Path(tempfile.mkdtemp(prefix="l2mac-yard-", dir=WHERE))
    folder.chmod(0o755)
    return Yard(folder, uid)
