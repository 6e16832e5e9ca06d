"""What goes into the store and what comes out of it, as plain values.

Drafts are what the journey made of a batch, complete but for the ids that only the store can give. They are
mutable dataclasses with slots, for thousands are made every second and none leaves the process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from gateway.errors import GatewayError
from gateway.spi import Position, SourceRecord
from gateway.store.schema import EntryState

__all__ = [
    "Arrival",
    "EntryDraft",
    "Fault",
    "MappingUsed",
    "Pickup",
    "RecordDraft",
    "Taken",
    "micros",
    "moment",
]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def micros(when: datetime) -> int:
    """Microseconds since 1970 UTC."""
    return (when - _EPOCH) // _MICROSECOND


def moment(stored: int) -> datetime:
    """The time of a stored number of microseconds."""
    return _EPOCH + timedelta(microseconds=stored)


@dataclass(slots=True, frozen=True)
class MappingUsed:
    """A released mapping: name, version, digest."""

    name: str
    version: str
    digest: bytes


@dataclass(slots=True, frozen=True)
class Fault:
    """Why something was put aside, in words for a person."""

    code: str
    detail: str
    hint: str
    place: str | None = None

    @classmethod
    def of(cls, error: GatewayError) -> Fault:
        return cls(error.code, error.detail, error.hint, error.where)


@dataclass(slots=True)
class RecordDraft:
    """One common record, sealed. `deliveries` are (row id of the network, delivery key); `span` is the place of
    the record's own JSON in the credential."""

    key: bytes
    revision: int
    position: int
    kind: str
    subjects: tuple[str, ...]
    span: tuple[int, int]
    credential: bytes
    named: tuple[str, ...] | None
    """Offices that may see it while it is unpublished; None where it is published."""
    deliveries: Sequence[tuple[int, bytes]] = ()
    withdrawn: bool = False
    notes: tuple[str, ...] = ()
    """Told in the record's trace: a condition of a route that could not be evaluated, for instance."""
    entry: int | None = None
    """The row of the entry that it rests on, where that is an earlier one."""
    renditions: Mapping[str, tuple[bytes, bytes]] = field(default_factory=dict)
    """Native bytes and loss report by format, as far as they were made when it was sealed."""


@dataclass(slots=True)
class EntryDraft:
    """One native record and what became of it."""

    source: SourceRecord
    state: EntryState
    locus: bytes
    evidence: bytes = b""
    basis: str | None = None
    mapping: MappingUsed | None = None
    losses: bytes = b""
    residue: bytes = b""
    records: list[RecordDraft] = field(default_factory=list)
    fault: Fault | None = None


@dataclass(slots=True)
class Arrival:
    """One batch, worked through: what is committed together with the position."""

    source: int
    parent: Position | None
    position: Position
    head: int
    seen: int
    entries: list[EntryDraft]
    shared: Mapping[bytes, bytes]
    retracted: tuple[bytes, ...] = ()
    """Record keys, at index 0, of the places that were taken back."""
    retracted_loci: tuple[bytes, ...] = ()
    routed_by: object = None
    """The router that chose the deliveries: routes that changed before the commit are asked again."""


@dataclass(slots=True)
class Pickup:
    """One delivery on its way. What follows `seen` is there where it was just sealed; else the store is asked."""

    delivery: int
    record_row: int
    key: bytes
    lanes: tuple[int, ...]
    seen: int
    json: bytes = b""
    record_key: bytes = b""
    revision: int = 1
    withdrawn: bool = False
    subject: str = ""
    path: bytes = b""
    """Digests of the networks it has been on, the origin included."""
    renditions: Mapping[str, tuple[bytes, bytes]] = field(default_factory=dict)
    tells: tuple[int, ...] = ()
    """Skipped deliveries (rows) whose gap it shows to the network."""


@dataclass(slots=True)
class Taken:
    """What a committed batch came to. `pickups` by destination row; `counts` by state of the entry."""

    pickups: dict[int, list[Pickup]]
    sealed: int = 0
    echoes: int = 0
    quarantined: int = 0
    known: int = 0
    withdrawn: int = 0
    faults: list[tuple[bytes, Fault]] = field(default_factory=list)
