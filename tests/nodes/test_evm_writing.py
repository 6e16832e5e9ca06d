"""The sink on a real node: every record once, whatever happens to attempts, nonces and the node."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import msgspec
import pytest

from gateway.errors import ConfigError, Misuse, Permanent, Transient
from gateway.spi import Absent, Conflict, Pending, Prepared, Refused, Void, Written
from gateway_evm import register
from gateway_evm.transaction import Account
from tests.nodes.conftest import FUNDED, SECOND, Anvil
from tests.nodes.scenes import ADAPTER, Scene, key_of, outbound, read, records_of, scene, settled, until

pytestmark = pytest.mark.anvil


async def manual(place: Scene) -> None:
    """From here on a block is made when a test asks for one."""
    await place.node.rpc.call("evm_setAutomine", False)
    await place.node.rpc.call("evm_setIntervalMining", 0)


async def mine(place: Scene, count: int = 1) -> None:
    await place.node.rpc.call("anvil_mine", hex(count))


async def dear(place: Scene) -> None:
    """The next block is one that asks ten thousand gwei; without this the price falls by an eighth a block."""
    await place.node.rpc.call("anvil_setNextBlockBaseFeePerGas", hex(10**13))
    await mine(place)


async def test_a_batch_lands_where_its_outcomes_say(shared_anvil: Anvil, secrets: Any) -> None:
    async with scene(shared_anvil.url, secrets) as place:
        records = [outbound(number) for number in range(50)]
        outcomes = await place.write(records)
        assert all(isinstance(each, Written) for each in outcomes)
        found = {record.entry: record for record in records_of(await read(place.source(), records=50))}
        for record, each in zip(records, outcomes, strict=True):
            there = found[record.key]
            assert isinstance(each, Written)
            assert each.locus == there.locus
            assert (there.native, there.relay) == (record.native, record.relay)
        assert await place.held(range(50)) == [record.digest for record in records]


async def test_many_attempts_under_way_land_in_their_order(anvil: Anvil, secrets: Any) -> None:
    async with scene(anvil.url, secrets) as place:
        sink = place.sink()
        attempts = [await sink.prepare([outbound(10 * run + at) for at in range(10)], 1) for run in range(16)]
        for attempt in attempts:
            await sink.submit(attempt)
        outcomes = await asyncio.gather(*(settled(sink, attempt) for attempt in attempts))
        assert all(isinstance(each, Written) for one in outcomes for each in one)
        entries = [record.entry for record in records_of(await read(place.source(), records=160))]
        assert entries == [key_of(number) for number in range(160)]


async def test_sending_again_and_preparing_again_writes_nothing_twice(shared_anvil: Anvil, secrets: Any) -> None:
    async with scene(shared_anvil.url, secrets) as place:
        sink = place.sink()
        records = [outbound(1), outbound(2)]
        attempt = await sink.prepare(records, 1)
        for _ in range(3):
            await sink.submit(attempt)
        first = await settled(sink, attempt)
        again = await place.write([outbound(2), outbound(3), outbound(1)], sink)
        assert again[0] == first[1], "the first writing's place"
        assert again[2] == first[0]
        await sink.submit(attempt)
        assert await settled(sink, attempt) == first
        assert len(records_of(await read(place.source(), records=3))) == 3


async def test_another_digest_is_a_conflict_and_its_neighbours_land(shared_anvil: Anvil, secrets: Any) -> None:
    async with scene(shared_anvil.url, secrets) as place:
        await place.write([outbound(1)])
        outcomes = await place.write([outbound(1, digest=b"x" * 32), outbound(2)])
        assert outcomes[0] == Conflict(outbound(1).digest)
        assert isinstance(outcomes[1], Written)


async def test_find_tells_what_stands_whoever_wrote_it(shared_anvil: Anvil, secrets: Any) -> None:
    async with scene(shared_anvil.url, secrets) as place:
        written = await place.write([outbound(number) for number in range(3)])
        other = place.sink()
        assert await other.find([key_of(2), key_of(9), key_of(0)]) == [written[2], Absent(), written[0]]
        assert await other.find([]) == []


async def test_what_is_not_mined_is_pending_and_what_was_not_sent_is_absent(anvil: Anvil, secrets: Any) -> None:
    async with scene(anvil.url, secrets) as place:
        await manual(place)
        sink = place.sink()
        attempt = await sink.prepare([outbound(1)], 1)
        assert await sink.outcome(attempt) == [Absent()]
        await sink.submit(attempt)
        assert await sink.outcome(attempt) == [Pending()]
        await mine(place)
        assert isinstance((await settled(sink, attempt))[0], Written)


async def test_finality_by_depth_holds_the_outcome_back(anvil: Anvil, secrets: Any) -> None:
    async with scene(anvil.url, secrets, finality="depth", depth=3) as place:
        await manual(place)
        sink = place.sink()
        attempt = await sink.prepare([outbound(1)], 1)
        await sink.submit(attempt)
        await mine(place)
        for _ in range(3):
            assert await sink.outcome(attempt) == [Pending()]
            assert await sink.find([key_of(1)]) == [Pending()]
            await mine(place)
            await asyncio.sleep(0.02)
        assert isinstance((await settled(sink, attempt))[0], Written)
        assert isinstance((await sink.find([key_of(1)]))[0], Written)


async def test_a_crash_between_storing_and_sending(anvil: Anvil, secrets: Any) -> None:
    """The attempt is given back to a new sink as it was stored, and lands; nothing lands twice."""
    async with scene(anvil.url, secrets) as place:
        stored = await place.sink().prepare([outbound(1)], 1)
        revived = place.sink()
        assert await revived.outcome(stored) == [Absent()]
        later = await revived.prepare([outbound(2)], 2)
        assert msgspec.structs.astuple(later)[0] == (key_of(2),)
        await revived.submit(stored)
        await revived.submit(later)
        assert isinstance((await settled(revived, stored))[0], Written)
        assert isinstance((await settled(revived, later))[0], Written)


async def test_a_nonce_that_was_spent_otherwise_makes_an_attempt_void(anvil: Anvil, secrets: Any) -> None:
    async with scene(anvil.url, secrets) as place:
        first, second = place.sink(), place.sink()
        mine_ = await first.prepare([outbound(1)], 1)
        theirs = await second.prepare([outbound(2)], 1)
        await second.submit(theirs)
        assert isinstance((await settled(second, theirs))[0], Written)
        await first.submit(mine_)
        (outcome,) = await settled(first, mine_)
        assert isinstance(outcome, Void)
        assert "nonce" in outcome.reason
        assert isinstance((await place.write([outbound(1)], first))[0], Written), "its records are free again"


async def test_an_attempt_whose_records_landed_by_another_is_no_failure(anvil: Anvil, secrets: Any) -> None:
    """Two attempts with one nonce and the same records, as after a restore from an old copy."""
    async with scene(anvil.url, secrets) as place:
        first, second = place.sink(), place.sink()
        one = await first.prepare([outbound(1), outbound(2)], 1)
        two = await second.prepare([outbound(2), outbound(1), outbound(3)], 1)
        await second.submit(two)
        written = await settled(second, two)
        await first.submit(one)
        assert await settled(first, one) == [written[1], written[0]]


async def test_a_nonce_that_nobody_uses_holds_nothing_up_for_ever(anvil: Anvil, secrets: Any) -> None:
    async with scene(anvil.url, secrets) as place:
        sink = place.sink(stuck_after=0.5)
        lost = await sink.prepare([outbound(1)], 1)  # never sent, as if storing it had failed
        attempt = await sink.prepare([outbound(2)], 1)
        await sink.submit(attempt)
        assert isinstance((await settled(sink, attempt))[0], Written)
        await sink.submit(lost)
        (outcome,) = await settled(sink, lost)
        assert isinstance(outcome, Void), "an empty transaction has its nonce"
        assert len(records_of(await read(place.source(), records=1))) == 1


async def test_an_attempt_that_offers_too_little_is_given_up(anvil: Anvil, secrets: Any) -> None:
    """The price of gas rose beyond what the attempt offers: its nonce is spent otherwise, its records are free."""
    async with scene(anvil.url, secrets) as place:
        sink = place.sink(stuck_after=0.5)
        attempt = await sink.prepare([outbound(1)], 1)
        await manual(place)
        await dear(place)

        async def given_up() -> Void | None:
            await sink.submit(attempt)  # the node refuses it; nothing is lost by that
            await dear(place)
            (outcome,) = await sink.outcome(attempt)
            assert isinstance(outcome, (Absent, Pending, Void))
            return outcome if isinstance(outcome, Void) else None

        assert "nonce" in (await until(given_up)).reason
        again = await sink.prepare([outbound(1)], 1)
        await sink.submit(again)
        await mine(place)
        assert isinstance((await settled(sink, again))[0], Written)


async def test_an_older_holder_of_the_account_is_refused(anvil: Anvil, secrets: Any) -> None:
    async with scene(anvil.url, secrets) as place:
        old, new = place.sink(), place.sink()
        early = await old.prepare([outbound(1)], 1)
        await old.submit(early)
        assert isinstance((await settled(old, early))[0], Written)
        taken = await new.prepare([outbound(2)], 2)
        await new.submit(taken)
        assert isinstance((await settled(new, taken))[0], Written)
        late = await old.prepare([outbound(3)], 1)  # its nonce is spent
        await old.submit(late)
        assert isinstance((await settled(old, late))[0], Void)
        late = await old.prepare([outbound(3)], 1)
        await old.submit(late)
        (outcome,) = await settled(old, late)
        assert isinstance(outcome, Void)
        assert "fence" in outcome.reason
        with pytest.raises(Transient) as caught:
            await old.prepare([outbound(3)], 1)
        assert caught.value.code == "evm.superseded"
        assert isinstance((await place.write([outbound(3)], place.sink()))[0], Written), "a new one takes over"


async def test_an_account_that_lost_its_right(anvil: Anvil, secrets: Any) -> None:
    async with scene(anvil.url, secrets) as place:
        second = Account(SECOND).address
        await place.send(FUNDED, register.set_writer(second, allowed=True))
        sink = place.sink(writer="second")
        await manual(place)
        attempt = await sink.prepare([outbound(1)], 1)
        await place.node.rpc.call("evm_setAutomine", True)
        await place.send(FUNDED, register.set_writer(second, allowed=False))
        await sink.submit(attempt)
        (outcome,) = await settled(sink, attempt)
        assert isinstance(outcome, Refused)
        with pytest.raises(Permanent) as caught:
            await place.sink(writer="second").prepare([outbound(2)], 1)
        assert caught.value.code == "evm.not-writer"
        assert second.hex() in str(caught.value)


async def test_an_account_without_funds(anvil: Anvil, secrets: Any) -> None:
    async with scene(anvil.url, secrets) as place:
        account = "0x" + Account(FUNDED).address.hex()
        sink = place.sink()
        attempt = await sink.prepare([outbound(1)], 1)
        await place.node.rpc.call("anvil_setBalance", account, "0x0")
        with pytest.raises(Transient) as caught:
            await sink.submit(attempt)
        assert caught.value.code == "evm.no-funds"
        await place.node.rpc.call("anvil_setBalance", account, hex(10**20))
        await sink.submit(attempt)
        assert isinstance((await settled(sink, attempt))[0], Written)


async def test_networks_where_gas_is_free(make_anvil: Any, secrets: Any) -> None:
    anvil = make_anvil("--base-fee", "0", "--gas-price", "0", "--block-time", "1", "--mixed-mining", "--balance", "0")
    async with scene(anvil.url, secrets) as place:
        assert isinstance((await place.write([outbound(1)]))[0], Written)
        assert isinstance((await place.write([outbound(2)], place.sink(gas_price="0")))[0], Written)


async def test_networks_before_the_base_fee(make_anvil: Any, secrets: Any) -> None:
    anvil = make_anvil("--hardfork", "berlin", "--block-time", "1", "--mixed-mining")
    async with scene(anvil.url, secrets) as place:
        assert isinstance((await place.write([outbound(1)]))[0], Written)


async def test_records_that_do_not_fit(shared_anvil: Anvil, secrets: Any) -> None:
    async with scene(shared_anvil.url, secrets) as place:
        sink = place.sink()
        large = outbound(2, body=os.urandom(131_072))
        with pytest.raises(Permanent) as caught:
            await sink.prepare([outbound(1), large], 1)
        assert (caught.value.code, caught.value.where) == ("evm.too-large", "1")
        with pytest.raises(Misuse):
            await sink.prepare([outbound(number, body=os.urandom(60_000)) for number in range(3)], 1)
        can = ADAPTER.capabilities(place.settings)
        each = can.batch_bytes // can.batch
        full = [outbound(number, body=os.urandom(each)) for number in range(can.batch)]
        assert all(isinstance(one, Written) for one in await place.write(full, sink))


async def test_other_code_or_none_at_the_address(shared_anvil: Anvil, secrets: Any) -> None:
    async with scene(shared_anvil.url, secrets) as place:
        for address in ("0x" + "12" * 20, "0x" + Account(FUNDED).address.hex()):
            with pytest.raises(Permanent) as caught:
                await place.sink(contract=address).prepare([outbound(1)], 1)
            assert caught.value.code == "evm.no-contract"
        with pytest.raises(Permanent):
            ADAPTER.sink(msgspec.structs.replace(place.settings, contract=""), place.network, secrets)
        with pytest.raises(ConfigError) as configured:
            place.sink(writer="")
        assert configured.value.code == "evm.no-writer"


async def test_subjects_are_hashed_alike_by_those_who_share_a_secret(shared_anvil: Anvil, secrets: Any) -> None:
    async with scene(shared_anvil.url, secrets) as place:
        second = Account(SECOND).address
        await place.send(FUNDED, register.set_writer(second, allowed=True))
        subject = "XA/xa-application/1"
        await place.write([outbound(1, subject=subject)], place.sink(subject_key="subjects"))
        await place.write([outbound(2, subject=subject)], place.sink(writer="second", subject_key="subjects"))
        await place.write([outbound(3, subject=subject)], place.sink(writer="second"))
        salts = [each.evidence.own["salt"] for each in records_of(await read(place.source(), records=3))]
        assert salts[0] == salts[1] != salts[2]


@pytest.mark.parametrize("body", [b"", b"\xa0", b"not cbor", b"\xa1caaa\x01"])
async def test_an_attempt_of_another_sink(shared_anvil: Anvil, secrets: Any, body: bytes) -> None:
    async with scene(shared_anvil.url, secrets) as place:
        with pytest.raises(Misuse) as caught:
            await place.sink().submit(Prepared((key_of(1),), body, "label"))
        assert caught.value.code == "evm.bad-attempt"
