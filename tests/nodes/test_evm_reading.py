"""The source on a real node: what stands there, each with its proof, through restarts and forks."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from gateway.errors import Broken, Permanent, Transient
from gateway.proofs import abi, cbor
from gateway.proofs.evm import Header
from gateway.spi import Batch, Position, Relay, SourceRecord, VerificationContext
from gateway_evm import entry as entries
from gateway_evm import register
from gateway_evm.entry import Entry
from gateway_evm.source import EvmSource
from gateway_evm.verifier import EvmReceiptVerifier
from tests.nodes.conftest import FUNDED, Anvil
from tests.nodes.scenes import ADAPTER, Scene, key_of, outbound, read, records_of, scene, until
from tests.unit.evm.recorded import Anchors, NothingProven

pytestmark = pytest.mark.anvil
VERIFIER = EvmReceiptVerifier()


async def verify(place: Scene, record: SourceRecord, shared: Any) -> str:
    material = dict(await ADAPTER.segment(place.settings))
    anchors = Anchors(material, record.evidence.network)
    context = VerificationContext(now=datetime.now(UTC), anchors=anchors, poe=NothingProven(), shared=shared)
    report = VERIFIER.verify(record.native, record.evidence, context)
    assert report.findings[0].time == record.time
    return report.findings[0].outcome


async def finished(place: Scene, source: EvmSource, after: Position | None = None) -> list[Batch]:
    """All up to the head of now."""
    head = int(await place.node.rpc.call("eth_blockNumber"), 16)
    return await read(source, after, height=head)


async def test_entries_come_in_order_each_with_its_proof(shared_anvil: Anvil, secrets: Any) -> None:
    async with scene(shared_anvil.url, secrets) as place:
        records = [outbound(number, body=os.urandom(200 * number)) for number in range(30)]
        for start in range(0, 30, 10):
            await place.write(records[start : start + 10])
        batches = await finished(place, place.source())
        found = records_of(batches)
        assert [each.entry for each in found] == [each.key for each in records]
        for batch in batches:
            assert len(batch.shared) == len({digest for record in batch.records for digest in record.evidence.shared})
            for record in batch.records:
                assert await verify(place, record, batch.shared) == "passed"
                assert record.source == place.settings.contract == place.source().name
        for sent, got in zip(records, found, strict=True):
            assert (got.native, got.relay, got.withdraws) == (sent.native, sent.relay, None)


async def test_every_block_is_followed_and_an_empty_one_is_a_checkpoint(shared_anvil: Anvil, secrets: Any) -> None:
    async with scene(shared_anvil.url, secrets) as place:
        source = place.source()
        await place.write([outbound(1)])
        await place.node.rpc.call("anvil_mine", hex(100))
        await place.write([outbound(2)])
        batches = await finished(place, source)
        here: Position | None = None
        for batch in batches:
            assert batch.parent == here
            assert batch.head >= batch.position.height
            assert batch.seen <= datetime.now(UTC)
            here = batch.position
        assert sum(not batch.records for batch in batches) >= 2
        again = await finished(place, place.source(), batches[0].position)
        assert records_of(again) == records_of(batches[1:]), "reading on gives what reading through gives"


async def test_a_new_block_is_told_soon_and_without_entries_too(anvil: Anvil, secrets: Any) -> None:
    async with scene(anvil.url, secrets) as place:
        source = place.source()
        stream = source.read(None)
        await anext(stream)
        for _ in range(2):
            batch = await asyncio.wait_for(anext(stream), 5)
            assert batch.records == ()
            assert (datetime.now(UTC) - batch.seen).total_seconds() < 0.5
        await source.aclose()


async def test_a_backfill_ends_at_its_height(shared_anvil: Anvil, secrets: Any) -> None:
    async with scene(shared_anvil.url, secrets) as place:
        for number in range(3):
            await place.write([outbound(number)])
        whole = await finished(place, place.source())
        blocks = [record.locus["block"] for record in records_of(whole)]
        stop = next(batch.position for batch in await _one_by_one(place) if batch.position.block == blocks[1])
        batches = [batch async for batch in place.source().read(None, stop)]
        assert batches[-1].position == stop
        assert len(records_of(batches)) == 2
        assert [batch async for batch in place.source().read(stop, stop)] == []


async def _one_by_one(place: Scene) -> list[Batch]:
    """Batches of one block each."""
    made: list[Batch] = []
    here: Position | None = None
    head = int(await place.node.rpc.call("eth_blockNumber"), 16)
    for height in range(place.settings.start_block, head + 1):
        async for batch in place.source().read(here, Position(height, b"")):
            made.append(batch)
            here = batch.position
    return made


async def test_withdrawals_and_paths_come_back(shared_anvil: Anvil, secrets: Any) -> None:
    async with scene(shared_anvil.url, secrets) as place:
        path = tuple(os.urandom(32) for _ in range(4))
        first = outbound(1, relay=Relay(key_of(1), b"m" * 32, ()))
        second = outbound(2, withdrawn=True, supersedes=key_of(1), relay=Relay(key_of(2), b"n" * 32, path))
        third = outbound(3, supersedes=key_of(2))
        await place.write([first, second, third])
        found = records_of(await read(place.source(), records=3))
        assert [each.withdraws for each in found] == [None, key_of(1), None]
        assert [each.relay.path for each in found][:2] == [(), path]
        assert found[2].evidence.own["supersedes"] == key_of(2)


async def test_nothing_of_a_neighbour_is_in_evidence(shared_anvil: Anvil, secrets: Any) -> None:
    """Canaries in body, format, subject and path of fifty entries of one transaction: each only where it belongs."""
    async with scene(shared_anvil.url, secrets) as place:
        records = []
        for number in range(50):
            canary = b"CANARY-%04d" % number
            relay = Relay(key_of(number), canary.ljust(32, b"."), (canary.rjust(32, b"."),))
            made = outbound(number, body=b"body " + canary * 9, subject=f"XA/xa/{canary.decode()}", relay=relay)
            records.append(made)
        await place.write(records)
        batches = await read(place.source(), records=50)
        found = records_of(batches)
        shared = b"".join(content for batch in batches for content in batch.shared.values())
        assert b"CANARY" not in shared
        for number, record in enumerate(found):
            own = record.evidence.encode()
            assert own.count(b"CANARY") == own.count(b"CANARY-%04d" % number) > 0


async def test_evidence_is_small(shared_anvil: Anvil, secrets: Any) -> None:
    """A dossier of at most 64 KB has room for the proof out of a full transaction."""
    async with scene(shared_anvil.url, secrets) as place:
        records = [outbound(number, body=os.urandom(1500)) for number in range(50)]
        await place.write(records)
        batches = await read(place.source(), records=50)
        for batch in batches:
            for record in batch.records:
                shared = sum(len(batch.shared[digest]) for digest in record.evidence.shared)
                assert shared + len(record.evidence.encode()) < 16_384
                assert len(batch.shared) == 2, "the fifty share one header and one branch"


async def test_two_registers_on_one_network_do_not_mix(shared_anvil: Anvil, secrets: Any) -> None:
    async with scene(shared_anvil.url, secrets) as one, scene(shared_anvil.url, secrets) as two:
        await one.write([outbound(1)])
        await two.write([outbound(2)])
        await one.write([outbound(3)])
        assert [each.entry for each in records_of(await finished(one, one.source()))] == [key_of(1), key_of(3)]
        assert [each.entry for each in records_of(await finished(two, two.source()))] == [key_of(2)]


# ── entries that cannot be read ──────────────────────────────────────────────────────────────────────────────────


def forwarder(target: bytes) -> bytes:
    """The code of a contract that passes every call on to `target`."""
    run = bytes.fromhex("366000600037" + "600060003660006000" + "73") + target + bytes.fromhex("5af100")
    return bytes.fromhex(f"60{len(run):02x}80600b6000396000f3") + run


async def test_an_entry_through_another_contract_is_told_and_its_neighbours_pass(
    shared_anvil: Anvil, secrets: Any
) -> None:
    async with scene(shared_anvil.url, secrets) as place:
        receipt = await place.send(FUNDED, forwarder(place.settings.address), to=b"")
        between = bytes.fromhex(receipt["contractAddress"][2:])
        await place.send(FUNDED, register.set_writer(between, allowed=True))
        hidden = Entry(b"h" * 32, b"d" * 32, b"m" * 32, b"s" * 32, "subject", "register-evm", b"body")
        await place.write([outbound(1)])
        told = await place.send(FUNDED, entries.calldata(0, [entries.pack(hidden)]), to=between)
        assert len(told["logs"]) == 1
        await place.write([outbound(2)])
        batches = await finished(place, place.source())
        assert [each.entry for each in records_of(batches)] == [key_of(1), key_of(2)]
        (fault,) = [fault for batch in batches for fault in batch.faults]
        assert fault.code == "evm.unreadable-entry"
        assert fault.locus == {"block": bytes.fromhex(told["blockHash"][2:]), "transaction": 0, "log": 0}


async def test_an_entry_in_an_unusual_encoding_is_told(shared_anvil: Anvil, secrets: Any) -> None:
    """Solidity reads offsets in any order; the entry's hash is of the canonical form, so these bytes do not give it."""
    async with scene(shared_anvil.url, secrets) as place:
        packed = entries.pack(Entry(b"u" * 32, b"d" * 32, b"m" * 32, b"s" * 32, "subject", "register-evm", b"body"))
        gap = entries.RECORD + abi.encode(["uint64"], [0]) + (64).to_bytes(32, "big") + (1).to_bytes(32, "big")
        gap += (64).to_bytes(32, "big") + b"\xff" * 32 + packed
        told = await place.send(FUNDED, gap)
        assert len(told["logs"]) == 1, "the contract takes it"
        batches = await finished(place, place.source())
        assert [fault.code for batch in batches for fault in batch.faults] == ["evm.unreadable-entry"]


# ── finality ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_depth_holds_blocks_back(still_anvil: Anvil, secrets: Any) -> None:
    async with scene(still_anvil.url, secrets, finality="depth", depth=5) as place:
        source = place.source()
        sink = place.sink(finality="instant")
        await place.write([outbound(1)], sink)
        height = int(await place.node.rpc.call("eth_blockNumber"), 16)
        await place.node.rpc.call("anvil_mine", hex(4))
        stream = source.read(None)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                async for batch in stream:
                    assert batch.position.height < height
        await place.node.rpc.call("anvil_mine", hex(1))
        assert len(records_of(await read(place.source(), records=1))) == 1


async def test_a_tag_that_stays_at_genesis_gives_nothing_and_is_diagnosed(anvil: Anvil, secrets: Any) -> None:
    async with scene(anvil.url, secrets) as place:
        await place.write([outbound(1)])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                async for batch in place.source(finality="finalized").read(None):
                    assert batch.records == ()
        told = await ADAPTER.diagnose(msgspec.structs.replace(place.settings, finality="finalized"))
        (finality,) = [each for each in told if each.subject == "finality"]
        assert not finality.ok
        assert "instant or depth" in finality.cure


# ── what was taken back ──────────────────────────────────────────────────────────────────────────────────────────


async def test_records_that_a_fork_takes_back_are_named(still_anvil: Anvil, secrets: Any) -> None:
    async with scene(still_anvil.url, secrets) as place:
        await place.write([outbound(1)])
        await place.node.rpc.call("anvil_mine", hex(3))
        source = place.source()
        kept = await finished(place, source)
        shared = int(await place.node.rpc.call("eth_blockNumber"), 16)
        here = kept[-1].position
        await place.write([outbound(2), outbound(3)])
        await place.write([outbound(4)])
        lost = await finished(place, source, here)
        assert len(records_of(lost)) == 3
        stream = source.read(lost[-1].position)
        await place.node.rpc.call("anvil_reorg", 2, [])
        await place.node.rpc.call("anvil_mine", hex(3))
        batch = await anext(stream)
        assert batch.retracted == tuple(record.locus for record in records_of(lost))
        assert batch.records == ()
        assert batch.parent == lost[-1].position
        assert batch.position.height == shared, "reading goes on from the block that both histories share"
        with pytest.raises(Broken) as caught:
            await anext(stream)
        assert caught.value.code == "evm.forked"
        # a person lets it go on
        await place.write([outbound(9)])
        assert [each.entry for each in records_of(await finished(place, source, batch.position))] == [key_of(9)]


async def test_a_fork_to_a_shorter_chain_is_noticed(still_anvil: Anvil, secrets: Any) -> None:
    async with scene(still_anvil.url, secrets) as place:
        snapshot = await place.node.rpc.call("evm_snapshot")
        await place.write([outbound(1)])
        await place.node.rpc.call("anvil_mine", hex(4))
        source = place.source()
        batches = await finished(place, source)
        await place.node.rpc.call("evm_revert", snapshot)
        await place.node.rpc.call("evm_increaseTime", hex(1000))
        await place.node.rpc.call("anvil_mine", hex(2))
        stream = source.read(batches[-1].position)
        batch = await anext(stream)
        assert batch.retracted == tuple(record.locus for record in records_of(batches))
        with pytest.raises(Broken):
            await anext(stream)


async def test_a_fork_that_a_new_process_cannot_name_stops_it(still_anvil: Anvil, secrets: Any) -> None:
    async with scene(still_anvil.url, secrets) as place:
        await place.write([outbound(1)])
        batches = await finished(place, place.source())
        await place.node.rpc.call("anvil_reorg", 1, [])
        await place.node.rpc.call("anvil_mine", hex(3))
        with pytest.raises(Broken) as caught:
            await read(place.source(), batches[-1].position, records=1)
        assert caught.value.code == "evm.forked"
        assert "cannot be named" in caught.value.detail


# ── nodes that go away, come back, or are others ─────────────────────────────────────────────────────────────────


async def test_a_node_that_restarts(make_anvil: Any, secrets: Any, tmp_path: Any) -> None:
    state = ("--state", str(tmp_path / "state.json"), "--state-interval", "1")
    anvil = make_anvil("--block-time", "1", "--mixed-mining", *state)
    async with scene(anvil.url, secrets) as place:
        await place.write([outbound(1)])
        source = place.source()
        batches = await finished(place, source)
        anvil.stop()
        with pytest.raises(Transient) as caught:
            await read(source, batches[-1].position, records=1)
        assert caught.value.code == "evm.unreachable"
        anvil.start()
        await place.write([outbound(2)])
        later = await read(source, batches[-1].position, records=1)
        assert [each.entry for each in records_of(later)] == [key_of(2)]


async def test_a_node_that_goes_away_while_it_is_read(anvil: Anvil, secrets: Any) -> None:
    async with scene(anvil.url, secrets) as place:
        stream = place.source().read(None)
        await anext(stream)
        anvil.stop(kill=True)
        with pytest.raises(Transient):
            async with asyncio.timeout(10):
                async for _ in stream:
                    pass


async def test_a_node_that_lost_its_blocks(make_anvil: Any, secrets: Any) -> None:
    anvil = make_anvil("--block-time", "1", "--mixed-mining")
    async with scene(anvil.url, secrets) as place:
        await place.write([outbound(1)])
        await place.node.rpc.call("anvil_mine", hex(50))
        batches = await finished(place, place.source())
        anvil.stop()
        anvil.start()
        with pytest.raises(Transient) as caught:
            await read(place.source(timeout=1.0), batches[-1].position, records=1)
        assert caught.value.code == "evm.behind"


async def test_a_node_of_another_network(make_anvil: Any, secrets: Any) -> None:
    one = make_anvil("--block-time", "1", "--mixed-mining")
    for options in (("--chain-id", "7"), ("--hardfork", "london")):
        other = make_anvil(*options)
        async with scene(one.url, secrets) as place:
            with pytest.raises(Broken) as caught:
                await read(place.source(url=other.url), None, records=1)
            assert caught.value.code == "evm.other-network"
            with pytest.raises(Broken):
                await place.sink(url=other.url).prepare([outbound(1)], 1)
        if options[0] == "--chain-id":
            with pytest.raises(Permanent) as asked:
                await ADAPTER.identify(msgspec.structs.replace(place.settings, url=other.url))
            assert asked.value.code == "evm.other-chain"


async def test_waiting_ends_at_once_when_it_is_closed(anvil: Anvil, secrets: Any) -> None:
    async with scene(anvil.url, secrets) as place:
        source = place.source(poll=3600.0)
        reading = asyncio.create_task(read(source, records=99))
        await asyncio.sleep(0.3)
        await asyncio.wait_for(source.aclose(), 1)
        with pytest.raises(AssertionError, match="ended"):
            await asyncio.wait_for(reading, 1)


# ── founding and diagnosis ───────────────────────────────────────────────────────────────────────────────────────


async def test_founding_is_harmless_when_all_is_there(shared_anvil: Anvil, secrets: Any) -> None:
    async with scene(shared_anvil.url, secrets) as place:
        assert await ADAPTER.found(place.settings, secrets) == place.settings
        assert place.settings.start_block > 0
        assert place.settings.chain_id == 31337
        with pytest.raises(Permanent) as caught:
            await ADAPTER.found(msgspec.structs.replace(place.settings, writer="second"), secrets)
        assert caught.value.code == "evm.not-writer"
        with pytest.raises(Permanent) as absent:
            await ADAPTER.found(msgspec.structs.replace(place.settings, contract="0x" + "ab" * 20), secrets)
        assert absent.value.code == "evm.no-contract"


async def test_diagnosis_tells_what_to_do(shared_anvil: Anvil, secrets: Any) -> None:
    async with scene(shared_anvil.url, secrets) as place:
        told = await ADAPTER.diagnose(place.settings)
        assert [each.subject for each in told] == [
            "node", "chain", "contract", "funds", "finality", "headers", "receipts",
        ]  # fmt: skip
        assert all(each.ok for each in told)
        for changes, subject in (
            ({"chain_id": 5}, "chain"),
            ({"contract": "0x" + "ab" * 20}, "contract"),
            ({"contract": ""}, "contract"),
            ({"url": "http://127.0.0.1:1"}, "node"),
        ):
            bad = await ADAPTER.diagnose(msgspec.structs.replace(place.settings, **changes))
            wrong = [each for each in bad if not each.ok]
            assert [each.subject for each in wrong] == [subject]
            assert wrong[0].cure


async def test_the_segment_names_what_a_verifier_needs(shared_anvil: Anvil, secrets: Any) -> None:
    async with scene(shared_anvil.url, secrets) as place:
        made = await ADAPTER.segment(place.settings)
        assert dict(made) == {
            "kind": "evm",
            "chain": "31337",
            "genesis": place.network.genesis.hex(),
            "contract": place.settings.contract[2:],
            "code": register.artefact().code_hash,
        }


async def test_headers_of_a_node_are_those_of_the_chain(shared_anvil: Anvil, secrets: Any) -> None:
    """What the evidence shares is the header itself, and the branch a list of nodes."""
    async with scene(shared_anvil.url, secrets) as place:
        await place.write([outbound(1)])
        (batch,) = [batch for batch in await read(place.source(), records=1) if batch.records]
        header, branch = batch.records[0].evidence.shared
        assert Header.decode(batch.shared[header]).hash == batch.records[0].locus["block"]
        assert isinstance(cbor.decode(batch.shared[branch])[0], bytes)
        assert await until(lambda: verify(place, batch.records[0], batch.shared)) == "passed"
