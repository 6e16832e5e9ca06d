"""Reads a sandbox ledger for a gateway: final blocks in order, each record with its evidence."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Final

from gateway.errors import Broken, fault
from gateway.spi import Batch, NativeRecord, NetworkId, Position, Relay, SourceRecord
from gateway_sandbox.blocks import CHANGE_FORMAT, instant
from gateway_sandbox.evidence import MOST_CHANGES, NAME, Extraction, Own, evidence_of, locus
from gateway_sandbox.ledger import DAMAGED, Change, Ledger, StoredBlock
from gateway_sandbox.settings import SandboxSettings
from gateway_sandbox.thread import LedgerThread

__all__ = ["SandboxSource"]

_BATCH_RECORDS: Final = 1000
_BATCH_BYTES: Final = 8 * 1024 * 1024
_FAR: Final = 2**53

FORKED = fault(
    "sandbox.forked",
    "The ledger does not hold the block up to which it was read.",
    "It was put back to an older copy, or replaced. Give the gateway the right file, then `gateway network resume`.",
)


class SandboxSource:
    """A block is final as soon as it is there: it came into the file with its signatures, and never leaves it."""

    name = NAME

    def __init__(self, settings: SandboxSettings, network: NetworkId) -> None:
        self._settings = settings
        self._network = network.digest
        self._thread = LedgerThread(settings.file, network)

    async def read(self, after: Position | None, until: Position | None = None) -> AsyncIterator[Batch]:
        """See `gateway.spi.Source`. Nothing is read ahead: the next batch is read when it is asked for."""
        at = after
        while not self._thread.closed and (until is None or at is None or at.height < until.height):
            version, batch = await self._thread.run(self._next, at, until)
            if batch is None:
                await self._thread.changed(version, self._settings.poll)
            else:
                at = batch.position
                yield batch

    async def aclose(self) -> None:
        await self._thread.aclose()

    def _next(self, ledger: Ledger, at: Position | None, until: Position | None) -> tuple[int, Batch | None]:
        """The batch after `at`, or None where nothing is there yet; and the file's version before it was looked at."""
        version = ledger.version()
        seen = datetime.now(UTC)
        start = at or Position(0, ledger.genesis.digest)
        if ledger.digest(start.height) != start.block:
            raise Broken(FORKED, f"block {start.height} is missing or another one", where=str(ledger.file))
        last = _FAR if until is None else until.height
        blocks = ledger.blocks(start.height, last, entries=_BATCH_RECORDS, content=_BATCH_BYTES)
        if not blocks:
            return version, None
        end = Position(blocks[-1].header.number, blocks[-1].digest)
        if until is not None and end.height == until.height and end.block != until.block:
            raise Broken(FORKED, f"block {end.height} is not the one to read up to", where=str(ledger.file))
        shared: dict[bytes, bytes] = {}
        records: list[SourceRecord] = []
        changes = ledger.changes()
        parent = start
        for block in blocks:
            _follows(block, parent, ledger)
            parent = Position(block.header.number, block.digest)
            documents = _documents(block, changes, ledger)
            shared.update(documents)
            records += self._records(block, tuple(documents))
        head = ledger.head().number
        return version, Batch(parent=at, position=end, head=head, seen=seen, records=tuple(records), shared=shared)

    def _records(self, block: StoredBlock, shared: tuple[bytes, ...]) -> list[SourceRecord]:
        time = instant(block.header.time)
        records = []
        for index, (entry, branch) in enumerate(block.proven()):
            if entry.format == CHANGE_FORMAT:
                continue  # the ledger's own affair, no record of an office
            leaf = entry.leaf
            own = Own(leaf, branch, entry.mark, entry.path, entry.salt, entry.subject)
            extraction = Extraction(block.digest, index, leaf.key)
            records.append(
                SourceRecord(
                    source=NAME,
                    locus=locus(block.digest, index),
                    native=NativeRecord(entry.format, entry.content),
                    evidence=evidence_of(self._network, extraction, own, shared),
                    time=time,
                    entry=leaf.key,
                    relay=Relay(leaf.key, entry.mark, entry.path),
                    withdraws=leaf.supersedes if leaf.withdrawn else None,
                )
            )
        return records


def _follows(block: StoredBlock, parent: Position, ledger: Ledger) -> None:
    """Raises Broken unless the block's header says that it is the next one."""
    if (block.header.number, block.header.parent) != (parent.height + 1, parent.block):
        detail = f"block {block.header.number} does not follow block {parent.height}"
        raise Broken(DAMAGED, detail, where=str(ledger.file))


def _documents(block: StoredBlock, changes: Sequence[Change], ledger: Ledger) -> dict[bytes, bytes]:
    """What the block's records share, by digest, in the order in which evidence names it."""
    documents = [block.document, ledger.set(block.header.validators)]
    before = [change for change in changes if change.header.number < block.header.number]
    for change in reversed(before[-MOST_CHANGES:]):
        documents += [change.document, change.earlier]
    return {hashlib.sha256(document).digest(): document for document in documents}
