"""Every check that is made of a credential, declared once: what it asks and how it ends where the answer is no."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from gateway.errors import Fault, fault
from gateway.spi import Check, CheckOutcome
from gateway.trust import proof_jcs

__all__ = ["CHECKS", "FAULTS", "FORM", "STANDING", "Kind", "outcome_of", "passed"]


class Kind(NamedTuple):
    """One check: its id, what it asks, and how it ends where the answer is no."""

    id: str
    asks: str
    otherwise: str
    hint: str


FORM: Final = (
    Kind(
        "credential.limits",
        "The credential is no larger and no deeper than is read",
        "failed, FORMAT_FAILURE",
        "Ask the issuer for a credential within the limits, or raise them.",
    ),
    Kind(
        "credential.json",
        "The credential is one JSON object, with no member twice",
        "failed, FORMAT_FAILURE",
        "Ask for the file again as it was handed out.",
    ),
    Kind(
        "credential.canonical",
        "The bytes are the canonical form (RFC 8785)",
        "failed, FORMAT_FAILURE",
        "Inside a dossier only the bytes count that were sealed; do not reformat them.",
    ),
    Kind(
        "credential.context",
        "The contexts are the two that are pinned by digest, and stand nowhere but at the top",
        "failed, FORMAT_FAILURE",
        "A context changes what every term means; only those that this release holds are read.",
    ),
    Kind(
        "credential.numbers",
        "Every number is an integer no larger than 2^53 - 1",
        "failed, FORMAT_FAILURE",
        "Write other numbers as text.",
    ),
    Kind(
        "credential.ids",
        "Every id is an IRI without blanks",
        "failed, FORMAT_FAILURE",
        "An id that is no IRI yields no claim at all to a JSON-LD reader; put numbers into an identifier.",
    ),
    Kind(
        "credential.terms",
        "Every member is a term that the contexts define",
        "failed, FORMAT_FAILURE",
        "Leave out what no context defines: a JSON-LD reader would drop it without a word.",
    ),
    Kind(
        "credential.shape",
        "It is a RecordCredential with all its members: a common record, a binding, an id made of both",
        "failed, FORMAT_FAILURE",
        "Compare it with docs/reference/credential.md; the place that is named is the first that differs.",
    ),
    Kind(
        "credential.proof.form",
        "It carries one Data Integrity proof, in one form, made for these contexts",
        "failed, FORMAT_FAILURE",
        "Ask the issuer for the credential with its one proof.",
    ),
    Kind(
        "credential.proof.suite",
        "This release knows the proof's cryptosuite",
        "indeterminate, GENERIC",
        f"Ask for {proof_jcs.CRYPTOSUITE}, or verify with a newer release.",
    ),
    Kind(
        "credential.proof.purpose",
        "The proof was made for an assertion",
        "indeterminate, CHAIN_CONSTRAINTS_FAILURE",
        "A proof for another purpose (a login, an agreement) says nothing of a record.",
    ),
    Kind(
        "credential.issuer.method",
        "The verification method is the issuer's own",
        "failed, FORMAT_FAILURE",
        "Somebody else's key cannot speak for the issuer; ask the issuer.",
    ),
)
STANDING: Final = (
    Kind(
        "credential.issuer.segment",
        "An anchor names this key as the issuer's",
        "indeterminate, NO_CERTIFICATE_CHAIN_FOUND",
        "Give the registry that lists the issuer with --anchors.",
    ),
    Kind(
        "credential.signature",
        "The signature is good",
        "failed, SIG_CRYPTO_FAILURE; skipped where no key is known",
        "The content or the proof was changed. Ask the issuer for the credential again.",
    ),
    Kind(
        "credential.issuer.standing",
        "The key was in force when the credential existed",
        "failed, REVOKED, EXPIRED or NOT_YET_VALID; indeterminate, REVOKED_NO_POE or OUT_OF_BOUNDS_NO_POE",
        "Ask for a dossier with a proof of when the credential existed, or for one sealed by the key in force.",
    ),
    Kind(
        "credential.issuer.office",
        "The issuer speaks for the office whose record it is",
        "indeterminate, CHAIN_CONSTRAINTS_FAILURE",
        "Ask the registrar whether the issuer speaks for that office; its codes stand in the registry.",
    ),
    Kind(
        "credential.validity",
        "It is valid by its own dates",
        "failed, NOT_YET_VALID or EXPIRED",
        "Check the verifier's clock; then ask the issuer.",
    ),
)
CHECKS: Final[Mapping[str, Kind]] = MappingProxyType({kind.id: kind for kind in (*FORM, *STANDING)})
"""Every check that is made of a credential, in the order in which it is made."""

FAULTS: Final[Mapping[str, Fault]] = MappingProxyType(
    {kind.id: fault(kind.id, f"This does not hold: {kind.asks[0].lower()}{kind.asks[1:]}.", kind.hint) for kind in FORM}
)


def passed(kind: Kind, label: str) -> Check:
    return Check(kind.id, "passed", kind.asks, "credential", inputs=(label,))


def outcome_of(
    kind: Kind,
    outcome: CheckOutcome,
    reason: str,
    label: str,
    *,
    sub: str | None = None,
    expected: str | None = None,
    found: str | None = None,
    at: str | None = None,
    inputs: tuple[str, ...] = (),
    parent: str | None = None,
) -> Check:
    hint = kind.hint if outcome in ("failed", "indeterminate") else None
    return Check(kind.id, outcome, reason, "credential", sub, expected, found, at, (label, *inputs), parent, hint)
