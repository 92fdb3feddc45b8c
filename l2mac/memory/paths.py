"""Which names the file store accepts."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from ..errors import Fault

LONGEST_NAME = 255  # bytes of one component: the limit of ext4, APFS and NTFS alike
LONGEST_PATH = 1024  # bytes of the whole: the lowest limit of the systems in use (macOS)

_MACHINE_FOLDERS = {".git", ".l2mac", "git~1"}  # the last is what NTFS may call the first
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\..*)?", re.IGNORECASE)  # on Windows
_ADVICE = "use a relative path such as 'src/app.py'"


def confined(path: str) -> str:
    """Return the canonical form of a path in the file store.

    Raises:
        Fault: the path is empty, absolute, leaves the store, enters the machine's own folders, or is no name that every
            common file system can hold.
    """
    if len(path.encode(errors="surrogatepass")) > LONGEST_PATH:
        raise Fault(f"{path[:60]!r}… is longer than {LONGEST_PATH} bytes; choose a shorter path")
    if not path or path != path.strip():
        raise Fault(f"{path!r} is empty, or begins or ends with white space; {_ADVICE}")
    if path.startswith("/") or re.match(r"[A-Za-z]:", path):
        raise Fault(f"{path!r} is absolute; {_ADVICE}")
    if "\\" in path:
        raise Fault(f"{path!r} contains a backslash; separate folders with '/', {_ADVICE}")
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in path):
        raise Fault(f"{path!r} contains a control character; {_ADVICE}")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if not parts or path.endswith("/"):
        raise Fault(f"{path!r} names a folder, not a file; {_ADVICE}")
    for part in parts:
        _check_name(part, path)
    return "/".join(parts)


@lru_cache(maxsize=4096)
def folded(name: str) -> str:
    """What two names have in common that are one to a file system which ignores case or how letters are composed."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _check_name(name: str, path: str) -> None:
    if name == "..":
        raise Fault(f"{path!r} leaves the file store; {_ADVICE}")
    # HFS+ ignores invisible characters in names
    visible = "".join(character for character in name if unicodedata.category(character) != "Cf")
    if visible.casefold().rstrip(". ") in _MACHINE_FOLDERS:
        raise Fault(f"{path!r} is inside {name!r}, which belongs to the machine; choose another folder")
    if _RESERVED.fullmatch(name) or name.endswith((".", " ")) or set(name) & set('<>:"|?*'):
        raise Fault(f"{path!r} contains {name!r}, a name that not every system accepts; choose another")
    if len(name.encode()) > LONGEST_NAME:
        raise Fault(f"{path[:60]!r}… has a name longer than {LONGEST_NAME} bytes; choose a shorter one")
