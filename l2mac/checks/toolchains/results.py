"""Results of builds and tests that need not be had again: the same files, tools and attempt give the same reports."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..report import Finding, Report

_KEPT = 2_000
"""Files of results; those unused for longest are removed."""
_FORGOTTEN = 30 * 86_400.0
"""Seconds after which one is removed in any case."""


class Results:
    """A folder of reports.

    Args:
        folder: where they lie.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._written = 0

    def recall(self, key: str) -> list[Report] | None:
        """The reports kept under a key, each with the seconds that it saves."""
        place = self._folder / f"{key}.json"
        try:
            told = json.loads(place.read_text("utf-8"))
            reports = [_report(it, float(told["seconds"]) if at == 0 else 0.0) for at, it in enumerate(told["reports"])]
            os.utime(place)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return reports

    def keep(self, key: str, reports: Sequence[Report], seconds: float) -> None:
        """Keep reports; where nothing can be written, nothing is kept."""
        place = self._folder / f"{key}.json"
        told = json.dumps({"seconds": seconds, "reports": [asdict(it) for it in reports]})
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            beside = place.with_suffix(f".{os.getpid()}")
            beside.write_text(told, "utf-8", "surrogatepass")
            beside.replace(place)
            self._written += 1
            if self._written % 100 == 1:
                self._trim()
        except OSError:
            return

    def _trim(self) -> None:
        found = sorted(self._folder.glob("*.json"), key=lambda it: it.stat().st_mtime, reverse=True)
        for at, place in enumerate(found):
            if at >= _KEPT or time.time() - place.stat().st_mtime > _FORGOTTEN:
                place.unlink(missing_ok=True)


def key_of(meaning: Sequence[str], files: Mapping[str, str]) -> str:
    """The key of what is judged: the same only for the same meaning and the same files, to the byte."""
    digest = hashlib.sha256()
    for text in (*meaning, *(part for path in sorted(files) for part in (path, files[path]))):
        data = text.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()[:32]


def _report(told: Mapping[str, Any], saved: float) -> Report:
    findings = tuple(Finding(**it) for it in told["findings"])
    passed, skipped = tuple(told["passed"]), tuple(told["skipped"])
    return Report(told["check"], told["outcome"], findings, told["detail"], passed, skipped, saved)
