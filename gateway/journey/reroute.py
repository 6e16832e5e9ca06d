"""Deliveries for records that were sealed before a destination or a route was there, in the order of their arrival."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.journey.crash import crash_point
from gateway.journey.route import MOST_HOPS, Place, Router
from gateway.journey.work import offices_named
from gateway.model import records as model
from gateway.spi import Digest, RecordKey, delivery_key
from gateway.store import schema as t
from gateway.store.intake import Intake
from gateway.store.schema import DeliveryState

__all__ = ["Progress", "reroute"]

_STEP: Final = 500


@dataclass(slots=True, frozen=True)
class Progress:
    """The last record that was looked at, how many deliveries were added, whether it was the end."""

    record: int
    added: int
    end: bool


def reroute(
    connection: Connection,
    intake: Intake,
    router: Router,
    place: Place,
    origins: Mapping[int, tuple[str, str]],
    after: int,
    now: int,
) -> Progress:
    """The next step behind record `after`: newest revisions without a delivery to `place` that a route sends there.

    origins  name and office by the row of each network that is read
    """
    sent = t.deliveries.alias("sent")
    later = t.records.alias("later")
    found = connection.execute(
        sa.select(
            t.records.c.id,
            t.records.c.key,
            t.records.c.revision,
            t.records.c.withdrawn,
            t.records.c.json_start,
            t.records.c.json_end,
            t.records.c.credential,
            t.entries.c.path,
            t.entries.c.basis,
            t.sources.c.network,
            t.networks.c.digest,
            sa.exists().where(sent.c.record == t.records.c.id, sent.c.destination == place.row).label("sent"),
            sa.exists().where(later.c.key == t.records.c.key, later.c.revision > t.records.c.revision).label("later"),
        )
        .join(t.entries, t.entries.c.id == t.records.c.entry)
        .join(t.batches, t.batches.c.id == t.entries.c.batch)
        .join(t.sources, t.sources.c.id == t.batches.c.source)
        .join(t.networks, t.networks.c.id == t.sources.c.network)
        .where(t.records.c.id > after)
        .order_by(t.records.c.id)
        .limit(_STEP)
    ).all()
    rows: list[dict[str, object]] = []
    for row in found:
        if row.sent or row.later or row.withdrawn or row.network not in origins:
            continue
        name, office = origins[row.network]
        path = bytes(row.path)
        been = frozenset({bytes(row.digest), *(path[at : at + 32] for at in range(0, len(path), 32))})
        if len(path) // 32 + 1 > MOST_HOPS:
            continue
        json = bytes(row.credential)[row.json_start : row.json_end]
        record = model.decode(json)
        routed = router.of(
            name,
            office,
            offices_named(record),
            json,
            type(record).__name__,
            row.basis,
            been,
            len(path) // 32 + 1,
            row.revision,
            place.row,
        )
        if routed.to:
            key = delivery_key(RecordKey(bytes(row.key)), Digest(place.digest), row.revision)
            rows.append(
                {
                    "key": key,
                    "record": row.id,
                    "destination": place.row,
                    "state": DeliveryState.WAITING.value,
                    "at": now,
                }
            )
    if rows:
        first = intake.take_ids(connection, t.deliveries, len(rows))
        connection.execute(sa.insert(t.deliveries), [{"id": number, **row} for number, row in enumerate(rows, first)])
    crash_point("reroute.before-commit")
    return Progress(found[-1].id if found else after, len(rows), len(found) < _STEP)
