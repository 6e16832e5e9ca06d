"""Keccak-256 as Ethereum uses it: Keccak with the padding of its 2011 submission, not FIPS 202's SHA3-256.

Source: Ethereum Yellow Paper, appendix "Conventions" (KEC); Keccak reference 3.0.
"""

from __future__ import annotations

from typing import Final

from Crypto.Hash import keccak as _keccak

__all__ = ["EMPTY", "keccak256"]


def keccak256(data: bytes | bytearray | memoryview) -> bytes:
    """The 32-byte Keccak-256 digest of `data`."""
    return _keccak.new(digest_bits=256, data=data).digest()


EMPTY: Final = bytes.fromhex("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470")
"""The digest of no bytes: the code hash of an account that has no code."""
