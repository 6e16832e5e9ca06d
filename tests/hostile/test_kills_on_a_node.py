"""Gateways killed at random instants while they write to a real EVM node: 0 lost, 0 twice, counted on the chain."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.model.records import CommonRecord
from gateway.trust.signer import Ed25519Signer
from gateway_evm.adapter import EvmAdapter
from gateway_evm.settings import EvmSettings
from gateway_sandbox.settings import SandboxSettings
from tests.journey.evm import EvmOffice, once
from tests.journey.nursery import Nursery
from tests.journey.world import Office, application, event
from tests.nodes.conftest import Anvil

pytestmark = [pytest.mark.anvil, pytest.mark.slow]


@pytest.fixture
def node(anvil_binary: str) -> Iterator[Anvil]:
    made = Anvil(anvil_binary, ("--block-time", "1", "--mixed-mining"))
    made.start()
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    made = Nursery()
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("restores", [False, True])
def test_kills_while_a_node_is_written_to(tmp_path: Path, node: Anvil, nursery: Nursery, restores: bool) -> None:
    chance = random.Random(815 + restores)
    contract = nursery.make(tmp_path, node.url)
    settings = EvmSettings(url=node.url, contract=contract, finality="instant", poll=0.01)
    network = asyncio.run(EvmAdapter().identify(settings))
    ledger = SandboxSettings(file=str(tmp_path / "xa.ledger"), chain="xa-chain")
    xa = Office("xa", "XA", ledger, Ed25519Signer.generate())
    xb: Any = EvmOffice("xb", "XB", settings, network, xa.issuer)
    ours: list[CommonRecord] = []
    theirs: list[CommonRecord] = []
    kept = tmp_path / "kept.db"
    for turn in range(5 if restores else 15):
        if restores:
            with sqlite3.connect(tmp_path / "gateway.db") as there, sqlite3.connect(kept) as here:
                there.backup(here)
        process = nursery.run()
        end = time.monotonic() + chance.uniform(0.1, 2.0)
        while time.monotonic() < end:
            number = turn * 1000 + len(ours)
            some: list[CommonRecord] = [
                application("XA", number),
                event("XA", chance.randint(1, 5), national_code=f"n{number}"),
            ]
            asyncio.run(xa.write(*some))
            ours += some
            time.sleep(chance.uniform(0, 0.03))
        if turn % 3 == 0:
            theirs.append(application("XB", turn))
            asyncio.run(xb.write(theirs[-1]))
        nursery.kill(process)
        if restores:
            for left in tmp_path.glob("gateway.db*"):
                left.unlink()
            kept.rename(tmp_path / "gateway.db")
    nursery.settle()
    once(asyncio.run(xb.foreign()), ours)
    assert len(xa.foreign()) == len(theirs)
    assert len(ours) > 60
