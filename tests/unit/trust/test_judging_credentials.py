"""Judging a credential: issuer, key, signature and times against anchors, by the table of sub-indications."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from gateway.spi import Check, Proof, Segment, TrustAnchors
from gateway.trust import did
from gateway.trust.checks import FORM, STANDING
from gateway.trust.credential import LEEWAY, check, read
from gateway.trust.registry import Registry, RegistryWriter
from gateway.trust.statements import Ending
from tests.unit.trust.samples import (
    BEGAN,
    BLOCK,
    NOW,
    ROOT,
    XA,
    XA_KEY,
    XA_METHOD,
    XB,
    XB_KEY,
    XB_METHOD,
    key,
    key_of,
    record,
    sealed,
    signed_again,
    tree,
    writer,
)

DAY = timedelta(days=1)


class Nothing:
    """A verifier that believes nothing."""

    def at(self, use: str, subject: str, when: datetime | None = None, height: int | None = None) -> Segment | None:
        return None

    def all(self, use: str, subject: str) -> Sequence[Segment]:
        return ()


def judged(
    data: bytes, anchors: TrustAnchors | None = None, now: datetime = NOW, existed: Proof | None = None
) -> dict[str, Check]:
    found = check(read(data), writer().registry() if anchors is None else anchors, now, existed)
    assert [one.id for one in found] == [kind.id for kind in (*FORM, *STANDING)]
    return {one.id: one for one in found}


def not_passed(found: dict[str, Check]) -> dict[str, tuple[str, str | None]]:
    return {one.id: (one.outcome, one.sub_indication) for one in found.values() if one.outcome != "passed"}


def ended(how: Ending, at: datetime) -> Registry:
    made = writer()
    made.end([ROOT], subject=XA_METHOD, how=how, at=at, issued=max(at, BEGAN))
    return made.registry()


def existed(time: datetime, accuracy: float = 0.0) -> Proof:
    return Proof(read(sealed()).digest, time, "timestamp", "existence.token", accuracy)


def test_what_is_sealed_by_the_key_in_force_passes_everything() -> None:
    found = judged(sealed())
    assert not_passed(found) == {}
    statement = writer().registry().all("issuer", XA)[0].statement.hex()
    assert statement in found["credential.signature"].inputs
    assert found["credential.issuer.standing"].at == "2026-06-01T00:00:00Z, now: nothing proves when it existed"


# ── no anchors ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_without_anchors_nothing_is_known_of_the_issuer() -> None:
    assert not_passed(judged(sealed(), Nothing())) == {
        "credential.issuer.segment": ("indeterminate", "NO_CERTIFICATE_CHAIN_FOUND"),
        "credential.signature": ("skipped", None),
        "credential.issuer.standing": ("skipped", None),
        "credential.issuer.office": ("skipped", None),
    }


def test_without_anchors_a_did_key_proves_its_own_signature_and_no_more() -> None:
    issuer, method = did.key_did(XA_KEY.public), did.key_method(XA_KEY.public)
    found = judged(sealed(issuer=issuer, method=method), Nothing())
    assert found["credential.signature"].outcome == "passed"
    assert found["credential.issuer.segment"].sub_indication == "NO_CERTIFICATE_CHAIN_FOUND"
    forged = signed_again(tree(sealed(issuer=issuer, method=method)), signer=XB_KEY, method=method)
    found = judged(forged, Nothing())
    assert (found["credential.signature"].outcome, found["credential.signature"].sub_indication) == (
        "failed",
        "SIG_CRYPTO_FAILURE",
    )


def test_the_copy_that_a_file_brings_is_no_anchor() -> None:
    found = judged(sealed(), Registry.material(writer().encode()))
    assert found["credential.issuer.segment"].sub_indication == "NO_CERTIFICATE_CHAIN_FOUND"


# ── binding issuer, method, key, office ─────────────────────────────────────────────────────────────────────────────


def test_another_key_of_a_known_issuer_is_not_anchored() -> None:
    found = judged(sealed(method=f"{XA}#unlisted"))
    assert not_passed(found)["credential.issuer.segment"] == ("indeterminate", "NO_CERTIFICATE_CHAIN_FOUND")
    assert "not this key" in found["credential.issuer.segment"].reason
    assert found["credential.signature"].outcome == "skipped"


@pytest.mark.parametrize("signer", [XB_KEY, ROOT, key("stranger")])
def test_a_signature_by_another_key_fails(signer: object) -> None:
    found = judged(sealed(signer=signer))  # type: ignore[arg-type]  # parametrised by keys
    assert not_passed(found) == {"credential.signature": ("failed", "SIG_CRYPTO_FAILURE")}


def test_a_swapped_issuer_fails_by_its_signature() -> None:
    """The other office's DID and method are set in, and the proof is left as it was."""
    document = copy.deepcopy(tree())
    document["issuer"] = XB
    document["proof"]["verificationMethod"] = XB_METHOD
    document["credentialSubject"]["office"] = "XB"
    from gateway.trust import strictjson

    assert not_passed(judged(strictjson.canonical(document))) == {
        "credential.signature": ("failed", "SIG_CRYPTO_FAILURE")
    }


def test_every_member_is_under_the_signature() -> None:
    from gateway.trust import strictjson

    for change in (
        lambda d: d["recordBinding"].update(nativeDigest="00" * 32),
        lambda d: d["recordBinding"].update(evidenceDigest="00" * 32),
        lambda d: d["recordBinding"].update(lossesDigest="00" * 32),
        lambda d: d["recordBinding"].update(network="00" * 32),
        lambda d: d["recordBinding"].update(withdrawn=True),
        lambda d: d["recordBinding"].update(supersedes="00" * 32),
        lambda d: d["recordBinding"].update(mappingVersion="9"),
        lambda d: d["credentialSubject"].update(filingDate="2026-01-03"),
        lambda d: d["credentialSubject"].update(publicationDate="2026-01-03"),
        lambda d: d["credentialSubject"].pop("filingDate"),
        lambda d: d.update(validFrom="2026-03-04T05:06:08Z"),
        lambda d: d.update(validUntil="2036-03-04T05:06:08Z"),
        lambda d: d["proof"].update(created="2026-03-04T05:06:08Z"),
        lambda d: d["proof"].pop("created"),
    ):
        document = copy.deepcopy(tree())
        change(document)  # type: ignore[no-untyped-call]  # lambdas of one dict
        found = not_passed(judged(strictjson.canonical(document)))
        assert found == {"credential.signature": ("failed", "SIG_CRYPTO_FAILURE")}


def test_an_office_speaks_for_its_own_codes_alone() -> None:
    assert not_passed(judged(sealed(record("XB")))) == {
        "credential.issuer.office": ("indeterminate", "CHAIN_CONSTRAINTS_FAILURE")
    }
    for office in ("XB", "XC"):
        of_b = sealed(record(office), issuer=XB, method=XB_METHOD, signer=XB_KEY)
        assert not_passed(judged(of_b)) == {}


def test_an_anchor_that_states_another_key_than_the_did_key_is_refused() -> None:
    issuer, method = did.key_did(XA_KEY.public), did.key_method(XA_KEY.public)

    class Lying(Nothing):
        def all(self, use: str, subject: str) -> Sequence[Segment]:
            material = {"method": method, "publicKeyMultibase": did.encode_key(XB_KEY.public), "office": "XA"}
            return (Segment("issuer", subject, material, BEGAN),)

    found = judged(sealed(issuer=issuer, method=method), Lying())
    assert not_passed(found) == {"credential.signature": ("failed", "SIG_CRYPTO_FAILURE")}


def test_an_anchor_with_a_key_of_small_order_is_refused() -> None:
    class Weak(Nothing):
        def all(self, use: str, subject: str) -> Sequence[Segment]:
            from gateway.trust import multibase

            weak = multibase.encode(b"\xed\x01" + (1).to_bytes(32, "little"))
            return (
                Segment("issuer", subject, {"method": XA_METHOD, "publicKeyMultibase": weak, "office": "XA"}, BEGAN),
            )

    assert judged(sealed(), Weak())["credential.signature"].sub_indication == "SIG_CRYPTO_FAILURE"


# ── times ───────────────────────────────────────────────────────────────────────────────────────────────────────────

STANDING_ID = "credential.issuer.standing"


@pytest.mark.parametrize(
    ("how", "at", "proof", "now", "expected"),
    [
        # Nothing proves when it existed: as of now.
        ("rotated", NOW - DAY, None, NOW, ("indeterminate", "OUT_OF_BOUNDS_NO_POE")),
        ("rotated", NOW + DAY, None, NOW, None),
        ("rotated", NOW, None, NOW, None),
        ("revoked", NOW - DAY, None, NOW, ("indeterminate", "REVOKED_NO_POE")),
        ("compromised", NOW - DAY, None, NOW, ("indeterminate", "REVOKED_NO_POE")),
        ("compromised", NOW + DAY, None, NOW, ("indeterminate", "REVOKED_NO_POE")),
        # Proven to have existed while the key was in force.
        ("rotated", NOW - DAY, existed(NOW - 2 * DAY), NOW, None),
        ("revoked", NOW - DAY, existed(NOW - 2 * DAY), NOW, None),
        ("compromised", NOW - DAY, existed(NOW - DAY), NOW, None),
        # Proven too late to say so, by the proof's own accuracy in the last line.
        ("rotated", NOW - 3 * DAY, existed(NOW - DAY), NOW, ("indeterminate", "OUT_OF_BOUNDS_NO_POE")),
        ("compromised", NOW - 3 * DAY, existed(NOW - DAY), NOW, ("indeterminate", "REVOKED_NO_POE")),
        ("compromised", NOW - DAY, existed(NOW - DAY, 1.0), NOW, ("indeterminate", "REVOKED_NO_POE")),
        # The block is younger than the key's end, so the signature is.
        ("rotated", BLOCK - DAY, None, NOW, ("failed", "EXPIRED")),
        ("revoked", BLOCK - DAY, None, NOW, ("failed", "REVOKED")),
        ("compromised", BLOCK - DAY, existed(NOW), NOW, ("failed", "REVOKED")),
        ("rotated", BLOCK, existed(BLOCK), NOW, None),
    ],
)
def test_the_key_must_have_been_in_force(
    how: Ending, at: datetime, proof: Proof | None, now: datetime, expected: tuple[str, str] | None
) -> None:
    found = not_passed(judged(sealed(), ended(how, at), now, proof))
    assert found == ({} if expected is None else {STANDING_ID: expected})


def test_what_existed_before_the_key_was_in_force_is_not_by_it() -> None:
    found = not_passed(judged(sealed(when=BEGAN - 9 * DAY), existed=existed(BEGAN - DAY)))
    assert found == {STANDING_ID: ("failed", "NOT_YET_VALID")}


def test_a_record_older_than_the_key_may_be_sealed_by_it() -> None:
    """A gateway that is set up today seals the blocks of years ago: the block's time is not the time of signing."""
    assert not_passed(judged(sealed(when=BEGAN - 3000 * DAY))) == {}


def test_before_its_time_a_key_proves_nothing() -> None:
    found = not_passed(judged(sealed(when=BEGAN - 9 * DAY), now=BEGAN - DAY))
    assert found == {STANDING_ID: ("indeterminate", "OUT_OF_BOUNDS_NO_POE")}


def test_a_key_whose_end_was_stated_beforehand_ends_then() -> None:
    made = RegistryWriter.new([ROOT], issued=BEGAN)
    made.add_office([ROOT], did=XA, codes=("XA",), name="X", keys=(key_of(XA_METHOD, XA_KEY, until=NOW),), issued=BEGAN)
    anchors = made.registry()
    assert not_passed(judged(sealed(), anchors, NOW)) == {}
    late = not_passed(judged(sealed(), anchors, NOW + DAY))
    assert late == {STANDING_ID: ("indeterminate", "OUT_OF_BOUNDS_NO_POE")}
    assert not_passed(judged(sealed(), anchors, NOW + DAY, existed(NOW))) == {}


def test_after_a_rotation_both_keys_are_judged_by_their_own_time() -> None:
    made = writer()
    second = key("xa second")
    method = f"{XA}#issuer-2027"
    turn = NOW + DAY
    made.rotate_key([ROOT], old=XA_METHOD, new=key_of(method, second, since=turn), issued=turn)
    anchors = made.registry()
    new = sealed(method=method, signer=second, when=turn + DAY)
    assert not_passed(judged(new, anchors, turn + 2 * DAY)) == {}
    assert not_passed(judged(sealed(), anchors, turn + 2 * DAY)) == {
        STANDING_ID: ("indeterminate", "OUT_OF_BOUNDS_NO_POE")
    }
    assert not_passed(judged(sealed(), anchors, turn + 2 * DAY, existed(NOW))) == {}
    # The old key's name over the new key's signature, and the other way round.
    for name, by in ((method, XA_KEY), (XA_METHOD, second)):
        assert judged(sealed(method=name, signer=by), anchors, turn)["credential.signature"].outcome == "failed"


@pytest.mark.parametrize(
    ("until", "now", "expected"),
    [
        (None, BLOCK - LEEWAY, None),
        (None, BLOCK - LEEWAY - timedelta(seconds=1), ("failed", "NOT_YET_VALID")),
        ("2026-05-01T00:00:00Z", NOW, ("failed", "EXPIRED")),
        ("2026-06-01T00:00:00Z", NOW, None),
        ("2026-03-01T00:00:00Z", BLOCK, ("failed", "EXPIRED")),
    ],
)
def test_a_credential_is_held_to_its_own_dates(
    until: str | None, now: datetime, expected: tuple[str, str] | None
) -> None:
    document = tree()
    if until is not None:
        document["validUntil"] = until
    found = not_passed(judged(signed_again(document), now=now))
    assert found == ({} if expected is None else {"credential.validity": expected})


@pytest.mark.parametrize("now", [datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)])
def test_the_ends_of_the_calendar_raise_nothing(now: datetime) -> None:
    for until in ("9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00Z"):
        for start in ("9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00Z"):
            document = {**tree(), "validFrom": start, "validUntil": until}
            for proof in (None, existed(now, 1e9)):
                judged(signed_again(document), now=now, existed=proof)


def test_no_check_depends_on_when_it_is_run() -> None:
    """Same file, anchors and `now`: the same checks, to the last byte."""
    import msgspec

    first = msgspec.json.encode(check(read(sealed()), writer().registry(), NOW))
    assert first == msgspec.json.encode(check(read(sealed()), writer().registry(), NOW))
