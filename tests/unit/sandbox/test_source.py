"""Reading a ledger: order, positions, evidence, waiting, and what must stop a source."""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.errors import Broken, Transient
from gateway.spi import Batch, NetworkId, Position, SourceRecord, record_key
from gateway_sandbox.adapter import SandboxAdapter
from gateway_sandbox.blocks import instant
from gateway_sandbox.ledger import Ledger
from gateway_sandbox.settings import SandboxSettings
from gateway_sandbox.source import SandboxSource
from gateway_sandbox.verifier import Anchor
from tests.unit.sandbox.scenes import CHAIN, entry, outcomes, segment, verify


def write(ledger: Ledger, *numbers: int) -> None:
    ledger.append([entry(number) for number in numbers], writer="office", fence=1)


async def read(source: SandboxSource, records: int, after: Position | None = None) -> list[Batch]:
    """Batches until so many records are there."""
    batches: list[Batch] = []
    async with asyncio.timeout(20):
        async for batch in source.read(after):
            batches.append(batch)
            if sum(len(each.records) for each in batches) >= records:
                break
    return batches


def records(batches: list[Batch]) -> list[SourceRecord]:
    return [record for batch in batches for record in batch.records]


async def test_records_come_in_order_with_what_was_written_beside_them(ledger: Ledger, source: SandboxSource) -> None:
    given = [entry(0), entry(1, path=(os.urandom(32),)), entry(2, withdrawn=True, supersedes=entry(0).key)]
    ledger.append(given[:2], writer="office", fence=1)
    ledger.append(given[2:], writer="office", fence=1)
    found = records(await read(source, 3))
    assert [record.entry for record in found] == [each.key for each in given]
    assert [(record.native.format, record.native.content) for record in found] == [
        (each.format, each.content) for each in given
    ]
    assert [(r.relay.key, r.relay.mark, r.relay.path) for r in found] == [(e.key, e.mark, e.path) for e in given]
    assert [record.withdraws for record in found] == [None, None, given[0].key]
    assert {record.source for record in found} == {"ledger"}
    blocks = [ledger.digest(1), ledger.digest(1), ledger.digest(2)]
    assert [record.locus for record in found] == [
        {"block": block, "index": index} for block, index in zip(blocks, (0, 1, 0), strict=True)
    ]


async def test_a_correction_withdraws_nothing(ledger: Ledger, source: SandboxSource) -> None:
    write(ledger, 0)
    ledger.append([entry(1, supersedes=entry(0).key)], writer="office", fence=1)
    assert [record.withdraws for record in records(await read(source, 2))] == [None, None]


async def test_many_blocks_come_in_one_batch_but_not_too_many(ledger: Ledger, source: SandboxSource) -> None:
    for first in range(0, 2500, 100):
        write(ledger, *range(first, first + 100))
    batches = await read(source, 2500)
    assert [len(batch.records) for batch in batches] == [1000, 1000, 500]
    assert [batch.position.height for batch in batches] == [10, 20, 25]
    assert {batch.head for batch in batches} == {25}
    assert len({record.entry for record in records(batches)}) == 2500


async def test_large_contents_make_smaller_batches(ledger: Ledger, source: SandboxSource) -> None:
    for number in range(4):
        ledger.append([entry(number, content=bytes(5 * 1024 * 1024))], writer="office", fence=1)
    assert [len(batch.records) for batch in await read(source, 4)] == [1, 1, 1, 1]


async def test_each_batch_follows_the_one_before(ledger: Ledger, source: SandboxSource) -> None:
    for first in range(0, 3000, 500):
        write(ledger, *range(first, first + 500))
    batches = await read(source, 3000)
    assert [batch.parent for batch in batches] == [None, *(batch.position for batch in batches[:-1])]
    for batch in batches:
        assert batch.position.block == ledger.digest(batch.position.height)


async def test_reading_goes_on_after_a_position(ledger: Ledger, source: SandboxSource) -> None:
    for number in range(6):
        write(ledger, number)
    (whole,) = await read(source, 6)
    middle = Position(4, ledger.digest(4) or b"")
    (rest,) = await read(source, 2, after=middle)
    assert rest.parent == middle
    assert rest.records == whole.records[4:], "the same, evidence and all, wherever reading began"


async def test_until_ends_there(ledger: Ledger, source: SandboxSource) -> None:
    for number in range(6):
        write(ledger, number)
    end = Position(4, ledger.digest(4) or b"")
    batches = [batch async for batch in source.read(None, end)]
    assert [record.entry for record in records(batches)] == [entry(number).key for number in range(4)]
    assert batches[-1].position == end
    assert [batch async for batch in source.read(end, end)] == []


async def test_until_waits_for_a_block_that_is_not_there_yet(ledger: Ledger, source: SandboxSource) -> None:
    write(ledger, 0)
    foreign = Position(2, os.urandom(32))

    async def reading() -> None:
        async for _ in source.read(None, foreign):
            pass

    task = asyncio.create_task(reading())
    await asyncio.sleep(0.05)
    assert not task.done()
    write(ledger, 1)
    with pytest.raises(Broken, match="not the one to read up to"):
        async with asyncio.timeout(5):
            await task


async def test_evidence_verifies_and_shared_documents_are_named_once(
    ledger: Ledger, source: SandboxSource, network: NetworkId
) -> None:
    write(ledger, *range(10))
    write(ledger, *range(10, 30))
    (batch,) = await read(source, 30)
    assert len(batch.shared) == 3, "two blocks, and the set of validators that signed both"
    anchor = Anchor(CHAIN, ledger.genesis.digest, ledger.genesis.set, 0)
    for record in batch.records:
        assert set(record.evidence.shared) <= set(batch.shared)
        report = verify(record, batch.shared, segment(network.digest, anchor.material()))
        assert outcomes(report) == {"passed"}
        assert (report.source, report.locus) == (record.source, record.locus)
        assert report.findings[0].time == record.time


async def test_evidence_leads_over_changes_of_validators(
    ledger: Ledger, source: SandboxSource, network: NetworkId
) -> None:
    write(ledger, 0)
    ledger.change_validators(1)
    write(ledger, 1)
    ledger.change_validators(4)
    later = ledger.validators_at(99)
    write(ledger, 2)
    (batch,) = await read(source, 3)
    assert [len(record.evidence.shared) for record in batch.records] == [2, 4, 6]
    from_genesis = Anchor(CHAIN, ledger.genesis.digest, ledger.genesis.set, 0)
    for record in batch.records:
        report = verify(record, batch.shared, segment(network.digest, from_genesis.material()))
        assert outcomes(report) == {"passed"}
    from_later = Anchor(CHAIN, ledger.genesis.digest, later, 5)
    report = verify(batch.records[2], batch.shared, segment(network.digest, from_later.material()))
    assert outcomes(report) == {"passed"}
    report = verify(batch.records[1], batch.shared, segment(network.digest, from_later.material()))
    assert outcomes(report) == {"indeterminate"}


async def test_evidence_leads_back_over_as_many_changes_as_fit(
    ledger: Ledger, source: SandboxSource, network: NetworkId
) -> None:
    for _ in range(33):
        ledger.change_validators(1)
    write(ledger, 0)
    (batch,) = await read(source, 1)
    (record,) = batch.records
    assert len(record.evidence.shared) == 64
    anchor = Anchor(CHAIN, ledger.genesis.digest, ledger.validators_at(3), 3)
    assert outcomes(verify(record, batch.shared, segment(network.digest, anchor.material()))) == {"passed"}
    anchor = Anchor(CHAIN, ledger.genesis.digest, ledger.validators_at(2), 2)
    assert outcomes(verify(record, batch.shared, segment(network.digest, anchor.material()))) == {"indeterminate"}


async def test_a_change_of_validators_is_a_checkpoint_and_no_record(ledger: Ledger, source: SandboxSource) -> None:
    ledger.change_validators()
    async for batch in source.read(None):
        assert batch.records == ()
        assert batch.position == Position(1, ledger.digest(1) or b"")
        break


async def test_times_are_the_blocks_and_record_keys_do_not_depend_on_who_reads(
    ledger: Ledger, source: SandboxSource, network: NetworkId, settings: SandboxSettings
) -> None:
    write(ledger, 0)
    (batch,) = await read(source, 1)
    (record,) = batch.records
    (block,) = ledger.blocks(0, 1, entries=1, content=1)
    assert record.time == instant(block.header.time)
    assert record.time.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - batch.seen) < timedelta(seconds=20)
    other = SandboxSource(settings, network)
    again = records(await read(other, 1))[0]
    await other.aclose()
    key = record_key(network.digest, record.source, record.locus, 0)
    assert record_key(network.digest, again.source, again.locus, 0) == key


class TestWaiting:
    async def test_a_new_block_is_noticed_within_milliseconds(self, ledger: Ledger, source: SandboxSource) -> None:
        delays: list[float] = []
        written = 0.0

        async def writing() -> None:
            nonlocal written
            for number in range(40):
                await asyncio.sleep(0.02)
                write(ledger, number)
                written = time.perf_counter()

        task = asyncio.create_task(writing())
        async with asyncio.timeout(30):
            async for batch in source.read(None):
                delays.append(time.perf_counter() - written)
                if batch.position.height == 40:
                    break
        await task
        assert statistics.median(delays) < 0.005

    async def test_waiting_costs_next_to_nothing(self, source: SandboxSource) -> None:
        task = asyncio.create_task(read(source, 1))
        await asyncio.sleep(0.1)
        before = time.process_time()
        await asyncio.sleep(1.0)
        assert time.process_time() - before < 0.25
        task.cancel()

    async def test_closing_ends_the_wait(self, source: SandboxSource) -> None:
        task = asyncio.create_task(read(source, 1))
        await asyncio.sleep(0.05)
        start = time.monotonic()
        await source.aclose()
        assert await task == []
        assert time.monotonic() - start < 1.0

    async def test_closing_twice_and_without_ever_reading(self, source: SandboxSource) -> None:
        await source.aclose()
        await source.aclose()

    async def test_a_cancelled_wait_leaves_nothing_behind(self, ledger: Ledger, source: SandboxSource) -> None:
        task = asyncio.create_task(read(source, 1))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        write(ledger, 0)
        assert len(records(await read(source, 1))) == 1


class TestWhatStopsASource:
    async def test_a_position_of_a_block_that_is_another_one(self, ledger: Ledger, source: SandboxSource) -> None:
        write(ledger, 0)
        with pytest.raises(Broken, match="block 1 is missing or another one"):
            await read(source, 1, after=Position(1, os.urandom(32)))

    async def test_a_ledger_put_back_to_an_older_copy(
        self, ledger: Ledger, settings: SandboxSettings, network: NetworkId
    ) -> None:
        write(ledger, 0)
        ledger.close()
        shutil.copy(settings.file, settings.file + ".old")
        again = Ledger(settings.file)
        write(again, 1)
        position = Position(2, again.digest(2) or b"")
        again.close()
        Path(settings.file + ".old").replace(settings.file)
        source = SandboxSource(settings, network)
        with pytest.raises(Broken, match="block 2 is missing"):
            await read(source, 1, after=position)
        await source.aclose()

    async def test_a_fork_of_the_same_chain(
        self, ledger: Ledger, settings: SandboxSettings, network: NetworkId
    ) -> None:
        """Two ledgers with one beginning: what was read of the one is not continued with the other."""
        write(ledger, 0)
        ledger.close()
        fork = SandboxSettings(file=settings.file + ".fork", chain=CHAIN)
        shutil.copy(settings.file, fork.file)
        ours, theirs = Ledger(settings.file), Ledger(fork.file)
        write(ours, 1)
        write(theirs, 2)
        write(theirs, 3)
        position = Position(2, ours.digest(2) or b"")
        ours.close()
        theirs.close()
        source = SandboxSource(fork, network)
        with pytest.raises(Broken, match="block 2"):
            await read(source, 1, after=position)
        await source.aclose()

    async def test_another_chain_in_the_file(
        self, ledger: Ledger, source: SandboxSource, settings: SandboxSettings, tmp_path: Path
    ) -> None:
        write(ledger, 0)
        position = Position(1, ledger.digest(1) or b"")
        task = asyncio.create_task(read(source, 1, after=position))
        await asyncio.sleep(0.05)
        ledger.close()
        Ledger.found(tmp_path / "other", CHAIN).close()
        (tmp_path / "other").replace(settings.file)
        with pytest.raises(Broken, match="another chain"):
            async with asyncio.timeout(5):
                await task

    async def test_a_file_that_is_gone_may_come_back(
        self, ledger: Ledger, source: SandboxSource, settings: SandboxSettings
    ) -> None:
        task = asyncio.create_task(read(source, 1))
        await asyncio.sleep(0.05)
        Path(settings.file).rename(settings.file + ".away")
        with pytest.raises(Transient):
            async with asyncio.timeout(5):
                await task

    async def test_no_ledger_at_all(self, tmp_path: Path, network: NetworkId) -> None:
        source = SandboxAdapter().source(SandboxSettings(file=str(tmp_path / "none"), chain=CHAIN), network)
        with pytest.raises(Transient, match="no such file"):
            await anext(aiter(source.read(None)))
        await source.aclose()
