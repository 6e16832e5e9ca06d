"""From a batch to an arrival: recognise own writing, verify, translate, seal, route. Pure work, no input and output.

One bad record is put aside with the reason and its neighbours pass. Only where the network itself can no longer be
believed is Broken raised, and nothing of the batch is taken.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import structlog

from gateway.errors import GatewayError, InputError, MappingError, fault
from gateway.journey.judge import judge
from gateway.journey.marks import written_here
from gateway.journey.route import Routed, Router
from gateway.journey.seal import Sealer
from gateway.mapping import MappingLibrary, MappingRef, losses_document
from gateway.model import records as model
from gateway.model.records import CommonRecord
from gateway.proofs import cbor
from gateway.spi import (
    Basis,
    Batch,
    Digest,
    Evidence,
    Limits,
    NativeRecord,
    NetworkId,
    Proof,
    RecordKey,
    Relay,
    SourceRecord,
    TrustAnchors,
    VerificationContext,
    Verifier,
    delivery_key,
    record_key,
)
from gateway.store.drafts import Arrival, EntryDraft, Fault, MappingUsed, RecordDraft, micros, moment
from gateway.store.intake import StoredEntry, StoredRecord
from gateway.store.schema import EntryState

__all__ = ["Ingest", "NoProofs", "Workshop", "evidence_of"]

log = structlog.get_logger("gateway.ingest")

NO_VERIFIER = fault(
    "journey.no-verifier",
    "No installed verifier knows this type of evidence.",
    "`gateway adapter list` shows what is installed; install the adapter's package, then `gateway record retry`.",
)
FOREIGN_EVIDENCE = fault(
    "journey.foreign-evidence",
    "The evidence is about another network than the one it was read from.",
    "This is a fault of the adapter: report it to its author with the release.",
)
TOO_LARGE = fault(
    "journey.too-large",
    "The record is larger than is allowed.",
    "Raise `limits` in the configuration if such records are meant to pass, then `gateway record retry`.",
)
UNEXPECTED = fault(
    "journey.unexpected",
    "The record met a fault of the program.",
    "Report it with the release and this record's number; its neighbours passed.",
)


class NoProofs:
    """At ingest nothing is proven to have existed before: things are judged as of now."""

    def earliest(self, digest: bytes) -> Proof | None:
        return None


_NO_PROOFS: Final = NoProofs()


@dataclass(slots=True)
class Workshop:
    """What all networks share. `router` is replaced as a whole when routes change."""

    mark: bytes
    library: MappingLibrary
    anchors: TrustAnchors
    verifiers: Mapping[str, Verifier]
    limits: Limits
    router: Router


class Ingest:
    """Works batches of one network through. May be called from any thread, by one at a time."""

    def __init__(self, name: str, office: str, network: NetworkId, sealer: Sealer, workshop: Workshop) -> None:
        self._name = name
        self._office = office
        self._digest: Digest = network.digest
        self._sealer = sealer
        self._shop = workshop
        self._alone = frozenset({bytes(self._digest)})

    def work(self, source: int, name: str, batch: Batch) -> Arrival:
        """What is to be committed for a batch of the source with this row and global name. Raises Broken where the
        anchor does not hold."""
        context = VerificationContext(
            now=datetime.now(UTC),
            anchors=self._shop.anchors,
            poe=_NO_PROOFS,
            shared=batch.shared,
            limits=self._shop.limits,
        )
        router = self._shop.router  # looked at before the work: a change in between is noticed at the commit
        return Arrival(
            source=source,
            parent=batch.parent,
            position=batch.position,
            head=batch.head,
            seen=micros(batch.seen),
            entries=[self.entry(record, context) for record in batch.records],
            shared=batch.shared,
            retracted=tuple(record_key(self._digest, name, locus, 0) for locus in batch.retracted),
            retracted_loci=tuple(cbor.encode(dict(locus)) for locus in batch.retracted),
            routed_by=router,
        )

    def route_again(self, arrival: Arrival) -> None:
        """Choose the deliveries anew: the routes changed since the batch was worked through."""
        for draft in arrival.entries:
            been, hops = self._been(draft.source)
            basis = Basis(draft.basis) if draft.basis else None
            for record in draft.records:
                json = record.credential[record.span[0] : record.span[1]]
                routed = self._shop.router.of(
                    self._name, self._office, record.record, json, record.kind, basis, been, hops
                )
                record.deliveries = _addressed(RecordKey(record.key), routed)
                record.notes = tuple(routed.notes)

    def _been(self, record: SourceRecord) -> tuple[frozenset[bytes], int]:
        path = record.relay.path
        return (self._alone.union(path) if path else self._alone), 1 + len(path)

    def entry(self, record: SourceRecord, context: VerificationContext) -> EntryDraft:
        """One native record, as far as it gets. Raises Broken where the anchor does not hold."""
        draft = EntryDraft(record, EntryState.SEALED, cbor.encode(dict(record.locus)))
        if written_here(self._shop.mark, record):
            draft.state = EntryState.ECHO
            return draft
        try:
            self._fill(draft, context)
        except (MappingError, InputError) as error:
            _aside(draft, Fault.of(error))
        except GatewayError:
            raise
        except Exception as error:
            # A fault of a mapping or verifier must not hold up the records behind this one. Its message may hold
            # content, so only its type is kept; the traceback's place is enough to find it.
            log.error(
                "record met a fault of the program", network=self._name, kind=type(error).__name__, exc_info=error
            )
            _aside(draft, Fault(UNEXPECTED.code, f"{UNEXPECTED.summary} ({type(error).__name__})", UNEXPECTED.hint))
        return draft

    def _fill(self, draft: EntryDraft, context: VerificationContext) -> None:
        record, limits = draft.source, self._shop.limits
        native, evidence = record.native, record.evidence
        draft.evidence = evidence.encode()
        if len(native.content) > limits.native or len(draft.evidence) > limits.evidence:
            detail = (
                f"native record of {len(native.content)} bytes (at most {limits.native}), "
                f"evidence of {len(draft.evidence)} (at most {limits.evidence})"
            )
            return _aside(draft, Fault(TOO_LARGE.code, detail, TOO_LARGE.hint))
        if evidence.network != self._digest:
            return _aside(draft, Fault(FOREIGN_EVIDENCE.code, FOREIGN_EVIDENCE.summary, FOREIGN_EVIDENCE.hint))
        verifier = self._shop.verifiers.get(evidence.type)
        if verifier is None:
            return _aside(draft, Fault(NO_VERIFIER.code, f"evidence of type {evidence.type!r}", NO_VERIFIER.hint))
        judged = judge(verifier.verify(native, evidence, context))
        if judged.why is not None:
            return _aside(draft, judged.why)
        draft.basis = judged.basis.value if judged.basis else None
        if record.withdraws is not None:
            draft.state = EntryState.WITHDRAWAL
            return None
        self._translate(draft, judged.basis)
        return None

    def _translate(self, draft: EntryDraft, basis: Basis | None) -> None:
        record = draft.source
        native = record.native
        translation = self._shop.library.by_format(native.format).to_common(native)
        mapping = translation.mapping
        draft.mapping = MappingUsed(mapping.name, mapping.version, mapping.digest)
        draft.residue = translation.residue
        losses = losses_document(translation.losses)
        draft.losses = losses
        losses_digest = hashlib.sha256(losses).digest()
        native_digest = native.digest
        evidence_digest = hashlib.sha256(draft.evidence).digest()
        been, hops = self._been(record)
        for translated in translation.records:
            common = translated.record
            json = model.encode(common)
            key = record_key(self._digest, record.source, record.locus, translated.index)
            credential, span = self._sealer.seal(
                json,
                key,
                1,
                native.format,
                native_digest,
                record.evidence.type,
                evidence_digest,
                mapping,
                losses_digest,
                record.time,
            )
            kind = type(common).__name__
            routed = self._shop.router.of(self._name, self._office, common, json, kind, basis, been, hops)
            draft.records.append(
                RecordDraft(
                    key,
                    1,
                    translated.index,
                    kind,
                    model.subjects_of(common),
                    span,
                    credential,
                    common,
                    _addressed(key, routed),
                    False,
                    tuple(routed.notes),
                )
            )

    # ── withdrawals ──────────────────────────────────────────────────────────────────────────────────────────

    def revise(self, stored: StoredRecord, by: EntryDraft | None) -> RecordDraft:
        """The withdrawing revision of a record, along the lanes of the ones before.

        It rests on the withdrawing entry where that repeats the record in its own words, so that whoever holds it can
        check the whole of it; else, and where the network took the record back, on the record's first evidence.
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
            common,
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
            translation = self._shop.library.by_format(native.format).to_common(native)
        except (MappingError, InputError):
            return None
        for translated in translation.records:
            if translated.index == stored.position and type(translated.record).__name__ == stored.kind:
                if model.subjects_of(translated.record) != stored.subjects:
                    return None
                losses = losses_document(translation.losses)
                mapping = translation.mapping
                by.mapping = MappingUsed(mapping.name, mapping.version, mapping.digest)
                by.losses, by.residue = losses, translation.residue
                return translated.record, model.encode(translated.record), mapping, losses
        return None


def _addressed(key: RecordKey, routed: Routed) -> list[tuple[int, bytes]]:
    return [(place.row, delivery_key(key, Digest(place.digest), 1)) for place in routed.to]


def _aside(draft: EntryDraft, why: Fault) -> None:
    draft.state, draft.fault, draft.records = EntryState.QUARANTINED, why, []


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
