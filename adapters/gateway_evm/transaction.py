"""Transactions, signed here: the node holds no key.

Source: EIP-155 (legacy with chain id), EIP-1559 and EIP-2718 (typed), EIP-2 (low S, which libsecp256k1 gives).
"""

from __future__ import annotations

import msgspec
from coincurve import PrivateKey

from gateway.errors import ConfigError, fault
from gateway.proofs import rlp
from gateway.proofs.keccak import keccak256

__all__ = ["Account", "Fee", "Signed", "contract_address"]

BAD_KEY = fault(
    "evm.bad-key",
    "The key is not a secp256k1 private key.",
    "Make one with `gateway keys new NAME:secp256k1` and name it as `writer`.",
)


class Fee(msgspec.Struct, frozen=True):
    """What a unit of gas may cost, in wei: `most` with `tip` of it for the block's maker, or, where `tip` is None,
    the one price of a network without base fee."""

    most: int
    tip: int | None = None


class Signed(msgspec.Struct, frozen=True):
    """A signed transaction and its hash."""

    raw: bytes
    hash: bytes


class Account:
    """A secp256k1 key and the address that it writes from."""

    def __init__(self, private: bytes) -> None:
        if len(private) != 32:  # the library would pad a shorter one
            raise ConfigError(BAD_KEY, f"{len(private)} bytes, a key has 32")
        try:
            self._key = PrivateKey(private)
        except (ValueError, TypeError) as error:
            raise ConfigError(BAD_KEY) from error
        self.address = keccak256(self._key.public_key.format(compressed=False)[1:])[12:]

    def sign(self, *, chain: int, nonce: int, fee: Fee, gas: int, to: bytes, data: bytes, value: int = 0) -> Signed:
        """The transaction, signed; `to` is empty for one that makes a contract. The same values give the same bytes."""
        number = rlp.integer_bytes
        if fee.tip is None:
            fields = [number(nonce), number(fee.most), number(gas), to, number(value), data]
            digest = keccak256(rlp.encode([*fields, number(chain), b"", b""]))
            r, s, parity = self._signature(digest)
            raw = rlp.encode([*fields, number(2 * chain + 35 + parity), r, s])
        else:
            typed: list[object] = [number(chain), number(nonce), number(fee.tip), number(fee.most), number(gas)]
            typed += [to, number(value), data, []]
            r, s, parity = self._signature(keccak256(b"\x02" + rlp.encode(typed)))
            raw = b"\x02" + rlp.encode([*typed, number(parity), r, s])
        return Signed(raw, keccak256(raw))

    def _signature(self, digest: bytes) -> tuple[bytes, bytes, int]:
        made = self._key.sign_recoverable(digest, hasher=None)
        return made[:32].lstrip(b"\x00"), made[32:64].lstrip(b"\x00"), made[64]


def contract_address(creator: bytes, nonce: int) -> bytes:
    """The address of the contract that an account's transaction with this nonce makes (Yellow Paper, section 7)."""
    return keccak256(rlp.encode([creator, rlp.integer_bytes(nonce)]))[12:]
