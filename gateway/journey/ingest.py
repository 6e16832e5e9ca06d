"""From worked records to what is committed: routes and deliveries, and the revisions that withdraw."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.errors import InputError, MappingError
from gateway.journey.route import Routed, Router
from gateway.journey.seal import Sealer
from gateway.journey.work import Bench, Worked, offices_named
from gateway.mapping import MappingLibrary, MappingRef, losses_document
from gateway.model import records as model
from gateway.model.records import CommonRecord
from gateway.proofs import cbor
from gateway.spi import (
    Batch,
    Digest,
    Evidence,
    NativeRecord,
    NetworkId,
    RecordKey,
    Relay,
    SourceFault,
    SourceRecord,
    delivery_key,
    record_key,
)
from gateway.store.drafts import Arrival, EntryDraft, Fault, MappingUsed, RecordDraft, micros, moment
from gateway.store.intake import StoredEntry, StoredRecord
from gateway.store.schema import EntryState

__all__ = ["Ingest", "Routes", "evidence_of", "source_record"]


@dataclass(slots=True)
class Routes:
    """The routes in force, for all networks. Replaced as a whole, in the writer's thread."""

    router: Router


class Ingest:
    """One network's way from batches to arrivals."""

    def __init__(
        self,
        name: str,
        office: str,
        network: NetworkId,
        sealer: Sealer,
        library: MappingLibrary,
        bench: Bench,
        routes: Routes,
    ) -> None:
        self._name = name
        self._office = office
        self._digest: Digest = network.digest
        self._sealer = sealer
        self._library = library
        self.bench = bench
        self._routes = routes
        self._alone = frozenset({bytes(self._digest)})

    def arrival(self, source: int, name: str, batch: Batch, worked: Sequence[Worked]) -> Arrival:
        """What is to be committed for a batch of the source with this row and global name."""
        router = self._routes.router  # looked at before the work: a change in between is noticed at the commit
        return Arrival(
            source=source,
            parent=batch.parent,
            position=batch.position,
            head=batch.head,
            seen=micros(batch.seen),
            entries=[
                *(self.draft(record, one, router) for record, one in zip(batch.records, worked, strict=True)),
                *(self._unreadable(name, fault, batch) for fault in batch.faults),
            ],
            shared=batch.shared,
            retracted=tuple(record_key(self._digest, name, locus, 0) for locus in batch.retracted),
            retracted_loci=tuple(cbor.encode(dict(locus)) for locus in batch.retracted),
            routed_by=router,
        )

    def draft(self, record: SourceRecord, worked: Worked, router: Router | None = None) -> EntryDraft:
        """A worked record with its deliveries."""
        draft = EntryDraft(
            record,
            worked.state,
            worked.locus,
            worked.evidence,
            worked.basis,
            worked.mapping,
            worked.losses,
            worked.residue,
            [],
            worked.fault,
        )
        for one in worked.records:
            json = one.credential[one.start : one.end]
            made = RecordDraft(
                one.key,
                1,
                one.position,
                one.kind,
                one.subjects,
                (one.start, one.end),
                one.credential,
                one.named,
                renditions=one.renditions,
            )
            self._route(draft, made, json, router or self._routes.router)
            draft.records.append(made)
        return draft

    def _unreadable(self, name: str, fault: SourceFault, batch: Batch) -> EntryDraft:
        """What stands on the network and cannot be read as a record: kept in quarantine by its place alone."""
        locus = cbor.encode(dict(fault.locus))
        entry = hashlib.sha256(b"unreadable/1" + locus).digest()
        nothing = SourceRecord(
            name,
            fault.locus,
            NativeRecord("unreadable", b""),
            Evidence("none/1", self._digest, {}, (), {}),
            batch.seen,
            entry,
            Relay(entry, bytes(32)),
        )
        hint = "Nothing of it can be kept. Ask whoever wrote it to the network; its neighbours passed."
        return EntryDraft(nothing, EntryState.QUARANTINED, locus, fault=Fault(fault.code, fault.reason, hint))

    def route_again(self, arrival: Arrival) -> None:
        """Choose the deliveries anew: the routes changed since the batch was worked through."""
        for draft in arrival.entries:
            for record in draft.records:
                json = record.credential[record.span[0] : record.span[1]]
                self._route(draft, record, json, self._routes.router)

    def _route(self, draft: EntryDraft, record: RecordDraft, json: bytes, router: Router) -> None:
        path = draft.source.relay.path
        routed: Routed = router.of(
            self._name,
            self._office,
            record.named,
            json,
            record.kind,
            draft.basis,
            self._alone.union(path) if path else self._alone,
            1 + len(path),
        )
        key = RecordKey(record.key)
        record.deliveries = [(place.row, delivery_key(key, Digest(place.digest), 1)) for place in routed.to]
        record.notes = tuple(routed.notes)

    # ── withdrawals ──────────────────────────────────────────────────────────────────────────────────────────

    def revise(self, stored: StoredRecord, by: EntryDraft | None) -> RecordDraft:
        """The withdrawing revision of a record, along the lanes of the ones before.

        It rests on the withdrawing entry where that repeats the record in its own words, so that whoever holds it can
        check the whole of it; else, and where the network took the record back, on the record's first evidence. Words
        that no route would let go to everyone who is to be told stay here: those people learn of the withdrawal in
        the words that they hold already.
        """
        revision = stored.revision + 1
        own = None if by is None else self._own_words(stored, by)
        if own is not None and by is not None:
            common, json, mapping, losses = own
            native, evidence = by.source.native, by.evidence
            evidence_type = by.source.evidence.type
            when = by.source.time
        else:
            common, json = model.decode(stored.json), stored.json
            mapping = MappingRef(stored.mapping.name, stored.mapping.version, stored.mapping.digest)
            losses = stored.losses
            native, evidence = NativeRecord(stored.format, stored.native), stored.evidence
            evidence_type = cbor.decode(evidence)["type"]
            when = moment(stored.time) if by is None else by.source.time
        credential, span = self._sealer.seal(
            json,
            RecordKey(stored.key),
            revision,
            native.format,
            native.digest,
            evidence_type,
            hashlib.sha256(evidence).digest(),
            mapping,
            hashlib.sha256(losses).digest(),
            when,
            withdrawn=True,
            supersedes=stored.digest,
        )
        return RecordDraft(
            stored.key,
            revision,
            stored.position,
            stored.kind,
            stored.subjects,
            span,
            credential,
            offices_named(common),
            [
                (place.row, delivery_key(RecordKey(stored.key), Digest(place.digest), revision))
                for place in stored.destinations
            ],
            True,
            entry=None if own is not None else stored.entry,
        )

    def _own_words(self, stored: StoredRecord, by: EntryDraft) -> tuple[CommonRecord, bytes, MappingRef, bytes] | None:
        try:
            native = by.source.native
            translation = self._library.by_format(native.format).to_common(native)
        except (MappingError, InputError):
            return None
        for translated in translation.records:
            if translated.index == stored.position and type(translated.record).__name__ == stored.kind:
                if model.subjects_of(translated.record) != stored.subjects:
                    return None
                json = model.encode(translated.record)
                if not self._may_go(stored, by, translated.record, json):
                    return None
                losses = losses_document(translation.losses)
                mapping = translation.mapping
                by.mapping = MappingUsed(mapping.name, mapping.version, mapping.digest)
                by.losses, by.residue = losses, translation.residue
                return translated.record, json, mapping, losses
        return None

    def _may_go(self, stored: StoredRecord, by: EntryDraft, record: CommonRecord, json: bytes) -> bool:
        """Whether a record in these words would be sent to all who hold an earlier revision. The words those hold
        were let go by the routes then in force and are not asked again."""
        if json == stored.json:
            return True
        path = by.source.relay.path
        routed = self._routes.router.of(
            self._name,
            self._office,
            offices_named(record),
            json,
            stored.kind,
            by.basis,
            self._alone.union(path),
            1 + len(path),
            stored.revision + 1,
        )
        allowed = {place.row for place in routed.to}
        return all(place.row in allowed for place in stored.destinations)


def evidence_of(stored: bytes) -> Evidence:
    """Evidence as the store holds it."""
    found = cbor.decode(stored)
    return Evidence(found["type"], found["network"], found["extraction"], tuple(found["shared"]), found["own"])


def source_record(stored: StoredEntry) -> SourceRecord:
    """A record as its source gave it, out of what the store holds: for another try after quarantine."""
    path = stored.path
    return SourceRecord(
        stored.source,
        cbor.decode(stored.locus),
        NativeRecord(stored.format, stored.native),
        evidence_of(stored.evidence),
        moment(stored.time),
        stored.entry,
        Relay(stored.relay, stored.mark, tuple(path[at : at + 32] for at in range(0, len(path), 32))),
        stored.withdraws,
    )
