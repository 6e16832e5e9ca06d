"""A bad record is put aside with its reason and its neighbours pass; a broken anchor stops that source, and only it."""

from __future__ import annotations

import asyncio
import os

import msgspec
import pytest
import sqlalchemy as sa

from gateway.errors import Broken, MappingError, fault
from gateway.spi import Batch, Limits, NativeRecord, SourceFault
from gateway.store import schema as t
from gateway.store.orders import Told, give
from gateway_sandbox.ledger import Ledger
from tests.journey.conftest import count, events, quarantined, rows, running, settle, states, until
from tests.journey.fickle import FickleAdapter
from tests.journey.world import FORMAT, LIBRARY, World, application, event, make_world, native

NOW = 1_800_000_000_000_000
UNFIT = fault("tests.unfit", "The test does not like it.", "Ask the test.")


def entry_numbers(world: World) -> list[str]:
    return [str(row) for (row,) in rows(world, sa.select(t.quarantine.c.entry).order_by(t.quarantine.c.entry))]


async def test_each_bad_record_has_its_reason_and_the_neighbours_pass(world: World) -> None:
    world.limits = Limits(native=1024 * 1024)
    plain = native(application("XA", 3, title="TITLE"))
    huge = NativeRecord(plain.format, plain.content.replace(b"TITLE", b"x" * 5_000_000))
    await world["xa"].write(
        application("XA", 1),
        NativeRecord(FORMAT, b"{not json"),
        NativeRecord("nobodys-format", b"{}"),
        NativeRecord(FORMAT, native(application("XA", 2)).content.replace(b'"rt":"P"', b'"rt":"?"')),
        NativeRecord(FORMAT, b"[" * 5000 + b"]" * 5000),
        huge,
        event("XA", 1, "X00", national_code="NOBODY-KNOWS"),
        application("XA", 4),
    )

    await settle(world)

    assert len(world["xb"].foreign()) == 3
    codes = quarantined(world)
    assert len(codes) == 5
    assert "journey.too-large" in codes
    kept = dict(
        rows(
            world,
            sa.select(t.quarantine.c.code, t.entries.c.native).join(t.entries, t.entries.c.id == t.quarantine.c.entry),
        )
    )
    assert kept["journey.too-large"] == huge.content, "the bytes are kept"
    for code, detail, hint in rows(world, sa.select(t.quarantine.c.code, t.quarantine.c.detail, t.quarantine.c.hint)):
        assert code, detail
        assert detail
        assert hint
        assert "not json" not in detail


async def test_a_record_out_of_quarantine_goes_on(world: World) -> None:
    world.limits = Limits(native=1000)
    await world["xa"].write(application("XA", 1, title="x" * 2000), application("XA", 2))
    await settle(world)
    assert quarantined(world) == ["journey.too-large"]

    [number] = entry_numbers(world)
    assert give(world.database, "release", [number], "the limit was raised", NOW) == [
        Told(True, "done when the gateway runs next")
    ]
    await settle(world)
    assert quarantined(world) == ["journey.too-large"], "the limit is as it was"

    world.limits = Limits()
    give(world.database, "release", [number], "the limit was raised", NOW)
    await settle(world)
    assert quarantined(world) == []
    assert len(world["xb"].foreign()) == 2
    assert events(world, "released")


async def test_an_order_reaches_a_running_gateway(world: World) -> None:
    world.limits = Limits(native=1000)
    await world["xa"].write(application("XA", 1, title="x" * 2000))
    await settle(world)
    world.limits = Limits()
    async with running(world):
        [number] = entry_numbers(world)
        assert give(world.database, "release", [number], "", NOW) == [
            Told(True, "the running gateway does it within a second")
        ]
        await until(lambda: len(world["xb"].foreign()) == 1)


async def test_a_fault_of_a_mapping_harms_one_record(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    canary = "CANARY-4711"

    class Faulty:
        def by_format(self, form):
            real = LIBRARY.by_format(form)

            class One:
                def to_common(self, given):
                    if canary.encode() in given.content:
                        raise ZeroDivisionError(given.content.decode())
                    return real.to_common(given)

                to_native = staticmethod(real.to_native)

            return One()

    world.library = Faulty()
    await world["xa"].write(application("XA", 1), application("XA", 2, title=canary), application("XA", 3))
    await settle(world)
    assert quarantined(world) == ["journey.unexpected"]
    assert len(world["xb"].foreign()) == 2
    assert canary not in capsys.readouterr().out
    [(detail,)] = rows(world, sa.select(t.quarantine.c.detail))
    assert canary not in detail


async def test_what_a_source_cannot_read_is_told(world: World) -> None:
    adapter = world["xa"].adapter = FickleAdapter()
    adapter.batch = lambda real: msgspec.structs.replace(
        real, faults=(SourceFault({"block": b"b" * 32, "index": 1}, "tests.unreadable", "it is no record"),)
    )
    await world["xa"].write(application("XA", 1))
    await settle(world)
    assert quarantined(world) == ["tests.unreadable"]
    assert len(world["xb"].foreign()) == 1
    [number] = entry_numbers(world)
    assert "nothing that could be tried again" in give(world.database, "release", [number], "", NOW)[0].said


def forged(change) -> FickleAdapter:
    adapter = FickleAdapter()
    adapter.batch = change
    return adapter


def one_forged(batch: Batch) -> Batch:
    first, *others = batch.records
    content = first.native.content.replace(b"Windrose", b"Winddose")
    bad = msgspec.structs.replace(first, native=NativeRecord(first.native.format, content))
    return msgspec.structs.replace(batch, records=(bad, *others))


async def test_a_forged_record_is_put_aside_and_the_neighbours_pass(world: World) -> None:
    world["xa"].adapter = forged(one_forged)
    await world["xa"].write(application("XA", 1), application("XA", 2))
    await settle(world)
    assert quarantined(world) == ["journey.not-proven"]
    assert len(world["xb"].foreign()) == 1


async def test_evidence_of_another_place_gives_no_record_key(world: World) -> None:
    def elsewhere(batch: Batch) -> Batch:
        moved = [
            msgspec.structs.replace(one, locus={**one.locus, "index": 77 + place})
            for place, one in enumerate(batch.records)
        ]
        return msgspec.structs.replace(batch, records=tuple(moved))

    world["xa"].adapter = forged(elsewhere)
    await world["xa"].write(application("XA", 1))
    await settle(world)
    assert quarantined(world) == ["journey.foreign-evidence"]


async def test_an_unknown_set_of_validators_stops_that_source_and_only_it(tmp_path) -> None:
    world = make_world(tmp_path, ("xa", "xb", "xc"))
    stranger = make_world(tmp_path / "stranger", ("xa",))
    world["xa"].settings = stranger["xa"].settings  # a ledger that the registry does not name
    await world["xa"].write(application("XA", 1))
    await world["xb"].write(application("XB", 1))

    gateway = await settle(world)

    assert [len(world[name].foreign()) for name in ("xa", "xc")] == [1, 1], "what goes to xa still goes"
    assert not world["xb"].foreign()
    health = {one.name: one for one in gateway.health().networks}
    assert health["xa"].reading == "stopped"
    assert "sandbox.segment" in (health["xa"].trouble or "")
    assert [health[name].reading for name in ("xb", "xc")] == ["yes", "yes"]
    assert rows(world, sa.select(t.sources.c.height).where(t.sources.c.stopped.is_not(None))) == [(None,)]
    assert count(world, t.quarantine) == 0, "nothing of the batch was taken"


async def test_a_stopped_source_goes_on_where_it_stood_once_a_person_says_so(tmp_path) -> None:
    world = make_world(tmp_path, ("xa", "xb"))
    await world["xa"].write(application("XA", 1))
    await settle(world)

    def lie(batch: Batch) -> Batch:
        broken = {digest: b"" if len(content) > 300 else content for digest, content in batch.shared.items()}
        broken = {digest: os.urandom(10) for digest in broken}
        return msgspec.structs.replace(
            batch,
            parent=batch.parent and msgspec.structs.replace(batch.parent, block=b"x" * 32),
            shared=broken,
        )

    honest, world["xa"].adapter = world["xa"].adapter, forged(lie)
    await world["xa"].write(application("XA", 2))
    gateway = await settle(world)
    assert {one.name: one.reading for one in gateway.health().networks}["xa"] == "stopped"
    gateway = await settle(world)
    assert {one.name: one.reading for one in gateway.health().networks}["xa"] == "stopped", "a restart is no person"

    world["xa"].adapter = honest
    assert give(world.database, "resume", ["xa"], "the node was mended", NOW) == [Told(True, "reads again")]
    await settle(world)
    assert len(world["xb"].foreign()) == 2
    assert count(world, t.entries, t.entries.c.state == t.EntryState.SEALED) == 2


async def test_what_came_before_a_break_is_taken_in(world: World) -> None:
    """A source that gives good batches and then contradicts itself: those are committed, then it stops."""
    for start in range(0, 1600, 400):  # more than a ledger's source gives at once
        await world["xa"].write(*[application("XA", start + place) for place in range(400)])
    given = 0

    def breaks(batch: Batch) -> Batch:
        nonlocal given
        if given:
            raise Broken(UNFIT, "it contradicts itself")
        given = len(batch.records)
        return batch

    world["xa"].adapter = forged(breaks)
    gateway = await settle(world)
    assert 0 < given < 1600
    assert count(world, t.records) == len(world["xb"].foreign()) == given
    assert {one.name: one.reading for one in gateway.health().networks}["xa"] == "stopped"


async def test_a_changed_set_of_validators_is_followed(world: World) -> None:
    await world["xa"].write(application("XA", 1))
    ledger = Ledger(world["xa"].settings.file)
    ledger.change_validators(2)
    ledger.close()
    await world["xa"].write(application("XA", 2))
    await settle(world)
    assert len(world["xb"].foreign()) == 2


async def test_a_gap_is_noticed(world: World) -> None:
    """A source that leaves out a batch: the gateway does not go on as if nothing were missing."""
    await world["xa"].write(application("XA", 1))
    await settle(world)
    position = rows(world, sa.select(t.sources.c.height).order_by(t.sources.c.id))[0]

    def leap(batch: Batch) -> Batch:
        assert batch.parent is not None
        return msgspec.structs.replace(batch, parent=msgspec.structs.replace(batch.parent, height=99))

    world["xa"].adapter = forged(leap)
    await world["xa"].write(application("XA", 2))
    gateway = await settle(world)
    health = {one.name: one for one in gateway.health().networks}
    assert health["xa"].reading == "stopped"
    assert "journey.gap" in (health["xa"].trouble or "")
    assert rows(world, sa.select(t.sources.c.height).order_by(t.sources.c.id))[0] == position


async def test_a_ledger_put_back_to_an_older_copy_stops_its_source(world: World) -> None:
    copy = (world.folder / "old.ledger").absolute()
    await world["xa"].write(application("XA", 1))
    import sqlite3

    with sqlite3.connect(world["xa"].settings.file) as there, sqlite3.connect(copy) as kept:
        there.backup(kept)
    await world["xa"].write(application("XA", 2))
    await settle(world)
    for left in world.folder.glob("xa.ledger*"):
        left.unlink()
    copy.rename(world["xa"].settings.file)
    gateway = await settle(world)
    health = {one.name: one for one in gateway.health().networks}
    assert health["xa"].reading == "stopped"
    assert "sandbox.forked" in (health["xa"].trouble or "")


async def test_records_read_again_change_nothing(world: World) -> None:
    """The position was lost (an administrator set it back): the same records are recognised by their places."""
    await world["xa"].write(*[application("XA", number) for number in range(6)], NativeRecord(FORMAT, b"{"))
    await settle(world)
    before = [count(world, table) for table in (t.entries, t.records, t.deliveries, t.quarantine)]
    set_back(world)
    await settle(world)
    assert [count(world, table) for table in (t.entries, t.records, t.deliveries, t.quarantine)] == before
    assert len(world["xb"].foreign()) == 6


def set_back(world: World) -> None:
    from gateway.store.database import Database

    database = Database(world.database)
    database.write_now(lambda connection: connection.execute(sa.update(t.sources).values(height=None, block=None)))
    database.close()


async def test_other_bytes_at_a_place_that_was_read_are_a_conflict(world: World) -> None:
    await world["xa"].write(application("XA", 1), application("XA", 2))
    await settle(world)
    set_back(world)
    world["xa"].adapter = forged(one_forged)
    await settle(world)
    # the evidence fails before the comparison with what was read: either way it is put aside and nothing is sent
    assert quarantined(world) == ["journey.conflict"]
    assert states(world) == {"landed": 2}
    assert len(world["xb"].foreign()) == 2
    [number] = entry_numbers(world)
    assert "it stays" in give(world.database, "release", [number], "", NOW)[0].said


async def test_mapping_errors_of_any_kind_are_told_by_code(world: World) -> None:
    class Strict:
        def by_format(self, form):
            raise MappingError(UNFIT, "no such thing", where="/kd")

    world.library = Strict()
    world["xb"].writes = None
    world["xa"].writes = None
    world.routes = ()
    await world["xa"].write(application("XA", 1))
    await settle(world)
    assert quarantined(world) == ["tests.unfit"]
    assert rows(world, sa.select(t.quarantine.c.place)) == [("/kd",)]


async def test_a_source_that_fails_by_a_bug_is_begun_again(world: World) -> None:
    left = 2

    def buggy(batch: Batch) -> Batch:
        nonlocal left
        if left:
            left -= 1
            raise KeyError("a bug of the adapter")
        return batch

    world["xa"].adapter = forged(buggy)
    await world["xa"].write(application("XA", 1))
    await world["xb"].write(application("XB", 1))
    await settle(world)
    assert len(world["xb"].foreign()) == 1
    assert len(world["xa"].foreign()) == 1


async def test_nothing_of_content_is_in_the_logs(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    await world["xa"].write(
        application("XA", 1, title="CANARY-ONE"),
        NativeRecord(FORMAT, b'{"kd":"CANARY-TWO"}'),
        NativeRecord("canary-format", b"CANARY-THREE"),
    )
    async with running(world):
        await until(lambda: len(quarantined(world)) == 2 and len(world["xb"].foreign()) == 1)
        await asyncio.sleep(0.05)
    told = capsys.readouterr()
    assert "quarantined" in told.out
    assert "CANARY" not in told.out + told.err
