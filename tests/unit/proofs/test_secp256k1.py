"""Recovery of who signed: one form of a signature, and nothing but an address or a refusal."""

from __future__ import annotations

import coincurve
import pytest
from coincurve import PrivateKey
from eth_keys import keys as reference
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InputError
from gateway.proofs import secp256k1
from gateway.proofs.keccak import keccak256
from gateway.proofs.secp256k1 import ORDER, address_of, recover

KEY = PrivateKey(keccak256(b"for tests alone"))
ADDRESS = address_of(KEY.public_key.format(compressed=False))
DIGEST = keccak256(b"what was signed")
GOOD = KEY.sign_recoverable(DIGEST, hasher=None)


def word(value: int) -> bytes:
    return value.to_bytes(32, "big")


@pytest.fixture(params=["libsecp256k1", "here"], autouse=True)
def _both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test runs with libsecp256k1 and with Python's integers alone."""
    if request.param == "here":
        monkeypatch.setattr(secp256k1, "PublicKey", None)


def test_the_signer_is_recovered() -> None:
    assert recover(DIGEST, GOOD) == ADDRESS


def test_a_known_key_has_its_known_address() -> None:
    # the address of private key 1, as everyone computes it
    public = PrivateKey(word(1)).public_key.format(compressed=False)
    assert address_of(public).hex() == "7e5f4552091a69125d5dfcb7b8c2659029395bdf"


@given(seed=st.binary(min_size=1, max_size=40), digest=st.binary(min_size=32, max_size=32))
def test_another_library_finds_the_same(seed: bytes, digest: bytes) -> None:
    key = PrivateKey(keccak256(seed))
    signature = key.sign_recoverable(digest, hasher=None)
    public = reference.Signature(signature).recover_public_key_from_msg_hash(digest)
    assert recover(digest, signature) == public.to_canonical_address()


S = int.from_bytes(GOOD[32:64], "big")


@pytest.mark.parametrize(
    ("signature", "told"),
    [
        (GOOD[:32] + word(ORDER - S) + bytes([GOOD[64] ^ 1]), "upper half"),
        (GOOD[:64], "64 bytes"),
        (GOOD + b"\0", "66 bytes"),
        (b"", "0 bytes"),
        (GOOD[:64] + b"\x1b", "v is 27"),
        (GOOD[:64] + b"\x02", "v is 2"),
        (bytes(32) + GOOD[32:], "outside"),
        (GOOD[:32] + bytes(32) + GOOD[64:], "outside"),
        (word(ORDER) + GOOD[32:], "outside"),
        (GOOD[:32] + word(ORDER) + GOOD[64:], "outside"),
        (b"\xff" * 32 + GOOD[32:], "outside"),
        (word(5) + GOOD[32:], "no key"),
    ],
)
def test_only_the_one_form_is_read(signature: bytes, told: str) -> None:
    with pytest.raises(InputError, match=told) as error:
        recover(DIGEST, signature)
    assert error.value.code == "secp256k1.bad-signature"


def test_the_largest_s_of_the_lower_half_is_in_its_form() -> None:
    with pytest.raises(InputError, match="upper half"):
        recover(DIGEST, GOOD[:32] + word(ORDER // 2 + 1) + GOOD[64:])
    assert len(recover(DIGEST, GOOD[:32] + word(ORDER // 2) + GOOD[64:])) == 20


@pytest.mark.parametrize("size", [0, 20, 31, 33, 64])
def test_a_digest_has_its_size(size: int) -> None:
    with pytest.raises(InputError):
        recover(bytes(size), GOOD)


WORDS = st.integers(0, ORDER) | st.integers(0, 20) | st.just(ORDER // 2) | st.integers(ORDER - 3, ORDER)


@given(digest=st.just(bytes(32)) | st.binary(min_size=32, max_size=32), r=WORDS, s=WORDS, v=st.integers(0, 1))
def test_both_ways_agree(digest: bytes, r: int, s: int, v: int) -> None:
    signature = word(r) + word(s) + bytes([v])
    answers = []
    with pytest.MonkeyPatch.context() as patch:
        for way in (coincurve.PublicKey, None):
            patch.setattr(secp256k1, "PublicKey", way)
            try:
                answers.append(recover(digest, signature))
            except InputError as error:
                answers.append(error.detail)
    assert answers[0] == answers[1]


def test_a_signature_that_recovers_to_infinity_is_refused() -> None:
    # R = G, and s chosen so that s R − e G is nothing
    r = int.from_bytes(PrivateKey(word(1)).public_key.format()[1:], "big")
    for s in (5, 77):
        with pytest.raises(InputError, match="no key"):
            recover(word(s), word(r) + word(s) + b"\0")


@given(digest=st.binary(min_size=32, max_size=32), signature=st.binary(max_size=70))
def test_whatever_comes_is_an_address_or_refused(digest: bytes, signature: bytes) -> None:
    try:
        assert len(recover(digest, signature)) == 20
    except InputError:
        return


@given(at=st.integers(0, 64), bit=st.integers(0, 7))
def test_no_flip_recovers_to_the_signer(at: int, bit: int) -> None:
    changed = bytearray(GOOD)
    changed[at] ^= 1 << bit
    try:
        assert recover(DIGEST, bytes(changed)) != ADDRESS
    except InputError:
        return
