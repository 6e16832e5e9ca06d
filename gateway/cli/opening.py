"""What commands open: the configuration, and the database for reading."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click

from gateway import config
from gateway.cli import NotFound
from gateway.config import Config
from gateway.errors import fault

__all__ = ["answer", "network_of", "opened"]

Answer = TypeVar("Answer")

NO_NETWORK = fault(
    "command.no-network", "The configuration has no network of this name.", "`gateway network list` shows them."
)


def opened(file: Path) -> Config:
    """The configuration. Raises ConfigError with all its faults."""
    return config.load(file)


def network_of(read: Config, name: str) -> str:
    """`name`, where the configuration has it. Raises NotFound."""
    if name not in read.document.networks:
        known = ", ".join(read.document.networks)
        raise NotFound(NO_NETWORK, f"{name!r} is not among {known}", where=str(read.file))
    return name


def answer(work: Coroutine[Any, Any, Answer]) -> Answer:
    """Runs one coroutine to its end. Raises what it raises; click.Abort on an interrupt."""
    try:
        return asyncio.run(work)
    except KeyboardInterrupt as error:
        raise click.Abort from error
