"""Zip files whose bytes depend on their contents alone."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from datetime import datetime
from io import BytesIO

_MODE = 0o100644 << 16


def sealed(entries: Iterable[tuple[str, bytes]], when: datetime) -> bytes:
    """Pack the entries in their order; one named `mimetype` is stored as it is, as EPUB's container wants it."""
    made = BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, data in entries:
            entry = zipfile.ZipInfo(name, max((1980, 1, 1, 0, 0, 0), when.timetuple()[:6]))
            entry.compress_type = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            entry.create_system, entry.external_attr = 3, _MODE
            archive.writestr(entry, data, compresslevel=6)
    return made.getvalue()
