"""Sealing: the quick way gives the bytes of the slow one, and sealing again gives the same."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import Misuse
from gateway.model import context, records
from gateway.model.records import CommonRecord
from gateway.trust import did, proof_jcs, strictjson
from gateway.trust.binding import id_of, text_of, time_of
from gateway.trust.credential import VCDM_CONTEXT, Binding, Sealer, read, seal
from gateway.trust.signer import Ed25519Signer
from tests import strategies
from tests.unit.trust.samples import BLOCK, VECTORS, XA, XA_KEY, XA_METHOD, XB_KEY, binding, digest, record, sealed

digests = st.binary(min_size=32, max_size=32)
names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._/+-]{0,20}", fullmatch=True)
times = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
bindings = st.builds(
    Binding,
    digests,
    st.integers(1, 2**53 - 1),
    digests,
    names,
    digests,
    names,
    digests,
    st.tuples(names, names, digests),
    st.just(context.CONTEXT_DIGEST),
    digests,
    st.booleans(),
    st.none() | digests,
)


def slowly(of: CommonRecord, bound: Binding, issuer: str, method: str, signer: Ed25519Signer, when: datetime) -> bytes:
    """The same credential through the generic proof, from a document that is put together member by member."""
    mapping, version, mapping_digest = bound.mapping
    node: dict[str, Any] = {
        "type": "RecordBinding",
        "recordKey": bound.record_key.hex(),
        "revision": bound.revision,
        "network": bound.network.hex(),
        "nativeFormat": bound.native_format,
        "nativeDigest": bound.native_digest.hex(),
        "evidenceType": bound.evidence_type,
        "evidenceDigest": bound.evidence_digest.hex(),
        "mappingName": mapping,
        "mappingVersion": version,
        "mappingDigest": mapping_digest.hex(),
        "contextDigest": bound.context_digest.hex(),
        "lossesDigest": bound.losses_digest.hex(),
        "withdrawn": bound.withdrawn,
    }
    if bound.supersedes is not None:
        node["supersedes"] = bound.supersedes.hex()
    document = {
        "@context": [VCDM_CONTEXT, context.CONTEXT_ID],
        "id": id_of(bound.record_key, bound.revision),
        "type": ["VerifiableCredential", "RecordCredential"],
        "issuer": issuer,
        "validFrom": text_of(when),
        "credentialSubject": json.loads(records.encode(of)),
        "recordBinding": node,
    }
    return strictjson.canonical(proof_jcs.attach(document, signer, method, created=text_of(when)))


@settings(max_examples=150)
@given(strategies.common_records(), bindings, times)
def test_the_templates_give_what_the_generic_way_gives(of: CommonRecord, bound: Binding, when: datetime) -> None:
    made = seal(records.encode(of), bound, XA, XA_METHOD, XA_KEY, when)
    assert made == slowly(of, bound, XA, XA_METHOD, XA_KEY, when)
    document = json.loads(made)
    assert context.undefined_terms({name: member for name, member in document.items() if name != "proof"}) == ()
    back = read(made)
    assert back.record == of
    assert back.record_json == records.encode(of)
    assert back.binding == bound
    assert (back.issuer, back.method, back.valid_from, back.created) == (XA, XA_METHOD, when, when)
    assert back.digest == hashlib.sha256(made).digest()
    proof = proof_jcs.read(document)
    assert proof.value == back.signature
    assert proof_jcs.signed_bytes({k: v for k, v in document.items() if k != "proof"}, proof.options) == back.signed


def test_sealing_again_gives_the_same_bytes() -> None:
    kept = Sealer(XA, XA_METHOD, XA_KEY)
    other = kept.seal(records.encode(record(number="2026/9")), binding(revision=2), BLOCK + timedelta(seconds=1))
    assert kept.seal(records.encode(record()), binding(), BLOCK) == sealed() == sealed()
    assert other != sealed()


def test_the_bytes_do_not_change_from_release_to_release() -> None:
    """A record that is sealed again by a later release keeps its bytes; a wilful change comes with a new vector."""
    assert sealed() == (VECTORS / "credential.json").read_bytes()
    withdrawal = sealed(revision=2, withdrawn=True, supersedes=hashlib.sha256(sealed()).digest())
    assert withdrawal == (VECTORS / "credential-withdrawn.json").read_bytes()


def test_a_did_key_seals_with_its_own_key_alone() -> None:
    method = did.key_method(XA_KEY.public)
    made = sealed(issuer=did.key_did(XA_KEY.public), method=method)
    assert read(made).method == method
    with pytest.raises(Misuse):
        sealed(issuer=did.key_did(XA_KEY.public), method=method, signer=XB_KEY)


@pytest.mark.parametrize(
    ("issuer", "method"), [(XA, "did:web:xb.example#k"), (XA, XA), ("did:web:XA.example", "did:web:XA.example#k")]
)
def test_nothing_is_sealed_with_a_method_of_another(issuer: str, method: str) -> None:
    with pytest.raises(Misuse):
        Sealer(issuer, method, XA_KEY)


@pytest.mark.parametrize(
    "wrong",
    [
        {"record_key": b"short"},
        {"supersedes": b""},
        {"losses_digest": bytes(33)},
        {"revision": 0},
        {"revision": 2**53},
        {"native_format": 'a"b'},
        {"evidence_type": "a b"},
        {"mapping": ("", "1", digest("m"))},
        {"mapping": ("m", "1\n", digest("m"))},
        {"mapping": ("m", "1", b"")},
    ],
)
def test_nothing_is_sealed_that_no_reader_would_take(wrong: dict[str, Any]) -> None:
    with pytest.raises(Misuse):
        sealed(**wrong)


def test_a_time_has_a_zone() -> None:
    with pytest.raises(Misuse):
        sealed(when=datetime(2026, 1, 1))
    tokyo = timezone(timedelta(hours=9))
    assert sealed(when=BLOCK.astimezone(tokyo)) == sealed()


@given(times)
def test_a_time_has_one_spelling(when: datetime) -> None:
    text = text_of(when)
    assert time_of(text) == when
    for other in (text[:-1] + "+00:00", text.replace("T", " "), text.lower(), text[:-1] + ".0Z", text[:-1]):
        assert time_of(other) is None
