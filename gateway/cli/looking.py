"""What commands show of the store. Reads alone; a gateway may be running."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.assemble import database_url
from gateway.cli import NotFound
from gateway.config import Config
from gateway.errors import fault
from gateway.proofs import cbor
from gateway.spi import LocusValue
from gateway.store import schema as t
from gateway.store.database import check_schema, open_engine
from gateway.store.drafts import moment
from gateway.store.intake import plain_number
from gateway.store.schema import DELIVERY, ENTRY, DeliveryState, EntryState
from gateway.store.statements import unpack

if TYPE_CHECKING:
    from gateway.dossier.dossier import Dossier

__all__ = [
    "Delivery",
    "Happening",
    "NetworkState",
    "Parked",
    "Quarantined",
    "RecordRow",
    "RecordView",
    "Status",
    "dossier_of",
    "list_records",
    "read_again",
    "reading",
    "record_of",
    "status_of",
    "trace_of",
]

NO_RECORD = fault(
    "command.no-record",
    "The store has no record of this key.",
    "`gateway record list` shows the keys; the beginning of one is enough where it is the only one.",
)
NO_NUMBER = fault(
    "command.no-number",
    "Nothing is known about this number.",
    "Numbers are compared by letters and digits alone; `gateway record list` shows what is known.",
)
AMBIGUOUS = fault(
    "command.ambiguous", "Several records have a key that begins so.", "Give more of the key's hexadecimal digits."
)
NOT_SEALED = fault(
    "command.no-dossier",
    "The store holds no evidence for this record.",
    "A record that was retracted has none of its own; take a revision that `gateway record list` shows.",
)

_MOST: Final = 10_000


class NetworkState(msgspec.Struct, frozen=True):
    """How far a network is read, and what is on its way to it. Deliveries are counted by state."""

    name: str
    office: str
    kind: str
    digest: bytes
    height: int | None
    head: int | None
    read: datetime | None
    stopped: str | None
    deliveries: dict[str, int]


class Parked(msgspec.Struct, frozen=True):
    """A delivery that holds up its lanes until a person retries or skips it."""

    key: bytes
    record: bytes
    subject: str
    destination: str
    since: datetime
    code: str
    detail: str
    hint: str


class Quarantined(msgspec.Struct, frozen=True):
    """A native record that was put aside. `number` is what `gateway record release` takes."""

    number: int
    network: str
    format: str
    locus: dict[str, LocusValue]
    since: datetime
    code: str
    detail: str
    place: str | None
    hint: str


class Status(msgspec.Struct, frozen=True):
    networks: tuple[NetworkState, ...]
    parked: tuple[Parked, ...]
    quarantine: tuple[Quarantined, ...]


class RecordRow(msgspec.Struct, frozen=True):
    """One revision of a record, in a list. `deliveries` is destination → state."""

    key: bytes
    revision: int
    kind: str
    subject: str
    network: str
    format: str
    time: datetime
    withdrawn: bool
    deliveries: dict[str, str]


class Delivery(msgspec.Struct, frozen=True):
    """One delivery. `at`: when its state last changed; `locus`: where it landed; `losses`: what it cannot hold."""

    key: bytes
    destination: str
    state: str
    at: datetime
    locus: dict[str, LocusValue] | None
    attempt: str | None
    losses: Any


class RecordView(msgspec.Struct, frozen=True):
    """Everything about one revision of a record."""

    key: bytes
    revision: int
    kind: str
    subjects: tuple[str, ...]
    network: str
    office: str
    source: str
    locus: dict[str, LocusValue]
    entry: bytes
    path: tuple[str, ...]
    time: datetime
    stored: datetime
    state: str
    withdrawn: bool
    format: str
    native: bytes
    evidence: bytes
    basis: str | None
    mapping: str
    losses: bytes
    residue: bytes
    credential: bytes
    common: bytes
    deliveries: tuple[Delivery, ...]


class Happening(msgspec.Struct, frozen=True):
    """One line of a trace."""

    at: datetime
    what: str
    record: bytes
    revision: int
    network: str
    detail: str


@contextmanager
def reading(read: Config) -> Iterator[Connection]:
    """One state of the database throughout. Raises StoreError where it is not there or of another form."""
    engine = open_engine(database_url(read))
    try:
        check_schema(engine)
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            yield connection
    finally:
        engine.dispose()


# ── status ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def status_of(connection: Connection) -> Status:
    """Every network, all that is parked, all in quarantine."""
    counts: dict[int, dict[str, int]] = {}
    for destination, state, count in connection.execute(
        sa.select(t.deliveries.c.destination, t.deliveries.c.state, sa.func.count()).group_by(
            t.deliveries.c.destination, t.deliveries.c.state
        )
    ):
        counts.setdefault(destination, {})[DELIVERY[state]] = count
    rows = connection.execute(
        sa.select(
            t.networks, t.sources.c.height, t.sources.c.head, t.sources.c.read, t.sources.c.stopped, t.sources.c.code
        )
        .outerjoin(t.sources, t.sources.c.network == t.networks.c.id)
        .order_by(t.networks.c.name)
    )
    networks = tuple(
        NetworkState(
            row.name,
            row.office,
            row.kind,
            bytes(row.digest),
            row.height,
            row.head,
            moment(row.read) if row.read else None,
            row.code if row.stopped else None,
            counts.get(row.id, {}),
        )
        for row in rows
    )
    return Status(networks, _parked(connection), _quarantine(connection))


def _parked(connection: Connection) -> tuple[Parked, ...]:
    rows = connection.execute(
        sa.select(
            t.deliveries.c.key,
            t.records.c.key.label("record"),
            t.subjects.c.subject,
            t.networks.c.name,
            t.parked.c.since,
            t.parked.c.code,
            t.parked.c.detail,
            t.parked.c.hint,
        )
        .join(t.deliveries, t.deliveries.c.id == t.parked.c.delivery)
        .join(t.records, t.records.c.id == t.deliveries.c.record)
        .join(t.subjects, t.subjects.c.id == t.records.c.subject)
        .join(t.networks, t.networks.c.id == t.parked.c.destination)
        .order_by(t.parked.c.since, t.parked.c.delivery)
        .limit(_MOST)
    )
    return tuple(
        Parked(
            bytes(row.key), bytes(row.record), row.subject, row.name, moment(row.since), row.code, row.detail, row.hint
        )
        for row in rows
    )


def _quarantine(connection: Connection) -> tuple[Quarantined, ...]:
    rows = connection.execute(
        sa.select(
            t.quarantine, t.networks.c.name.label("network"), t.names.c.name.label("format_name"), t.entries.c.locus
        )
        .join(t.entries, t.entries.c.id == t.quarantine.c.entry)
        .join(t.names, t.names.c.id == t.entries.c.format)
        .join(t.batches, t.batches.c.id == t.entries.c.batch)
        .join(t.sources, t.sources.c.id == t.batches.c.source)
        .join(t.networks, t.networks.c.id == t.sources.c.network)
        .order_by(t.quarantine.c.entry)
        .limit(_MOST)
    )
    return tuple(
        Quarantined(
            row.entry,
            row.network,
            row.format_name,
            _locus(row.locus),
            moment(row.since),
            row.code,
            row.detail,
            row.place,
            row.hint,
        )
        for row in rows
    )


def _locus(stored: Any) -> dict[str, LocusValue]:
    found = cbor.decode(bytes(stored))
    return dict(found) if isinstance(found, dict) else {}


# ── records ──────────────────────────────────────────────────────────────────────────────────────────────────────────

_format = t.names.alias("format_names")
_rows: Final = (
    sa.select(
        t.records.c.id,
        t.records.c.key,
        t.records.c.revision,
        t.records.c.withdrawn,
        t.names.c.name.label("kind"),
        t.subjects.c.subject,
        t.networks.c.name.label("network"),
        _format.c.name.label("format"),
        t.entries.c.time,
    )
    .join(t.names, t.names.c.id == t.records.c.kind)
    .join(t.subjects, t.subjects.c.id == t.records.c.subject)
    .join(t.entries, t.entries.c.id == t.records.c.entry)
    .join(_format, _format.c.id == t.entries.c.format)
    .join(t.batches, t.batches.c.id == t.entries.c.batch)
    .join(t.sources, t.sources.c.id == t.batches.c.source)
    .join(t.networks, t.networks.c.id == t.sources.c.network)
)


def list_records(
    connection: Connection,
    *,
    number: str | None = None,
    kind: str | None = None,
    network: str | None = None,
    state: str | None = None,
    limit: int = 50,
) -> tuple[RecordRow, ...]:
    """The newest records first. `state` is that of a delivery; `number` is looked for without blanks and marks."""
    query = _rows.order_by(t.records.c.id.desc()).limit(limit)
    if number is not None:
        query = query.where(t.records.c.id.in_(_about(number)))
    if kind is not None:
        query = query.where(t.names.c.name == kind)
    if network is not None:
        query = query.where(t.networks.c.name == network)
    if state is not None:
        wanted = DeliveryState[state.upper()].value
        query = query.where(t.records.c.id.in_(sa.select(t.deliveries.c.record).where(t.deliveries.c.state == wanted)))
    rows = connection.execute(query).all()
    went = _went(connection, [row.id for row in rows])
    return tuple(
        RecordRow(
            bytes(row.key),
            row.revision,
            row.kind,
            row.subject,
            row.network,
            row.format,
            moment(row.time),
            bool(row.withdrawn),
            went.get(row.id, {}),
        )
        for row in rows
    )


def _about(number: str) -> sa.CompoundSelect[Any]:
    """Rows of records about a right, by its number."""
    rights = sa.select(t.subjects.c.id).where(t.subjects.c.number == plain_number(number))
    first = sa.select(t.records.c.id).where(t.records.c.subject.in_(rights))
    return first.union(sa.select(t.also_about.c.record).where(t.also_about.c.subject.in_(rights)))


def _went(connection: Connection, records: Sequence[int]) -> dict[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = {}
    for start in range(0, len(records), 500):
        for row in connection.execute(
            sa.select(t.deliveries.c.record, t.deliveries.c.state, t.networks.c.name)
            .join(t.networks, t.networks.c.id == t.deliveries.c.destination)
            .where(t.deliveries.c.record.in_(records[start : start + 500]))
            .order_by(t.deliveries.c.id)
        ):
            found.setdefault(row.record, {})[row.name] = DELIVERY[row.state]
    return found


def _find(connection: Connection, key: str, revision: int | None) -> int:
    """The row of a record by its key or the beginning of it; its newest revision unless one is named."""
    digits = key.lower().removeprefix("0x")
    first = bytes.fromhex(digits + "0" * (64 - len(digits))) if _is_hex(digits) else None
    if first is None:
        raise NotFound(NO_RECORD, f"{key!r} is no beginning of 64 hexadecimal digits")
    last = bytes.fromhex(digits + "f" * (64 - len(digits)))
    keys = connection.execute(
        sa.select(t.records.c.key).where(t.records.c.key.between(first, last)).distinct().limit(2)
    ).scalars()
    found = [bytes(each) for each in keys]
    if not found:
        raise NotFound(NO_RECORD, where=key)
    if len(found) > 1:
        raise NotFound(AMBIGUOUS, where=key)
    query = sa.select(t.records.c.id).where(t.records.c.key == found[0]).order_by(t.records.c.revision.desc())
    if revision is not None:
        query = query.where(t.records.c.revision == revision)
    row = connection.execute(query.limit(1)).scalar()
    if row is None:
        raise NotFound(NO_RECORD, f"it has no revision {revision}", where=key)
    return int(row)


def _is_hex(digits: str) -> bool:
    return 0 < len(digits) <= 64 and all(digit in "0123456789abcdef" for digit in digits)


def record_of(connection: Connection, key: str, revision: int | None = None) -> RecordView:
    """A record by its key, or the beginning of it. Raises NotFound."""
    return _view(connection, _find(connection, key, revision))


def _view(connection: Connection, row: int) -> RecordView:
    losses, residue = t.documents.alias("losses"), t.documents.alias("residue")
    found = connection.execute(
        sa.select(
            t.records,
            t.names.c.name.label("kind_name"),
            t.subjects.c.subject.label("subject_text"),
            t.networks.c.name.label("network"),
            t.networks.c.office,
            t.sources.c.name.label("source"),
            t.batches.c.stored,
            t.entries.c.locus,
            t.entries.c.entry.label("entry_key"),
            t.entries.c.path,
            t.entries.c.time,
            t.entries.c.state.label("entry_state"),
            t.entries.c.native,
            t.entries.c.evidence,
            t.entries.c.basis,
            _format.c.name.label("format"),
            t.mappings.c.name.label("mapping_name"),
            t.mappings.c.version.label("mapping_version"),
            losses.c.content.label("losses"),
            residue.c.content.label("residue"),
        )
        .join(t.names, t.names.c.id == t.records.c.kind)
        .join(t.subjects, t.subjects.c.id == t.records.c.subject)
        .join(t.entries, t.entries.c.id == t.records.c.entry)
        .join(_format, _format.c.id == t.entries.c.format)
        .join(t.batches, t.batches.c.id == t.entries.c.batch)
        .join(t.sources, t.sources.c.id == t.batches.c.source)
        .join(t.networks, t.networks.c.id == t.sources.c.network)
        .outerjoin(t.mappings, t.mappings.c.id == t.entries.c.mapping)
        .outerjoin(losses, losses.c.id == t.entries.c.losses)
        .outerjoin(residue, residue.c.id == t.entries.c.residue)
        .where(t.records.c.id == row)
    ).one()
    credential = bytes(found.credential)
    return RecordView(
        key=bytes(found.key),
        revision=found.revision,
        kind=found.kind_name,
        subjects=_subjects(connection, found.subject_text, found.lanes),
        network=found.network,
        office=found.office,
        source=found.source,
        locus=_locus(found.locus),
        entry=bytes(found.entry_key),
        path=_path(connection, bytes(found.path)),
        time=moment(found.time),
        stored=moment(found.stored),
        state=ENTRY[found.entry_state],
        withdrawn=bool(found.withdrawn),
        format=found.format,
        native=bytes(found.native or b""),
        evidence=bytes(found.evidence or b""),
        basis=found.basis,
        mapping=f"{found.mapping_name} {found.mapping_version}" if found.mapping_name else "",
        losses=bytes(found.losses or b""),
        residue=bytes(found.residue or b""),
        credential=credential,
        common=credential[found.json_start : found.json_end],
        deliveries=_deliveries(connection, row),
    )


def _subjects(connection: Connection, first: str, lanes: Any) -> tuple[str, ...]:
    if lanes is None:
        return (first,)
    rows = unpack(bytes(lanes))
    texts = {
        row.id: row.subject
        for row in connection.execute(sa.select(t.subjects.c.id, t.subjects.c.subject).where(t.subjects.c.id.in_(rows)))
    }
    return tuple(texts[row] for row in rows)


def _path(connection: Connection, packed: bytes) -> tuple[str, ...]:
    digests = [packed[start : start + 32] for start in range(0, len(packed), 32)]
    names = {
        bytes(row.digest): row.name
        for row in connection.execute(
            sa.select(t.networks.c.digest, t.networks.c.name).where(t.networks.c.digest.in_(digests))
        )
    }
    return tuple(names.get(digest, digest.hex()[:16]) for digest in digests)


def _deliveries(connection: Connection, record: int) -> tuple[Delivery, ...]:
    losses = t.documents.alias("delivery_losses")
    rows = connection.execute(
        sa.select(t.deliveries, t.networks.c.name, t.attempts.c.label, losses.c.content)
        .join(t.networks, t.networks.c.id == t.deliveries.c.destination)
        .outerjoin(t.attempts, t.attempts.c.id == t.deliveries.c.attempt)
        .outerjoin(losses, losses.c.id == t.deliveries.c.losses)
        .where(t.deliveries.c.record == record)
        .order_by(t.deliveries.c.id)
    )
    return tuple(
        Delivery(
            bytes(row.key),
            row.name,
            DELIVERY[row.state],
            moment(row.at),
            _locus(row.locus) if row.locus else None,
            row.label,
            msgspec.json.decode(row.content) if row.content else None,
        )
        for row in rows
    )


def dossier_of(connection: Connection, key: str, revision: int | None, registry: bytes) -> tuple[RecordView, Dossier]:
    """All that proves a record, put together out of the store; `registry` goes in as material.

    Raises NotFound where there is no such record or the store holds no evidence for it.
    """
    from gateway.dossier.dossier import Dossier

    view = _view(connection, _find(connection, key, revision))
    if not view.evidence or not view.native or view.state == ENTRY[EntryState.ECHO.value]:
        raise NotFound(NOT_SEALED, where=view.key.hex())
    named = [bytes(digest) for digest in cbor.decode(view.evidence)["shared"]]
    shared = {
        bytes(row.digest): bytes(row.content)
        for row in connection.execute(
            sa.select(t.documents.c.digest, t.documents.c.content).where(t.documents.c.digest.in_(named))
        )
    }
    dossier = Dossier(
        credential=view.credential,
        native=view.native,
        evidence=view.evidence,
        losses=view.losses,
        shared=shared,
        registry=registry,
    )
    return view, dossier


def read_again(connection: Connection, delivery: bytes) -> bytes | None:
    """SHA-256 of what a network shows under a delivery's key, as this gateway read it there; None where it has not."""
    echo = connection.execute(
        sa.select(t.entries.c.native_digest, t.entries.c.native).where(
            t.entries.c.entry == delivery, t.entries.c.state == EntryState.ECHO.value
        )
    ).first()
    if echo is None:
        return None
    return bytes(echo.native_digest) if echo.native_digest else hashlib.sha256(bytes(echo.native or b"")).digest()


# ── trace ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def trace_of(connection: Connection, number: str) -> tuple[tuple[RecordView, ...], tuple[Happening, ...]]:
    """Every revision of every record about a number (or of the key that begins so), and what happened to them.

    Raises NotFound where nothing is known of it.
    """
    rows = list(connection.execute(_about(number)).scalars())
    if not rows:
        rows = [_find(connection, number, None)] if _is_hex(number.lower()) and len(number) >= 6 else []
    if not rows:
        raise NotFound(NO_NUMBER, where=number)
    views = tuple(_view(connection, row) for row in sorted(rows)[:_MOST])
    happenings: list[Happening] = []
    for row, view in zip(sorted(rows), views, strict=False):
        happenings += _happenings(connection, row, view)
    return views, tuple(sorted(happenings, key=lambda each: each.at))


def _happenings(connection: Connection, row: int, view: RecordView) -> Iterator[Happening]:
    def told(at: datetime, what: str, network: str, detail: str = "") -> Happening:
        return Happening(at, what, view.key, view.revision, network, detail)

    way = f"by way of {', '.join(view.path)}" if view.path else "the office's own"
    yield told(view.time, "recorded", view.network, f"{view.format}, {way}")
    verb = "withdrawn" if view.withdrawn else "sealed"
    yield told(view.stored, verb, view.network, f"{view.kind} on {view.basis or 'no basis'}, {view.mapping}")
    for delivery in view.deliveries:
        place = ", ".join(f"{key} {_shown(value)}" for key, value in (delivery.locus or {}).items())
        yield told(delivery.at, delivery.state, delivery.destination, place or delivery.attempt or "")
    numbers = sa.select(t.deliveries.c.id).where(t.deliveries.c.record == row)
    entry = sa.select(t.records.c.entry).where(t.records.c.id == row)
    for event in connection.execute(
        sa.select(t.events.c.at, t.events.c.kind, t.events.c.detail, t.networks.c.name)
        .outerjoin(t.deliveries, t.deliveries.c.id == t.events.c.delivery)
        .outerjoin(t.networks, t.networks.c.id == sa.func.coalesce(t.deliveries.c.destination, t.events.c.network))
        .where(sa.or_(t.events.c.record == row, t.events.c.delivery.in_(numbers), t.events.c.entry.in_(entry)))
        .order_by(t.events.c.id)
    ):
        yield told(moment(event.at), event.kind, event.name or view.network, event.detail)


def _shown(value: LocusValue) -> str:
    return value.hex()[:12] if isinstance(value, bytes) else str(value)
