"""Who made a secp256k1 signature over a digest: the Ethereum address that public key recovery gives.

A signature here is 65 bytes, r ‖ s ‖ v. Every signature has a twin, (r, n − s, v ⊕ 1), that recovers to the same
address: only the one with the lower s is read, so that no second form of a sealed block exists. Nothing may be
counted by signatures all the same: a signer can make as many as it likes. Count addresses.

Recovery is libsecp256k1's where `coincurve` is installed, and else done here with Python's integers: the same answers,
a hundred times slower, good enough for a dossier. Nothing here holds a secret, so nothing need run in constant time.

Source: SEC 1, 4.1.6 (recovery); EIP-2 and BIP-146 (low s); Ethereum Yellow Paper, appendix F (addresses).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from gateway.errors import InputError, fault
from gateway.proofs.keccak import keccak256

PublicKey: Any
try:
    import coincurve

    PublicKey = coincurve.PublicKey
except ImportError:  # no wheel for this machine
    PublicKey = None

__all__ = ["ORDER", "address_of", "recover"]

BAD_SIGNATURE = fault(
    "secp256k1.bad-signature",
    "The bytes are not a recoverable signature in its one form.",
    "A signature is r ‖ s ‖ v: r and s from 1 to the group's order, s in its lower half, v 0 or 1.",
)

ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""The order of the group, n."""
_ORDER: Final = ORDER.to_bytes(32, "big")
_HALF: Final = (ORDER // 2).to_bytes(32, "big")
_ZERO: Final = bytes(32)


@lru_cache(maxsize=4096)
def address_of(public: bytes) -> bytes:
    """The 20-byte address of an uncompressed public key (65 bytes, 04 ‖ x ‖ y)."""
    return keccak256(public[1:])[12:]


def recover(digest: bytes, signature: bytes) -> bytes:
    """The 20-byte address whose key signed the 32-byte `digest`.

    Raises InputError where the signature is malformed, has the higher s, or recovers to no point of the curve.
    """
    if len(signature) != 65:
        raise InputError(BAD_SIGNATURE, f"{len(signature)} bytes, 65 belong there")
    if len(digest) != 32:
        raise InputError(BAD_SIGNATURE, f"a digest of {len(digest)} bytes, 32 belong there")
    r, s, v = signature[:32], signature[32:64], signature[64]
    if v > 1:
        raise InputError(BAD_SIGNATURE, f"v is {v}")
    if not (_ZERO < r < _ORDER and _ZERO < s < _ORDER):
        raise InputError(BAD_SIGNATURE, "r or s outside the group")
    if s > _HALF:
        raise InputError(BAD_SIGNATURE, "s in the upper half: the malleated twin of a signature")
    if PublicKey is None:
        return _recover(digest, signature)
    try:
        public = PublicKey.from_signature_and_message(signature, digest, hasher=None)
    except ValueError as error:  # libsecp256k1 finds no point
        raise InputError(BAD_SIGNATURE, "no key recovers from it") from error
    return address_of(public.format(compressed=False))


# ── The same without libsecp256k1 ────────────────────────────────────────────────────────────────────────────────

_FIELD: Final = 2**256 - 2**32 - 977
"""The prime of the field, p; the curve is y² = x³ + 7."""
_BASE: Final = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
    1,
)
_Point = tuple[int, int, int]
"""Jacobian coordinates: x/z², y/z³; z is 0 at infinity."""


def _recover(digest: bytes, signature: bytes) -> bytes:
    """`recover` of a signature whose form was checked. Source: SEC 1, 4.1.6."""
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
    square = (pow(r, 3, _FIELD) + 7) % _FIELD
    y = pow(square, (_FIELD + 1) // 4, _FIELD)
    if y * y % _FIELD != square:
        raise InputError(BAD_SIGNATURE, "no key recovers from it")
    if y & 1 != signature[64]:
        y = _FIELD - y
    inverse = pow(r, -1, ORDER)
    of_base = -int.from_bytes(digest, "big") * inverse % ORDER
    x, y, z = _sum_of_products(of_base, _BASE, s * inverse % ORDER, (r, y, 1))
    if not z:
        raise InputError(BAD_SIGNATURE, "no key recovers from it")
    unit = pow(z, -1, _FIELD)
    x, y = x * unit * unit % _FIELD, y * unit**3 % _FIELD
    return address_of(b"\x04" + x.to_bytes(32, "big") + y.to_bytes(32, "big"))


def _sum_of_products(a: int, p: _Point, b: int, q: _Point) -> _Point:
    """a p + b q, bit by bit, both at once."""
    both = _add(p, q)
    made: _Point = (0, 1, 0)
    for bit in range(max(a.bit_length(), b.bit_length()) - 1, -1, -1):
        made = _double(made)
        match (a >> bit & 1, b >> bit & 1):
            case (1, 1):
                made = _add(made, both)
            case (1, 0):
                made = _add(made, p)
            case (0, 1):
                made = _add(made, q)
    return made


def _double(p: _Point) -> _Point:
    x, y, z = p
    yy = y * y % _FIELD
    s, m = 4 * x * yy % _FIELD, 3 * x * x % _FIELD
    doubled = (m * m - 2 * s) % _FIELD
    return doubled, (m * (s - doubled) - 8 * yy * yy) % _FIELD, 2 * y * z % _FIELD


def _add(p: _Point, q: _Point) -> _Point:
    if not p[2]:
        return q
    if not q[2]:
        return p
    (x1, y1, z1), (x2, y2, z2) = p, q
    zz1, zz2 = z1 * z1 % _FIELD, z2 * z2 % _FIELD
    u1, u2 = x1 * zz2 % _FIELD, x2 * zz1 % _FIELD
    s1, s2 = y1 * zz2 * z2 % _FIELD, y2 * zz1 * z1 % _FIELD
    if u1 == u2:
        return _double(p) if s1 == s2 else (0, 1, 0)
    h, r = u2 - u1, s2 - s1
    hh = h * h % _FIELD
    hhh, v = h * hh % _FIELD, u1 * hh % _FIELD
    x = (r * r - hhh - 2 * v) % _FIELD
    return x, (r * (v - x) - s1 * hhh) % _FIELD, h * z1 * z2 % _FIELD
