"""The tables. Rows are compact: surrogate integers between tables, names and subjects held once, times as integers.

    networks ─ sources ─ batches ─ entries ─ records ─ deliveries ─ attempts
                                      │         └ subjects, also_about
                                      ├ documents (by digest: shared evidence, loss reports, residues)
                                      └ quarantine            parked · skipped · events · orders

Conventions: `id` is given by the one writer, rising, so that order of ids is order of arrival; times are
microseconds since 1970 UTC; digests and keys are 32 raw bytes; a path is the digests one after the other;
`lanes` and `deliveries` are int64 little-endian, one after the other.
"""

from __future__ import annotations

import enum
from typing import Final

import sqlalchemy as sa

__all__ = [
    "DELIVERY",
    "ENTRY",
    "SCHEMA",
    "AttemptState",
    "DeliveryState",
    "EntryState",
    "also_about",
    "attempts",
    "batches",
    "deliveries",
    "documents",
    "entries",
    "events",
    "metadata",
    "names",
    "networks",
    "orders",
    "parked",
    "quarantine",
    "records",
    "settings",
    "skipped",
    "sources",
    "subjects",
]

SCHEMA: Final = "0001"
"""The revision that this release reads and writes; compared with the database's own at start."""


class EntryState(enum.IntEnum):
    """What became of one native record."""

    SEALED = 0
    ECHO = 1
    """This gateway's own writing, read again."""
    QUARANTINED = 2
    WITHDRAWAL = 3
    """Declares an earlier entry void; holds no record of its own."""
    RETRACTED = 4
    """The network took it back after it was final."""
    RELEASED = 5
    """Was quarantined; a person had it tried again, and it passed."""


class DeliveryState(enum.IntEnum):
    """Where a delivery stands. Waiting and held ones are nobody's; the others belong to their attempt or a person."""

    WAITING = 0
    HELD = 1
    """A delivery before it, on one of its lanes, is parked."""
    PREPARED = 2
    SUBMITTED = 3
    LANDED = 4
    PARKED = 5
    SKIPPED = 6


class AttemptState(enum.IntEnum):
    """One attempt: stored, sent, or over."""

    PREPARED = 0
    SUBMITTED = 1
    OVER = 2
    VOID = 3
    """It can never land; its deliveries are free again."""


ENTRY: Final = {state.value: state.name.lower() for state in EntryState}
DELIVERY: Final = {state.value: state.name.lower() for state in DeliveryState}

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # only INTEGER PRIMARY KEY is SQLite's own row id
_time = sa.BigInteger
_bytes = sa.LargeBinary


def _key() -> sa.Column[int]:
    return sa.Column("id", _id, primary_key=True, autoincrement=False)


settings = sa.Table(
    "settings",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
)

names = sa.Table(
    "names",
    metadata,
    _key(),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    comment="formats and evidence types, each held once",
)

networks = sa.Table(
    "networks",
    metadata,
    _key(),
    sa.Column("digest", _bytes, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("office", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("chain", sa.Text, nullable=False),
    sa.Column("genesis", _bytes, nullable=False),
    comment="by digest; the name is the configuration's and may change",
)

sources = sa.Table(
    "sources",
    metadata,
    _key(),
    sa.Column("network", _id, sa.ForeignKey("networks.id"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("height", sa.BigInteger),
    sa.Column("block", _bytes),
    sa.Column("head", sa.BigInteger),
    sa.Column("read", _time),
    sa.Column("stopped", _time),
    sa.Column("code", sa.Text),
    sa.Column("detail", sa.Text),
    sa.UniqueConstraint("network", "name"),
    comment="how far each source was read, and why it stopped for a person",
)

mappings = sa.Table(
    "mappings",
    metadata,
    _key(),
    sa.Column("digest", _bytes, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
)

subjects = sa.Table(
    "subjects",
    metadata,
    _key(),
    sa.Column("subject", sa.Text, nullable=False, unique=True),
    sa.Column("number", sa.Text, nullable=False, index=True),
    comment="IP rights, `office/scheme/normalised`; number is the last part",
)

documents = sa.Table(
    "documents",
    metadata,
    _key(),
    sa.Column("digest", _bytes, nullable=False, unique=True),
    sa.Column("content", _bytes, nullable=False),
)

batches = sa.Table(
    "batches",
    metadata,
    _key(),
    sa.Column("source", _id, sa.ForeignKey("sources.id"), nullable=False),
    sa.Column("height", sa.BigInteger, nullable=False),
    sa.Column("seen", _time, nullable=False),
    sa.Column("stored", _time, nullable=False),
)

entries = sa.Table(
    "entries",
    metadata,
    _key(),
    sa.Column("batch", _id, sa.ForeignKey("batches.id"), nullable=False),
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("entry", _bytes, nullable=False, index=True),
    sa.Column("locus", _bytes, nullable=False),
    sa.Column("time", _time, nullable=False),
    sa.Column("relay", _bytes),
    sa.Column("mark", _bytes),
    sa.Column("path", _bytes, nullable=False),
    sa.Column("withdraws", _bytes),
    sa.Column("format", _id, sa.ForeignKey("names.id"), nullable=False),
    sa.Column("native", _bytes),
    sa.Column("native_digest", _bytes),
    sa.Column("evidence", _bytes),
    sa.Column("basis", sa.Text),
    sa.Column("mapping", _id, sa.ForeignKey("mappings.id")),
    sa.Column("losses", _id, sa.ForeignKey("documents.id")),
    sa.Column("residue", _id, sa.ForeignKey("documents.id")),
    comment="native records; of an echo only digest and place are kept. relay: where it is not the entry's own key",
)

records = sa.Table(
    "records",
    metadata,
    _key(),
    sa.Column("key", _bytes, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("entry", _id, sa.ForeignKey("entries.id"), nullable=False, index=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("kind", _id, sa.ForeignKey("names.id"), nullable=False),
    sa.Column("subject", _id, sa.ForeignKey("subjects.id"), nullable=False, index=True),
    sa.Column("lanes", _bytes),
    sa.Column("withdrawn", sa.Boolean(create_constraint=False), nullable=False),
    sa.Column("json_start", sa.Integer, nullable=False),
    sa.Column("json_end", sa.Integer, nullable=False),
    sa.Column("credential", _bytes, nullable=False),
    sa.UniqueConstraint("key", "revision"),
    comment="common records, sealed; their JSON is a slice of the credential. lanes: where there are several subjects",
)

also_about = sa.Table(
    "also_about",
    metadata,
    sa.Column("subject", _id, sa.ForeignKey("subjects.id"), primary_key=True, autoincrement=False),
    sa.Column("record", _id, sa.ForeignKey("records.id"), primary_key=True, autoincrement=False),
    comment="further subjects of records that have several",
    sqlite_with_rowid=False,
)

attempts = sa.Table(
    "attempts",
    metadata,
    _key(),
    sa.Column("destination", _id, sa.ForeignKey("networks.id"), nullable=False),
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("fence", sa.BigInteger, nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("body", _bytes),
    sa.Column("deliveries", _bytes, nullable=False),
    sa.Column("prepared", _time, nullable=False),
    sa.Column("submitted", _time),
    sa.Column("finished", _time),
    sa.Column("reason", sa.Text),
    comment="signed bytes stored before they are sent; the body is let go once every outcome is final",
)
sa.Index(
    "ix_attempts_open",
    attempts.c.destination,
    attempts.c.id,
    sqlite_where=attempts.c.state < AttemptState.OVER.value,
    postgresql_where=attempts.c.state < AttemptState.OVER.value,
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    _key(),
    sa.Column("key", _bytes, nullable=False, unique=True),
    sa.Column("record", _id, sa.ForeignKey("records.id"), nullable=False, index=True),
    sa.Column("destination", _id, sa.ForeignKey("networks.id"), nullable=False),
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("attempt", _id),
    sa.Column("at", _time, nullable=False),
    sa.Column("locus", _bytes),
    sa.Column("losses", _id, sa.ForeignKey("documents.id")),
    comment="at: when the state was last changed",
)
for _state in (DeliveryState.WAITING, DeliveryState.HELD):
    sa.Index(
        f"ix_deliveries_{_state.name.lower()}",
        deliveries.c.destination,
        deliveries.c.id,
        sqlite_where=deliveries.c.state == _state.value,
        postgresql_where=deliveries.c.state == _state.value,
    )

parked = sa.Table(
    "parked",
    metadata,
    sa.Column("delivery", _id, sa.ForeignKey("deliveries.id"), primary_key=True, autoincrement=False),
    sa.Column("destination", _id, sa.ForeignKey("networks.id"), nullable=False, index=True),
    sa.Column("since", _time, nullable=False),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("hint", sa.Text, nullable=False),
    comment="deliveries that hold up their lanes until a person retries or skips them",
)

skipped = sa.Table(
    "skipped",
    metadata,
    sa.Column("delivery", _id, sa.ForeignKey("deliveries.id"), primary_key=True, autoincrement=False),
    sa.Column("destination", _id, sa.ForeignKey("networks.id"), nullable=False, index=True),
    sa.Column("told", _time),
    comment="told: when a later delivery of the lane landed that names this one as superseded",
)

quarantine = sa.Table(
    "quarantine",
    metadata,
    sa.Column("entry", _id, sa.ForeignKey("entries.id"), primary_key=True, autoincrement=False),
    sa.Column("since", _time, nullable=False),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("place", sa.Text),
    sa.Column("hint", sa.Text, nullable=False),
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("id", _id, primary_key=True, autoincrement=True),
    sa.Column("at", _time, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("network", _id, sa.ForeignKey("networks.id")),
    sa.Column("entry", _id, sa.ForeignKey("entries.id"), index=True),
    sa.Column("record", _id, sa.ForeignKey("records.id"), index=True),
    sa.Column("delivery", _id, sa.ForeignKey("deliveries.id"), index=True),
    sa.Column("detail", sa.Text, nullable=False),
    comment="what is out of the ordinary; the ordinary way of a record stands in its rows' times",
)

orders = sa.Table(
    "orders",
    metadata,
    sa.Column("id", _id, primary_key=True, autoincrement=True),
    sa.Column("at", _time, nullable=False),
    sa.Column("verb", sa.Text, nullable=False),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("done", _time),
    sa.Column("result", sa.Text),
    comment="what a person asked for (retry, skip, resume); the gateway that runs carries it out",
)
sa.Index(
    "ix_orders_open",
    orders.c.id,
    sqlite_where=orders.c.done.is_(None),
    postgresql_where=orders.c.done.is_(None),
)
