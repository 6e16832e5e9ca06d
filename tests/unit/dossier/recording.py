"""One record of a real EVM node, kept, so that its dossier can be judged where no node is.

`ANVIL_BIN=… python -m tests.unit.dossier.recording` makes `recordings/evm-receipt-1.json` again: a node, the contract,
three records in one transaction, of which the second is kept with the evidence that the source gave it.
"""

from __future__ import annotations

import asyncio
import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from gateway.proofs import cbor
from gateway.spi import DeliveryKey, Evidence, NativeRecord, NetworkId, Outbound, Relay, SourceRecord

FILE: Final = Path(__file__).parent / "recordings" / "evm-receipt-1.json"


class Recording(msgspec.Struct, frozen=True):
    """What the source of a network gave for one record, and what its adapter says of the network."""

    network: NetworkId
    material: dict[str, Any]
    record: SourceRecord
    height: int
    shared: dict[bytes, bytes]

    def encode(self) -> bytes:
        record = self.record
        value = {
            "kind": self.network.kind,
            "chain": self.network.chain,
            "genesis": self.network.genesis.hex(),
            "material": self.material,
            "height": self.height,
            "source": record.source,
            "locus": cbor.encode(dict(record.locus)).hex(),
            "format": record.native.format,
            "native": record.native.content.hex(),
            "evidence": record.evidence.encode().hex(),
            "time": record.time.isoformat(),
            "entry": record.entry.hex(),
            "mark": record.relay.mark.hex(),
            "shared": [content.hex() for content in self.shared.values()],
        }
        return json.dumps(value, indent=1).encode() + b"\n"


def recorded() -> Recording:
    """The recording that is kept."""
    import hashlib

    value = json.loads(FILE.read_bytes())
    evidence = cbor.decode(bytes.fromhex(value["evidence"]))
    shared = [bytes.fromhex(content) for content in value["shared"]]
    entry = bytes.fromhex(value["entry"])
    return Recording(
        NetworkId(value["kind"], value["chain"], bytes.fromhex(value["genesis"])),
        value["material"],
        SourceRecord(
            source=value["source"],
            locus=cbor.decode(bytes.fromhex(value["locus"])),
            native=NativeRecord(value["format"], bytes.fromhex(value["native"])),
            evidence=Evidence(**{**evidence, "shared": tuple(evidence["shared"])}),
            time=datetime.fromisoformat(value["time"]),
            entry=entry,
            relay=Relay(entry, bytes.fromhex(value["mark"])),
        ),
        value["height"],
        {hashlib.sha256(content).digest(): content for content in shared},
    )


async def _record(url: str) -> Recording:
    from gateway.mapping import MappingLibrary
    from gateway_evm.adapter import EvmAdapter
    from gateway_evm.settings import EvmSettings
    from tests.nodes.conftest import FUNDED, KeysByName
    from tests.unit.dossier.corpus import native_of

    library, adapter = MappingLibrary.shipped(), EvmAdapter()
    secrets = KeysByName(writer=FUNDED, subjects=b"s" * 32)
    settings = EvmSettings(url=url, writer="writer", subject_key="subjects", finality="instant", poll=0.01)
    settings = await adapter.found(settings, secrets)
    network = await adapter.identify(settings)
    sink, source = adapter.sink(settings, network, secrets), adapter.source(settings, network)
    outbound = []
    for number in ("XB-2026-000416", "XB-2026-000417", "XB-2026-000418"):
        native = native_of(of="XB", no={"o": "XB", "t": "xb-application", "n": number})
        common = library.by_format("register-sandbox").to_common(native).records[0].record
        body = library.by_format("register-evm").to_native([common]).native
        key = DeliveryKey(os.urandom(32))
        relay = Relay(key, os.urandom(32))
        outbound.append(Outbound(key, body.digest, f"XB/xb-application/{number}", 1, body, relay))
    try:
        attempt = await sink.prepare(outbound, fence=1)
        await sink.submit(attempt)
        async for batch in source.read(None):
            if len(batch.records) == 3:
                record = batch.records[1]
                shared = {digest: batch.shared[digest] for digest in record.evidence.shared}
                material = dict(await adapter.segment(settings))
                return Recording(network, material, record, batch.position.height, shared)
            if batch.records:
                raise RuntimeError("the three records are not in one block")
    finally:
        await sink.aclose()
        await source.aclose()
    raise RuntimeError("the source ended")


def main() -> None:
    from tests.conftest import find_anvil
    from tests.nodes.conftest import Anvil

    found = find_anvil()
    if found is None:
        raise SystemExit("no anvil: name one in ANVIL_BIN")
    node = Anvil(found)
    node.start()
    try:
        made = asyncio.run(_record(node.url))
    finally:
        node.stop()
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_bytes(made.encode())


if __name__ == "__main__":
    main()
