"""What all tests share: real nodes and where they are, hypothesis's settings, an environment without surprises."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
PASSPHRASE = "a passphrase for tests alone"

settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.register_profile("thorough", parent=settings.get_profile("default"), max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def required_nodes() -> set[str]:
    """Kinds of node that must be there: a test that needs one of them fails where it is missing."""
    return {name.strip() for name in os.environ.get("REQUIRE_NODES", "").split(",") if name.strip()}


def find_anvil() -> str | None:
    """The anvil to test against: $ANVIL_BIN, what `make nodes` put into .nodes/, or one on the PATH."""
    named = os.environ.get("ANVIL_BIN")
    if named:
        return named if os.access(named, os.X_OK) else None
    for found in sorted((ROOT / ".nodes").rglob("anvil*")):
        if found.is_file() and os.access(found, os.X_OK) and found.name in {"anvil", "anvil.exe"}:
            return str(found)
    return shutil.which("anvil")


@pytest.fixture(scope="session")
def anvil_binary() -> str:
    found = find_anvil()
    if found:
        return found
    reason = "no anvil: `make nodes` fetches one, or ANVIL_BIN names one"
    if "anvil" in required_nodes():
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the person who runs the tests reaches them, and no width of their terminal."""
    for name in list(os.environ):
        if name.startswith("GATEWAY_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.fixture
def passphrase(monkeypatch: pytest.MonkeyPatch) -> str:
    """The passphrase of key files in tests, set as a person would set it."""
    monkeypatch.setenv("GATEWAY_PASSPHRASE", PASSPHRASE)
    return PASSPHRASE


@pytest.fixture
def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def pytest_collection_finish() -> None:
    """py_ecc, which a second opinion on tries imports, raises Python's recursion limit a hundredfold: what is nested
    too deeply would then end the process in place of being refused."""
    sys.setrecursionlimit(1000)
