"""How long a project waits for its environment.

    python benchmarks/environments.py

Ten usual packages and what they need, as wheels, are fetched once with pip from the registry that the user has; then a
registry on loopback serves them. Each row is what `Environments` takes in a process that has just begun, with pytest
already in its place, `TIMES` times over; what is printed is the median and the fastest. Byte code is compiled beside
the work and not waited for; here the compiler is stopped when the environment stands.

- cold: nothing in uv's cache; resolved, downloaded, installed.
- other requirements: everything in uv's cache; resolved against the registry, installed.
- warm: resolved before, the environment removed; everything in uv's cache.
- found: the environment stands.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.registry import Registry

TIMES = 5
TEN = ("requests", "flask", "click", "rich", "pydantic", "httpx", "jinja2", "pyyaml", "attrs", "numpy")
MAKE = """
import json, sys, time
from pathlib import Path
from l2mac.checks.python.environment import Environment, Environments
from l2mac.checks.python.installer import Installer, installer_variables
home, links, variables, lines = sys.argv[1:]
environments = Environments(Path(home), Installer(installer_variables(json.loads(variables)), links=links))
environments.environment({})
began = time.perf_counter()
made = environments.environment({"requirements.txt": lines})
print(time.perf_counter() - began)
assert isinstance(made, Environment), made
"""


def fetched(folder):
    """The wheels of ten packages and of what they need."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:", "--dest", str(folder), *TEN]
    subprocess.run(command, check=True)
    return [(path.name, path.read_bytes()) for path in sorted(folder.glob("*.whl"))]


class Bench:
    """A home, a cache and a registry."""

    def __init__(self, folder, registry):
        self.home, self.cache = folder / "home", folder / "cache"
        self.variables = {"PATH": os.environ["PATH"], "HOME": str(folder), "UV_CACHE_DIR": str(self.cache)}
        self.variables["UV_DEFAULT_INDEX"] = registry.url
        self.lines = "\n".join(TEN)

    def seconds(self, links, lines=None):
        command = [sys.executable, "-c", MAKE, self.home, links, json.dumps(self.variables), lines or self.lines]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    def forget(self, *patterns):
        for pattern in patterns:
            for path in (self.home / "environments").glob(pattern):
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def cold(self, links):
        shutil.rmtree(self.cache, ignore_errors=True)
        self.forget("resolved-*", "????????????????")
        return self.seconds(links)

    def other(self, links):
        self.forget("resolved-*", "????????????????")
        return self.seconds(links)

    def warm(self, links):
        self.forget("????????????????")
        return self.seconds(links)


def main():
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        registry = Registry(*fetched(folder / "wheels"), holds=600)
        try:
            bench = Bench(folder, registry)
            bench.seconds("hardlink", "")  # pytest goes to its place
            rows = [
                ("cold", bench.cold, "hardlink", "≤ 1.5"),
                ("other requirements", bench.other, "hardlink", ""),
                ("warm", bench.warm, "hardlink", "≤ 0.4"),
                ("found", bench.seconds, "hardlink", ""),
                ("warm, copied (no isolation)", bench.warm, "copy", ""),
            ]
            print(f"{len(registry.files)} wheels\n\n| | median, s | fastest, s | target |\n|---|---|---|---|")
            for name, measure, links, target in rows:
                taken = [measure(links) for _ in range(TIMES)]
                print(f"| {name} | {statistics.median(taken):.3f} | {min(taken):.3f} | {target} |", flush=True)
        finally:
            registry.close()


if __name__ == "__main__":
    main()
