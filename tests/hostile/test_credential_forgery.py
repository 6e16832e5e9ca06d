"""Credentials that were tampered with: never a traceback, never all checks passed."""

from __future__ import annotations

import copy
import json
import random
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InputError
from gateway.spi import Check
from gateway.trust import did, multibase, proof_jcs, strictjson
from gateway.trust.credential import check, examine, read
from gateway.trust.registry import Registry
from tests import strategies
from tests.unit.trust.samples import (
    NOW,
    XB,
    XB_KEY,
    XB_METHOD,
    digest,
    key,
    sealed,
    signed_again,
    tree,
    writer,
)

ANCHORS: Registry = writer().registry()


def all_checks(data: bytes, *, canonical: bool = True) -> tuple[Check, ...]:
    found = examine(data, canonical=canonical)
    return found.checks if found.credential is None else check(found.credential, ANCHORS, NOW)


def passes(data: bytes, *, canonical: bool = True) -> bool:
    return all(one.outcome == "passed" for one in all_checks(data, canonical=canonical))


def test_the_sample_itself_passes() -> None:
    assert passes(sealed())


def test_two_thousand_flipped_bits() -> None:
    chance = random.Random(20260304)
    for _ in range(2000):
        data = bytearray(sealed())
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        assert not passes(bytes(data))
        assert not all(one.outcome in ("passed", "skipped") for one in all_checks(bytes(data), canonical=False))


def test_every_byte_taken_out_or_doubled() -> None:
    data = sealed()
    for place in range(0, len(data), 7):
        assert not passes(data[:place] + data[place + 1 :])
        assert not passes(data[:place] + data[place : place + 1] + data[place:])
        assert not passes(data[:place])


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if isinstance(value, dict):
        for name, member in value.items():
            found += paths(member, (*path, name))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            found += paths(member, (*path, index))
    return found


def test_every_member_dropped_emptied_or_replaced() -> None:
    """By somebody without the key: whatever is changed, the credential passes no more."""
    for path in paths(tree()):
        for change in ("drop", None, "", [], {}, 0, True, "x"):
            document = copy.deepcopy(tree())
            inside: Any = document
            for step in path[:-1]:
                inside = inside[step]
            if change == "drop":
                del inside[path[-1]]
            elif inside[path[-1]] == change and type(inside[path[-1]]) is type(change):
                continue
            else:
                inside[path[-1]] = change
            assert not passes(strictjson.canonical(document)), (path, change)


def test_every_member_added_under_a_good_signature() -> None:
    """By the issuer: what no context defines, or what the record's type does not have, is told and never dropped."""
    for path in [(), *paths(tree())]:
        if path[:1] == ("proof",) or path[:1] == ("@context",):
            continue
        document = copy.deepcopy(tree())
        inside: Any = document
        for step in path:
            inside = inside[step]
        if isinstance(inside, dict):
            inside["secretClaim"] = "x"
            assert [one.id for one in all_checks(signed_again(document)) if one.outcome == "failed"] == [
                "credential.terms"
            ]


@pytest.mark.parametrize(
    "extra",
    [
        "https://evil.example/v1",
        "https://www.w3.org/ns/credentials/examples/v2",
        "urn:uuid:0f6b2d1e-58c4-4a7e-9b57-2d4c8e6a1f31",
        {"office": "urn:evil#office"},
        {"@vocab": "urn:evil#"},
        {"@import": "https://evil.example/v1"},
        None,
    ],
)
def test_context_injection(extra: Any) -> None:
    """A context that is appended after signing is not covered by a proof whose own @context is the shorter one."""
    document = copy.deepcopy(tree())
    document["@context"].append(extra)
    for data in (strictjson.canonical(document), signed_again(document)):
        assert [one.id for one in all_checks(data) if one.outcome == "failed"] == ["credential.context"]


def test_a_proof_of_another_document() -> None:
    other = tree(sealed(number_of("2026/000999")))
    document = {**tree(), "proof": other["proof"]}
    assert [one.id for one in all_checks(strictjson.canonical(document)) if one.outcome == "failed"] == [
        "credential.signature"
    ]


def number_of(number: str) -> Any:
    from tests.unit.trust.samples import record

    return record(number=number)


def test_record_of_one_and_binding_of_another() -> None:
    other = tree(sealed(number_of("2026/000999"), record_key=digest("other key")))
    for member in ("credentialSubject", "recordBinding", "id", "validFrom"):
        mixed = {**tree(), member: other[member]}
        if mixed != tree():
            assert not passes(strictjson.canonical(mixed))


def test_another_office_in_the_issuers_place() -> None:
    """XB signs XA's record, under XA's name and method, under its own method, or as its own."""
    as_xa = signed_again(tree(), signer=XB_KEY)
    own_method = signed_again(tree(), signer=XB_KEY, method=XB_METHOD)
    as_own = signed_again({**tree(), "issuer": XB}, signer=XB_KEY, method=XB_METHOD)
    assert [(one.id, one.outcome) for one in all_checks(as_xa) if one.outcome != "passed"] == [
        ("credential.signature", "failed")
    ]
    assert [one.id for one in all_checks(own_method) if one.outcome == "failed"] == ["credential.issuer.method"]
    assert [(one.id, one.sub_indication) for one in all_checks(as_own) if one.outcome != "passed"] == [
        ("credential.issuer.office", "CHAIN_CONSTRAINTS_FAILURE")
    ]


def test_a_did_key_of_ones_own_making() -> None:
    stranger = key("stranger")
    made = sealed(issuer=did.key_did(stranger.public), method=did.key_method(stranger.public), signer=stranger)
    found = {one.id: one for one in all_checks(made)}
    assert found["credential.signature"].outcome == "passed"
    assert found["credential.issuer.segment"].sub_indication == "NO_CERTIFICATE_CHAIN_FOUND"


@pytest.mark.parametrize("order", [1, 2, 4, 8])
def test_a_key_of_small_order_under_which_anything_verifies(order: int) -> None:
    p = 2**255 - 19
    eight = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
    weak = {1: 1, 2: p - 1, 4: 0, 8: eight}[order].to_bytes(32, "little")
    multikey = multibase.encode(b"\xed\x01" + weak)
    document = tree()
    document["issuer"] = f"did:key:{multikey}"
    document["proof"]["verificationMethod"] = f"did:key:{multikey}#{multikey}"
    document["proof"]["proofValue"] = multibase.encode(weak + bytes(32))
    assert examine(strictjson.canonical(document)).credential is None


def test_the_other_writing_of_a_signature() -> None:
    """S + L is the same scalar: a second byte form of one credential (RFC 8032 §5.1.7 refuses it)."""
    order = 2**252 + 27742317777372353535851937790883648493
    good = multibase.decode(tree()["proof"]["proofValue"], length=64)
    other = good[:32] + (int.from_bytes(good[32:], "little") + order).to_bytes(32, "little")
    document = tree()
    document["proof"]["proofValue"] = multibase.encode(other)
    assert [one.id for one in all_checks(strictjson.canonical(document)) if one.outcome == "failed"] == [
        "credential.signature"
    ]


def test_a_login_proof_is_no_credential() -> None:
    """A challenge signed by the office's key for authentication, with the record set in by the one who asked."""
    found = all_checks(signed_again(tree(), purpose="authentication"))
    assert (found[-1].id, found[-1].sub_indication) == ("credential.proof.purpose", "CHAIN_CONSTRAINTS_FAILURE")


def test_an_expired_credential() -> None:
    document = {**tree(), "validUntil": "2026-04-01T00:00:00Z"}
    found = {one.id: one for one in all_checks(signed_again(document))}
    assert found["credential.validity"].sub_indication == "EXPIRED"


def test_a_proof_set_hides_nothing() -> None:
    """A second proof, by a stranger or none: one who reads only the first of a set is led astray."""
    bare = {name: member for name, member in tree().items() if name != "proof"}
    second = proof_jcs.prove(bare, key("stranger"), did.key_method(key("stranger").public))
    for proofs in ([tree()["proof"], second], [second, tree()["proof"]], [tree()["proof"]], []):
        found = all_checks(strictjson.canonical({**bare, "proof": proofs}))
        assert found[-1].id == "credential.proof.form"


def test_ids_with_blanks_are_not_dropped_silently() -> None:
    for bad in ("urn:uuid:17 123", "17 123 456", "urn:x:\t1", "urn:x:\u00a01", "urn:x:\u30001", " urn:x:1", "urn:x:1 "):
        found = all_checks(signed_again({**tree(), "id": bad}))
        assert found[-1].id == "credential.ids", bad


def test_deep_and_wide_documents_end_quickly() -> None:
    for data in (b"[" * 500_000, b'{"a":' * 100_000, b'"' + b'\\"' * 500_000, b"[" + b"1," * 500_000 + b"1]"):
        for canonical in (True, False):
            assert examine(data, canonical=canonical).credential is None


@given(st.binary(max_size=400))
def test_any_bytes_are_answered_by_a_check(data: bytes) -> None:
    for canonical in (True, False):
        found = examine(data, canonical=canonical)
        assert found.credential is None
        assert found.checks[-1].outcome == "failed"
    with pytest.raises(InputError):
        read(data)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.data())
def test_any_value_anywhere_is_answered_by_a_check(data: st.DataObject) -> None:
    document = copy.deepcopy(tree())
    path = data.draw(st.sampled_from(paths(document)))
    inside: Any = document
    for step in path[:-1]:
        inside = inside[step]
    value = data.draw(json_values)
    if value == inside[path[-1]]:
        return
    inside[path[-1]] = value
    raw = json.dumps(document).encode()
    assert not all(one.outcome in ("passed", "skipped") for one in all_checks(raw, canonical=False))
    all_checks(raw)


@given(strategies.common_records(), st.binary(min_size=1, max_size=8), st.integers(0, 10**6))
def test_records_in_every_script_are_under_the_signature(of: Any, bytes_in: bytes, place: int) -> None:
    made = sealed(of)
    at = place % len(made)
    changed = made[:at] + bytes_in + made[at + len(bytes_in) :]
    if changed != made:
        assert not passes(changed)
    later = check(read(made), ANCHORS, NOW + timedelta(days=1))
    assert {one.id for one in later if one.outcome != "passed"} <= {"credential.issuer.office"}
