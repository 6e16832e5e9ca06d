"""A real EVM node for tests: anvil on a free loopback port, and the register on it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FUNDED = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
"""The key of anvil's first account, known to everyone."""
SECOND = bytes.fromhex("59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d")
GENESIS_TIME = 1_700_000_000
"""Given to every node, for else each start is another network."""


@dataclass
class Anvil:
    """A node that can be stopped and started again, on the same port."""

    binary: str
    options: tuple[str, ...] = ()
    port: int = 0
    process: subprocess.Popen[str] | None = None
    said: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [self.binary, "--port", str(self.port), "--timestamp", str(GENESIS_TIME), *self.options]
        self.said = []
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True
        )
        listening = threading.Event()
        threading.Thread(target=self._read, args=(self.process, listening), daemon=True).start()
        end = time.monotonic() + 30
        while not listening.wait(0.02):
            if self.process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise RuntimeError("anvil did not start: " + " / ".join(self.said[-5:]))
        self.port = int(re.search(r":(\d+)\s*$", self.said[-1]).group(1))

    def _read(self, process: subprocess.Popen[str], listening: threading.Event) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:  # to the end: a full pipe would stop the node
                if not listening.is_set():
                    self.said.append(line.rstrip())
                if line.startswith("Listening on"):
                    listening.set()

    def stop(self, *, kill: bool = False) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        if kill:
            process.kill()
        else:
            process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class KeysByName:
    """A key store of these keys."""

    def __init__(self, **keys: bytes) -> None:
        self._keys = keys

    def private(self, name: str) -> bytes:
        return self._keys[name]


@pytest.fixture(scope="session")
def secrets() -> KeysByName:
    return KeysByName(writer=FUNDED, second=SECOND, subjects=b"s" * 32)


@pytest.fixture(scope="session")
def anvil_binary() -> str:
    """anvil, fetched where it is missing."""
    return _provided("anvil")


@pytest.fixture
def make_anvil(anvil_binary: str) -> Iterator[object]:
    """Starts nodes with these options; all are stopped at the end."""
    made: list[Anvil] = []

    def make(*options: str) -> Anvil:
        node = Anvil(anvil_binary, options)
        made.append(node)
        node.start()
        return node

    yield make
    for node in made:
        node.stop()


@pytest.fixture
def anvil(make_anvil: object) -> Anvil:
    """A node that makes a block at once, and one a second without cause."""
    return make_anvil("--block-time", "1", "--mixed-mining")  # type: ignore[operator]


@pytest.fixture
def still_anvil(make_anvil: object) -> Anvil:
    """A node that makes a block for each transaction, and none without cause."""
    return make_anvil()  # type: ignore[operator]


@pytest.fixture(scope="module")
def shared_anvil(anvil_binary: str) -> Iterator[Anvil]:
    """One node for the tests of a module that do not disturb each other."""
    node = Anvil(anvil_binary, ("--block-time", "1", "--mixed-mining"))
    node.start()
    yield node
    node.stop()


def _provided(what: str) -> str:
    """A path that tools/provision.py gives; skipped with its reason, or failed where REQUIRE_NODES names it."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "provision.py"), what], capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return done.stdout.strip()
    reason = done.stderr.strip().splitlines()[-1]
    required = {name.strip() for name in os.environ.get("REQUIRE_NODES", "").split(",")}
    if what in required or (what == "node" and "solc" in required):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def solc_folder() -> Path:
    """The folder node_modules that holds solc."""
    return Path(_provided("solc"))


@pytest.fixture(scope="session")
def node_binary() -> str:
    """Node, which runs solc."""
    return _provided("node")
