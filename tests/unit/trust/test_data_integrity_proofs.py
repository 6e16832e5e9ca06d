"""eddsa-jcs-2022: W3C's vectors, our own, and what a proof must not be taken for."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InputError
from gateway.trust import did, multibase, proof_jcs
from gateway.trust.signer import Ed25519Signer
from tests.unit.trust.samples import VECTORS, XA_KEY, XA_METHOD, XB_KEY

W3C = Path(__file__).resolve().parents[4] / "shared" / "data" / "w3c" / "vc-di-eddsa"
needs_w3c = pytest.mark.skipif(not W3C.is_dir(), reason=f"W3C's vectors are not in {W3C}")
OWN = sorted(path.name for path in VECTORS.glob("proof-*.json"))


@needs_w3c
def test_w3c_vector_is_verified() -> None:
    document = json.loads((W3C / "eddsa-jcs-2022" / "signedJCS.json").read_bytes())
    proof = proof_jcs.read(document)
    public = did.parse_method(proof.method).did.key
    assert proof_jcs.verify(document, proof, public)
    for name in ("id", "issuer", "validFrom", "name"):
        assert not proof_jcs.verify({**document, name: "urn:other"}, proof, public)


@needs_w3c
def test_w3c_vector_is_made_again_byte_for_byte() -> None:
    expected = json.loads((W3C / "eddsa-jcs-2022" / "signedJCS.json").read_bytes())
    unsigned = json.loads((W3C / "unsigned.json").read_bytes())
    pair = json.loads((W3C / "keyPair.json").read_bytes())
    private = multibase.decode(pair["privateKeyMultibase"], length=34)
    assert private[:2] == b"\x80\x26"  # multicodec ed25519-priv
    signer = Ed25519Signer(private[2:])
    assert did.encode_key(signer.public) == pair["publicKeyMultibase"]
    made = proof_jcs.attach(unsigned, signer, did.key_method(signer.public), created="2023-02-24T23:36:38Z")
    assert made == expected
    canonical = (W3C / "eddsa-jcs-2022" / "canonDocJCS.txt").read_bytes().strip()
    assert proof_jcs.signed_bytes(unsigned, {})[32:] == hashlib.sha256(canonical).digest()


@needs_w3c
def test_w3c_vector_of_another_suite_is_unsupported_and_not_wrong() -> None:
    document = json.loads((W3C / "eddsa-rdfc-2022" / "signedDataInt.json").read_bytes())
    proof = proof_jcs.read(document)
    assert not proof.supported
    with pytest.raises(InputError) as caught:
        proof_jcs.verify(document, proof, did.parse_method(proof.method).did.key)
    assert caught.value.fault is proof_jcs.UNSUPPORTED


@pytest.mark.parametrize("name", OWN)
def test_own_vectors(name: str) -> None:
    vector = json.loads((VECTORS / name).read_bytes())
    signer = Ed25519Signer(bytes.fromhex(vector["privateKey"]))
    made = proof_jcs.attach(vector["document"], signer, vector["method"], created=vector["created"])
    assert made == vector["signed"]
    proof = proof_jcs.read(vector["signed"])
    assert proof_jcs.verify(vector["signed"], proof, signer.public)
    # By other hands: the library's canonical form, and the bare signature.
    options = {key: value for key, value in vector["signed"]["proof"].items() if key != "proofValue"}
    message = (
        hashlib.sha256(rfc8785.dumps(options)).digest() + hashlib.sha256(rfc8785.dumps(vector["document"])).digest()
    )
    Ed25519PublicKey.from_public_bytes(signer.public).verify(proof.value, message)
    assert Ed25519PrivateKey.from_private_bytes(bytes.fromhex(vector["privateKey"])).sign(message) == proof.value


def test_there_are_own_vectors() -> None:
    assert len(OWN) >= 3


DOCUMENT: dict[str, Any] = {"@context": ["urn:a", "urn:b"], "id": "urn:c", "n": 3}
SIGNED = proof_jcs.attach(DOCUMENT, XA_KEY, XA_METHOD)


def test_a_proof_is_of_one_document_and_one_key() -> None:
    proof = proof_jcs.read(SIGNED)
    assert proof_jcs.verify(SIGNED, proof, XA_KEY.public)
    assert not proof_jcs.verify(SIGNED, proof, XB_KEY.public)
    assert not proof_jcs.verify({**SIGNED, "n": 4}, proof, XA_KEY.public)
    assert not proof_jcs.verify({**SIGNED, "more": 1}, proof, XA_KEY.public)


@pytest.mark.parametrize("member", ["cryptosuite", "proofPurpose", "verificationMethod", "created", "type"])
def test_every_option_of_the_proof_is_signed(member: str) -> None:
    signed = proof_jcs.attach(DOCUMENT, XA_KEY, XA_METHOD, created="2026-01-01T00:00:00Z")
    proof = proof_jcs.read(signed)
    changed = type(proof)(
        proof.cryptosuite, proof.method, proof.purpose, proof.created, {**proof.options, member: "x"}, proof.value
    )
    assert not proof_jcs.verify(signed, changed, XA_KEY.public)


def test_an_appended_context_is_refused_unless_asked_for() -> None:
    injected = {**SIGNED, "@context": [*SIGNED["@context"], "urn:evil"]}
    proof = proof_jcs.read(injected)
    with pytest.raises(InputError) as caught:
        proof_jcs.verify(injected, proof, XA_KEY.public)
    assert caught.value.fault is proof_jcs.CONTEXT_DIFFERS
    # The suite itself (§3.3.2) takes it, because it does not sign what follows the proof's own.
    assert proof_jcs.verify(injected, proof, XA_KEY.public, appended_context=True)


@pytest.mark.parametrize("contexts", [["urn:evil", "urn:a", "urn:b"], ["urn:a"], ["urn:b", "urn:a"], [], "urn:a", None])
def test_a_context_that_does_not_begin_with_the_proofs_is_refused(contexts: Any) -> None:
    changed = {**SIGNED, "@context": contexts}
    for appended in (False, True):
        with pytest.raises(InputError):
            proof_jcs.verify(changed, proof_jcs.read(changed), XA_KEY.public, appended_context=appended)


def test_a_proof_without_context_covers_the_whole_documents_own() -> None:
    made = proof_jcs.read(SIGNED)
    options = {name: member for name, member in made.options.items() if name != "@context"}
    value = XA_KEY.sign(proof_jcs.signed_bytes(DOCUMENT, options))
    signed = {**DOCUMENT, "proof": {**options, "proofValue": multibase.encode(value)}}
    assert proof_jcs.verify(signed, proof_jcs.read(signed), XA_KEY.public)
    injected = {**signed, "@context": [*DOCUMENT["@context"], "urn:evil"]}
    assert not proof_jcs.verify(injected, proof_jcs.read(injected), XA_KEY.public, appended_context=True)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ([SIGNED["proof"], SIGNED["proof"]], "proof.set"),
        ([SIGNED["proof"]], "proof.set"),
        ({**SIGNED["proof"], "previousProof": "urn:x"}, "proof.set"),
        (None, "proof.missing"),
        ("z", "proof.malformed"),
        ({**SIGNED["proof"], "proofValue": "m" + SIGNED["proof"]["proofValue"][1:]}, "multibase.not-canonical"),
        ({**SIGNED["proof"], "proofValue": "z1" + SIGNED["proof"]["proofValue"][1:]}, "multibase.not-canonical"),
        ({**SIGNED["proof"], "proofValue": SIGNED["proof"]["proofValue"][:-2]}, "multibase.not-canonical"),
        ({**SIGNED["proof"], "proofValue": 7}, "proof.malformed"),
        ({**SIGNED["proof"], "proofPurpose": ["assertionMethod"]}, "proof.malformed"),
        ({**SIGNED["proof"], "created": "yesterday"}, "proof.malformed"),
        ({**SIGNED["proof"], "created": "2026-01-01T00:00:00"}, "proof.malformed"),
        ({**SIGNED["proof"], "created": "2026-02-30T00:00:00Z"}, "proof.malformed"),
        ({**SIGNED["proof"], "domain": "x"}, "proof.malformed"),
        ({**SIGNED["proof"], "type": "Ed25519Signature2020"}, "proof.unsupported"),
    ],
)
def test_proofs_of_another_form_are_refused_with_their_reason(change: Any, code: str) -> None:
    with pytest.raises(InputError) as caught:
        proof_jcs.read({**DOCUMENT, "proof": change})
    assert caught.value.code == code


def test_what_has_a_proof_is_not_proven_again() -> None:
    with pytest.raises(InputError):
        proof_jcs.attach(SIGNED, XA_KEY, XA_METHOD)
    with pytest.raises(InputError):
        proof_jcs.attach(DOCUMENT, XA_KEY, XA_METHOD, created="now")


MEMBERS = [
    "proof",
    "type",
    "cryptosuite",
    "verificationMethod",
    "proofPurpose",
    "proofValue",
    "created",
    "@context",
    "x",
]
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(MEMBERS), inner),
)
options = st.fixed_dictionaries(
    {"type": st.just("DataIntegrityProof") | anything, "cryptosuite": st.just("eddsa-jcs-2022") | anything},
    optional=dict.fromkeys(MEMBERS[3:], anything),
)


@given(anything | options)
def test_any_value_is_a_proof_or_an_input_error(value: Any) -> None:
    try:
        proof = proof_jcs.read({"proof": value})
        proof_jcs.verify({"proof": value}, proof, XA_KEY.public)
    except InputError:
        pass
