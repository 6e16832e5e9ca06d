"""What cannot be delivered parks its lanes and nothing else; attempts end as the network says."""

from __future__ import annotations

import asyncio
import os

import msgspec
import orjson
import pytest
import sqlalchemy as sa

from gateway.errors import Broken, MappingError, Misuse, Permanent, fault
from gateway.spi import Absent, Conflict, Pending, Refused, Void, delivery_key
from gateway.store import schema as t
from gateway.store.orders import Told, give
from gateway_sandbox.office import own_record, write
from tests.journey.conftest import events, rows, running, settle, states, until
from tests.journey.fickle import AWAY, FickleAdapter, failing
from tests.journey.world import FORMAT, LIBRARY, World, application, event, native, transfer

NOW = 1_800_000_000_000_000
NEVER = fault("tests.never", "The network will never take this, says the test.", "Leave it.")


class Picky:
    """A library whose renditions fail for records that hold a text."""

    def __init__(self, text: str) -> None:
        self.text = text.encode()
        self.active = True

    def by_format(self, form):
        real, outer = LIBRARY.by_format(form), self

        class One:
            to_common = staticmethod(real.to_common)

            def to_native(self, records, residue=b""):
                from gateway.model.records import encode

                if outer.active and outer.text in encode(records[0]):
                    raise MappingError(NEVER, "this format has no room for it", where="/titleBag")
                return real.to_native(records, residue)

        return One()


def parked(world: World) -> list[str]:
    return [
        key.hex()
        for (key,) in rows(
            world, sa.select(t.deliveries.c.key).join(t.parked, t.parked.c.delivery == t.deliveries.c.id)
        )
    ]


def numbers(world: World, name: str = "xb") -> list[str]:
    found = []
    for entry in world[name].foreign():
        tree = orjson.loads(entry.content)
        found.append(f"{tree['kd']} {tree.get('no', {}).get('n', 'several')[-1]}")
    return found


async def test_a_record_that_the_format_cannot_hold_parks_its_lanes_alone(world: World) -> None:
    world.library = picky = Picky("BAD")
    await world["xa"].write(
        application("XA", 1, title="BAD"),
        application("XA", 2),
        event("XA", 1),
        transfer("XA", [1, 3]),
        event("XA", 3),
        event("XA", 2),
    )
    gateway = await settle(world)
    # 2 passes; 1 is parked; its event, the transfer over 1 and 3, and the event of 3 behind it are held
    assert numbers(world) == ["AP 3", "EV 3"]
    assert states(world) == {"landed": 2, "parked": 1, "held": 3}
    assert gateway.health().ok, "a parked lane is no trouble of the network"
    await world["xa"].write(event("XA", 3, "B10"), event("XA", 2, "B10"))
    await settle(world)
    assert states(world) == {"landed": 3, "parked": 1, "held": 4}, "parked lanes stay parked over a restart"

    picky.active = False
    [key] = parked(world)
    give(world.database, "retry", [key], "the mapping was mended", NOW)
    await settle(world)
    assert states(world) == {"landed": 8}
    assert numbers(world)[3:] == ["AP 2", "EV 2", "TR l", "EV 4", "EV 4"]


async def test_a_skip_frees_the_lane_and_is_seen_downstream(world: World) -> None:
    world.library = Picky("BAD")
    await world["xa"].write(application("XA", 1, title="BAD"), event("XA", 1), event("XA", 1, "B10"))
    await settle(world)
    [key] = parked(world)
    assert give(world.database, "skip", [key], "the office withdrew the title", NOW) == [
        Told(True, "skipped; 2 behind it set free")
    ]
    await settle(world)
    assert states(world) == {"landed": 2, "skipped": 1}
    first, second = world["xb"].foreign()
    assert first.leaf.supersedes.hex() == key, "the next of the lane names what never came"
    assert second.leaf.supersedes is None
    assert events(world, "skipped") == ["the office withdrew the title"]
    assert rows(world, sa.select(sa.func.count()).select_from(t.skipped).where(t.skipped.c.told.is_not(None))) == [(1,)]


async def test_orders_reach_a_gateway_that_runs(world: World) -> None:
    world.library = picky = Picky("BAD")
    async with running(world):
        await world["xa"].write(application("XA", 1, title="BAD"), event("XA", 1))
        await until(lambda: len(parked(world)) == 1 and states(world).get("held") == 1)
        picky.active = False
        [key] = parked(world)
        give(world.database, "retry", [key], "mended", NOW)
        await until(lambda: len(world["xb"].foreign()) == 2)
    assert numbers(world) == ["AP 2", "EV 2"]


async def test_a_wrong_order_says_so(world: World) -> None:
    await settle(world)
    assert "64 hexadecimal digits" in give(world.database, "retry", ["xyz"], "", NOW)[0].said
    assert "no delivery has this key" in give(world.database, "skip", ["ab" * 32], "", NOW)[0].said
    assert "no source of this network stands still" in give(world.database, "resume", ["xa"], "", NOW)[0].said
    assert "nothing in quarantine" in give(world.database, "release", ["12"], "", NOW)[0].said
    await world["xa"].write(application("XA", 1))
    await settle(world)
    [entry] = world["xb"].foreign()
    assert "store.not-parked" in give(world.database, "retry", [entry.leaf.key.hex()], "", NOW)[0].said


async def test_a_key_that_stands_with_other_content_is_a_conflict(world: World) -> None:
    """Somebody wrote under the delivery's key first: never a success, and never overwritten."""
    world["xb"].writes = None
    await world["xa"].write(application("XA", 1), application("XA", 2))
    world.routes = ()
    await settle(world)
    (first, *_) = rows(world, sa.select(t.records.c.key).order_by(t.records.c.id))
    key = delivery_key(first[0], world["xb"].network.digest, 1)
    squatter = own_record(FORMAT, native(application("XB", 1)).content, "XB/xb-application/1")
    await write(world["xb"].settings, [msgspec.structs.replace(squatter, key=key)])
    for left in world.folder.glob("gateway.db*"):
        left.unlink()
    from tests.journey.world import both_ways

    world.routes = both_ways(["xa", "xb"])
    world["xb"].writes = FORMAT

    await settle(world)

    assert states(world)["parked"] == 1
    [(code, detail)] = rows(world, sa.select(t.parked.c.code, t.parked.c.detail))
    assert code == "deliver.conflict"
    assert squatter.digest.hex() in detail
    assert len([entry for entry in world["xb"].entries() if entry.leaf.key == key]) == 1
    give(world.database, "retry", [key.hex()], "", NOW)
    await settle(world)
    assert rows(world, sa.select(t.parked.c.code)) == [("deliver.conflict",)], "trying again changes nothing"


@pytest.mark.parametrize("place", ["before_prepare", "before_submit", "after_submit", "before_outcome"])
async def test_a_network_that_does_not_answer_is_asked_again(world: World, place: str) -> None:
    adapter = world["xb"].adapter = FickleAdapter()
    setattr(adapter, place, failing(4))
    await world["xa"].write(*[application("XA", number) for number in range(5)])
    gateway = await settle(world)
    assert len(world["xb"].foreign()) == 5
    assert gateway.metrics.retries.labels("xb")._value.get() == 4
    assert gateway.health().ok


async def test_the_sink_says_which_record_it_never_takes(world: World) -> None:
    adapter = world["xb"].adapter = FickleAdapter()

    async def refuse(given) -> None:
        for place, one in enumerate(given):
            if b"BAD" in one.native.content:
                raise Permanent(NEVER, where=str(place))

    adapter.before_prepare = refuse
    await world["xa"].write(
        application("XA", 1), application("XA", 2, title="BAD"), event("XA", 2), application("XA", 3)
    )
    await settle(world)
    assert states(world) == {"landed": 2, "parked": 1, "held": 1}
    assert rows(world, sa.select(t.parked.c.code, t.parked.c.hint)) == [("tests.never", "Leave it.")]


async def test_a_sink_that_does_not_say_which_is_given_one_by_one(world: World) -> None:
    adapter = world["xb"].adapter = FickleAdapter()

    async def refuse(given) -> None:
        if any(b"BAD" in one.native.content for one in given):
            raise Permanent(NEVER, "one of these")

    adapter.before_prepare = refuse
    await world["xa"].write(*[application("XA", n, title="BAD" if n == 7 else "good") for n in range(12)])
    await settle(world)
    assert states(world) == {"landed": 11, "parked": 1}


async def test_a_refused_attempt_parks_unless_the_network_holds_it(world: World) -> None:
    adapter = world["xb"].adapter = FickleAdapter()

    async def refuse(_) -> None:
        raise Permanent(NEVER, "gas")

    adapter.after_submit = refuse  # it landed all the same
    await world["xa"].write(application("XA", 1))
    await settle(world)
    assert states(world) == {"landed": 1}
    adapter.after_submit, adapter.before_submit = away_never, refuse
    await world["xa"].write(application("XA", 2))
    await settle(world)
    assert states(world) == {"landed": 1, "parked": 1}
    assert rows(world, sa.select(t.parked.c.code)) == [("deliver.refused",)]


async def away_never(*_) -> None:
    return None


async def test_a_void_attempt_is_made_anew(world: World) -> None:
    adapter = world["xb"].adapter = FickleAdapter()
    # the first two attempts are lost before they reach the ledger, and the network says that they never will
    attempts = 0

    async def before(prepared) -> None:
        nonlocal attempts
        attempts += 1
        if attempts <= 2:
            lost.append(prepared)
            raise Permanent(NEVER, "another transaction took its number")

    lost: list = []
    adapter.before_submit = before
    adapter.outcomes = lambda prepared, real: (
        [Void("its number was taken")] * len(real) if any(prepared is one for one in lost) else real
    )
    await world["xa"].write(application("XA", 1), event("XA", 1), application("XA", 2))
    await settle(world)
    assert states(world) == {"landed": 3}
    assert numbers(world).index("AP 2") < numbers(world).index("EV 2")
    assert len(events(world, "attempt-void")) == 6
    assert rows(world, sa.select(sa.func.count()).select_from(t.attempts).where(t.attempts.c.state == 3)) == [(2,)]
    assert rows(world, sa.select(sa.func.count()).select_from(t.attempts).where(t.attempts.c.body.is_not(None))) == [
        (0,)
    ]


async def test_absent_and_pending_are_waited_for(world: World) -> None:
    adapter = world["xb"].adapter = FickleAdapter()
    asked = 0

    def outcomes(prepared, real):
        nonlocal asked
        asked += 1
        if asked == 1:
            return [Absent()] * len(real)
        if asked <= 4:
            return [Pending(), *real[1:]]
        return real

    adapter.outcomes = outcomes
    await world["xa"].write(application("XA", 1), application("XA", 2))
    await settle(world)
    assert states(world) == {"landed": 2}
    assert len(adapter.submitted) == 2, "absent: sent again"
    assert len(world["xb"].foreign()) == 2


async def test_one_of_an_attempt_may_be_refused(world: World) -> None:
    adapter = world["xb"].adapter = FickleAdapter()
    adapter.outcomes = lambda prepared, real: [Refused("not this one"), *real[1:]]
    await world["xa"].write(application("XA", 1), application("XA", 2), application("XA", 3))
    await settle(world)
    assert states(world) == {"landed": 2, "parked": 1}


async def test_a_network_without_idempotence_is_asked_before_anything_is_sent(world: World) -> None:
    adapter = world["xb"].adapter = FickleAdapter(idempotent=False)
    await world["xa"].write(application("XA", 1), application("XA", 2))
    await settle(world)
    assert len(adapter.asked) == 2
    for left in world.folder.glob("gateway.db*"):
        left.unlink()
    adapter.prepared.clear()
    await settle(world)
    assert states(world) == {"landed": 2}
    assert adapter.prepared == [], "both were there already"


async def test_attempts_hold_no_more_than_the_network_takes(world: World) -> None:
    adapter = world["xb"].adapter = FickleAdapter(batch=4, batch_bytes=500, in_flight=2)
    await world["xa"].write(*[application("XA", number) for number in range(23)])
    await settle(world)
    assert len(world["xb"].foreign()) == 23
    assert max(len(one.keys) for one in adapter.prepared) <= 4
    assert len(adapter.prepared) >= 8, "bytes count too"


async def test_a_sink_that_cannot_take_so_many_at_once_is_given_fewer(world: World) -> None:
    adapter = world["xb"].adapter = FickleAdapter()

    async def measure(given) -> None:
        if len(given) > 3:
            raise Misuse(NEVER, "give fewer at once")

    adapter.before_prepare = measure
    await world["xa"].write(*[application("XA", number) for number in range(20)])
    await settle(world)
    assert states(world) == {"landed": 20}
    assert max(len(one.keys) for one in adapter.prepared) <= 3


async def test_a_broken_destination_parks_nothing(world: World) -> None:
    adapter = world["xb"].adapter = FickleAdapter()

    async def broken(_) -> None:
        raise Broken(AWAY, "it is another chain than before")

    adapter.before_outcome = broken
    await world["xa"].write(application("XA", 1))
    async with running(world) as gateway:
        await until(lambda: not gateway.health().ok)
        adapter.before_outcome = away_never
        await until(lambda: states(world) == {"landed": 1})
        await until(lambda: gateway.health().ok)
    assert len(world["xb"].foreign()) == 1


async def test_a_slow_lane_holds_up_no_other(world: World) -> None:
    adapter = world["xb"].adapter = FickleAdapter(batch=1, in_flight=2)
    first = asyncio.Event()

    async def slow(prepared) -> None:
        if not first.is_set() and prepared is adapter.prepared[0]:
            await first.wait()

    adapter.before_submit = slow
    await world["xa"].write(
        *[event("XA", 1, f"{c}10") for c in "ABCDEF"], *[application("XA", n) for n in range(2, 12)]
    )
    async with running(world):
        await until(lambda: len(world["xb"].foreign()) == 10)
        assert {line[:2] for line in numbers(world)} == {"AP"}
        first.set()
        await until(lambda: len(world["xb"].foreign()) == 16)
    assert [orjson.loads(one.content)["ev"][0] for one in world["xb"].foreign()[10:]] == list("ABCDEF")


async def test_two_rights_parked_among_many_do_not_fill_the_window(world: World, monkeypatch) -> None:
    import gateway.journey.deliver as deliver

    monkeypatch.setattr(deliver, "_WINDOW", 16)
    monkeypatch.setattr(deliver, "_FAR", 64)
    world.library = Picky("BAD")
    await world["xa"].write(
        application("XA", 1, title="BAD"),
        *[event("XA", 1, "A10", national_code=f"n{n}") for n in range(120)],
        *[application("XA", 1000 + n) for n in range(60)],
    )
    await settle(world)
    assert states(world) == {"landed": 60, "parked": 1, "held": 120}
    [key] = parked(world)
    world.library.active = False
    give(world.database, "retry", [key], "", NOW)
    await settle(world)
    assert states(world) == {"landed": 181}
    lane = [orjson.loads(one.content) for one in world["xb"].foreign()][60:]
    assert [one.get("nc") for one in lane] == [None, *[f"n{n}" for n in range(120)]]


async def test_outcomes_are_the_networks_own_word(world: World) -> None:
    """A conflict reported for one of many: the others land, and it is parked with the digest that is held."""
    adapter = world["xb"].adapter = FickleAdapter()
    held = os.urandom(32)
    adapter.outcomes = lambda prepared, real: [Conflict(held), *real[1:]]
    await world["xa"].write(application("XA", 1), application("XA", 2))
    await settle(world)
    assert states(world) == {"landed": 1, "parked": 1}
    assert held.hex() in rows(world, sa.select(t.parked.c.detail))[0][0]
