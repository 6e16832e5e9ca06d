"""Reading a credential: each check of form has one that fails it, and it alone."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from gateway.errors import InputError, LimitError
from gateway.spi import Limits
from gateway.trust import proof_jcs, strictjson
from gateway.trust.checks import FORM, STANDING
from gateway.trust.credential import CHECKS, Examination, examine, read
from tests.unit.trust.samples import XA_KEY, XA_METHOD, XB_METHOD, digest, sealed, signed_again, tree

Change = Callable[[dict[str, Any]], object]


def stopped(found: Examination) -> tuple[str, str, str | None]:
    """Id, outcome and sub-indication of the one check that did not pass."""
    assert found.credential is None
    not_passed = [one for one in found.checks if one.outcome not in ("passed", "skipped")]
    assert len(not_passed) == 1
    assert not_passed[0] is found.checks[-1]
    assert not_passed[0].hint
    assert [one.id for one in found.checks] == [kind.id for kind in FORM][: len(found.checks)]
    return not_passed[0].id, not_passed[0].outcome, not_passed[0].sub_indication


def changed(change: Change) -> bytes:
    """What an issuer signs who does not keep to the form: the signature is good, the form is not."""
    document = copy.deepcopy(tree())
    change(document)
    return signed_again(document)


def with_proof(**members: Any) -> bytes:
    document = tree()
    for name, value in members.items():
        if value is None:
            del document["proof"][name]
        else:
            document["proof"][name] = value
    return strictjson.canonical(document)


def test_a_credential_as_sealed_passes_every_check_of_form() -> None:
    found = examine(sealed())
    assert found.credential is not None
    assert [one.id for one in found.checks] == [kind.id for kind in FORM]
    assert {one.outcome for one in found.checks} == {"passed"}
    assert {one.inputs for one in found.checks} == {(hashlib.sha256(sealed()).hexdigest(),)}


FAILS: list[tuple[str, bytes]] = [
    ("credential.limits", b"[" * 40 + b"]" * 40),
    ("credential.json", b"{"),
    ("credential.json", b"[]"),
    ("credential.json", b'"x"'),
    ("credential.json", sealed().replace(b'"withdrawn":false', b'"withdrawn":false,"withdrawn":false')),
    ("credential.json", sealed().replace(b'"office":"XA"', b'"office":"XB","office":"XA"', 1)),
    ("credential.json", sealed()[:-1]),
    ("credential.canonical", json.dumps(tree()).encode()),
    ("credential.canonical", sealed() + b"\n"),
    ("credential.canonical", sealed().replace(b"patent", b"p\\u0061tent", 1)),
    ("credential.context", changed(lambda d: d["@context"].append("https://evil.example/v1"))),
    ("credential.context", changed(lambda d: d["@context"].append({"office": "urn:evil"}))),
    ("credential.context", changed(lambda d: d["@context"].reverse())),
    ("credential.context", changed(lambda d: d.update({"@context": d["@context"][:1]}))),
    ("credential.context", changed(lambda d: d.update({"@context": d["@context"][0]}))),
    ("credential.context", changed(lambda d: d.pop("@context"))),
    ("credential.context", changed(lambda d: d["credentialSubject"].update({"@context": {"@vocab": "urn:x#"}}))),
    ("credential.context", changed(lambda d: d["recordBinding"].update({"@context": []}))),
    ("credential.context", changed(lambda d: d["credentialSubject"].update({"@id": "urn:x"}))),
    ("credential.context", changed(lambda d: d.update({"@vocab": "urn:x#"}))),
    ("credential.context", changed(lambda d: d["recordBinding"].update(contextDigest="00" * 32))),
    ("credential.numbers", sealed().replace(b'"revision":1', b'"revision":1.0')),
    ("credential.numbers", changed(lambda d: d["recordBinding"].update(revision=1.5))),
    ("credential.numbers", sealed().replace(b'"revision":1', b'"revision":9007199254740992')),
    ("credential.numbers", sealed().replace(b'"revision":1', b'"revision":1' + b"0" * 400)),
    ("credential.ids", changed(lambda d: d.update(id="urn:uuid:1 2"))),
    ("credential.ids", changed(lambda d: d.update(id="17/123"))),
    ("credential.ids", changed(lambda d: d.update(id=None))),
    ("credential.ids", changed(lambda d: d.update(issuer="the office"))),
    ("credential.ids", changed(lambda d: d.update(issuer={"id": "did:web:xa.example"}))),
    ("credential.ids", changed(lambda d: d["credentialSubject"].update(id="US 17/123 456"))),
    ("credential.ids", changed(lambda d: d["credentialSubject"].update(id="urn:x:17\u3000123"))),
    ("credential.terms", changed(lambda d: d["credentialSubject"].update(priorityOfHeart="2020-01-01"))),
    ("credential.terms", changed(lambda d: d["credentialSubject"]["applicationNumber"].update(kind="x"))),
    ("credential.terms", changed(lambda d: d["recordBinding"].update(quorum=3))),
    ("credential.terms", changed(lambda d: d.update(remark="x"))),
    ("credential.terms", changed(lambda d: d["credentialSubject"].update(type="Oddity"))),
    ("credential.terms", changed(lambda d: d["credentialSubject"].update(filingDate=None))),
    ("credential.shape", changed(lambda d: d.update(name="a name"))),
    ("credential.shape", changed(lambda d: d["credentialSubject"].update(id="urn:uuid:x"))),
    ("credential.shape", changed(lambda d: d["credentialSubject"].pop("office"))),
    ("credential.shape", changed(lambda d: d["credentialSubject"].update(filingDate="2026-02-30"))),
    ("credential.shape", changed(lambda d: d["credentialSubject"].update(office="Xanadu"))),
    ("credential.shape", changed(lambda d: d["credentialSubject"].update(confidential=False))),
    ("credential.shape", changed(lambda d: d.update(credentialSubject=[d["credentialSubject"]]))),
    ("credential.shape", changed(lambda d: d["recordBinding"].update(recordKey="AA" * 32))),
    ("credential.shape", changed(lambda d: d["recordBinding"].update(nativeDigest="00"))),
    ("credential.shape", changed(lambda d: d["recordBinding"].update(revision=0))),
    ("credential.shape", changed(lambda d: d["recordBinding"].update(revision=2))),
    ("credential.shape", changed(lambda d: d["recordBinding"].update(recordKey=digest("another").hex()))),
    ("credential.shape", changed(lambda d: d["recordBinding"].update(mappingName="a name"))),
    ("credential.shape", changed(lambda d: d["recordBinding"].pop("withdrawn"))),
    ("credential.shape", changed(lambda d: d["recordBinding"].pop("type"))),
    ("credential.shape", changed(lambda d: d.pop("recordBinding"))),
    ("credential.shape", changed(lambda d: d.update(type=["VerifiableCredential"]))),
    ("credential.shape", changed(lambda d: d.update(type=["RecordCredential", "VerifiableCredential"]))),
    ("credential.shape", changed(lambda d: d.update(validFrom="2026-03-04T05:06:07+00:00"))),
    ("credential.shape", changed(lambda d: d.update(validFrom="2026-03-04"))),
    ("credential.shape", changed(lambda d: d.update(validUntil="2026-03-04T05:06:07.000Z"))),
    ("credential.shape", changed(lambda d: d.update(issuer="https://xa.example/"))),
    ("credential.shape", changed(lambda d: d.update(issuer="did:web:127.0.0.1"))),
    ("credential.proof.form", strictjson.canonical({k: v for k, v in tree().items() if k != "proof"})),
    ("credential.proof.form", strictjson.canonical({**tree(), "proof": [tree()["proof"]]})),
    ("credential.proof.form", strictjson.canonical({**tree(), "proof": [tree()["proof"], tree()["proof"]]})),
    ("credential.proof.form", with_proof(previousProof="urn:x")),
    ("credential.proof.form", with_proof(proofValue="z1" + tree()["proof"]["proofValue"][1:])),
    ("credential.proof.form", with_proof(proofValue=tree()["proof"]["proofValue"][:-3])),
    ("credential.proof.form", with_proof(created="2026-03-04T05:06:07+00:00")),
    ("credential.proof.form", with_proof(nonce="x")),
    ("credential.proof.form", with_proof(verificationMethod=["x"])),
    ("credential.proof.form", strictjson.canonical({**tree(), "proof": None})),
    ("credential.proof.form", strictjson.canonical({**tree(), "proof": "z"})),
    ("credential.proof.form", strictjson.canonical({**tree(), "proof": {**tree()["proof"], "@vocab": "urn:x#"}})),
    ("credential.proof.form", with_proof(**{"@context": None})),
    ("credential.proof.form", with_proof(**{"@context": tree()["@context"][:1]})),
    ("credential.issuer.method", signed_again(tree(), method=XB_METHOD)),
    ("credential.issuer.method", signed_again({**tree(), "issuer": "did:web:xb.example"})),
    ("credential.issuer.method", with_proof(verificationMethod="did:web:xa.example")),
]


@pytest.mark.parametrize(("check", "data"), FAILS, ids=[f"{index}-{check}" for index, (check, _) in enumerate(FAILS)])
def test_each_fault_fails_its_own_check(check: str, data: bytes) -> None:
    assert stopped(examine(data)) == (check, "failed", "FORMAT_FAILURE")
    with pytest.raises(InputError) as caught:
        read(data)
    assert caught.value.code == check


@pytest.mark.parametrize(
    "data",
    [
        with_proof(cryptosuite="ecdsa-jcs-2019"),
        with_proof(cryptosuite="eddsa-rdfc-2022", proofValue="zzz"),
        with_proof(type="Ed25519Signature2020"),
    ],
)
def test_an_unknown_cryptosuite_is_an_answer_of_its_own(data: bytes) -> None:
    assert stopped(examine(data)) == ("credential.proof.suite", "indeterminate", "GENERIC")
    with pytest.raises(InputError, match=r"proof\.suite"):
        read(data)


@pytest.mark.parametrize("purpose", ["authentication", "keyAgreement", "capabilityInvocation", "assertionmethod"])
def test_a_proof_for_another_purpose_is_no_assertion(purpose: str) -> None:
    found = examine(signed_again(tree(), purpose=purpose))
    assert stopped(found) == ("credential.proof.purpose", "indeterminate", "CHAIN_CONSTRAINTS_FAILURE")


def test_size_is_checked_before_anything_is_decoded() -> None:
    few = Limits(member=len(sealed()) - 1)
    assert stopped(examine(sealed(), few))[0] == "credential.limits"
    with pytest.raises(LimitError):
        read(sealed(), few)
    assert examine(sealed(), Limits(member=len(sealed()))).credential is not None


def test_a_credential_by_itself_is_read_in_any_spelling() -> None:
    spelled = json.dumps(tree(), indent=2, ensure_ascii=True).encode()
    found = examine(spelled, canonical=False)
    assert found.credential is not None
    assert found.credential.data == sealed()
    assert found.credential.digest == hashlib.sha256(sealed()).digest()
    outcomes = {one.id: one.outcome for one in found.checks}
    assert outcomes.pop("credential.canonical") == "skipped"
    assert set(outcomes.values()) == {"passed"}


def test_in_any_spelling_nothing_else_is_let_through() -> None:
    for check, data in FAILS:
        if check in ("credential.canonical", "credential.limits", "credential.json"):
            continue
        spelled = json.dumps(json.loads(data), indent=1).encode()
        assert stopped(examine(spelled, canonical=False))[0] == check
    twice = json.dumps(tree()).replace('"issuer":', '"issuer": "did:web:xb.example", "issuer":').encode()
    assert stopped(examine(twice, canonical=False))[0] == "credential.json"


def test_times_of_validity_may_be_given() -> None:
    found = read(changed(lambda d: d.update(validUntil="2030-01-01T00:00:00Z")))
    assert found.valid_until is not None
    assert found.valid_until.year == 2030


def test_a_proof_without_time_is_read() -> None:
    document = {name: member for name, member in tree().items() if name != "proof"}
    found = read(strictjson.canonical(proof_jcs.attach(document, XA_KEY, XA_METHOD)))
    assert found.created is None


def test_every_check_is_listed_once_with_a_hint() -> None:
    assert list(CHECKS) == [kind.id for kind in (*FORM, *STANDING)]
    assert len(set(CHECKS)) == len(FORM) + len(STANDING)
    for kind in CHECKS.values():
        assert kind.hint.endswith(".")
        assert kind.otherwise.split(",")[0] in ("failed", "indeterminate")
