"""Recorded blocks of a real node, read as the source reads them, for tests without a node."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from gateway.proofs import cbor, patricia
from gateway.spi import Evidence, NativeRecord, NetworkId, Segment, VerificationContext
from gateway_evm import entry as entries
from gateway_evm.evidence import EVIDENCE, own_of
from gateway_evm.wire import block_of, receipt_of

FOLDER = Path(__file__).resolve().parents[2] / "recordings" / "evm"
FORKS = ("berlin", "london", "shanghai", "cancun", "osaka")
NOW = datetime(2026, 6, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Recorded:
    native: NativeRecord
    evidence: Evidence
    shared: dict[bytes, bytes]
    material: dict[str, Any]
    height: int


@dataclass
class Anchors:
    """One segment for one network, between two heights."""

    material: dict[str, Any]
    network: bytes
    basis: Any = None
    first: int | None = None
    last: int | None = None
    asked: list[tuple[Any, ...]] = field(default_factory=list)

    def at(self, use: str, subject: str, when: datetime | None = None, height: int | None = None) -> Segment | None:
        self.asked.append((use, subject, when, height))
        if use != "network" or subject != self.network.hex():
            return None
        outside = height is not None and (
            (self.first is not None and height < self.first) or (self.last is not None and height > self.last)
        )
        since = datetime(2020, 1, 1, tzinfo=UTC)
        return None if outside else Segment(use, subject, self.material, since, basis=self.basis)

    def all(self, use: str, subject: str) -> Sequence[Segment]:
        since = datetime(2020, 1, 1, tzinfo=UTC)
        return (Segment(use, subject, self.material, since),) if subject == self.network.hex() else ()


class NothingProven:
    def earliest(self, digest: bytes) -> None:
        return None


@cache
def recording(fork: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads((FOLDER / f"{fork}.json").read_text())
    return made


@cache
def records(fork: str = "osaka") -> tuple[Recorded, ...]:
    """The six entries of a recorded block, in its order."""
    held = recording(fork)
    material = held["segment"]
    network = NetworkId(material["kind"], material["chain"], bytes.fromhex(material["genesis"])).digest
    block = block_of(held["block"])
    receipts = [receipt_of(each) for each in held["receipts"]]
    trie = patricia.build((patricia.index_key(index), raw) for index, (raw, _) in enumerate(receipts))
    assert trie.root == block.receipts_root
    made: list[Recorded] = []
    for index, (_, logs) in enumerate(receipts):
        branch = cbor.encode(list(trie.branch(patricia.index_key(index))))
        shared = {hashlib.sha256(each).digest(): each for each in (block.header, branch)}
        data = bytes.fromhex(held["block"]["transactions"][index]["input"][2:])
        by_hash = {entries.hash_of(each): entries.unpack(each) for each in entries.entries_of(data)}
        for at, log in enumerate(logs):
            entry = by_hash[log.data[32:]]
            source = "0x" + material["contract"]
            locus = {"block": block.hash, "transaction": index, "log": at}
            evidence = Evidence(EVIDENCE, network, {"source": source, "locus": locus}, tuple(shared), own_of(entry))
            made.append(Recorded(NativeRecord(entry.format, entry.body), evidence, shared, material, block.number))
    return tuple(made)


def context(record: Recorded, **changes: Any) -> VerificationContext:
    """What a verifier knows who believes the recording's own segment."""
    anchors = changes.pop("anchors", None) or Anchors(record.material, record.evidence.network)
    shared = changes.pop("shared", record.shared)
    return VerificationContext(now=NOW, anchors=anchors, poe=NothingProven(), shared=shared, **changes)
