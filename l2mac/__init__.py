"""L2MAC: a stored-program computer whose processor is a language model.

One prompt in, a checked codebase out:

    from l2mac import generate_codebase

    codebase = generate_codebase("A command-line calculator with tests.")
    print(codebase.path, codebase.complete)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .config import Settings, load_settings
    from .errors import BudgetSpent, Interrupted, L2MACError, ProcessorError, UsageError
    from .function import generate_function
    from .machine import Codebase, generate_book, generate_codebase, resume
    from .past import fork, replay, undo
    from .program.values import Instruction, Program, Requirement

__version__ = "2.0.0.dev0"

__all__ = [
    "BudgetSpent",
    "Codebase",
    "Instruction",
    "Interrupted",
    "L2MACError",
    "ProcessorError",
    "Program",
    "Requirement",
    "Settings",
    "UsageError",
    "fork",
    "generate_book",
    "generate_codebase",
    "generate_function",
    "load_settings",
    "replay",
    "resume",
    "undo",
]

_HOMES = {
    ".config": ("Settings", "load_settings"),
    ".errors": ("BudgetSpent", "Interrupted", "L2MACError", "ProcessorError", "UsageError"),
    ".function": ("generate_function",),
    ".machine": ("Codebase", "generate_book", "generate_codebase", "resume"),
    ".past": ("fork", "replay", "undo"),
    ".program.values": ("Instruction", "Program", "Requirement"),
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used (PEP 562), so that importing the package costs nothing."""
    from importlib import import_module

    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(module, __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
