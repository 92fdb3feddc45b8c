"""The rung without isolation: the command sees the whole disk and the network, but leaves no process behind."""

from __future__ import annotations

from .rung import Rung
from .supervise import Confinement


class BareSandbox(Rung):
    """Run commands as the user, with a scrubbed environment and within limits.

    It keeps secrets out of the environment and survivors out of the process table. It does not keep the command from
    reading or writing anything that the user can, and `readable` has nothing to add to that.
    """

    def __init__(self) -> None:
        super().__init__("none", lambda job: (list(job.command), Confinement()), parents="among")
