"""One machine to attack: its supervisor on one rung, and the yard of the user it belongs to."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, Final

from .attack import Attack, Scene
from .installation import Installation
from .script import source
from .table import Process, below
from .yard import as_user, make_yard

LOOK: Final = 0.02
LIMITS: Final = {"seconds": 20.0}
PATIENCE: Final = 60.0


class Host:
    """The supervisor of one user on one rung, and the yard.

    Args:
        installation: the user, and what is run.
        rung: its name; `BARE` for a plain child.
    """

    def __init__(self, installation: Installation, rung: str) -> None:
        self.rung, self._installation = rung, installation
        self.yard = make_yard(installation.uid)
        self._line, theirs = socket.socketpair()
        self._answers = self._line.makefile("rb")
        with theirs, tempfile.TemporaryFile() as stdin:
            stdin.write(self.yard.secret.encode())
            stdin.seek(0)
            self._process = self._start(theirs, stdin)
        self._line.settimeout(PATIENCE)
        hello = json.loads(self._answers.readline())
        self.missing: str = hello["missing"]
        """Why this rung is not to be had here; empty where it is."""
        self._place = hello["place"]
        self.yard.reset()

    def can(self, code: str) -> bool:
        """Can a plain process of this user run some Python to its end?"""
        return (
            subprocess.run(
                [self._installation.python, "-I", "-c", code], cwd="/", capture_output=True, **as_user(self.yard.uid)
            ).returncode
            == 0
        )

    def _start(self, line: socket.socket, stdin: Any) -> subprocess.Popen[bytes]:
        self.yard.home.mkdir(exist_ok=True)
        made = self._installation
        files = [str(made.scripts / "supervisor.py"), str(line.fileno()), str(made.package), self.rung]
        home = str(self.yard.home)
        return subprocess.Popen(
            [made.python, *files],
            env={"PATH": os.environ.get("PATH", os.defpath), "HOME": home, "L2MAC_HOME": f"{home}/.l2mac",
                 "L2MAC_LLM_API_KEY": self.yard.secret, "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=stdin,
            pass_fds=[line.fileno()],
            start_new_session=True,
            cwd="/",
            **as_user(made.uid),
        )  # fmt: skip

    @property
    def user(self) -> str:
        """`root` or `plain`."""
        return "plain" if self.yard.uid else "root"

    @property
    def place(self) -> dict[str, Any]:
        """All that an attacker could know."""
        return {**self._place, **self.yard.place()}

    def attack(self, attack: Attack) -> tuple[bool, list[Process]]:
        """Run an attack.

        Returns:
            whether it got through, and the processes that it left behind; these are killed now.
        """
        self.yard.reset()
        script = self.yard.lane / "attack.py"
        script.write_text(source(attack.script, self.place))
        script.chmod(0o644)
        scene = Scene(self.yard, self.rung, {})
        try:
            through, scene.outcome = self._watched(attack, scene)
            assert (self.yard.lane / "began").exists(), f"the attack did not run: {scene.outcome}"
            scene.processes = below(self._process.pid)
            if attack.then:
                self.run(["-c", attack.then], {})
            return through or (not attack.live and attack.through(scene)), list(scene.processes.values())
        finally:
            self._clear_up()

    def _watched(self, attack: Attack, scene: Scene) -> tuple[bool, Any]:
        through = False
        began = time.monotonic()
        self._order(["-I", "-S", "attack.py"], attack.limits)
        while not select.select([self._line], [], [], LOOK)[0]:
            scene.seconds = time.monotonic() - began
            assert scene.seconds < PATIENCE, f"{attack.id} holds the supervisor up"
            if attack.live and not through:
                scene.processes = below(self._process.pid)
                through = attack.through(scene)
                if through:
                    (self.yard.lane / "seen").touch()
        return through, self._answer()

    def run(self, arguments: list[str], limits: Mapping[str, Any]) -> Any:
        """Run Python in the lane on this rung; return the outcome."""
        self._order(arguments, limits)
        return self._answer()

    def _order(self, arguments: list[str], limits: Mapping[str, Any]) -> None:
        readable = [str(self.yard.home / ".l2mac" / "environments" / "e")]
        order = {
            "command": [self._installation.python, *arguments],
            "folder": str(self.yard.lane),
            "readable": readable,
        }
        self._line.sendall(json.dumps({**order, "limits": {**LIMITS, **limits}}).encode() + b"\n")

    def _answer(self) -> Any:
        answer = self._answers.readline()
        assert answer, f"the supervisor is gone: {self._process.wait(5)}"
        return SimpleNamespace(**json.loads(answer))

    def _clear_up(self) -> None:
        """Kill what an attack has left."""
        deadline = time.monotonic() + PATIENCE
        while (left := below(self._process.pid)) and time.monotonic() < deadline:
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)

    def close(self) -> None:
        """End the supervisor; remove its yard."""
        self._clear_up()
        self._process.kill()
        self._process.wait()
        self._answers.close()
        self._line.close()
        self.yard.close()
