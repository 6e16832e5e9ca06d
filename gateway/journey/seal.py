"""Sealing: a credential around a common record, bound to what it was made of. The same record gives the same bytes."""

from __future__ import annotations

import hashlib
from datetime import datetime

from gateway.errors import Misuse, fault
from gateway.mapping import MappingRef
from gateway.model.context import CONTEXT_DIGEST
from gateway.spi import RecordKey
from gateway.trust import credential
from gateway.trust.credential import Binding
from gateway.trust.signer import Signer

__all__ = ["Sealer", "content_digest"]

NOT_INSIDE = fault(
    "journey.record-not-inside",
    "The credential does not hold the record's own bytes.",
    "This is a fault of the program: report it with the release.",
)


def content_digest(json: bytes, revision: int, withdrawn: bool) -> bytes:
    """What a network compares when a key comes again: common content and revision, never signatures."""
    head = b"content/1" + revision.to_bytes(4, "big") + (b"\x01" if withdrawn else b"\x00")
    return hashlib.sha256(head + json).digest()


class Sealer:
    """Seals what is read from one network. Times come from the block, signatures are deterministic."""

    def __init__(self, network: bytes, issuer: str, method: str, signer: Signer) -> None:
        """Raises Misuse where method, issuer and signer do not belong together."""
        self._network = network
        self._seal = credential.Sealer(issuer, method, signer).seal

    def seal(
        self,
        json: bytes,
        key: RecordKey,
        revision: int,
        native_format: str,
        native_digest: bytes,
        evidence_type: str,
        evidence_digest: bytes,
        mapping: MappingRef,
        losses_digest: bytes,
        when: datetime,
        withdrawn: bool = False,
        supersedes: bytes | None = None,
    ) -> tuple[bytes, tuple[int, int]]:
        """The credential, and where in it the record's own JSON stands.

        supersedes  SHA-256 of the credential of the revision before
        """
        made = self._seal(
            json,
            Binding(
                key,
                revision,
                self._network,
                native_format,
                native_digest,
                evidence_type,
                evidence_digest,
                (mapping.name, mapping.version, mapping.digest),
                CONTEXT_DIGEST,
                losses_digest,
                withdrawn,
                supersedes,
            ),
            when,
        )
        start = made.find(json)
        if start < 0:
            raise Misuse(NOT_INSIDE)
        return made, (start, start + len(json))
