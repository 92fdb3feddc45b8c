"""The rungs by their names."""

from __future__ import annotations

import shutil
from typing import Any


def climb(rung: str) -> tuple[Any, str]:
    """The sandbox of a rung and why it is missing here, one of them empty."""
    from l2mac.sandbox import rungs

    if rung == "none":
        return rungs.open_sandbox("none"), ""
    rungs._hide()
    return rungs._proved(rung, shutil.which(rungs._PROGRAMS.get(rung, "")) or "")
