"""The work on one native record: recognise own writing, verify, translate, seal. Pure: no store, no route, no clock.

What it takes and gives are values that can go to another process and back (`gateway.journey.worker`).
One bad record is put aside with the reason and its neighbours pass. Only where the network itself can no longer be
believed is Broken raised, and nothing of the batch is taken.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec
import structlog

from gateway.errors import GatewayError, InputError, MappingError, fault
from gateway.journey.judge import judge
from gateway.journey.marks import written_here
from gateway.journey.seal import Sealer
from gateway.journey.telling import frames_of
from gateway.mapping import MappingLibrary, losses_document
from gateway.model import records as model
from gateway.model.records import CommonRecord
from gateway.proofs import cbor
from gateway.spi import (
    Digest,
    Limits,
    NetworkId,
    Proof,
    SourceRecord,
    TrustAnchors,
    VerificationContext,
    Verifier,
    record_key,
)
from gateway.store.drafts import Fault, MappingUsed
from gateway.store.schema import EntryState

__all__ = ["Bench", "NoProofs", "Worked", "WorkedRecord", "offices_named"]

log = structlog.get_logger("gateway.ingest")

NO_VERIFIER = fault(
    "journey.no-verifier",
    "No installed verifier knows this type of evidence.",
    "`gateway adapter list` shows what is there; install the adapter's package, then `gateway record release NUMBER`.",
)
FOREIGN_EVIDENCE = fault(
    "journey.foreign-evidence",
    "The evidence proves another record than the one it was read with.",
    "This is a fault of the adapter: report it to its author with the release.",
)
TOO_LARGE = fault(
    "journey.too-large",
    "The record is larger than is allowed.",
    "Raise `limits` in the configuration if such records are to pass, then `gateway record release NUMBER`.",
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


class WorkedRecord(msgspec.Struct, array_like=True):
    """One common record, sealed: key, index in its native record, kind, subjects, credential, and the place of the
    record's own JSON in it.

    named       offices that may see it while it is unpublished; None where it is published
    renditions  native bytes and loss report by format, of those formats that can hold it
    """

    key: bytes
    position: int
    kind: str
    subjects: tuple[str, ...]
    start: int
    end: int
    credential: bytes
    named: tuple[str, ...] | None = None
    renditions: dict[str, tuple[bytes, bytes]] = {}


class Worked(msgspec.Struct, array_like=True):
    """What became of one native record. `locus` and `evidence` are deterministic CBOR."""

    state: EntryState
    locus: bytes
    evidence: bytes = b""
    basis: str | None = None
    mapping: MappingUsed | None = None
    losses: bytes = b""
    residue: bytes = b""
    records: list[WorkedRecord] = []
    fault: Fault | None = None


class Bench:
    """All that the work on one network's records needs. May be used from any thread, and is the same in a fork."""

    def __init__(
        self,
        name: str,
        network: NetworkId,
        sealer: Sealer,
        mark: bytes,
        library: MappingLibrary,
        anchors: TrustAnchors,
        verifiers: Mapping[str, Verifier],
        limits: Limits,
        renders: Sequence[str] = (),
    ) -> None:
        """`renders` are the formats of the networks that a route leads to: what is sealed is put into them at once."""
        self._renders = tuple(renders)
        self._name = name
        self._network: Digest = network.digest
        self._sealer = sealer
        self._mark = mark
        self._library = library
        self._anchors = anchors
        self._verifiers = verifiers
        self._limits = limits

    def echo(self, record: SourceRecord) -> Worked | None:
        """What becomes of this gateway's own writing, read again; None for every other record."""
        if written_here(self._mark, record):
            return Worked(EntryState.ECHO, cbor.encode(dict(record.locus)))
        return None

    def work(self, records: Sequence[SourceRecord], shared: Mapping[bytes, bytes], now: datetime) -> list[Worked]:
        """Each record as far as it gets, in order. Raises Broken where the anchor does not hold."""
        context = VerificationContext(now, self._anchors, _NO_PROOFS, shared, self._limits)
        return [self._one(record, context) for record in records]

    def _one(self, record: SourceRecord, context: VerificationContext) -> Worked:
        echo = self.echo(record)
        if echo is not None:
            return echo
        worked = Worked(EntryState.SEALED, cbor.encode(dict(record.locus)))
        try:
            self._fill(worked, record, context)
        except (MappingError, InputError) as error:
            _aside(worked, Fault.of(error))
        except GatewayError:
            raise
        except Exception as error:  # noqa: BLE001
            # A fault of a mapping or verifier must not hold up the records behind this one. Its message may hold
            # content, so only its kind and its place are kept.
            log.error(
                "record met a fault of the program", network=self._name, kind=type(error).__name__, at=frames_of(error)
            )
            _aside(worked, Fault(UNEXPECTED.code, f"{UNEXPECTED.summary} ({type(error).__name__})", UNEXPECTED.hint))
        return worked

    def _fill(self, worked: Worked, record: SourceRecord, context: VerificationContext) -> None:
        limits, native, evidence = self._limits, record.native, record.evidence
        worked.evidence = evidence.encode()
        if len(native.content) > limits.native or len(worked.evidence) > limits.evidence:
            detail = (
                f"native record of {len(native.content)} bytes (at most {limits.native}), "
                f"evidence of {len(worked.evidence)} (at most {limits.evidence})"
            )
            return _aside(worked, Fault(TOO_LARGE.code, detail, TOO_LARGE.hint))
        if evidence.network != self._network:
            return _aside(worked, Fault(FOREIGN_EVIDENCE.code, "it is of another network", FOREIGN_EVIDENCE.hint))
        verifier = self._verifiers.get(evidence.type)
        if verifier is None:
            return _aside(worked, Fault(NO_VERIFIER.code, f"evidence of type {evidence.type!r}", NO_VERIFIER.hint))
        report = verifier.verify(native, evidence, context)
        judged = judge(report)
        if judged.why is not None:
            return _aside(worked, judged.why)
        if report.source != record.source or report.locus != record.locus:
            return _aside(worked, Fault(FOREIGN_EVIDENCE.code, "it proves another place", FOREIGN_EVIDENCE.hint))
        worked.basis = judged.basis.value if judged.basis else None
        if record.withdraws is not None:
            worked.state = EntryState.WITHDRAWAL
            return None
        self._translate(worked, record)
        return None

    def _rendered(self, common: CommonRecord) -> dict[str, tuple[bytes, bytes]]:
        """A format that cannot hold the record is left out: the deliverer finds that again, and parks the lane."""
        made = {}
        for form in self._renders:
            try:
                rendition = self._library.by_format(form).to_native([common])
            except Exception:  # noqa: BLE001, S112
                continue
            losses = rendition.losses
            made[form] = (rendition.native.content, losses_document(losses) if losses else b"")
        return made

    def _translate(self, worked: Worked, record: SourceRecord) -> None:
        native = record.native
        translation = self._library.by_format(native.format).to_common(native)
        mapping = translation.mapping
        losses = losses_document(translation.losses)
        losses_digest = hashlib.sha256(losses).digest()
        native_digest = native.digest
        evidence_type = record.evidence.type
        evidence_digest = hashlib.sha256(worked.evidence).digest()
        made: list[WorkedRecord] = []
        for translated in translation.records:
            common = translated.record
            json = model.encode(common)
            key = record_key(self._network, record.source, record.locus, translated.index)
            credential, (start, end) = self._sealer.seal(
                json,
                key,
                1,
                native.format,
                native_digest,
                evidence_type,
                evidence_digest,
                mapping,
                losses_digest,
                record.time,
            )
            made.append(
                WorkedRecord(
                    key,
                    translated.index,
                    type(common).__name__,
                    model.subjects_of(common),
                    start,
                    end,
                    credential,
                    offices_named(common),
                    self._rendered(common),
                )
            )
        worked.mapping = MappingUsed(mapping.name, mapping.version, mapping.digest)
        worked.losses, worked.residue, worked.records = losses, translation.residue, made


def offices_named(record: CommonRecord) -> tuple[str, ...] | None:
    """The offices that may see an unpublished record, named in `available_to`; None where it is published."""
    if not getattr(record, "confidential", False):
        return None
    return tuple(getattr(record, "available_to", ()))


def _aside(worked: Worked, why: Fault) -> None:
    worked.state, worked.fault, worked.records = EntryState.QUARANTINED, why, []
