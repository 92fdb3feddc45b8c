"""The rung without isolation: the command sees the whole disk and the network, but leaves no process behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from .seam import Limits, Outcome
from .supervise import supervise
from .surroundings import environment, scratch_folder

DEFAULT: Final = Limits()


class BareSandbox:
    """Run commands as the user, with a scrubbed environment and within limits.

    It keeps secrets out of the environment and survivors out of the process table. It does not keep the command from
    reading or writing anything that the user can, and `readable` has nothing to add to that.
    """

    name: str = "none"

    def run(
        self,
        command: Sequence[str],
        folder: Path,
        *,
        limits: Limits = DEFAULT,
        variables: Mapping[str, str] | None = None,
        readable: Sequence[Path] = (),
    ) -> Outcome:
        """Run a command in a folder; see `Sandbox.run`. Safe to call from several threads at once."""
        home = folder.absolute()
        try:
            with scratch_folder() as scratch:
                return supervise(command, home, environment(home, scratch, variables), limits)
        except OSError as error:
            return Outcome("not_started", None, f"cannot run {command[0]!r}: {error}")
