"""Records cross, both ways, in the other's form, each once and in order; what was written here does not echo."""

from __future__ import annotations

import hashlib
import os

import msgspec
import orjson
import pytest
import sqlalchemy as sa

from gateway.journey.assembly import RoutePlan
from gateway.journey.gateway import Gateway
from gateway.journey.marks import mark_of
from gateway.model import records
from gateway.model.records import PriorityDocument
from gateway.spi import Basis, Relay, delivery_key, record_key
from gateway.store import schema as t
from gateway.trust.reading import read
from gateway_sandbox.office import own_record, write
from tests.journey.conftest import count, quarantined, rows, running, settle, states, until
from tests.journey.fickle import FickleAdapter
from tests.journey.world import FORMAT, World, application, event, make_world, native, transfer


async def test_records_cross_both_ways_once(world: World) -> None:
    xa, xb = world["xa"], world["xb"]
    await xa.write(application("XA", 1), event("XA", 1), transfer("XA", [1, 2]))
    await xb.write(application("XB", 1), application("XB", 2))

    await settle(world)

    assert [len(xb.foreign()), len(xa.foreign())] == [3, 2]
    assert states(world) == {"landed": 5}
    for entry in xb.foreign():
        assert entry.path == (xa.network.digest,)
        assert entry.mark == mark_of(world.mark, entry.leaf.key)
    assert [orjson.loads(entry.content)["no"]["n"] for entry in xa.foreign()] == ["XB-2020-000002", "XB-2020-000003"]


async def test_what_this_gateway_wrote_is_known_again_and_goes_nowhere(tmp_path) -> None:
    world = make_world(tmp_path, ("xa", "xb", "xc"))
    await world["xa"].write(*[application("XA", number) for number in range(10)])

    gateway = await settle(world)

    # xa → xb and xa → xc, and nothing of that from xb to xc or back
    assert [len(world[name].foreign()) for name in ("xa", "xb", "xc")] == [0, 10, 10]
    assert count(world, t.entries, t.entries.c.state == t.EntryState.ECHO) == 20
    assert count(world, t.records) == 10
    assert gateway.metrics.echoes.labels("xb")._value.get() == 10


async def test_another_gateways_writing_goes_on_but_never_back(tmp_path) -> None:
    world = make_world(tmp_path, ("xa", "xb", "xc"))
    origin = world["xa"].network.digest
    stands = native(application("XA", 7))
    relayed = own_record(FORMAT, stands.content, "XA/xa-application/7")
    relayed = msgspec.structs.replace(relayed, relay=Relay(relayed.key, os.urandom(32), (origin,)))
    await write(world["xb"].settings, [relayed])

    await settle(world)

    assert len(world["xa"].foreign()) == 0, "it has been there"
    [entry] = world["xc"].foreign()
    assert entry.path == (origin, world["xb"].network.digest)


async def test_a_record_goes_no_further_than_four_hops(tmp_path) -> None:
    world = make_world(tmp_path, ("xb", "xc"))
    for hops in (3, 4):
        stands = native(application("XB", hops))
        path = tuple(os.urandom(32) for _ in range(hops))
        relayed = own_record(FORMAT, stands.content, f"XB/xb-application/{hops}")
        relayed = msgspec.structs.replace(relayed, relay=Relay(relayed.key, os.urandom(32), path))
        await write(world["xb"].settings, [relayed])

    await settle(world)

    assert [len(entry.path) for entry in world["xc"].foreign()] == [4]


async def test_a_copied_mark_hides_nothing(world: World) -> None:
    await world["xa"].write(application("XA", 1))
    await settle(world)
    [own] = world["xb"].foreign()
    copied = own_record(FORMAT, native(application("XB", 9)).content, "XB/xb-application/9")
    await write(
        world["xb"].settings, [msgspec.structs.replace(copied, relay=Relay(copied.key, own.mark, (os.urandom(32),)))]
    )

    await settle(world)

    assert len(world["xa"].foreign()) == 1, "the mark of another entry proves nothing about this one"


async def test_keys_are_those_that_anyone_can_compute(world: World) -> None:
    xa, xb = world["xa"], world["xb"]
    await xa.write(application("XA", 1))
    await settle(world)

    [(key, locus)] = rows(
        world,
        sa.select(t.records.c.key, t.entries.c.locus).join(t.entries, t.entries.c.id == t.records.c.entry),
    )
    from gateway.proofs import cbor

    assert key == record_key(xa.network.digest, "ledger", cbor.decode(locus), 0)
    assert xb.foreign()[0].leaf.key == delivery_key(key, xb.network.digest, 1)


async def test_order_holds_within_a_lane_and_over_several(world: World) -> None:
    world["xb"].adapter = FickleAdapter(batch=3, in_flight=4)
    codes = [f"{letter}{number}0" for letter in "AB" for number in range(1, 4)]
    about = []
    for number in range(5):
        about += [
            application("XA", number),
            *[event("XA", number, code, national_code=f"n{i}") for i, code in enumerate(codes)],
        ]
    about.append(transfer("XA", [0, 1, 2, 3, 4]))
    about += [event("XA", number, "C10") for number in range(5)]
    await world["xa"].write(*about)

    await settle(world)

    landed = world["xb"].foreign()
    assert len(landed) == len(about)
    for number in range(5):
        lane = [native(one).content for one in about if _is_about(one, number)]
        assert [entry.content for entry in landed if entry.content in lane] == lane
    assert world["xb"].adapter.most_in_flight > 1, "lanes went side by side"


def _is_about(one, number: int) -> bool:
    return records.subjects_of(application("XA", number))[0] in records.subjects_of(one)


async def test_a_right_that_changes_owner_waits_for_all_its_lanes(world: World) -> None:
    """While a record of one lane is under way, a transfer over that lane is not sent, whatever room there is."""
    adapter = world["xb"].adapter = FickleAdapter(batch=1, in_flight=8)
    seen: list[tuple[bytes, ...]] = []

    async def watch(prepared) -> None:
        seen.append(prepared.keys)

    adapter.before_submit = watch
    await world["xa"].write(
        application("XA", 1), application("XA", 2), transfer("XA", [1, 2]), event("XA", 1), event("XA", 2)
    )
    await settle(world)
    order = [orjson.loads(entry.content)["kd"] for entry in world["xb"].foreign()]
    assert sorted(order[:2]) == ["AP", "AP"]
    assert order[2] == "TR"
    assert sorted(order[3:]) == ["EV", "EV"]


async def test_without_a_route_nothing_leaves(world: World) -> None:
    world.routes = ()
    await world["xa"].write(application("XA", 1))
    await settle(world)
    assert count(world, t.records) == 1
    assert states(world) == {}
    assert not world["xb"].foreign()


async def test_routes_choose_by_kind_condition_and_basis(world: World) -> None:
    world.routes = (
        RoutePlan("events", "xa", ("xb",), records=("LegalStatusEvent",), when="record.eventCode == 'A10'"),
        RoutePlan("never", "xa", ("xb",), when="record.type == 'Application' && record.nothing == 1"),
    )
    await world["xa"].write(application("XA", 1), event("XA", 1, "A10"), event("XA", 1, "B10"))
    await settle(world)
    assert [orjson.loads(entry.content)["ev"] for entry in world["xb"].foreign()] == ["A10"]
    notes = [d for (d,) in rows(world, sa.select(t.events.c.detail).where(t.events.c.kind == "note"))]
    assert len(notes) == 1, "why a condition gave no answer stands in the trace"
    assert "never" in notes[0]


async def test_a_route_may_ask_for_more_than_the_evidence_gives(world: World) -> None:
    class Attested:
        def verify(self, given, evidence, context):
            from gateway_sandbox.verifier import SandboxVerifier

            report = SandboxVerifier().verify(given, evidence, context)
            findings = tuple(msgspec.structs.replace(one, basis=Basis.ATTESTED) for one in report.findings)
            return msgspec.structs.replace(report, findings=findings)

    world.verifiers = {"sandbox/1": Attested()}
    world.routes = (RoutePlan("strict", "xa", ("xb",), basis=Basis.AUTHORITY),)
    await world["xa"].write(application("XA", 1))
    await settle(world)
    assert not world["xb"].foreign()
    [(note,)] = rows(world, sa.select(t.events.c.detail).where(t.events.c.kind == "note"))
    assert "authority" in note
    assert "attested" in note


async def test_unpublished_records_go_only_to_offices_that_were_named(tmp_path) -> None:
    world = make_world(tmp_path, ("xa", "xb", "xc"))
    number = application("XA", 1).application_number
    for digest, named, secret in (("aa", ("XB",), True), ("bb", (), True), ("cc", ("XC",), True), ("dd", (), False)):
        await world["xa"].write(
            PriorityDocument(
                office="XA",
                application_number=number,
                document_digest=digest * 32,
                document_format="application/pdf",
                document_size=4711,
                available_to=named,
                confidential=secret,
            )
        )
    await world["xa"].write(application("XA", 2, confidential=True))

    await settle(world)

    def shown(name: str) -> list[str]:
        return [orjson.loads(entry.content)["dd"].lower()[:2] for entry in world[name].foreign()]

    assert shown("xb") == ["aa", "dd"]
    assert shown("xc") == ["cc", "dd"]
    notes = [d for (d,) in rows(world, sa.select(t.events.c.detail).where(t.events.c.kind == "note"))]
    assert len(notes) == 6
    assert all("unpublished" in note for note in notes)


async def test_the_credential_is_the_issuers_and_holds_the_record(world: World) -> None:
    await world["xa"].write(application("XA", 1))
    await settle(world)
    [(sealed, start, end)] = rows(
        world, sa.select(t.records.c.credential, t.records.c.json_start, t.records.c.json_end)
    )
    credential = read(sealed)
    assert credential.issuer == world["xa"].did
    assert credential.record_json == sealed[start:end]
    assert credential.binding.native_digest == hashlib.sha256(native(application("XA", 1)).content).digest()


async def test_sealing_again_gives_the_same_bytes(world: World) -> None:
    """A database that was lost altogether: the same records, keys and credentials come out of the ledgers again."""
    await world["xa"].write(*[application("XA", number) for number in range(7)])
    await settle(world)
    first = rows(world, sa.select(t.records.c.key, t.records.c.credential).order_by(t.records.c.id))
    for left in world.folder.glob("gateway.db*"):
        left.unlink()

    await settle(world)

    assert rows(world, sa.select(t.records.c.key, t.records.c.credential).order_by(t.records.c.id)) == first
    assert len(world["xb"].foreign()) == 7, "the ledger knew the keys"
    assert states(world) == {"landed": 7}


async def test_live_records_go_at_once(world: World) -> None:
    async with running(world) as gateway:
        for number in range(5):
            await world["xa"].write(application("XA", number))
            await until(lambda many=number + 1: len(world["xb"].foreign()) == many, 5)
        await until(lambda: gateway.health().networks[1].backlog == 0)
        assert gateway.health().ok
    assert quarantined(world) == []


async def test_routes_change_while_it_runs(world: World) -> None:
    world.routes = ()
    async with running(world) as gateway:
        await world["xa"].write(application("XA", 1))
        await until(lambda: count(world, t.records) == 1)
        await gateway.set_routes([RoutePlan("late", "xa", ("xb",))])
        await world["xa"].write(application("XA", 2))
        await until(lambda: len(world["xb"].foreign()) == 1)
        assert await gateway.replay("xb") == 1
        await until(lambda: len(world["xb"].foreign()) == 2)
        assert await gateway.replay("xb") == 0


async def test_a_gateway_runs_once(world: World) -> None:
    gateway = await settle(world)
    from gateway.errors import Misuse

    with pytest.raises(Misuse):
        await gateway.run_until_idle()


async def test_two_gateways_do_not_share_a_database(world: World) -> None:
    from gateway.errors import StoreError

    async with running(world):
        with pytest.raises(StoreError) as caught:
            Gateway(world.assembly())
    assert caught.value.code == "store.in-use"
