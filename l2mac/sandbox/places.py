"""What every rung lets a command see of the computer: programs, libraries and a little configuration."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

_ETC: Final = (
    "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime", "timezone", "mime.types", "protocols",
    "services", "fonts", "ssl/certs", "ssl/openssl.cnf", "pki/tls/certs", "pki/ca-trust/extracted", "crypto-policies",
    "debian_version", "os-release", "java*", "maven", "python3*", "magic", "gai.conf",
)  # fmt: skip
SYSTEM: Final = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store")


@cache
def of_etc() -> tuple[Path, ...]:
    """What of /etc is shown: nothing in it is secret or says who the user is."""
    return tuple(sorted(place for pattern in _ETC for place in Path("/etc").glob(pattern)))


@cache
def reduced_etc(kept: Path | None = None) -> Path:
    """A copy of what of /etc is shown, with one user in it.

    Args:
        kept: the folder in which it stays for the next process; without one it is gone when this process ends.

    Raises:
        OSError: it cannot be written.
    """
    if kept is None:
        folder = real(Path(tempfile.mkdtemp(prefix="l2mac-etc-")))
        atexit.register(_remove, folder, os.getpid())
        return _copied(folder)
    stamps = [(str(place), place.lstat().st_mtime_ns) for place in of_etc()]
    key = sha256(repr((os.getuid(), os.getgid(), stamps)).encode()).hexdigest()[:16]
    folder = real(kept) / f"etc-{key}"
    if not folder.is_dir():
        kept.mkdir(parents=True, exist_ok=True)
        made = _copied(Path(tempfile.mkdtemp(prefix="etc-new-", dir=real(kept))))
        try:
            made.rename(folder)
        except OSError:  # another process was faster
            shutil.rmtree(made, ignore_errors=True)
    return folder


def _copied(folder: Path) -> Path:
    """Fill an empty folder with what is shown."""
    for place in of_etc():
        target = folder / place.relative_to("/etc")
        target.parent.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):  # what can't be read is left out
            shutil.copytree(place, target, symlinks=True) if place.is_dir() else shutil.copyfile(place, target)
    user, group = os.getuid(), os.getgid()
    (folder / "passwd").write_text(f"sandbox:x:{user}:{group}::/tmp:/bin/sh\n", "utf-8")
    (folder / "group").write_text(f"sandbox:x:{group}:\n", "utf-8")
    (folder / "hosts").write_text("127.0.0.1 localhost sandbox\n::1 localhost\n", "utf-8")
    (folder / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files\n", "utf-8")
    return folder


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # not a fork that ends first
        shutil.rmtree(folder, ignore_errors=True)


@cache
def interpreter() -> tuple[Path, ...]:
    """Where the interpreter that runs us has its library."""
    return (Path(sys.base_prefix), Path(sys.base_exec_prefix))


def real(folder: Path) -> Path:
    """A folder's path without links."""
    return Path(os.path.realpath(folder))


def outermost(places: Iterable[Path]) -> list[Path]:
    """The places that lie in no other of them and not in the system's, as they are named and without links."""
    both = {named for place in places for named in (Path(os.path.abspath(place)), real(place))}  # noqa: PTH100
    above = [Path(system) for system in SYSTEM]
    kept: list[Path] = []
    for place in sorted(both):
        if not any(place.is_relative_to(other) for other in (*above, *kept)):
            kept.append(place)
    return kept
