"""Key files that were tampered with: refused with a code, and without work by the file's word."""

from __future__ import annotations

import base64
import json
import random
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jwcrypto import jwe, jwk

from gateway.errors import GatewayError, InputError, TrustError
from gateway.trust.keys import FEWEST, MOST, KeyStore

PHRASE = "a phrase of the tests"


def file_of(folder: Path, data: bytes) -> Path:
    path = folder / "keys.jwe"
    path.write_bytes(data)
    path.chmod(0o600)
    return path


@pytest.fixture
def good(tmp_path: Path) -> bytes:
    path = tmp_path / "good.jwe"
    KeyStore.create(path, PHRASE, {"issuer": "ed25519", "chain": "secp256k1", "mark": "secret"}, rounds=FEWEST)
    return path.read_bytes()


def code_of(folder: Path, data: bytes) -> str:
    with pytest.raises(GatewayError) as caught:
        KeyStore.open(file_of(folder, data), PHRASE)
    assert isinstance(caught.value, (TrustError, InputError))
    return caught.value.code


def encrypted(content: bytes, **header: Any) -> bytes:
    """What somebody who knows the passphrase could write."""
    members = {
        "alg": "PBES2-HS512+A256KW", "enc": "A256GCM", "cty": "jwk-set+json", "p2c": FEWEST,
        "p2s": base64.urlsafe_b64encode(b"s" * 16).rstrip(b"=").decode(), **header,
    }  # fmt: skip
    token = jwe.JWE(content, json.dumps({name: member for name, member in members.items() if member is not None}))
    token.allowed_algs = [*token.allowed_algs, str(members["alg"])]
    token.add_recipient(jwk.JWK.from_password(PHRASE))
    return str(token.serialize(compact=True)).encode()


def with_header(good: bytes, header: object) -> bytes:
    """The good file under another header: nothing of the content is touched."""
    parts = good.split(b".")
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return b".".join([base64.urlsafe_b64encode(text).rstrip(b"="), *parts[1:]])


SALT = base64.urlsafe_b64encode(b"s" * 16).rstrip(b"=").decode()
HEADER = {"alg": "PBES2-HS512+A256KW", "enc": "A256GCM", "cty": "jwk-set+json", "p2c": FEWEST, "p2s": SALT}


@pytest.mark.parametrize("rounds", [0, 1, FEWEST - 1, MOST + 1, 2**31, 2**63, -5, 1e4, "1000", None, True, [1000]])
def test_no_work_is_done_by_the_files_word(tmp_path: Path, good: bytes, rounds: object) -> None:
    began = time.monotonic()
    assert code_of(tmp_path, with_header(good, {**HEADER, "p2c": rounds})) == "keys.form"
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    "change",
    [
        {"alg": "dir"},
        {"alg": "none"},
        {"alg": "PBES2-HS256+A128KW"},
        {"alg": "A256KW"},
        {"alg": "RSA1_5"},
        {"enc": "A128CBC-HS256"},
        {"enc": "A128GCM"},
        {"zip": "DEF"},
        {"crit": ["x"]},
        {"jwk": {}},
        {"cty": "json"},
        {"cty": None},
        {"p2s": "c2hvcnQ"},
        {"p2s": "!!!"},
        {"p2s": 7},
        {"p2s": "c3Nzc3Nzc3Nzc3Nzc3Nzcx"},
    ],
)
def test_another_algorithm_is_not_taken_by_the_files_word(tmp_path: Path, good: bytes, change: dict[str, Any]) -> None:
    header = {name: member for name, member in {**HEADER, **change}.items() if member is not None}
    assert code_of(tmp_path, with_header(good, header)) == "keys.form"


@pytest.mark.parametrize(
    "data",
    [b"", b"\n", b"....", b"a.b.c.d.e", b"\xff\xfe", b"{}", b"x" * 5000, b"eyJ9.e.e.e.e", b"=.=.=.=.=", b"-----BEGIN"],
)
def test_what_is_no_key_file(tmp_path: Path, data: bytes) -> None:
    assert code_of(tmp_path, data) == "keys.form"


def test_a_file_that_is_far_too_large(tmp_path: Path) -> None:
    assert code_of(tmp_path, b"a" * (1024 * 1024 + 1)) == "file.too-large"


def test_a_header_with_a_member_twice(tmp_path: Path, good: bytes) -> None:
    text = json.dumps(HEADER).replace('"p2c": 1000', '"p2c": 1000, "p2c": 1000').encode()
    assert code_of(tmp_path, with_header(good, text)) == "keys.form"


def test_three_hundred_flipped_bits(tmp_path: Path, good: bytes) -> None:
    chance = random.Random(11)
    keys = KeyStore.open(file_of(tmp_path, good), PHRASE).infos()
    codes = set()
    for _ in range(300):
        data = bytearray(good)
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(7)
        if data.removesuffix(b"\n") == good.removesuffix(b"\n"):
            continue
        try:
            found = KeyStore.open(file_of(tmp_path, bytes(data)), PHRASE)
        except GatewayError as error:
            codes.add(error.code)
        else:
            assert found.infos() == keys
    assert codes <= {"keys.form", "keys.locked"}


JWK = {"kty": "OKP", "crv": "Ed25519", "kid": "a", "iat": 1767225600}


@pytest.mark.parametrize(
    "content",
    [
        b"[]",
        b"{}",
        b'{"keys":{}}',
        b'{"keys":[7]}',
        b'{"keys":[{}]}',
        b'{"keys":[{"kty":"RSA","kid":"a","iat":1}]}',
        b'{"keys":[' + b"[" * 50 + b"]" * 50 + b"]}",
        json.dumps({"keys": [{**JWK, "d": "AA", "x": "AA"}]}).encode(),
        json.dumps({"keys": [{**JWK, "d": "A" * 43, "x": "A" * 43}]}).encode(),  # not the key's own public part
        json.dumps({"keys": [{**JWK, "d": 7}]}).encode(),
        json.dumps({"keys": [{**JWK, "iat": 1e99, "d": "A" * 43}]}).encode(),
        json.dumps({"keys": [{**JWK, "kid": ["a"], "d": "A" * 43}]}).encode(),
        json.dumps({"keys": [{"kty": "oct", "kid": "A B", "iat": 1, "k": "A" * 43}]}).encode(),
        json.dumps({"keys": [{"kty": "oct", "kid": "a", "iat": 1, "k": "A" * 43, "use": "sig"}]}).encode(),
        json.dumps({"keys": [{"kty": "oct", "kid": "a", "iat": 1, "k": "A" * 43}] * 2}).encode(),
        json.dumps({"keys": [{"kty": "EC", "crv": "secp256k1", "kid": "a", "iat": 1, "d": "A" * 43}]}).encode(),
        json.dumps({"keys": [{"kty": "EC", "crv": "P-256", "kid": "a", "iat": 1, "d": "A" * 43}]}).encode(),
    ],
)
def test_content_that_is_no_jwk_set_of_ours(tmp_path: Path, content: bytes) -> None:
    expected = "keys.form"
    found = code_of(tmp_path, encrypted(content))
    assert found in (expected, "keys.name", "keys.kind")


def test_content_of_ours_by_other_hands_is_read(tmp_path: Path) -> None:
    content = json.dumps({"keys": [{"kty": "oct", "kid": "a", "iat": 1, "k": "A" * 43}]}).encode()
    assert KeyStore.open(file_of(tmp_path, encrypted(content)), PHRASE).private("a") == bytes(32)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300) | st.from_regex(rb"([A-Za-z0-9_-]{0,20}\.){4}[A-Za-z0-9_-]{0,20}", fullmatch=True))
def test_any_bytes_end_in_an_error_with_a_code(tmp_path: Path, data: bytes) -> None:
    assert code_of(tmp_path, data) == "keys.form"


sets = st.recursive(
    st.none() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["keys", "kty", "crv", "kid", "d", "x", "k", "iat"]), inner, max_size=4)
    ),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(sets)
def test_any_content_ends_in_keys_or_an_error_with_a_code(tmp_path: Path, content: Any) -> None:
    try:
        KeyStore.open(file_of(tmp_path, encrypted(json.dumps(content).encode())), PHRASE)
    except (TrustError, InputError):
        pass
