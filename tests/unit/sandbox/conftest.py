"""A ledger in a file, and what a gateway makes of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from gateway.spi import NetworkId
from gateway_sandbox.ledger import Ledger
from gateway_sandbox.settings import SandboxSettings
from gateway_sandbox.sink import SandboxSink
from gateway_sandbox.source import SandboxSource
from tests.unit.sandbox.scenes import CHAIN


@pytest.fixture
def settings(tmp_path: Path) -> SandboxSettings:
    return SandboxSettings(file=str(tmp_path / "xa.ledger"), chain=CHAIN)


@pytest.fixture
def ledger(settings: SandboxSettings) -> Iterator[Ledger]:
    opened = Ledger.found(settings.file, settings.chain)
    yield opened
    opened.close()


@pytest.fixture
def network(ledger: Ledger) -> NetworkId:
    return NetworkId("sandbox", CHAIN, ledger.genesis.digest)


@pytest.fixture
async def source(settings: SandboxSettings, network: NetworkId) -> AsyncIterator[SandboxSource]:
    opened = SandboxSource(settings, network)
    yield opened
    await opened.aclose()


@pytest.fixture
async def sink(settings: SandboxSettings, network: NetworkId) -> AsyncIterator[SandboxSink]:
    opened = SandboxSink(settings, network)
    yield opened
    await opened.aclose()
