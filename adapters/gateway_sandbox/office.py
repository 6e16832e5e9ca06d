"""How an office writes records of its own: the same sink, a random mark, and a path that begins here."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence

import msgspec

from gateway.errors import Permanent, fault
from gateway.spi import DeliveryKey, NativeRecord, NetworkId, Outbound, Relay, Written
from gateway_sandbox.ledger import Ledger
from gateway_sandbox.settings import SandboxSettings
from gateway_sandbox.sink import SandboxSink

__all__ = ["own_record", "write"]

_AT_ONCE = 500

NOT_WRITTEN = fault(
    "sandbox.not-written", "The ledger did not take an entry.", "The detail has the ledger's own word for each."
)


def own_record(
    format: str,  # noqa: A002
    content: bytes,
    subject: str,
    *,
    supersedes: bytes | None = None,
    withdrawn: bool = False,
) -> Outbound:
    """One record of the office's own, to be written. `supersedes` is the key of an entry that it replaces, or voids."""
    key = DeliveryKey(os.urandom(32))
    return Outbound(
        key=key,
        digest=hashlib.sha256(content).digest(),
        subject=subject,
        revision=1,
        native=NativeRecord(format, content),
        relay=Relay(key, os.urandom(32)),
        withdrawn=withdrawn,
        supersedes=None if supersedes is None else DeliveryKey(supersedes),
    )


async def write(settings: SandboxSettings, records: Sequence[Outbound], *, writer: str = "office") -> list[Written]:
    """Writes them in their order and says where each stands. Raises Permanent unless the ledger took all of them."""
    with_ledger = Ledger(settings.file)
    network = NetworkId("sandbox", with_ledger.genesis.chain, with_ledger.genesis.digest)
    with_ledger.close()
    sink = SandboxSink(msgspec.structs.replace(settings, writer=writer), network)
    written: list[Written] = []
    try:
        for start in range(0, len(records), _AT_ONCE):
            attempt = await sink.prepare(records[start : start + _AT_ONCE], fence=0)
            await sink.submit(attempt)
            for index, outcome in enumerate(await sink.outcome(attempt), start):
                if not isinstance(outcome, Written):
                    raise Permanent(NOT_WRITTEN, str(outcome), where=str(index))
                written.append(outcome)
    finally:
        await sink.aclose()
    return written
