"""What a person asks for while a gateway may be running: retry, skip, resume, release.

An order is a row. The gateway that runs carries it out within a second; where none runs, whoever gave the order
carries it out on the spot. Either way it stays in the table, with who asked why and what came of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.errors import InputError, StoreError, fault
from gateway.store import dispatch
from gateway.store import schema as t
from gateway.store.database import Database, check_schema, open_engine
from gateway.store.intake import CONFLICT, note
from gateway.store.schema import DeliveryState

__all__ = ["Done", "Order", "Told", "carry_out", "give", "open_orders", "settle"]

UNKNOWN_TARGET = fault(
    "store.unknown-target",
    "There is nothing of this name to act on.",
    "`gateway status` lists networks, parked deliveries and what is in quarantine.",
)

VERBS: Final = ("retry", "skip", "resume", "release")


@dataclass(slots=True, frozen=True)
class Order:
    """`retry` and `skip` name a delivery key (hex), `resume` a network, `release` an entry in quarantine (row id)."""

    row: int
    verb: str
    target: str
    reason: str


@dataclass(slots=True, frozen=True)
class Done:
    """What came of an order: the networks (rows) whose deliveries or sources are to be looked at again."""

    result: str
    deliver_to: tuple[int, ...] = ()
    read_from: tuple[int, ...] = ()
    entry: int | None = None


@dataclass(slots=True, frozen=True)
class Told:
    """What is to be said to whoever gave an order. `well` is False where it could not be carried out."""

    well: bool
    said: str


UNDER_WAY: Final = Told(True, "the running gateway does it within a second")


def open_orders(connection: Connection) -> list[Order]:
    """Orders that nobody has carried out yet, oldest first."""
    rows = connection.execute(sa.select(t.orders).where(t.orders.c.done.is_(None)).order_by(t.orders.c.id))
    return [Order(row.id, row.verb, row.target, row.reason) for row in rows]


def settle(connection: Connection, order: Order, result: str, now: int) -> None:
    connection.execute(sa.update(t.orders).where(t.orders.c.id == order.row).values(done=now, result=result))


def carry_out(connection: Connection, order: Order, now: int) -> Done:
    """Do what an order says. Raises InputError where its target is not there; `release` is the journey's to finish."""
    if order.verb == "resume":
        return _resume(connection, order, now)
    if order.verb == "release":
        return _release(connection, order)
    try:
        key = bytes.fromhex(order.target)
    except ValueError as error:
        raise InputError(UNKNOWN_TARGET, "a delivery key is 64 hexadecimal digits", where=order.target) from error
    destination = connection.execute(sa.select(t.deliveries.c.destination).where(t.deliveries.c.key == key)).scalar()
    if destination is None:
        raise InputError(UNKNOWN_TARGET, "no delivery has this key", where=order.target)
    to = DeliveryState.SKIPPED if order.verb == "skip" else DeliveryState.WAITING
    freed = dispatch.release(connection, destination, key, to, order.reason, now)
    verb = "skipped" if order.verb == "skip" else "to be tried again"
    return Done(f"{verb}; {freed.waiting} behind it set free", deliver_to=(destination,))


def _resume(connection: Connection, order: Order, now: int) -> Done:
    rows = connection.execute(
        sa.select(t.sources.c.id, t.sources.c.network)
        .join(t.networks, t.networks.c.id == t.sources.c.network)
        .where(t.networks.c.name == order.target, t.sources.c.stopped.is_not(None))
    ).all()
    if not rows:
        raise InputError(UNKNOWN_TARGET, "no source of this network stands still", where=order.target)
    for row in rows:
        connection.execute(
            sa.update(t.sources).where(t.sources.c.id == row.id).values(stopped=None, code=None, detail=None)
        )
        note(connection, now, "resumed", order.reason, network=row.network)
    return Done("reads again", read_from=tuple(sorted({row.network for row in rows})))


def _release(connection: Connection, order: Order) -> Done:
    entry = int(order.target) if order.target.isascii() and order.target.isdigit() else -1
    found = connection.execute(sa.select(t.quarantine.c.entry).where(t.quarantine.c.entry == entry)).scalar()
    if found is None:
        raise InputError(UNKNOWN_TARGET, "nothing in quarantine has this number", where=order.target)
    code = connection.execute(sa.select(t.quarantine.c.code).where(t.quarantine.c.entry == found)).scalar()
    if code == CONFLICT.code:
        raise InputError(UNKNOWN_TARGET, "another record was read at its place before; it stays", where=order.target)
    if not connection.execute(sa.select(t.entries.c.evidence).where(t.entries.c.id == found)).scalar():
        raise InputError(UNKNOWN_TARGET, "nothing that could be tried again was kept of it", where=order.target)
    return Done("to be tried again", entry=int(found))


def give(url: str, verb: str, targets: Sequence[str], reason: str, now: int) -> list[Told]:
    """Ask for something. Where no gateway runs it is done at once (all but `release`, which needs the gateway's keys);
    returns what came of each target. Raises InputError for a wrong target, StoreError for the database."""
    if verb not in VERBS:
        raise InputError(UNKNOWN_TARGET, f"{verb!r} is none of {', '.join(VERBS)}", where=verb)
    engine = open_engine(url)
    try:
        check_schema(engine)
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            given = [
                connection.execute(
                    sa.insert(t.orders).values(at=now, verb=verb, target=target, reason=reason).returning(t.orders.c.id)
                ).scalar_one()
                for target in targets
            ]
            connection.exec_driver_sql("COMMIT")
    finally:
        engine.dispose()
    try:
        database = Database(url)
    except StoreError as error:
        if error.code != "store.in-use":
            raise
        return [UNDER_WAY] * len(targets)
    try:
        told = database.write_now(lambda connection: _all(connection, now))
    finally:
        database.close()
    # One that is open no longer was taken by a gateway that ran until just now.
    return [told.get(row, UNDER_WAY) for row in given]


def _all(connection: Connection, now: int) -> dict[int, Told]:
    """Carry out every open order, those that an earlier command left open too; what came of each, by its row."""
    told = {}
    for order in open_orders(connection):
        try:
            said = Told(True, carry_out(connection, order, now).result)
            if order.verb == "release":
                told[order.row] = Told(True, "done when the gateway runs next")
                continue
        except InputError as error:
            said = Told(False, str(error))
        settle(connection, order, said.said, now)
        told[order.row] = said
    return told
