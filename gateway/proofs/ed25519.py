"""Ed25519 (RFC 8032 §5.1) with the refusals that RFC 8032 leaves open.

OpenSSL, and so `cryptography`, verifies signatures under keys of small order: under such a key one signature is good
for many messages, and nobody ever held a private key. Who lists keys (a registry, a DID, a set of validators) must
refuse them, and so does `verify`: public key and R must be canonical points that are not of small order, and S < L.
That is the strict rule of Chalkias, Garillot, Nikolaenko, "Taming the many EdDSAs" (2020), without its check that a
key has no small-order component beside a large one: a holder of the private key can make such a key, a stranger cannot
use it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

__all__ = ["sound", "verify"]

_P: Final = 2**255 - 19
_L: Final = 2**252 + 27742317777372353535851937790883648493
_Y: Final = 2**255 - 1  # all bits but the sign of x
_ORDER_8: Final = int.from_bytes(
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
)
_SMALL_ORDER: Final = frozenset({0, 1, _P - 1, _ORDER_8, _P - _ORDER_8})
"""The y of the eight points whose order divides 8: of order 4, 1, 2, 8 and 8, with either sign of x."""


def sound(point: bytes) -> bool:
    """Whether 32 bytes are the one form of a point (y < 2²⁵⁵ - 19) that is not of small order.

    Said of a public key it means: fit to be listed. It does not say that the point is on the curve; no signature
    verifies under one that is not.
    """
    if len(point) != 32:
        return False
    y = int.from_bytes(point, "little") & _Y
    return y < _P and y not in _SMALL_ORDER


def verify(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether `signature` (64 bytes) is by `public` (32 bytes) over `message`. Never raises on what bytes hold."""
    if len(signature) != 64 or not sound(signature[:32]) or int.from_bytes(signature[32:], "little") >= _L:
        return False
    key = _key(public)
    if key is None:
        return False
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=4096)
def _key(public: bytes) -> Ed25519PublicKey | None:
    """The key object, made once per key: it depends on the bytes alone, so remembering it changes nothing but time."""
    if not sound(public):
        return None
    try:
        return Ed25519PublicKey.from_public_bytes(public)
    except ValueError:
        return None
