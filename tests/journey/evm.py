"""An office with a sandbox ledger and one with a real EVM node, a gateway between them."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from gateway.journey.assembly import Assembly, NetworkPlan
from gateway.model import records
from gateway.model.records import CommonRecord
from gateway.spi import Basis, DeliveryKey, NetworkId, Outbound, Pending, Relay, SourceRecord
from gateway.trust import did
from gateway.trust.registry import RegistryWriter
from gateway.trust.signer import Ed25519Signer
from gateway.trust.statements import KeyOf
from gateway_evm import register
from gateway_evm.adapter import EvmAdapter
from gateway_evm.settings import EvmSettings
from gateway_evm.transaction import Account
from tests.journey.world import BEGAN, World, add_network, both_ways, make_world, native
from tests.nodes.conftest import FUNDED, SECOND, KeysByName
from tests.nodes.scenes import Scene, scene

SECRETS = KeysByName(writer=FUNDED, second=SECOND, subjects=b"s" * 32)


@dataclass
class EvmOffice:
    """An office whose register is a contract; it writes from an account of its own."""

    name: str
    code: str
    settings: EvmSettings
    network: NetworkId
    issuer: Ed25519Signer
    adapter: Any = field(default_factory=EvmAdapter)
    writes: str | None = "register-evm"
    read: bool = True

    @property
    def did(self) -> str:
        return f"did:web:{self.name}.example"

    @property
    def method(self) -> str:
        return f"{self.did}#key-1"

    async def write(self, *items: CommonRecord) -> None:
        """Write records of the office's own, and wait until they are final."""
        sink = EvmAdapter().sink(msgspec.structs.replace(self.settings, writer="second"), self.network, SECRETS)
        try:
            for start in range(0, len(items), 40):
                made = [_own(item) for item in items[start : start + 40]]
                prepared = await sink.prepare(made, 0)
                await sink.submit(prepared)
                while any(isinstance(each, Pending) for each in await sink.outcome(prepared)):
                    pass
        finally:
            await sink.aclose()

    async def entries(self) -> list[SourceRecord]:
        """All that stands in the register, as a source reads it."""
        source = EvmAdapter().source(self.settings, self.network)
        found: list[SourceRecord] = []
        try:
            async for batch in source.read(None):
                found += batch.records
                if batch.position.height >= batch.head:
                    break
        finally:
            await source.aclose()
        return found

    async def foreign(self) -> list[SourceRecord]:
        return [entry for entry in await self.entries() if entry.relay.path]


def _own(item: CommonRecord) -> Outbound:
    key = DeliveryKey(os.urandom(32))
    content = native(item, "register-evm")
    return Outbound(key, os.urandom(32), records.subjects_of(item)[0], 1, content, Relay(key, os.urandom(32)))


async def evm_world(folder: Path, url: str, **settings: Any) -> World:
    """xa on a sandbox ledger, xb on the node at `url`."""
    world = make_world(folder, ("xa",))
    async with scene(url, SECRETS, subject_key="subjects", **settings) as made:
        await allow_second(made)
        network = await EvmAdapter().identify(made.settings)
        office: Any = EvmOffice("xb", "XB", made.settings, network, Ed25519Signer.generate())
        root = Ed25519Signer.generate()
        writer = RegistryWriter.new([root], issued=BEGAN, name="Registrar of the tests")
        for each in (world["xa"], office):
            writer.add_office(
                [root],
                did=each.did,
                codes=[each.code],
                name=each.code,
                keys=[KeyOf(each.method, did.encode_key(each.issuer.public), BEGAN)],
                issued=BEGAN,
            )
        add_network(writer, root, world["xa"], BEGAN)
        writer.add_network(
            [root],
            network=network,
            office="XB",
            material=dict(await EvmAdapter().segment(made.settings)),
            basis=Basis.ATTESTED,
            since=BEGAN,
            issued=BEGAN,
        )
    world.offices["xb"] = office
    world.registry = writer.registry()
    world.routes = both_ways(["xa", "xb"])
    return EvmWorld(**{each.name: getattr(world, each.name) for each in dataclasses.fields(world)})


class EvmWorld(World):
    """The same with the EVM writer's keys handed to the gateway."""

    def assembly(self) -> Assembly:
        made = super().assembly()
        networks: Sequence[NetworkPlan] = made.networks
        return dataclasses.replace(made, networks=tuple(dataclasses.replace(one, secrets=SECRETS) for one in networks))


async def allow_second(made: Scene) -> None:
    receipt = await made.send(FUNDED, register.set_writer(Account(SECOND).address, allowed=True))
    assert int(receipt["status"], 16) == 1


def once(entries: Sequence[SourceRecord], expected: Sequence[CommonRecord]) -> None:
    """Every record stands there once."""
    found = Counter(entry.native.content for entry in entries)
    wanted = Counter(native(one, "register-evm").content for one in expected)
    assert found - wanted == Counter(), "landed twice, or from nowhere"
    assert wanted - found == Counter(), "lost"


__all__ = ["EvmOffice", "EvmWorld", "evm_world", "once"]
