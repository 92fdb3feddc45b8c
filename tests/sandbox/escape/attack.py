"""What an attack is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .host import Host
    from .table import Process
    from .yard import Yard

BARE = "no sandbox"
"""A plain child process. Every attack gets through here: that is the proof that its judge can tell."""
RUNGS = ("none", "landlock", "bubblewrap without /proc", "bubblewrap")
"""The ladder, from its foot."""
USERS = ("root", "plain")


@dataclass(slots=True)
class Scene:
    """What a judge looks at, while the attack goes on or after it."""

    yard: Yard
    rung: str
    processes: Mapping[int, Process]
    """What the command has started and is alive, by process id, as the host's process table tells it."""
    outcome: Any = None
    """The sandbox's `Outcome`; None while the command runs."""
    seconds: float = 0.0
    """How long it has been running."""


@dataclass(frozen=True, kw_only=True)
class Attack:
    """One thing that hostile code tries."""

    id: str
    does: str
    """What it tries, for the table."""
    effect: str
    """What is seen from outside when it gets through, for the table."""
    script: str
    """Python. It finds `place` (what there is to attack, by name), `loot(data)` (keep what was stolen), `syscall(name,
    *arguments)`, `libc()` and `hold()` (wait until the judge has looked) before it; see `script.PRELUDE`."""
    through: Callable[[Scene], bool]
    """The judge: did it have its effect? It looks from outside, and never at what the script said."""
    live: bool = False
    """The judge looks while the script runs, again and again."""
    users: tuple[str, ...] = USERS
    """Who can do it at all where there is no sandbox."""
    none_holds: bool = False
    """Scrubbed environment, limits and the guard are enough against it: it gets through a plain child only."""
    limits: Mapping[str, Any] = field(default_factory=dict)
    impossible: Callable[[Host], str] = lambda host: ""
    """Why this kernel or this computer does not allow it to anyone; empty where it does."""
    then: str = ""
    """Python, run as a second command on the same rung: what the machine does next in this lane."""
    leaks: Mapping[str, str] = field(default_factory=dict)
    """The rungs that it does get through although it should not, each with the reason."""
    leaks_to: tuple[str, ...] = USERS
    """For whom."""

    def leak(self, rung: str, user: str) -> str:
        """Why it gets through a rung although it should not; empty where it does not, as far as is known."""
        return self.leaks.get(rung, "") if user in self.leaks_to else ""

    def gets_through(self, rung: str, user: str) -> bool:
        """Does it get through a rung, as far as is known?"""
        return rung == BARE or (rung == "none" and not self.none_holds) or bool(self.leak(rung, user))
