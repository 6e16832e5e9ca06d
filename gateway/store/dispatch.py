"""What goes out: deliveries by destination, their attempts, parked lanes, and what a person asks for.

All functions take a connection and belong in a transaction of the writer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.errors import InputError, fault
from gateway.proofs import cbor
from gateway.spi import LocusValue
from gateway.store import schema as t
from gateway.store.drafts import Fault, Pickup
from gateway.store.intake import Intake, note
from gateway.store.schema import AttemptState, DeliveryState
from gateway.store.statements import Update, chunks, pack, unpack

__all__ = [
    "Backlog",
    "OpenAttempt",
    "Released",
    "Skip",
    "backlog",
    "bodies",
    "finish",
    "hold",
    "landed_already",
    "open_attempts",
    "park",
    "parked_lanes",
    "prepare",
    "release",
    "settle_held",
    "skips_told",
    "submitted",
    "untold_skips",
    "void",
    "waiting",
]

NOT_PARKED = fault(
    "store.not-parked",
    "No delivery of this key is parked.",
    "`gateway status` lists what is parked, with the keys; only a parked delivery can be retried or skipped.",
)

_landed: Final = Update(t.deliveries, "state", "at", "locus")
_prepared: Final = Update(t.deliveries, "state", "attempt", "at", "losses")

_UNDER_WAY: Final = (DeliveryState.PREPARED.value, DeliveryState.SUBMITTED.value)


@dataclass(slots=True)
class OpenAttempt:
    """An attempt whose outcomes are not all final, as it was stored. `pickups` are those not final, in its order;
    `keys` all of it."""

    row: int
    label: str
    body: bytes
    keys: tuple[bytes, ...]
    pickups: list[Pickup]


@dataclass(slots=True, frozen=True)
class Skip:
    """A delivery that a person gave up and that the destination has not been told of yet."""

    delivery: int
    key: bytes


@dataclass(slots=True)
class Backlog:
    """Deliveries of one destination that are not done, when the oldest was seen on its network, and the newest
    delivery that there is."""

    undone: int
    oldest: int | None
    newest: int


@dataclass(slots=True)
class Released:
    """What a retry or skip set free."""

    destination: int
    delivery: int
    waiting: int


_columns: Final = (
    t.deliveries.c.id,
    t.deliveries.c.record,
    t.deliveries.c.key,
    t.records.c.subject,
    t.records.c.lanes,
    t.batches.c.seen,
)
_joined: Final = (
    t.deliveries.join(t.records, t.records.c.id == t.deliveries.c.record)
    .join(t.entries, t.entries.c.id == t.records.c.entry)
    .join(t.batches, t.batches.c.id == t.entries.c.batch)
)
_waiting: Final = (
    sa.select(*_columns)
    .select_from(_joined)
    .where(
        t.deliveries.c.destination == sa.bindparam("wanted"),
        t.deliveries.c.state == sa.literal_column(str(DeliveryState.WAITING.value)),
        t.deliveries.c.id > sa.bindparam("beyond"),
    )
    .order_by(t.deliveries.c.id)
    .limit(sa.bindparam("most"))
)


def _pickup(row: Any) -> Pickup:
    lanes = (row.subject,) if row.lanes is None else unpack(row.lanes)
    return Pickup(row.id, row.record, bytes(row.key), lanes, row.seen)


def waiting(connection: Connection, destination: int, after: int, limit: int) -> list[Pickup]:
    """The next waiting deliveries behind delivery `after`, oldest first; without their records."""
    rows = connection.execute(_waiting, {"wanted": destination, "beyond": after, "most": limit})
    return [_pickup(row) for row in rows]


def bodies(connection: Connection, pickups: Iterable[Pickup]) -> None:
    """Fill in what a delivery needs of its record: JSON, key, revision, subject, path."""
    by_record: dict[int, list[Pickup]] = {}
    for pickup in pickups:
        by_record.setdefault(pickup.record_row, []).append(pickup)
    home = t.networks.alias("home")
    for some in chunks(list(by_record)):
        rows = connection.execute(
            sa.select(
                t.records.c.id,
                t.records.c.key,
                t.records.c.revision,
                t.records.c.withdrawn,
                t.records.c.json_start,
                t.records.c.json_end,
                t.records.c.credential,
                t.subjects.c.subject,
                t.entries.c.path,
                home.c.digest,
            )
            .join(t.subjects, t.subjects.c.id == t.records.c.subject)
            .join(t.entries, t.entries.c.id == t.records.c.entry)
            .join(t.batches, t.batches.c.id == t.entries.c.batch)
            .join(t.sources, t.sources.c.id == t.batches.c.source)
            .join(home, home.c.id == t.sources.c.network)
            .where(t.records.c.id.in_(some))
        )
        for row in rows:
            json = bytes(row.credential)[row.json_start : row.json_end]
            for pickup in by_record[row.id]:
                pickup.json, pickup.record_key = json, bytes(row.key)
                pickup.revision, pickup.withdrawn = row.revision, bool(row.withdrawn)
                pickup.subject, pickup.path = row.subject, bytes(row.path) + bytes(row.digest)


def hold(connection: Connection, destination: int, deliveries: Sequence[int]) -> int:
    """Set deliveries aside that stand behind a parked one, so that they are not looked at again and again.

    Returns how many held ones are free after all: what they stood behind may have been released meanwhile.
    """
    _move(connection, deliveries, DeliveryState.HELD)
    return settle_held(connection, destination)


def _move(connection: Connection, deliveries: Sequence[int], state: DeliveryState) -> None:
    for some in chunks(deliveries):
        connection.execute(sa.update(t.deliveries).where(t.deliveries.c.id.in_(some)).values(state=state.value))


def prepare(
    connection: Connection,
    intake: Intake,
    destination: int,
    pickups: Sequence[Pickup],
    losses: Sequence[bytes],
    label: str,
    body: bytes,
    fence: int,
    now: int,
) -> int:
    """Store an attempt with the deliveries in it; returns its row. What was not stored is not sent."""
    row = intake.take_ids(connection, t.attempts)
    papers = intake.document_rows(connection, [paper for paper in losses if paper])
    connection.execute(
        sa.insert(t.attempts).values(
            id=row,
            destination=destination,
            state=AttemptState.PREPARED.value,
            fence=fence,
            label=label,
            body=body,
            deliveries=pack([pickup.delivery for pickup in pickups]),
            prepared=now,
        )
    )
    state = DeliveryState.PREPARED.value
    _prepared.run(
        connection,
        [(pickup.delivery, state, row, now, papers.get(paper)) for pickup, paper in zip(pickups, losses, strict=True)],
    )
    return row


def submitted(connection: Connection, attempt: int, when: int) -> None:
    """The attempt was sent and its outcome is awaited."""
    connection.execute(
        sa.update(t.attempts)
        .where(t.attempts.c.id == attempt, t.attempts.c.state == AttemptState.PREPARED.value)
        .values(state=AttemptState.SUBMITTED.value, submitted=when)
    )
    connection.execute(
        sa.update(t.deliveries)
        .where(
            t.deliveries.c.id.in_(_of_attempt(connection, attempt)),
            t.deliveries.c.state == DeliveryState.PREPARED.value,
        )
        .values(state=DeliveryState.SUBMITTED.value, at=when)
    )


def _of_attempt(connection: Connection, attempt: int) -> tuple[int, ...]:
    packed = connection.execute(sa.select(t.attempts.c.deliveries).where(t.attempts.c.id == attempt)).scalar_one()
    return unpack(packed)


def finish(
    connection: Connection,
    attempt: int,
    landed: Sequence[tuple[int, dict[str, LocusValue]]],
    stuck: Sequence[tuple[int, Fault]],
    over: bool,
    when: int,
    now: int,
) -> None:
    """Final outcomes of an attempt: landed deliveries with their place, stuck ones with the reason.

    With `over` none is open any more: the attempt's signed bytes are let go.
    """
    state = DeliveryState.LANDED.value
    _landed.run(connection, [(delivery, state, now, cbor.encode(locus)) for delivery, locus in landed])
    park(connection, stuck, now)
    if over:
        connection.execute(
            sa.update(t.attempts)
            .where(t.attempts.c.id == attempt)
            .values(state=AttemptState.OVER.value, submitted=when, finished=now, body=None)
        )


def void(connection: Connection, attempt: int, deliveries: Sequence[int], reason: str, now: int) -> None:
    """The attempt can never land: its deliveries wait again."""
    for delivery in deliveries:
        note(connection, now, "attempt-void", reason, delivery=delivery)
    _move(connection, deliveries, DeliveryState.WAITING)
    connection.execute(
        sa.update(t.attempts)
        .where(t.attempts.c.id == attempt)
        .values(state=AttemptState.VOID.value, finished=now, reason=reason, body=None)
    )


def park(connection: Connection, stuck: Sequence[tuple[int, Fault]], now: int) -> None:
    """Deliveries that cannot go on: they and all behind them on their lanes wait for a person."""
    for delivery, why in stuck:
        destination = connection.execute(
            sa.select(t.deliveries.c.destination).where(t.deliveries.c.id == delivery)
        ).scalar_one()
        connection.execute(
            sa.insert(t.parked).values(
                delivery=delivery,
                destination=destination,
                since=now,
                code=why.code,
                detail=why.detail,
                hint=why.hint,
            )
        )
        connection.execute(
            sa.update(t.deliveries)
            .where(t.deliveries.c.id == delivery)
            .values(state=DeliveryState.PARKED.value, at=now)
        )
        note(connection, now, "parked", {"code": why.code, "detail": why.detail}, delivery=delivery)


def landed_already(connection: Connection, landed: Sequence[tuple[int, dict[str, LocusValue]]], now: int) -> None:
    """Deliveries that the network turned out to hold before an attempt was made."""
    state = DeliveryState.LANDED.value
    _landed.run(connection, [(delivery, state, now, cbor.encode(locus)) for delivery, locus in landed])


def untold_skips(connection: Connection, destination: int) -> dict[int, list[Skip]]:
    """Skipped deliveries by lane, oldest first, that no later delivery has told the network of."""
    skips: dict[int, list[Skip]] = {}
    for row in connection.execute(
        sa.select(t.deliveries.c.id, t.deliveries.c.key, t.records.c.subject, t.records.c.lanes)
        .select_from(t.skipped)
        .join(t.deliveries, t.deliveries.c.id == t.skipped.c.delivery)
        .join(t.records, t.records.c.id == t.deliveries.c.record)
        .where(t.skipped.c.destination == destination, t.skipped.c.told.is_(None))
        .order_by(t.deliveries.c.id)
    ):
        for lane in _lanes(row):
            skips.setdefault(lane, []).append(Skip(row.id, bytes(row.key)))
    return skips


def skips_told(connection: Connection, deliveries: Sequence[int], now: int) -> None:
    """A landed delivery named these as superseded."""
    for some in chunks(deliveries):
        connection.execute(sa.update(t.skipped).where(t.skipped.c.delivery.in_(some)).values(told=now))


def parked_lanes(connection: Connection, destination: int) -> set[int]:
    """Subjects on which a delivery is parked, or held behind a parked one."""
    lanes: set[int] = set()
    for state in (DeliveryState.PARKED, DeliveryState.HELD):
        for row in connection.execute(
            sa.select(t.records.c.subject, t.records.c.lanes)
            .join(t.deliveries, t.deliveries.c.record == t.records.c.id)
            .where(_parked(destination) if state is DeliveryState.PARKED else _held(destination))
        ):
            lanes.update((row.subject,) if row.lanes is None else unpack(row.lanes))
    return lanes


def _parked(destination: int) -> sa.ColumnElement[bool]:
    return t.deliveries.c.id.in_(sa.select(t.parked.c.delivery).where(t.parked.c.destination == destination))


def _held(destination: int) -> sa.ColumnElement[bool]:
    # the state stands in the text, not in a parameter: only so does SQLite use the partial index
    return sa.and_(
        t.deliveries.c.destination == destination,
        t.deliveries.c.state == sa.literal_column(str(DeliveryState.HELD.value)),
    )


def release(connection: Connection, destination: int, key: bytes, to: DeliveryState, reason: str, now: int) -> Released:
    """Retry (`to` WAITING) or skip (`to` SKIPPED) a parked delivery, and free what waited behind it alone.

    Raises InputError where no delivery of this key is parked.
    """
    delivery = connection.execute(
        sa.select(t.deliveries.c.id)
        .join(t.parked, t.parked.c.delivery == t.deliveries.c.id)
        .where(t.deliveries.c.key == key, t.deliveries.c.destination == destination)
    ).scalar()
    if delivery is None:
        raise InputError(NOT_PARKED, where=key.hex())
    connection.execute(sa.delete(t.parked).where(t.parked.c.delivery == delivery))
    connection.execute(sa.update(t.deliveries).where(t.deliveries.c.id == delivery).values(state=to.value, at=now))
    note(connection, now, "skipped" if to is DeliveryState.SKIPPED else "retried", reason, delivery=delivery)
    if to is DeliveryState.SKIPPED:
        connection.execute(sa.insert(t.skipped).values(delivery=delivery, destination=destination))
    return Released(destination, delivery, settle_held(connection, destination))


def settle_held(connection: Connection, destination: int) -> int:
    """Let held deliveries wait again that stand behind no parked one; returns how many."""
    blocked: dict[int, int] = {}
    for row in connection.execute(_lanes_of(_parked(destination))):
        for lane in _lanes(row):
            blocked[lane] = min(row.id, blocked.get(lane, row.id))
    free: list[int] = []
    for row in connection.execute(_lanes_of(_held(destination)).order_by(t.deliveries.c.id)):
        lanes = _lanes(row)
        if any(lane in blocked and blocked[lane] < row.id for lane in lanes):
            for lane in lanes:
                blocked[lane] = min(row.id, blocked.get(lane, row.id))
        else:
            free.append(row.id)
    _move(connection, free, DeliveryState.WAITING)
    return len(free)


def _lanes_of(where: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return (
        sa.select(t.deliveries.c.id, t.records.c.subject, t.records.c.lanes)
        .join(t.records, t.records.c.id == t.deliveries.c.record)
        .where(where)
    )


def _lanes(row: Any) -> tuple[int, ...]:
    return (row.subject,) if row.lanes is None else unpack(row.lanes)


def open_attempts(connection: Connection, destination: int) -> list[OpenAttempt]:
    """The attempts that were under way when the gateway ended, oldest first."""
    found: list[OpenAttempt] = []
    for row in connection.execute(
        sa.select(t.attempts)
        .where(
            t.attempts.c.destination == destination,
            t.attempts.c.state < sa.literal_column(str(AttemptState.OVER.value)),
        )
        .order_by(t.attempts.c.id)
    ).all():
        ids = unpack(row.deliveries)
        by_id: dict[int, tuple[Pickup, int]] = {}
        for some in chunks(ids):
            for one in connection.execute(
                sa.select(*_columns, t.deliveries.c.state).select_from(_joined).where(t.deliveries.c.id.in_(some))
            ):
                by_id[one.id] = (_pickup(one), one.state)
        found.append(
            OpenAttempt(
                row.id,
                row.label,
                bytes(row.body),
                tuple(by_id[one][0].key for one in ids),
                [by_id[one][0] for one in ids if by_id[one][1] in _UNDER_WAY],
            )
        )
    return found


def backlog(connection: Connection, destination: int) -> Backlog:
    """How much is not done for a destination."""
    undone = 0
    oldest: list[int] = []
    for where in (_waiting_at(destination), _held(destination), _parked(destination)):
        count, first = connection.execute(sa.select(sa.func.count(), sa.func.min(t.deliveries.c.id)).where(where)).one()
        undone += count
        if first is not None:
            oldest.append(first)
    for attempt in open_attempts(connection, destination):
        undone += len(attempt.pickups)
        oldest.extend(pickup.delivery for pickup in attempt.pickups[:1])
    seen = None
    if oldest:
        seen = connection.execute(
            sa.select(t.batches.c.seen).select_from(_joined).where(t.deliveries.c.id == min(oldest))
        ).scalar()
    newest = connection.execute(sa.select(sa.func.max(t.deliveries.c.id))).scalar()
    return Backlog(undone, seen, newest or 0)


def _waiting_at(destination: int) -> sa.ColumnElement[bool]:
    return sa.and_(
        t.deliveries.c.destination == destination,
        t.deliveries.c.state == sa.literal_column(str(DeliveryState.WAITING.value)),
    )
