"""Who made a secp256k1 signature over a digest: the Ethereum address that public key recovery gives.

A signature here is 65 bytes, r ‖ s ‖ v. Every signature has a twin, (r, n − s, v ⊕ 1), that recovers to the same
address: only the one with the lower s is read, so that no second form of a sealed block exists. Nothing may be
counted by signatures all the same: a signer can make as many as it likes. Count addresses.

Source: SEC 1, 4.1.6 (recovery); EIP-2 and BIP-146 (low s); Ethereum Yellow Paper, appendix F (addresses).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from coincurve import PublicKey

from gateway.errors import InputError, fault
from gateway.proofs.keccak import keccak256

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
    try:
        public = PublicKey.from_signature_and_message(signature, digest, hasher=None)
    except ValueError as error:  # libsecp256k1 finds no point
        raise InputError(BAD_SIGNATURE, "no key recovers from it") from error
    return address_of(public.format(compressed=False))
