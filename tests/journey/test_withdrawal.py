"""What an office withdraws, or its network takes back, is withdrawn where it went, along the same lanes."""

from __future__ import annotations

import msgspec
import orjson
import sqlalchemy as sa

from gateway.spi import Batch, NativeRecord, delivery_key
from gateway.store import schema as t
from gateway.store.orders import give
from gateway.trust.reading import read
from tests.journey.conftest import events, quarantined, rows, settle, states
from tests.journey.fickle import FickleAdapter
from tests.journey.test_lanes import Picky, parked
from tests.journey.world import FORMAT, World, application, event, make_world

NOW = 1_800_000_000_000_000


async def test_a_withdrawal_follows_the_record_everywhere_it_went(tmp_path) -> None:
    world = make_world(tmp_path, ("xa", "xb", "xc"))
    [key] = await world["xa"].write(application("XA", 1))
    await settle(world)
    await world["xa"].withdraw(key, application("XA", 1))
    gateway = await settle(world)

    for name in ("xb", "xc"):
        first, second = world[name].foreign()
        assert second.leaf.withdrawn
        assert second.leaf.supersedes == first.leaf.key
        assert second.subject == first.subject
    assert gateway.metrics.echoes.labels("xb")._value.get() == 1
    revisions = rows(
        world, sa.select(t.records.c.revision, t.records.c.withdrawn, t.records.c.key).order_by(t.records.c.id)
    )
    assert [(one.revision, bool(one.withdrawn)) for one in revisions] == [(1, False), (2, True)]
    assert revisions[0].key == revisions[1].key
    assert second.leaf.key == delivery_key(revisions[0].key, world["xc"].network.digest, 2)
    first, second = (read(c) for (c,) in rows(world, sa.select(t.records.c.credential).order_by(t.records.c.id)))
    assert second.binding.withdrawn
    assert second.binding.supersedes == first.digest
    assert second.binding.evidence_digest != first.binding.evidence_digest, "it rests on the entry that withdraws"
    assert events(world, "withdrawal")


async def test_record_and_withdrawal_in_one_batch_keep_their_order(world: World) -> None:
    [key] = await world["xa"].write(application("XA", 1))
    await world["xa"].withdraw(key, application("XA", 1))
    await world["xa"].write(event("XA", 1))
    await settle(world)
    assert [entry.leaf.withdrawn for entry in world["xb"].foreign()] == [False, True, False]


async def test_a_withdrawal_in_other_words_rests_on_the_record(world: World) -> None:
    """An office may withdraw by an entry that says anything: the record's own evidence stays what it rests on."""
    [key] = await world["xa"].write(application("XA", 1))
    await world["xa"].withdraw(key, NativeRecord("text", b"withdrawn by order of the court"))
    await settle(world)
    first, second = world["xb"].foreign()
    assert second.leaf.withdrawn
    assert second.content == first.content
    old, new = (read(c) for (c,) in rows(world, sa.select(t.records.c.credential).order_by(t.records.c.id)))
    assert new.binding.evidence_digest == old.binding.evidence_digest
    assert quarantined(world) == []


async def test_one_withdrawal_withdraws_every_record_of_its_entry(world: World) -> None:
    from pathlib import Path

    case = next(Path("gateway/demo/records").glob("*.uspto-odp.json"))
    given = NativeRecord("uspto-odp", case.read_bytes())
    [key] = await world["xa"].write(given)
    await settle(world)
    many = states(world)["landed"]
    assert many > 1
    await world["xa"].withdraw(key, given)
    await settle(world)
    assert states(world)["landed"] == 2 * many
    assert sum(entry.leaf.withdrawn for entry in world["xb"].foreign()) == many


async def test_withdrawing_twice_or_what_is_unknown(world: World) -> None:
    [key] = await world["xa"].write(application("XA", 1))
    await world["xa"].withdraw(key, application("XA", 1))
    await world["xa"].withdraw(key, application("XA", 1))
    await world["xa"].withdraw(b"?" * 32, application("XA", 2))
    await settle(world)
    assert len(world["xb"].foreign()) == 2
    assert quarantined(world) == ["journey.withdraws-unknown"]


async def test_withdrawing_what_is_in_quarantine_sends_nothing(world: World) -> None:
    [key] = await world["xa"].write(NativeRecord(FORMAT, b"{"))
    await world["xa"].withdraw(key, NativeRecord(FORMAT, b"{"))
    await settle(world)
    assert not world["xb"].foreign()
    assert len(quarantined(world)) == 1


async def test_a_withdrawal_waits_behind_its_parked_record(world: World) -> None:
    world.library = picky = Picky("BAD")
    [key] = await world["xa"].write(application("XA", 1, title="BAD"))
    await settle(world)
    picky.active = False
    await world["xa"].withdraw(key, application("XA", 1, title="BAD"))
    await settle(world)
    assert states(world) == {"parked": 1, "held": 1}
    give(world.database, "retry", parked(world), "", NOW)
    await settle(world)
    assert [entry.leaf.withdrawn for entry in world["xb"].foreign()] == [False, True]


async def test_a_record_that_was_skipped_needs_no_withdrawal(world: World) -> None:
    world.library = Picky("BAD")
    [key] = await world["xa"].write(application("XA", 1, title="BAD"))
    await settle(world)
    give(world.database, "skip", parked(world), "no use", NOW)
    world.library.active = False
    await world["xa"].withdraw(key, application("XA", 1, title="BAD"))
    await settle(world)
    assert not world["xb"].foreign()
    assert states(world) == {"skipped": 1}


async def test_what_the_network_takes_back_is_withdrawn_and_the_source_stops(world: World) -> None:
    await world["xa"].write(application("XA", 1), application("XA", 2))
    await world["xa"].write(NativeRecord(FORMAT, b"{"))
    await settle(world)
    adapter = world["xa"].adapter = FickleAdapter()
    [(first,)] = rows(world, sa.select(t.entries.c.locus).order_by(t.entries.c.id).limit(1))
    from gateway.proofs import cbor

    def take_back(batch: Batch) -> Batch:
        return msgspec.structs.replace(batch, records=(), shared={}, retracted=(cbor.decode(first),))

    adapter.batch = take_back
    await world["xa"].write(application("XA", 3))
    gateway = await settle(world)
    landed = world["xb"].foreign()
    assert [entry.leaf.withdrawn for entry in landed] == [False, False, True]
    assert orjson.loads(landed[2].content) == orjson.loads(landed[0].content)
    health = {one.name: one for one in gateway.health().networks}
    assert health["xa"].reading == "stopped"
    assert "journey.retracted" in (health["xa"].trouble or "")
    [(state,)] = rows(world, sa.select(t.entries.c.state).where(t.entries.c.locus == first))
    assert state == t.EntryState.RETRACTED
    assert events(world, "retracted")


async def test_a_withdrawal_out_of_quarantine_withdraws(world: World) -> None:
    """The withdrawing entry was read before the entry that it withdraws was let out of quarantine."""
    from gateway.spi import Limits

    world.limits = Limits(native=1000)
    long = application("XA", 1, title="x" * 2000)
    [key] = await world["xa"].write(application("XA", 1))
    await settle(world)
    await world["xa"].withdraw(key, long)
    await settle(world)
    assert quarantined(world) == ["journey.too-large"]
    world.limits = Limits()
    [(number,)] = rows(world, sa.select(t.quarantine.c.entry))
    give(world.database, "release", [str(number)], "", NOW)
    await settle(world)
    assert quarantined(world) == []
    assert [entry.leaf.withdrawn for entry in world["xb"].foreign()] == [False, True]
