"""Credentials: an office's signed word around one common record, bound by digest to all that proves it.

A W3C Verifiable Credential (Data Model 2.0) of the type `RecordCredential`, with one Data Integrity proof of
the cryptosuite `eddsa-jcs-2022`, in one byte form (RFC 8785):

    @context           credentials/v2, then the gateway's own context; nothing else, and nowhere else
    id                 urn:uuid (RFC 9562, version 8) made of record key and revision
    issuer             the office's DID
    validFrom          the block's own time
    credentialSubject  the common record
    recordBinding      what binds it: record key, revision, network, digests (SHA-256, 64 lower-case hex digits)
    proof              by a key of the issuer, for assertions; `created` is validFrom, so that sealing again
                       gives the same bytes, and is never taken for the time of signing

`seal` writes one, `read` and `examine` read one strictly, `check` judges one against anchors, in one call that
binds issuer, verification method, purpose, validity, cryptosuite and the registry's segment to each other.
Reading decodes into typed structs and compares the encoding of what was read with what was given: an undefined
term, a context inside, a float, a member that stands twice cannot survive that. Only where they differ does the
slower way look for the reason.
"""

from __future__ import annotations

from gateway.trust.binding import VCDM_CONTEXT, Binding, MappingName
from gateway.trust.checks import CHECKS, Kind
from gateway.trust.judging import LEEWAY, check
from gateway.trust.reading import Credential, Examination, examine, read
from gateway.trust.sealing import Sealer, seal

__all__ = [
    "CHECKS",
    "LEEWAY",
    "VCDM_CONTEXT",
    "Binding",
    "Credential",
    "Examination",
    "Kind",
    "MappingName",
    "Sealer",
    "check",
    "examine",
    "read",
    "seal",
]
