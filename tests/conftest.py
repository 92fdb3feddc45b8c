"""Guard rails around every test: a home and a working folder of its own, no keys, no network but loopback."""

import os
import socket
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[2] / "shared" / "data"


def pytest_collection_modifyitems(items):
    """The files with long tests come first, so that no core waits for one at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def environments_folder(tmp_path_factory):
    """Virtual environments are the same for every test, so that each is made once."""
    return tmp_path_factory.mktemp("environments")


@pytest.fixture(autouse=True)
def guard_rails(tmp_path_factory, monkeypatch, environments_folder):
    folder = tmp_path_factory.mktemp("user")
    home = folder / "home"
    home.mkdir()
    (home / "environments").symlink_to(environments_folder)
    monkeypatch.setenv("L2MAC_HOME", str(home))
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("L2MAC_CHECKS_MUTATION", "off")  # it takes a second of each run; its own tests turn it on
    for name in list(os.environ):
        if name.endswith(("_API_KEY", "_API_TOKEN")) or name in ("SOURCE_DATE_EPOCH", "OPENAI_BASE_URL"):
            monkeypatch.delenv(name)
    (folder / "here").mkdir()
    monkeypatch.chdir(folder / "here")
    monkeypatch.setattr(socket.socket, "connect", _loopback_only(socket.socket.connect))


def _loopback_only(connect):
    def guarded(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test tried to reach {address}: only loopback is allowed")
        return connect(self, address)

    return guarded


@pytest.fixture
def shared_data():
    """The folder of public test data; tests that need it are skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"the public test data is not at {SHARED}")
    return SHARED
