"""What is read goes in once, whole, with its position; what is shared is kept once."""

from __future__ import annotations

import hashlib

import pytest
import sqlalchemy as sa

from gateway.errors import Broken
from gateway.spi import Position
from gateway.store import schema as t
from gateway.store.drafts import Fault, micros, moment
from gateway.store.intake import number_of, plain_number, position, stored_entry
from gateway.store.schema import EntryState
from gateway.store.statements import Among, Insert, Update, chunks, pack, unpack
from tests.unit.store.conftest import NOW, WHEN, Store, count


def test_times_are_exact() -> None:
    assert moment(micros(WHEN)) == WHEN
    assert micros(WHEN.replace(microsecond=999_999)) % 1_000_000 == 999_999


def test_packed_ids() -> None:
    assert unpack(pack([1, 2**40, 3])) == (1, 2**40, 3)
    assert unpack(b"") == ()
    assert [list(part) for part in chunks([1, 2, 3], 2)] == [[1, 2], [3]]


def test_a_batch_goes_in_with_its_position(store: Store) -> None:
    taken = store.take(store.entry("XA/a/1", number=1), store.entry("XA/a/1", "XA/a/2", number=2))
    assert taken.sealed == 2
    assert store.do(lambda c: position(c, store.source)) == Position(1, (1).to_bytes(32, "big"))
    first, second = taken.pickups[store.there]
    assert first.lanes == (1,)
    assert second.lanes == (1, 2)
    assert store.ask("SELECT subject, record FROM also_about") == [(2, 2)]
    assert store.do(lambda c: count(c, "documents")) == 2, "one block, one loss report"
    assert store.ask("PRAGMA foreign_key_check") == []


@pytest.mark.parametrize("parent", [Position(1, b"x" * 32), Position(7, b"y" * 32), None])
def test_a_batch_that_does_not_follow_is_refused_whole(store: Store, parent: Position | None) -> None:
    store.take(store.entry(number=1))
    with pytest.raises(Broken) as caught:
        store.take(store.entry(number=2), parent=parent)
    assert caught.value.code == "journey.gap"
    assert store.do(lambda c: count(c, "entries")) == 1
    assert store.do(lambda c: position(c, store.source)).height == 1


def test_an_empty_batch_is_a_checkpoint(store: Store) -> None:
    store.take()
    assert store.do(lambda c: position(c, store.source)).height == 1
    assert store.do(lambda c: count(c, "batches")) == 0


def test_what_was_read_before_changes_nothing(store: Store) -> None:
    store.take(store.entry(number=1), store.entry(number=2))
    taken = store.take(store.entry(number=1), store.entry(number=3))
    assert (taken.known, taken.sealed) == (1, 1)
    assert [pickup.delivery for pickup in taken.pickups[store.there]] == [3]
    assert store.do(lambda c: count(c, "records")) == 3


def test_other_bytes_at_a_place_are_kept_as_a_conflict(store: Store) -> None:
    store.take(store.entry(number=1))
    taken = store.take(store.entry(number=1, content=b'{"other":1}'))
    assert (taken.quarantined, taken.sealed) == (1, 0)
    assert store.ask("SELECT code FROM quarantine") == [("journey.conflict",)]
    assert store.ask("SELECT native FROM entries ORDER BY id") == [(b"{}",), (b'{"other":1}',)]
    assert store.do(lambda c: count(c, "deliveries")) == 1
    assert store.take(store.entry(number=1)).known == 1


def test_one_place_twice_in_a_batch(store: Store) -> None:
    taken = store.take(store.entry(number=1), store.entry(number=1), store.entry(number=1, content=b"?"))
    assert (taken.sealed, taken.known, taken.quarantined) == (1, 1, 1)


def test_an_echo_is_kept_by_digest(store: Store) -> None:
    taken = store.take(store.entry(number=1, state=EntryState.ECHO, records=[], losses=b""))
    assert taken.echoes == 1
    assert store.ask("SELECT native, evidence, native_digest FROM entries") == [
        (None, None, hashlib.sha256(b"{}").digest())
    ]
    assert store.take(store.entry(number=1, state=EntryState.ECHO, records=[], losses=b"")).known == 1
    assert store.do(lambda c: count(c, "documents")) == 0


def test_what_is_put_aside_keeps_its_bytes_and_can_be_made_again(store: Store) -> None:
    why = Fault("tests.bad", "it is bad", "make it good", "/kd")
    draft = store.entry(number=1, state=EntryState.QUARANTINED, records=[], fault=why)
    store.take(draft)
    assert store.ask("SELECT code, detail, hint, place FROM quarantine") == [
        ("tests.bad", "it is bad", "make it good", "/kd")
    ]
    stored = store.do(lambda c: stored_entry(c, 1))
    from gateway.journey.ingest import source_record

    assert source_record(stored) == draft.source
    assert stored.shared == {hashlib.sha256(b"block").digest(): b"block"}


def test_many_subjects_at_once(store: Store) -> None:
    """More than one statement takes parameters for."""
    store.take(*[store.entry(number=number) for number in range(1234)])
    store.take(*[store.entry(number=number) for number in range(1234, 1240)])
    store.intake.forget()
    store.take(store.entry("XA/xa-application/XA7", number=5000))
    assert store.do(lambda c: count(c, "subjects")) == 1240
    assert store.take(*[store.entry(number=number) for number in range(1234)]).known == 1234


def test_numbers_are_found_however_they_are_written() -> None:
    assert number_of("US/us-application/15123456") == "15123456"
    assert plain_number("15/123,456") == "15123456"
    assert plain_number("EP 1 234 567.8") == "ep12345678"
    assert plain_number("特願２０２４－１２３") == "特願２０２４１２３"


def test_rows_go_in_together_whatever_their_number(store: Store) -> None:
    put = Insert(t.settings, "name", "value")
    for many in (0, 1, 7, 8, 63, 64, 65, 200):
        store.do(lambda c: c.execute(sa.delete(t.settings)))
        store.do(lambda c, many=many: put.run(c, [(f"n{number}", number) for number in range(many)]))
        assert store.ask("SELECT count(*), coalesce(sum(value), 0) FROM settings") == [(many, many * (many - 1) // 2)]
    with pytest.raises(ValueError, match="number of values"):
        store.do(lambda c: put.run(c, [("a", 1), ("b", 2, 3)]))


def test_rows_are_changed_each_by_its_own_values(store: Store) -> None:
    store.take(*[store.entry(number=number) for number in range(100)])
    change = Update(t.deliveries, "state", "locus")
    store.do(lambda c: change.run(c, [(row, 4, b"%d" % row) for row in range(1, 91)]))
    found = store.ask("SELECT id, state, locus FROM deliveries ORDER BY id")
    assert found[:90] == [(row, 4, b"%d" % row) for row in range(1, 91)]
    assert {row[1:] for row in found[90:]} == {(0, None)}


def test_values_are_looked_up_in_any_number(store: Store) -> None:
    store.take(*[store.entry(number=number) for number in range(20)])
    among = Among(sa.select(t.entries.c.id), t.entries.c.id)
    assert store.do(lambda c: among.rows(c, [])) == []
    assert sorted(row for (row,) in store.do(lambda c: among.rows(c, range(-5, 1000)))) == list(range(1, 21))


def test_room_is_reported(store: Store) -> None:
    """A record's rows without its documents: an index that was added by mistake would show here."""
    store.take(*[store.entry(number=number) for number in range(2000)])
    pages, size = store.ask("PRAGMA page_count")[0][0], store.ask("PRAGMA page_size")[0][0]
    assert pages * size / 2000 < 1100


def test_now_is_in_microseconds() -> None:
    assert moment(NOW).year == 2026
