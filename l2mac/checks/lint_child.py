"""Run pylint and print what it found as JSON after a mark; started as a process of its own, in the sandbox.

Arguments: folders to search for modules after our own, separated like PATH; the mark; then pylint's own arguments.
"""

from __future__ import annotations

import io
import json
import os
import sys


def main() -> None:
    """Lint, and print the mark, the messages and the mark again."""
    extra, mark, *arguments = sys.argv[1:]
    from pylint.lint import Run  # type: ignore[import-untyped,unused-ignore]
    from pylint.reporters.json_reporter import JSON2Reporter  # type: ignore[import-untyped,unused-ignore]

    # After pylint's own imports, and at the end: its own dependencies win over the project's versions of them.
    sys.path += [folder for folder in extra.split(os.pathsep) if folder and folder not in sys.path]
    _make_opaque("pytest")
    found = io.StringIO()
    Run(arguments, reporter=JSON2Reporter(found), exit=False)
    messages = json.loads(found.getvalue())["messages"]
    # The project's C extensions may have printed something as they were imported.
    sys.stdout.write(f"\n{mark}{json.dumps(messages)}{mark}\n")
    sys.stdout.flush()


def _make_opaque(name: str) -> None:
    """Let a module stand for itself without being read: its names are there, and nothing is known about them."""
    from astroid import builder  # type: ignore[import-untyped,unused-ignore]
    from astroid.manager import AstroidManager  # type: ignore[import-untyped,unused-ignore]

    manager = AstroidManager()
    # Reading the whole of pytest takes two seconds, and says nothing that the tests do not say.
    module = builder.AstroidBuilder(manager, apply_transforms=False).string_build("def __getattr__(name): ...\n", name)
    manager.cache_module(module)


if __name__ == "__main__":
    main()
