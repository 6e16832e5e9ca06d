"""Registries that were tampered with: a hole, a swap, an edit, a foreign signature, a rewritten history."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import GatewayError, InputError, LimitError, TrustError
from gateway.trust import did, history, proof_jcs, strictjson
from gateway.trust.registry import LIMIT, Registry, RegistryWriter
from tests.unit.trust.samples import BEGAN, NOW, ROOT, XA, XA_METHOD, XB_KEY, XB_METHOD, digest, key, key_of, writer


def long_writer() -> RegistryWriter:
    """Root, two offices, a network, a mapping, a rotated key, a new root, a revoked key."""
    made = writer()
    made.add_mapping([ROOT], name="m", version="1", digest=digest("m"), since=BEGAN, issued=BEGAN)
    made.rotate_key([ROOT], old=XA_METHOD, new=key_of(f"{XA}#second", key("second"), since=NOW), issued=NOW)
    made.rotate_root([ROOT], [key("root 2")], issued=NOW)
    made.end([key("root 2")], subject=XB_METHOD, how="revoked", at=NOW, issued=NOW)
    return made


DATA = long_writer().encode()
LINES = [one.line for one in Registry.read(DATA).statements]


def code_of(data: bytes) -> str:
    with pytest.raises(GatewayError) as caught:
        Registry.read(data)
    assert isinstance(caught.value, (TrustError, InputError))
    with pytest.raises(GatewayError):
        Registry.material(data)
    return caught.value.code


def rendered(lines: list[bytes]) -> bytes:
    return history.render(lines)


def test_the_sample_itself_is_read() -> None:
    assert rendered(LINES) == DATA
    assert len(LINES) == 9


@pytest.mark.parametrize("index", range(8))
def test_a_statement_that_was_removed(index: int) -> None:
    expected = "registry.form" if index == 0 else "registry.chain"
    assert code_of(rendered(LINES[:index] + LINES[index + 1 :])) == expected


def test_statements_that_were_cut_off_are_not_noticed_by_the_file_alone() -> None:
    """What the chain cannot show: an older copy is whole. Comparing it with a newer one does."""
    older = Registry.read(rendered(LINES[:-1]))
    assert older.relation(Registry.read(DATA)) == "older"


@pytest.mark.parametrize("index", range(1, 8))
def test_statements_that_were_moved(index: int) -> None:
    moved = [*LINES[:index], LINES[index + 1], LINES[index], *LINES[index + 2 :]]
    assert code_of(rendered(moved)) == "registry.chain"


@pytest.mark.parametrize("index", range(9))
def test_a_statement_that_stands_twice(index: int) -> None:
    assert code_of(rendered([*LINES[: index + 1], LINES[index], *LINES[index + 1 :]])) == "registry.chain"


@pytest.mark.parametrize("index", range(9))
def test_a_statement_that_was_edited(index: int) -> None:
    document = json.loads(LINES[index])
    document["issued"] = "2027-01-01T00:00:00Z"
    edited = strictjson.canonical(document)
    assert code_of(rendered([*LINES[:index], edited, *LINES[index + 1 :]])) == "registry.signature"


def test_a_statement_of_another_registry_of_the_same_root() -> None:
    other = writer()
    other.end([ROOT], subject=XB_METHOD, how="compromised", at=BEGAN, issued=BEGAN)
    foreign = Registry.read(other.encode()).statements[-1].line
    assert code_of(rendered([*LINES[:5], foreign])) == "registry.chain"


def forged(body: dict[str, Any], signer: Any, *, method: str | None = None, **proof: Any) -> bytes:
    """A statement after the last one, signed as asked."""
    document = {
        **body, "sequence": len(LINES), "previous": Registry.read(DATA).statements[-1].digest.hex(),
        "issued": "2026-07-01T00:00:00Z",
    }  # fmt: skip
    made = proof_jcs.prove(document, signer, method or did.key_method(signer.public), **proof)
    return rendered([*LINES, strictjson.canonical({**document, "proof": made})])


ENDING = {"type": "ended", "subject": f"{XA}#second", "how": "revoked", "at": "2026-07-01T00:00:00Z"}
ROOT_2 = key("root 2")


def test_a_statement_by_the_root_in_force_is_taken() -> None:
    assert Registry.read(forged(ENDING, ROOT_2)).at("issuer", XA) is None


@pytest.mark.parametrize("signer", [ROOT, XB_KEY, key("stranger")])
def test_a_statement_by_another_key(signer: Any) -> None:
    """The root of before, an office, a stranger."""
    assert code_of(forged(ENDING, signer)) == "registry.signature"


def test_a_statement_under_the_roots_name_by_another_key() -> None:
    assert code_of(forged(ENDING, XB_KEY, method=did.key_method(ROOT_2.public))) == "registry.signature"


def test_a_statement_with_a_proof_of_another_kind() -> None:
    assert code_of(forged(ENDING, ROOT_2, purpose="authentication")) == "registry.signature"


def test_a_root_that_names_itself() -> None:
    thief = key("thief")
    body = {"type": "root", "keys": [did.encode_key(thief.public)], "threshold": 1}
    assert code_of(forged(body, thief)) == "registry.signature"
    fresh = RegistryWriter.new([thief], issued=BEGAN).encode()
    assert Registry.read(fresh).fingerprint != Registry.read(DATA).fingerprint
    with pytest.raises(TrustError):
        Registry.read(fresh, fingerprint=Registry.read(DATA).fingerprint)


def test_one_root_key_that_signs_twice_is_counted_once() -> None:
    two = [key("a"), key("b")]
    made = RegistryWriter.new(two, issued=BEGAN)
    document = {
        "type": "mapping", "name": "m", "version": "1", "digest": "00" * 32, "since": "2026-01-01T00:00:00Z",
        "issued": "2026-01-01T00:00:00Z", "sequence": 1, "previous": made.registry().statements[0].digest.hex(),
    }  # fmt: skip
    proof = proof_jcs.prove(document, two[0], did.key_method(two[0].public))
    other = proof_jcs.prove(document, two[1], did.key_method(two[1].public))
    lines = [made.registry().statements[0].line]
    both = sorted([proof, other], key=lambda one: str(one["verificationMethod"]))
    good = strictjson.canonical({**document, "proof": both})
    assert Registry.read(rendered([*lines, good])).lists_mapping(bytes(32))
    for proofs in ([proof, proof], [proof], proof, both[::-1], [*both, proof], []):
        data = rendered([*lines, strictjson.canonical({**document, "proof": proofs})])
        assert code_of(data) in ("registry.form", "registry.signature")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"surprise": 1}, "registry.form"),
        ({"type": "blessing"}, "registry.form"),
        ({"how": "lost"}, "registry.form"),
        ({"at": "2026-07-01"}, "registry.form"),
        ({"at": "2026-07-01T00:00:00.5Z"}, "registry.form"),
        ({"at": "2026-07-01T02:00:00+02:00"}, "registry.form"),
        ({"at": 1782864000}, "registry.form"),
        ({"last": None}, "registry.form"),
        ({"last": -1}, "registry.form"),
        ({"last": 3}, "registry.statement"),
        ({"subject": "did:web:nobody.example"}, "registry.unknown-subject"),
        ({"at": "2020-01-01T00:00:00Z"}, "registry.order"),
    ],
)
def test_a_good_signature_over_a_bad_statement(change: dict[str, Any], expected: str) -> None:
    assert code_of(forged({**ENDING, **change}, ROOT_2)) == expected


def test_two_offices_with_one_key() -> None:
    stolen = did.encode_key(key("second").public)
    body = {
        "type": "office", "did": "did:web:thief.example", "codes": ["XT"], "name": "Thief",
        "keys": [{"method": "did:web:thief.example#k", "publicKeyMultibase": stolen, "since": "2026-01-01T00:00:00Z"}],
    }  # fmt: skip
    assert code_of(forged(body, ROOT_2)) == "registry.key-reused"


@pytest.mark.parametrize("weak", [0, 1, 2**255 - 20, 2**255 - 19])
def test_a_key_of_small_order_is_not_listed(weak: int) -> None:
    from gateway.trust import multibase

    listed = multibase.encode(b"\xed\x01" + weak.to_bytes(32, "little"))
    key_node = {"method": f"{XA}#weak", "publicKeyMultibase": listed, "since": "2026-01-01T00:00:00Z"}
    assert code_of(forged({"type": "issuer-key", "did": XA, "key": key_node}, ROOT_2)) == "did.key-refused"


def test_an_office_that_takes_anothers_code() -> None:
    body = {
        "type": "office", "did": "did:web:thief.example", "codes": ["XT", "XA"], "name": "Thief",
        "keys": [
            {
                "method": "did:web:thief.example#k", "publicKeyMultibase": did.encode_key(key("t").public),
                "since": "2026-01-01T00:00:00Z",
            }
        ],
    }  # fmt: skip
    assert code_of(forged(body, ROOT_2)) == "registry.code-taken"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b'{"statements":[]}',
        b'{"statements":[\n]}\n',
        b'{"statements":[\n\n]}\n',
        DATA[:-1],
        DATA + b"\n",
        DATA.replace(b",\n", b",\r\n"),
        DATA.replace(b'{"statements":[\n', b'{"statements": [\n'),
        json.dumps(json.loads(DATA)).encode(),
        DATA.replace(b'"sequence":1', b'"sequence":1,"sequence":1'),
        DATA.replace(b"office", b"offic\\u0065", 1),
        b"\xef\xbb\xbf" + DATA,
    ],
)
def test_another_form_of_the_same_statements(data: bytes) -> None:
    assert code_of(data) in ("registry.form", "jcs.unreadable", "jcs.duplicate-member")


def test_size_and_count_come_first() -> None:
    with pytest.raises(LimitError):
        Registry.read(b" " * (LIMIT + 1))
    with pytest.raises(LimitError):
        Registry.read(rendered([b"{}"] * (history.STATEMENTS + 1)))
    assert code_of(rendered([b"[" * 100 + b"]" * 100])) == "jcs.too-large"


def test_roots_beyond_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    made = RegistryWriter.new([ROOT], issued=BEGAN)
    monkeypatch.setattr(history, "ROOTS", 3)
    for turn in range(2):
        made.rotate_root([ROOT], [ROOT], issued=BEGAN + timedelta(days=turn))
    with pytest.raises(LimitError):
        made.rotate_root([ROOT], [ROOT], issued=NOW)


def test_a_thousand_flipped_bits() -> None:
    chance = random.Random(7)
    for _ in range(1000):
        data = bytearray(DATA)
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        with pytest.raises((TrustError, InputError)):
            Registry.read(bytes(data))


@given(st.lists(st.binary(max_size=60), max_size=4))
def test_any_lines_end_in_an_error_with_a_code(lines: list[bytes]) -> None:
    with pytest.raises((TrustError, InputError)):
        Registry.read(rendered(lines))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.just(did.encode_key(ROOT_2.public)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
MEMBERS = ["did", "codes", "name", "keys", "key", "threshold", "network", "kind", "chain", "genesis", "office",
           "material", "basis", "since", "until", "first", "last", "version", "digest", "subject", "how", "at",
           "statement"]  # fmt: skip


@given(
    st.sampled_from(["root", "office", "issuer-key", "network", "mapping", "ended"]),
    st.dictionaries(st.sampled_from(MEMBERS), values, max_size=8),
)
def test_any_statement_signed_by_the_root_is_taken_or_refused_with_a_code(kind: str, body: dict[str, Any]) -> None:
    try:
        data = forged({"type": kind, **body}, ROOT_2)
    except InputError:  # an integer beyond 2^53 has no canonical form to sign
        return
    try:
        Registry.read(data)
    except (TrustError, InputError):
        pass
