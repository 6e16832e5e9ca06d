"""Judging a credential: issuer, key, signature, office and times against anchors, in one call."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from gateway.errors import InputError
from gateway.proofs import ed25519
from gateway.spi import Check, CheckOutcome, Proof, Segment, TrustAnchors
from gateway.trust import did
from gateway.trust.binding import text_of
from gateway.trust.checks import CHECKS, outcome_of
from gateway.trust.reading import Credential

__all__ = ["LEEWAY", "check"]

LEEWAY: Final = timedelta(minutes=5)
"""How far a block's clock may run ahead of the verifier's before `validFrom` counts as lying in the future."""


def check(
    credential: Credential, anchors: TrustAnchors, now: datetime, existed: Proof | None = None
) -> tuple[Check, ...]:
    """Every check of a credential: those of its form, and those of its issuer, signature and times.

    now      read once, outside
    existed  proof of when `credential.digest` existed; without it the issuer's key is judged as of `now`

    Pure; never raises. The key's segment is sought among all that were ever in force, and judged by its dates:
    a rotation leaves what existed before it, a compromise asks for a proof that it did.
    """
    label = credential.digest.hex()
    segment = _segment_of(credential, anchors)
    statement = () if segment is None or not segment.statement else (segment.statement.hex(),)
    return (
        *credential.checks,
        _check_segment(credential, anchors, segment, label, statement),
        _check_signature(credential, segment, label, statement),
        _check_standing(credential, segment, now, existed, label, statement),
        _check_office(credential, segment, label, statement),
        _check_validity(credential, now, label),
    )


def _segment_of(credential: Credential, anchors: TrustAnchors) -> Segment | None:
    for segment in anchors.all("issuer", credential.issuer):
        if segment.material.get("method") == credential.method:
            return segment
    return None


def _check_segment(
    credential: Credential, anchors: TrustAnchors, segment: Segment | None, label: str, statement: tuple[str, ...]
) -> Check:
    kind = CHECKS["credential.issuer.segment"]
    if segment is not None:
        return outcome_of(
            kind, "passed", f"the registry states {credential.method}", label, inputs=statement,
            parent="credential.issuer.method",
        )  # fmt: skip
    known = anchors.all("issuer", credential.issuer)
    reason = (
        f"the anchors hold {credential.issuer}, but not this key of it"
        if known
        else f"no anchor holds {credential.issuer}"
    )
    return outcome_of(
        kind, "indeterminate", reason, label, sub="NO_CERTIFICATE_CHAIN_FOUND", found=credential.method,
        parent="credential.issuer.method",
    )  # fmt: skip


def _check_signature(credential: Credential, segment: Segment | None, label: str, statement: tuple[str, ...]) -> Check:
    kind = CHECKS["credential.signature"]
    parent = "credential.issuer.segment"
    own = did.parse(credential.issuer).key
    public = own
    if segment is not None:
        try:
            public = did.decode_key(str(segment.material.get("publicKeyMultibase", "")))
        except InputError as error:
            return outcome_of(
                kind, "failed", f"the anchor's key is refused: {error.detail}", label, sub="SIG_CRYPTO_FAILURE",
                inputs=statement, parent=parent,
            )  # fmt: skip
        if own and own != public:
            return outcome_of(
                kind, "failed", "the anchor states another key than the did:key is", label, sub="SIG_CRYPTO_FAILURE",
                inputs=statement, parent=parent,
            )  # fmt: skip
    if not public:
        return outcome_of(kind, "skipped", "no key of the issuer is known", label, parent=parent)
    key = did.encode_key(public)
    if ed25519.verify(public, credential.signature, credential.signed):
        return outcome_of(kind, "passed", f"by {key}", label, inputs=statement, parent=parent)
    return outcome_of(
        kind, "failed", "the signature is not over this content by this key", label, sub="SIG_CRYPTO_FAILURE",
        expected=key, inputs=statement, parent=parent,
    )  # fmt: skip


def _check_standing(
    credential: Credential,
    segment: Segment | None,
    now: datetime,
    existed: Proof | None,
    label: str,
    statement: tuple[str, ...],
) -> Check:
    kind = CHECKS["credential.issuer.standing"]
    parent = "credential.issuer.segment"
    if segment is None:
        return outcome_of(
            kind, "skipped", "no anchor holds the key, so none says when it was in force", label, parent=parent
        )
    # A time that is proven is an upper bound, so its error is added.
    when = now if existed is None else _latest(existed)
    at = (
        f"{text_of(now)}, now: nothing proves when it existed"
        if existed is None
        else f"{text_of(when)}, proven by {existed.check}"
    )
    span = f"{text_of(segment.since)} to {text_of(segment.until) if segment.until else 'open'}"
    worse = segment.ended in ("revoked", "compromised")

    def told(outcome: CheckOutcome, reason: str, sub: str | None = None) -> Check:
        return outcome_of(
            kind, outcome, reason, label, sub=sub, expected=span, found=segment.ended, at=at, inputs=statement,
            parent=parent,
        )  # fmt: skip

    if segment.until is not None and credential.valid_from > segment.until:
        # By the issuer's own word the record is younger than the key's end, so the signature is.
        word = f"the key was {segment.ended}" if segment.ended != "open" else "the key's time had ended"
        reason = (
            f"{word} on {text_of(segment.until)}, before {text_of(credential.valid_from)}, when the record came to be"
        )
        return told("failed", reason, "REVOKED" if worse else "EXPIRED")
    if existed is not None and when < segment.since:
        return told("failed", "it is proven to have existed before the key was in force", "NOT_YET_VALID")
    if segment.since <= when and (segment.until is None or when <= segment.until):
        # A rotation that was announced leaves the key in force up to its day.
        if existed is None and not worse:
            return told("passed", "the key is in force")
        if existed is not None:
            end = "" if segment.ended == "open" else f"; it was {segment.ended} later"
            return told("passed", f"the key was in force when the credential existed{end}")
    if worse:
        return told(
            "indeterminate", f"the key was {segment.ended}, and nothing proves that it was before", "REVOKED_NO_POE"
        )
    reason = "the key is not in force now, and nothing proves that the credential existed while it was"
    if existed is not None:
        reason = "the key's time had ended by then, and nothing proves that the credential is older"
    return told("indeterminate", reason, "OUT_OF_BOUNDS_NO_POE")


def _latest(proof: Proof) -> datetime:
    try:
        return proof.time + timedelta(seconds=proof.accuracy)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def _check_office(credential: Credential, segment: Segment | None, label: str, statement: tuple[str, ...]) -> Check:
    kind = CHECKS["credential.issuer.office"]
    parent = "credential.issuer.segment"
    office = credential.record.office
    if segment is None:
        return outcome_of(kind, "skipped", "no anchor says for which offices the issuer speaks", label, parent=parent)
    codes = [str(code) for code in segment.material.get("codes") or [segment.material.get("office", "")]]
    if office in codes:
        return outcome_of(kind, "passed", f"it speaks for {office}", label, inputs=statement, parent=parent)
    return outcome_of(
        kind, "indeterminate", f"the record is of the office {office}, for which the issuer does not speak", label,
        sub="CHAIN_CONSTRAINTS_FAILURE", expected=", ".join(codes), found=office, inputs=statement, parent=parent,
    )  # fmt: skip


def _check_validity(credential: Credential, now: datetime, label: str) -> Check:
    kind = CHECKS["credential.validity"]
    start, end = credential.valid_from, credential.valid_until
    at = f"{text_of(now)}, now"

    def told(outcome: CheckOutcome, reason: str, sub: str | None = None) -> Check:
        span = f"{text_of(start)} to {text_of(end) if end else 'open'}"
        return outcome_of(kind, outcome, reason, label, sub=sub, expected=span, at=at, parent="credential.signature")

    # Differences, because a sum can leave the calendar.
    if start - now > LEEWAY:
        return told("failed", "it is valid from a time that has not come", "NOT_YET_VALID")
    if end is not None and (end < start or now - end > LEEWAY):
        return told("failed", f"by its own word it was valid until {text_of(end)}", "EXPIRED")
    return told("passed", "it is valid by its own dates")
