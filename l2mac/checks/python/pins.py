"""A resolution: the exact packages that an installer chose, read from what it printed, and as text to keep."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from .requirements import normalized

_PIN = re.compile(r"([A-Za-z0-9][\w.-]*)==([\w.!+-]+)")
_NAME = re.compile(r"[^\w.-]")
_HASH = re.compile(r"--hash=(\w+:[0-9a-f]+)")
_VIA = re.compile(r"# via\s+(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Pin:
    """One package in its exact version."""

    name: str
    """Normalized."""
    version: str
    hashes: tuple[str, ...] = ()
    """`sha256:…` of the files that may be installed; empty where the registry tells none."""
    via: tuple[str, ...] = ()
    """The packages of the resolution that need it, where the installer tells."""

    @property
    def line(self) -> str:
        """What an installer reads."""
        return " ".join([f"{self.name}=={self.version}", *(f"--hash={digest}" for digest in self.hashes)])


def from_uv(text: str) -> tuple[Pin, ...]:
    """The pins in a list that `uv pip compile` printed, and in one that `kept` wrote."""
    pins = []
    for block in re.split(r"\n(?=[A-Za-z0-9])", text):
        if found := _PIN.match(block):
            # The list itself stands among those that need a package, as `-r PATH`.
            via = re.sub(r"-r \S+", "", " ".join(_VIA.findall(block)))
            needed_by = tuple(normalized(name) for name in re.findall(r"[A-Za-z0-9][\w.-]*", via))
            pins.append(Pin(normalized(found[1]), found[2], tuple(sorted(_HASH.findall(block))), needed_by))
    return tuple(sorted(pins, key=lambda pin: pin.name))


def from_pip(text: str) -> tuple[Pin, ...]:
    """The pins in pip's installation report (https://pip.pypa.io/en/stable/reference/installation-report/)."""
    pins = []
    for item in json.loads(text)["install"]:
        hashes = item["download_info"].get("archive_info", {}).get("hashes", {})
        told = tuple(sorted(f"{kind}:{digest}" for kind, digest in hashes.items() if kind.startswith("sha")))
        pins.append(Pin(normalized(item["metadata"]["name"]), item["metadata"]["version"], told))
    # Pip refuses a list in which only some packages have hashes.
    whole = all(pin.hashes for pin in pins)
    pins = pins if whole else [Pin(pin.name, pin.version) for pin in pins]
    return tuple(sorted(pins, key=lambda pin: pin.name))


def as_asked(pins: Iterable[Pin], lines: Iterable[str]) -> tuple[Pin, ...]:
    """Pins with no hashes but those that the requirements ask for, where they ask for any: uv does not compare them.

    Raises:
        ValueError: the registry has other files than those that were asked for.
    """
    asked = {normalized(_NAME.split(line)[0]): set(found) for line in lines if (found := _HASH.findall(line))}
    return tuple(_narrowed(pin, asked[pin.name]) if pin.name in asked else pin for pin in pins)


def _narrowed(pin: Pin, asked: set[str]) -> Pin:
    hashes = asked & set(pin.hashes) if pin.hashes else asked
    if not hashes:
        raise ValueError(f"no file of {pin.name} {pin.version} in the registry has the hash that is asked for.")
    return replace(pin, hashes=tuple(sorted(hashes)))


def kept(pins: Iterable[Pin]) -> str:
    """Pins as text, for `from_uv`."""
    return "".join(f"{pin.line}{'  # via ' + ', '.join(pin.via) if pin.via else ''}\n" for pin in pins)
