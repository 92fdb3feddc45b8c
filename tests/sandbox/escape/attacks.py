"""All attacks, in the order of the table."""

from __future__ import annotations

from . import deceiving, exhausting, kernel, network, processes, reading, writing

GROUPS = (network, reading, writing, processes, kernel, exhausting, deceiving)
ATTACKS = tuple(attack for group in GROUPS for attack in group.ATTACKS)
