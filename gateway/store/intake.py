"""What is read goes in: a batch with its records, deliveries, shared evidence and the position, in one transaction.

A record that was read before (after a restart, a restore, a backfill) is recognised by its place and changes
nothing; if the network now shows other bytes at that place, what it shows is kept in quarantine as a conflict.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.errors import Broken, fault
from gateway.proofs import cbor
from gateway.spi import NetworkId, Position
from gateway.store import schema as t
from gateway.store.drafts import (
    Arrival,
    EntryDraft,
    Fault,
    MappingUsed,
    Pickup,
    RecordDraft,
    Taken,
    micros,
)
from gateway.store.schema import DeliveryState, EntryState
from gateway.store.statements import Among, Insert, chunks, pack, unpack

__all__ = [
    "Destination",
    "Intake",
    "Reviser",
    "StoredEntry",
    "StoredRecord",
    "note",
    "plain_number",
    "position",
    "stop_source",
    "stopped",
    "stored_entry",
]

GAP = fault(
    "journey.gap",
    "The batch does not follow what was read so far.",
    "The source left something out or changed its mind. Look at the network, then `gateway network resume NAME`.",
)
CONFLICT = fault(
    "journey.conflict",
    "The network shows other bytes at a place that was read before.",
    "Final records do not change. Compare both with `gateway record show`; ask the network's operator.",
)
WITHDRAWS_UNKNOWN = fault(
    "journey.withdraws-unknown",
    "It withdraws an entry that was never read from this network.",
    "Read the network from an earlier block, or ask the office that wrote it.",
)

_entries: Final = Insert(
    t.entries,
    "id",
    "batch",
    "state",
    "entry",
    "locus",
    "time",
    "relay",
    "mark",
    "path",
    "withdraws",
    "format",
    "native",
    "native_digest",
    "evidence",
    "basis",
    "mapping",
    "losses",
    "residue",
)
_records: Final = Insert(
    t.records,
    "id",
    "key",
    "revision",
    "entry",
    "position",
    "kind",
    "subject",
    "lanes",
    "withdrawn",
    "json_start",
    "json_end",
    "credential",
)
_deliveries: Final = Insert(t.deliveries, "id", "key", "record", "destination", "state", "at")
_also: Final = Insert(t.also_about, "subject", "record")
_subjects: Final = Insert(t.subjects, "id", "subject", "number")
_documents: Final = Insert(t.documents, "id", "digest", "content")
_quarantine: Final = Insert(t.quarantine, "entry", "since", "code", "detail", "place", "hint")
_events: Final = Insert(t.events, "at", "kind", "network", "entry", "record", "delivery", "detail")

_known: Final = Among(
    sa.select(t.entries.c.id, t.entries.c.locus, t.batches.c.source).join(
        t.batches, t.batches.c.id == t.entries.c.batch
    ),
    t.entries.c.entry,
)
_subject_rows: Final = Among(sa.select(t.subjects.c.id, t.subjects.c.subject), t.subjects.c.subject)
_document_rows: Final = Among(sa.select(t.documents.c.id, t.documents.c.digest), t.documents.c.digest)

_REMEMBERED: Final = 20_000
_MARKS: Final = re.compile(r"[\W_]+")


@dataclass(slots=True, frozen=True)
class Destination:
    """A network as a delivery names it: its row and its digest."""

    row: int
    digest: bytes


@dataclass(slots=True, frozen=True)
class StoredRecord:
    """The newest revision of a record, with what a withdrawing revision needs of it."""

    row: int
    key: bytes
    revision: int
    position: int
    kind: str
    subjects: tuple[str, ...]
    withdrawn: bool
    json: bytes
    digest: bytes
    """SHA-256 of its credential."""
    entry: int
    format: str
    native: bytes
    evidence: bytes
    time: int
    mapping: MappingUsed
    losses: bytes
    residue: bytes
    path: bytes
    destinations: tuple[Destination, ...]
    """Where an earlier revision went or is going; a skipped one is not counted."""


@dataclass(slots=True, frozen=True)
class StoredEntry:
    """A native record as it was read, with the source and network that it was read from."""

    row: int
    batch: int
    state: EntryState
    source_row: int
    source: str
    network: int
    network_digest: bytes
    seen: int
    entry: bytes
    locus: bytes
    time: int
    relay: bytes
    mark: bytes
    path: bytes
    withdraws: bytes | None
    format: str
    native: bytes
    evidence: bytes
    shared: dict[bytes, bytes]


Reviser = Callable[[StoredRecord, EntryDraft | None], RecordDraft]
"""Makes the withdrawing revision of a record: by the entry that withdraws it, or (None) as the network took it back."""


class _Remembered:
    """Ids by value, the newest first; what is forgotten is asked of the database again."""

    def __init__(self, limit: int = _REMEMBERED) -> None:
        self._ids: OrderedDict[Any, int] = OrderedDict()
        self._limit = limit

    def get(self, value: Any) -> int | None:
        return self._ids.get(value)

    def put(self, value: Any, row: int) -> None:
        self._ids[value] = row
        if len(self._ids) > self._limit:
            self._ids.popitem(last=False)

    def clear(self) -> None:
        self._ids.clear()


class Intake:
    """Writes batches. Belongs to the writer thread; remembers ids until `forget`."""

    def __init__(self) -> None:
        self._next: dict[str, int] = {}
        self._subjects = _Remembered()
        self._documents = _Remembered(2_000)
        self._small: dict[tuple[str, Any], int] = {}

    def forget(self) -> None:
        """Something was rolled back: ids that were given out may not exist."""
        self._next.clear()
        self._subjects.clear()
        self._documents.clear()
        self._small.clear()

    # ── ids ──────────────────────────────────────────────────────────────────────────────────────────────────

    def take_ids(self, connection: Connection, table: sa.Table, count: int = 1) -> int:
        """The first of `count` new ids of a table."""
        first = self._next.get(table.name)
        if first is None:
            first = (connection.execute(sa.select(sa.func.max(table.c.id))).scalar() or 0) + 1
        self._next[table.name] = first + count
        return first

    def network(self, connection: Connection, network: NetworkId, name: str, office: str) -> int:
        """The row of a network, found by its digest; its configured name and office are brought up to date."""
        row = connection.execute(sa.select(t.networks.c.id).where(t.networks.c.digest == network.digest)).scalar()
        if row is not None:
            connection.execute(sa.update(t.networks).where(t.networks.c.id == row).values(name=name, office=office))
            return int(row)
        row = self.take_ids(connection, t.networks)
        connection.execute(
            sa.insert(t.networks).values(
                id=row,
                digest=network.digest,
                name=name,
                office=office,
                kind=network.kind,
                chain=network.chain,
                genesis=network.genesis,
            )
        )
        return row

    def source(self, connection: Connection, network: int, name: str) -> int:
        """The row of a source, by its network and global name."""
        row = connection.execute(
            sa.select(t.sources.c.id).where(t.sources.c.network == network, t.sources.c.name == name)
        ).scalar()
        if row is None:
            row = self.take_ids(connection, t.sources)
            connection.execute(sa.insert(t.sources).values(id=row, network=network, name=name))
        return int(row)

    def name(self, connection: Connection, name: str) -> int:
        """The row of a format's, evidence type's or record type's name."""
        row = self._small.get(("name", name))
        if row is None:
            row = connection.execute(sa.select(t.names.c.id).where(t.names.c.name == name)).scalar()
            if row is None:
                row = self.take_ids(connection, t.names)
                connection.execute(sa.insert(t.names).values(id=row, name=name))
            self._small["name", name] = row
        return row

    def mapping(self, connection: Connection, used: MappingUsed) -> int:
        row = self._small.get(("mapping", used.digest))
        if row is None:
            row = connection.execute(sa.select(t.mappings.c.id).where(t.mappings.c.digest == used.digest)).scalar()
            if row is None:
                row = self.take_ids(connection, t.mappings)
                connection.execute(
                    sa.insert(t.mappings).values(id=row, digest=used.digest, name=used.name, version=used.version)
                )
            self._small["mapping", used.digest] = row
        return row

    def subject_rows(self, connection: Connection, texts: Iterable[str]) -> dict[str, int]:
        """Rows of subjects, made where they are missing."""
        found: dict[str, int] = {}
        missing: list[str] = []
        for text in texts:
            if text in found:
                continue
            row = self._subjects.get(text)
            if row is None:
                missing.append(text)
                found[text] = 0
            else:
                found[text] = row
        found.update((text, row) for row, text in _subject_rows.rows(connection, missing))
        new = [text for text in missing if not found[text]]
        if new:
            first = self.take_ids(connection, t.subjects, len(new))
            found.update((text, row) for row, text in enumerate(new, first))
            _subjects.run(connection, [(found[text], text, number_of(text)) for text in new])
        for text in missing:
            self._subjects.put(text, found[text])
        return found

    def document_rows(self, connection: Connection, contents: Iterable[bytes]) -> dict[bytes, int]:
        """Rows of documents by content, each kept once, made where they are missing."""
        found: dict[bytes, int] = {}
        digests: dict[bytes, bytes] = {}
        for content in contents:
            if content not in found:
                digest = hashlib.sha256(content).digest()
                row = self._documents.get(digest)
                found[content] = row or 0
                if row is None:
                    digests[digest] = content
        for row, digest in _document_rows.rows(connection, list(digests)):
            found[digests[bytes(digest)]] = row
        new = [(digest, content) for digest, content in digests.items() if not found[content]]
        if new:
            first = self.take_ids(connection, t.documents, len(new))
            rows = []
            for row, (digest, content) in enumerate(new, first):
                found[content] = row
                rows.append((row, digest, content))
            _documents.run(connection, rows)
        for digest, content in digests.items():
            self._documents.put(digest, found[content])
        return found

    # ── batches ──────────────────────────────────────────────────────────────────────────────────────────────

    def take(self, connection: Connection, arrival: Arrival, revise: Reviser, now: int) -> Taken:
        """Write a batch. Raises Broken where it does not follow the position that is stored."""
        stands = position(connection, arrival.source)
        if stands != arrival.parent:
            raise Broken(GAP, f"it follows {_told(arrival.parent)}, read so far: {_told(stands)}")
        connection.execute(
            sa.update(t.sources)
            .where(t.sources.c.id == arrival.source)
            .values(height=arrival.position.height, block=arrival.position.block, head=arrival.head, read=now)
        )
        taken = Taken({})
        if not arrival.entries and not arrival.retracted:
            return taken
        batch = self.take_ids(connection, t.batches)
        connection.execute(
            sa.insert(t.batches).values(
                id=batch, source=arrival.source, height=arrival.position.height, seen=arrival.seen, stored=now
            )
        )
        self.add(connection, arrival, batch, revise, now, taken)
        return taken

    def add(
        self, connection: Connection, arrival: Arrival, batch: int, revise: Reviser, now: int, taken: Taken
    ) -> None:
        """The entries of a batch whose row is there, and what they withdraw."""
        fresh = self._unknown(connection, arrival, taken)
        wanted: set[bytes] = set()
        for draft in fresh:
            if draft.state is not EntryState.ECHO:
                wanted.update(draft.source.evidence.shared)
        self.document_rows(connection, [arrival.shared[digest] for digest in wanted if digest in arrival.shared])
        run: list[EntryDraft] = []
        for draft in fresh:
            if draft.state is EntryState.WITHDRAWAL:
                self._write(connection, run, batch, arrival.seen, now, taken)
                run = []
                self._withdraw(connection, draft, batch, arrival, revise, now, taken)
            else:
                run.append(draft)
        self._write(connection, run, batch, arrival.seen, now, taken)
        if arrival.retracted:
            self._retract(connection, arrival, revise, now, taken)

    def _unknown(self, connection: Connection, arrival: Arrival, taken: Taken) -> list[EntryDraft]:
        """The entries that were not read before; one that differs from what was read comes back as a conflict."""
        keys = list({draft.source.entry for draft in arrival.entries})
        known: dict[bytes, int] = {}
        for row, locus, source in _known.rows(connection, keys):
            if source == arrival.source:
                known.setdefault(bytes(locus), row)
        fresh: list[EntryDraft] = []
        here: dict[bytes, bytes] = {}
        for draft in arrival.entries:
            row = known.get(draft.locus)
            if row is None:
                before = here.get(draft.locus)
                if before is None:
                    here[draft.locus] = draft.source.native.content
                    fresh.append(draft)
                    continue
                same = before == draft.source.native.content
            else:
                native, digest = connection.execute(
                    sa.select(t.entries.c.native, t.entries.c.native_digest).where(t.entries.c.id == row)
                ).one()
                same = draft.source.native.digest == (digest or hashlib.sha256(native or b"").digest())
            if same:
                taken.known += 1
            else:
                draft.state, draft.records = EntryState.QUARANTINED, []
                draft.fault = Fault(CONFLICT.code, CONFLICT.summary, CONFLICT.hint)
                fresh.append(draft)
        return fresh

    def _write(
        self, connection: Connection, drafts: Sequence[EntryDraft], batch: int, seen: int, now: int, taken: Taken
    ) -> int:
        """Rows of entries with their records; returns the first entry's id."""
        if not drafts:
            return 0
        first = self.take_ids(connection, t.entries, len(drafts))
        papers = self.document_rows(
            connection, [paper for draft in drafts for paper in (draft.losses, draft.residue) if paper]
        )
        rows: list[tuple[Any, ...]] = []
        faults: list[tuple[Any, ...]] = []
        sealed: list[tuple[int, RecordDraft, bytes]] = []
        for row, draft in enumerate(drafts, first):
            source, state = draft.source, draft.state
            relay = source.relay
            echo = state is EntryState.ECHO
            path = b"" if echo else b"".join(relay.path)
            rows.append(
                (
                    row,
                    batch,
                    state.value,
                    source.entry,
                    draft.locus,
                    micros(source.time),
                    None if relay.key == source.entry else relay.key,
                    None if echo else relay.mark,
                    path,
                    source.withdraws,
                    self.name(connection, source.native.format),
                    None if echo else source.native.content,
                    source.native.digest if echo else None,
                    None if echo else draft.evidence,
                    draft.basis,
                    None if draft.mapping is None else self.mapping(connection, draft.mapping),
                    papers.get(draft.losses),
                    papers.get(draft.residue),
                )
            )
            if state is EntryState.SEALED:
                taken.sealed += len(draft.records)
                home = path + source.evidence.network
                sealed.extend((row, record, home) for record in draft.records)
            elif echo:
                taken.echoes += 1
            elif state is EntryState.QUARANTINED:
                why = draft.fault
                assert why is not None  # the state and the reason are set together
                taken.quarantined += 1
                taken.faults.append((source.entry, why))
                faults.append((row, now, why.code, why.detail, why.place, why.hint))
        _entries.run(connection, rows)
        _quarantine.run(connection, faults)
        self.write_records(connection, sealed, seen, now, taken)
        return first

    def write_records(
        self,
        connection: Connection,
        sealed: Sequence[tuple[int, RecordDraft, bytes]],
        seen: int,
        now: int,
        taken: Taken,
    ) -> None:
        """Rows of records (entry row, draft, path with the origin) and of their deliveries; fills `taken.pickups`."""
        if not sealed:
            return
        about = self.subject_rows(connection, [text for _, draft, _ in sealed for text in draft.subjects])
        first = self.take_ids(connection, t.records, len(sealed))
        rows: list[tuple[Any, ...]] = []
        also: list[tuple[int, int]] = []
        out: list[tuple[Any, ...]] = []
        notes: list[tuple[Any, ...]] = []
        count = sum(len(draft.deliveries) for _, draft, _ in sealed)
        delivery = self.take_ids(connection, t.deliveries, count) if count else 0
        waiting = DeliveryState.WAITING.value
        for row, (entry, draft, path) in enumerate(sealed, first):
            lanes = tuple([about[text] for text in draft.subjects])
            several = len(lanes) > 1
            rows.append(
                (
                    row,
                    draft.key,
                    draft.revision,
                    entry,
                    draft.position,
                    self.name(connection, draft.kind),
                    lanes[0],
                    pack(lanes) if several else None,
                    draft.withdrawn,
                    *draft.span,
                    draft.credential,
                )
            )
            if several:
                also.extend((lane, row) for lane in lanes[1:])
            notes.extend((now, "note", None, entry, row, None, note) for note in draft.notes)
            for destination, key in draft.deliveries:
                out.append((delivery, key, row, destination, waiting, now))
                taken.pickups.setdefault(destination, []).append(
                    Pickup(
                        delivery,
                        row,
                        key,
                        lanes,
                        seen,
                        draft.credential[draft.span[0] : draft.span[1]],
                        draft.key,
                        draft.revision,
                        draft.withdrawn,
                        draft.subjects[0],
                        path,
                        draft.renditions,
                    )
                )
                delivery += 1
        _records.run(connection, rows)
        _also.run(connection, also)
        _deliveries.run(connection, out)
        _events.run(connection, notes)

    # ── withdrawals ──────────────────────────────────────────────────────────────────────────────────────────

    def _withdraw(
        self,
        connection: Connection,
        draft: EntryDraft,
        batch: int,
        arrival: Arrival,
        revise: Reviser,
        now: int,
        taken: Taken,
    ) -> None:
        """An entry that declares an earlier one void: new revisions along the lanes that the earlier ones took."""
        revised = self._revised(connection, draft, arrival.source, revise)
        if revised is None:
            draft.state = EntryState.QUARANTINED
            draft.fault = Fault(WITHDRAWS_UNKNOWN.code, WITHDRAWS_UNKNOWN.summary, WITHDRAWS_UNKNOWN.hint)
            self._write(connection, [draft], batch, arrival.seen, now, taken)
            return
        # the reviser sets what the entry is translated by, so it came before the entry is written
        entry = self._write(connection, [draft], batch, arrival.seen, now, taken)
        self._write_revised(connection, draft, entry, revised, arrival.seen, now, taken)

    def _revised(
        self, connection: Connection, draft: EntryDraft, source: int, revise: Reviser
    ) -> list[RecordDraft] | None:
        """The withdrawing revisions of what an earlier entry gave; None where no such entry was read."""
        earlier = connection.execute(
            sa.select(t.entries.c.id)
            .join(t.batches, t.batches.c.id == t.entries.c.batch)
            .where(t.entries.c.entry == draft.source.withdraws, t.batches.c.source == source)
            .order_by(t.entries.c.id)
            .limit(1)
        ).scalar()
        if earlier is None:
            return None
        return [revise(record, draft) for record in records_of(connection, earlier) if not record.withdrawn]

    def _write_revised(
        self,
        connection: Connection,
        draft: EntryDraft,
        entry: int,
        revised: Sequence[RecordDraft],
        seen: int,
        now: int,
        taken: Taken,
    ) -> None:
        detail = f"withdraws entry {draft.source.withdraws.hex() if draft.source.withdraws else ''}"
        _events.run(connection, [(now, "withdrawal", None, entry, None, None, detail)])
        path = b"".join(draft.source.relay.path) + draft.source.evidence.network
        rows = [(entry if one.entry is None else one.entry, one, path) for one in revised]
        self.write_records(connection, rows, seen, now, taken)
        taken.withdrawn += len(revised)

    # ── out of quarantine ────────────────────────────────────────────────────────────────────────────────────

    def release(
        self, connection: Connection, stored: StoredEntry, draft: EntryDraft, revise: Reviser, now: int
    ) -> tuple[Taken, str]:
        """An entry that was tried again: what came of it, in a sentence too. A new fault takes the place of the old."""
        taken = Taken({})
        revised: list[RecordDraft] | None = []
        if draft.state is EntryState.WITHDRAWAL:
            revised = self._revised(connection, draft, stored.source_row, revise)
            if revised is None:
                draft.fault = Fault(WITHDRAWS_UNKNOWN.code, WITHDRAWS_UNKNOWN.summary, WITHDRAWS_UNKNOWN.hint)
        if draft.fault is not None:
            why = draft.fault
            connection.execute(
                sa.update(t.quarantine)
                .where(t.quarantine.c.entry == stored.row)
                .values(since=now, code=why.code, detail=why.detail, place=why.place, hint=why.hint)
            )
            return taken, f"still in quarantine: {why.code}: {why.detail}"
        papers = self.document_rows(connection, [paper for paper in (draft.losses, draft.residue) if paper])
        state = EntryState.WITHDRAWAL if draft.state is EntryState.WITHDRAWAL else EntryState.RELEASED
        connection.execute(
            sa.update(t.entries)
            .where(t.entries.c.id == stored.row)
            .values(
                state=state.value,
                basis=draft.basis,
                mapping=None if draft.mapping is None else self.mapping(connection, draft.mapping),
                losses=papers.get(draft.losses),
                residue=papers.get(draft.residue),
            )
        )
        connection.execute(sa.delete(t.quarantine).where(t.quarantine.c.entry == stored.row))
        note(connection, now, "released", "tried again and passed", entry=stored.row)
        if state is EntryState.WITHDRAWAL:
            self._write_revised(connection, draft, stored.row, revised or (), stored.seen, now, taken)
            return taken, f"passed; {taken.withdrawn} records withdrawn"
        home = stored.path + stored.network_digest
        self.write_records(connection, [(stored.row, one, home) for one in draft.records], stored.seen, now, taken)
        taken.sealed = len(draft.records)
        return taken, f"passed; {taken.sealed} records"

    def _retract(self, connection: Connection, arrival: Arrival, revise: Reviser, now: int, taken: Taken) -> None:
        """What was final is so no longer: the records are withdrawn where they went."""
        gone: list[int] = []
        for key in arrival.retracted:
            row = connection.execute(
                sa.select(t.records.c.entry).where(t.records.c.key == key).order_by(t.records.c.revision).limit(1)
            ).scalar()
            if row is not None:
                gone.append(row)
        if not gone:  # quarantined or echoed: no record has a key, the places are looked through
            for some in chunks(arrival.retracted_loci):
                gone.extend(
                    connection.execute(
                        sa.select(t.entries.c.id)
                        .join(t.batches, t.batches.c.id == t.entries.c.batch)
                        .where(t.entries.c.locus.in_(some), t.batches.c.source == arrival.source)
                    ).scalars()
                )
        network = connection.execute(
            sa.select(t.sources.c.network).where(t.sources.c.id == arrival.source)
        ).scalar_one()
        for entry in gone:
            home = _digest_of(connection, network)
            revised = [
                (entry, revise(record, None), record.path + home)
                for record in records_of(connection, entry)
                if not record.withdrawn
            ]
            self.write_records(connection, revised, arrival.seen, now, taken)
            taken.withdrawn += len(revised)
            connection.execute(
                sa.update(t.entries).where(t.entries.c.id == entry).values(state=EntryState.RETRACTED.value)
            )
            _events.run(
                connection, [(now, "retracted", network, entry, None, None, "the network took back what was final")]
            )


def number_of(subject: str) -> str:
    """The part of a subject by which a person looks for it: letters and digits of its number alone."""
    return plain_number(subject.rsplit("/", 1)[-1])


def plain_number(text: str) -> str:
    """A number as it is looked for: letters and digits alone, case folded."""
    return _MARKS.sub("", text.casefold())


def position(connection: Connection, source: int) -> Position | None:
    """How far a source was read."""
    row = connection.execute(sa.select(t.sources.c.height, t.sources.c.block).where(t.sources.c.id == source)).one()
    return None if row.height is None else Position(row.height, bytes(row.block))


def records_of(connection: Connection, entry: int) -> list[StoredRecord]:
    """The newest revision of every record that came out of an entry, in their order."""
    keys = connection.execute(
        sa.select(t.records.c.key).where(t.records.c.entry == entry).order_by(t.records.c.position)
    ).scalars()
    return [newest(connection, bytes(key)) for key in dict.fromkeys(keys)]


def newest(connection: Connection, key: bytes) -> StoredRecord:
    """The newest revision of the record with this key. Raises sqlalchemy.exc.NoResultFound where there is none."""
    losses, residue = t.documents.alias("losses"), t.documents.alias("residue")
    formats = t.names.alias("formats")
    row = connection.execute(
        sa.select(
            t.records,
            t.names.c.name.label("kind_name"),
            t.subjects.c.subject.label("first_subject"),
            t.entries.c.native,
            t.entries.c.evidence,
            t.entries.c.time,
            t.entries.c.path,
            formats.c.name.label("format_name"),
            t.mappings.c.name.label("mapping_name"),
            t.mappings.c.version.label("mapping_version"),
            t.mappings.c.digest.label("mapping_digest"),
            losses.c.content.label("losses"),
            residue.c.content.label("residue"),
        )
        .join(t.names, t.names.c.id == t.records.c.kind)
        .join(t.subjects, t.subjects.c.id == t.records.c.subject)
        .join(t.entries, t.entries.c.id == t.records.c.entry)
        .join(formats, formats.c.id == t.entries.c.format)
        .outerjoin(t.mappings, t.mappings.c.id == t.entries.c.mapping)
        .outerjoin(losses, losses.c.id == t.entries.c.losses)
        .outerjoin(residue, residue.c.id == t.entries.c.residue)
        .where(t.records.c.key == key)
        .order_by(t.records.c.revision.desc())
        .limit(1)
    ).one()
    subjects: tuple[str, ...] = (row.first_subject,)
    if row.lanes is not None:
        rows = connection.execute(
            sa.select(t.subjects.c.id, t.subjects.c.subject).where(t.subjects.c.id.in_(unpack(row.lanes)))
        )
        texts = {one.id: one.subject for one in rows}
        subjects = tuple(texts[lane] for lane in unpack(row.lanes))
    went = connection.execute(
        sa.select(t.networks.c.id, t.networks.c.digest)
        .join(t.deliveries, t.deliveries.c.destination == t.networks.c.id)
        .join(t.records, t.records.c.id == t.deliveries.c.record)
        .where(t.records.c.key == key, t.deliveries.c.state != DeliveryState.SKIPPED.value)
        .distinct()
        .order_by(t.networks.c.id)
    ).all()
    credential = bytes(row.credential)
    return StoredRecord(
        row=row.id,
        key=key,
        revision=row.revision,
        position=row.position,
        kind=row.kind_name,
        subjects=subjects,
        withdrawn=bool(row.withdrawn),
        json=credential[row.json_start : row.json_end],
        digest=hashlib.sha256(credential).digest(),
        entry=row.entry,
        format=row.format_name,
        native=bytes(row.native or b""),
        evidence=bytes(row.evidence or b""),
        time=row.time,
        mapping=MappingUsed(row.mapping_name or "", row.mapping_version or "", bytes(row.mapping_digest or b"")),
        losses=bytes(row.losses or b""),
        residue=bytes(row.residue or b""),
        path=bytes(row.path),
        destinations=tuple(Destination(other.id, bytes(other.digest)) for other in went),
    )


def stored_entry(connection: Connection, row: int) -> StoredEntry:
    """A native record as it was read. Raises sqlalchemy.exc.NoResultFound where there is none."""
    one = connection.execute(
        sa.select(
            t.entries,
            t.names.c.name.label("format_name"),
            t.batches.c.source.label("source_row"),
            t.batches.c.seen,
            t.sources.c.name.label("source_name"),
            t.sources.c.network,
            t.networks.c.digest.label("network_digest"),
        )
        .join(t.names, t.names.c.id == t.entries.c.format)
        .join(t.batches, t.batches.c.id == t.entries.c.batch)
        .join(t.sources, t.sources.c.id == t.batches.c.source)
        .join(t.networks, t.networks.c.id == t.sources.c.network)
        .where(t.entries.c.id == row)
    ).one()
    evidence = bytes(one.evidence or b"")
    shared: dict[bytes, bytes] = {}
    if evidence:
        named = [bytes(digest) for digest in cbor.decode(evidence)["shared"]]
        for found in connection.execute(
            sa.select(t.documents.c.digest, t.documents.c.content).where(t.documents.c.digest.in_(named))
        ):
            shared[bytes(found.digest)] = bytes(found.content)
    return StoredEntry(
        row=row,
        batch=one.batch,
        state=EntryState(one.state),
        source_row=one.source_row,
        source=one.source_name,
        network=one.network,
        network_digest=bytes(one.network_digest),
        seen=one.seen,
        entry=bytes(one.entry),
        locus=bytes(one.locus),
        time=one.time,
        relay=bytes(one.entry if one.relay is None else one.relay),
        mark=bytes(one.mark or b""),
        path=bytes(one.path),
        withdraws=None if one.withdraws is None else bytes(one.withdraws),
        format=one.format_name,
        native=bytes(one.native or b""),
        evidence=evidence,
        shared=shared,
    )


def stop_source(connection: Connection, source: int, why: Fault, now: int) -> None:
    """The source stands still until a person resumes it."""
    connection.execute(
        sa.update(t.sources).where(t.sources.c.id == source).values(stopped=now, code=why.code, detail=why.detail)
    )
    network = connection.execute(sa.select(t.sources.c.network).where(t.sources.c.id == source)).scalar_one()
    note(connection, now, "stopped", {"code": why.code, "detail": why.detail}, network=network)


def stopped(connection: Connection, source: int) -> Fault | None:
    """Why the source stands still, or None where it does not."""
    row = connection.execute(
        sa.select(t.sources.c.stopped, t.sources.c.code, t.sources.c.detail).where(t.sources.c.id == source)
    ).one()
    return None if row.stopped is None else Fault(row.code or "", row.detail or "", "")


def _digest_of(connection: Connection, network: int) -> bytes:
    return bytes(connection.execute(sa.select(t.networks.c.digest).where(t.networks.c.id == network)).scalar_one())


def _told(stands: Position | None) -> str:
    return "nothing" if stands is None else f"height {stands.height} ({stands.block.hex()[:16]}…)"


def note(
    connection: Connection,
    now: int,
    kind: str,
    detail: object,
    *,
    network: int | None = None,
    entry: int | None = None,
    record: int | None = None,
    delivery: int | None = None,
) -> None:
    """Write what is out of the ordinary into the log of events."""
    text = detail if isinstance(detail, str) else msgspec.json.encode(detail).decode()
    _events.run(connection, [(now, kind, network, entry, record, delivery, text)])
