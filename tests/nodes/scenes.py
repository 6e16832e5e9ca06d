"""What the tests on a real node have in common: a founded register, records to write, waiting for outcomes."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec

from gateway.spi import (
    Batch,
    DeliveryKey,
    NativeRecord,
    NetworkId,
    Outbound,
    OutcomeOf,
    Pending,
    Position,
    Prepared,
    Relay,
    SourceRecord,
)
from gateway_evm.adapter import EvmAdapter
from gateway_evm.node import Node
from gateway_evm.settings import EvmSettings
from gateway_evm.sink import EvmSink
from gateway_evm.source import EvmSource
from gateway_evm.transaction import Account, Fee

ADAPTER = EvmAdapter()


def key_of(number: int) -> DeliveryKey:
    return DeliveryKey(hashlib.sha256(b"key %d" % number).digest())


def outbound(number: int, *, body: bytes | None = None, digest: bytes | None = None, **changes: Any) -> Outbound:
    """A record to write; `number` gives key, subject and body."""
    content = body if body is not None else b"the body of record %d" % number
    key = key_of(number)
    made = Outbound(
        key=key,
        digest=digest or hashlib.sha256(content).digest(),
        subject=f"XA/xa-application/2026-{number:06}",
        revision=1,
        native=NativeRecord("register-evm", content),
        relay=Relay(key, hashlib.sha256(b"mark %d" % number).digest(), (hashlib.sha256(b"origin").digest(),)),
    )
    return msgspec.structs.replace(made, **changes)


@dataclass
class Scene:
    """A register on a node, and what speaks to it."""

    settings: EvmSettings
    network: NetworkId
    secrets: Any
    node: Node
    opened: list[Any] = field(default_factory=list)

    def sink(self, **changes: Any) -> EvmSink:
        made = ADAPTER.sink(msgspec.structs.replace(self.settings, **changes), self.network, self.secrets)
        self.opened.append(made)
        return made

    def source(self, **changes: Any) -> EvmSource:
        made = ADAPTER.source(msgspec.structs.replace(self.settings, **changes), self.network)
        self.opened.append(made)
        return made

    async def send(self, private: bytes, data: bytes, *, to: bytes | None = None, gas: int = 3_000_000) -> Any:
        """A transaction of anyone's, and its receipt."""
        account = Account(private)
        count = int(await self.node.rpc.call("eth_getTransactionCount", "0x" + account.address.hex(), "pending"), 16)
        signed = account.sign(
            chain=int(self.network.chain),
            nonce=count,
            fee=Fee(10**11, 10**9),
            gas=gas,
            to=self.settings.address if to is None else to,
            data=data,
        )
        await self.node.rpc.call("eth_sendRawTransaction", "0x" + signed.raw.hex())
        return await until(lambda: self.node.rpc.call("eth_getTransactionReceipt", "0x" + signed.hash.hex()))

    async def write(self, records: Sequence[Outbound], sink: EvmSink | None = None) -> list[OutcomeOf]:
        used = sink or self.sink()
        prepared = await used.prepare(records, 1)
        await used.submit(prepared)
        return await settled(used, prepared)

    async def held(self, numbers: Sequence[int]) -> list[bytes]:
        return await self.node.digests([key_of(number) for number in numbers])


@asynccontextmanager
async def scene(url: str, secrets: Any, **changes: Any) -> AsyncIterator[Scene]:
    """A register of its own on the node at `url`."""
    settings = EvmSettings(url=url, finality="instant", poll=0.01, writer="writer", timeout=10.0)
    settings = await ADAPTER.found(msgspec.structs.replace(settings, **changes), secrets)
    made = Scene(settings, await ADAPTER.identify(settings), secrets, Node(settings))
    try:
        yield made
    finally:
        for each in (*made.opened, made.node):
            await each.aclose()


async def until(ask: Any, seconds: float = 20.0) -> Any:
    """The first answer that is something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = await ask()
        if answer:
            return answer
        await asyncio.sleep(0.01)
    raise AssertionError("nothing came in time")


async def settled(sink: EvmSink, prepared: Prepared, seconds: float = 20.0) -> list[OutcomeOf]:
    """The outcomes of an attempt once none is pending."""

    async def ask() -> Sequence[OutcomeOf] | None:
        found = await sink.outcome(prepared)
        return None if any(isinstance(each, Pending) for each in found) else found

    return list(await until(ask, seconds))


async def read(
    source: EvmSource, after: Position | None = None, *, records: int = 0, height: int | None = None
) -> list[Batch]:
    """Batches until that many records, or that height, were read."""
    made: list[Batch] = []
    async with asyncio.timeout(20):
        async for batch in source.read(after):
            made.append(batch)
            count = sum(len(each.records) + len(each.faults) for each in made)
            if count >= records and (height is None or batch.position.height >= height):
                return made
    raise AssertionError("the source ended")


def records_of(batches: Sequence[Batch]) -> list[SourceRecord]:
    return [record for batch in batches for record in batch.records]
