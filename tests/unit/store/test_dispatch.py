"""Deliveries: in order, by lanes, each in one attempt; parked, held, freed, skipped."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import InputError
from gateway.store import dispatch
from gateway.store.database import Database
from gateway.store.drafts import Fault
from gateway.store.migrate import migrate
from gateway.store.schema import DeliveryState
from tests.unit.store.conftest import NOW, Store

WHY = Fault("tests.stuck", "it is stuck", "wait")


def key(number: int) -> bytes:
    return hashlib.sha256(b"delivery" + hashlib.sha256(b"%d" % number).digest()).digest()


def state(store: Store) -> list[int]:
    return [row[0] for row in store.ask("SELECT state FROM deliveries ORDER BY id")]


def prepare(store: Store, *deliveries: int) -> int:
    waiting = [
        one for one in store.do(lambda c: dispatch.waiting(c, store.there, 0, 100)) if one.delivery in deliveries
    ]
    return store.do(  # type: ignore[no-any-return]  # by way of the writer
        lambda c: dispatch.prepare(
            c, store.intake, store.there, waiting, [b"" for _ in waiting], "label", b"body", 7, NOW
        )
    )


def park(store: Store, *deliveries: int) -> None:
    store.do(lambda c: dispatch.park(c, [(one, WHY) for one in deliveries], NOW))


def test_waiting_ones_come_in_order_and_in_pieces(store: Store) -> None:
    store.take(*[store.entry(number=number) for number in range(10)])
    first = store.do(lambda c: dispatch.waiting(c, store.there, 0, 4))
    assert [one.delivery for one in first] == [1, 2, 3, 4]
    assert [one.delivery for one in store.do(lambda c: dispatch.waiting(c, store.there, 4, 100))] == [5, 6, 7, 8, 9, 10]
    assert store.do(lambda c: dispatch.waiting(c, store.here, 0, 100)) == []


def test_a_delivery_loaded_again_is_the_one_that_was_handed_over(store: Store) -> None:
    [fresh] = store.take(store.entry("XA/a/1", "XA/a/2", number=1)).pickups[store.there]
    [loaded] = store.do(lambda c: dispatch.waiting(c, store.there, 0, 10))
    assert loaded.json == b""
    store.do(lambda c: dispatch.bodies(c, [loaded]))
    for name in ("delivery", "key", "lanes", "seen", "json", "record_key", "revision", "withdrawn", "subject", "path"):
        assert getattr(loaded, name) == getattr(fresh, name), name


def test_an_attempt_from_storing_to_landing(store: Store) -> None:
    store.take(*[store.entry(number=number) for number in range(3)])
    attempt = prepare(store, 1, 2)
    assert state(store) == [DeliveryState.PREPARED, DeliveryState.PREPARED, DeliveryState.WAITING]
    [found] = store.do(lambda c: dispatch.open_attempts(c, store.there))
    assert (found.row, found.label, found.body, found.keys) == (attempt, "label", b"body", (key(0), key(1)))
    store.do(lambda c: dispatch.submitted(c, attempt, NOW))
    assert state(store)[:2] == [DeliveryState.SUBMITTED] * 2
    store.do(lambda c: dispatch.finish(c, attempt, [(1, {"block": b"b", "index": 0})], [], False, NOW, NOW))
    [found] = store.do(lambda c: dispatch.open_attempts(c, store.there))
    assert [one.delivery for one in found.pickups] == [2]
    assert found.keys == (key(0), key(1)), "the attempt is what was signed, whole"
    store.do(lambda c: dispatch.finish(c, attempt, [], [(2, WHY)], True, NOW, NOW))
    assert store.do(lambda c: dispatch.open_attempts(c, store.there)) == []
    assert state(store) == [DeliveryState.LANDED, DeliveryState.PARKED, DeliveryState.WAITING]
    assert store.ask("SELECT body, state FROM attempts") == [(None, 2)]


def test_a_void_attempt_gives_its_deliveries_back(store: Store) -> None:
    store.take(*[store.entry(number=number) for number in range(2)])
    attempt = prepare(store, 1, 2)
    store.do(lambda c: dispatch.void(c, attempt, [1, 2], "its number was taken", NOW))
    assert state(store) == [DeliveryState.WAITING] * 2
    assert [row[0] for row in store.ask("SELECT detail FROM events")] == ["its number was taken"] * 2
    assert store.do(lambda c: dispatch.open_attempts(c, store.there)) == []


def test_backlog(store: Store) -> None:
    assert store.do(lambda c: dispatch.backlog(c, store.there)).undone == 0
    store.take(*[store.entry(number=number) for number in range(6)])
    prepare(store, 1, 2)
    park(store, 3)
    store.do(lambda c: dispatch.hold(c, store.there, [4]))
    found = store.do(lambda c: dispatch.backlog(c, store.there))
    assert (found.undone, found.oldest, found.newest) == (6, NOW, 6)
    store.do(lambda c: dispatch.landed_already(c, [(5, {"block": b"", "index": 1})], NOW))
    assert store.do(lambda c: dispatch.backlog(c, store.there)).undone == 5


def test_what_stands_behind_a_parked_one_is_held_and_freed_with_it(store: Store) -> None:
    store.take(
        store.entry("a", number=0),
        store.entry("a", "b", number=1),
        store.entry("b", number=2),
        store.entry("c", number=3),
        store.entry("c", "b", number=4),
    )
    park(store, 1, 4)
    assert store.do(lambda c: dispatch.hold(c, store.there, [2, 3, 5])) == 0
    assert store.do(lambda c: dispatch.parked_lanes(c, store.there)) == {1, 2, 3}
    freed = store.do(lambda c: dispatch.release(c, store.there, key(0), DeliveryState.WAITING, "again", NOW))
    assert freed.waiting == 2
    assert state(store) == [0, 0, 0, DeliveryState.PARKED, DeliveryState.HELD], "the last waits for the lane of c"
    assert store.do(lambda c: dispatch.parked_lanes(c, store.there)) == {2, 3}


def test_holding_what_was_freed_meanwhile_frees_it_again(store: Store) -> None:
    """A worker that had not heard of a retry yet sets something aside: it must not stay there for ever."""
    store.take(store.entry("a", number=0), store.entry("a", number=1))
    park(store, 1)
    store.do(lambda c: dispatch.release(c, store.there, key(0), DeliveryState.WAITING, "", NOW))
    assert store.do(lambda c: dispatch.hold(c, store.there, [2])) == 1
    assert state(store) == [0, 0]


def test_only_parked_ones_are_released(store: Store) -> None:
    store.take(store.entry(number=0))
    for wrong in (key(0), b"?" * 32):
        with pytest.raises(InputError) as caught:
            store.do(lambda c, wrong=wrong: dispatch.release(c, store.there, wrong, DeliveryState.WAITING, "", NOW))
        assert caught.value.code == "store.not-parked"


def test_a_skip_is_told_once(store: Store) -> None:
    store.take(store.entry("a", number=0), store.entry("a", number=1))
    park(store, 1)
    store.do(lambda c: dispatch.release(c, store.there, key(0), DeliveryState.SKIPPED, "no use", NOW))
    assert store.do(lambda c: dispatch.untold_skips(c, store.there)) == {1: [dispatch.Skip(1, key(0))]}
    store.do(lambda c: dispatch.skips_told(c, [1], NOW))
    assert store.do(lambda c: dispatch.untold_skips(c, store.there)) == {}
    assert state(store) == [DeliveryState.SKIPPED, DeliveryState.WAITING]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: Any) -> Path:
    """A migrated database to copy: migrating takes longer than all the rest."""
    made: Path = tmp_path_factory.mktemp("empty") / "g.db"
    migrate(f"sqlite:///{made}")
    return made


lanes = st.lists(st.sets(st.sampled_from("abcd"), min_size=1, max_size=3), min_size=1, max_size=12)


@settings(max_examples=60)
@given(lanes, st.data())
def test_held_is_exactly_what_a_parked_one_stands_before(
    tmp_path_factory: Any, empty: Path, about: list[set[str]], data: Any
) -> None:
    """Against the rule written down plainly: walk the deliveries in order, carry the blocked lanes along."""
    folder = tmp_path_factory.mktemp("held")
    shutil.copy(empty, folder / "g.db")
    database = Database(f"sqlite:///{folder / 'g.db'}")
    try:
        store = Store(database)
        store.take(*[store.entry(*sorted(each), number=number) for number, each in enumerate(about)])
        stuck = data.draw(st.sets(st.integers(1, len(about)), max_size=4))
        park(store, *sorted(stuck))
        others = [one for one in range(1, len(about) + 1) if one not in stuck]
        store.do(lambda c: dispatch.hold(c, store.there, others))
        blocked: set[str] = set()
        expected = []
        for number, each in enumerate(about, 1):
            if number in stuck:
                expected.append(DeliveryState.PARKED)
                blocked |= each
            elif blocked & each:
                expected.append(DeliveryState.HELD)
                blocked |= each
            else:
                expected.append(DeliveryState.WAITING)
        assert state(store) == expected
    finally:
        database.close()
