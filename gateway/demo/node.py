"""A real EVM node for the demonstration: anvil, on a free loopback port, ended with the block that started it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from gateway.errors import ConfigError, Transient, fault

__all__ = ["anvil", "find_anvil"]

NO_NODE = fault(
    "demo.no-node",
    "There is no EVM node to show the crossing on.",
    "In a checkout `make demo` fetches one. Or install anvil (Foundry) and put it on the PATH, or name its binary: "
    "ANVIL_BIN=/path/to/anvil.",
)
NOT_UP = fault(
    "demo.node-not-up", "The node did not start.", "Run it by hand to see why; ANVIL_BIN names another binary."
)

_START_SECONDS: Final = 20.0
_OPTIONS: Final = ("--port", "0", "--block-time", "1", "--mixed-mining", "--base-fee", "0", "--gas-price", "0")
"""Blocks come each second and as soon as something is sent; an account needs no funds."""


def find_anvil() -> str:
    """The binary: $ANVIL_BIN, one below .nodes/ here or beside this checkout, or on the PATH. Raises ConfigError."""
    named = os.environ.get("ANVIL_BIN")
    if named:
        if os.access(named, os.X_OK):
            return named
        raise ConfigError(NO_NODE, "ANVIL_BIN names no program", where=named)
    for folder in (Path.cwd(), Path(__file__).resolve().parents[2]):
        for found in sorted((folder / ".nodes").rglob("anvil")):
            if found.is_file() and os.access(found, os.X_OK):
                return str(found)
    found_on_path = shutil.which("anvil")
    if found_on_path:
        return found_on_path
    raise ConfigError(NO_NODE)


@contextmanager
def anvil(binary: str) -> Iterator[str]:
    """The JSON-RPC address of a node that runs as long as the block. Raises Transient where it does not start."""
    process = subprocess.Popen(  # noqa: S603  # the program that the person or the checkout named
        [binary, *_OPTIONS], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True
    )
    try:
        yield _address(process)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    said: list[str] = []
    found = threading.Event()

    def read() -> None:
        # goes on reading after the address was found: a full pipe would stop the node
        for line in process.stdout or ():
            if not found.is_set():
                said.append(line.rstrip())
            if line.startswith("Listening on"):
                found.set()

    threading.Thread(target=read, name="anvil's output", daemon=True).start()
    end = time.monotonic() + _START_SECONDS
    while not found.wait(0.02):
        if process.poll() is not None or time.monotonic() > end:
            raise Transient(NOT_UP, " / ".join(said[-3:]) or "it said nothing")
    match = re.search(r"Listening on (\S+)", said[-1])
    if match is None:
        raise Transient(NOT_UP, said[-1])
    return f"http://{match[1]}"
