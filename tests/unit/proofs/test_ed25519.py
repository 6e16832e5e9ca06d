"""Ed25519: what RFC 8032 signs verifies, and what only a lenient verifier takes does not."""

from __future__ import annotations

import os

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from gateway.proofs import ed25519

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P

Point = tuple[int, int]


def add(a: Point, b: Point) -> Point:
    """RFC 8032 §5.1.4, in affine coordinates."""
    product = D * a[0] * b[0] * a[1] * b[1] % P
    x = (a[0] * b[1] + a[1] * b[0]) * pow(1 + product, -1, P) % P
    y = (a[1] * b[1] + a[0] * b[0]) * pow(1 - product, -1, P) % P
    return x, y


def times(scalar: int, point: Point) -> Point:
    result: Point = (0, 1)
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point)
        scalar >>= 1
    return result


def encode(point: Point) -> bytes:
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def decode(data: bytes) -> Point:
    y = int.from_bytes(data, "little") & (2**255 - 1)
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    assert x * x % P == square, "not on the curve"
    return (x if x & 1 == data[31] >> 7 else P - x) % P, y


BASE = decode((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def small_order_points() -> list[Point]:
    """The eight points whose order divides 8: multiples of one of order 8, which L times most points is."""
    y = 2
    while True:
        try:
            generator = times(L, decode(y.to_bytes(32, "little")))
        except AssertionError:
            generator = (0, 1)
        if times(4, generator) != (0, 1):
            return [times(scalar, generator) for scalar in range(8)]
        y += 1


SMALL = small_order_points()
ENCODINGS = sorted(
    {encode(point) for point in SMALL}
    # The same y with the other sign of x, and y + p where that still fits: not canonical, read by some all the same.
    | {bytes([*encode(point)[:31], encode(point)[31] ^ 0x80]) for point in SMALL}
    | {
        ((point[1] + P) | sign << 255).to_bytes(32, "little")
        for point in SMALL
        for sign in (0, 1)
        if point[1] + P < 2**255
    }
)

RFC_8032 = [  # §7.1: secret, public, message, signature
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24"
            "655141438e7a100b"
        ),
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aee"
            "b00d291612bb0c00"
        ),
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28d"
            "c027beceea1ec40a"
        ),
    ),
]

# The cases of Chalkias, Garillot, Nikolaenko, "Taming the many EdDSAs" (2020), table 6: message, key, signature. Only
# the fourth, of mixed order and right with and without cofactor, is one that a strict verifier takes.
TAMING = [
    (
        "8c93255d71dcab10e8f379c26200f3c7bd5f09d9bc3068d3ef4edeb4853022b6",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        (
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a0000000000000000000000000000000000000000000000"
            "000000000000000000"
        ),
    ),
    (
        "9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        (
            "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43a5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb"
            "7dfc6637b45450ac04"
        ),
    ),
    (
        "aebf3f2601a0c8c5d39cc7d8911642f740b78168218da8471772b35f9d35b9ab",
        "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
        (
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa8c4bd45aecaca5b24fb97bc10ac27ac8751a7dfe1baff8"
            "b953ec9f5833ca260e"
        ),
    ),
    (
        "9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79",
        "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
        (
            "9046a64750444938de19f227bb80485e92b83fdb4b6506c160484c016cc1852f87909e14428a7a1d62e9f22f3d3ad7802db02eb2e688b6"
            "c52fcd6648a98bd009"
        ),
    ),
    (
        "e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c",
        "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
        (
            "160a1cb0dc9c0258cd0a7d23e94d8fa878bcb1925f2c64246b2dee1796bed5125ec6bc982a269b723e0668e540911a9a6a58921d6925e4"
            "34ab10aa7940551a09"
        ),
    ),
    (
        "e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c",
        "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
        (
            "21122a84e0b5fca4052f5b1235c80a537878b38f3142356b2c2384ebad4668b7e40bc836dac0f71076f9abe3a53f9c03c1ceeeddb658d0"
            "030494ace586687405"
        ),
    ),
    (
        "85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40",
        "442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623",
        (
            "e96f66be976d82e60150baecff9906684aebb1ef181f67a7189ac78ea23b6c0e547f7690a0e2ddcd04d87dbc3490dc19b3b3052f7ff053"
            "8cb68afb369ba3a514"
        ),
    ),
    (
        "85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40",
        "442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623",
        (
            "8ce5b96c8f26d0ab6c47958c9e68b937104cd36e13c33566acd2fe8d38aa19427e71f98a473474f2f13f06f97c20d58cc3f54b8bd0d272"
            "f42b695dd7e89a8c22"
        ),
    ),
    (
        "9bedc267423725d473888631ebf45988bad3db83851ee85c85e241a07d148b41",
        "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
        (
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff03be9678ac102edcd92b0210bb34d7428d12ffc5df5f37"
            "e359941266a4e35f0f"
        ),
    ),
    (
        "9bedc267423725d473888631ebf45988bad3db83851ee85c85e241a07d148b41",
        "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
        (
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffca8c5b64cd208982aa38d4936621a4775aa233aa050571"
            "1d8fdcfdaa943d4908"
        ),
    ),
    (
        "e96b7021eb39c1a163b6da4e3093dcd3f21387da4cc4572be588fafae23c155b",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        (
            "a9d55260f765261eb9b84e106f665e00b867287a761990d7135963ee0a7d59dca5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb"
            "7dfc6637b45450ac04"
        ),
    ),
    (
        "39a591f5321bbe07fd5a23dc2f39d025d74526615746727ceefd6e82ae65c06f",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        (
            "a9d55260f765261eb9b84e106f665e00b867287a761990d7135963ee0a7d59dca5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb"
            "7dfc6637b45450ac04"
        ),
    ),
]


def lenient(public: bytes, signature: bytes, message: bytes) -> bool:
    """What OpenSSL says."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


@pytest.mark.parametrize(("secret", "public", "message", "signature"), RFC_8032)
def test_signatures_of_rfc_8032(secret: str, public: str, message: str, signature: str) -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret))
    assert key.sign(bytes.fromhex(message)).hex() == signature
    assert ed25519.verify(bytes.fromhex(public), bytes.fromhex(signature), bytes.fromhex(message))
    assert not ed25519.verify(bytes.fromhex(public), bytes.fromhex(signature), bytes.fromhex(message) + b"\x00")


def test_the_edge_cases_on_which_verifiers_differ() -> None:
    cases = [
        (bytes.fromhex(key), bytes.fromhex(signature), bytes.fromhex(message)) for message, key, signature in TAMING
    ]
    assert [number for number, case in enumerate(cases) if ed25519.verify(*case)] == [3]
    assert len([case for case in cases if lenient(*case)]) > 1, "OpenSSL alone would take others"


def test_there_are_eight_points_of_small_order_and_fourteen_ways_to_write_them() -> None:
    assert len(set(SMALL)) == 8
    assert all(times(8, point) == (0, 1) for point in SMALL)
    assert len(ENCODINGS) == 14


@pytest.mark.parametrize("encoding", ENCODINGS, ids=bytes.hex)
def test_a_point_of_small_order_is_not_sound_however_it_is_written(encoding: bytes) -> None:
    assert not ed25519.sound(encoding)


def test_openssl_takes_a_signature_that_nobody_made_and_we_do_not() -> None:
    """Under the neutral element as key, R = S·B is a signature of every message."""
    neutral = encode((0, 1))
    scalar = 7
    signature = encode(times(scalar, BASE)) + scalar.to_bytes(32, "little")
    for message in (b"grant the patent", b"refuse the patent"):
        assert lenient(neutral, signature, message)
        assert not ed25519.verify(neutral, signature, message)


@pytest.mark.parametrize("y", [P, P + 2, P + 5, P + 18, 2**255 - 1])
@pytest.mark.parametrize("sign", [0, 1])
def test_a_y_beyond_the_field_is_not_sound(y: int, sign: int) -> None:
    assert not ed25519.sound((y | sign << 255).to_bytes(32, "little"))


def test_keys_that_are_made_are_sound() -> None:
    for _ in range(100):
        assert ed25519.sound(Ed25519PrivateKey.generate().public_key().public_bytes_raw())


def test_s_has_one_form() -> None:
    """S + L verifies by the equation alone: so one signature would have two forms."""
    key = Ed25519PrivateKey.generate()
    public, signature = key.public_key().public_bytes_raw(), key.sign(b"message")
    assert ed25519.verify(public, signature, b"message")
    for extra in (L, 2 * L, 2**255):
        s = int.from_bytes(signature[32:], "little") + extra
        if s < 2**256:
            assert not ed25519.verify(public, signature[:32] + s.to_bytes(32, "little"), b"message")


def test_a_key_that_is_on_no_curve_verifies_nothing() -> None:
    public = (2).to_bytes(32, "little")
    with pytest.raises(AssertionError):
        decode(public)
    assert not ed25519.verify(public, Ed25519PrivateKey.generate().sign(b""), b"")


@given(public=st.binary(max_size=40), signature=st.binary(max_size=70), message=st.binary(max_size=10))
def test_any_bytes_are_judged(public: bytes, signature: bytes, message: bytes) -> None:
    assert ed25519.verify(public, signature, message) is False
    assert ed25519.sound(public) in (True, False)


@given(bit=st.integers(0, 511), seed=st.binary(min_size=32, max_size=32))
def test_no_bit_of_a_signature_can_be_turned(bit: int, seed: bytes) -> None:
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = key.public_key().public_bytes_raw(), bytearray(key.sign(b"message"))
    signature[bit // 8] ^= 1 << bit % 8
    assert not ed25519.verify(public, bytes(signature), b"message")


def test_what_was_asked_before_changes_no_answer() -> None:
    key = Ed25519PrivateKey.generate()
    public, signature = key.public_key().public_bytes_raw(), key.sign(b"message")
    for _ in range(3):
        assert ed25519.verify(public, signature, b"message")
        assert not ed25519.verify(public, signature, b"other")
        assert not ed25519.verify(os.urandom(32), signature, b"message")
