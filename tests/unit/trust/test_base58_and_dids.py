"""Keys and DIDs have one spelling each, and unsound keys have none."""

from __future__ import annotations

import json

import base58
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InputError
from gateway.trust import did, multibase
from gateway.trust.did import PublicMethod
from tests.unit.trust.samples import XA, XA_KEY, XA_METHOD, XB_KEY

W3C_KEY = "z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2"


@given(st.binary(max_size=80), st.integers(0, 5))
def test_base58_is_that_of_the_library(data: bytes, zeros: int) -> None:
    data = bytes(zeros) + data
    text = multibase.encode(data)
    assert text == "z" + base58.b58encode(data).decode()
    assert multibase.decode(text, length=len(data)) == data


@given(
    st.binary(min_size=1, max_size=40),
    st.text("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0OIl zé", max_size=60),
)
def test_no_other_text_is_read_as_the_same_bytes(data: bytes, other: str) -> None:
    try:
        found = multibase.decode("z" + other, length=len(data))
    except InputError:
        return
    assert multibase.encode(found) == "z" + other


@pytest.mark.parametrize("length", [0, 1, 32, 34, 64])
def test_bytes_of_another_length_are_refused(length: int) -> None:
    text = multibase.encode(b"\x07" * length)
    for wrong in (length + 1, max(length - 1, 0)):
        if wrong != length:
            with pytest.raises(InputError):
                multibase.decode(text, length=wrong)
    with pytest.raises(InputError):
        multibase.decode("m" + text[1:], length=length)
    with pytest.raises(InputError):
        multibase.decode("z" + "1" * 100_000, length=length)


def test_a_did_key_carries_its_key() -> None:
    found = did.parse(f"did:key:{W3C_KEY}")
    assert found.method == "key"
    assert did.encode_key(found.key) == W3C_KEY
    assert did.key_did(found.key) == f"did:key:{W3C_KEY}"
    method = did.parse_method(f"did:key:{W3C_KEY}#{W3C_KEY}")
    assert method.did == found
    assert method.text == did.key_method(found.key)


@pytest.mark.parametrize(
    "y",
    ["0", "1", "p-1", "order-eight", "p-order-eight", "p", "p+1", "2^255-1"],
)
@pytest.mark.parametrize("sign", [0, 1])
def test_keys_of_small_order_and_of_two_spellings_are_refused(y: str, sign: int) -> None:
    p = 2**255 - 19
    eight = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
    value = {
        "0": 0,
        "1": 1,
        "p-1": p - 1,
        "order-eight": eight,
        "p-order-eight": p - eight,
        "p": p,
        "p+1": p + 1,
        "2^255-1": 2**255 - 1,
    }[y]
    key = (value | sign << 255).to_bytes(32, "little")
    with pytest.raises(InputError, match="small order"):
        did.encode_key(key)
    with pytest.raises(InputError, match="small order"):
        did.decode_key(multibase.encode(b"\xed\x01" + key))


def test_keys_of_other_algorithms_are_refused() -> None:
    p256 = "zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169"
    with pytest.raises(InputError):
        did.parse(f"did:key:{p256}")
    with pytest.raises(InputError, match="multicodec"):
        did.decode_key(multibase.encode(b"\xec\x01" + XA_KEY.public))  # X25519


@pytest.mark.parametrize(
    "text",
    [
        "did:web:office.example",
        "did:web:office.example%3A8443",
        "did:web:office.example:registers:patents",
        "did:web:xn--bcher-kva.example",
        "did:web:localhost%3A8080",
    ],
)
def test_did_web_is_read(text: str) -> None:
    assert did.parse(text).text == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "did:web:",
        "did:web:Office.example",
        "did:web:office..example",
        "did:web:-office.example",
        "did:web:127.0.0.1",
        "did:web:0",
        "did:web:office.example%3A0",
        "did:web:office.example%3A99999",
        "did:web:office.example%3a8443",
        "did:web:office.example:..",
        "did:web:office.example:a:.",
        "did:web:office.example:a%2Fb",
        "did:web:office.example:",
        "did:web:office.example/x",
        "did:web:office.example?x",
        "did:web:office.example#x",
        "did:web:user@office.example",
        "did:web:office.example\n",
        " did:web:office.example",
        "did:web:offıce.example",
        "did:ethr:0x00",
        "did:key:",
        f"did:key:{W3C_KEY}\n",
        f"did:key:{W3C_KEY[:-1]}",
        f"did:key:z1{W3C_KEY[1:]}",
        "did:web:" + "a" * 600,
    ],
)
def test_anything_else_is_no_did(text: str) -> None:
    with pytest.raises(InputError):
        did.parse(text)


@pytest.mark.parametrize("text", [XA, f"{XA}#", f"{XA}#a#b", f"{XA}#a b", f"did:key:{W3C_KEY}#key-1", "#a", f"{XA}#ä"])
def test_what_names_no_method(text: str) -> None:
    with pytest.raises(InputError):
        did.parse_method(text)


@given(st.text(max_size=60))
def test_reading_a_did_ends_in_a_did_or_in_an_input_error(text: str) -> None:
    for read in (did.parse, did.parse_method, did.decode_key):
        for prefix in ("", "did:web:", "did:key:z6Mk", "did:web:a.example#"):
            try:
                found = read(prefix + text)
            except InputError:
                continue
            assert isinstance(found, bytes) or found.text == prefix + text


def test_the_document_names_each_key_for_assertions() -> None:
    made = json.loads(did.document(XA, [PublicMethod(XA_METHOD, XA_KEY.public)]))
    assert made["id"] == XA
    assert made["assertionMethod"] == [XA_METHOD]
    assert made["verificationMethod"] == [
        {"controller": XA, "id": XA_METHOD, "publicKeyMultibase": did.encode_key(XA_KEY.public), "type": "Multikey"}
    ]


def test_the_document_holds_no_key_of_another_did_and_none_twice() -> None:
    with pytest.raises(InputError, match="another DID"):
        did.document(XA, [PublicMethod("did:web:xb.example#k", XA_KEY.public)])
    with pytest.raises(InputError, match="twice"):
        did.document(XA, [PublicMethod(XA_METHOD, XA_KEY.public), PublicMethod(XA_METHOD, XB_KEY.public)])
    with pytest.raises(InputError, match="no other key"):
        did.document(did.key_did(XA_KEY.public), [PublicMethod(did.key_method(XA_KEY.public), XB_KEY.public)])


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("did:web:office.example", "https://office.example/.well-known/did.json"),
        ("did:web:office.example%3A8443", "https://office.example:8443/.well-known/did.json"),
        ("did:web:office.example:registers:patents", "https://office.example/registers/patents/did.json"),
    ],
)
def test_where_a_did_web_is_served(text: str, place: str) -> None:
    assert did.web_location(text) == place


def test_a_did_key_is_served_nowhere() -> None:
    with pytest.raises(InputError, match="no did:web"):
        did.web_location(f"did:key:{W3C_KEY}")
