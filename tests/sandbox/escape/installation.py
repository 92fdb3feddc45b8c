"""Python and l2mac as the user of a host can run them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

import l2mac
from l2mac.checks.python.shelf import Shelf
from l2mac.checks.python.shipped import shipped_folder

from .yard import WHERE, as_user

HERE: Final = Path(__file__).parent
NOBODY: Final = 65534


class Installation:
    """What a supervisor is started with; `close` removes what was made for it.

    Raises:
        LookupError: no Python here can be run by that user.
    """

    def __init__(self, user: str) -> None:
        self.uid = os.getuid() if user == current_user() else NOBODY
        self.python, self.package, self.scripts = sys.executable, Path(l2mac.__file__).parent.parent, HERE
        self._folder: Path | None = None
        if self.uid != os.getuid():
            self._install(_system_python(self.uid))

    def _install(self, python: str) -> None:
        """Copy what is needed to a place that others can read: the folder of the tests may be closed to them."""
        folder = self._folder = Path(tempfile.mkdtemp(prefix="l2mac-code-", dir=WHERE))
        folder.chmod(0o755)
        ignore = shutil.ignore_patterns("gallery", "__pycache__")
        shutil.copytree(self.package / "l2mac", folder / "l2mac", ignore=ignore)
        shutil.copytree(HERE, folder / "scripts", ignore=ignore)
        venv = folder / "venv"
        subprocess.run([python, "-I", "-m", "venv", "--without-pip", venv], check=True, capture_output=True, cwd="/")
        (site,) = venv.glob("lib/python3*/site-packages")
        (site / "pytest.pth").write_text(f"{shipped_folder(Shelf(venv))}\n")
        self.python, self.package, self.scripts = str(venv / "bin" / "python"), folder, folder / "scripts"

    def close(self) -> None:
        """Remove it."""
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)


def current_user() -> str:
    """Who runs the tests."""
    return "plain" if os.getuid() else "root"


def _system_python(uid: int) -> str:
    for python in ("/usr/bin/python3", "/usr/local/bin/python3", sys.executable):
        with suppress(OSError):
            check = [python, "-I", "-c", "import sys, venv; sys.exit(sys.version_info < (3, 11))"]
            if subprocess.run(check, cwd="/", capture_output=True, **as_user(uid)).returncode == 0:
                return python
    raise LookupError("no Python 3.11 here can be run by a plain user")
