"""Data Integrity proofs with the cryptosuite `eddsa-jcs-2022`, over any JSON document.

Sources: W3C Data Integrity EdDSA Cryptosuites 1.0 §3.3; W3C Verifiable Credential Data Integrity 1.0 §2.1,
§4; RFC 8785; RFC 8032.

    signed = SHA-256(JCS(proof without proofValue)) ‖ SHA-256(JCS(document without proof))

The suite verifies the document under the proof's `@context` and asks only that the document's own begins
with it: what a document appends is not signed. `verify` therefore asks for equality unless told otherwise.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from gateway.errors import Fault, InputError, fault
from gateway.proofs import ed25519
from gateway.trust import multibase, strictjson
from gateway.trust.signer import Signer

__all__ = [
    "CRYPTOSUITE",
    "UNSUPPORTED",
    "Proof",
    "attach",
    "moment",
    "prove",
    "read",
    "signed_bytes",
    "verify",
    "verify_value",
]

CRYPTOSUITE: Final = "eddsa-jcs-2022"

NO_PROOF = fault("proof.missing", "The document has no proof.", "Ask its issuer for the signed document.")
MANY_PROOFS = fault(
    "proof.set",
    "The document carries a set or a chain of proofs.",
    "Send it with the one proof of its issuer: who must have signed a set is not said by the set.",
)
BAD_PROOF = fault(
    "proof.malformed",
    "The proof is not one of Data Integrity in the form that is read here.",
    "Its members are type, cryptosuite, created, verificationMethod, proofPurpose, proofValue and @context.",
)
UNSUPPORTED = fault(
    "proof.unsupported",
    "The proof's cryptosuite is not known to this release.",
    f"Ask for {CRYPTOSUITE}, or verify with a newer release.",
)
CONTEXT_DIFFERS = fault(
    "proof.context-differs",
    "The proof was made for another @context than the document has.",
    "Leave the document as it was signed: a context that was added is not signed.",
)
NOT_A_DOCUMENT = fault("proof.not-an-object", "What is to be proven is not a JSON object.", "Give one JSON object.")

_MEMBERS: Final = frozenset(
    {"type", "cryptosuite", "created", "verificationMethod", "proofPurpose", "proofValue", "@context"}
)
_MOMENT: Final = re.compile(
    r"(-?[0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)


class Proof(msgspec.Struct, frozen=True):
    """A proof of one document, its form checked and its signature not yet.

    options  the proof without `proofValue`: what is signed beside the document
    value    the signature, 64 bytes; empty where the cryptosuite is unknown
    """

    cryptosuite: str
    method: str
    purpose: str
    created: str | None
    options: dict[str, Any]
    value: bytes

    @property
    def supported(self) -> bool:
        return self.cryptosuite == CRYPTOSUITE


def moment(text: str) -> datetime | None:
    """An XMLSCHEMA11-2 dateTimeStamp as UTC, to the microsecond; None where `text` is none."""
    if _MOMENT.fullmatch(text) is None:
        return None
    try:
        # fromisoformat reads six digits of a second; more of them do not change an order in time that is used here.
        return datetime.fromisoformat(re.sub(r"(\.[0-9]{6})[0-9]+", r"\1", text)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def prove(
    document: Mapping[str, Any],
    signer: Signer,
    method: str,
    *,
    purpose: str = "assertionMethod",
    created: str | None = None,
) -> dict[str, Any]:
    """The proof of `document` (which has none) by `signer` under the verification method `method`.

    created  an XMLSCHEMA11-2 dateTimeStamp; left out where None, so that proving twice gives the same bytes

    Raises InputError where the document has a proof already or no canonical form.
    """
    if "proof" in document:
        raise InputError(MANY_PROOFS, "the document has a proof already")
    if created is not None and moment(created) is None:
        raise InputError(BAD_PROOF, f"{created!r:.60} is no time with a zone", where="created")
    options: dict[str, Any] = {
        "type": "DataIntegrityProof",
        "cryptosuite": CRYPTOSUITE,
        "verificationMethod": method,
        "proofPurpose": purpose,
    }
    if created is not None:
        options["created"] = created
    if "@context" in document:
        options["@context"] = document["@context"]
    signature = signer.sign(signed_bytes(document, options))
    return {**options, "proofValue": multibase.encode(signature)}


def attach(
    document: Mapping[str, Any],
    signer: Signer,
    method: str,
    *,
    purpose: str = "assertionMethod",
    created: str | None = None,
) -> dict[str, Any]:
    """`document` with its proof; see `prove`."""
    return {**document, "proof": prove(document, signer, method, purpose=purpose, created=created)}


def signed_bytes(document: Mapping[str, Any], options: Mapping[str, Any]) -> bytes:
    """The 64 bytes that are signed, for a document without proof. Raises InputError where one has no canonical form."""
    first = hashlib.sha256(strictjson.canonical(dict(options))).digest()
    return first + hashlib.sha256(strictjson.canonical(dict(document))).digest()


def read(document: Mapping[str, Any]) -> Proof:
    """The one proof of `document`. Raises InputError on none, on a set or chain, and on any other form."""
    found = document.get("proof")
    if found is None:
        raise InputError(NO_PROOF)
    return read_value(found)


def read_value(found: Any) -> Proof:
    """A proof from its JSON value. Raises InputError; never for an unknown cryptosuite: see `Proof.supported`."""
    if isinstance(found, list):
        raise InputError(MANY_PROOFS, f"{len(found)} proofs in a set")
    if not isinstance(found, dict):
        raise InputError(BAD_PROOF, "it is no object", where="proof")
    if "previousProof" in found:
        raise InputError(MANY_PROOFS, "it follows another proof (previousProof)")
    texts = {
        name: _text(found, name) for name in ("type", "cryptosuite", "verificationMethod", "proofPurpose", "proofValue")
    }
    if texts["type"] != "DataIntegrityProof":
        raise _bad(UNSUPPORTED, f"the proof type {texts['type']!r:.60}", "type")
    suite = texts["cryptosuite"]
    created = found.get("created")
    options = {name: member for name, member in found.items() if name != "proofValue"}
    if suite != CRYPTOSUITE:
        return Proof(suite, texts["verificationMethod"], texts["proofPurpose"], None, options, b"")
    unknown = sorted(found.keys() - _MEMBERS)
    if unknown:
        raise _bad(BAD_PROOF, f"the member {unknown[0]!r:.60} is not read here", unknown[0])
    if created is not None and (type(created) is not str or moment(created) is None):
        raise _bad(BAD_PROOF, "it is no time with a zone", "created")
    value = multibase.decode(texts["proofValue"], length=64)
    return Proof(suite, texts["verificationMethod"], texts["proofPurpose"], created, options, value)


def verify(document: Mapping[str, Any], proof: Proof, public: bytes, *, appended_context: bool = False) -> bool:
    """Whether `proof`, as read from `document`, is a signature over it by the Ed25519 key `public`.

    appended_context  take a document whose @context goes on after the proof's, as the suite allows: what was
                      appended is then NOT covered by the signature

    Says nothing of issuer, purpose or time. Raises InputError for an unknown cryptosuite (`UNSUPPORTED`) and
    where the proof's @context is not the document's.
    """
    if not proof.supported:
        raise InputError(UNSUPPORTED, f"the cryptosuite {proof.cryptosuite!r:.60}")
    unsecured = {name: member for name, member in document.items() if name != "proof"}
    bound = proof.options.get("@context")
    own = unsecured.get("@context")
    # A proof without @context (the suite asks makers for one, not readers) covers the document's own in full.
    if bound is not None and bound != own:
        if not appended_context or not _begins(own, bound):
            raise InputError(CONTEXT_DIFFERS, where="proof.@context")
        unsecured["@context"] = bound
    return verify_value(unsecured, proof, public)


def verify_value(unsecured: Mapping[str, Any], proof: Proof, public: bytes) -> bool:
    """As `verify`, for a document whose proof was taken off and whose @context was compared already."""
    return ed25519.verify(public, proof.value, signed_bytes(unsecured, proof.options))


def _begins(own: Any, bound: Any) -> bool:
    mine = own if isinstance(own, list) else [own]
    first = bound if isinstance(bound, list) else [bound]
    return mine[: len(first)] == first


def _text(found: Mapping[str, Any], name: str) -> str:
    member = found.get(name)
    if type(member) is not str or not member:
        raise _bad(BAD_PROOF, "it is missing or no text", name)
    return member


def _bad(kind: Fault, detail: str, member: str) -> InputError:
    return InputError(kind, detail, where=f"proof.{member}")
