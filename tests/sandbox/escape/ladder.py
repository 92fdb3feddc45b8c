"""The rungs by their names."""

from __future__ import annotations

import shutil
from typing import Any

FORKED = ", forked"
"""What stands behind the name of a rung for commands that are forks of a parent which waits in it."""


def climb(rung: str) -> tuple[Any, str]:
    """The sandbox of a rung and why it is missing here, one of them empty."""
    from l2mac.sandbox import rungs

    if rung.endswith(FORKED):
        from forked import Forked

        sandbox, missing = climb(rung.removesuffix(FORKED))
        return (None, missing) if missing else (Forked(sandbox), "")
    if rung == "none":
        return rungs.open_sandbox("none"), ""
    rungs._hide()
    return rungs._proved(rung, shutil.which(rungs._PROGRAMS.get(rung, "")) or "")
